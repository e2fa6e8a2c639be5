# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module with files of its own, and a systemctl that is a program."""

from __future__ import annotations

import functools
import json
import typing as t

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.onprem.irsa.plugins.module_utils._host.unit_watch import UnitWatch
from ansible_collections.onprem.irsa.plugins.modules import control_plane_edits_host

if t.TYPE_CHECKING:
    from pathlib import Path

UNIT = "kube-apiserver.service"
# Of a unit that is loaded, and whose bad setting systemd finds at the restart; it tells what it was asked for.
SYSTEMCTL = """#!/bin/sh
echo "$*" >>"$0.told"
case $1 in
  show) echo ActiveState=active; echo SubState=running; echo Job=; echo NRestarts=0; echo MainPID=0 ;;
  daemon-reload | reset-failed) ;;
  restart) echo "Failed to restart $3: Unit $3 has a bad unit file setting." >&2; exit 1 ;;
  *) echo "Unknown command verb $1." >&2; exit 1 ;;
esac
"""


@pytest.fixture
def unit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file of a unit, on a host where no process runs, whatever else runs on this machine."""
    (tmp_path / "bin").mkdir()
    systemctl = tmp_path / "bin/systemctl"
    systemctl.write_text(SYSTEMCTL)
    systemctl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    (tmp_path / "proc").mkdir()
    monkeypatch.setattr(control_plane_edits_host, "UnitWatch", functools.partial(UnitWatch, proc=tmp_path / "proc"))
    file = tmp_path / "units" / UNIT
    file.parent.mkdir()
    file.write_text("old\n")
    return file


def run(capsys: pytest.CaptureFixture[str], unit: Path, **arguments: object) -> tuple[int, dict[str, t.Any], str]:
    given = {
        "unit": UNIT,
        "edits": [{"path": str(unit), "before": "old\n", "after": "new\n", "mode": None}],
        "flags": {"a": ["1"]},
        "flags_before": {"a": ["0"]},
        "url": "https://127.0.0.1:1",
        "timeout": 1,
        "backup_directory": str(unit.parent.parent / "backup"),
        **arguments,
    }
    with patch_module_args(given), pytest.raises(SystemExit) as caught:
        control_plane_edits_host.main()
    output = capsys.readouterr().out
    return int(caught.value.code or 0), json.loads(output), output


def told(unit: Path) -> list[str]:
    file = unit.parent.parent / "bin/systemctl.told"
    return [line for line in file.read_text().splitlines() if not line.startswith("show ")] if file.exists() else []


def test_check_mode_tells_the_change_and_touches_nothing(capsys: pytest.CaptureFixture[str], unit: Path) -> None:
    status, result, output = run(capsys, unit, _ansible_check_mode=True, _ansible_diff=True)
    assert (status, result["changed"], "diff" in result) == (0, True, False)
    assert "new\\n" not in output, "texts may hold secrets"
    assert (unit.read_text(), list(unit.parent.iterdir()), told(unit)) == ("old\n", [unit], [])
    assert not (unit.parent.parent / "backup").exists()
    same = [{"path": str(unit), "before": "old\n", "after": "old\n"}]
    assert not run(capsys, unit, edits=same, _ansible_check_mode=True)[1]["changed"]
    assert not run(capsys, unit, edits=[], _ansible_check_mode=True)[1]["changed"]
    assert run(capsys, unit, edits=[], restart=True, _ansible_check_mode=True)[1]["changed"]


def test_what_systemd_refuses_is_put_back_and_said_in_its_words(capsys: pytest.CaptureFixture[str], unit: Path) -> None:
    unit.chmod(0o640)
    status, result, output = run(capsys, unit)
    assert status == 1
    assert result["reason"] == (
        f"systemd refuses it: Failed to restart {UNIT}: Unit {UNIT} has a bad unit file setting."
    )
    assert (result["put_back"], result["recovered"], result["changed"]) == (True, False, True)
    assert "new\\n" not in output
    assert "old\\n" not in output
    assert (unit.read_text(), unit.stat().st_mode & 0o777, list(unit.parent.iterdir())) == ("old\n", 0o640, [unit])
    restart = ["daemon-reload", f"reset-failed {UNIT}", f"restart --no-block {UNIT}"]
    assert told(unit) == [*restart, *restart]


def test_a_new_file_of_a_change_that_fails_is_removed(capsys: pytest.CaptureFixture[str], unit: Path) -> None:
    drop_in = unit.parent / f"{UNIT}.d" / "zz.conf"
    assert run(capsys, unit, edits=[{"path": str(drop_in), "after": "new\n", "mode": 0o644}])[0] == 1
    assert not drop_in.exists()


@pytest.mark.parametrize("check", [True, False])
def test_bad_input_is_refused(capsys: pytest.CaptureFixture[str], unit: Path, check: bool) -> None:
    there = {"_ansible_check_mode": check}
    assert run(capsys, unit, timeout=0, **there)[1]["msg"].startswith("timeout is 0. It must be 1 or more")
    unit.write_text("by hand\n")
    status, result, _output = run(capsys, unit, **there)
    assert (status, "somebody else changed it" in result["msg"]) == (1, True)
    target = unit.with_name("target")
    unit.rename(target)
    unit.symlink_to(target)
    status, result, _output = run(capsys, unit, **there)
    assert (status, "is a symbolic link" in result["msg"]) == (1, True)
    assert (target.read_text(), told(unit)) == ("by hand\n", [])


def test_a_host_without_systemd_is_told_so(
    capsys: pytest.CaptureFixture[str], unit: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (unit.parent.parent / "bin/systemctl").unlink()
    monkeypatch.setattr("ansible.module_utils.common.process.is_executable", lambda _path: False)
    status, result, _output = run(capsys, unit)
    assert (status, "systemctl" in result["msg"], unit.read_text()) == (1, True, "old\n")
