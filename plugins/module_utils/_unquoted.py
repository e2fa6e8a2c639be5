# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers and booleans where a text is meant. PRIVATE to the collection: it may change without notice.

Source: YAML 1.1, "Integer", "Floating-Point" and "Boolean Language-Independent Type", as Ansible reads inventories:
C(012) is 10, C(12:30:45) is 45045, C(1.10) is 1.1, and C(yes), C(no), C(on) and C(off) are booleans. A time is read as
well, and written differently afterwards; a date stays the text that it was.
"""

from __future__ import annotations

import re
import typing as t
from datetime import datetime

_QUOTES: t.Final = "Write it in quotes."
# As Python writes a number or a boolean that Ansible has turned into a text already.
_WRITTEN: t.Final = re.compile(r"True|False|None|-?\d+(\.\d+)?(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return f"the boolean {str(value).lower()} (so are yes, no, on and off)"
    if isinstance(value, datetime):
        return f"the time {value.isoformat()}"
    return f"the number {value} (012 is read as 10, 12:30:45 as 45045, 1.10 as 1.1)"


def is_unquoted(value: object) -> bool:
    """Tell whether a value, where a text is meant, is a number, a boolean or a time."""
    return isinstance(value, (bool, int, float, datetime))


def unquoted_problem(what: str, value: object) -> str:
    """Say what YAML has read, for a value that is_unquoted(); WHAT names the option."""
    return f"{what} must be a text, and YAML has read {_kind(value)}. {_QUOTES}"


def unquoted_key_problems(what: str, given: object) -> list[str]:
    """Say which keys of a mapping are none that were written, or hold nothing; WHAT names what they are keys of."""
    keys = given if isinstance(given, t.Mapping) else {}
    return [
        f"{what} has a key that YAML has read as null. {_QUOTES}"
        if key is None
        else unquoted_problem(f"{what}: key", key)
        for key in keys
        if key is None or is_unquoted(key)
    ]


def unquoted_hint(value: str) -> str:
    """Return what to do about a text that is wrong and may have been a number or a boolean; empty for others.

    Ansible has turned the value of a module's option into a text, so what was written is lost.
    """
    if _WRITTEN.fullmatch(value) is None:
        return ""
    return f" Without quotes YAML reads numbers and booleans (012 is 10, yes is True). {_QUOTES}"


__all__: t.Final = ("is_unquoted", "unquoted_hint", "unquoted_key_problems", "unquoted_problem")
