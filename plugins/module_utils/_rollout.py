# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""In which steps an issuer and a key reach every API server. PRIVATE to the collection: it may change without notice.

Pure. kube-apiserver signs with the first C(--service-account-issuer) and with one key, and accepts all of its issuers
and keys (kube-apiserver's C(--help)); a client uses the token of one server at any other, and shows it to relying
parties that know the published keys. So every server accepts an issuer or a key before any server signs with it, what
signs is published, and nothing is forgotten while a server may still sign with it.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field, replace

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._flags.arguments import Flags, check_flags

ISSUER: t.Final = "service-account-issuer"
JWKS_URI: t.Final = "service-account-jwks-uri"

# What further flags must not be: each reason, and what to do in place of it.
_OF_ISSUER = "it is set together with the issuer", "give the issuer's URL instead"
_OF_KEYS = (
    "other keys would sign before all servers accept them and before they are published",
    "leave the keys as they are",
)
_NOT_FURTHER: t.Final = {
    ISSUER: _OF_ISSUER,
    JWKS_URI: _OF_ISSUER,
    "service-account-key-file": _OF_KEYS,
    "service-account-signing-key-file": _OF_KEYS,
    "service-account-signing-endpoint": _OF_KEYS,
}

Phase = t.Literal["accept", "switch", "retire", "set"]


@dataclass(frozen=True)
class Server:
    """An API server as observed: the host, the flags that its process runs with, and the ids of its keys."""

    host: str
    flags: Flags
    kids: tuple[str, ...] = ()
    """The keys by which it accepts tokens."""
    signing_kid: str = ""
    """The key that signs; empty for an external signer."""

    @property
    def issuers(self) -> list[str]:
        """The issuers that it accepts; it signs with the first."""
        return self.flags.get(ISSUER, [])


@dataclass(frozen=True)
class Goal:
    """What every server is to run with in the end; others stay accepted behind the issuer and the key that sign."""

    issuer: str
    jwks_uri: tuple[str, ...] = ()
    """The value of C(--service-account-jwks-uri), which describes the issuer that signs; empty: none."""
    flags: Flags = field(default_factory=dict)
    """Further flags, set in the first restart of each server."""
    retired: frozenset[str] = frozenset()
    """Issuers to be accepted no more; none that a server still signs with."""
    signing_kid: str = ""
    """The key that is to sign; empty: keys stay as they are."""
    retired_kids: frozenset[str] = frozenset()
    """Keys to be accepted and published no more, once no server signs with them."""


@dataclass(frozen=True)
class Step:
    """One restart: what one server gets, and what for. Steps are taken in their order, one at a time."""

    host: str
    phase: Phase
    flags: Flags
    """The flags to change."""
    kids: tuple[str, ...] = ()
    """The keys by which the server accepts tokens after the step."""
    signing_kid: str = ""
    """The key that signs after the step."""
    published: tuple[str, ...] = ()
    """The keys that the documents are to hold, no more and no fewer, before the step is taken."""
    before: Flags = field(default_factory=dict)
    """What the flags to change are as the step is planned; an empty list for one that is not given."""


def goal(  # noqa: PLR0913 -- what a user describes
    issuer: str,
    *,
    jwks_uri: str = "",
    flags: t.Mapping[str, object] | None = None,
    retired: t.Iterable[str] = (),
    signing_kid: str = "",
    retired_kids: t.Iterable[str] = (),
) -> Goal:
    """Return the goal that a user describes, or raise InputError for one that contradicts itself."""
    further = check_flags(flags or {})
    for name, (reason, instead) in _NOT_FURTHER.items():
        if name in further:
            raise InputError(
                f"The flag {name} must not be among the further flags: {reason}.", fix=f"Remove it, and {instead}."
            )
    gone_issuers, gone_kids = frozenset(retired), frozenset(retired_kids)
    if issuer in gone_issuers:
        raise InputError(f"The issuer {issuer} can't sign and be retired.", fix="Retire another one.")
    if gone_kids and (not signing_kid or signing_kid in gone_kids):
        raise InputError(
            f"The keys {', '.join(sorted(gone_kids))} can't be retired: another one has to sign.",
            fix="Name the key that signs, which is none of them.",
        )
    return Goal(issuer, (jwks_uri,) if jwks_uri else (), further, gone_issuers, signing_kid, gone_kids)


def rollout(servers: t.Sequence[Server], goal: Goal) -> list[Step]:
    """Return the steps that lead from what is observed to the goal; none when it is reached.

    The steps follow from the observation alone: after any of them, and after one that was put back, what is left is
    planned the same way. Where servers differ at the start (a change made by hand on some of them), each learns first
    what the others sign. A single server needs no step to accept: no other can meet its tokens in between.

    Raises InputError for an issuer that is to be retired and still signs somewhere: tokens in use would be refused.
    """
    _refuse_retiring_what_signs(servers, goal)
    alone = len(servers) == 1
    steps: list[Step] = []
    steps += _phase("accept", [] if alone else servers, goal, lambda server: _accepting(server, servers, goal))
    accepting = [applied(server, steps) for server in servers]
    steps += _phase("switch", accepting, goal, lambda server: _signing(server, goal, alone=alone))
    signing = [applied(server, steps) for server in servers]
    steps += _phase("retire", signing, goal, lambda server: _retiring(server, goal))
    return steps


def _refuse_retiring_what_signs(servers: t.Iterable[Server], goal: Goal) -> None:
    signing = {server.host: server.issuers[0] for server in servers if server.issuers}
    for issuer in sorted(goal.retired.intersection(signing.values())):
        hosts = [host for host, own in signing.items() if own == issuer]
        raise InputError(
            f"The issuer {issuer} can't be retired while it signs, as it does on {', '.join(hosts)}: the tokens that "
            "pods have of it would be refused at once.",
            fix="Run without retiring it, so that another one signs; retire it a day later, when pods have new tokens.",
        )


def reached(servers: t.Sequence[Server], goal: Goal) -> Flags:
    """Return the flags of the goal as the first server has them in the end; an empty list for one that it has not."""
    end = applied(servers[0], rollout(servers, goal)).flags
    return {name: end.get(name, []) for name in (ISSUER, JWKS_URI, *goal.flags)}


def applied(server: Server, steps: t.Iterable[Step]) -> Server:
    """Return the server as it is after its own ones of some steps."""
    for step in steps:
        if step.host == server.host:
            flags = {name: values for name, values in {**server.flags, **step.flags}.items() if values}
            server = replace(server, flags=flags, kids=step.kids, signing_kid=step.signing_kid)
    return server


def _phase(
    phase: Phase, servers: t.Sequence[Server], goal: Goal, after: t.Callable[[Server], Server]
) -> t.Iterator[Step]:
    """Yield a step for each server that is to become another one."""
    now = {server.host: server for server in servers}
    for server in servers:
        wanted = after(server)
        flags = {name: values for name, values in wanted.flags.items() if server.flags.get(name, []) != values}
        keys = wanted.kids, wanted.signing_kid
        moved = ISSUER in flags or keys != (server.kids, server.signing_kid)
        if flags or moved:
            before = {name: server.flags.get(name, []) for name in flags}
            published = tuple(_live_kids(now.values(), goal))
            yield Step(server.host, phase if moved else "set", flags, *keys, published, before)
            now[server.host] = wanted


def _accepting(server: Server, servers: t.Sequence[Server], goal: Goal) -> Server:
    signing = {other.issuers[0] for other in servers if other.issuers}
    issuers = _live([other.issuers for other in servers], signing, goal.issuer, goal.retired)
    all_issuers = list(dict.fromkeys([*server.issuers, *issuers]))
    all_kids = tuple(dict.fromkeys([*server.kids, *_live_kids(servers, goal)])) if goal.signing_kid else server.kids
    if (all_issuers, all_kids) == (server.issuers, server.kids):
        return server
    return replace(server, flags={**server.flags, ISSUER: all_issuers, **goal.flags}, kids=all_kids)


def _signing(server: Server, goal: Goal, *, alone: bool) -> Server:
    issuers = list(dict.fromkeys([goal.issuer, *server.issuers]))
    flags = {ISSUER: _without(issuers, goal.retired) if alone else issuers, JWKS_URI: [*goal.jwks_uri], **goal.flags}
    signing_kid = goal.signing_kid or server.signing_kid
    kids = tuple(dict.fromkeys([*server.kids, *filter(None, [goal.signing_kid])]))
    return replace(server, flags={**server.flags, **flags}, kids=kids, signing_kid=signing_kid)


def _retiring(server: Server, goal: Goal) -> Server:
    flags = {**server.flags, ISSUER: _without(server.issuers, goal.retired)}
    return replace(server, flags=flags, kids=tuple(_without(server.kids, goal.retired_kids)))


def _live_kids(servers: t.Collection[Server], goal: Goal) -> list[str]:
    signing = {server.signing_kid for server in servers}
    return _live([server.kids for server in servers], signing, goal.signing_kid, goal.retired_kids)


def _live(
    accepted: t.Iterable[t.Iterable[str]], signing: t.Collection[str], wanted: str, retired: frozenset[str]
) -> list[str]:
    """Return what every server has to accept: what any accepts, and what is to sign; not what is being retired."""
    known = dict.fromkeys([*(one for own in accepted for one in own), *sorted(signing), wanted])
    return [one for one in known if one and (one not in retired or one in signing)]


def _without(values: t.Iterable[str], gone: t.Collection[str]) -> list[str]:
    return [value for value in values if value not in gone]


__all__: t.Final = ("ISSUER", "JWKS_URI", "Goal", "Phase", "Server", "Step", "applied", "goal", "reached", "rollout")
