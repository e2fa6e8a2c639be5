# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Condition block of a trust policy, evaluated. PRIVATE to the collection: it may change without notice.

Sources: IAM User Guide, "IAM JSON policy elements: Condition operators", "Conditions with multiple context keys or
values", "IAM policy elements: Variables and tags" and "AWS global condition context keys".
"""

from __future__ import annotations

import functools
import ipaddress
import re
import typing as t
from dataclasses import dataclass
from datetime import date, datetime, timezone

Context = t.Mapping[str, t.Sequence[str]]
"""What a request carries: the values of each condition key, whose name is in lower case."""
Match = t.Callable[[str, str], bool]

# Keys of AWS's own that no request with a web identity of a Kubernetes service account carries: it has no principal
# yet, and the token has no tags. Every other aws: and sts: key that is not known may have any value.
_ABSENT: t.Final = re.compile(
    r"aws:(principal(arn|account|orgid|orgpaths|type|isawsservice|servicename|servicenameslist|tag/.*)|userid|username"
    r"|multifactorauth(present|age)|tokenissuetime|requesttag/.*|tagkeys|resource(tag/.*|account|orgid|orgpaths)"
    r"|source(arn|account|orgid|orgpaths|identity)|viaawsservice|calledvia(first|last)?|ec2instancesource.*)"
    r"|sts:(externalid|sourceidentity|transitivetagkeys|requestcontext/.*)"
)
_OPERATOR: t.Final = re.compile(r"(?:(?P<set>foranyvalue|forallvalues):)?(?P<name>[a-z]+?)(?P<if_exists>ifexists)?")
_VARIABLE: t.Final = re.compile(r"\$\{([^}]*)\}")


def text(value: object) -> str:
    """Return a value of a policy as IAM compares it: JSON's true and false are the texts, times have a T."""
    if isinstance(value, date):
        return value.isoformat()
    return str(value).lower() if isinstance(value, bool) else str(value)


def texts(value: object) -> list[str]:
    """Return one value, or each of a list of them, as texts."""
    return [text(item) for item in (value if isinstance(value, (list, tuple)) else [value])]


def like(pattern: str, value: str, *, ignore_case: bool = False) -> bool:
    """Tell whether a value has the form of a pattern of IAM: C(*) for any characters, C(?) for one.

    Each part between stars is taken at the first place that it fits, so that no pattern takes longer than its length
    times that of the value: one expression for all of it would try every combination of places.
    """
    first, *parts = _expressions(pattern, ignore_case=ignore_case)
    if not parts:
        return first.fullmatch(value) is not None
    found = first.match(value)
    for part in parts[:-1]:
        found = found and part.search(value, found.end())
    if found is None:
        return False
    end = len(value) - len(pattern.rpartition("*")[2])
    return end >= found.end() and parts[-1].fullmatch(value, end) is not None


@functools.lru_cache(maxsize=1024)
def _expressions(pattern: str, *, ignore_case: bool) -> list[re.Pattern[str]]:
    """Return an expression for each part of a pattern that is between stars."""
    flags = re.DOTALL | (re.IGNORECASE if ignore_case else 0)
    parts = ("".join("." if char == "?" else re.escape(char) for char in part) for part in pattern.split("*"))
    return [re.compile(part, flags) for part in parts]


def _arn_like(pattern: str, value: str) -> bool:
    parts, found = pattern.split(":", 5), value.split(":", 5)
    return len(parts) == len(found) and all(map(like, parts, found))


def _in_network(network: str, address: str) -> bool:
    return ipaddress.ip_address(address) in ipaddress.ip_network(network, strict=False)


def _moment(value: str) -> datetime:
    try:
        return datetime.fromtimestamp(float(value), timezone.utc)
    except ValueError:
        moment = datetime.fromisoformat(value.replace("Z", "+00:00"))
        return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def _ordered(prefix: str, read: t.Callable[[str], t.Any]) -> dict[str, Match]:
    return {
        f"{prefix}equals": lambda wanted, found: read(found) == read(wanted),
        f"{prefix}lessthan": lambda wanted, found: read(found) < read(wanted),
        f"{prefix}lessthanequals": lambda wanted, found: read(found) <= read(wanted),
        f"{prefix}greaterthan": lambda wanted, found: read(found) > read(wanted),
        f"{prefix}greaterthanequals": lambda wanted, found: read(found) >= read(wanted),
    }


# As IAM spells them; it tells upper from lower case.
OPERATORS: t.Final = (
    *(f"{kind}{form}" for kind in ("String", "Arn") for form in ("Equals", "NotEquals", "Like", "NotLike")),
    *(
        "StringEqualsIgnoreCase",
        "StringNotEqualsIgnoreCase",
        "Bool",
        "BinaryEquals",
        "IpAddress",
        "NotIpAddress",
        "Null",
    ),
    *(
        f"{kind}{form}"
        for kind in ("Numeric", "Date")
        for form in ("Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals")
    ),
)
_SPELT: t.Final = re.compile(rf"(?:ForAnyValue:|ForAllValues:)?(?:{'|'.join(OPERATORS)})(?:IfExists)?")

_POSITIVE: t.Final[dict[str, Match]] = {
    "stringequals": lambda wanted, found: wanted == found,
    "stringequalsignorecase": lambda wanted, found: wanted.lower() == found.lower(),
    "stringlike": like,
    "arnequals": _arn_like,
    "arnlike": _arn_like,
    "bool": lambda wanted, found: wanted.lower() == found.lower(),
    "binaryequals": lambda wanted, found: wanted == found,
    "ipaddress": _in_network,
    **_ordered("numeric", float),
    **_ordered("date", _moment),
}
_NEGATED: t.Final = {
    "stringnotequals": "stringequals",
    "stringnotequalsignorecase": "stringequalsignorecase",
    "stringnotlike": "stringlike",
    "arnnotequals": "arnequals",
    "arnnotlike": "arnlike",
    "numericnotequals": "numericequals",
    "datenotequals": "dateequals",
    "notipaddress": "ipaddress",
}


@dataclass(frozen=True)
class Operator:
    """A condition operator, taken apart."""

    name: str
    """In lower case, without what the other fields say."""
    negated: bool
    """Whether it asks that no value match."""
    if_exists: bool
    """Whether it holds for a key that the request does not carry."""
    quantifier: str
    """C(forallvalues) (which holds for a missing key, too), C(foranyvalue) or nothing."""

    @property
    def demands(self) -> bool:
        """Tell whether it holds only for a request that carries the key with one of the values."""
        return not (self.negated or self.if_exists or self.quantifier == "forallvalues" or self.name == "null")

    @property
    def of_texts(self) -> bool:
        """Tell whether it compares texts, ARNs, addresses or base64: no numbers, times or booleans."""
        return self.name.startswith(("string", "arn", "binary")) or "ipaddress" in self.name


def operator(name: str) -> Operator | None:
    """Return the operator of this name, or None when IAM has no such operator."""
    found = _OPERATOR.fullmatch(name.lower())
    if found is None or (found["name"] == "null" and (found["if_exists"] or found["set"])):
        return None
    if found["name"] not in {"null", *_POSITIVE, *_NEGATED}:
        return None
    return Operator(found["name"], found["name"] in _NEGATED, bool(found["if_exists"]), found["set"] or "")


def is_spelt(name: str) -> bool:
    """Tell whether IAM has an operator of exactly this name."""
    return _SPELT.fullmatch(name) is not None and operator(name) is not None


def is_unknown(key: str, context: Context) -> bool:
    """Tell whether a request may carry the key with a value that nobody here knows."""
    name = key.lower()
    return name not in context and name.startswith(("aws:", "sts:")) and _ABSENT.fullmatch(name) is None


def _resolved(value: str, context: Context) -> str | None:
    """Return a value with its policy variables replaced; None when one has no single value, so that nothing matches."""
    missing = False

    def replacement(found: re.Match[str]) -> str:
        nonlocal missing
        key, _comma, default = (part.strip() for part in found[1].partition(","))
        if key in {"*", "?", "$"}:
            return key
        known = context.get(key.lower(), ())
        missing = missing or (len(known) != 1 and not default)
        return known[0] if len(known) == 1 else default.strip("'")

    resolved = _VARIABLE.sub(replacement, value)
    return None if missing else resolved


def _asks_unknown(wanted: t.Iterable[str], context: Context) -> bool:
    keys = [found.partition(",")[0].strip() for value in wanted for found in _VARIABLE.findall(value)]
    return any(is_unknown(key, context) for key in keys)


def holds(name: str, key: str, value: object, context: Context) -> bool | None:
    """Tell whether one condition holds for a request, or return None when that is not known.

    It is not known for an operator that IAM does not have, and for a key (or a variable's) that is not in the context
    although requests may carry it.
    """
    asked, wanted = operator(name), texts(value)
    if asked is None or is_unknown(key, context) or _asks_unknown(wanted, context):
        return None
    found = context.get(key.lower())
    if asked.name == "null":
        return bool(wanted) and (found is None) == (wanted[0].lower() == "true")
    if found is None or (not found and asked.quantifier):
        missing_suits = asked.negated and not asked.quantifier
        return asked.if_exists or asked.quantifier == "forallvalues" or missing_suits
    if asked.name.startswith(("string", "arn")):
        wanted = [resolved for each in wanted if (resolved := _resolved(each, context)) is not None]
    every = asked.quantifier == "forallvalues" or (asked.negated and not asked.quantifier)
    results = [_matches(asked, wanted, each) != asked.negated for each in found]
    return all(results) if every else any(results)


def _matches(asked: Operator, wanted: t.Iterable[str], found: str) -> bool:
    match = _POSITIVE[_NEGATED.get(asked.name, asked.name)]

    def one(value: str) -> bool:
        try:
            return match(value, found)
        except ValueError:  # no number, date or address
            return False

    return any(map(one, wanted))


__all__: t.Final = (
    "OPERATORS",
    "Context",
    "Operator",
    "holds",
    "is_spelt",
    "is_unknown",
    "like",
    "operator",
    "text",
    "texts",
)
