# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes files of a service, restarts it, and rolls back if it does not come up. PRIVATE to the collection: it may
change without notice.

Runs on managed hosts with the standard library and the host's systemd, to its end even when the controller is gone: so
a host is never left with a component that does not start.
"""

from __future__ import annotations

import enum
import os
import typing as t
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.onprem.irsa.plugins.module_utils._distributions.outcome import same_issuers
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.room import ISSUER
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError, IrsaError
from ansible_collections.onprem.irsa.plugins.module_utils._host.backup import Backups, read_text, write_text
from ansible_collections.onprem.irsa.plugins.module_utils._host.drain import Drain
from ansible_collections.onprem.irsa.plugins.module_utils._host.previous_file import PreviousFile, require_space
from ansible_collections.onprem.irsa.plugins.module_utils._host.record import Record, Records, Replaced
from ansible_collections.onprem.irsa.plugins.module_utils._host.swap import longest, undisturbed
from ansible_collections.onprem.irsa.plugins.module_utils._host.unit_watch import OutcomeWatch
from ansible_collections.onprem.irsa.plugins.module_utils._host.watch import Failure

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._distributions.room import Edit
    from ansible_collections.onprem.irsa.plugins.module_utils._flags.arguments import Flags
    from ansible_collections.onprem.irsa.plugins.module_utils._host.processes import Process
    from ansible_collections.onprem.irsa.plugins.module_utils._host.systemd import State
    from ansible_collections.onprem.irsa.plugins.module_utils._host.unit_watch import UnitWatch

_UNITS = Path("/etc/systemd/system")
_NEW_MODE = 0o644
_NEW_DIRECTORY = 0o755
_CUT_OFF = Failure("a change of its files was cut off before all of them were written.")


@dataclass(frozen=True)
class Change:
    """Files as they should be, and the flags that the service's process then runs with."""

    records: Records
    edits: tuple[Edit, ...]
    flags: Flags
    """The flags of the new process."""
    flags_before: Flags
    """Those that the files said before."""
    timeout: float
    """Seconds to wait for the new process; the same again for the old files, if they are put back."""
    restart: bool = False
    """Whether the service restarts although no file changes, such as for the content of a key file."""
    whole: bool = True
    """Whether those are all flags; the process has others besides where not, and none with an empty list."""

    def runs_with(self, process: Process, flags: Flags) -> bool:
        """Return whether a process has these flags."""
        there = process.flags
        if self.whole:
            return there == flags
        others = [name for name in flags if name != ISSUER]
        return same_issuers(there.get(ISSUER, []), flags.get(ISSUER, [])) and all(
            there.get(name, []) == flags[name] for name in others
        )


@dataclass(frozen=True)
class Outcome:
    """What became of a change."""

    changed: bool
    backup: Path | None = None
    """The record of what was replaced."""
    failure: Failure | None = None
    """Why the service did not come up."""
    put_back: bool = False
    """Whether the old files are there again."""
    put_back_failure: Failure | None = None
    """Why it did not come up with those either."""
    left: tuple[str, ...] = ()
    """The files that somebody else has changed meanwhile, which were left as they are."""


def current(path: str) -> str | None:
    """Return a file's text; None where there is none. Raises InputError for a symbolic link, as the swap does."""
    file = Path(path)
    if file.is_symlink():
        raise InputError(
            f"{path}: is a symbolic link to {file.readlink()}, which a change would replace with a file; nothing was "
            "touched.",
            fix="Change the flags in what keeps that file, or put the file itself there and run the play again.",
        )
    return read_text(file) if file.exists() else None


def would_change(change: Change) -> bool:
    """Return whether C(apply) changes anything; raises what that raises for the files as they are."""
    now = {edit.path: current(edit.path) for edit in change.edits}
    _refuse_changed(change, now)
    return change.restart or any(now[edit.path] != edit.after for edit in change.edits)


def apply(change: Change, watch: UnitWatch) -> Outcome:
    """Write the files, restart the service, wait until it is ready, and put the files back if it is not.

    A change that is there already, as a run that was cut off leaves it, is waited for in the same way; one of which
    only some files are there is taken back. Raises IrsaError where the host's file systems refuse what that takes.
    """
    lock = Backups(change.records.directory, _UNITS / watch.unit)
    try:
        with lock.locked(longest(change.timeout)), undisturbed():
            return _applied(change, watch)
    except OSError as error:
        if isinstance(error, PermissionError) and os.geteuid() != 0:
            raise
        raise _refused_by_the_host(error, change, watch) from error


def _applied(change: Change, watch: UnitWatch) -> Outcome:
    record = change.records.read()
    now = {edit.path: current(edit.path) for edit in change.edits}
    _refuse_changed(change, now)
    changed = any(now[edit.path] != edit.after for edit in change.edits)
    running = watch.process()
    to_end = record is not None and running is not None and running.mark(watch.proc) == record.mark
    if record is not None and _is_overwritten(record):
        _give_up(change, record)
        record = None
    if not changed and record is not None and not _is_whole(record):
        return _taken_back(change, record, watch, running)
    replaced = running if changed or change.restart or to_end else None

    def wanted(process: Process) -> bool:
        return (replaced is None or process.identity != replaced.identity) and change.runs_with(process, change.flags)

    if not (changed or change.restart) and running is not None and wanted(running) and watch.api.ready():
        return Outcome(changed=False, backup=_confirmed(change, record))
    way = _way(change, record, now)
    if changed:
        _prepare(change, way, running, watch)
    before, since = watch.systemd.state(watch.unit), watch.begin()
    # A process that is more than an API server has other work to end.
    ends = None if isinstance(watch, OutcomeWatch) else replaced
    drain = Drain.begin(ends, watch.api, watch.proc) if ends is not None else None
    _write_all(change, way, now)
    failure = _restarted(watch) if changed or change.restart or to_end or running is None else None
    failure = failure or watch.wait(
        wanted, since=since, before=before, timeout=change.timeout, meanwhile=[drain.go_on] if drain else []
    )
    failure = failure or watch.unlike(change.flags)
    if failure is None:
        return Outcome(changed=changed or change.restart, backup=_confirmed(change, record))
    return _put_back(change, watch, way, failure, replaced)


def _texts(change: Change) -> dict[str, str]:
    return {edit.path: edit.after for edit in change.edits}


def _refuse_changed(change: Change, now: t.Mapping[str, str | None]) -> None:
    for edit in change.edits:
        if now[edit.path] not in (edit.before, edit.after):
            raise IrsaError(
                f"{edit.path}: somebody else changed it since it was read; it was left as it is.",
                fix="Run the play again: it then plans on what is there.",
            )


def _is_whole(record: Record) -> bool:
    """Return whether all files of a change are there, and not those from before it."""
    return all(_there(path) == was.after for path, was in record.files.items())


def _is_overwritten(record: Record) -> bool:
    """Return whether somebody else has changed a file of a change that was cut off: there is no way back from that.

    The files together would then be neither those from before the change nor what somebody wrote.
    """
    return any(_there(path) not in (was.before, was.after) for path, was in record.files.items())


def _give_up(change: Change, record: Record) -> None:
    """Leave the files of a change that was cut off to whoever has changed them; what it replaced stays kept."""
    for path in record.files:
        PreviousFile(Path(path)).remove()
    change.records.confirm()


class _Others(enum.Enum):
    """What is in a file's place and no change puts there, such as a symbolic link."""

    FILE = enum.auto()


def _there(path: str) -> str | _Others | None:
    """Return a file's text as C(current) does; for what that refuses, something that no text is equal to."""
    try:
        return current(path)
    except InputError:
        return _Others.FILE


def _way(change: Change, record: Record | None, now: t.Mapping[str, str | None]) -> _Way:
    """Return the way back from a change, which leads back behind one that has not been seen running yet."""
    unseen = {path: was for path, was in record.files.items() if _there(path) == was.after} if record else {}
    good = {**now, **{path: was.before for path, was in unseen.items()}}
    return _Way(good, {**{path: was.after for path, was in unseen.items()}, **_texts(change)})


def _prepare(change: Change, way: _Way, running: Process | None, watch: UnitWatch) -> None:
    """Make sure of the way back before anything is touched: the space, the files next to those in use, the record."""
    mark = running.mark(watch.proc) if running is not None else ""
    files = {path: Replaced(way.good[path], text) for path, text in way.new.items()}
    record = Record(watch.unit, mark, change.flags_before, files)
    texts = [(_nearest(Path(path)), text) for path, text in way.new.items()]
    texts += [(_nearest(Path(path)), text) for path, text in way.good.items() if text is not None]
    require_space([*texts, (change.records.directory, change.records.text(record))])
    change.records.keep(record)
    for path, text in way.good.items():
        if text is not None and Path(path).exists():
            PreviousFile(Path(path)).prepare(text)


def _nearest(path: Path) -> Path:
    """Return the directory of a file, or the one above it that is there already."""
    return next(parent for parent in path.parents if parent.is_dir())


def _write_all(change: Change, way: _Way, now: t.Mapping[str, str | None]) -> None:
    """Write the files; where one can't be written, put back those that were, before anything starts with them."""
    try:
        for edit in change.edits:
            if now[edit.path] != edit.after:
                _write(edit)
    except OSError:
        with suppress(OSError):  # the record stays: the next run does the rest, and looks whether it runs
            way.go()
        raise


def _close(change: Change, left: t.Sequence[str]) -> None:
    """Forget a change whose files were put back, but keep what it replaced where somebody else has changed one."""
    if left:
        change.records.confirm()
    else:
        change.records.forget()


def _write(edit: Edit) -> None:
    path = Path(edit.path)
    if path.exists():
        there = path.stat()
        write_text(path, edit.after, mode=there.st_mode & 0o7777, owner=(there.st_uid, there.st_gid), like=path)
    else:
        path.parent.mkdir(mode=_NEW_DIRECTORY, parents=True, exist_ok=True)
        write_text(path, edit.after, mode=edit.mode or _NEW_MODE)


def _restarted(watch: UnitWatch) -> Failure | None:
    return _refused(watch.systemd.reload() or watch.systemd.restart(watch.unit))


def _refused(complaint: str) -> Failure | None:
    return Failure(f"systemd refuses it: {complaint.rstrip('.')}.") if complaint else None


def _confirmed(change: Change, record: Record | None) -> Path | None:
    for path in {*_texts(change), *(record.files if record else ())}:
        PreviousFile(Path(path)).remove()
    return change.records.confirm()


class _Way(t.NamedTuple):
    """The texts to go back to, and those to go back from."""

    good: t.Mapping[str, str | None]
    new: t.Mapping[str, str]

    def go(self) -> tuple[list[str], list[str]]:
        """Put the files back; return those that were, and those that somebody else has changed meanwhile."""
        done, left = [], []
        for path, text in self.good.items():
            file, there = Path(path), _there(path)
            if there == self.new.get(path) and there != text:
                if text is None:
                    file.unlink()
                else:
                    PreviousFile(file).take(text)
                done.append(path)
            else:
                if there not in (text, self.new.get(path)):
                    left.append(path)
                PreviousFile(file).remove()
        return done, left


def _taken_back(change: Change, record: Record, watch: UnitWatch, running: Process | None) -> Outcome:
    """Take back a change that was cut off while its files were written, or put back: only some of them are there."""
    before, since = watch.systemd.state(watch.unit), watch.begin()
    files = record.files.items()
    done, left = _Way({path: was.before for path, was in files}, {path: was.after for path, was in files}).go()
    if running is not None and change.runs_with(running, record.flags) and watch.api.ready() and _stays(before):
        failure = _refused(watch.systemd.reload())
    else:
        failure = _restarted(watch)
    failure = failure or watch.wait(
        lambda process: change.runs_with(process, record.flags), since=since, before=before, timeout=change.timeout
    )
    if failure is None:
        _close(change, left)
        return Outcome(changed=bool(done), put_back=bool(done), left=tuple(left))
    return Outcome(changed=bool(done), failure=_CUT_OFF, put_back=True, put_back_failure=failure, left=tuple(left))


def _put_back(change: Change, watch: UnitWatch, way: _Way, failure: Failure, replaced: Process | None) -> Outcome:
    """Put the files back, and wait for a process that they may have started: the old one, or a new one."""
    done, left = way.go()
    if not done:
        return Outcome(changed=bool(left), failure=failure, left=tuple(left))
    bad = watch.seen - {replaced.identity if replaced is not None else None}
    before, since = watch.systemd.state(watch.unit), watch.begin()
    running = watch.process()
    same = replaced is not None and running is not None and running.identity == replaced.identity
    again = _refused(watch.systemd.reload()) if same and _stays(before) else _restarted(watch)
    tells = not change.whole and change.flags != change.flags_before

    def old(process: Process) -> bool:
        return process.identity not in bad and not (tells and change.runs_with(process, change.flags))

    again = again or watch.wait(old, since=since, before=before, timeout=change.timeout)
    if again is None:
        _close(change, left)
    return Outcome(changed=True, failure=failure, put_back=True, put_back_failure=again, left=tuple(left))


def _stays(state: State) -> bool:
    """Return whether a service runs on as it is: of one that starts other processes, those may outlive it."""
    return state.active == "active" and not state.job


def reported_outcome(outcome: Outcome, watch: UnitWatch) -> dict[str, t.Any]:
    """Return an outcome as the module C(control_plane_edits_host) documents it; C(msg) is there after a failure."""
    result: dict[str, t.Any] = {
        "changed": outcome.changed,
        "backup": str(outcome.backup) if outcome.backup else None,
        "unavailable_seconds": round(watch.unavailable, 1),
        "put_back": outcome.put_back,
    }
    if outcome.failure is None:
        return result
    recovered = outcome.put_back and outcome.put_back_failure is None
    return {
        **result,
        "recovered": recovered,
        "reason": outcome.failure.reason,
        "log": [*outcome.failure.log],
        "msg": f"{watch.component} did not come up: {outcome.failure.reason} {_aftermath(outcome, recovered)}",
    }


def _aftermath(outcome: Outcome, recovered: bool) -> str:
    left = (
        f" Somebody else changed {', '.join(outcome.left)} meanwhile, which was left as it is." if outcome.left else ""
    )
    if recovered:
        return f"The old files were put back, and it is ready again.{left}"
    if outcome.put_back_failure is not None:
        why = outcome.put_back_failure.reason
        return f"The old files were put back, but it did not come up either: {why}{left}"
    return left.strip() or "The files were there before, and no older ones are known to work."


def _refused_by_the_host(error: OSError, change: Change, watch: UnitWatch) -> IrsaError:
    """Return what to tell when a file can't be written, moved or read: the cause, what is there, and what to do."""
    here = os.uname().nodename
    cause = f"{here}: {error.filename or watch.unit}: {error.strerror or error}"
    state = f"{watch.component} {'is ready' if watch.api.ready() else 'gives no answer'}"
    new: list[str] = []
    with suppress(OSError, IrsaError):
        new = [edit.path for edit in change.edits if current(edit.path) == edit.after]
    where = ", ".join(new)
    what = f"The new {where} {'is' if len(new) == 1 else 'are'} there" if new else "The files are as they were"
    return IrsaError(
        f"{cause}. {what}, and {state}.",
        fix=f"Check there with `df -h; df -i; mount` what the file system lacks, and run the play again"
        f"{': it ends the change, or puts the old files back' if new else ''}.",
    )


__all__: t.Final = ("Change", "Outcome", "apply", "current", "reported_outcome", "would_change")
