# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom a role's trust policy lets in, judged for the proof. PRIVATE to the collection: it may change without notice.

A refusal by STS does not show this: a token for an audience that the identity provider does not know is refused there,
whatever the role says. So the policy itself is evaluated, with tokens that nobody has.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.onprem.irsa.plugins.module_utils._proof.checks import LinkError
from ansible_collections.onprem.irsa.plugins.module_utils._trust.conditions import like
from ansible_collections.onprem.irsa.plugins.module_utils._trust.policy import (
    Policy,
    Statement,
    evaluate,
    issuer_of,
    subject,
)

_OTHER_AUDIENCE: t.Final = "onprem-irsa-verify.invalid"
_PROBE: t.Final = "onprem-irsa-verify"
_MAX_SHOWN: t.Final = 5
_FIX: t.Final = "State in irsa_iam_roles whom the role trusts, and run the role onprem.irsa.irsa_iam."


@dataclass(frozen=True)
class Asked:
    """Whom a role should trust."""

    provider_arn: str
    audience: str
    service_account: str
    """As namespace/name."""
    trusted: tuple[str, ...] = ()
    """Every service account that the role should trust, as namespace/name or a pattern; none where nobody knows."""


def provider_arn_for_role(role_arn: str, issuer: str) -> str:
    """Return the ARN of the issuer's identity provider in the account of a role (IAM User Guide, "IAM ARNs")."""
    partition, account = (role_arn.split(":") + [""] * 5)[1:5:3]
    return f"arn:{partition}:iam::{account}:oidc-provider/{issuer.removeprefix('https://')}"


def check_trust(policy: Policy, asked: Asked) -> str:
    """Judge a trust policy: only tokens for the audience, of service accounts that should have the role, are let in.

    What narrows a statement further is left out: it may hold at any time. Raises LinkError for a policy that lets in
    more, and returns whom it names besides the issuer: statements of others stay in a role.
    """
    widest = {**policy, "Statement": [_widest(each, asked) for each in _statements(policy)]}

    def let_in(audience: str, sub: str) -> str:
        verdict = evaluate(widest, provider_arn=asked.provider_arn, audience=audience, sub=sub)
        return verdict.reason if verdict.allowed else ""

    own = subject(asked.service_account)
    for sub in (own, *_named_subjects(policy, asked)):
        reason = let_in(_OTHER_AUDIENCE, sub)
        if reason:
            raise LinkError(
                "The role's trust policy lets in tokens for any audience, such as those that a pod sends to other "
                f"services: {reason}",
                fix=f"It must name the audience {asked.audience}. {_FIX}",
            )
    audiences = [asked.audience, *_named(policy, asked, "aud")]
    wider = [sub for sub in _probes(policy, asked) if any(let_in(audience, sub) for audience in audiences)]
    if wider:
        shown = ", ".join(wider[:_MAX_SHOWN]) + (
            f" and {len(wider) - _MAX_SHOWN} more" if len(wider) > _MAX_SHOWN else ""
        )
        raise LinkError(
            f"The role's trust policy lets in others than {_wanted(asked)}: {shown}.",
            fix=f"Remove what lets them in. {_FIX}",
        )
    others = _others(policy, asked)
    named = f"; others that the policy names: {', '.join(others)}" if others else ""
    return f"the audience and {_wanted(asked)} alone{named}"


def _wanted(asked: Asked) -> str:
    return ", ".join(asked.trusted) or "named service accounts"


def _statements(policy: Policy) -> list[Statement]:
    found = policy.get("Statement", [])
    return found if isinstance(found, list) else [found]


def _widest(statement: Statement, asked: Asked) -> Statement:
    """Return an Allow without the conditions that are not about audience and subject of the issuer's tokens."""
    if statement.get("Effect") != "Allow":
        return statement
    condition = {
        operator: kept
        for operator, keys in (statement.get("Condition") or {}).items()
        if (kept := {key: value for key, value in keys.items() if _of_token(key, asked)})
    }
    return {**statement, "Condition": condition}


def _of_token(key: str, asked: Asked, *claims: str) -> bool:
    issuer = issuer_of(asked.provider_arn)
    return key.lower() in [f"{issuer}:{claim}".lower() for claim in claims or ("aud", "sub")]


def _named(policy: Policy, asked: Asked, claim: str) -> list[str]:
    """Return the values with which conditions of an Allow compare a claim of the issuer's tokens."""
    return [
        str(value)
        for statement in _statements(policy)
        if statement.get("Effect") == "Allow"
        for keys in (statement.get("Condition") or {}).values()
        for key, values in keys.items()
        if _of_token(key, asked, claim)
        for value in (values if isinstance(values, list) else [values])
    ]


def _named_subjects(policy: Policy, asked: Asked) -> list[str]:
    """Return a subject for each that the policy names: of a pattern, one that nobody has in mind."""
    return [sub.replace("*", _PROBE).replace("?", "x") for sub in _named(policy, asked, "sub")]


def _probes(policy: Policy, asked: Asked) -> list[str]:
    """Return the subjects to try: none of them should be let in."""
    made = [subject(f"{_PROBE}/{_PROBE}"), f"{_PROBE}:{_PROBE}"]
    known = [subject(each) for each in asked.trusted]
    # Where nobody says whom the role should trust, what it names is meant, and a pattern that it names, too.
    candidates = [*made, *_named_subjects(policy, asked)] if known else made
    tried = [sub for sub in candidates if not any(like(pattern, sub) for pattern in known)]
    return list(dict.fromkeys(tried))


def _others(policy: Policy, asked: Asked) -> list[str]:
    """Return the principals of every Allow but the issuer's provider."""
    names = [
        str(name)
        for statement in _statements(policy)
        if statement.get("Effect") == "Allow"
        for name in _principals(statement)
        if name != asked.provider_arn
    ]
    return list(dict.fromkeys(names))


def _principals(statement: Statement) -> list[t.Any]:
    if "NotPrincipal" in statement:
        return [f"everybody but {statement['NotPrincipal']}"]
    principal = statement.get("Principal", [])
    groups = principal.values() if isinstance(principal, dict) else [principal]
    return [name for group in groups for name in (group if isinstance(group, list) else [group])]


__all__: t.Final = ("Asked", "check_trust", "provider_arn_for_role")
