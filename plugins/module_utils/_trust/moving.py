# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Trust policies for another issuer of the same cluster. PRIVATE to the collection: it may change without notice.

A statement speaks of an issuer by its principal, the ARN of the identity provider, and by its condition keys, which
begin with the issuer's URL without the scheme (IAM User Guide, "Available keys for AWS OIDC federation"). What a
statement allows or denies to the tokens of the one is said of those of the other by replacing both.
"""

from __future__ import annotations

import typing as t

Policy = dict[str, t.Any]
Statement = dict[str, t.Any]

_PROVIDER_KEY: t.Final = "aws:federatedprovider"


def mentions(statement: Statement, provider_arn: str) -> bool:
    """Tell whether a statement speaks of the tokens of a provider, by its principal or by a condition."""
    return provider_arn in _federated(statement) or any(
        _is_key_of(key, provider_arn) or (key.lower() == _PROVIDER_KEY and provider_arn in _listed(value))
        for _operator, keys in _conditions(statement)
        for key, value in keys.items()
    )


def moved(statement: Statement, old: str, new: str) -> Statement:
    """Return a statement that says of the tokens of the provider NEW what this one says of those of OLD.

    Other principals that the statement names have it already. It has no Sid, which would be there twice.
    """
    result = {name: value for name, value in statement.items() if name != "Sid"}
    if old in _federated(statement):
        result["Principal"] = {"Federated": new}
    if _conditions(statement):
        result["Condition"] = {
            name: {_key(key, old, new): _value(key, value, old, new) for key, value in keys.items()}
            for name, keys in _conditions(statement)
        }
    return result


def lacking(policy: Policy | None, old: str, new: str) -> list[Statement]:
    """Return the statements that a policy needs so that it says of NEW all that it says of OLD."""
    there = [_meaning(statement) for statement in _statements(policy)]
    return [
        copy
        for statement in _statements(policy)
        if mentions(statement, old)
        for copy in [moved(statement, old, new)]
        if _meaning(copy) not in there
    ]


def copied(policy: Policy, old: str, new: str) -> Policy:
    """Return the policy with what it lacks for NEW; the policy itself where that is nothing."""
    more = lacking(policy, old, new)
    return {**policy, "Statement": [*_statements(policy), *more]} if more else policy


def withdrawn(policy: Policy, old: str, new: str) -> Policy:
    """Return the policy without what it says of OLD, where it says the same of NEW.

    A statement that names other principals besides stays for them, without the conditions that they meet anyway.
    """
    there = [_meaning(statement) for statement in _statements(policy)]
    kept: list[Statement] = []
    for statement in _statements(policy):
        if not mentions(statement, old) or _meaning(moved(statement, old, new)) not in there:
            kept.append(statement)
        elif len(_federated(statement)) > 1:
            others = [arn for arn in _federated(statement) if arn != old]
            principal = {**statement["Principal"], "Federated": others[0] if len(others) == 1 else others}
            kept.append({**statement, "Principal": principal, **_without_idle(statement, old)})
    return policy if kept == _statements(policy) else {**policy, "Statement": kept}


def _without_idle(statement: Statement, old: str) -> Statement:
    """Return the conditions of a statement without those that count for tokens of OLD alone (IfExists)."""
    if not _conditions(statement):
        return {}
    kept = {
        name: {key: value for key, value in keys.items() if not (idle and _is_key_of(key, old))}
        for name, keys in _conditions(statement)
        for idle in [name.lower().endswith("ifexists")]
    }
    return {"Condition": {name: keys for name, keys in kept.items() if keys}}


def _prefix(provider_arn: str) -> str:
    return f"{provider_arn.partition(':oidc-provider/')[2]}:"


def _is_key_of(key: str, provider_arn: str) -> bool:
    return key.lower().startswith(_prefix(provider_arn).lower())


def _key(key: str, old: str, new: str) -> str:
    return _prefix(new) + key[len(_prefix(old)) :] if _is_key_of(key, old) else key


def _value(key: str, value: object, old: str, new: str) -> object:
    if key.lower() != _PROVIDER_KEY or old not in _listed(value):
        return value
    return [new if each == old else each for each in _listed(value)] if isinstance(value, list) else new


def _meaning(value: object) -> object:
    """Return what a statement says, in a form that compares: without its Sid, with lists in any order."""
    if isinstance(value, dict):
        return {name: _meaning(each) for name, each in value.items() if name != "Sid"}
    return sorted({str(each) for each in _listed(value)})


def _listed(value: object) -> list[t.Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _statements(policy: Policy | None) -> list[Statement]:
    return _listed(policy.get("Statement", [])) if policy else []


def _federated(statement: Statement) -> list[t.Any]:
    principal = statement.get("Principal")
    return _listed(principal.get("Federated", [])) if isinstance(principal, dict) else []


def _conditions(statement: Statement) -> list[tuple[str, dict[str, t.Any]]]:
    block = statement.get("Condition")
    return [(name, keys) for name, keys in block.items() if isinstance(keys, dict)] if isinstance(block, dict) else []


__all__: t.Final = ("copied", "lacking", "mentions", "moved", "withdrawn")
