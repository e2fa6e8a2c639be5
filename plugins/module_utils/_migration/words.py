# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A move from one issuer to another for people to read. PRIVATE to the collection: it may change without notice.

Pure.
"""

from __future__ import annotations

import typing as t
from datetime import datetime, timedelta, tzinfo

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._migration.plan import Aim, Plan, Step, Wait
    from ansible_collections.onprem.irsa.plugins.module_utils._migration.state import State

_HOUR, _DAY = 3600.0, 86400.0
Row = dict[str, str]


def at(time: float, now: float, zone: tzinfo | None = None) -> str:
    """Return a time as people read it, in the controller's time zone: 14:05, with the date on another day.

    It is rounded up to the minute: what should be over by then is.
    """
    moment = datetime.fromtimestamp(time, zone).astimezone(zone)
    if moment.second or moment.microsecond:
        moment += timedelta(minutes=1)
    today = datetime.fromtimestamp(now, zone).astimezone(zone)
    return moment.strftime("%H:%M" if moment.date() == today.date() else "%Y-%m-%d %H:%M")


def span(seconds: float) -> str:
    """Return a span of time as people say it: of two days or more the days, of two hours or more the hours."""
    for length, name in ((_DAY, "d"), (_HOUR, "h"), (60.0, "min")):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {name}"
    return f"{seconds:.0f} s"


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


def run_again(wait: Wait, now: float, zone: tzinfo | None = None) -> str:
    """Return when to run again, and why not now."""
    if wait.within_run:
        return (
            f"Run again with irsa_migrate_wait=true, which waits for {span(wait.until - now)}: {wait.why}, and nobody "
            "tells since when it is as it is now."
        )
    return f"Run again after {at(wait.until, now, zone)} ({span(wait.until - now)}): {wait.why}."


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
    own = sum(role.is_listed for role in trusting)
    others = [role.name for role in trusting if not role.is_listed]
    signs = bool(signing) or not is_old
    return {
        "issuer": issuer,
        "signs": _hosts(state, signing),
        "accepted": _hosts(state, [server.host for server in state.servers if issuer in server.issuers]),
        "published": ", ".join(publication.kids) or ("removed in part" if publication.is_left else "no"),
        "provider": "yes" if provider else "no",
        "roles": f"{own} of the inventory" + (f"; of others: {', '.join(others)}" if others else ""),
        "used_by": used or ("it signs" if signing else "it will sign" if signs else "nothing"),
    }


def _hosts(state: State, hosts: t.Sequence[str]) -> str:
    if not hosts:
        return "nowhere"
    return "everywhere" if len(hosts) == len(state.servers) else ", ".join(hosts)


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
    for pod in state.audience_users:
        yield f"the pod {pod}, by its audience"


__all__: t.Final = ("at", "issuers", "run_again", "says", "span", "way_back")
