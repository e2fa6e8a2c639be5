# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a role's trust policy does not let in who names the role, or lets in others. PRIVATE: it may change.

Pure. The verdict is that of C(_trust.policy.evaluate). Why it refuses is found by leaving out of the policy one kind of
condition after the other: what lets the token in once it is left out is what refuses it.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from functools import partial

from ansible_collections.onprem.irsa.plugins.module_utils._errors import nearest
from ansible_collections.onprem.irsa.plugins.module_utils._service_accounts import has_wildcard
from ansible_collections.onprem.irsa.plugins.module_utils._trust.conditions import (
    Context,
    is_unknown,
    like,
    operator,
    texts,
)
from ansible_collections.onprem.irsa.plugins.module_utils._trust.policy import (
    ASSUME_ACTION,
    Policy,
    Statement,
    Verdict,
    evaluate,
    issuer_of,
    names_token,
    subject,
    trusted_providers,
    trusts,
)

_NOBODY: t.Final = "onprem-irsa-doctor"
_OTHER_AUDIENCE: t.Final = f"{_NOBODY}.invalid"
_SOME: t.Final = 5
_PREFIX: t.Final = "system:serviceaccount:"

Account = tuple[str, str]
"""C(namespace/name) of a service account, and the audience of its tokens."""
Keeps = t.Callable[[str, str], bool]
"""Whether a condition stays, by its operator and its key."""


class Fault(t.NamedTuple):
    """One thing that is wrong with a trust policy."""

    check: str
    """The id of the check."""
    found: str
    accounts: tuple[str, ...] = ()
    """Whom it concerns, as C(namespace/name)."""


@dataclass(frozen=True)
class _Asked:
    """A trust policy, and the issuer by which it is judged."""

    policy: Policy
    provider_arn: str

    def lets_in(self, account: Account, policy: Policy | None = None) -> bool:
        key, audience = account
        return self._verdict(subject(key), audience, policy).allowed

    def lets_in_subject(self, sub: str, audience: str) -> bool:
        return self._verdict(sub, audience).allowed

    def reason(self, account: Account) -> str:
        return self._verdict(subject(account[0]), account[1]).reason

    def _verdict(self, sub: str, audience: str, policy: Policy | None = None) -> Verdict:
        return evaluate(policy or self.policy, provider_arn=self.provider_arn, audience=audience, sub=sub)

    def is_claim(self, key: str, claim: str) -> bool:
        return key.lower() == f"{issuer_of(self.provider_arn)}:{claim}".lower()

    def named(self, claim: str) -> list[tuple[str, str]]:
        """Return operator and value of each condition on a claim of the issuer's tokens."""
        return [
            (name, value)
            for statement in _allowing(self.policy)
            for name, key, values in _conditions(statement)
            if self.is_claim(key, claim)
            for value in values
        ]


def trust_faults(policy: Policy, provider_arn: str, accounts: t.Sequence[Account]) -> list[Fault]:
    """Say what is wrong with a trust policy, by the service accounts that name the role.

    provider_arn: of the issuer's provider in the role's account.
    """
    asked = _Asked(_without_unknown(policy, provider_arn), provider_arn)
    if not trusts(policy, provider_arn):
        return [_untrusted(asked, accounts)]
    by_check: dict[str, Fault] = {}
    for account in accounts:
        if not asked.lets_in(account):
            name = _refusal(asked, account)
            before = by_check.get(name) or Fault(name, _found(asked, name, account))
            by_check[name] = before._replace(accounts=(*before.accounts, account[0]))
    return [*(by_check.values() or _too_wide(asked, accounts)), *_dead(policy)]


def too_wide(policy: Policy, provider_arn: str, audiences: t.Sequence[str]) -> list[Fault]:
    """Say whom a trust policy lets in besides those that it names, where nobody knows who uses the role.

    audiences: those that tokens for AWS may have.
    """
    asked = _Asked(_without_unknown(policy, provider_arn), provider_arn)
    exact = [value.removeprefix(_PREFIX).replace(":", "/", 1) for _name, value in asked.named("sub")]
    accounts = [(key, audience) for key in exact or [f"{_NOBODY}/{_NOBODY}"] for audience in audiences]
    return [each for each in _too_wide(asked, accounts) if each.check != "trust.more-accounts"]


def _without_unknown(policy: Policy, provider_arn: str) -> Policy:
    """Return the policy without the conditions on what nobody here knows of a request, such as its address.

    They may hold or not: what is left of an Allow is what has to hold besides, and a Deny that has one may not apply.
    """
    issuer = issuer_of(provider_arn).lower()
    known: Context = dict.fromkeys(
        (f"{issuer}:aud", f"{issuer}:sub", "aws:federatedprovider", "aws:securetransport"), ()
    )
    kept = [
        statement
        for statement in _statements(policy)
        if statement.get("Effect") == "Allow"
        or not any(is_unknown(key, known) for _o, key, _v in _conditions(statement))
    ]
    return _mapped(
        {**policy, "Statement": kept}, partial(_with_conditions, keeps=lambda _name, key: not is_unknown(key, known))
    )


def _untrusted(asked: _Asked, accounts: t.Sequence[Account]) -> Fault:
    """Say whom the role trusts in the place of the issuer's provider."""
    concerned = tuple(key for key, _audience in accounts)
    providers = trusted_providers(asked.policy)
    same = [arn for arn in providers if issuer_of(arn) == issuer_of(asked.provider_arn)]
    if same:
        found = f"it trusts the provider {same[0]} of another account, and its own is {asked.provider_arn}"
        return Fault("trust.other-account", found, concerned)
    if providers:
        found = f"it trusts {', '.join(providers)}, and tokens are of {asked.provider_arn}"
        return Fault("trust.other-issuer", found, concerned)
    return Fault("trust.no-statement", "it trusts no OIDC provider at all", concerned)


def _refusal(asked: _Asked, account: Account) -> str:
    """Return the check of the first thing without which the policy lets a token in."""
    if _is_denied(asked.reason(account)):
        return "trust.denied"
    name = next((name for name, relaxed in _relaxed(asked) if asked.lets_in(account, relaxed)), "trust.refused")
    return "trust.wildcard-under-equals" if name == "trust.subject-wrong" and _literal(asked, account) else name


def _is_denied(reason: str) -> bool:
    return reason.endswith("denies it.")


def _literal(asked: _Asked, account: Account) -> str:
    """Return the pattern that would match a service account, and is compared letter by letter; empty for none."""
    return next(
        (
            value
            for name, value in asked.named("sub")
            if "like" not in name.lower() and has_wildcard(value) and like(value, subject(account[0]))
        ),
        "",
    )


def _relaxed(asked: _Asked) -> t.Iterator[tuple[str, Policy]]:
    """Yield the policy without one kind of condition after the other, by the check that is about it."""
    yield "trust.action", _mapped(asked.policy, lambda statement: {**_no_action(statement), "Action": ASSUME_ACTION})
    kinds: dict[str, Keeps] = {
        "trust.audience-wrong": lambda _name, key: not asked.is_claim(key, "aud"),
        "trust.subject-wrong": lambda _name, key: not asked.is_claim(key, "sub"),
        "trust.other-issuer": lambda _name, key: (
            not names_token(key) or asked.is_claim(key, "aud") or asked.is_claim(key, "sub")
        ),
        "trust.condition": lambda _name, key: asked.is_claim(key, "aud") or asked.is_claim(key, "sub"),
    }
    for name, keeps in kinds.items():
        yield name, _mapped(asked.policy, partial(_with_conditions, keeps=keeps))


def _found(asked: _Asked, name: str, account: Account) -> str:
    """Say what was seen of the policy by which it refuses a service account."""
    key, audience = account
    reason = asked.reason(account).rstrip(".")
    if name == "trust.denied":
        return reason
    if name == "trust.wildcard-under-equals":
        return (
            f"{_literal(asked, account)} is compared letter by letter (StringEquals), so that its * stands for itself"
        )
    if name == "trust.subject-wrong":
        return _wrong_subject(asked, key)
    if name == "trust.audience-wrong":
        wanted = ", ".join(dict.fromkeys(value for _operator, value in asked.named("aud")))
        return f"it wants the audience {wanted}, and the pods' tokens are for {audience}"
    return f"it refuses {subject(key)}: {reason}"


def _wrong_subject(asked: _Asked, key: str) -> str:
    sub, values = subject(key), [value for _name, value in asked.named("sub")]
    meant = nearest(sub, values)
    shown = ", ".join(values[:_SOME]) + (" and others" if len(values) > _SOME else "")
    near = meant.removeprefix("Did you mean ").rstrip("?")
    return f"it lets in {shown}, not {sub}" + (f"; the nearest is {near}" if near and len(values) > 1 else "")


def _too_wide(asked: _Asked, accounts: t.Sequence[Account]) -> list[Fault]:
    """Say whom a policy lets in besides those that name the role."""
    faults = []
    audiences = {audience for _key, audience in accounts}
    if any(asked.lets_in((key, _OTHER_AUDIENCE)) for key, _audience in accounts):
        found = "it names no audience, so that it lets in tokens that pods send to other services"
        faults.append(Fault("trust.audience-missing", found))
    # Whoever has a namespace names service accounts in it as he likes, also as those are named that have the role.
    names = {key.partition("/")[2] for key, _audience in accounts} | {_NOBODY}
    others = (f"{_NOBODY}:{_NOBODY}", *(f"{_PREFIX}{_NOBODY}:{name}" for name in sorted(names)))
    if any(asked.lets_in_subject(sub, audience) for sub in others for audience in audiences):
        patterns = [value for name, value in asked.named("sub") if "like" in name.lower()]
        faults.append(
            Fault("trust.everyone", f"its pattern {', '.join(patterns)} lets in service accounts of every namespace")
            if patterns
            else Fault("trust.subject-missing", "it names no service account, so that it lets in every one")
        )
    return [*faults, *_more(asked, {key for key, _audience in accounts})]


def _more(asked: _Asked, naming: set[str]) -> list[Fault]:
    """Say which service accounts the policy names that do not name the role."""
    named = [
        value.removeprefix(_PREFIX).replace(":", "/", 1)
        for name, value in asked.named("sub")
        if getattr(operator(name), "demands", False) and not has_wildcard(value) and value.startswith(_PREFIX)
    ]
    more = tuple(dict.fromkeys(key for key in named if key not in naming))
    if not more:
        return []
    shown = ", ".join(more[:_SOME]) + (f" and {len(more) - _SOME} more" if len(more) > _SOME else "")
    return [Fault("trust.more-accounts", f"it lets in {shown}, which do not name the role", more)]


def _dead(policy: Policy) -> list[Fault]:
    """Name principals that are gone: IAM shows the id of a deleted user or role in the place of its ARN."""
    names = [
        name
        for statement in _allowing(policy)
        if isinstance(statement.get("Principal"), t.Mapping)
        for name in texts(statement["Principal"].get("AWS", []))
        if name.startswith(("AIDA", "AROA"))
    ]
    return [Fault("trust.dead-principal", f"it trusts {', '.join(names)}, which is gone")] if names else []


def _allowing(policy: Policy) -> list[Statement]:
    return [statement for statement in _statements(policy) if statement.get("Effect") == "Allow"]


def _statements(policy: Policy) -> list[Statement]:
    found = policy.get("Statement", [])
    return found if isinstance(found, list) else [found]


def _conditions(statement: Statement) -> list[tuple[str, str, list[str]]]:
    block = statement.get("Condition")
    operators = block.items() if isinstance(block, dict) else ()
    return [
        (name, key, texts(value)) for name, keys in operators if isinstance(keys, dict) for key, value in keys.items()
    ]


def _mapped(policy: Policy, change: t.Callable[[Statement], Statement]) -> Policy:
    """Return the policy with every Allow changed."""
    made = [change(each) if each.get("Effect") == "Allow" else each for each in _statements(policy)]
    return {**policy, "Statement": made}


def _no_action(statement: Statement) -> Statement:
    return {name: value for name, value in statement.items() if name not in ("Action", "NotAction")}


def _with_conditions(statement: Statement, keeps: Keeps) -> Statement:
    block = statement.get("Condition")
    operators = block.items() if isinstance(block, dict) else ()
    kept = {
        name: {key: value for key, value in keys.items() if keeps(name, key)}
        for name, keys in operators
        if isinstance(keys, dict)
    }
    return {**statement, "Condition": kept}


__all__: t.Final = ("Account", "Fault", "too_wide", "trust_faults")
