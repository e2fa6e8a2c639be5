# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import shutil
import subprocess
import typing as t
from dataclasses import replace

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.service import seen_by
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.room import Process
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.systemd import SYSTEMD, UNIT
from ansible_collections.onprem.irsa.plugins.module_utils._host.gather import (
    Place,
    as_plain,
    found_processes,
    gather,
    own_units,
)
from ansible_collections.onprem.irsa.plugins.module_utils._host.processes import find, unit_of
from ansible_collections.onprem.irsa.plugins.module_utils._host.systemd import State, Systemd, of_host
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._host.test_processes import fake, host

if t.TYPE_CHECKING:
    from pathlib import Path

PROGRAM = "/bin/kube-apiserver"
IN_UNIT = f"system.slice/{UNIT}"
ACTIVE = {
    "ActiveState": "active",
    "SubState": "running",
    "InvocationID": "0123",
    "NRestarts": "2",
    "Job": "",
    "MainPID": "9",
}


def systemctl(root: Path, **properties: str) -> Systemd:
    """Return a systemd that answers what is asked for, as systemctl does."""

    def run(command: list[str]) -> tuple[int, str, str]:
        _program, verb, what, *_unit = command
        assert verb == "show", command
        known = {**ACTIVE, "UnitPath": "/etc/systemd/system /usr/lib/systemd/system", **properties}
        return 0, "".join(f"{name}={known[name]}\n" for name in what.partition("=")[2].split(",")), ""

    return Systemd(run, "/usr/bin/systemctl", root=root)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return a host with a unit, a drop-in and a file with variables, whose process has another user."""
    files = {
        f"etc/systemd/system/{UNIT}": f"[Service]\nEnvironmentFile=-/etc/kube/*.env\nExecStart={PROGRAM} $MORE\n",
        f"usr/lib/systemd/system/{UNIT}.d/10.conf": "[Service]\nUser=kube\n",
        "etc/kube/api.env": "MORE=--v=2\n",
        "etc/kube/.hidden.env": "MORE=--v=3\n",
        "etc/systemd/system/other.service": "[Service]\nExecStart=/bin/other\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "proc").mkdir()
    host(tmp_path / "proc")
    process(tmp_path, 9)
    return Place(systemctl(tmp_path), tmp_path / "proc", tmp_path)


def process(root: Path, pid: int, *, cgroup: str = IN_UNIT, parent: int = 1, users: str = "998 998 998 998") -> None:
    fake(root / "proc", pid, ["/bin/kube-apiserver", "--v=2"], ticks=pid, users=users, cgroup=cgroup)
    with (root / "proc" / str(pid) / "status").open("a") as status:
        status.write(f"PPid:\t{parent}\n")


def test_a_unit_with_all_its_files_is_seen(place: Place) -> None:
    seen = gather(place, found_processes(place))
    assert [file.path for file in seen.units[UNIT]] == [
        f"/etc/systemd/system/{UNIT}",
        f"/usr/lib/systemd/system/{UNIT}.d/10.conf",
    ]
    assert seen.files["/etc/kube/api.env"] == "MORE=--v=2\n"
    assert "/etc/kube/.hidden.env" not in seen.files
    assert seen.processes == (Process(("/bin/kube-apiserver", "--v=2"), 998, UNIT),)
    assert SYSTEMD.command(seen).arguments == ["/bin/kube-apiserver", "--v=2"]
    assert SYSTEMD.places(seen).component_user == "kube"
    again = seen_by({"seen": json.loads(json.dumps(as_plain(place, seen))), "version": "v1.34.4"})
    assert again == replace(seen, version="v1.34.4")


def test_what_is_no_text_is_not_absent(place: Place) -> None:
    (place.root / "etc/kube/api.env").write_bytes(b"\xff")
    seen = gather(place, found_processes(place))
    assert seen.unreadable == {"/etc/kube/api.env": "is not UTF-8 text"}


@pytest.mark.parametrize("what", ["a directory", "a link to itself", "too large"])
def test_what_cannot_be_read_is_not_absent(place: Place, what: str) -> None:
    file = place.root / "etc/kube/api.env"
    file.unlink()
    if what == "a directory":
        file.mkdir()
    elif what == "a link to itself":
        file.symlink_to(file)
    else:
        file.write_text("#" * (1 << 20) + "\n")
    assert "/etc/kube/api.env" in gather(place, found_processes(place)).unreadable


def test_a_link_is_told(place: Place) -> None:
    file = place.root / "etc/kube/api.env"
    file.rename(place.root / "target")
    file.symlink_to(place.root / "target")
    seen = gather(place, found_processes(place))
    assert seen.files["/etc/kube/api.env"] == "MORE=--v=2\n"
    assert as_plain(place, seen)["links"] == {"/etc/kube/api.env": str(place.root / "target")}


def test_another_component_is_found_in_its_unit(place: Place) -> None:
    process(place.root, 11, cgroup="system.slice/kcm.service")
    (place.root / "proc/11/cmdline").write_bytes(b"/bin/kube-controller-manager\0")
    (place.root / "proc/9/cmdline").write_bytes(b"sh\0")
    elsewhere = replace(place, systemd=systemctl(place.root, MainPID="11"))
    found = found_processes(elsewhere, "kube-controller-manager")
    assert own_units(elsewhere, found) == ("kcm.service",)
    assert found_processes(elsewhere) == []


def test_a_unit_without_a_main_process_owns_nothing(place: Place) -> None:
    process(place.root, 12, parent=0)
    (place.root / "proc/9/cmdline").write_bytes(b"sh\0")
    elsewhere = replace(place, systemd=systemctl(place.root, MainPID="0"))
    assert own_units(elsewhere, found_processes(elsewhere)) == ()


def test_a_masked_drop_in_says_nothing(place: Place) -> None:
    (place.root / f"etc/systemd/system/{UNIT}.d").mkdir()
    (place.root / f"etc/systemd/system/{UNIT}.d/10.conf").symlink_to("/dev/null")
    seen = gather(place, found_processes(place))
    assert [(file.path.rpartition("/")[2], file.text) for file in seen.units[UNIT]][1:] == [("10.conf", "")]


def test_a_host_without_systemd_shows_no_units(place: Place) -> None:
    bare = replace(place, systemd=Systemd(lambda _command: (1, "", ""), ""))
    assert gather(bare, found_processes(bare)).units == {}
    assert own_units(bare, found_processes(bare)) == ()


@pytest.mark.parametrize(
    ("pid", "parent", "own"),
    [(9, 1, (UNIT,)), (10, 9, (UNIT,)), (10, 8, ())],
    ids=["the main process", "a child of it", "whatever else"],
)
def test_processes_of_other_users_count_as_what_the_unit_has_started(
    place: Place, pid: int, parent: int, own: tuple[str, ...]
) -> None:
    (place.root / "proc/9/status").write_text("Uid:\t998\nPPid:\t1\n")
    if pid != 9:
        (place.root / "proc/9/cmdline").write_bytes(b"k0s\0controller\0" if own else b"sh\0")
        process(place.root, pid, parent=parent)
    units = own_units(place, found_processes(place))
    assert units == own
    found = find("kube-apiserver", place.proc, units=units)
    assert (found.pid if found else None) == (pid if own else None)


@pytest.mark.parametrize(
    ("cgroup", "unit"),
    [
        (IN_UNIT, UNIT),
        (f"kube.slice/{UNIT}/payload", UNIT),
        ("user.slice/user-1000.slice/user@1000.service/app.slice/a.service", ""),
        ("kubepods.slice/kubepods-pod1.slice/cri-containerd-2.scope", ""),
        ("init.scope", ""),
    ],
)
def test_the_unit_of_a_process(tmp_path: Path, cgroup: str, unit: str) -> None:
    host(tmp_path)
    fake(tmp_path, 7, ["a"], cgroup=cgroup)
    assert unit_of(tmp_path / "7") == unit
    (tmp_path / "7/cgroup").write_text(f"12:cpu:/\n1:name=systemd:/{cgroup}\n0::/\n")
    assert unit_of(tmp_path / "7") == unit
    assert unit_of(tmp_path / "8") == ""


def test_where_a_service_stands(tmp_path: Path) -> None:
    assert systemctl(tmp_path, Job="17 /job").state("a.service") == State(
        active="active",
        sub="running",
        invocation="0123",
        restarts=2,
        job=True,
        main_pid=9,
    )


def test_what_systemd_refuses_is_said_by_its_first_line() -> None:
    told: list[list[str]] = []

    def run(command: list[str]) -> tuple[int, str, str]:
        told.append(command[1:])
        return 1, "", "Failed to restart a.service: Unit a.service not found.\nMore.\n"

    assert "not found" in Systemd(run, "systemctl").restart("a.service")
    assert told == [["reset-failed", "a.service"], ["restart", "--no-block", "a.service"]]


def test_a_command_that_hangs_is_ended(tmp_path: Path) -> None:
    """With the real timeout(1), whose times are made shorter."""

    def run(command: list[str]) -> tuple[int, str, str]:
        timeout, kill_after, _seconds, *told = command
        quick = [timeout, kill_after, "0.1", *told]
        ended = subprocess.run(quick, capture_output=True, text=True, check=False)  # noqa: S603 -- the script below
        return ended.returncode, ended.stdout, ended.stderr

    hanging = tmp_path / "systemctl"
    hanging.write_text("#!/bin/sh\nexec sleep 60\n")
    hanging.chmod(0o755)
    systemd = of_host(run, {"systemctl": str(hanging), "timeout": shutil.which("timeout")}.get)
    assert systemd.reload() == "`systemctl daemon-reload` has not ended within 200 s"
    assert systemd.state("a.service").active == ""


def test_the_last_lines_of_a_unit_whose_process_the_journal_does_not_know() -> None:
    def run(command: list[str]) -> tuple[int, str, str]:
        assert "--since=@12" in command
        return (0, "-- No entries --\n", "") if command[-1].startswith("_SYSTEMD_UNIT") else (0, "E1\n\nE2\n", "")

    assert Systemd(run, "systemctl", "journalctl").last_lines("a.service", 12.7) == ["E1", "E2"]
    assert Systemd(run, "systemctl").last_lines("a.service", 12.7) == []
