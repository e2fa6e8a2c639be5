# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A snapshot of what several looks have shown, and what follows from them together. PRIVATE: it may change."""

from __future__ import annotations

import re
import typing as t
from collections import Counter
from dataclasses import replace
from urllib.parse import urlsplit

from ansible_collections.onprem.irsa.plugins.module_utils._doctor.snapshot import (
    ApiServer,
    NotLooked,
    Region,
    Rotation,
    Snapshot,
)
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.view import View, looked
from ansible_collections.onprem.irsa.plugins.module_utils._documents.issuer import INSIDE_CLUSTER
from ansible_collections.onprem.irsa.plugins.module_utils._documents.paths import DISCOVERY_PATH, JWKS_PATH

Look = t.Literal["aws", "cluster", "documents"]
LOOKS: t.Final[t.Mapping[str, tuple[str, ...]]] = {
    "aws": ("bucket", "providers", "roles"),
    "cluster": ("api_servers", "injection", "namespaces", "pods", "rotation", "service_accounts"),
    "documents": ("clock", "documents", "region"),
}
"""The parts of a snapshot by the look that shows them."""


def merged(empty: Snapshot, looks: t.Mapping[str, Snapshot], reasons: t.Mapping[str, str]) -> Snapshot:
    """Return the snapshot of several looks.

    empty: what is known before any look, such as the issuer.
    looks: what each has shown, by the names of C(LOOKS).
    reasons: why a look was not had, by its name.
    """
    parts: dict[str, t.Any] = {}
    for look, names in LOOKS.items():
        if look in looks:
            parts |= {name: getattr(looks[look], name) for name in names}
        else:
            reason = NotLooked(reasons.get(look) or "nobody looked at it")
            parts |= {name: reason for name in names if name != "namespaces"}
    region, enabled = parts["region"], looked(looks["aws"].region) if "aws" in looks else None
    if isinstance(region, Region) and enabled is not None:
        parts["region"] = replace(region, enabled=enabled.enabled)
    return replace(empty, **parts)


def with_rotation(snapshot: Snapshot, retired: t.Sequence[str]) -> Snapshot:
    """Return the snapshot with how a rotation of the signing key stands, as far as the API servers show it.

    retired: the ids of keys that the user has retired.
    """
    servers = looked(snapshot.api_servers)
    shows_retired = bool(retired) and looked(snapshot.documents) is not None
    if isinstance(snapshot.rotation, NotLooked) and not (servers or shows_retired):
        return snapshot
    seen = looked(snapshot.rotation) or Rotation(secrets=NotLooked("the cluster was not asked"))
    if not servers:
        return replace(snapshot, rotation=replace(seen, retired=tuple(retired)))
    return replace(snapshot, rotation=replace(_under_way(snapshot, servers, seen), retired=tuple(retired)))


def _under_way(snapshot: Snapshot, servers: t.Sequence[ApiServer], seen: Rotation) -> Rotation:
    """Return the rotation where API servers accept one key more than they sign with.

    Which of both is the new one shows in the tokens of Secrets: the old one has signed some. Where none tells, nothing
    is said: it may not have begun to sign.
    """
    signing = {*View(snapshot).signing_kids.values()}
    accepted = {key.kid for server in servers for key in looked(server.served) or ()}
    others = accepted - signing
    old = {secret.kid for secret in looked(seen.secrets) or ()} & others
    if len(signing) != 1 or len(others) != 1 or not old:
        return seen
    changed = [
        file.changed
        for _name, host in View(snapshot).hosts
        for file in host.key_files
        if file.private and file.changed is not None
    ]
    since = max(changed, default=snapshot.taken)
    return replace(seen, phase="wait", since=since, old_kid=min(old), new_kid=min(signing))


def issuer_of(signing: t.Sequence[str]) -> str:
    """Return the issuer to look at where nobody names it: of those that API servers sign with, one for the world."""
    outside = [issuer for issuer in signing if not issuer.startswith(INSIDE_CLUSTER)]
    return next(iter([*outside, *signing]), "")


def told_region(snapshot: Snapshot) -> str:
    """Return the region that most pods are told; empty where none is."""
    told = Counter(
        container.region
        for pod in looked(snapshot.pods) or ()
        for container in pod.containers
        if container.role and container.region
    )
    return told.most_common(1)[0][0] if told else ""


def named_roles(snapshot: Snapshot) -> list[str]:
    """Return the ARNs of the roles that service accounts name, and pods by themselves; sorted."""
    view = View(snapshot)
    return sorted({*view.naming, *view.by_themselves})


def place_of(issuer: str, jwks_uri: str, bucket: str = "") -> tuple[str, tuple[str, ...]]:
    """Return the bucket of an issuer's documents, and their keys in it; an empty name for documents that are in none.

    jwks_uri: that of the discovery document; empty where it could not be read.
    bucket: where it is named; else it shows in a URL of S3's (S3 user guide, "Virtual hosting of buckets").
    """
    parts = urlsplit(issuer)
    host, path = str(parts.hostname or ""), parts.path.strip("/")
    of_host, of_path = _VIRTUAL.fullmatch(host), _PATH.fullmatch(host)
    if of_path and path:
        name, _slash, path = path.partition("/")
    else:
        name = of_host[1] if of_host else bucket
    if not (name or bucket):
        return "", ()
    discovery = "/".join(filter(None, [path, DISCOVERY_PATH.strip("/")]))
    there = urlsplit(jwks_uri)
    own = there.hostname == parts.hostname
    jwks = there.path.strip("/") if own else "/".join(filter(None, [path, JWKS_PATH.strip("/")]))
    if of_path and own:
        jwks = jwks.partition("/")[2]
    return bucket or name, (discovery, jwks)


_S3: t.Final = r"s3(?:[.-](?:dualstack\.)?[a-z0-9-]+)?\.amazonaws\.com(?:\.cn)?"
_VIRTUAL: t.Final = re.compile(rf"(.+?)\.{_S3}")
_PATH: t.Final = re.compile(_S3)


__all__: t.Final = ("LOOKS", "Look", "issuer_of", "merged", "named_roles", "place_of", "told_region", "with_rotation")
