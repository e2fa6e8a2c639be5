# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module as far as it asks no API server; C(tests/api_server) runs all of it on real ones."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.onprem.irsa.plugins.modules import talos_flags

from ..fake_api_server import kubeconfig
from ..fake_talosctl import FakeNode, program
from ..module_utils._distributions.test_talos import OLD_STYLE, V12, V13, A, B, extra

if t.TYPE_CHECKING:
    from pathlib import Path

Json = dict[str, t.Any]
ISSUER: t.Final = "service-account-issuer"
URL: t.Final = "https://10.0.0.1:6443"
OPTIONS: t.Final[Json] = {"node": "10.0.0.1", "server": URL, "servers": [URL], "flags": {ISSUER: [B, A]}}


@pytest.fixture
def nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the directory of nodes of a talosctl that is on the path."""
    monkeypatch.setenv("PATH", f"{program(tmp_path, tmp_path / 'nodes').parent}:/usr/bin:/bin")
    return tmp_path / "nodes"


def run(capsys: pytest.CaptureFixture[str], **options: object) -> Json:
    checking = {"_ansible_check_mode": True, "_ansible_diff": True}
    with patch_module_args({"kubeconfig": kubeconfig(URL), **OPTIONS, **checking, **options}):
        with pytest.raises(SystemExit):
            talos_flags.main()
        result: Json = json.loads(capsys.readouterr().out)
    assert "abc.def" not in json.dumps(result), "secrets of the configuration are shown to nobody"
    return result


def test_a_check_changes_nothing_and_shows_the_lines(nodes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    node = FakeNode.made(nodes / "10.0.0.1", V13, extra(f"            {ISSUER}: {B} # as made\n"))
    before = node.configuration()
    result = run(capsys)
    assert (result["changed"], result["before"], result["after"]) == (True, {ISSUER: [B]}, {ISSUER: [B, A]})
    assert result["diff"]["before"] == f"            {ISSUER}: {B} # as made\n"
    assert A in result["diff"]["after"]
    assert [node.configuration(name) for name in ("v1alpha1", "persistent")] == [before] * 2
    assert not run(capsys, flags={ISSUER: [B]})["changed"]


def test_what_a_node_refuses_is_said(nodes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    FakeNode.made(nodes / "10.0.0.1", V12, OLD_STYLE)
    assert "Talos v1.12.4" in run(capsys)["msg"]
    result = run(capsys, node="10.0.0.9")
    assert (
        "`talosctl --nodes=10.0.0.9 get machineconfig v1alpha1 --output=jsonpath={.spec}` ends with 1" in result["msg"]
    )
    assert "Unavailable" in result["msg"]
    FakeNode.made(nodes / "10.0.0.2", V13, OLD_STYLE)
    result = run(capsys, node="10.0.0.2", flags={ISSUER: [B, A], "etcd-servers": ["http://127.0.0.1"]})
    assert "'etcd-servers' is not allowed" in result["msg"]


def test_without_talosctl_the_way_out_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    result = run(capsys)
    assert "no program talosctl in its PATH. Install it, or set irsa_apiserver_flags to show" in result["msg"]
