# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a role's proof is made of. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from fnmatch import fnmatchcase

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._service_accounts import has_wildcard

Json = t.Mapping[str, t.Any]

NOBODY: t.Final = "default/default"
"""The service account whose tokens prove API servers and documents where no role is proved."""


@dataclass(frozen=True)
class Subject:
    """Whose identity is proved."""

    service_account: str
    """As C(namespace/name); empty where no role is proved."""
    namespace: str
    name: str
    """Of the service account whose tokens are looked at: C(NOBODY) where no role is proved."""
    role: str
    """The name of its role in C(irsa_iam_roles); empty for none."""


def proof_subject(service_account: str, roles: t.Sequence[Json]) -> Subject:
    """Return whose identity to prove.

    That is SERVICE_ACCOUNT or, where it is empty, the first service account of ROLES that is not a pattern. ROLES are
    C(irsa_iam_roles); those that should be absent are passed over.
    """
    present = [role for role in roles if role.get("state") != "absent"]
    known = [name for role in present for name in role.get("service_accounts") or [] if not has_wildcard(name)]
    chosen = service_account or next(iter(known), "")
    own = [str(role["name"]) for role in roles if chosen and chosen in (role.get("service_accounts") or [])]
    namespace, _slash, name = (chosen or NOBODY).partition("/")
    return Subject(chosen, namespace, name, next(iter(own), ""))


@dataclass(frozen=True)
class RoleProof:
    """What to compare with, and what has to be refused."""

    trust: Json
    """The option C(trust) of the module verify; empty where no role is proved."""
    untrusted: str
    """A service account that the role does not trust, as C(namespace/name); empty where it trusts all of them."""
    other_audience: str
    """An audience that the identity provider has for another role; empty for none."""


def role_proof(service_account: str, role_arn: str, audience: str, roles: t.Sequence[Json], found: Json) -> RoleProof:
    """Return how to prove that a service account has a role, or raise InputError where it has none.

    SERVICE_ACCOUNT is empty where no role should be proved, as ROLE_ARN is then. AUDIENCE is that of its tokens. ROLES
    are C(irsa_iam_roles), and FOUND is the result of the module C(iam_role_info) for the role.
    """
    if service_account and not role_arn:
        raise InputError(
            f"{service_account} has no role: neither an annotation eks.amazonaws.com/role-arn nor a role of "
            "irsa_iam_roles that exists in IAM.",
            fix="Run onprem.irsa.site, or name the role in irsa_verify_role_arn.",
        )
    account = service_account or NOBODY
    entries = [role for role in roles if role.get("name") == role_arn.rpartition("/")[2]]
    accounts = [name for entry in entries for name in entry.get("service_accounts", [])]
    namespaces = [account.partition("/")[0], "kube-system", "default"]
    return RoleProof(
        trust=_trust(role_arn, accounts, found) if role_arn else {},
        untrusted=untrusted_service_account([*accounts, account], namespaces),
        other_audience=_other_audience(audience, entries, roles) if entries else "",
    )


def _trust(role_arn: str, service_accounts: t.Sequence[str], found: Json) -> Json:
    error, policy = _trust_error(role_arn, found), found.get("trust_policy") or {}
    return {"policy": policy, "error": error, "service_accounts": service_accounts}


def _other_audience(audience: str, entries: t.Sequence[Json], roles: t.Sequence[Json]) -> str:
    own = {audience, *_audiences(entries)}
    return next((other for other in _audiences(roles) if other not in own), "")


def _audiences(roles: t.Iterable[Json]) -> list[str]:
    return [audience for role in roles for audience in role.get("audiences") or []]


def _trust_error(role_arn: str, found: Json) -> str:
    """Say why a look into IAM does not show the role; it may be one of another account than the credentials are of."""
    if found.get("arn") is None:
        return str(found.get("msg") or "IAM does not tell")
    if found["arn"] != role_arn:
        return f"the account of the AWS credentials here has no role {role_arn}"
    return ""


def untrusted_service_account(trusted: t.Iterable[str], namespaces: t.Iterable[str]) -> str:
    """Return NAMESPACE/default of the first namespace where no entry of TRUSTED covers it, or an empty text.

    Entries are namespace/name; C(*) and C(?) match as in IAM's StringLike, across the slash, too.
    """
    patterns = list(trusted)
    accounts = (f"{namespace}/default" for namespace in namespaces)
    return next((name for name in accounts if not any(fnmatchcase(name, pattern) for pattern in patterns)), "")


__all__: t.Final = ("NOBODY", "RoleProof", "Subject", "proof_subject", "role_proof", "untrusted_service_account")
