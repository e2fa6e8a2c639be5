# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""API servers that a service of the host runs. PRIVATE to the collection: it may change without notice.

Pure, and for the controller alone. What is known of each distribution is in its room; here an observation is turned
into what a room reads, and its plan into what a host does.
"""

from __future__ import annotations

import difflib
import typing as t
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath

from ansible_collections.onprem.irsa.plugins.module_utils._distributions.registry import ROOMS, room_of
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.room import (
    Edit,
    Process,
    Restart,
    Seen,
    UnitFile,
    flags_in,
)
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.systemd import PROGRAM
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._flags.arguments import check_flags
from ansible_collections.onprem.irsa.plugins.module_utils._flags.serving import serving

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._distributions.room import Room
    from ansible_collections.onprem.irsa.plugins.module_utils._flags.arguments import Flags

SERVICES: t.Final = ("systemd",)
"""The distributions, by their rooms' names, whose API server is a process of a unit that a change restarts."""

Observation = t.Mapping[str, t.Any]
"""What C(control_plane_info) returns for one host."""


def seen_by(observed: Observation) -> Seen | None:
    """Return what the host's part has gathered for the rooms; None where the API server is kubeadm's static pod."""
    plain = observed.get("seen")
    if not plain:
        return None
    return Seen(
        files=plain["files"],
        unreadable=plain["unreadable"],
        directories=frozenset(plain["directories"]),
        processes=tuple(Process(tuple(arguments), uid, unit) for arguments, uid, unit in plain["processes"]),
        units={name: tuple(UnitFile(*file) for file in files) for name, files in plain["units"].items()},
        version=plain["version"] or observed.get("version"),
    )


def described_by_room(observed: Observation) -> dict[str, t.Any]:
    """Return what the host's room makes of an observation: nothing where no room whose flags are set here has it.

    Raises InputError where a file could not be read or parsed, as a manifest's description does.
    """
    seen = seen_by(observed)
    if seen is None:
        return {}
    if not any(room.detect(seen) for room in ROOMS):
        hidden = _hidden(seen)
        return {"obstacle": hidden} if hidden else {}
    try:
        room = room_of(seen)
    except InputError as error:  # there are two
        return {"obstacle": str(error)}
    if room.name not in SERVICES:
        others = observed["other_distributions"]
        return {"other_distributions": others if room.name in others else [*others, room.name]}
    settings = room.settings(seen)
    links = observed["seen"].get("links", {})
    files = list(dict.fromkeys(setting.source.file for setting in settings))
    file = next((name for name in files if name in links), (*files, "")[0])
    restart = room.plan(seen, {}).restart
    return {
        "distribution": room.name,
        "manifest": file or observed["manifest"],
        "manifest_exists": True,
        "manifest_link": links.get(file),
        "flags": flags_in(settings),
        "unit": restart.name,
    }


def _hidden(seen: Seen) -> str:
    """Return why the room of a unit that runs the API server can't be told; empty where no unit does."""
    for process in seen.processes:
        files = seen.units.get(process.unit, ())
        if not files or PurePosixPath((*process.arguments, "")[0]).name != PROGRAM:
            continue
        unreadable = [f"{file.path} {seen.unreadable[file.path]}" for file in files if file.path in seen.unreadable]
        if unreadable:
            return (
                f"{process.unit} runs {PROGRAM}, and {' and '.join(unreadable)}, so that its flags can't be seen. "
                "Make it readable as text."
            )
        return (
            f"{process.unit} runs {PROGRAM}, and its command does not name it, so that its flags can't be seen. Write "
            f"ExecStart= with the path of {PROGRAM} and its flags."
        )
    return ""


@dataclass(frozen=True)
class EditsPlan:
    """A change of flags on one host, as edits of files and the restart of a service."""

    component: str
    edits: tuple[Edit, ...]
    restart: Restart
    forced: bool
    """Whether the service restarts although no file changes, for files that it reads once."""
    flags: Flags
    """All flags that the new process runs with."""
    flags_before: Flags
    """All that the files say now."""
    api: dict[str, str]
    """Where the new process answers, to what, and with which client certificate."""
    before: Flags
    after: Flags
    """Of the flags that were asked for, what the files say and should say."""
    restart_for: tuple[str, ...]
    """The files whose content is read again by the change."""
    warnings: tuple[str, ...]
    reached: bool
    """Whether nothing is left to do, not even to wait."""

    @property
    def manifest(self) -> str:
        """The files that change, for messages; the unit where none does."""
        return " and ".join(edit.path for edit in self.edits) or self.restart.name


def planned_edits(
    observed: Observation, seen: Seen, flags: t.Mapping[str, object], *, expected: t.Mapping[str, object] | None = None
) -> EditsPlan:
    """Return the change that gives a host these flags; seen is what was gathered with the observation.

    expected: the flag values that the change was planned from; any value other than this or the new one is refused.
    Raises InputError for what the distribution cannot do.
    """
    room: Room = room_of(seen)
    configured: Flags = observed["flags"]
    wanted = check_flags(flags)
    for name, values in check_flags(expected or {}).items():
        if configured.get(name, []) not in (values, wanted.get(name, values)):
            raise InputError(
                f"{observed['unit']}: --{name} is {configured.get(name, [])} and was {values} when the change was "
                "planned; nothing was touched.",
                fix="Another run, or somebody by hand, has changed it. Run the play again: it plans on what is there.",
            )
    plan = room.plan(seen, wanted)
    after = {name: values for name, values in {**configured, **wanted}.items() if values}
    again = tuple(observed["changed_files"])
    settled = observed["settled"] and not observed["unconfirmed"]
    return EditsPlan(
        component=observed["component"],
        edits=plan.edits,
        restart=plan.restart,
        forced=bool(again),
        flags=after,
        flags_before=configured,
        api=asdict(serving(observed["component"], after)),
        before={name: configured.get(name, []) for name in flags},
        after={name: after.get(name, []) for name in flags},
        restart_for=again,
        warnings=plan.warnings,
        reached=not plan.edits and not again and settled,
    )


def shown_lines(edit: Edit) -> dict[str, str]:
    """Return the lines of a file that change, as Ansible shows a difference: others may hold secrets."""
    before, after = (edit.before or "").splitlines(keepends=True), edit.after.splitlines(keepends=True)
    gone, come = list[str](), list[str]()
    for tag, old, old_end, new, new_end in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag != "equal":
            gone += before[old:old_end]
            come += after[new:new_end]
    return {
        "before": "".join(gone),
        "after": "".join(come),
        "before_header": edit.path if edit.before is not None else f"{edit.path} (not there)",
        "after_header": edit.path,
    }


def in_units(hosts: t.Mapping[str, Observation]) -> str:
    """Return where the flags of services stand, and who alone writes them again; empty where any host has another."""
    rooms = {observed["distribution"] for observed in hosts.values()}
    if not rooms or not rooms.issubset(SERVICES):
        return ""
    units: dict[str, list[str]] = {}
    for host, observed in hosts.items():
        units.setdefault(str(observed["unit"]), []).append(host)
    where = "; ".join(f"in {unit} on {', '.join(names)}" for unit, names in units.items())
    upkeep = [room.upkeep(None) for room in ROOMS if room.name in rooms]
    return " ".join([f"{where}.", *[f"{each.undone_by} {each.put_instead}" for each in upkeep]])


__all__: t.Final = ("SERVICES", "EditsPlan", "described_by_room", "in_units", "planned_edits", "seen_by", "shown_lines")
