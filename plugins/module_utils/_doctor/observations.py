# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A snapshot of what modules and playbooks have observed. PRIVATE to the collection: it may change without notice.

Pure. Whatever is in an observation, only what a snapshot has a field for is taken from it.
"""

from __future__ import annotations

import typing as t
from dataclasses import fields

from ansible_collections.onprem.irsa.plugins.module_utils._doctor.redaction import policy_of, without_secrets
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.seen_documents import (
    bucket_of,
    not_looked,
    probes_of,
    texts,
)
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.seen_pods import (
    around_of,
    legacy_secrets_of,
    pods_of,
    service_accounts_of,
)
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.seen_servers import api_servers_of, injection_of
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.snapshot import (
    Clock,
    NotLooked,
    Provider,
    Providers,
    Region,
    Role,
    Roles,
    Rotation,
    Snapshot,
)
from ansible_collections.onprem.irsa.plugins.module_utils._trust.policy import serialise

Json = t.Mapping[str, t.Any]
_T = t.TypeVar("_T")

_NOBODY: t.Final = "nobody looked at it"


def from_observations(observed: Json) -> Snapshot:
    """Return the snapshot of what was observed.

    C(taken), C(issuer), C(audience) and C(cluster) say of what; each other part is an observation as the
    functions of this package document it, C({"not_looked_at": REASON}), or missing: C(documents), C(bucket) (None for
    documents that are in none), C(providers), C(roles), C(service_accounts) with C(policy_data), C(namespaces),
    C(workloads) and C(excluded_namespaces), C(pods), C(api_servers), C(injection), C(clock), C(region), C(rotation) and
    C(secrets).
    """
    accounts = _part(observed, "service_accounts", lambda found: _accounts(observed, found))
    known = () if isinstance(accounts, NotLooked) else accounts
    around = around_of(
        known, _listed(observed, "namespaces"), _listed(observed, "workloads"), _listed(observed, "excluded_namespaces")
    )
    own = {name: str(observed[name]) for name in ("audience", "cluster") if observed.get(name)}
    return Snapshot(
        taken=float(observed["taken"]),
        issuer=without_secrets(str(observed["issuer"])),
        documents=_part(observed, "documents", probes_of),
        bucket=None if observed.get("bucket", _NOBODY) is None else _part(observed, "bucket", bucket_of),
        providers=_part(observed, "providers", providers_of),
        roles=_part(observed, "roles", roles_of),
        service_accounts=accounts,
        namespaces=tuple(sorted(each["metadata"]["name"] for each in _listed(observed, "namespaces"))),
        pods=_part(observed, "pods", lambda found: pods_of(found, around)),
        api_servers=_part(observed, "api_servers", api_servers_of),
        injection=_part(observed, "injection", lambda found: injection_of(_with_namespaces(observed, found))),
        clock=_part(observed, "clock", lambda found: Clock(found.get("offset"))),
        region=_part(observed, "region", lambda found: Region(**_named(Region, found))),
        rotation=_part(observed, "rotation", lambda found: rotation_of(found, observed.get("secrets", ()))),
        **own,
    )


def _part(observed: Json, name: str, take: t.Callable[[t.Any], _T]) -> _T | NotLooked:
    """Return a part of a snapshot, or why nobody has looked at it."""
    if name not in observed:
        return NotLooked(_NOBODY)
    found = observed[name]
    return not_looked(found) or take(found)


def _listed(observed: Json, name: str) -> t.Sequence[t.Any]:
    found = observed.get(name)
    return [] if found is None or not_looked(found) else list(found)


def _accounts(observed: Json, found: t.Any) -> t.Any:  # noqa: ANN401 -- what service_accounts_of takes and returns
    return service_accounts_of(found, observed.get("policy_data"))


def _with_namespaces(observed: Json, found: Json) -> Json:
    return {"namespaces": _listed(observed, "namespaces"), **found}


def _named(kind: type, found: Json) -> dict[str, t.Any]:
    """Return the values of an observation that are fields of a dataclass, by their names."""
    return {item.name: found[item.name] for item in fields(kind) if item.name in found}


def providers_of(observed: Json) -> Providers:
    """Return the identity providers: C(account), C(partition), and C(providers) of iam_oidc_provider_info."""
    return Providers(
        str(observed["account"]),
        str(observed.get("partition") or "aws"),
        tuple(
            Provider(str(each["arn"]), texts(each.get("audiences")), texts(each.get("thumbprints")))
            for each in observed.get("providers") or ()
        ),
    )


def roles_of(observed: Json) -> Roles:
    """Return roles.

    C(roles) are these by the fields of C(_iam.roles.Role), with C(boundary_exists) where that is known; a
    C(trust_policy) may be C({"not_looked_at": REASON}). C(missing), C(unreadable) and C(others) are as in C(Roles).
    """
    return Roles(
        tuple(map(_role, observed.get("roles") or ())),
        texts(observed.get("missing")),
        {str(arn): str(why) for arn, why in (observed.get("unreadable") or {}).items()},
        texts(observed.get("others")),
    )


def _role(observed: Json) -> Role:
    policy = observed.get("trust_policy") or {}
    inline: t.Mapping[str, Json] = observed.get("inline_policies") or {}
    return Role(
        arn=str(observed["arn"]),
        trust=not_looked(policy) or policy_of(policy) or {},
        boundary=str(observed.get("permissions_boundary") or ""),
        boundary_exists=observed.get("boundary_exists"),
        inline=tuple(inline),
        inline_size=sum(len(serialise(dict(document))) for document in inline.values()),
        trust_size=len(serialise(dict(policy))),
    )


def rotation_of(observed: Json, secrets: t.Any = ()) -> Rotation:  # noqa: ANN401 -- manifests, or why not
    """Return how a rotation stands, by the fields of C(Rotation); SECRETS are manifests."""
    taken = {**_named(Rotation, observed), "retired": texts(observed.get("retired"))}
    return Rotation(**{**taken, "secrets": not_looked(secrets) or legacy_secrets_of(secrets)})


__all__: t.Final = ("from_observations", "providers_of", "roles_of", "rotation_of")
