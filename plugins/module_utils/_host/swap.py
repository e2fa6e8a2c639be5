# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Swaps a static pod's manifest, and rolls back if it does not come up. PRIVATE to the collection: it may change
without notice.

Runs on managed hosts with the standard library alone, to its end even when the controller is gone: so a host is never
left with a component that does not start.
"""

from __future__ import annotations

import os
import signal
import typing as t
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError, IrsaError
from ansible_collections.onprem.irsa.plugins.module_utils._flags.expansion import runs_with
from ansible_collections.onprem.irsa.plugins.module_utils._flags.manifest import digest
from ansible_collections.onprem.irsa.plugins.module_utils._host.backup import Backups, read_text, write_text
from ansible_collections.onprem.irsa.plugins.module_utils._host.drain import Drain
from ansible_collections.onprem.irsa.plugins.module_utils._host.handover import Handover
from ansible_collections.onprem.irsa.plugins.module_utils._host.previous_file import PreviousFile, require_space
from ansible_collections.onprem.irsa.plugins.module_utils._host.processes import Process, find

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._flags.arguments import Flags
    from ansible_collections.onprem.irsa.plugins.module_utils._host.sandbox import Sandboxes
    from ansible_collections.onprem.irsa.plugins.module_utils._host.watch import Failure, Watch

_SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)

_BESIDE_THE_WAITS = 60.0  # seconds for what a change asks, writes and removes, at most


@dataclass(frozen=True)
class Change:
    """A manifest as it should be, the flags that its process then runs with, and how long to wait for that."""

    backups: Backups
    content: str
    flags: Flags
    timeout: float
    """Seconds; the same again for the old manifest, if it is put back."""
    planned_on: str = ""
    """SHA-256 digest (hex) of the manifest that the change was planned on; empty: whatever is there is replaced."""
    sandboxes: Sandboxes | None = None
    """What removes a stale pod of a kubelet that is stuck; None: nothing."""
    forerunner: str = ""
    """A manifest that means the same, and is there while the old process ends; empty: none."""
    move_away: tuple[Path, ...] = ()
    """Other files with the same pod, of which the kubelet runs any one."""
    variables: tuple[str, ...] = ()
    """Variables whose values the kubelet alone knows: C($(NAME)) stands in the flags for the value of one."""

    def is_run_by(self, process: Process) -> bool:
        """Return whether a process has the wanted flags, whatever the kubelet has put in for the variables."""
        return runs_with(self.flags, process.flags, self.variables)

    @property
    def path(self) -> Path:
        """The manifest's file."""
        return self.backups.manifest


@dataclass(frozen=True)
class Outcome:
    """What became of a change."""

    changed: bool
    backup: Path | None = None
    """The replaced text."""
    failure: Failure | None = None
    """Why the new manifest did not come up."""
    put_back: bool = False
    """Whether the old manifest is there again."""
    moved_away: tuple[Path, ...] = ()
    """Where the other files with the same pod are now."""
    put_back_failure: Failure | None = None
    """Why that one did not come up either."""


def current(path: Path) -> str:
    """Return the manifest that is there.

    Raises InputError without one: this changes manifests and makes none. So it does for a symbolic link: a file would
    come in its place, and whatever keeps the link's target would undo the change.
    """
    if path.is_symlink():
        raise InputError(
            f"{path}: is a symbolic link to {path.readlink()}, which a change would replace with a file; nothing was "
            "touched.",
            fix="Change the flags in what keeps that file, or put the file itself there and run the play again.",
        )
    if not path.exists():
        raise InputError(f"{path}: there is no such manifest.", fix="Name the manifest of a running static pod.")
    return read_text(path)


def longest(timeout: float) -> float:
    """Return the seconds that a change with this timeout takes at most, with what puts the old manifest back."""
    return 2 * timeout + _BESIDE_THE_WAITS


def apply(change: Change, watch: Watch) -> Outcome:
    """Move the new manifest in, wait until it runs and is ready, and put the old one back if it does not.

    A content that is there already, as a run that was cut off leaves it, is waited for in the same way.
    Raises IrsaError where the host's file systems refuse what that takes.
    """
    try:
        with change.backups.locked(longest(change.timeout)), undisturbed():
            return _applied(change, watch)
    except OSError as error:
        if isinstance(error, PermissionError) and os.geteuid() != 0:
            raise
        raise _refused_by_the_host(error, change, watch) from error


def _applied(change: Change, watch: Watch) -> Outcome:
    before = current(change.path)
    if before == change.forerunner:  # left by a run that was cut off, and it means the same
        change = replace(change, content=before, forerunner="")
    changed = before != change.content
    if changed and change.planned_on and digest(before) != change.planned_on:
        raise IrsaError(
            f"{change.path}: somebody else changed it since it was read; it was left as it is.",
            fix="Run the play again: it then plans on what is there.",
        )
    running = find(watch.component, watch.proc)
    replaced = running if changed or _is_to_end(running, change.backups, before, watch.proc) else None

    def wanted(process: Process) -> bool:
        return (replaced is None or process.identity != replaced.identity) and change.is_run_by(process)

    if not changed and running is not None and wanted(running) and watch.api.ready():
        return Outcome(changed=False, backup=_confirmed(change))
    good = change.backups.last_good(before)
    meanwhile = _meanwhile(watch, change.sandboxes, replaced)
    if changed:
        _require_what_it_takes(change, good)
    _prepare_previous(change, good, changed=changed)
    since, moved = watch.begin(), tuple[Path, ...]()
    if changed:
        change.backups.keep(good, replaced_by=change.content, mark=_mark(replaced, watch.proc))
        moved = tuple(change.backups.move_in(file) for file in change.move_away)
        meanwhile += _written(change, good, replaced, watch)
    failure = watch.wait(wanted, since=since, timeout=change.timeout, meanwhile=meanwhile)
    if failure is None:
        return Outcome(changed=changed, backup=_confirmed(change), moved_away=moved)
    return replace(_put_back(change, watch, good, failure, replaced), moved_away=moved)


def _require_what_it_takes(change: Change, good: str) -> None:
    """Raise IrsaError where a change could not be written, or a stuck kubelet not be helped as it is asked for."""
    if change.sandboxes is not None:
        change.sandboxes.require_runtime()
    manifests = [text for text in (good, change.content, change.forerunner) if text]
    kept = [good] * (2 if change.forerunner else 1) + [read_text(file) for file in change.move_away]
    require_space(
        [(change.path.parent, text) for text in manifests] + [(change.backups.directory, text) for text in kept]
    )


def _prepare_previous(change: Change, good: str, *, changed: bool) -> None:
    """Keep what to go back to next to the manifest; where a run was cut off, that one may have done it."""
    if good == change.content:
        return
    with nullcontext() if changed else suppress(OSError):
        PreviousFile(change.path).prepare(good)


def _confirmed(change: Change) -> Path | None:
    PreviousFile(change.path).remove()
    return change.backups.confirm(change.content)


def _written(change: Change, good: str, replaced: Process | None, watch: Watch) -> list[t.Callable[[], None]]:
    """Move the new manifest in, or its forerunner while the old process ends; return what to do about that."""
    if replaced is None or not change.forerunner:
        _replace(change.path, change.content)
        return []
    change.backups.keep(good, replaced_by=change.forerunner, mark=_mark(replaced, watch.proc))
    _replace(change.path, change.forerunner)

    def hand_over() -> None:
        if _stands(change.path, change.forerunner):
            with suppress(OSError):  # the forerunner means the same, and stays
                _replace(change.path, change.content)

    return [Handover(watch.component, replaced, hand_over, watch.proc).go_on]


def _stands(path: Path, *texts: str) -> bool:
    """Return whether one of these manifests is there, and not that of somebody else, who may remove it, too."""
    return path.exists() and current(path) in texts


def _mark(process: Process | None, proc: Path) -> str:
    return process.mark(proc) if process is not None else ""


def _is_to_end(process: Process | None, backups: Backups, content: str, proc: Path) -> bool:
    """Return whether this is the process that a change to this content, which was cut off, is to replace."""
    mark, since = backups.mark_of_replaced(content), backups.since(content)
    if process is None or since is None:
        return False
    # Without a mark the times tell, although a clock may have been set in between.
    return process.age > since if mark is None else mark == process.mark(proc)


def _meanwhile(watch: Watch, sandboxes: Sandboxes | None, replaced: Process | None) -> list[t.Callable[[], None]]:
    """Return what to do between two looks: what ends the replaced process, and what helps a stuck kubelet."""
    drain = Drain.begin(replaced, watch.api, watch.proc) if replaced is not None else None
    if sandboxes is not None:
        sandboxes.begin(replaced)
    return [helper.go_on for helper in (drain, sandboxes) if helper is not None]


def reported_outcome(outcome: Outcome, watch: Watch, sandboxes: Sandboxes | None = None) -> dict[str, t.Any]:
    """Return an outcome as the module C(control_plane_flags_host) documents it; C(msg) is among it after a failure."""
    result: dict[str, t.Any] = {
        "changed": outcome.changed,
        "backup": str(outcome.backup) if outcome.backup else None,
        "unavailable_seconds": round(watch.unavailable, 1),
        "put_back": outcome.put_back,
        "moved_away": [str(file) for file in outcome.moved_away],
        "removed_sandboxes": sandboxes.removed if sandboxes is not None else [],
    }
    if outcome.failure is None:
        return result
    recovered = outcome.put_back and outcome.put_back_failure is None
    return {
        **result,
        "recovered": recovered,
        "reason": outcome.failure.reason,
        "log": [*outcome.failure.log],
        "msg": f"{watch.component} did not come up: {outcome.failure.reason} {_aftermath(outcome, recovered)}"
        + (
            f" crictl did not do everything that it was asked for: {sandboxes.complaint}"
            if sandboxes and sandboxes.complaint
            else ""
        ),
    }


def _aftermath(outcome: Outcome, recovered: bool) -> str:
    if recovered:
        return "The old manifest was put back, and it is ready again."
    if outcome.put_back_failure is not None:
        return f"The old manifest was put back, but it did not come up either: {outcome.put_back_failure.reason}"
    if outcome.changed:
        return "Somebody else changed the manifest meanwhile; it was left as it is."
    return "The manifest was there before, and no older one is known to work."


def _put_back(change: Change, watch: Watch, good: str, failure: Failure, replaced: Process | None) -> Outcome:
    """Move the good manifest in again, and wait for a process that it may have started: the old one, or a new one."""
    if good == change.content:
        return Outcome(changed=False, failure=failure)
    previous = PreviousFile(change.path)
    if not _stands(change.path, change.content, change.forerunner):
        previous.remove()
        return Outcome(changed=True, failure=failure)
    bad = watch.seen - {replaced.identity if replaced is not None else None}
    meanwhile = _meanwhile(watch, change.sandboxes, None)
    previous.take(good)
    since = watch.begin()  # after the rename: until then the kubelet goes on starting the bad one
    change.backups.forget()
    again = watch.wait(
        lambda process: process.identity not in bad, since=since, timeout=change.timeout, meanwhile=meanwhile
    )
    return Outcome(changed=True, failure=failure, put_back=True, put_back_failure=again)


def _replace(path: Path, content: str) -> None:
    there = path.stat()
    write_text(path, content, mode=there.st_mode & 0o7777, owner=(there.st_uid, there.st_gid), like=path)


def _refused_by_the_host(error: OSError, change: Change, watch: Watch) -> IrsaError:
    """Return what to tell when a file can't be written, moved or read: the cause, what is there, and what to do."""
    previous, here = PreviousFile(change.path), os.uname().nodename
    cause = f"{here}: {error.filename or change.path}: {error.strerror or error}"
    state = f"{watch.component} {'is ready' if watch.api.ready() else 'gives no answer'}"
    look = f"`df -h {change.path.parent} {change.backups.directory}; df -i {change.path.parent}; mount`"
    new = False
    with suppress(OSError, IrsaError):
        new = _stands(change.path, change.content, change.forerunner) and previous.file.exists()
    if new:
        return IrsaError(
            f"{cause}. The new {change.path} is there, and {state}.",
            fix=f"To go back, run `mv {previous.file} {change.path}` there. Otherwise check with {look} what the file "
            "system lacks, and run the play again: it ends the change, or puts the old manifest back.",
        )
    with suppress(OSError):
        previous.remove()
    return IrsaError(
        f"{cause}. {change.path} is as it was, and {state}.",
        fix=f"Check there with {look} what the file system lacks, and run the play again.",
    )


@contextmanager
def undisturbed() -> t.Iterator[None]:
    """Let a lost connection or a stopped play not end what has begun."""
    handlers = {number: signal.signal(number, signal.SIG_IGN) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


__all__: t.Final = ("Change", "Outcome", "apply", "current", "longest", "reported_outcome", "undisturbed")
