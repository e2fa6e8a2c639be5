# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong, as people read it. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import sys
import typing as t
from contextlib import contextmanager
from difflib import SequenceMatcher, get_close_matches
from traceback import format_exception

from ansible_collections.onprem.irsa.plugins.module_utils._python import require_python

# Every module of the collection imports this file before others of it.
require_python(sys.version_info[:3], sys.executable)


class IrsaError(Exception):
    """Root of every error that the collection's own code raises: what is wrong, and what to do about it."""

    def __init__(self, problem: str, *, fix: str) -> None:
        """Take the problem, naming the value and the rule it breaks, and the fix; each a sentence."""
        super().__init__(f"{problem} {fix}")
        self.problem = problem
        self.fix = fix
        self.result: dict[str, t.Any] = {}
        """What the module returns besides the message: what was done before, which nobody should have to look up."""

    def add(self, sentence: str, result: dict[str, t.Any]) -> None:
        """Let the message end in a sentence more, unless that is empty, and the module return this in addition."""
        self.args = (" ".join(filter(None, (str(self), sentence))),)
        self.result = result


class InputError(IrsaError):
    """A value given by the user breaks a rule; nothing was touched."""


class PublicAccessError(IrsaError):
    """Documents are not public although their bucket lets everybody read them."""


class ApiError(IrsaError):
    """The API server of a cluster refused, or could not be asked."""

    def __init__(self, problem: str, *, fix: str, status: int = 0, said: str = "") -> None:
        """Take the HTTP status, 0 without an answer, and the API server's own words."""
        super().__init__(problem, fix=fix)
        self.status = status
        self.said = said or problem


_LONGEST_NAME: t.Final = 2048  # as the ARN of a role: the time to compare grows with the square


def nearest(value: str, known: t.Iterable[str]) -> str:
    """Return a question that names what was probably meant, all of it where several names are as near.

    What only has two neighbouring letters swapped is the nearest. The text is empty when nothing known is near.
    """
    if len(value) > _LONGEST_NAME:
        return ""
    folded = {name.lower(): name for name in sorted(known, reverse=True) if len(name) <= _LONGEST_NAME}
    if value in folded.values():
        return f"Did you mean {value}?"
    written = value.lower()
    swapped = {written[:at] + written[at : at + 2][::-1] + written[at + 2 :] for at in range(len(written) - 1)}
    found = sorted(swapped.intersection(folded)) or _as_near(written, folded)
    *others, last = [folded[name] for name in found] or [""]
    meant = f"{', '.join(others)} or {last}" if others else last
    return f"Did you mean {meant}?" if meant else ""


def _as_near(value: str, known: t.Collection[str]) -> list[str]:
    """Return the names that are nearest to VALUE, several where they are as near as each other."""
    near = get_close_matches(value, sorted(known), n=len(known) or 1, cutoff=0.75)
    alike = {name: SequenceMatcher(None, name, value).ratio() for name in near}
    return sorted(name for name in near if alike[name] == max(alike.values()))


class _Module(t.Protocol):
    def fail_json(self, msg: str, *, exception: str, **result: t.Any) -> t.NoReturn: ...  # noqa: ANN401 -- JSON


@contextmanager
def reported(module: _Module) -> t.Iterator[None]:
    """Turn an IrsaError raised in the body into the module's failure: the one place where that happens.

    The error goes along as a traceback, which has its causes. Of an exception Ansible would join the words of all
    causes to the message, which says what is of use of them already.
    """
    try:
        yield
    except IrsaError as error:
        trace = "".join(format_exception(type(error), error, error.__traceback__))
        module.fail_json(msg=str(error), exception=trace, **error.result)
