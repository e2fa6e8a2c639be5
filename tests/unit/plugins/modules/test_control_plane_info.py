# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import functools
import json
import threading
from typing import TYPE_CHECKING

import pytest
import yaml
from ansible.module_utils.testing import patch_module_args

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.observation import described
from ansible_collections.onprem.irsa.plugins.module_utils._host.backup import Backups
from ansible_collections.onprem.irsa.plugins.module_utils._host.observe import Host
from ansible_collections.onprem.irsa.plugins.modules import control_plane_flags, control_plane_info

if TYPE_CHECKING:
    from pathlib import Path


def test_a_host_without_a_control_plane(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(control_plane_info, "Host", functools.partial(Host, proc=tmp_path))
    with patch_module_args({"manifests_directory": str(tmp_path)}), pytest.raises(SystemExit) as caught:
        control_plane_info.main()
    result = json.loads(capsys.readouterr().out)
    assert (caught.value.code, result["changed"], result["distribution"]) == (0, False, "unknown")
    documented = set(yaml.safe_load(control_plane_info.RETURN)) - {"host", "seen_at"}  # of the action
    returned = set(described(result, now=0)) - {"changed", "invocation"}
    assert returned == documented


@pytest.mark.parametrize("waits", [20, 0])
def test_what_another_run_leaves_there(
    waits: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(control_plane_info, "Host", functools.partial(Host, proc=tmp_path))
    manifest = tmp_path / "manifests/kube-apiserver.yaml"
    manifest.parent.mkdir()
    manifest.write_text("kube-apiserver: forerunner")
    held, looked = threading.Event(), threading.Event()

    def change() -> None:
        with Backups(tmp_path / "backup", manifest).locked(0):
            held.set()
            looked.wait(0.5)
            manifest.write_text("kube-apiserver: wanted")

    other = threading.Thread(target=change)
    other.start()
    held.wait()
    arguments = {"manifests_directory": str(manifest.parent), "backup_directory": str(tmp_path / "backup")}
    with patch_module_args({**arguments, "change_timeout": waits}), pytest.raises(SystemExit):
        control_plane_info.main()
    looked.set()
    other.join()
    seen = json.loads(capsys.readouterr().out)["manifests"]
    assert seen == {str(manifest): f"kube-apiserver: {'wanted' if waits else 'forerunner'}"}


def test_flags_are_planned_on_the_controller_alone(capsys: pytest.CaptureFixture[str]) -> None:
    with patch_module_args({"flags": {}}), pytest.raises(SystemExit) as caught:
        control_plane_flags.main()
    assert caught.value.code == 1
    assert "plans on the controller" in json.loads(capsys.readouterr().out)["msg"]
