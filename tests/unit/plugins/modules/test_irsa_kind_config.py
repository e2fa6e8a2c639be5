# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import typing as t

import pytest
import yaml
from ansible.module_utils.testing import patch_module_args

from ansible_collections.onprem.irsa.plugins.modules import irsa_kind_config

if t.TYPE_CHECKING:
    from pathlib import Path

ISSUER = "https://oidc.example.com"
OWN = "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nname: mine\n"

Result = dict[str, t.Any]


class Run(t.Protocol):
    def __call__(self, **options: object) -> Result: ...


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    def call(**options: object) -> Result:
        given = {"issuer": ISSUER, "dest": str(tmp_path / "kind.yml"), **options}
        with patch_module_args(given), pytest.raises(SystemExit):
            irsa_kind_config.main()
        return t.cast("Result", json.loads(capsys.readouterr().out))

    return call


def test_check_apply_and_again(run: Run, tmp_path: Path) -> None:
    checked = run(_ansible_check_mode=True, _ansible_diff=True)
    assert checked["changed"]
    assert list(tmp_path.iterdir()) == []
    applied = run(_ansible_diff=True)
    assert applied == checked
    assert applied["issuers"] == [ISSUER, "https://kubernetes.default.svc.cluster.local"]
    assert (tmp_path / "kind.yml").read_text() == applied["config"]
    assert applied["patch_path"] == str(tmp_path / "kind.kube-apiserver.yaml")
    assert [diff["after"] for diff in applied["diff"]] == [
        (tmp_path / "kind.kube-apiserver.yaml").read_text(),
        applied["config"],
    ]
    for check in (True, False):
        again = run(_ansible_check_mode=check)
        assert (again["changed"], again["diff"]) == (False, [])


def test_the_patch_alone_is_written_again(run: Run, tmp_path: Path) -> None:
    patch = (run(), tmp_path / "kind.kube-apiserver.yaml")[1]
    text = patch.read_text()
    patch.write_text("")
    done = run()
    assert [diff["before_header"] for diff in done["diff"]] == [str(patch)]
    assert patch.read_text() == text


def test_a_configuration_of_the_users(run: Run, tmp_path: Path) -> None:
    src = tmp_path / "own.yml"
    src.write_text(OWN)
    done = run(src=str(src))
    assert yaml.safe_load(done["config"])["name"] == "mine"
    assert src.read_text() == OWN
    assert not run(src=str(tmp_path / "kind.yml"))["changed"]


def test_the_mount_names_an_absolute_path(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    mount = yaml.safe_load(run(dest="other.yml")["config"])["nodes"][0]["extraMounts"][0]
    assert mount["hostPath"] == str(tmp_path / "other.kube-apiserver.yaml")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"issuer": "http://oidc.example.com"}, "http://oidc.example.com"),
        ({"src": "/nowhere/kind.yml"}, "There is nothing in /nowhere/kind.yml"),
        ({"src": "/"}, "/ cannot be read"),
        ({"dest": "/nowhere/kind.yml"}, "There is no directory /nowhere"),
    ],
)
def test_refuses(run: Run, options: dict[str, str], says: str, tmp_path: Path) -> None:
    failed = run(**options)
    assert failed["failed"]
    assert says in failed["msg"]
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_read_is_not_replaced(run: Run, tmp_path: Path) -> None:
    (tmp_path / "kind.yml").write_bytes(b"\xff")
    assert "cannot be read" in run()["msg"]
    assert (tmp_path / "kind.yml").read_bytes() == b"\xff"
    assert not (tmp_path / "kind.kube-apiserver.yaml").exists()
