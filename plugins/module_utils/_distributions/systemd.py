# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""kube-apiserver as a systemd unit, as in "the hard way" and what grew out of it. PRIVATE to the collection.

The flags stand in C(ExecStart=) of the unit or of a drop-in, or in a file of C(EnvironmentFile=) that it names. They
are changed there, because whoever keeps the unit looks for them there, and two places with one flag drift apart. Where
the command stands in a file of a package (C(/usr/lib)), its next version would bring the old flags back: then a drop-in
in C(/etc) sets the whole command, since systemd has no way to change a part of it (systemd.service(5), C(ExecStart=)).

Pure.
"""

from __future__ import annotations

import posixpath
import typing as t
from dataclasses import dataclass

from ansible_collections.onprem.irsa.plugins.module_utils._distributions.by_hand import (
    block,
    by_hand,
    without_values,
)
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.room import (
    PUBLIC_KEYS,
    SIGNING_KEY,
    Edit,
    Flags,
    Marks,
    Places,
    Plan,
    Restart,
    Seen,
    Setting,
    UnitFile,
    Upkeep,
    as_wanted,
    checked,
    flags_in,
    readable,
    refuse_scattered,
)
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.unit_edits import (
    NotOursError,
    may_be_changed,
    with_flags,
)
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.unit_files import (
    Command,
    command_of,
    environment_files,
    is_there,
    required_files,
    written,
)
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._flags.arguments import flags_of, occurrences
from ansible_collections.onprem.irsa.plugins.module_utils._flags.serving import serving

PROGRAM: t.Final = "kube-apiserver"
UNIT: t.Final = "kube-apiserver.service"
DROP_IN: t.Final = "zz-onprem-irsa.conf"
"""The drop-in for a unit of a package; its name comes behind those that others give theirs."""

_OWN_UNITS = "/etc/systemd/system"
_MARKS = Marks(units=(UNIT,), programs=(PROGRAM,))
_NEW_MODE = 0o644
# kube-apiserver is ready after 5 to 15 s; before, it has up to 60 s for requests that it still answers.
_SECONDS = 75
_ASK = "kubectl --server=https://127.0.0.1:6443 get --raw"


@dataclass(frozen=True)
class Systemd:
    """A unit that starts kube-apiserver itself."""

    name: str = "systemd"
    special_form_of: str = ""
    marks: Marks = _MARKS

    def named_files(self, seen: Seen) -> tuple[str, ...]:
        """Return the files with variables that the unit names."""
        unit = self.unit(seen)
        return environment_files(seen.units[unit], unit) if unit else ()

    def detect(self, seen: Seen) -> bool:
        """Return whether a unit's command names kube-apiserver, and its process runs in that unit, or none runs."""
        return bool(self.unit(seen))

    def unit(self, seen: Seen) -> str:
        """Return the unit that starts the API server; empty where none does."""
        return (*self._units(seen), "")[0]

    @staticmethod
    def _units(seen: Seen) -> list[str]:
        processes = [
            process for process in seen.processes if posixpath.basename((*process.arguments, "")[0]) == PROGRAM
        ]
        names = [process.unit for process in processes] if processes else [UNIT]
        return [name for name in dict.fromkeys(names) if name and _starts(seen.units.get(name, ()))]

    def settings(self, seen: Seen) -> list[Setting]:
        """Return the flags in the order of the command's words."""
        words = self.command(seen).words[1:]
        return [
            Setting(flag.name, flag.value, words[flag.end - 1].source)
            for flag in occurrences([word.value for word in words])
        ]

    def command(self, seen: Seen) -> Command:
        """Return the command of the unit; raises InputError where a shell or another wrapper hides the flags."""
        units = self._units(seen)
        if len(units) > 1:
            raise InputError(
                f"{' and '.join(units)} run {PROGRAM} on this host, and which one the cluster uses can't be told.",
                fix="Stop and disable all but that one.",
            )
        unit = (*units, "")[0]
        files = seen.units.get(unit, ())
        for path in (*(file.path for file in files), *environment_files(files, unit)):
            readable(seen, path)
        command = command_of(files, seen.files, unit=unit) if files else None
        if command is None:
            raise InputError(
                f"No unit starts {PROGRAM} on this host.", fix=f"Let {UNIT} start it, or start the one that does."
            )
        if posixpath.basename(command.program) != PROGRAM:
            raise InputError(
                f"{command.source}: {unit} starts {PROGRAM} by {command.program}, where its flags can't be seen.",
                fix=f"Write ExecStart= with the path of {PROGRAM} and its flags.",
            )
        return command

    def plan(self, seen: Seen, wanted: Flags, *, disruptive: bool = False) -> Plan:
        """Return the edits of the unit's files and of its files with variables."""
        unit, command, flags = self.unit(seen), self.command(seen), checked(wanted)
        _refuse_missing(unit, seen)
        settings = self.settings(seen)
        changed = {name: values for name, values in flags.items() if not as_wanted(flags_in(settings), {name: values})}
        for name in changed:
            refuse_scattered(name, settings)
        files, warnings = [*seen.units[unit]], list[str]()
        variables = {path: text for path, text in seen.files.items() if path not in {file.path for file in files}}
        try:
            after = with_flags(files, variables, changed, unit=unit)
        except NotOursError as error:
            files = [*files, _drop_in(unit, command, files, error)]
            after = self._in_drop_in(files, variables, changed, unit)
            warnings.append(_shadowed(unit, command, files[-1].path))
        before = {file.path: file.text for file in seen.units[unit]} | variables
        edits = tuple(_edit(path, before.get(path), text) for path, text in after.items())
        in_unit = {file.path for file in files}
        restart = Restart(
            "unit",
            unit,
            _SECONDS,
            "This host's API server gives no answer.",
            reload=any(edit.path in in_unit for edit in edits),
        )
        return Plan(edits, restart, tuple(warnings))

    @staticmethod
    def _in_drop_in(files: list[UnitFile], variables: t.Mapping[str, str], flags: Flags, unit: str) -> dict[str, str]:
        try:
            return {files[-1].path: files[-1].text, **with_flags(files, variables, flags, unit=unit)}
        except NotOursError as error:
            raise InputError(
                f"{error.path}: has the value of {', '.join(f'--{name}' for name in flags)} for {unit}, and belongs to "
                "a package or is written at each boot.",
                fix=f"Set the flags in a drop-in of your own (`systemctl edit {unit}`): an empty ExecStart=, and "
                "behind it the whole command.",
            ) from None

    def places(self, seen: Seen) -> Places:
        """Return where key files and API server are, by the flags."""
        command = self.command(seen)
        flags = flags_of(command.arguments[1:])
        return Places(
            signing_key=flags.get(SIGNING_KEY, [""])[-1],
            public_keys=tuple(flags.get(PUBLIC_KEYS, [])),
            kubeconfig="",
            api_url=serving(PROGRAM, flags).url,
            component_user=command.user,
        )

    def upkeep(self, version: str | None) -> Upkeep:
        """Return that nothing of Kubernetes writes a unit: only what has written this one does."""
        return Upkeep(
            undone_by="Nothing of Kubernetes writes the unit again; only what has written it does, such as your own "
            "playbooks or images.",
            put_instead="Set the same flags where the unit comes from, and give a host that joins the control plane "
            "the same ones.",
        )

    def show(self, wanted: Flags, version: str | None) -> str:
        """Return what to write into the unit by hand."""

        def steps(flags: Flags) -> str:
            lines = "".join(
                f"{written(f'--{name}={value}')} \\\n" for name, values in flags.items() for value in values
            )
            gone = without_values(flags)
            return (
                "On each control-plane host, one after the other, put these lines behind that of the program, in this "
                "order and in place of all of the same flags: an issuer that is there twice keeps the API server from "
                f"starting.{f' Remove {gone}.' if gone else ''}\n\n{block(lines)}\n\n"
                f"Then restart it, and wait until it says ok before you go to the next:\n\n"
                f"{block(f'systemctl daemon-reload && systemctl restart {UNIT}{chr(10)}{_ASK} /readyz')}\n\n"
                f"Where it does not come up, `journalctl -u {UNIT} -n 50` says why; put the file back and restart it."
            )

        about = (
            f"The flags stand in ExecStart= of {UNIT} (`systemctl cat {UNIT}`), or in a file of EnvironmentFile= that "
            "it names. Change them there; the \\ at the end of a line goes on with the next one."
            f" `{_ASK.partition(' --server')[0]}` needs an administrator's kubeconfig, and the server's own port. "
            "Where the unit belongs to a package, write a drop-in with "
            f"`systemctl edit {UNIT}`: [Service], an empty ExecStart=, and ExecStart= with the whole command."
        )
        ask = f"ask on each host with `{_ASK} /.well-known/openid-configuration`"
        return by_hand(wanted, about=about, steps=steps, ask=ask)


def _starts(files: t.Iterable[UnitFile]) -> bool:
    """Return whether a unit's command names the program; what is wrong with the unit is said when it is read."""
    return any("ExecStart" in file.text and PROGRAM in file.text for file in files)


def _refuse_missing(unit: str, seen: Seen) -> None:
    """Refuse a unit that runs and would not start again."""
    for path in required_files(seen.units[unit], unit):
        if not is_there(path, seen.files):
            raise InputError(
                f"{path}: {unit} names it in EnvironmentFile=, and there is no such file, so that systemd would not "
                f"start {unit} again.",
                fix=f"Write the file, or -{path} where it may be missing.",
            )


def _drop_in(unit: str, command: Command, files: list[UnitFile], error: NotOursError) -> UnitFile:
    """Return a drop-in with the command as the unit has it."""
    path = f"{_OWN_UNITS}/{unit}.d/{DROP_IN}"
    place, name = posixpath.split(command.source.file)
    if not error.command and may_be_changed(command.source.file):
        raise InputError(
            f"{error.path}: has a value of flags of {unit}, and belongs to a package or is written at each boot.",
            fix=f"Write these flags in {command.source.file} itself.",
        )
    if place.startswith("/run/systemd/transient") or (place.endswith(".d") and name >= DROP_IN):
        raise InputError(
            f"{command.source}: no drop-in in {_OWN_UNITS}/{unit}.d can replace the command of {unit} there.",
            fix=f"Keep the unit in {_OWN_UNITS}, and run it again.",
        )
    if any(file.path == path for file in files):
        raise InputError(
            f"{path}: is there already, and does not set the command of {unit}.",
            fix="Move what it says to a drop-in with another name, and run it again.",
        )
    text = next(file.text for file in files if file.path == command.source.file)
    lines = text[command.start : command.end]
    return UnitFile(
        path,
        f"# Written by the Ansible collection onprem.irsa: the command of {command.source.file} with other flags.\n"
        f"[Service]\nExecStart=\n{lines}{'' if lines.endswith(chr(10)) else chr(10)}",
    )


def _shadowed(unit: str, command: Command, path: str) -> str:
    return (
        f"{command.source.file} belongs to a package, so that {path} sets the whole command of {unit}. A later version "
        "of the package that changes its command changes nothing: compare both after upgrades (`systemctl cat "
        f"{unit}`)."
    )


def _edit(path: str, before: str | None, after: str) -> Edit:
    return Edit(path, before, after, _NEW_MODE if before is None else None)


SYSTEMD: t.Final = Systemd()

__all__: t.Final = ("DROP_IN", "PROGRAM", "SYSTEMD", "UNIT", "Systemd")
