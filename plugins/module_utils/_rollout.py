# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""In which steps a new issuer reaches every API server. PRIVATE to the collection: it may change without notice.

Pure. kube-apiserver signs with the first C(--service-account-issuer) and accepts all of them (kube-apiserver's
C(--help)), and a client uses the token of one server at any other. So every server accepts the new issuer before any
server signs with it, and none is forgotten while a server may still sign with it.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field, replace

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._flags.arguments import Flags, check_flags

ISSUER: t.Final = "service-account-issuer"
JWKS_URI: t.Final = "service-account-jwks-uri"

Phase = t.Literal["accept", "switch", "retire", "set"]


@dataclass(frozen=True)
class Server:
    """An API server as observed: the host, and the flags that its process runs with."""

    host: str
    flags: Flags

    @property
    def issuers(self) -> list[str]:
        """The issuers that it accepts; it signs with the first."""
        return self.flags.get(ISSUER, [])


@dataclass(frozen=True)
class Goal:
    """What every server is to run with in the end; other issuers stay accepted behind the one that signs."""

    issuer: str
    jwks_uri: tuple[str, ...] = ()
    """The value of C(--service-account-jwks-uri), which describes the issuer that signs; empty: none."""
    flags: Flags = field(default_factory=dict)
    """Further flags, set in the first restart of each server."""
    retired: frozenset[str] = frozenset()
    """Issuers to be accepted no more, once no server signs with them."""


@dataclass(frozen=True)
class Step:
    """One restart: the flags that one server gets, and what for. Steps are taken in their order, one at a time."""

    host: str
    phase: Phase
    flags: Flags


def goal(
    issuer: str, *, jwks_uri: str = "", flags: t.Mapping[str, object] | None = None, retired: t.Iterable[str] = ()
) -> Goal:
    """Return the goal that a user describes, or raise InputError for one that contradicts itself."""
    further = check_flags(flags or {})
    for name in (ISSUER, JWKS_URI):
        if name in further:
            raise InputError(
                f"The flag {name} must not be among the further flags: it is set together with the issuer.",
                fix="Remove it, and give the issuer's URL instead.",
            )
    if issuer in retired:
        raise InputError(f"The issuer {issuer} can't sign and be retired.", fix="Retire another one.")
    return Goal(issuer, (jwks_uri,) if jwks_uri else (), further, frozenset(retired))


def rollout(servers: t.Sequence[Server], goal: Goal) -> list[Step]:
    """Return the steps that lead from what is observed to the goal; none when it is reached.

    The steps follow from the observation alone: after any of them, and after one that was put back, what is left is
    planned the same way. Where servers differ at the start (a change made by hand on some of them), each learns first
    what the others sign. A single server needs one step: no other can meet its tokens in between.
    """
    steps: list[Step] = []
    if len(servers) > 1:
        steps += _phase("accept", servers, lambda server: _accepting(server, _accepted(servers, goal), goal))
    accepting = [applied(server, steps) for server in servers]
    steps += _phase("switch", accepting, lambda server: _signing(server, goal, alone=len(servers) == 1))
    signing = [applied(server, steps) for server in servers]
    steps += _phase("retire", signing, lambda server: {ISSUER: _without(server.issuers, goal.retired)})
    return steps


def reached(servers: t.Sequence[Server], goal: Goal) -> Flags:
    """Return the flags of the goal as the first server has them in the end; an empty list for one that it has not."""
    end = applied(servers[0], rollout(servers, goal)).flags
    return {name: end.get(name, []) for name in (ISSUER, JWKS_URI, *goal.flags)}


def applied(server: Server, steps: t.Iterable[Step]) -> Server:
    """Return the server as it is after its own ones of some steps."""
    flags = dict(server.flags)
    for step in steps:
        if step.host == server.host:
            flags.update(step.flags)
    return replace(server, flags={name: values for name, values in flags.items() if values})


def _phase(phase: Phase, servers: t.Iterable[Server], wanted: t.Callable[[Server], Flags]) -> list[Step]:
    steps = []
    for server in servers:
        flags = {name: values for name, values in wanted(server).items() if server.flags.get(name, []) != values}
        if flags:
            steps.append(Step(server.host, phase if ISSUER in flags else "set", flags))
    return steps


def _accepted(servers: t.Iterable[Server], goal: Goal) -> list[str]:
    """Return what every server has to accept: what any accepts, and the goal's issuer; not what is being retired."""
    servers = list(servers)
    signing = {server.issuers[0] for server in servers if server.issuers}
    issuers = dict.fromkeys([issuer for server in servers for issuer in server.issuers] + [goal.issuer])
    return _without(issuers, goal.retired - signing)


def _accepting(server: Server, accepted: t.Iterable[str], goal: Goal) -> Flags:
    missing = [issuer for issuer in accepted if issuer not in server.issuers]
    return {ISSUER: server.issuers + missing, **goal.flags} if missing else {}


def _signing(server: Server, goal: Goal, *, alone: bool) -> Flags:
    issuers = [goal.issuer, *_without(server.issuers, {goal.issuer})]
    return {ISSUER: _without(issuers, goal.retired) if alone else issuers, JWKS_URI: [*goal.jwks_uri], **goal.flags}


def _without(issuers: t.Iterable[str], gone: t.Collection[str]) -> list[str]:
    return [issuer for issuer in issuers if issuer not in gone]


__all__: t.Final = ("ISSUER", "JWKS_URI", "Goal", "Phase", "Server", "Step", "applied", "goal", "reached", "rollout")
