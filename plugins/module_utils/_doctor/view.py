# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A snapshot as checks ask it: parts that were looked at, and what is found by its name. PRIVATE: it may change.

Pure. Where a part was not looked at there is nothing in it, so that no check says anything about it; who reads the
findings is told in the place of that which parts were not looked at.
"""

from __future__ import annotations

import typing as t
from functools import cached_property, partial

from ansible_collections.onprem.irsa.plugins.module_utils._doctor.snapshot import (
    ApiServer,
    Bucket,
    Container,
    Fetch,
    Host,
    Key,
    NotLooked,
    Provider,
    Providers,
    Role,
    Roles,
    ServiceAccount,
    Snapshot,
)
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.trust_faults import Fault, too_wide, trust_faults
from ansible_collections.onprem.irsa.plugins.module_utils._injection.pod import ROLE_ARN, TOKEN_FILE
from ansible_collections.onprem.irsa.plugins.module_utils._proof.role_trust import provider_arn_for_role

_T = t.TypeVar("_T")


def looked(part: _T | NotLooked | None) -> _T | None:
    """Return a part; None where there is none, or nobody has looked."""
    return None if isinstance(part, NotLooked) else part


def is_of_injection(container: Container) -> bool:
    """Tell whether a container's token is where injection puts it."""
    return (container.token_file or "").replace("\\", "/").endswith(TOKEN_FILE)


def sets_role(container: Container) -> bool:
    """Tell whether a container has the ARN of a role that injection has not given to it."""
    return bool(container.role) and not is_of_injection(container) and bool(ROLE_ARN.fullmatch(str(container.role)))


class Fetched(t.NamedTuple):
    """A document that was fetched, or that should have been."""

    seen_from: str
    kind: str
    """C(discovery document) or C(key set)."""
    fetch: Fetch


class View:
    """A snapshot, and what follows from it without a judgement."""

    def __init__(self, snapshot: Snapshot) -> None:
        """Take the snapshot; all else is found when it is first asked for."""
        self.snapshot = snapshot

    @property
    def issuer(self) -> str:
        """The issuer that is looked at."""
        return self.snapshot.issuer

    @cached_property
    def fetched(self) -> list[Fetched]:
        """Both documents, as they were fetched from each place."""
        parts = [
            (probe.seen_from, kind, looked(fetch))
            for probe in looked(self.snapshot.documents) or ()
            for kind, fetch in (("discovery document", probe.discovery), ("key set", probe.jwks))
        ]
        return [Fetched(place, kind, fetch) for place, kind, fetch in parts if fetch is not None]

    @cached_property
    def published(self) -> list[tuple[str, str, tuple[Key, ...]]]:
        """The keys of each key set that could be read, with the place from which it was and its URL."""
        return [
            (each.seen_from, each.fetch.url, each.fetch.keys) for each in self.fetched if each.fetch.keys is not None
        ]

    @cached_property
    def servers(self) -> tuple[ApiServer, ...]:
        """The API servers."""
        return looked(self.snapshot.api_servers) or ()

    @cached_property
    def hosts(self) -> list[tuple[str, Host]]:
        """The hosts of API servers that are known, by the servers' names."""
        return [(server.name, host) for server in self.servers if (host := looked(server.host)) is not None]

    @cached_property
    def signing_kids(self) -> dict[str, str]:
        """The ids of the keys with which servers sign, by the servers' names; by a token, else by their hosts."""
        found = {}
        for server in self.servers:
            minted, host = looked(server.minted), looked(server.host)
            kid = minted.kid if minted else host.signing_kid if host else ""
            if kid:
                found[server.name] = kid
        return found

    @cached_property
    def bucket(self) -> Bucket | None:
        """The bucket of the documents."""
        return looked(self.snapshot.bucket)

    @cached_property
    def providers(self) -> Providers | None:
        """The identity providers of the account."""
        return looked(self.snapshot.providers)

    @cached_property
    def provider(self) -> Provider | None:
        """The issuer's identity provider."""
        found = self.providers.found if self.providers else ()
        return next((provider for provider in found if provider.arn == self.provider_arn), None)

    @cached_property
    def provider_arn(self) -> str:
        """The ARN that IAM gives to the issuer's provider in the account; empty where the account is not known."""
        own = self.providers
        return self.provider_arn_of(f"arn:{own.partition}:iam::{own.account}:role/any") if own else ""

    def provider_arn_of(self, role_arn: str) -> str:
        """Return the ARN of the issuer's provider in the account of a role."""
        return provider_arn_for_role(role_arn, self.issuer)

    @cached_property
    def accounts(self) -> tuple[ServiceAccount, ...]:
        """The service accounts with something of AWS."""
        return looked(self.snapshot.service_accounts) or ()

    @cached_property
    def accounts_by_key(self) -> dict[str, ServiceAccount]:
        """The same by their C(namespace/name)."""
        return {account.key: account for account in self.accounts}

    @staticmethod
    def role_of(account: ServiceAccount) -> str:
        """Return the ARN of the role that a service account has; empty for none, and for what is no ARN of a role."""
        named = account.role or account.policy_role
        return named if ROLE_ARN.fullmatch(named) else ""

    def audience_of(self, account: ServiceAccount) -> str:
        """Return the audience of the tokens of a service account's pods."""
        return account.audience or self.snapshot.audience

    def _judged_audience(self, account: ServiceAccount) -> str:
        """Return the audience by which a role is judged: not one of an annotation that the provider does not take.

        That is the annotation's fault, and no role can make up for it.
        """
        audience = self.audience_of(account)
        taken = self.audiences_for(self.role_of(account))
        return audience if taken is None or audience in taken else self.snapshot.audience

    def audiences_for(self, role_arn: str) -> tuple[str, ...] | None:
        """Return what the provider takes by which a role is assumed; None where nobody looked: in another account."""
        if self.provider is None or (role_arn and self.provider_arn_of(role_arn) != self.provider.arn):
            return None
        return self.provider.audiences

    @cached_property
    def naming(self) -> dict[str, list[ServiceAccount]]:
        """The service accounts that name each role, by its ARN."""
        found: dict[str, list[ServiceAccount]] = {}
        for account in self.accounts:
            if self.role_of(account):
                found.setdefault(self.role_of(account), []).append(account)
        return found

    @cached_property
    def by_themselves(self) -> dict[str, dict[str, str]]:
        """The service accounts of pods that set a role by variables of their own, by its ARN; with their audiences."""
        found: dict[str, dict[str, str]] = {}
        for pod in looked(self.snapshot.pods) or ():
            for container in pod.containers:
                if sets_role(container) and container.token_audience:
                    found.setdefault(str(container.role), {}).setdefault(pod.account, container.token_audience)
        return found

    def users_of(self, arn: str) -> list[tuple[str, str]]:
        """Return the service accounts whose pods use a role, each with the audience of their tokens.

        A role that they name by an annotation is judged by that.
        """
        return self._users_of(arn, self.audience_of)

    def _users_of(self, arn: str, audience_of: t.Callable[[ServiceAccount], str]) -> list[tuple[str, str]]:
        named = {account.key: audience_of(account) for account in self.naming.get(arn, [])}
        return [*{**self.by_themselves.get(arn, {}), **named}.items()]

    @cached_property
    def roles(self) -> dict[str, Role]:
        """The roles that could be read, by their ARNs."""
        parts = looked(self.snapshot.roles) or Roles()
        return {role.arn: role for role in parts.found}

    @property
    def _audiences(self) -> list[str]:
        """The audiences that tokens for AWS may have."""
        return [*dict.fromkeys((self.snapshot.audience, *(self.provider.audiences if self.provider else ())))]

    @cached_property
    def trust_faults(self) -> dict[str, list[tuple[Role, Fault]]]:
        """What is wrong with trust policies, by the ids of the checks.

        Of a role that nothing names it is asked alone whom it lets in: a Secret or a ConfigMap may name it.
        """
        found: dict[str, list[tuple[Role, Fault]]] = {}
        for arn, role in self.roles.items():
            policy, accounts = looked(role.trust), self._users_of(arn, self._judged_audience)
            if policy is None:
                continue
            provider = self.provider_arn_of(arn)
            judge = (
                partial(trust_faults, accounts=accounts) if accounts else partial(too_wide, audiences=self._audiences)
            )
            for fault in judge(policy, provider):
                found.setdefault(fault.check, []).append((role, fault))
        return found


__all__: t.Final = ("Fetched", "View", "is_of_injection", "looked", "sets_role")
