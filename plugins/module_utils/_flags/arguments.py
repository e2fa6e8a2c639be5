# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Command-line flags as Kubernetes components read them. PRIVATE to the collection: it may change without notice.

Runs on managed hosts (arguments of a process) and on the controller (arguments in a manifest): standard library alone.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError

Flags = dict[str, list[str]]
"""Values of each flag in their order; flags are named without dashes in front."""

_LONG = re.compile(r"--(?P<name>[^=-][^=]*)(?:(?P<joined>=)(?P<value>.*))?", re.DOTALL)
_SHORT = re.compile(r"-(?P<name>[A-Za-z])(?P<joined>=?)(?P<value>.*)", re.DOTALL)
_NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")


@dataclass(frozen=True)
class Flag:
    """One occurrence of a flag: where its first item stands, and over how many items (1 or 2) it stretches."""

    name: str
    value: str
    index: int
    length: int
    bare: bool = False
    """Written without a value."""

    @property
    def end(self) -> int:
        """The index behind the occurrence's last item."""
        return self.index + self.length


def occurrences(arguments: t.Sequence[str], *, start: int = 0) -> list[Flag]:
    """Return the flags among arguments from index start on, in order.

    The rules are those of pflag, which Kubernetes uses: C(--name=value) and C(--name value) mean the same, C(--name)
    without a value is C(true), C(_) in a name means C(-), C(--) ends the flags, and what belongs to no flag is passed
    over. Without knowledge of each flag's type, an item that begins with a dash is taken for a flag, not for a value.
    """
    found = []
    index = start
    while index < len(arguments) and arguments[index] != "--":
        flag = _flag_at(arguments, index)
        if flag is not None:
            found.append(flag)
        index += flag.length if flag is not None else 1
    return found


def _flag_at(arguments: t.Sequence[str], index: int) -> Flag | None:
    match = _LONG.fullmatch(arguments[index]) or _SHORT.fullmatch(arguments[index])
    if match is None:
        return None
    name = match["name"].replace("_", "-")
    if match["joined"] or match["value"]:
        return Flag(name, match["value"], index, 1)
    if index + 1 < len(arguments) and not arguments[index + 1].startswith("-"):
        return Flag(name, arguments[index + 1], index, 2)
    return Flag(name, "true", index, 1, bare=True)


def values_by_name(flags: t.Iterable[Flag]) -> Flags:
    """Return the values of each flag, in the order in which they stand."""
    values: Flags = {}
    for flag in flags:
        values.setdefault(flag.name, []).append(flag.value)
    return values


def flags_of(arguments: t.Sequence[str]) -> Flags:
    """Return the values of each flag among arguments; what stands before the first flag (the program) is not a flag."""
    return values_by_name(occurrences(arguments))


def check_flags(flags: t.Mapping[str, object]) -> Flags:
    """Return the flags that a user asks for, or raise InputError for a name or value that can't be written down.

    Each flag has a list of values; a number or a boolean in it becomes what a command line says for it.
    """
    for name, values in flags.items():
        if not isinstance(name, str) or _NAME.fullmatch(name) is None:
            raise InputError(
                f"The flag {name!r} must be named as in the component's --help, without dashes in front.",
                fix="Write it like service-account-issuer.",
            )
        if not isinstance(values, list):
            raise InputError(
                f"The flag {name} must have a list of values, even of one, and not {values!r}.",
                fix=f'Write it like {name}: ["VALUE"]; an empty list removes the flag.',
            )
        for value in values:
            if not isinstance(value, (str, int)):
                raise InputError(
                    f"The flag {name} must have a list of values that are words, whole numbers or booleans, and "
                    f"{value!r} is none of these.",
                    fix="Write in quotes what --help says of the flag.",
                )
            if not str(value).isprintable():
                raise InputError(
                    f"The value {value!r} of the flag {name} must consist of printable characters.",
                    fix="Remove line breaks and control characters.",
                )
    return {name: [word(value) for value in t.cast("list[object]", values)] for name, values in flags.items()}


def word(value: object) -> str:
    """Return what a command line says for a value of YAML."""
    return str(value).lower() if isinstance(value, bool) else str(value)


__all__: t.Final = ("Flag", "Flags", "check_flags", "flags_of", "occurrences", "values_by_name", "word")
