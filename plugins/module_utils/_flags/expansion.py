# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables in a container's command and arguments. PRIVATE to the collection: it may change without notice.

Before a container starts, the kubelet replaces C($(NAME)) by the value of the environment variable NAME; C($$) stands
for one C($), and a name that is not defined stays as it is (Kubernetes API, Container.command; the code is
third_party/forked/golang/expansion). Pure. Runs on managed hosts and on the controller: standard library alone.
"""

from __future__ import annotations

import re
import typing as t

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._flags.arguments import Flags

# A dollar sign with what it begins: an escaped one, a whole reference, or any other character, which is passed over.
_TOKEN = re.compile(r"\$(?:(?P<escaped>\$)|\((?P<name>[^)]*)\)|.)", re.DOTALL)


def expanded(text: str, values: t.Mapping[str, str]) -> str:
    """Return what the kubelet makes of a text, with the values of the variables that are defined."""

    def replacement(found: re.Match[str]) -> str:
        name = found["name"]
        if name is not None:
            return values.get(name, found[0])
        return "$" if found["escaped"] else found[0]

    return _TOKEN.sub(replacement, text)


def escaped(text: str) -> str:
    """Return the text of which the kubelet makes this one, whatever variables there are."""
    return text.replace("$", "$$")


def protected(text: str) -> str:
    """Return the text, escaped where the kubelet might change it, for an environment that is not known."""
    return escaped(text) if expanded(text, {}) != text or references(text) else text


def references(text: str) -> list[str]:
    """Return the names in a text that the kubelet would replace if they were defined."""
    return [found["name"] for found in _TOKEN.finditer(text) if found["name"] is not None]


def shown(configured: Flags, running: Flags, names: t.Collection[str]) -> dict[str, str]:
    """Return the values of variables that the kubelet alone knows, as the flags of a process show them.

    configured: the flags, in which C($(NAME)) stands for the value of such a variable.
    running: the flags of the process.
    names: these variables. One that no flag shows is left out; one that some flag has as C($(NAME)) itself has that for
    a value where no other flag shows another one: it was escaped there, or is not defined.
    """
    values: dict[str, str] = {}
    themselves: dict[str, str] = {}
    for flag, texts in configured.items():
        for text, value in zip(texts, running.get(flag, [])):
            for name, found in _matched(_filled(text, values), value, names).items():
                (themselves if found == f"$({name})" else values)[name] = found
    return {**themselves, **values}


def runs_with(configured: Flags, running: Flags, names: t.Collection[str]) -> bool:
    """Return whether a process has these flags, whatever the kubelet has put in for the variables that it alone knows.

    An escaped C($(NAME)) is not told from a variable here, so that each may stand as it is.
    """
    values = shown(configured, running, names)
    numbers = [{flag: len(texts) for flag, texts in flags.items()} for flags in (configured, running)]
    return numbers[0] == numbers[1] and all(
        value in (text, _filled(text, values))
        for flag, texts in configured.items()
        for text, value in zip(texts, running[flag])
    )


def _filled(text: str, values: t.Mapping[str, str]) -> str:
    return _named(values).sub(lambda found: values[found[1]], text) if values else text


def _matched(text: str, value: str, names: t.Collection[str]) -> dict[str, str]:
    """Return the values with which the text is this value; none where no values make it so."""
    groups: dict[str, str] = {}
    pattern = ""
    pieces = _named(names).split(text) if names else [text]
    for number, piece in enumerate(pieces):
        if number % 2 == 0:  # what stands between two names
            pattern += re.escape(piece)
        elif piece in groups:
            pattern += f"(?P={groups[piece]})"
        else:
            groups[piece] = f"v{number}"
            pattern += f"(?P<v{number}>.*)"
    found = re.fullmatch(pattern, value, re.DOTALL)
    return {name: found[group] for name, group in groups.items()} if found else {}


def _named(names: t.Iterable[str]) -> re.Pattern[str]:
    return re.compile(rf"\$\(({'|'.join(map(re.escape, names))})\)")


__all__: t.Final = ("escaped", "expanded", "protected", "references", "runs_with", "shown")
