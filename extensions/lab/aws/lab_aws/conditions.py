# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Condition block of a policy.

Source: IAM User Guide, "IAM JSON policy elements: Condition operators" and "Conditions with multiple context keys or
    values". Keys are compared without regard to case, values exactly (unless the operator says otherwise). All
    operators and all keys of a block must hold; of several values of one key, one is enough, and for a negated operator
    none may match. A key that is missing from the request fails a positive operator, satisfies a negated one, and
    satisfies every ``...IfExists``. Of a request key with several values, plain operators look at every value and want
    one that matches (none for a negated one), as ``ForAnyValue`` does; ``ForAllValues`` wants all, and holds for a
    missing key.
"""

from __future__ import annotations

import functools
import ipaddress
import re
import typing as t
from collections.abc import Callable, Mapping
from datetime import datetime, timezone

from . import documents

if t.TYPE_CHECKING:
    from .documents import JsonObject

Context = Mapping[str, tuple[str, ...]]
Match = Callable[[str, str], bool]


@functools.lru_cache(maxsize=1024)
def _wildcard(pattern: str, *, ignore_case: bool = False) -> re.Pattern[str]:
    parts = (".*" if char == "*" else "." if char == "?" else re.escape(char) for char in pattern)
    return re.compile("".join(parts), re.DOTALL | (re.IGNORECASE if ignore_case else 0))


def like(pattern: str, value: str, *, ignore_case: bool = False) -> bool:
    """Whether a value matches a pattern in which ``*`` stands for any text and ``?`` for one character."""
    return _wildcard(pattern, ignore_case=ignore_case).fullmatch(value) is not None


def _numbers(compare: Callable[[float, float], bool]) -> Match:
    def match(wanted: str, value: str) -> bool:
        try:
            return compare(float(value), float(wanted))
        except ValueError:
            return False

    return match


def _moment(text: str) -> datetime:
    try:
        return datetime.fromtimestamp(float(text), timezone.utc)
    except ValueError:
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def _dates(compare: Callable[[datetime, datetime], bool]) -> Match:
    def match(wanted: str, value: str) -> bool:
        try:
            return compare(_moment(value), _moment(wanted))
        except ValueError:
            return False

    return match


def _ip(wanted: str, value: str) -> bool:
    try:
        return ipaddress.ip_address(value) in ipaddress.ip_network(wanted, strict=False)
    except ValueError:
        return False


def _arn(wanted: str, value: str) -> bool:
    patterns, parts = wanted.split(":", 5), value.split(":", 5)
    return len(patterns) == len(parts) and all(map(like, patterns, parts))


_EQUAL: dict[str, Match] = {
    "StringEquals": lambda wanted, value: wanted == value,
    "StringEqualsIgnoreCase": lambda wanted, value: wanted.lower() == value.lower(),
    "StringLike": like,
    "NumericEquals": _numbers(lambda value, wanted: value == wanted),
    "DateEquals": _dates(lambda value, wanted: value == wanted),
    "ArnEquals": _arn,
    "ArnLike": _arn,
    "IpAddress": _ip,
}
_NEGATED = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "NumericNotEquals": "NumericEquals",
    "DateNotEquals": "DateEquals",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
    "NotIpAddress": "IpAddress",
}
_POSITIVE: dict[str, Match] = _EQUAL | {
    "NumericLessThan": _numbers(lambda value, wanted: value < wanted),
    "NumericLessThanEquals": _numbers(lambda value, wanted: value <= wanted),
    "NumericGreaterThan": _numbers(lambda value, wanted: value > wanted),
    "NumericGreaterThanEquals": _numbers(lambda value, wanted: value >= wanted),
    "DateLessThan": _dates(lambda value, wanted: value < wanted),
    "DateLessThanEquals": _dates(lambda value, wanted: value <= wanted),
    "DateGreaterThan": _dates(lambda value, wanted: value > wanted),
    "DateGreaterThanEquals": _dates(lambda value, wanted: value >= wanted),
    "Bool": lambda wanted, value: wanted.lower() == value.lower(),
    "BinaryEquals": lambda wanted, value: wanted == value,
}
_OPERATOR = re.compile(r"(?:(?P<set>ForAnyValue|ForAllValues):)?(?P<name>[A-Za-z]+?)(?P<if_exists>IfExists)?")
_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_TEXTUAL = ("String", "Arn")


def is_operator(name: str) -> bool:
    """Whether AWS knows this condition operator."""
    found = _OPERATOR.fullmatch(name)
    if not found:
        return False
    return (
        found["name"] in _POSITIVE or found["name"] in _NEGATED or (found["name"] == "Null" and not found["if_exists"])
    )


def lookup(context: Context, key: str) -> tuple[str, ...] | None:
    """Return the values of a condition key, whose name is compared without regard to case, or None."""
    return next((values for name, values in context.items() if name.lower() == key.lower()), None)


def substitute(text: str, context: Context) -> str | None:
    """Replace the policy variables of a text; None when one of them has no single value, for then nothing matches.

    Source: IAM User Guide, "IAM policy elements: Variables and tags".
    """
    missing = False

    def value(found: re.Match[str]) -> str:
        nonlocal missing
        name, _comma, default = found[1].partition(",")
        if name.strip() in {"*", "?", "$"}:
            return name.strip()
        values = lookup(context, name.strip())
        if values is not None and len(values) == 1:
            return values[0]
        missing = missing or not default
        return default.strip().strip("'")

    result = _VARIABLE.sub(value, text)
    return None if missing else result


def _holds(operator: str, wanted: list[str], values: tuple[str, ...] | None, context: Context) -> bool:
    found = _OPERATOR.fullmatch(operator)
    if found is None:
        return False
    name, quantifier = found["name"], found["set"]
    if name == "Null":
        return ((values is None) == (wanted[0].lower() == "true")) if wanted else False
    if values is None or (not values and quantifier):
        return bool(found["if_exists"]) or quantifier == "ForAllValues" or (name in _NEGATED and not quantifier)
    if name.startswith(_TEXTUAL):
        wanted = [text for item in wanted if (text := substitute(item, context)) is not None]
    negated = name in _NEGATED
    match = _POSITIVE.get(_NEGATED.get(name, name))
    if match is None:
        return False

    def one(value: str) -> bool:
        return any(match(item, value) for item in wanted) != negated

    if quantifier == "ForAllValues" or (negated and not quantifier):
        return all(one(value) for value in values)
    return any(one(value) for value in values)


def met(block: Mapping[str, JsonObject] | None, context: Context) -> bool:
    """Whether every condition of a block holds in the context of a request; no block, no condition."""
    return all(
        _holds(operator, documents.strings(wanted), lookup(context, key), context)
        for operator, keys in (block or {}).items()
        for key, wanted in keys.items()
    )
