# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Trust policies: which service accounts may assume a role. PRIVATE to the collection: it may change without notice.

One of our statements is one that allows sts:AssumeRoleWithWebIdentity to our identity providers and to nobody else,
whatever its conditions are; so a statement that lost its audience is found and repaired. Every other statement belongs
to somebody else and is kept as it is, to the letter.

Sources: IAM User Guide, "IAM JSON policy elements reference", "Policy evaluation logic" and "Available keys for AWS
OIDC federation"; Kubernetes, "Managing Service Accounts" (the subject of a token).
"""

from __future__ import annotations

import json
import re
import typing as t
from dataclasses import dataclass

from ansible_collections.onprem.irsa.plugins.module_utils._errors import IrsaError
from ansible_collections.onprem.irsa.plugins.module_utils._service_accounts import has_wildcard

ASSUME_ACTION: t.Final = "sts:AssumeRoleWithWebIdentity"
_SUBJECT = "system:serviceaccount:"
_POLICY_VERSION = "2012-10-17"

Policy = dict[str, t.Any]
Statement = dict[str, t.Any]


@dataclass(frozen=True)
class Trust:
    """What one statement grants: tokens of one issuer, for one of the audiences, to one of the service accounts."""

    provider_arn: str
    audiences: tuple[str, ...]
    """Sorted, without duplicates; at least one."""
    service_accounts: tuple[str, ...]
    """As namespace/name, sorted, without duplicates; at least one. A C(*) or C(?) makes it a pattern."""

    @staticmethod
    def of(provider_arn: str, audiences: t.Iterable[str], service_accounts: t.Iterable[str]) -> Trust:
        """Return the trust with its lists in order."""
        return Trust(provider_arn, tuple(sorted(set(audiences))), tuple(sorted(set(service_accounts))))


@dataclass(frozen=True)
class Verdict:
    """Whether a token may assume a role, and the statement or condition that decides."""

    allowed: bool
    reason: str


def subject(service_account: str) -> str:
    """Return the C(sub) claim of the tokens of a service account (namespace/name)."""
    return _SUBJECT + service_account.replace("/", ":", 1)


def issuer_of(provider_arn: str) -> str:
    """Return the issuer without its scheme, as the ARN ends and the condition keys begin."""
    return provider_arn.partition(":oidc-provider/")[2]


def build(trust: Trust) -> Statement:
    """Return the statement that grants it; only subjects with a pattern are compared by StringLike."""
    issuer = issuer_of(trust.provider_arn)
    subjects = {f"{issuer}:sub": _one_or_list([subject(account) for account in trust.service_accounts])}
    audiences = {f"{issuer}:aud": _one_or_list(trust.audiences)}
    patterns = any(map(has_wildcard, trust.service_accounts))
    condition = (
        {"StringEquals": audiences, "StringLike": subjects} if patterns else {"StringEquals": {**audiences, **subjects}}
    )
    return {
        "Effect": "Allow",
        "Principal": {"Federated": trust.provider_arn},
        "Action": ASSUME_ACTION,
        "Condition": condition,
    }


def parse(statement: Statement) -> Trust | None:
    """Return what a statement grants, or None when it is not one that build() makes, but for order and a Sid."""
    try:
        (arn,) = _federated(statement)
        condition = {operator: dict(keys) for operator, keys in statement["Condition"].items()}
        key = issuer_of(arn)
        subjects = _listed(condition[next(o for o, keys in condition.items() if f"{key}:sub" in keys)][f"{key}:sub"])
        audiences = _listed(condition["StringEquals"][f"{key}:aud"])
    except (AttributeError, KeyError, StopIteration, TypeError, ValueError):
        return None
    if not all(isinstance(text, str) and text.startswith(_SUBJECT) for text in subjects):
        return None
    trust = Trust.of(arn, audiences, [text[len(_SUBJECT) :].replace(":", "/", 1) for text in subjects])
    return trust if _normal(statement) == _normal(build(trust)) else None


def merge(policy: Policy | None, wanted: t.Sequence[Trust]) -> Policy:
    """Return the policy with our statements granting WANTED and nothing else, and all others as they are.

    Returns the policy itself when our statements already mean that. Ours are those of the providers in WANTED.
    """
    ours, others = _split(policy, {trust.provider_arn for trust in wanted})
    granted = [parse(statement) for statement in ours]
    if policy is not None and len(granted) == len(wanted) and set(granted) == set(wanted):
        return policy
    head = {"Version": _POLICY_VERSION} if policy is None else policy
    return {**head, "Statement": [*others, *map(build, wanted)]}


def prune(policy: Policy, provider_arns: t.Iterable[str]) -> Policy:
    """Return the policy without our statements for these providers; its Statement may end up empty."""
    return {**policy, "Statement": _split(policy, set(provider_arns))[1]}


def trusts(policy: Policy, provider_arn: str) -> bool:
    """Tell whether any statement allows anything to the provider, alone or among others."""
    return any(
        statement.get("Effect") == "Allow" and provider_arn in _federated(statement)
        for statement in _statements(policy)
    )


def serialise(policy: Policy) -> str:
    """Return the policy as compact JSON, as it is written; IAM does not count white space against its quota."""
    return json.dumps(policy, separators=(",", ":"))


def refuse_oversize(policy: Policy, trust: t.Sequence[Trust], limit: int) -> None:
    """Raise IrsaError when the policy, which holds the statements of TRUST, has more characters than IAM takes.

    The fix proposes over how many roles to split the service accounts (the same ones in each statement of TRUST).
    """
    size = len(serialise(policy))
    if size <= limit:
        return
    accounts = trust[0].service_accounts
    quotes_and_comma = 3
    costs = [len(trust) * (len(subject(account)) + quotes_and_comma) for account in accounts]
    most = (limit - (size - sum(costs))) // max(costs)
    split = (
        f"Split its {len(accounts)} service accounts over {-(-len(accounts) // most)} roles, at most {most} each"
        if most > 0
        else "Shorten it"
    )
    raise IrsaError(
        f"The trust policy would have {size} characters, and the quota is {limit} (IAM, role trust policy length).",
        fix=f"{split}, or have AWS raise the quota (up to 4096) and set trust_policy_limit.",
    )


def evaluate(policy: Policy, *, provider_arn: str, audience: str, sub: str) -> Verdict:
    """Say whether a token of the provider's issuer may assume the role by this trust policy, and why (not).

    Decides as IAM does for sts:AssumeRoleWithWebIdentity: a Deny that matches wins, one Allow that matches suffices,
    nothing matching refuses. An operator that is unknown here never allows and always denies: the safe side.
    """
    token = {f"{issuer_of(provider_arn)}:aud".lower(): audience, f"{issuer_of(provider_arn)}:sub".lower(): sub}
    misses: list[str] = []
    allowed = None
    for number, statement in enumerate(_statements(policy), start=1):
        name = f"Statement {statement.get('Sid', number)}"
        deny = statement.get("Effect") != "Allow"
        miss = _mismatch(statement, provider_arn, token, unknown_matches=deny)
        if miss is not None:
            misses.append(f"{name}: {miss}")
        elif deny:
            return Verdict(allowed=False, reason=f"{name} denies it.")
        else:
            allowed = allowed or f"{name} allows it."
    if allowed is not None:
        return Verdict(allowed=True, reason=allowed)
    return Verdict(allowed=False, reason=" ".join(misses) or "The trust policy has no statement.")


def _one_or_list(values: t.Sequence[str]) -> str | list[str]:
    return values[0] if len(values) == 1 else list(values)


def _listed(value: object) -> list[t.Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _statements(policy: Policy | None) -> list[Statement]:
    return [] if policy is None else _listed(policy.get("Statement", []))


def _normal(value: object) -> object:
    """Return the part of a statement without what has no meaning: the order of values, one value as a list, the Sid."""
    if isinstance(value, dict):
        return {key: _normal(item) for key, item in value.items() if key != "Sid"}
    return sorted({str(item) for item in _listed(value)})


def _federated(statement: Statement, element: str = "Principal") -> list[t.Any]:
    principal = statement.get(element)
    return _listed(principal.get("Federated", [])) if isinstance(principal, dict) else []


def _split(policy: Policy | None, provider_arns: t.Collection[str]) -> tuple[list[Statement], list[Statement]]:
    """Return our statements, and everybody else's, each in their order."""
    ours: list[Statement] = []
    others: list[Statement] = []
    for statement in _statements(policy):
        federated = _federated(statement)
        is_ours = (
            statement.get("Effect") == "Allow"
            and set(statement["Principal"] if federated else ()) == {"Federated"}
            and all(arn in provider_arns for arn in federated)
            and _action_matches(statement)
        )
        (ours if is_ours else others).append(statement)
    return ours, others


def _like(pattern: str, *, ignore_case: bool = False) -> re.Pattern[str]:
    """Compile a pattern of IAM: C(*) for any characters, C(?) for one."""
    expression = "".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in pattern)
    return re.compile(expression, re.DOTALL | (re.IGNORECASE if ignore_case else 0))


def _action_matches(statement: Statement) -> bool:
    def named(element: str) -> bool:
        return any(_like(str(a), ignore_case=True).fullmatch(ASSUME_ACTION) for a in _listed(statement[element]))

    return named("Action") if "Action" in statement else "NotAction" in statement and not named("NotAction")


def _principal_matches(statement: Statement, provider_arn: str) -> bool:
    if "NotPrincipal" in statement:
        return provider_arn not in _federated(statement, "NotPrincipal")
    return statement.get("Principal") in ("*", {"AWS": "*"}) or provider_arn in _federated(statement)


def _mismatch(
    statement: Statement, provider_arn: str, token: t.Mapping[str, str], *, unknown_matches: bool
) -> str | None:
    """Say why a statement does not speak of the token, or return None when it does."""
    if not _principal_matches(statement, provider_arn):
        return f"its principal is not {provider_arn}."
    if not _action_matches(statement):
        return f"its action is not {ASSUME_ACTION}."
    for operator, keys in (statement.get("Condition") or {}).items():
        for key, values in keys.items():
            wanted = [str(value) for value in _listed(values)]
            found = token.get(key.lower())
            if not _condition_holds(operator, wanted, found, unknown_matches=unknown_matches):
                return f"{operator} {key} wants {' or '.join(wanted)}, and the token has {found or 'none'}."
    return None


_COMPARISONS: dict[str, t.Callable[[str, str], bool]] = {
    "stringequals": lambda wanted, found: wanted == found,
    "stringequalsignorecase": lambda wanted, found: wanted.lower() == found.lower(),
    "stringlike": lambda wanted, found: _like(wanted).fullmatch(found) is not None,
}


def _condition_holds(operator: str, wanted: list[str], found: str | None, *, unknown_matches: bool) -> bool:
    """Evaluate one condition key. A web identity has one value for each: set operators only say what absence means."""
    qualifier, _colon, plain = operator.lower().rpartition(":")
    if plain == "null":
        return (found is None) == (wanted == ["true"])
    if_exists = plain.endswith("ifexists")
    plain = plain[: -len("ifexists")] if if_exists else plain
    negated = plain.startswith("stringnot")
    compare = _COMPARISONS.get(plain.replace("stringnot", "string", 1))
    if compare is None or qualifier not in {"", "foranyvalue", "forallvalues"}:
        return unknown_matches
    if found is None:
        return if_exists or qualifier == "forallvalues" or (negated and qualifier != "foranyvalue")
    return any(compare(value, found) for value in wanted) != negated


__all__: t.Final = (
    "ASSUME_ACTION",
    "Policy",
    "Statement",
    "Trust",
    "Verdict",
    "build",
    "evaluate",
    "issuer_of",
    "merge",
    "parse",
    "prune",
    "refuse_oversize",
    "serialise",
    "subject",
    "trusts",
)
