# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An identity provider as it is and as it should be. PRIVATE to the collection: it may change without notice.

Rules: IAM API reference, CreateOpenIDConnectProvider. Thumbprints are left to IAM unless they are given: it trusts the
public certificate authorities by itself, and finds the others when the provider is created.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import asdict, dataclass, field, replace

from ansible_collections.onprem.irsa.plugins.module_utils._aws.calls import Call
from ansible_collections.onprem.irsa.plugins.module_utils._aws.ownership import (
    cluster_problems,
    not_ours,
    owner,
    tag_changes,
    tag_problems,
    wanted_tags,
)
from ansible_collections.onprem.irsa.plugins.module_utils._documents.issuer import check_issuer_url, issuer_host_path
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError, IrsaError

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._iam.roles import Role

_AUDIENCE = re.compile(r"\S{1,255}")
_MAX_AUDIENCES = 100
_THUMBPRINT = re.compile(r"[0-9A-Fa-f]{40}")
_MAX_THUMBPRINTS = 5


@dataclass(frozen=True)
class Provider:
    """A provider: its ARN, the audiences of the tokens that it takes (IAM: client ids) in their order, and its tags."""

    arn: str
    audiences: tuple[str, ...]
    thumbprints: tuple[str, ...] = ()
    """In lower case, sorted; empty also where IAM is to find them."""
    tags: t.Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class WantedProvider:
    """What the user asks for."""

    url: str
    cluster: str
    audiences: t.Sequence[str]
    purge_audiences: bool = False
    thumbprints: t.Sequence[str] | None = None
    tags: t.Mapping[str, t.Any] | None = None
    purge_tags: bool = True
    adopt: bool = False


@dataclass(frozen=True)
class ProviderPlan:
    """The calls in their order, and the provider before and after them (None: absent)."""

    before: Provider | None
    after: Provider | None
    calls: tuple[Call, ...]

    def diff(self) -> dict[str, t.Any]:
        """Return before and after in Ansible's form."""
        return {
            side: shown(provider) if provider else {}
            for side, provider in (("before", self.before), ("after", self.after))
        }


def shown(provider: Provider) -> dict[str, t.Any]:
    """Return the provider as a module returns it."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(provider).items()}


def thumbprints_of(given: t.Iterable[str]) -> tuple[str, ...]:
    """Return thumbprints as they are compared: their case and order have no meaning."""
    return tuple(sorted(each.lower() for each in given))


def provider_arn(url: str, *, partition: str, account: str) -> str:
    """Return the ARN that IAM gives to the provider of an issuer."""
    return f"arn:{partition}:iam::{account}:oidc-provider/{issuer_host_path(url)}"


def check_wanted(wanted: WantedProvider) -> WantedProvider:
    """Return what the user asks for, or raise InputError with everything that is wrong with it."""
    check_issuer_url(wanted.url)
    problems = [*cluster_problems(wanted.cluster), *tag_problems(wanted.tags)]
    if not 1 <= len(wanted.audiences) <= _MAX_AUDIENCES or len(set(wanted.audiences)) != len(wanted.audiences):
        problems.append(
            f"audiences {list(wanted.audiences)} must be 1 to {_MAX_AUDIENCES} different ones. Correct them."
        )
    problems += [
        f"audience {audience!r} must be 1 to 255 characters without blanks. Correct it."
        for audience in wanted.audiences
        if _AUDIENCE.fullmatch(audience) is None
    ]
    problems += [] if wanted.thumbprints is None else _thumbprint_problems(wanted.thumbprints)
    if problems:
        raise InputError("\n".join(problems), fix="\nNothing was changed.")
    return wanted


def _thumbprint_problems(thumbprints: t.Sequence[str]) -> list[str]:
    problems = [
        f"thumbprint {thumbprint!r} must be 40 hexadecimal digits, the SHA-1 of a certificate. Correct it."
        for thumbprint in thumbprints
        if _THUMBPRINT.fullmatch(thumbprint) is None
    ]
    if not 1 <= len(thumbprints) <= _MAX_THUMBPRINTS or len(set(thumbprints_of(thumbprints))) != len(thumbprints):
        problems.append(
            f"thumbprints {list(thumbprints)} must be 1 to {_MAX_THUMBPRINTS} different ones. Correct them, or leave "
            "them out: IAM then finds them itself."
        )
    return problems


def plan_present(wanted: WantedProvider, arn: str, observed: Provider | None) -> ProviderPlan:
    """Plan the provider. Audiences that others added stay unless they should be purged: a workload may use them."""
    _refuse_foreign(wanted, observed)
    current = observed or Provider(arn=arn, audiences=())
    kept = [audience for audience in current.audiences if audience in wanted.audiences or not wanted.purge_audiences]
    after = replace(
        current,
        audiences=tuple(dict.fromkeys([*kept, *wanted.audiences])),
        thumbprints=current.thumbprints if wanted.thumbprints is None else thumbprints_of(wanted.thumbprints),
        tags=wanted_tags(current.tags, wanted.tags, cluster=wanted.cluster, purge=wanted.purge_tags),
    )
    calls = _creation(wanted.url, after) if observed is None else _changes(observed, after)
    return ProviderPlan(observed, after, tuple(calls))


def plan_absent(wanted: WantedProvider, observed: Provider | None, trusting: t.Iterable[Role]) -> ProviderPlan:
    """Plan the end of the provider, or raise IrsaError when roles of others, among those that trust it, need it."""
    if observed is None:
        return ProviderPlan(None, None, ())
    _refuse_foreign(wanted, observed)
    others = sorted(role.arn for role in trusting if owner(role.tags) != wanted.cluster)
    if others:
        names = ", ".join(others)
        raise IrsaError(
            f"The identity provider {observed.arn} is trusted by roles that are not of this cluster: {names}.",
            fix="Remove it from their trust policies, or delete them, and run again.",
        )
    return ProviderPlan(
        observed, None, (Call("delete_open_id_connect_provider", {"OpenIDConnectProviderArn": observed.arn}),)
    )


def _refuse_foreign(wanted: WantedProvider, observed: Provider | None) -> None:
    if observed is None or wanted.adopt or owner(observed.tags) == wanted.cluster:
        return
    raise not_ours(
        f"The identity provider {observed.arn}",
        observed.tags,
        fix="Give this cluster an issuer of its own, or set irsa_iam_adopt_provider: true (of the module "
        "iam_oidc_provider: adopt) to take the provider over.",
    )


def _creation(url: str, provider: Provider) -> t.Iterator[Call]:
    tags, _to_remove = tag_changes({}, provider.tags)
    thumbprints = {"ThumbprintList": list(provider.thumbprints)} if provider.thumbprints else {}
    yield Call(
        "create_open_id_connect_provider",
        {"Url": url, "ClientIDList": list(provider.audiences), "Tags": tags, **thumbprints},
    )


def _changes(before: Provider, after: Provider) -> t.Iterator[Call]:
    arn = {"OpenIDConnectProviderArn": before.arn}
    to_set, to_remove = tag_changes(before.tags, after.tags)
    if to_set:
        yield Call("tag_open_id_connect_provider", {**arn, "Tags": to_set})
    if before.thumbprints != after.thumbprints:
        new = {**arn, "ThumbprintList": list(after.thumbprints)}
        yield Call("update_open_id_connect_provider_thumbprint", new)
    for audience in after.audiences:
        if audience not in before.audiences:
            yield Call("add_client_id_to_open_id_connect_provider", {**arn, "ClientID": audience})
    for audience in before.audiences:
        if audience not in after.audiences:
            yield Call("remove_client_id_from_open_id_connect_provider", {**arn, "ClientID": audience})
    if to_remove:
        yield Call("untag_open_id_connect_provider", {**arn, "TagKeys": to_remove})


__all__: t.Final = (
    "Provider",
    "ProviderPlan",
    "WantedProvider",
    "check_wanted",
    "plan_absent",
    "plan_present",
    "provider_arn",
    "shown",
    "thumbprints_of",
)
