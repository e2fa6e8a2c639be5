# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the rules of a role look at. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import posixpath
import typing as t
from dataclasses import dataclass

from ansible.module_utils.parsing.convert_bool import boolean

Values = t.Mapping[str, t.Any]
"""Variables by their names, with the values that their templates have; those with a default in the role are there."""


@dataclass(frozen=True)
class File:
    """What the controller has under a path."""

    path: str
    """From C(/), without a C(~) and without links."""
    is_file: bool = False
    is_directory: bool = False
    is_readable: bool = False
    """Whether it is a file whose content can be read."""
    text: str | None = None
    """The content of a readable file; None where it is not UTF-8."""


Look = t.Callable[[str], File]
"""Looks at a path as a user writes it: from C(/), from C(~) or from the directory in which the play is run."""


def text(values: Values, name: str) -> str:
    """Return a variable as text; an empty one where it is not set or holds nothing."""
    return str(values.get(name) or "")


def is_true(values: Values, name: str) -> bool:
    """Return a switch as Ansible's filter C(bool) reads it: C(-e) hands it on as text."""
    return bool(boolean(values.get(name), strict=False))


def whole(values: Values, name: str) -> int:
    """Return a number, which C(-e) hands on as text; 0 for what is none, as Ansible's filter C(int) does."""
    try:
        return int(str(values.get(name)))
    except ValueError:
        return 0


def missing_file(values: Values, name: str, look: Look) -> list[str]:
    """Say that the file that a variable names cannot be read on the controller."""
    if not text(values, name):
        return []
    found = look(text(values, name))
    if found.is_readable:
        return []
    return [
        f"{name} names the file {found.path}, which does not exist on the controller, or cannot be read. Give the path "
        "of one, from / or relative to the directory in which you run the play."
    ]


def rules_file_problems(values: Values, name: str, mark: str, look: Look, *, holds: str = "rules") -> t.Iterator[str]:
    """Say why alert rules, or what else a file HOLDS, cannot be written to the file that a variable names for them.

    A run may write over a file that has its own MARK, such as its group of rules, and over an empty one.
    """
    given = text(values, name)
    if not given:
        return
    found, named = look(given), f"{name} is {given}"
    directory = posixpath.dirname(found.path)
    if found.is_directory:
        yield f"{named}, which is a directory. Name a file in it, as in {found.path}/irsa.yml."
    elif not look(directory).is_directory:
        yield f"{named}, but the controller has no directory {directory}. Make it, or name a file in one that is there."
    elif found.is_file and (found.text is None or (found.text.strip() and mark not in found.text)):
        yield f"{named}, which has other {holds} than this role's: a run would overwrite them. Name a file of its own."


__all__: t.Final = ("File", "Look", "Values", "is_true", "missing_file", "rules_file_problems", "text", "whole")
