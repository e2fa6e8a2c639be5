# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import functools
import json
import typing as t

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.onprem.irsa.plugins.module_utils._host.watch import Watch
from ansible_collections.onprem.irsa.plugins.modules import control_plane_flags_host

if t.TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    file = tmp_path / "manifests" / "kube-apiserver.yaml"
    file.parent.mkdir()
    file.write_text("old\n")
    return file


@pytest.fixture(autouse=True)
def _no_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Look for processes where there are none, whatever else runs on this machine."""
    (tmp_path / "proc").mkdir()
    monkeypatch.setattr(
        control_plane_flags_host, "Watch", functools.partial(Watch, proc=tmp_path / "proc", logs=tmp_path / "logs")
    )


def run(capsys: pytest.CaptureFixture[str], manifest: Path, **arguments: object) -> tuple[int, dict[str, t.Any]]:
    given = {
        "path": str(manifest),
        "content": "new\n",
        "flags": {"a": ["1"]},
        "url": "https://127.0.0.1:1",
        "timeout": 1,
        "backup_directory": str(manifest.parent.parent / "backup"),
        **arguments,
    }
    with patch_module_args(given), pytest.raises(SystemExit) as caught:
        control_plane_flags_host.main()
    return int(caught.value.code or 0), json.loads(capsys.readouterr().out)


def test_check_mode_shows_the_change_and_touches_nothing(capsys: pytest.CaptureFixture[str], manifest: Path) -> None:
    status, result = run(capsys, manifest, _ansible_check_mode=True, _ansible_diff=True)
    assert (status, result["changed"]) == (0, True)
    assert (result["diff"]["before"], result["diff"]["after"]) == ("old\n", "new\n")
    assert manifest.read_text() == "old\n"
    assert not (manifest.parent.parent / "backup").exists()
    assert list(manifest.parent.iterdir()) == [manifest]
    assert not run(capsys, manifest, content="old\n", _ansible_check_mode=True)[1]["changed"]


def test_a_host_whose_kubelet_does_nothing_gets_its_manifest_back(
    capsys: pytest.CaptureFixture[str], manifest: Path
) -> None:
    status, result = run(capsys, manifest)
    assert status == 1
    assert manifest.read_text() == "old\n"
    assert (result["put_back"], result["recovered"]) == (True, False)
    assert result["reason"] == "the kubelet has started no process of it after 1 s."
    assert result["unavailable_seconds"] > 0


def test_bad_input_is_refused(capsys: pytest.CaptureFixture[str], manifest: Path) -> None:
    status, result = run(capsys, manifest, backup_directory=str(manifest.parent))
    assert (status, manifest.read_text()) == (1, "old\n")
    assert "must not be the manifests directory" in result["msg"]
    status, result = run(capsys, manifest, path=str(manifest) + ".none", _ansible_check_mode=True)
    assert (status, list(manifest.parent.iterdir())) == (1, [manifest])
    assert "there is no such manifest" in result["msg"]
    status, result = run(capsys, manifest, timeout=0)
    assert (status, manifest.read_text()) == (1, "old\n")
    assert result["msg"].startswith("timeout is 0. It must be 1 or more")
