# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Policy documents: their grammar, and what they allow.

Source: IAM User Guide, "Grammar of the IAM JSON policy language" and "Policy evaluation logic": an explicit Deny wins,
    then one Allow is enough, otherwise the request is denied.
"""

from __future__ import annotations

import enum
import typing as t
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from . import conditions, documents
from .documents import Json

if t.TYPE_CHECKING:
    from .conditions import Context

Statement = Mapping[str, Json]
VERSIONS = ("2008-10-17", "2012-10-17")


class Decision(enum.Enum):
    """What the policies say of a request."""

    ALLOWED = "allowed"
    DENIED = "explicit deny"
    NOT_ALLOWED = "no policy allows it"


@dataclass(frozen=True)
class Request:
    """A request, as policies see it.

    ``principals`` are the names that the caller answers to in a Principal element, by kind:
    ``{"AWS": ["arn:aws:iam::123456789012:root", ...]}`` or ``{"Federated": [...]}``; an anonymous caller has none.
    """

    action: str
    resource: str | None = None
    principals: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    context: Context = field(default_factory=dict)


def statements(document: Json) -> list[Statement]:
    """Return the statements of a parsed document: a list, whether one or many are given."""
    found = document.get("Statement") if isinstance(document, dict) else None
    return [found] if isinstance(found, dict) else list(found or [])


def _names(statement: Statement, element: str) -> list[str]:
    value = statement.get(element)
    return [] if value is None else documents.strings(value)


def _action_matches(statement: Statement, action: str) -> bool:
    def match(pattern: str) -> bool:
        return conditions.like(pattern, action, ignore_case=True)

    if "Action" in statement:
        return any(map(match, _names(statement, "Action")))
    return "NotAction" in statement and not any(map(match, _names(statement, "NotAction")))


def _resource_matches(statement: Statement, request: Request) -> bool:
    def match(pattern: str) -> bool:
        text = conditions.substitute(pattern, request.context)
        return text is not None and conditions.like(text, request.resource or "*")

    if "Resource" in statement:
        return any(map(match, _names(statement, "Resource")))
    if "NotResource" in statement:
        return not any(map(match, _names(statement, "NotResource")))
    return True


def _principal_matches(element: Json, principals: Mapping[str, tuple[str, ...]]) -> bool:
    if element == "*":
        return True
    if not isinstance(element, dict):
        return False
    return any(
        (kind == "AWS" and name == "*") or name in principals.get(kind, ())
        for kind, names in element.items()
        for name in documents.strings(names)
    )


def matches(statement: Statement, request: Request) -> bool:
    """Whether a statement, of whatever effect, is about this request."""
    if "Principal" in statement and not _principal_matches(statement["Principal"], request.principals):
        return False
    if "NotPrincipal" in statement and _principal_matches(statement["NotPrincipal"], request.principals):
        return False
    return (
        _action_matches(statement, request.action)
        and _resource_matches(statement, request)
        and conditions.met(statement.get("Condition"), request.context)
    )


def evaluate(policies: Iterable[Json], request: Request) -> Decision:
    """Return what parsed documents of one kind (all identity policies, or one resource policy) say of a request."""
    effects = {
        statement.get("Effect")
        for document in policies
        for statement in statements(document)
        if matches(statement, request)
    }
    if "Deny" in effects:
        return Decision.DENIED
    return Decision.ALLOWED if "Allow" in effects else Decision.NOT_ALLOWED
