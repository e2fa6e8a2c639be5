# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of a service that change, with real processes and a systemd that refuses what the real one refuses."""

from __future__ import annotations

import json
import os
import time
import typing as t
import uuid
from dataclasses import replace

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._distributions.room import Edit
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError, IrsaError
from ansible_collections.onprem.irsa.plugins.module_utils._host import backup, edits
from ansible_collections.onprem.irsa.plugins.module_utils._host.api import Api
from ansible_collections.onprem.irsa.plugins.module_utils._host.edits import Change, Outcome, apply, reported_outcome
from ansible_collections.onprem.irsa.plugins.module_utils._host.previous_file import PreviousFile
from ansible_collections.onprem.irsa.plugins.module_utils._host.processes import find
from ansible_collections.onprem.irsa.plugins.module_utils._host.record import Records
from ansible_collections.onprem.irsa.plugins.module_utils._host.unit_watch import UnitWatch
from ansible_collections.onprem.irsa.plugins.module_utils._host.watch import Failure
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._host.fake_systemd import FakeSystemd

if t.TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

OLD = "--issuer=old"


@pytest.fixture
def host(tmp_path: Path, certificate: Path) -> t.Iterator[FakeSystemd]:
    """Return a host whose unit runs, and whose server is ready."""
    fake = FakeSystemd(tmp_path, f"kube-apiserver-{uuid.uuid4().hex[:8]}", certificate)
    fake.path.write_text(fake.content(OLD))
    fake.path.chmod(0o640)
    fake.variables.write_text("MORE=--v=2\n")
    fake.start()
    try:
        until(watch_of(fake).api.ready)
        yield fake
    finally:
        fake.stop()


def until(holds: t.Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def watch_of(fake: FakeSystemd) -> UnitWatch:
    return UnitWatch(fake.component, fake.unit, Api(fake.url), fake.systemd(), interval=0.05)


def change(fake: FakeSystemd, *arguments: str, variables: str = "", timeout: float = 20) -> Change:
    """Return a change of the unit to these arguments, and of the file with variables."""
    before, now = {fake.path: fake.path.read_text(), fake.variables: fake.variables.read_text()}, fake.flags()
    new = {fake.path: fake.content(*arguments) if arguments else before[fake.path]}
    new |= {fake.variables: variables} if variables else {}
    made = tuple(Edit(str(path), before[path], text) for path, text in new.items() if text != before[path])
    for path, text in new.items():
        path.write_text(text)
    flags = fake.flags()
    for path in new:
        path.write_text(before[path])
    return Change(Records(fake.root / "backup", "kube-apiserver"), made, flags, now, timeout)


def nothing(fake: FakeSystemd) -> Change:
    """Return what ends a change that was cut off."""
    return Change(Records(fake.root / "backup", "kube-apiserver"), (), fake.flags(), fake.flags(), 20)


def running(fake: FakeSystemd) -> dict[str, list[str]]:
    process = find(fake.component)
    return process.flags if process is not None else {}


def left(fake: FakeSystemd) -> list[str]:
    """Return the names of the files that are there, hidden ones among them."""
    directories = [fake.path.parent, fake.variables.parent, fake.root / "backup"]
    return sorted(
        file.name for directory in directories if directory.is_dir() for file in directory.iterdir() if file.is_file()
    )


def test_a_change_of_two_files_is_waited_for_and_the_next_run_finds_nothing_to_do(host: FakeSystemd) -> None:
    watch, before = watch_of(host), host.path.read_text()
    wanted = change(host, "--issuer=new", OLD, variables="MORE=--v=4\n")
    outcome = apply(wanted, watch)
    assert outcome.backup is not None
    assert outcome == Outcome(changed=True, backup=outcome.backup)
    assert running(host) == wanted.flags == host.flags()
    assert host.path.stat().st_mode & 0o777 == 0o640
    kept = json.loads(outcome.backup.read_text())
    assert kept["files"][str(host.path)]["before"] == before
    assert kept["flags"] == wanted.flags_before
    assert (outcome.backup.stat().st_mode & 0o777, outcome.backup.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert left(host) == sorted([host.path.name, host.variables.name, outcome.backup.name])
    pid = host.pid
    assert apply(wanted, watch_of(host)) == Outcome(changed=False)
    assert apply(nothing(host), watch_of(host)) == Outcome(changed=False)
    assert host.pid == pid
    assert not wanted.records.is_unconfirmed()


def test_a_new_file_in_a_new_directory_comes_and_goes(host: FakeSystemd) -> None:
    drop_in = host.path.parent / f"{host.unit}.d" / "zz.conf"
    text = f"[Service]\nExecStart=\nExecStart={host.base} --issuer=new $MORE\n"
    flags = {**host.flags(), "issuer": ["new"]}
    made = replace(nothing(host), edits=(Edit(str(drop_in), None, text, 0o644),), flags=flags)
    assert apply(made, watch_of(host)).failure is None
    assert (running(host), drop_in.stat().st_mode & 0o777) == (flags, 0o644)
    refused = Edit(str(drop_in.with_name("zzz.conf")), None, text.replace("--issuer", "--refused"))
    outcome = apply(replace(made, edits=(refused,), flags={}), watch_of(host))
    assert (outcome.put_back, outcome.put_back_failure) == (True, None)
    assert [file.name for file in drop_in.parent.iterdir()] == ["zz.conf"]
    assert running(host) == flags


@pytest.mark.parametrize(
    ("restart", "how"),
    [("on-failure", "true"), ("always", "true"), ("always", "quietly"), ("no", "true"), ("no", "quietly")],
)
def test_a_refused_flag_is_put_back_early_and_with_its_reason(host: FakeSystemd, restart: str, how: str) -> None:
    host.restart = restart
    watch, before = watch_of(host), host.path.read_text()
    began = time.monotonic()
    outcome = apply(change(host, OLD, f"--refused={how}", timeout=60), watch)
    assert time.monotonic() - began < 30, "it waited for the time limit"
    result = reported_outcome(outcome, watch)
    assert result["recovered"], result
    assert result["reason"] == 'it exits as soon as it starts, with "command failed" err="refused must not be given".'
    assert "ready again" in result["msg"]
    assert (host.path.read_text(), running(host)) == (before, host.flags())
    assert left(host) == sorted([host.path.name, host.variables.name])
    assert host.path.stat().st_mode & 0o777 == 0o640


def test_a_unit_that_systemd_refuses_is_put_back_and_the_process_stays(host: FakeSystemd) -> None:
    pid, before = host.pid, host.path.read_text()
    bad = replace(change(host, OLD), edits=(Edit(str(host.path), before, before.replace("$MORE", "'")),))
    outcome = apply(bad, watch_of(host))
    assert outcome.failure is not None
    assert "bad unit file setting" in outcome.failure.reason
    assert (outcome.put_back, outcome.put_back_failure) == (True, None)
    assert (host.pid, host.path.read_text()) == (pid, before)


def test_what_is_not_ready_in_time_is_put_back(host: FakeSystemd) -> None:
    outcome = apply(change(host, OLD, "--unready=true", timeout=8), watch_of(host))
    assert outcome.failure is not None
    assert "/readyz has not answered" in outcome.failure.reason
    assert (outcome.put_back, outcome.put_back_failure) == (True, None)
    assert running(host) == host.flags()


def test_a_file_with_variables_that_is_missing_is_named(host: FakeSystemd) -> None:
    host.path.write_text(host.content(OLD, dash=""))
    there = host.path.read_text()
    wanted = change(host, "--issuer=new")
    wanted = replace(wanted, edits=(replace(wanted.edits[0], after=host.content("--issuer=new", dash="")),))
    variables = host.variables.read_text()
    host.variables.unlink()
    outcome = apply(wanted, watch_of(host))
    assert outcome.failure is not None
    assert "Failed to load environment files" in outcome.failure.reason
    assert outcome.put_back_failure is not None
    assert host.path.read_text() == there
    host.variables.write_text(variables)
    again = apply(nothing(host), watch_of(host))
    assert (again.failure, again.left, running(host)) == (None, (), host.flags())
    assert not wanted.records.is_unconfirmed()


def test_a_systemctl_that_hangs_is_named_and_the_next_run_ends_the_rest(host: FakeSystemd) -> None:
    before, pid = host.path.read_text(), host.pid
    host.hangs = True
    watch = watch_of(host)
    result = reported_outcome(apply(change(host, "--issuer=new"), watch), watch)
    assert result["reason"] == "systemd refuses it: `systemctl daemon-reload` has not ended within 200 s."
    assert (result["put_back"], result["recovered"]) == (True, False)
    assert (host.path.read_text(), host.pid) == (before, pid)
    host.hangs = False
    assert apply(nothing(host), watch_of(host)) == Outcome(changed=False)
    assert host.pid == pid
    assert not nothing(host).records.is_unconfirmed()


def test_a_unit_that_is_not_there_is_named(host: FakeSystemd) -> None:
    watch = watch_of(host)
    watch.unit = "other.service"
    outcome = apply(change(host, "--issuer=new"), watch)
    assert outcome.failure is not None
    assert "Unit other.service not found" in outcome.failure.reason
    assert outcome.put_back


def test_a_systemd_that_does_nothing_is_named(host: FakeSystemd) -> None:
    host.deaf = True
    outcome = apply(change(host, "--issuer=new", timeout=1), watch_of(host))
    assert outcome.failure is not None
    assert "does not run with the flags of its files" in outcome.failure.reason


def test_a_restart_without_a_change(host: FakeSystemd) -> None:
    pid = host.pid
    assert apply(replace(nothing(host), restart=True), watch_of(host)).changed
    assert host.pid != pid


def test_what_another_one_has_changed_is_left(host: FakeSystemd) -> None:
    wanted, pid = change(host, "--issuer=new"), host.pid
    host.path.write_text(host.content(OLD, "--by-hand=1"))
    with pytest.raises(IrsaError, match="somebody else changed it"):
        apply(wanted, watch_of(host))
    assert (host.path.read_text(), host.pid) == (host.content(OLD, "--by-hand=1"), pid)


def test_a_link_is_refused(host: FakeSystemd) -> None:
    wanted = change(host, "--issuer=new")
    target = host.root / "target"
    host.path.rename(target)
    host.path.symlink_to(target)
    with pytest.raises(InputError, match="symbolic link"):
        apply(wanted, watch_of(host))


def test_attributes_stay(host: FakeSystemd) -> None:
    try:
        os.setxattr(host.path, "user.kept", b"1")
    except OSError:
        pytest.skip("this file system has no extended attributes")
    assert apply(change(host, "--issuer=new"), watch_of(host)).failure is None
    assert os.getxattr(host.path, "user.kept") == b"1"
    assert apply(change(host, "--refused=true"), watch_of(host)).put_back
    assert os.getxattr(host.path, "user.kept") == b"1"


def test_a_file_that_becomes_something_else_meanwhile_is_left_and_the_others_are_put_back(host: FakeSystemd) -> None:
    wanted = change(host, "--issuer=new", variables="MORE=--v=4\n")
    before, watch = host.path.read_text(), watch_of(host)
    there = watch.wait

    def wait(*_arguments: object, **_named: object) -> Failure | None:
        watch.wait = there  # type: ignore[method-assign]
        host.variables.write_bytes(b"\xff")
        host.variables.rename(host.root / "target")
        host.variables.symlink_to(host.root / "target")
        (host.root / "target").write_text("MORE=--v=6\n")
        return Failure("no")

    watch.wait = wait  # type: ignore[method-assign]
    outcome = apply(wanted, watch)
    assert (outcome.put_back, outcome.left) == (True, (str(host.variables),))
    assert (host.path.read_text(), host.variables.is_symlink()) == (before, True)
    [kept] = [name for name in left(host) if ".unit.2" in name]
    assert json.loads((host.root / "backup" / kept).read_text())["files"][str(host.path)]["before"] == before


class Killed(BaseException):
    """The end of the run, as SIGKILL makes it: nothing is cleaned up."""


class Reaper:
    """Kills the run at one of its steps: before it writes a file, or tells systemd something."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
        self.left = step
        self.armed = True
        there = backup.renamed
        monkeypatch.setattr(backup, "renamed", self.before(there))
        monkeypatch.setattr(PreviousFile, "take", self.before(PreviousFile.take))
        monkeypatch.setattr(PreviousFile, "remove", self.before(PreviousFile.remove))

    def before(self, act: t.Callable[..., t.Any]) -> t.Callable[..., t.Any]:
        def acting(*arguments: object) -> object:
            self.count()
            return act(*arguments)

        return acting

    def run(self, fake: FakeSystemd) -> t.Callable[[list[str]], tuple[int, str, str]]:
        def running_it(command: list[str]) -> tuple[int, str, str]:
            if {"daemon-reload", "restart"}.intersection(command):
                self.count()
            return fake.run(command)

        return running_it

    def count(self) -> None:
        if self.armed and self.left == 0:
            raise Killed
        self.left -= 1


@pytest.mark.parametrize(
    ("arguments", "step"),
    [*((("--issuer=new",), step) for step in range(10)), *(((OLD, "--refused=true"), step) for step in range(7, 14))],
)
def test_a_run_that_is_killed_at_any_step_is_ended_or_taken_back_by_the_next(
    host: FakeSystemd, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], step: int
) -> None:
    before = (host.path.read_text(), host.variables.read_text())
    wanted = change(host, *arguments, variables="MORE=--v=4\n")
    after = (wanted.edits[0].after, wanted.edits[1].after)
    reaper = Reaper(monkeypatch, step)
    watch = replace_systemd(watch_of(host), reaper.run(host))
    try:
        apply(wanted, watch)
        killed = False
    except Killed:
        killed = True
    reaper.armed = False
    outcome = apply(nothing(host), watch_of(host))
    there = (host.path.read_text(), host.variables.read_text())
    assert there in (before, after)
    assert there == before or "--refused=true" not in arguments
    assert running(host) == host.flags()
    assert outcome.put_back_failure is None
    assert not wanted.records.is_unconfirmed()
    assert [name for name in left(host) if name.startswith(".")] == [] or killed
    assert watch_of(host).api.ready()
    assert apply(change(host, "--issuer=later"), watch_of(host)).failure is None
    assert [name for name in left(host) if name.endswith("-back")] == []


@pytest.mark.parametrize("step", [4, 5, 6, 7], ids=["between the files", "before reload", "before restart", "after it"])
def test_a_host_that_dies_comes_up_with_a_change_or_without(
    host: FakeSystemd, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    before = (host.path.read_text(), host.variables.read_text())
    wanted = change(host, "--issuer=new", variables="MORE=--v=4\n")
    after = (wanted.edits[0].after, wanted.edits[1].after)
    reaper = Reaper(monkeypatch, step)
    with pytest.raises(Killed):
        apply(wanted, replace_systemd(watch_of(host), reaper.run(host)))
    reaper.armed = False
    host.boot()
    half = {host.path.read_text(), host.variables.read_text()} == {after[0], before[1]}
    assert half == (step == 4)
    assert running(host) == host.flags() or host.pid == 0
    outcome = apply(nothing(host), watch_of(host))
    assert (outcome.failure, outcome.put_back) == (None, half)
    assert (host.path.read_text(), host.variables.read_text()) == (before if half else after)
    assert running(host) == host.flags()
    assert not wanted.records.is_unconfirmed()


def test_what_somebody_does_with_a_change_that_was_cut_off_stays(
    host: FakeSystemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = host.path.read_text()
    wanted = change(host, "--issuer=new", variables="MORE=--v=4\n")
    reaper = Reaper(monkeypatch, 4)
    with pytest.raises(Killed):
        apply(wanted, replace_systemd(watch_of(host), reaper.run(host)))
    reaper.armed = False
    host.variables.write_text("MORE=--v=9\n")
    assert apply(nothing(host), watch_of(host)).failure is None
    assert (host.path.read_text(), host.variables.read_text()) == (wanted.edits[0].after, "MORE=--v=9\n")
    assert running(host) == host.flags()
    [kept] = [name for name in left(host) if ".unit.2" in name]
    assert json.loads((host.root / "backup" / kept).read_text())["files"][str(host.path)]["before"] == before
    assert [name for name in left(host) if name.endswith("-back")] == []


def replace_systemd(watch: UnitWatch, run: t.Callable[[list[str]], tuple[int, str, str]]) -> UnitWatch:
    watch.systemd = replace(watch.systemd, run=run)
    return watch


def test_a_disk_that_is_full_leaves_everything_as_it_is(host: FakeSystemd, monkeypatch: pytest.MonkeyPatch) -> None:
    before, pid = host.path.read_text(), host.pid

    def full(*_arguments: object, **_named: object) -> None:
        raise OSError(28, "No space left on device", str(host.path))

    monkeypatch.setattr(edits, "write_text", full)
    with pytest.raises(IrsaError, match="No space left") as caught:
        apply(change(host, "--issuer=new"), watch_of(host))
    assert "The files are as they were" in str(caught.value)
    monkeypatch.undo()
    assert apply(nothing(host), watch_of(host)).failure is None
    assert (host.path.read_text(), host.pid) == (before, pid)
    assert left(host) == sorted([host.path.name, host.variables.name])


def test_a_second_file_that_cannot_be_written_puts_the_first_back(
    host: FakeSystemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, pid = (host.path.read_text(), host.variables.read_text()), host.pid
    there = backup.write_text

    def refused(path: Path, text: str, *, mode: int, owner: tuple[int, int], like: Path) -> None:
        if path == host.variables:
            raise OSError(1, "Operation not permitted", str(path))  # chattr +i
        there(path, text, mode=mode, owner=owner, like=like)

    monkeypatch.setattr(edits, "write_text", refused)
    with pytest.raises(IrsaError, match="Operation not permitted") as caught:
        apply(change(host, "--issuer=new", variables="MORE=--v=4\n"), watch_of(host))
    assert "The files are as they were" in str(caught.value)
    assert (host.path.read_text(), host.variables.read_text()) == before
    assert apply(nothing(host), watch_of(host)) == Outcome(changed=False)
    assert (host.pid, left(host)) == (pid, sorted([host.path.name, host.variables.name]))
