# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os
import shutil
import subprocess
import typing as t

import pytest
import yaml

from ansible_collections.onprem.irsa.plugins.module_utils._host.kubeadm import KubeadmHost, look
from ansible_collections.onprem.irsa.plugins.modules import control_plane_info

if t.TYPE_CHECKING:
    from pathlib import Path

CLUSTER = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nclusterName: 12e4\n"
INIT = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\ncertificateKey: secret\n"


def run(command: list[str]) -> tuple[int, str, str]:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 -- written by the test
    return done.returncode, done.stdout, done.stderr


def looked(root: Path) -> dict[str, t.Any]:
    found = look(KubeadmHost(root, root / "patches", shutil.which("kubeadm"), run))
    assert "secret" not in json.dumps(found)
    return found


def test_a_host_without_any(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = looked(tmp_path)
    assert found.keys() == yaml.safe_load(control_plane_info.RETURN)["kubeadm"]["contains"].keys()
    assert (found["configuration"], found["patches"], found["obstacle"]) == (None, {}, "")
    assert found["patches_directories"] == [str(tmp_path / "patches")]


def test_the_version_of_kubeadm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "kubeadm"
    program.write_text('#!/bin/sh\n[ "$*" = "version --output=short" ] && echo v1.33.6\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert looked(tmp_path)["version"] == "v1.33.6"
    program.write_text("#!/bin/sh\nexit 1\n")
    assert looked(tmp_path)["version"] is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{INIT}---\n{CLUSTER}", CLUSTER),
        (f"---\n{CLUSTER}--- # next\n{INIT}", CLUSTER),
        (INIT, ""),
        ("nothing: here\n", None),
    ],
)
def test_what_kubespray_keeps_there(text: str, expected: str | None, tmp_path: Path) -> None:
    (tmp_path / "kubeadm-config.yaml").write_text(text)
    assert looked(tmp_path)["configuration"] == expected


@pytest.mark.parametrize(
    "stands",
    [
        "patches:\n  directory: DIR\n",
        "patches: {directory: 'DIR'}\n",
        'node:\n  patches:\n    directory: "DIR" # by hand\n',
        '{"patches": {"directory": "DIR"}}',
    ],
)
def test_patches_in_directories_that_a_configuration_names(stands: str, tmp_path: Path) -> None:
    named = tmp_path / "named"
    named.mkdir()
    for name in ["kube-apiserver5+json.yaml", "kube-apiserver.json", "kube-apiserver.yml", "kube-scheduler.yaml"]:
        (named / name).write_text(name)
    (named / "below").mkdir()
    (named / "below" / "kube-apiserver+merge.yaml").write_text("below/kube-apiserver+merge.yaml")
    (tmp_path / "upgrade.conf").write_text(f"{INIT}---\n{stands.replace('DIR', str(named))}")
    found = looked(tmp_path)
    assert found["patches_directories"] == [str(tmp_path / "patches"), str(named)]
    assert found["named_directories"] == [str(named)]
    read = ["below/kube-apiserver+merge.yaml", "kube-apiserver.json", "kube-apiserver5+json.yaml"]
    assert found["patches"] == {str(named / name): name for name in read}


@pytest.mark.parametrize("stands", ["# directory: /old", "patches: # was {directory: /old}", "x: y\t# directory: /old"])
def test_a_comment_names_no_directory(stands: str, tmp_path: Path) -> None:
    (tmp_path / "kubeadm.yaml").write_text(f"{INIT}{stands}\n")
    assert looked(tmp_path)["named_directories"] == []


def test_a_large_file_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "dump").write_text(f"{INIT}patches: {{directory: /old}}\n" + "#" * (1 << 20))
    assert looked(tmp_path)["named_directories"] == []


def test_a_link_is_no_directory_to_kubeadm(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "patches").symlink_to("elsewhere")
    assert looked(tmp_path)["obstacle"].startswith(f"{tmp_path}/patches is a symbolic link")


def test_why_a_directory_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "patches").write_text("a file")
    assert looked(tmp_path)["obstacle"] == f"{tmp_path}/patches is no directory"
    (tmp_path / "patches").unlink()
    monkeypatch.setattr(os, "access", lambda *_arguments: False)
    assert looked(tmp_path)["obstacle"] == f"{tmp_path} can't be written to"
