# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What observations mean for a move to another issuer. PRIVATE to the collection: it may change without notice.

Pure.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.audiences import in_force
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.rollout import ISSUER
from ansible_collections.onprem.irsa.plugins.module_utils._in_use.state import Keeper, Lifetime, read
from ansible_collections.onprem.irsa.plugins.module_utils._migration.state import (
    Publication,
    Role,
    Server,
    State,
    Trust,
)

Json = t.Mapping[str, t.Any]


@dataclass(frozen=True)
class Looked:
    """What modules have returned."""

    servers: t.Sequence[Json]
    """Of C(control_plane_info) for each control-plane host."""
    issuers: tuple[str, str]
    """The former one and the new one."""
    old: Json
    """Of C(issuer_info) for the former issuer."""
    new: Json
    trust: Json
    """Of C(iam_issuer_trust)."""
    use: Json
    """Of C(signing_use_info)."""
    listed: t.Sequence[str] = ()
    """The names of the roles that the inventory has."""
    trust_is_complete: bool = False
    is_left: bool = False
    """Whether something of the former issuer's documents is left that nobody can fetch."""
    trusted_since: float = 0.0
    now: float = 0.0
    first_seen: float = 0.0
    """When this run has first seen what is published: where the web server does not tell, it counts from then."""


def state(looked: Looked) -> State:
    """Return the state that is observed."""
    return State(
        servers=tuple(map(_server, looked.servers)),
        old=replace(_publication(looked.issuers[0], looked.old, looked), is_left=looked.is_left),
        new=_publication(looked.issuers[1], looked.new, looked),
        trust=_trust(looked),
        now=looked.now,
        lifetimes=tuple(Lifetime(**lifetime) for lifetime in looked.use["lifetimes"]),
        audience_users=tuple(looked.use["audience_users"]),
        stale_uses=looked.use["stale_uses"],
        keepers=tuple(Keeper(**pod) for pod in looked.use["keepers"]),
    )


def _server(observed: Json) -> Server:
    flags, started = observed["running_flags"], observed["started"]
    issuers = flags.get(ISSUER, [])
    return Server(
        observed["host"],
        issuers=tuple(issuers),
        kids=tuple(observed["loaded_kids"] or observed["kids"]),
        since=0.0 if started is None else started - float(observed["clock_offset"]),
        audiences=tuple(in_force(flags, issuers)),
    )


def _publication(issuer: str, published: Json, looked: Looked) -> Publication:
    return read(Publication, issuer, published, now=looked.now, first_seen=looked.first_seen)


def _trust(looked: Looked) -> Trust:
    # IAM does not tell upper from lower case in names.
    listed = {name.lower() for name in looked.listed}
    return Trust(
        old_provider=looked.trust["from_provider"]["exists"],
        new_provider=looked.trust["to_provider"]["exists"],
        is_complete=looked.trust_is_complete,
        roles=tuple(_role(role, listed=role["name"].lower() in listed) for role in looked.trust["roles"]),
        seen_at=looked.trusted_since,
    )


def _role(role: Json, *, listed: bool) -> Role:
    return Role(
        role["name"],
        role["arn"],
        is_listed=listed,
        # What others have shared with a role of the inventory stays there.
        trusts_old=role["has_own"] if listed else role["trusts_from"],
        trusts_new=role["trusts_to"],
        lacks_new=role["lacks_to"],
        grown_to=role["length_with_to"],
    )


__all__: t.Final = ("Looked", "state")
