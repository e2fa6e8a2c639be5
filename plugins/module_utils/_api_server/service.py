# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""API servers that a service of the host runs. PRIVATE to the collection: it may change without notice.

Pure, and for the controller alone. What is known of each distribution is in its room; here an observation is turned
into what a room reads, and its plan into what a host does. The files of a systemd unit say all flags of its process.
Those of a distribution say some: it sets others by itself, which differ with its version, so that its process alone
tells what they are.
"""

from __future__ import annotations

import difflib
import re
import typing as t
from dataclasses import asdict, dataclass, replace
from pathlib import PurePosixPath

from ansible_collections.onprem.irsa.plugins.module_utils._distributions.outcome import SHOWN, Outcome
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.registry import ROOMS, room_of
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.room import (
    ISSUER,
    JWKS_URI,
    Edit,
    Process,
    Restart,
    Seen,
    Setting,
    UnitFile,
    flags_in,
)
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.systemd import PROGRAM
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._flags.arguments import check_flags
from ansible_collections.onprem.irsa.plugins.module_utils._flags.serving import Serving, serving

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._distributions.room import Room
    from ansible_collections.onprem.irsa.plugins.module_utils._flags.arguments import Flags

SERVICES: t.Final = ("systemd", "RKE2", "k0s", "K3s", "MicroK8s")
"""The distributions, by their rooms' names, whose API server a unit runs that a change restarts."""

_SAYS_ALL: t.Final = ("systemd",)
# Those whose API server has no process of its own, so that what it answers stands in place of its flags.
_WITHIN: t.Final = ("K3s", "MicroK8s")
# What each room knows of its distribution whether a file says it or not.
_KNOWN: t.Final = (ISSUER, JWKS_URI)
_ADDRESS: t.Final = "advertise-address"
_MAP: t.Final = re.compile(r"""\{\s*["']?[\w.+-]+["']?\s*:""")
# Stands for the issuer that is not known yet (RFC 2606: .invalid).
_NEW_ISSUER: t.Final = "https://new-issuer.invalid"

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


def within_of(observed: Observation) -> dict[str, t.Any] | None:
    """Return where to ask the API server that is a part of another program, as C(control_plane_info) takes it.

    None where it has a process of its own, and where the files do not say enough, which their description tells.
    """
    seen = seen_by(observed)
    if seen is None:
        return None
    try:
        room = room_of(seen)
        settings = flags_in(room.settings(seen)) if room.name in _WITHIN else {}
        if not settings:
            return None
        places, unit = room.places(seen), room.plan(seen, {}).restart.unit
    except InputError:
        return None
    return {
        "unit": unit,
        "url": places.api_url,
        "client_cert": places.client_cert,
        "client_key": places.client_key,
        "issuers": settings.get(ISSUER, []),
        "public_keys": [*places.public_keys],
        "signing_key": places.signing_key,
    }


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
    return _described(room, seen, observed)


def _described(room: Room, seen: Seen, observed: Observation) -> dict[str, t.Any]:
    settings = room.settings(seen)
    unit = room.plan(seen, {}).restart.unit
    flags = flags_in(settings)
    edited, refusal = _tried(room, seen, flags.get(ISSUER, []))
    if not seen.units.get(unit):
        return {"obstacle": f"{room.name} is on this host, and no systemd unit {unit}, which runs its API server."}
    running: Flags = observed["running_flags"]
    if room.name in _WITHIN:
        outcome = observed.get("outcome")
        if outcome is None and observed["ready"]:
            return {"obstacle": _hidden_outcome(room, seen, unit)}
        running = _shown_by(outcome, flags) if outcome is not None else flags if observed["pid"] is not None else {}
    links = observed["seen"].get("links", {})
    said = [setting.source.file for setting in settings if setting.source.line]
    files = [*said, *edited, *(file.path for file in seen.units.get(unit, ())), observed["manifest"]]
    file = next((name for name in [*said, *edited] if name in links), files[0])
    return {
        "distribution": room.name,
        "manifest": file,
        "manifest_exists": True,
        "manifest_link": links.get(file),
        "flags": flags if room.name in _SAYS_ALL else _with_running(settings, running),
        "running_flags": running,
        "unit": unit,
        "refusal": refusal,
    }


def _has(there: t.Sequence[str], values: t.Sequence[str]) -> bool:
    """Return whether values of a file are among those of a process.

    A distribution may put its own value in front, of which kube-apiserver takes the last, or add to a list in one.
    """
    behind = there[-len(values) :] if values else ()
    return len(behind) == len(values) > 0 and all(
        {*value.split(",")} <= {*own.split(",")} for value, own in zip(values, behind)
    )


def _hidden_outcome(room: Room, seen: Seen, unit: str) -> str:
    return (
        f"{unit} has the API server of {room.name} in its own process, which does not show its flags, and it signs no "
        f"token for the client certificate {room.places(seen).client_cert}, so that its issuers can't be seen. See "
        "whether that certificate is a cluster administrator's."
    )


def _shown_by(outcome: t.Mapping[str, t.Any], told: Flags) -> Flags:
    """Return the flags that an API server shows by what it answers, and those of its files that do not show."""
    found = Outcome(
        issuer=outcome["issuer"],
        audiences=tuple(outcome["audiences"]),
        accepted=tuple(outcome["accepted"]),
        jwks_uri=outcome["jwks_uri"],
        advertised=outcome["advertised"],
    )
    others = {name: values for name, values in told.items() if name not in SHOWN}
    address = {_ADDRESS: [found.advertised]} if found.advertised else {}
    return {**address, **others, **found.flags(told)}


def _tried(room: Room, seen: Seen, issuers: list[str]) -> tuple[list[str], list[str]]:
    """Return the files that an issuer besides these would change; and why the room refuses one, with the fix."""
    try:
        passes = [room.plan(seen, {ISSUER: wanted}) for wanted in ([*issuers, _NEW_ISSUER], [_NEW_ISSUER, *issuers])]
    except InputError as error:
        return [], [error.problem.replace(_NEW_ISSUER, "the new issuer"), error.fix]
    return [edit.path for plan in passes for edit in plan.edits], []


def _with_running(settings: t.Sequence[Setting], running: Flags) -> Flags:
    """Return the flags of the files, and those of the process that no file says.

    Where no process runs, those are there that the distribution is known to set.
    """
    told = flags_in(settings)
    said = {*_KNOWN, *(setting.flag for setting in settings if setting.source.line)}
    flags = {name: values for name, values in (running or told).items() if name not in said}
    for name in sorted(said):
        values, there = told.get(name, []), running.get(name, [])
        flags[name] = there if name not in _KNOWN and _has(there, values) else values
    return {name: values for name, values in flags.items() if values}


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
    """The flags that the new process runs with."""
    flags_before: Flags
    """Those that the files say now."""
    whole: bool
    """Whether those are all flags; the process has others besides where not, and none with an empty list."""
    outcome: dict[str, t.Any] | None
    """What to ask the API server for, as C(control_plane_edits_host) takes it; None where its flags are enough."""
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
        return " and ".join(edit.path for edit in self.edits) or self.restart.unit


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
    whole = room.name in _SAYS_ALL
    again = tuple(observed["changed_files"])
    settled = observed["settled"] and not observed["unconfirmed"]
    if whole:
        after = {name: values for name, values in {**configured, **wanted}.items() if values}
        flags_then, flags_before = after, configured
    else:
        files = {**seen.files, **{edit.path: edit.after for edit in plan.edits}}
        after = _with_running(room.settings(replace(seen, files=files)), observed["running_flags"])
        # Of a flag that is removed, the distribution may have a value of its own.
        given = [name for name, values in wanted.items() if values]
        shown = [name for name in given if room.name not in _WITHIN or name in SHOWN]
        flags_then, flags_before = _watched(after, shown), _watched(configured, shown)
    return EditsPlan(
        component=observed["component"],
        edits=plan.edits,
        restart=plan.restart,
        forced=bool(again),
        flags=flags_then,
        flags_before=flags_before,
        whole=whole,
        outcome=None if whole else _outcome(room, seen, [*after.get(ISSUER, []), *configured.get(ISSUER, [])]),
        api=asdict(_api(room, seen, after, observed["component"])),
        before={name: configured.get(name, []) for name in flags},
        after={name: after.get(name, []) for name in flags},
        restart_for=again,
        warnings=plan.warnings,
        reached=not plan.edits and not again and settled,
    )


def _outcome(room: Room, seen: Seen, issuers: t.Iterable[str]) -> dict[str, t.Any]:
    authority = room.places(seen).authority
    return {"issuers": [*dict.fromkeys(issuers)], "authority": authority, "within": room.name in _WITHIN}


def _api(room: Room, seen: Seen, flags: Flags, component: str) -> Serving:
    """Return where the new process answers: by its flags, or as the room knows it where no process shows them."""
    by_flags = serving(component, flags)
    if room.name in _SAYS_ALL or by_flags.client_cert:
        return by_flags
    places = room.places(seen)
    return Serving(places.api_url, places.client_cert, places.client_key)


def _watched(flags: Flags, changed: t.Iterable[str]) -> Flags:
    """Return the flags by which a process is known: those that every room knows, and those that the change gives."""
    return {name: flags.get(name, []) for name in dict.fromkeys([*_KNOWN, *changed])}


def is_unit_alone(observed: Observation) -> bool:
    """Tell whether a unit starts a component of which no flags are set here: kube-controller-manager's."""
    return bool(observed.get("unit")) and observed["distribution"] not in SERVICES


def planned_restart(observed: Observation) -> EditsPlan:
    """Return the restart of such a unit, for the files that it should read again; its flags stay as they are."""
    running: Flags = observed["running_flags"]
    again = tuple(observed["changed_files"])
    return EditsPlan(
        component=observed["component"],
        edits=(),
        restart=Restart("unit", observed["unit"], 15, "No token of a Secret is made, and no controller acts."),
        forced=bool(again),
        flags=running,
        flags_before=running,
        whole=True,
        outcome=None,
        api=asdict(serving(observed["component"], running)),
        before={},
        after={},
        restart_for=again,
        warnings=(),
        reached=not again and not observed["unconfirmed"],
    )


def shown_lines(edit: Edit) -> dict[str, str]:
    """Return the lines of a file that change, as Ansible shows a difference: others may hold secrets.

    A last line that gets its line break does not change; a map in one line may hold more than the flags.
    """
    before, after = (edit.before or "").splitlines(), edit.after.splitlines()
    gone, come = list[str](), list[str]()
    for tag, old, old_end, new, new_end in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag != "equal":
            gone += before[old:old_end]
            come += after[new:new_end]
    return {
        "before": "".join(map(_shown_line, gone)),
        "after": "".join(map(_shown_line, come)),
        "before_header": edit.path if edit.before is not None else f"{edit.path} (not there)",
        "after_header": edit.path,
    }


def _shown_line(line: str) -> str:
    return f"{'(a line with a map, which may hold secrets)' if _MAP.search(line) else line}\n"


def in_units(hosts: t.Mapping[str, Observation]) -> str:
    """Return where the flags of services stand, and who alone writes them again; empty where any host has another."""
    rooms = {observed["distribution"] for observed in hosts.values()}
    if not rooms or not rooms.issubset(SERVICES):
        return ""
    places: dict[str, list[str]] = {}
    for host, observed in hosts.items():
        place = observed["unit"] if observed["distribution"] in _SAYS_ALL else observed["manifest"]
        places.setdefault(str(place), []).append(host)
    where = "; ".join(f"in {place} on {', '.join(names)}" for place, names in places.items())
    upkeep = [room.upkeep(None) for room in ROOMS if room.name in rooms]
    said = [f"{each.undone_by} {each.put_instead}".strip() for each in upkeep]
    return " ".join([f"{where}.", *filter(None, said)])


__all__: t.Final = (
    "SERVICES",
    "EditsPlan",
    "described_by_room",
    "in_units",
    "is_unit_alone",
    "planned_edits",
    "planned_restart",
    "seen_by",
    "shown_lines",
    "within_of",
)
