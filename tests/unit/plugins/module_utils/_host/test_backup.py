# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import typing as t

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._errors import IrsaError
from ansible_collections.onprem.irsa.plugins.module_utils._host import backup
from ansible_collections.onprem.irsa.plugins.module_utils._host.backup import Backups, holders

if t.TYPE_CHECKING:
    from pathlib import Path

LOCKS = """\
1: FLOCK  ADVISORY  WRITE 4242 fd:01:1310 0 EOF
1: -> FLOCK  ADVISORY  WRITE 4243 fd:01:1310 0 EOF
2: POSIX  ADVISORY  WRITE 4244 fd:01:1310 0 EOF
3: FLOCK  ADVISORY  READ 4245 fd:01:13101 0 EOF
"""


@pytest.fixture
def backups(tmp_path: Path) -> Backups:
    return Backups(tmp_path / "backup", tmp_path / "manifests" / "kube-apiserver.yaml")


@pytest.mark.parametrize(("inode", "pids"), [(1310, [4242]), (13101, [4245]), (10, [])])
def test_who_holds_a_lock(inode: int, pids: list[int]) -> None:
    assert holders(LOCKS, inode) == pids


@pytest.mark.parametrize("way", ["locked", "still"])
def test_a_run_that_does_not_end_is_named(way: str, backups: Backups, monkeypatch: pytest.MonkeyPatch) -> None:
    with backups.locked(0):
        (backups.directory / "locks").write_text(f"1: FLOCK ADVISORY WRITE {os.getpid()} 0:1:{inode(backups)} 0 EOF\n")
        monkeypatch.setattr(backup, "PROC", backups.directory)
        with pytest.raises(IrsaError) as caught, getattr(backups, way)(0.2):
            pass
    said = str(caught.value)
    assert said.startswith(f"{os.uname().nodename}: ")
    assert all(word in said for word in [str(backups.manifest), "within 0.2 s", "pytest", f"`ps -fp {os.getpid()}`"])


def inode(backups: Backups) -> int:
    return backups.directory.stat().st_ino


def test_where_its_process_is_not_known_the_lock_is(
    backups: Backups, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup, "PROC", tmp_path)
    with backups.locked(0), pytest.raises(IrsaError, match=f"`fuser -v {backups.directory}`"), backups.still(0):
        pass


def test_which_process_is_to_end_is_kept_with_what_it_ran(backups: Backups) -> None:
    with backups.locked(0):
        backups.keep("old", replaced_by="new", mark="boot 7 100")
        assert (backups.mark_of_replaced("new"), backups.mark_of_replaced("old")) == ("boot 7 100", None)
        backups.for_replaced("new").unlink()
        assert backups.mark_of_replaced("new") is None  # a run was killed before the text was there, too
        backups.for_replaced("new").touch()
        backups.forget()
    assert list(backups.directory.iterdir()) == []


def test_no_change_begins_while_somebody_looks(backups: Backups) -> None:
    with backups.still(0):
        assert not backups.directory.exists()
    with backups.locked(0):
        pass
    with backups.still(0), backups.still(0), pytest.raises(IrsaError, match="run the play again"), backups.locked(0):
        pass
    with backups.locked(0):
        pass


def test_a_file_keeps_its_attributes_but_for_the_sums_of_what_it_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    label = b"system_u:object_r:systemd_unit_file_t:s0"
    there = {"security.selinux": label, "security.ima": b"sum", "security.evm": b"sum", "trusted.kernel": b"1"}
    given: dict[str, bytes] = {}

    def set_it(_descriptor: int, name: str, value: bytes) -> None:
        if name.startswith("trusted."):
            raise PermissionError(1, "Operation not permitted")
        given[name] = value

    monkeypatch.setattr(os, "listxattr", lambda _file: [*there])
    monkeypatch.setattr(os, "getxattr", lambda _file, name: there[name])
    monkeypatch.setattr(os, "setxattr", set_it)
    file = tmp_path / "a.service"
    file.write_text("old")
    backup.write_text(file, "new", mode=0o600, like=file)
    assert (file.read_text(), given) == ("new", {"security.selinux": label})
