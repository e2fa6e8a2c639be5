# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A move from one issuer to another for people to read. PRIVATE to the collection: it may change without notice.

Pure.
"""

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._in_use.names import some
from ansible_collections.onprem.irsa.plugins.module_utils._in_use.words import at, where

if t.TYPE_CHECKING:
    from datetime import tzinfo

    from ansible_collections.onprem.irsa.plugins.module_utils._migration.plan import Aim, Plan, Step
    from ansible_collections.onprem.irsa.plugins.module_utils._migration.state import State

Row = dict[str, str]


def says(step: Step, aim: Aim) -> str:
    """Return what a step does, to stand behind the name of its task."""
    more = f", and of others' roles: {', '.join(step.roles)}" if step.roles else ""
    return {
        "publish": f"publishes every key of the API servers at {step.issuer}",
        "trust": f"gives {aim.new} an identity provider, and a statement in the trust policies of the roles{more}",
        "accept": f"lets every API server accept {aim.new}",
        "switch": f"lets every API server sign with {aim.new}, and accept {aim.old} still",
        "retire_trust": f"removes {aim.old} from the trust policies of the roles{more}",
        "retire_provider": f"removes the identity provider of {aim.old}",
        "retire_issuer": f"lets the API servers no longer accept {aim.old}",
        "retire_documents": f"removes the documents of {aim.old}",
    }[step.action]


def way_back(step: Step, aim: Aim) -> str:
    """Return how to go back once a step is taken."""
    if step.action in ("publish", "trust", "accept", "switch"):
        return f"-e irsa_migrate_back=true lets {aim.old} sign, and removes what {aim.new} has got"
    return f"-e irsa_migrate_back=true makes what {aim.old} needs again, step by step, before it signs"


def issuers(state: State, aim: Aim, following: Plan, zone: tzinfo | None = None) -> list[Row]:
    """Return a row for each of the two issuers: where it stands, and what it is still used by."""
    used = {aim.old: "; ".join(_users(state, aim, following, zone)), aim.new: ""}
    return [_row(issuer, state, aim, used[issuer]) for issuer in (aim.old, aim.new)]


def _row(issuer: str, state: State, aim: Aim, used: str) -> Row:
    is_old = issuer == aim.old
    publication = state.old if is_old else state.new
    provider = state.trust.old_provider if is_old else state.trust.new_provider
    trusting = [role for role in state.trust.roles if (role.trusts_old if is_old else role.trusts_new)]
    signing = [server.host for server in state.servers if server.issuer == issuer]
    accepting = [server.host for server in state.servers if issuer in server.issuers]
    own = sum(role.is_listed for role in trusting)
    others = [role.name for role in trusting if not role.is_listed]
    signs = bool(signing) or not is_old
    return {
        "issuer": issuer,
        "signs": where(signing, len(state.servers)),
        "accepted": where(accepting, len(state.servers)),
        "published": ", ".join(publication.kids) or ("removed in part" if publication.is_left else "no"),
        "provider": "yes" if provider else "no",
        "roles": f"{own} of the inventory" + (f"; of others: {', '.join(others)}" if others else ""),
        "used_by": used or ("it signs" if signing else "it will sign" if signs else "nothing"),
    }


def _users(state: State, aim: Aim, following: Plan, zone: tzinfo | None) -> t.Iterator[str]:
    """Yield what still needs the former issuer."""
    signing = [server.host for server in state.servers if server.issuer == aim.old]
    if signing:
        yield f"it signs on {', '.join(signing)}"
    elif following.wait is not None and following.wait.phase.startswith("retire"):
        yield f"tokens until {at(following.wait.until, state.now, zone)}"
    for role in state.trust.roles:
        if role.trusts_old and not role.is_listed:
            yield f"the role {role.name}{', which lacks the new one' if role.lacks_new else ''}"
    if state.audience_users:
        yield f"pods, by their audience: {some(state.audience_users)}"


__all__: t.Final = ("issuers", "says", "way_back")
