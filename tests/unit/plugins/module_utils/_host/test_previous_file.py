# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Disks that fill up, or let nobody write, while a manifest is changed."""

from __future__ import annotations

import errno
import os
import typing as t
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError, IrsaError
from ansible_collections.onprem.irsa.plugins.module_utils._host.previous_file import PreviousFile, require_space
from ansible_collections.onprem.irsa.plugins.module_utils._host.swap import apply
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._host.conftest import watch_of
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._host.test_swap import (
    OLD,
    backups,
    change,
    forerun,
    killed,
    manifests,
    running,
)

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._host.fake_kubelet import FakeKubelet

pytestmark = pytest.mark.slow

Refuse = t.Callable[[int, t.Callable[[], bool]], None]


def denied(number: int, path: object) -> OSError:
    return OSError(number, os.strerror(number), str(path))


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch, kubelet: FakeKubelet) -> Refuse:
    """Return what makes the host's disk refuse new files, as a full one does, while a condition holds."""

    def refuse(number: int, when: t.Callable[[], bool]) -> None:
        there, full_ones = os.open, (kubelet.manifest.parent, kubelet.root / "backup")

        def opened(path: str | Path, flags: int, *arguments: int) -> int:
            if flags & os.O_CREAT and Path(path).parent in full_ones and when():
                raise denied(number, path)
            return there(path, flags, *arguments)

        monkeypatch.setattr(os, "open", opened)

    return refuse


@pytest.fixture
def read_only(monkeypatch: pytest.MonkeyPatch, full: Refuse) -> t.Callable[[t.Callable[[], bool]], None]:
    """Return what makes the host's disk refuse renames, too, as one does that the kernel has turned read-only."""

    def refuse(when: t.Callable[[], bool]) -> None:
        there = Path.replace

        def renamed(file: Path, target: Path) -> Path:
            if when():
                raise denied(errno.EROFS, target)
            return there(file, target)

        full(errno.EROFS, when)
        monkeypatch.setattr(Path, "replace", renamed)

    return refuse


def is_new(kubelet: FakeKubelet) -> t.Callable[[], bool]:
    """Return whether another manifest than the old one stands there."""
    return lambda: kubelet.manifest.read_text() != kubelet.content(OLD)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("how", [change, forerun])
def test_the_way_back_needs_no_space(
    kubelet: FakeKubelet, full: Refuse, number: int, how: t.Callable[..., t.Any]
) -> None:
    full(number, is_new(kubelet))
    outcome = apply(how(kubelet, OLD, "--refused=true"), watch_of(kubelet))
    assert (outcome.put_back, outcome.put_back_failure) == (True, None)
    assert kubelet.manifest.read_text() == kubelet.content(OLD)
    assert kubelet.manifest.stat().st_mode & 0o777 == 0o600
    assert running(kubelet) == kubelet.flags(OLD)
    assert (manifests(kubelet), backups(kubelet)) == ([kubelet.manifest], [])


def test_a_disk_that_fills_up_does_not_stop_a_change_that_works(kubelet: FakeKubelet, full: Refuse) -> None:
    kubelet.retry = 30.0
    full(errno.ENOSPC, is_new(kubelet))
    wanted = forerun(kubelet, "--issuer=new")
    outcome = apply(replace(wanted, timeout=60), watch_of(kubelet))
    assert (outcome.failure, kubelet.manifest.read_text()) == (None, wanted.forerunner)
    assert manifests(kubelet) == [kubelet.manifest]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EIO])
def test_what_the_disk_refuses_before_the_change_leaves_everything_as_it_is(
    kubelet: FakeKubelet, full: Refuse, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    full(number, lambda: True)
    with pytest.raises(IrsaError, match="run the play again") as caught:
        apply(change(kubelet, "--issuer=new"), watch_of(kubelet))
    words = [os.strerror(number), f"{kubelet.manifest} is as it was", "is ready", f"`df -h {kubelet.manifest.parent} "]
    assert all(word in str(caught.value) for word in words), caught.value
    assert (manifests(kubelet), backups(kubelet)) == ([kubelet.manifest], [])
    assert kubelet.manifest.read_text() == kubelet.content(OLD)


def test_where_no_way_leads_back_the_next_command_is_named(
    kubelet: FakeKubelet, read_only: t.Callable[[t.Callable[[], bool]], None]
) -> None:
    read_only(is_new(kubelet))
    with pytest.raises(IrsaError) as caught:
        apply(change(kubelet, OLD, "--refused=true"), watch_of(kubelet))
    back = PreviousFile(kubelet.manifest).file
    words = [
        "Read-only file system",
        f"The new {kubelet.manifest} is there",
        f"{kubelet.component} gives no answer",
        f"`mv {back} {kubelet.manifest}`",
    ]
    assert all(word in str(caught.value) for word in words), caught.value
    assert back.read_text() == kubelet.content(OLD)


def test_too_little_space_is_seen_before_anything_is_touched(
    kubelet: FakeKubelet, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = os.statvfs(kubelet.root)
    for changes in ({"f_bavail": 1}, {"f_favail": 1, "f_files": 9}):
        fields = {name: getattr(system, name) for name in ("f_frsize", "f_bavail", "f_files", "f_favail")}
        short = type("Short", (), {**fields, **changes})
        monkeypatch.setattr(os, "statvfs", lambda _directory, short=short: short)
        with pytest.raises(IrsaError, match=r"nothing was touched\. Free space"):
            apply(change(kubelet, "--issuer=new"), watch_of(kubelet))
        assert (manifests(kubelet), backups(kubelet)) == ([kubelet.manifest], [])


def test_space_is_asked_for_what_is_written_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system without a number of inodes of its own, as btrfs is, has room for any."""
    system = type("Small", (), {"f_frsize": 1024, "f_bavail": 8, "f_files": 0, "f_favail": 0})
    monkeypatch.setattr(os, "statvfs", lambda _directory: system)
    require_space([(tmp_path, "a" * 1500), (tmp_path, "b" * 1500)])
    with pytest.raises(IrsaError, match="8 KiB"):
        require_space([(tmp_path, "a" * 1500), (tmp_path, "b" * 2500)])


@pytest.mark.parametrize("left", ["nothing", "another", "the same"])
def test_a_killed_run_is_put_back_whatever_it_left(kubelet: FakeKubelet, left: str) -> None:
    killed(kubelet, "--refused=true")
    back = PreviousFile(kubelet.manifest).file
    if left == "nothing":
        back.unlink()
    elif left == "another":
        back.write_text("of an earlier run")
    kubelet.frozen = False
    outcome = apply(change(kubelet, "--refused=true"), watch_of(kubelet))
    assert (outcome.put_back, outcome.put_back_failure) == (True, None)
    assert kubelet.manifest.read_text() == kubelet.content(OLD)
    assert manifests(kubelet) == [kubelet.manifest]


@pytest.mark.parametrize("target", ["../source.yaml", "../gone.yaml"])
def test_a_manifest_that_is_a_link_is_left_to_what_keeps_its_target(kubelet: FakeKubelet, target: str) -> None:
    kubelet.freeze()
    source = kubelet.root / "source.yaml"
    kubelet.manifest.rename(source)
    kubelet.manifest.symlink_to(target)
    with pytest.raises(InputError, match=f"is a symbolic link to {target}"):
        apply(change(kubelet, "--issuer=new"), watch_of(kubelet))
    assert kubelet.manifest.is_symlink()
    assert source.read_text() == kubelet.content(OLD)


def test_a_manifests_directory_that_is_a_link_is_one_like_any_other(kubelet: FakeKubelet) -> None:
    link = kubelet.root / "link"
    link.symlink_to(kubelet.manifest.parent)
    wanted = change(kubelet, "--issuer=new")
    wanted = replace(wanted, backups=replace(wanted.backups, manifest=link / kubelet.manifest.name))
    assert apply(wanted, watch_of(kubelet)).failure is None
    assert manifests(kubelet) == [kubelet.manifest]
    with pytest.raises(InputError, match="must not be the manifests directory"):
        apply(replace(wanted, backups=replace(wanted.backups, directory=kubelet.manifest.parent)), watch_of(kubelet))
