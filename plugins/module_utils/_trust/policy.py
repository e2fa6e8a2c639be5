# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Trust policies: which service accounts may assume a role. PRIVATE to the collection: it may change without notice.

One of our statements is one that allows sts:AssumeRoleWithWebIdentity to our identity providers and to nobody else,
whatever its conditions are, or one whose conditions ask for a claim of our issuer, whoever its principals are: nobody
else can meet them. So a statement that lost its audience, or was given a principal more, is found and repaired: it is
made to name the audiences and service accounts that are asked for and nobody else, and what narrows it further stays.
Every other statement belongs to somebody else and is kept as it is, to the letter.

Sources: IAM User Guide, "IAM JSON policy elements reference", "Policy evaluation logic" and "Available keys for AWS
OIDC federation"; Kubernetes, "Managing Service Accounts" (the subject of a token).
"""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass, field, replace

from ansible_collections.onprem.irsa.plugins.module_utils._errors import IrsaError
from ansible_collections.onprem.irsa.plugins.module_utils._service_accounts import has_wildcard
from ansible_collections.onprem.irsa.plugins.module_utils._trust import moving
from ansible_collections.onprem.irsa.plugins.module_utils._trust.conditions import holds, like, operator, text, texts

TRUST_POLICY_LIMIT: t.Final = 2048
"""Characters; IAM and STS quotas, "Role trust policy length", which can be raised to 4096."""

ASSUME_ACTION: t.Final = "sts:AssumeRoleWithWebIdentity"
TAG_ACTION: t.Final = "sts:TagSession"
_SUBJECT = "system:serviceaccount:"
_POLICY_VERSION = "2012-10-17"

Policy = dict[str, t.Any]
Statement = dict[str, t.Any]
Conditions = t.Mapping[str, t.Mapping[str, t.Any]]
"""As in a policy: a value, or a list of them, by condition key, by operator."""


@dataclass(frozen=True)
class Trust:
    """What one statement grants: tokens of one issuer, for one of the audiences, to one of the service accounts."""

    provider_arn: str
    audiences: tuple[str, ...]
    """Sorted, without duplicates; at least one."""
    service_accounts: tuple[str, ...]
    """As namespace/name, sorted, without duplicates; at least one. A C(*) or C(?) makes it a pattern."""
    conditions: Conditions | None = field(default=None, hash=False)
    """What else has to hold; None for whatever the statement has."""
    session_tags: bool = False
    """Whether the session may be given tags (sts:TagSession)."""

    @staticmethod
    def of(
        provider_arn: str,
        audiences: t.Iterable[str],
        service_accounts: t.Iterable[str],
        *,
        conditions: Conditions | None = None,
        session_tags: bool = False,
    ) -> Trust:
        """Return the trust with its lists in order."""
        accounts = tuple(sorted(set(service_accounts)))
        return Trust(provider_arn, tuple(sorted(set(audiences))), accounts, conditions, session_tags)


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


def names_token(key: str) -> bool:
    """Tell whether a condition key is about the audience or the subject of a token, of whatever issuer.

    Others may end alike, such as C(aws:RequestTag/team:sub) and C(saml:sub). An issuer that was written as a URL, with
    C(https://) in front, is meant as one as well.
    """
    issuer, _colon, claim = key.lower().rpartition(":")
    return issuer.partition(":")[0] not in {"", "aws", "saml", "sts"} and claim in {"aud", "sub"}


def build(trust: Trust) -> Statement:
    """Return the statement that grants it; only subjects with a pattern are compared by StringLike."""
    issuer = issuer_of(trust.provider_arn)
    subjects = {f"{issuer}:sub": _one_or_list([subject(account) for account in trust.service_accounts])}
    audiences = {f"{issuer}:aud": _one_or_list(trust.audiences)}
    patterns = any(map(has_wildcard, trust.service_accounts))
    condition: dict[str, t.Any] = (
        {"StringEquals": audiences, "StringLike": subjects} if patterns else {"StringEquals": {**audiences, **subjects}}
    )
    for name, keys in (trust.conditions or {}).items():
        condition[name] = {**condition.get(name, {}), **keys}
    return {
        "Effect": "Allow",
        "Principal": {"Federated": trust.provider_arn},
        "Action": [ASSUME_ACTION, TAG_ACTION] if trust.session_tags else ASSUME_ACTION,
        "Condition": condition,
    }


def parse(statement: Statement) -> Trust | None:
    """Return what a statement grants, or None when it is not one that names audiences and service accounts alone."""
    try:
        (arn,) = _federated(statement)
        condition = {name: dict(keys) for name, keys in statement["Condition"].items()}
        key = issuer_of(arn)
        subjects = _listed(condition[next(o for o, keys in condition.items() if f"{key}:sub" in keys)][f"{key}:sub"])
        audiences = _listed(condition["StringEquals"][f"{key}:aud"])
    except (AttributeError, KeyError, StopIteration, TypeError, ValueError):
        return None
    if not all(isinstance(each, str) and each.startswith(_SUBJECT) for each in subjects):
        return None
    trust = Trust.of(arn, audiences, [each[len(_SUBJECT) :].replace(":", "/", 1) for each in subjects])
    return trust if _normal(statement) == _normal(build(trust)) else None


def merge(policy: Policy | None, wanted: t.Sequence[Trust], former: t.Collection[str] = ()) -> Policy:
    """Return the policy with our statements granting WANTED and nothing else, and all others as they are.

    What narrows one of our statements further stays in it, unless WANTED says which conditions it should have. Returns
    the policy itself when our statements already mean that. Ours are those of the providers in WANTED. Raises IrsaError
    when a service account is in none of our statements and these are narrowed in different ways.

    FORMER are providers of earlier issuers of the same cluster, whose statements stay. A provider that has no statement
    yet gets one that is narrowed as theirs are, and what is denied to their tokens is denied to its own.
    """
    arns = {trust.provider_arn for trust in wanted}
    ours, others = _split(policy, arns)
    repaired = [
        statement
        for trust in wanted
        for statement in _repaired(
            [s for s in ours if _is_of(s, trust, arns)] or _as_former(policy, trust.provider_arn, former), trust
        )
    ]
    denied = _denied(policy, wanted, former)
    if (
        policy is not None
        and not denied
        and len(repaired) == len(ours)
        and all(any(new is old for old in ours) for new in repaired)
    ):
        return policy
    head = {"Version": _POLICY_VERSION} if policy is None else policy
    return {**head, "Statement": [*others, *denied, *repaired]}


def _as_former(policy: Policy | None, provider_arn: str, former: t.Iterable[str]) -> list[Statement]:
    """Return the statements for FORMER providers as they would be for this one."""
    return [
        moving.moved(statement, arn, provider_arn)
        for arn in former
        for statement in _split(policy, [arn])[0]
        if arn in _federated(statement)
    ]


def _denied(policy: Policy | None, wanted: t.Iterable[Trust], former: t.Iterable[str]) -> list[Statement]:
    """Return what is denied to tokens of FORMER providers, and not yet to those of the wanted ones."""
    return [
        statement
        for arn in former
        for trust in wanted
        for statement in moving.lacking(policy, arn, trust.provider_arn)
        if statement.get("Effect") == "Deny"
    ]


def removals(policy: Policy | None, wanted: t.Sequence[Trust]) -> list[str]:
    """Return a line for everything that merge() removes from our statements, as what it is."""
    arns = {trust.provider_arn for trust in wanted}
    kept = merge(policy, wanted)["Statement"]
    gone = [statement for statement in _split(policy, arns)[0] if not any(statement is each for each in _listed(kept))]
    lines = [
        line
        for statement in gone
        for trust in wanted
        if _is_of(statement, trust, arns)
        for line in [*_let_in(statement, trust, arns), *_dropped_conditions(statement, trust)]
    ]
    return list(dict.fromkeys(lines))


def shared_statements(policy: Policy | None, provider_arns: t.Collection[str]) -> list[str]:
    """Say which statements of others let in tokens of these providers: they stay, and so does what they let in."""
    lines = []
    for number, statement in enumerate(_statements(policy), start=1):
        if (
            statement.get("Effect") == "Allow"
            and _is_alone(statement, provider_arns)
            and not _action_matches(statement)
        ):
            lines.append(
                f"Statement {statement.get('Sid', number)} of its trust policy is not one by which the role is "
                f"assumed, and stays: it allows tokens of {', '.join(_federated(statement))} to do "
                f"{'; '.join(_more_actions(statement, None))}. Remove it unless that is intended; session_tags says "
                "whether they should."
            )
        let_in = [arn for arn in provider_arns if _principal_matches(statement, arn)]
        if statement.get("Effect") != "Allow" or not let_in or not _action_matches(statement):
            continue
        if not _is_ours(statement, provider_arns):
            which = "that its conditions allow" if statement.get("Condition") else "there is, for it has no condition"
            tokens = f"every token of {', '.join(sorted(let_in))} {which}"
            lines.append(
                f"Statement {statement.get('Sid', number)} of its trust policy is shared with others and stays: it "
                f"lets in {tokens}. Remove the provider from it unless that is intended."
            )
    return lines


def prune(policy: Policy, provider_arns: t.Iterable[str]) -> Policy:
    """Return the policy without our statements for these providers; its Statement may end up empty."""
    return {**policy, "Statement": _split(policy, set(provider_arns))[1]}


def trusts(policy: Policy, provider_arn: str) -> bool:
    """Tell whether any statement allows anything to the provider, alone or among others."""
    return any(
        statement.get("Effect") == "Allow"
        and (provider_arn in _federated(statement) or _is_ours(statement, [provider_arn]))
        for statement in _statements(policy)
    )


def lets_in(policy: Policy | None, but: t.Collection[str]) -> bool:
    """Tell whether any statement allows anything to anybody BUT the tokens of these providers.

    A Deny keeps everybody out, and who may not assume a role can do nothing with C(sts:TagSession) either.
    """
    return any(
        statement.get("Effect") == "Allow" and not _is_alone(statement, but) for statement in _statements(policy)
    )


def trusted_providers(policy: Policy | None) -> list[str]:
    """Return the ARNs of the OIDC providers that the policy allows anything, in order."""
    names = {
        name
        for statement in _statements(policy)
        if statement.get("Effect") == "Allow"
        for name in _federated(statement)
        if issuer_of(str(name))
    }
    return sorted(names)


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
        fix=f"{split}, or ask AWS to raise the quota (up to 4096) and set irsa_iam_trust_policy_limit (of the "
        "module iam_roles: trust_policy_limit).",
    )


def evaluate(
    policy: Policy,
    *,
    provider_arn: str,
    audience: str,
    sub: str,
    context: t.Mapping[str, str | t.Sequence[str]] | None = None,
) -> Verdict:
    """Say whether a token of the provider's issuer may assume the role by this trust policy, and why (not).

    Decides as IAM does for sts:AssumeRoleWithWebIdentity: a Deny that matches wins, one Allow that matches suffices,
    nothing matching refuses. CONTEXT holds further condition keys of the request that are known, such as
    C(sts:RoleSessionName). A condition by an operator or on a key that is unknown here never allows and always denies:
    the safe side.
    """
    issuer = issuer_of(provider_arn)
    request: dict[str, t.Sequence[str]] = {
        f"{issuer}:aud": (audience,),
        f"{issuer}:sub": (sub,),
        "aws:FederatedProvider": (provider_arn,),
        "aws:SecureTransport": ("true",),  # STS is served by HTTPS alone
        **{key: (value,) if isinstance(value, str) else value for key, value in (context or {}).items()},
    }
    carried = {key.lower(): values for key, values in request.items()}
    misses: list[str] = []
    allowed = None
    for number, statement in enumerate(_statements(policy), start=1):
        name = f"Statement {statement.get('Sid', number)}"
        deny = statement.get("Effect") != "Allow"
        miss = _mismatch(statement, provider_arn, carried, unknown_matches=deny)
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
    if isinstance(value, t.Mapping):
        return {key: _normal(item) for key, item in value.items() if key != "Sid"}
    return sorted(set(texts(value)))


def _federated(statement: Statement, element: str = "Principal") -> list[t.Any]:
    principal = statement.get(element)
    return _listed(principal.get("Federated", [])) if isinstance(principal, dict) else []


def _conditions(statement: Statement) -> list[tuple[str, str, t.Any]]:
    """Return the conditions of a statement, each as operator, key and values."""
    block = statement.get("Condition")
    operators = block.items() if isinstance(block, dict) else ()
    return [(name, key, value) for name, keys in operators if isinstance(keys, dict) for key, value in keys.items()]


def _split(policy: Policy | None, provider_arns: t.Collection[str]) -> tuple[list[Statement], list[Statement]]:
    """Return our statements, and everybody else's, each in their order."""
    ours: list[Statement] = []
    others: list[Statement] = []
    for statement in _statements(policy):
        (ours if _is_ours(statement, provider_arns) else others).append(statement)
    return ours, others


def _is_alone(statement: Statement, provider_arns: t.Collection[str]) -> bool:
    federated = _federated(statement)
    return bool(federated) and set(statement["Principal"]) == {"Federated"} and set(federated) <= set(provider_arns)


def _demands(statement: Statement, provider_arn: str) -> bool:
    """Tell whether nobody but a token of the provider's issuer can meet the conditions of a statement."""
    prefix = f"{issuer_of(provider_arn)}:".lower()
    asked = [operator(name) for name, key, _value in _conditions(statement) if key.lower().startswith(prefix)]
    return any(each is not None and each.demands for each in asked)


def _is_ours(statement: Statement, provider_arns: t.Collection[str]) -> bool:
    if statement.get("Effect") != "Allow" or not _action_matches(statement):
        return False
    return _is_alone(statement, provider_arns) or any(
        _principal_matches(statement, arn) and _demands(statement, arn) for arn in provider_arns
    )


def _is_of(statement: Statement, trust: Trust, provider_arns: t.Collection[str]) -> bool:
    """Tell whether one of our statements is about the provider of a trust."""
    arn = trust.provider_arn
    return _principal_matches(statement, arn) and (_is_alone(statement, provider_arns) or _demands(statement, arn))


def _lists_token(name: str, key: str, value: object) -> bool:
    """Tell whether a condition is the list of audiences or subjects that the statement lets in, in whatever form.

    One that excludes some of them narrows the statement, and one by Null adds nothing to the list or contradicts it.
    """
    asked = operator(name)
    if not names_token(key) or (asked is not None and asked.negated):
        return False
    return asked is None or asked.name != "null" or [each.lower() for each in texts(value)[:1]] != ["false"]


def _narrowing(statement: Statement) -> dict[str, dict[str, t.Any]]:
    """Return the conditions that a statement has besides its audiences and service accounts."""
    found: dict[str, dict[str, t.Any]] = {}
    for name, key, value in _conditions(statement):
        if not _lists_token(name, key, value):
            found.setdefault(name, {})[key] = value
    return found


def _names(statement: Statement, claim: str, value: str) -> bool:
    """Tell whether a statement lists a value of a claim (aud, sub), or none at all and so every one."""
    listed = [
        (name, texts(values))
        for name, key, values in _conditions(statement)
        if key.lower().endswith(f":{claim}") and _lists_token(name, key, values)
    ]
    return not listed or any(_lists(name, values, value) for name, values in listed)


def _repaired(mine: t.Sequence[Statement], trust: Trust) -> list[Statement]:
    """Return the statements that grant a trust, for those of ours that are about its provider."""
    groups: dict[str, list[Statement]] = {}
    for statement in mine:
        narrowing = trust.conditions if trust.conditions is not None else _narrowing(statement)
        groups.setdefault(json.dumps(_normal(narrowing), sort_keys=True), []).append(statement)
    if len(groups) <= 1:
        return [_repaired_group(list(mine), trust)]
    homes = {
        key: [a for a in trust.service_accounts if any(_names(s, "sub", subject(a)) for s in group)]
        for key, group in groups.items()
    }
    homeless = [a for a in trust.service_accounts if not any(a in accounts for accounts in homes.values())]
    if homeless and "{}" not in homes:
        ways = " and ".join(groups)
        raise IrsaError(
            f"{', '.join(homeless)} would be let in, too, and the statements of its trust policy for "
            f"{trust.provider_arn} have different conditions: {ways}.",
            fix="State in conditions which of them the role should have.",
        )
    homes["{}"] = [*homes.get("{}", []), *homeless]
    return [
        _repaired_group(
            group, Trust.of(trust.provider_arn, trust.audiences, homes[key], session_tags=trust.session_tags)
        )
        for key, group in groups.items()
        if homes[key]
    ]


def _repaired_group(group: list[Statement], trust: Trust) -> Statement:
    """Return the one statement for those that are narrowed in the same way: one of them, if it will do."""
    given = trust.conditions is not None or not group
    wanted = build(trust if given else replace(trust, conditions=_narrowing(group[0])))
    fitting = [statement for statement in group if _normal(statement) == _normal(wanted)]
    return fitting[0] if fitting else wanted


def _let_in(statement: Statement, trust: Trust, provider_arns: t.Collection[str]) -> list[str]:
    """Return a line for each way in which a statement grants more than a trust."""
    more = [*_more_principals(statement, provider_arns), *_more_actions(statement, trust)]
    impossible = _of_other_issuers(statement)
    if not impossible:
        more += _more_values(statement, "aud", "the audience", trust.audiences)
        more += _more_values(statement, "sub", "the subject", [subject(account) for account in trust.service_accounts])
    return [*(f"removed: it let in {each}" for each in more), *impossible]


def _more_principals(statement: Statement, provider_arns: t.Collection[str]) -> list[str]:
    if "NotPrincipal" in statement:
        return [f"every principal but {json.dumps(statement['NotPrincipal'])}"]
    principal = statement.get("Principal")
    if not isinstance(principal, dict):
        return [f"every principal ({principal})"]
    named = [(kind, name) for kind, names in principal.items() for name in _listed(names)]
    return [f"the principal {kind} {name}" for kind, name in named if kind != "Federated" or name not in provider_arns]


def _more_actions(statement: Statement, trust: Trust | None) -> list[str]:
    """Return the actions that a statement allows beyond those of a trust; all of them for none."""
    if "NotAction" in statement:
        return [f"every action but {', '.join(texts(statement['NotAction']))}"]
    granted = {ASSUME_ACTION.lower(), *([TAG_ACTION.lower()] if trust and trust.session_tags else [])}
    return [f"the action {action}" for action in texts(statement["Action"]) if action.lower() not in granted]


def _more_values(statement: Statement, claim: str, what: str, wanted: t.Collection[str]) -> list[str]:
    """Return what a statement lets in by a claim beyond what is wanted."""
    listed = [
        (name, texts(values))
        for name, key, values in _conditions(statement)
        if key.lower().endswith(f":{claim}") and _lists_token(name, key, values)
    ]
    demanded = [(name.lower(), values) for name, values in listed if getattr(operator(name), "demands", False)]
    if not demanded:
        also = " (a token without one, too)" if listed else ""
        return [f"every token, whatever {what} is{also}"]
    exact = "".join(name for name, _values in demanded)
    how = " like" if "like" in exact else " in whatever case" if "ignorecase" in exact else ""
    return [f"{what}{how} {value}" for value in _met(demanded) if value not in wanted or "case" in how]


def _met(demanded: t.Sequence[tuple[str, list[str]]]) -> list[str]:
    """Return the values that meet all of these conditions on one claim: names where one lists names, else patterns."""
    names = [values for name, values in demanded if "like" not in name]
    return [
        value
        for value in dict.fromkeys(
            value for values in names[:1] or [each for _name, each in demanded] for value in values
        )
        if not names or all(_lists(name, values, value) for name, values in demanded)
    ]


def _lists(name: str, values: t.Iterable[str], value: str) -> bool:
    return any(like(each, value) if "like" in name.lower() else each == value for each in values)


def _of_other_issuers(statement: Statement) -> list[str]:
    """Return a line for each condition that asks for a claim of an issuer for which the statement has no provider."""
    issuers = {issuer_of(str(arn)).lower() for arn in _federated(statement)}
    return [
        f"removed: the condition {name} {key} {', '.join(texts(value))}, which no token that it is for meets"
        for name, key, value in _conditions(statement)
        if issuers
        and names_token(key)
        and key.lower().rpartition(":")[0] not in issuers
        and getattr(operator(name), "demands", False)
    ]


def _dropped_conditions(statement: Statement, trust: Trust) -> list[str]:
    """Return a line for each condition that a statement has and that the trust, which says all of them, has not."""
    if trust.conditions is None:
        return []
    asked = {(name, key): _normal(value) for name, keys in trust.conditions.items() for key, value in keys.items()}
    return [
        f"removed: the condition {name} {key} {', '.join(texts(value))}, which is not among conditions"
        for name, keys in _narrowing(statement).items()
        for key, value in keys.items()
        if asked.get((name, key)) != _normal(value)
    ]


def _action_matches(statement: Statement) -> bool:
    def named(element: str) -> bool:
        return any(like(action, ASSUME_ACTION, ignore_case=True) for action in texts(statement[element]))

    return named("Action") if "Action" in statement else "NotAction" in statement and not named("NotAction")


def _principal_matches(statement: Statement, provider_arn: str) -> bool:
    if "NotPrincipal" in statement:
        return not _names_principal(statement["NotPrincipal"], provider_arn)
    return _names_principal(statement.get("Principal"), provider_arn)


def _names_principal(element: object, provider_arn: str) -> bool:
    if not isinstance(element, dict):
        return element == "*"
    return "*" in _listed(element.get("AWS")) or provider_arn in _listed(element.get("Federated"))


def _mismatch(
    statement: Statement, provider_arn: str, carried: t.Mapping[str, t.Sequence[str]], *, unknown_matches: bool
) -> str | None:
    """Say why a statement does not speak of the token, or return None when it does."""
    if not _principal_matches(statement, provider_arn):
        return f"its principal is not {provider_arn}."
    if not _action_matches(statement):
        return f"its action is not {ASSUME_ACTION}."
    for name, key, value in _conditions(statement):
        verdict = holds(name, key, value, carried)
        if not (unknown_matches if verdict is None else verdict):
            has = " or ".join(map(text, carried.get(key.lower(), ()))) or "none"
            return f"{name} {key} wants {' or '.join(texts(value))}, and the token has {has}."
    return None


__all__: t.Final = (
    "ASSUME_ACTION",
    "TAG_ACTION",
    "TRUST_POLICY_LIMIT",
    "Conditions",
    "Policy",
    "Statement",
    "Trust",
    "Verdict",
    "build",
    "evaluate",
    "issuer_of",
    "lets_in",
    "merge",
    "names_token",
    "parse",
    "prune",
    "refuse_oversize",
    "removals",
    "serialise",
    "shared_statements",
    "subject",
    "trusted_providers",
    "trusts",
)
