# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""In which steps an issuer and a key reach every API server. PRIVATE to the collection: it may change without notice.

Pure. kube-apiserver signs with the first C(--service-account-issuer) and with one key, and accepts all of its issuers
and keys (kube-apiserver's C(--help)); a client uses the token of one server at any other, and shows it to relying
parties that know the published keys. So every server accepts an issuer or a key before any server signs with it, what
signs is published, and nothing is forgotten while a server may still sign with it. The same holds for the audiences of
tokens: no step takes one away for which a server gives tokens.
"""

from __future__ import annotations

import itertools
import typing as t
from dataclasses import dataclass, field, replace

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.audiences import (
    AUDIENCES,
    given,
    in_force,
    of_aws,
    written,
)
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
_OF_REACH = (
    "the kubelet's probes and everybody's kubeconfig go by it, and a wrong value shows only after other hosts were "
    "changed, too",
    "change it with what set the cluster up, one host at a time",
)
_NOT_FURTHER: t.Final = {
    ISSUER: _OF_ISSUER,
    JWKS_URI: _OF_ISSUER,
    **dict.fromkeys(("secure-port", "bind-address", "advertise-address"), _OF_REACH),
    **dict.fromkeys(("tls-cert-file", "tls-private-key-file", "client-ca-file", "authorization-mode"), _OF_REACH),
    "service-account-key-file": _OF_KEYS,
    "service-account-signing-key-file": _OF_KEYS,
    "service-account-signing-endpoint": _OF_KEYS,
}

_ANONYMOUS: t.Final = "anonymous-auth"
_USERS: t.Final = "oidc-issuer-url"
_TRUE: t.Final = ("1", "t", "T", "true", "True", "TRUE")  # as Go's strconv.ParseBool has it

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

    @property
    def audiences(self) -> list[str]:
        """The audiences for which it accepts tokens, all of which it gives to a token for which none is asked."""
        return in_force(self.flags, self.issuers)


@dataclass(frozen=True)
class Goal:
    """What every server should run with in the end; others stay accepted behind the issuer and the key that sign."""

    issuer: str
    jwks_uri: tuple[str, ...] = ()
    """The value of C(--service-account-jwks-uri), which describes the issuer that signs; empty: none."""
    flags: Flags = field(default_factory=dict)
    """Further flags, set in the first restart of each server."""
    retired: frozenset[str] = frozenset()
    """Issuers that should no longer be accepted; none that a server still signs with."""
    signing_kid: str = ""
    """The key that should sign; empty: keys stay as they are."""
    retired_kids: frozenset[str] = frozenset()
    """Keys that should no longer be accepted and published, once no server signs with them."""
    retired_audiences: frozenset[str] = frozenset()
    """Audiences that should no longer be accepted. A retired issuer stays an audience, unless it is one of them."""


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
    """The keys that the documents should hold, no more and no fewer, before the step is taken."""
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
    retired_audiences: t.Iterable[str] = (),
    aws_audience: str = "",
) -> Goal:
    """Return the goal that a user describes, or raise InputError for one that contradicts itself.

    aws_audience: the audience of tokens for AWS, where it is not STS's own.
    """
    further = check_flags(flags or {})
    _refuse_further(further)
    gone_issuers, gone_kids, gone_audiences = map(frozenset, (retired, retired_kids, retired_audiences))
    _refuse_audiences(given(further.get(AUDIENCES, [])), gone_audiences, aws_audience)
    _refuse_issuer_of_users(further.get(_USERS, []), [issuer], "among the further flags")
    if issuer in gone_issuers:
        raise InputError(f"The issuer {issuer} can't sign and be retired.", fix="Retire another one.")
    if gone_kids and (not signing_kid or signing_kid in gone_kids):
        raise InputError(
            f"The keys {', '.join(sorted(gone_kids))} can't be retired: another one has to sign.",
            fix="Name the signing key, which must not be one of them.",
        )
    return Goal(issuer, (jwks_uri,) if jwks_uri else (), further, gone_issuers, signing_kid, gone_kids, gone_audiences)


def _refuse_further(flags: Flags) -> None:
    """Refuse flags that are not for the user to set in the restarts of a rollout."""
    for name, (reason, instead) in _NOT_FURTHER.items():
        if name in flags:
            raise InputError(
                f"The flag {name} must not be among the further flags: {reason}.", fix=f"Remove it, and {instead}."
            )
    if flags.get(_ANONYMOUS) and flags[_ANONYMOUS][-1] not in _TRUE:
        raise InputError(
            f"The flag {_ANONYMOUS} must not be {flags[_ANONYMOUS][-1]} among the further flags: the kubelet's probes "
            "have no credentials, and it would restart the API server again and again, minutes after each start.",
            fix="Remove it. To let in the probes alone, give authentication-config, with conditions for anonymous.",
        )


def _refuse_issuer_of_users(urls: t.Sequence[str], issuers: t.Collection[str], where: str) -> None:
    """Refuse one issuer for users and for service accounts: with it, no API server starts (apiserver, validateURL)."""
    for url in urls[-1:]:
        if url and url in issuers:
            raise InputError(
                f"The flag {_USERS} is {url} {where}, an issuer of service accounts, too: kube-apiserver does not "
                "start with one issuer for users and for service accounts.",
                fix="Choose another issuer for one of them.",
            )


def _refuse_audiences(asked: t.Sequence[str], retired: frozenset[str], aws_audience: str) -> None:
    """Refuse audiences that no API server may have."""
    for audience in of_aws(asked, aws_audience):
        raise InputError(
            f"The flag {AUDIENCES} must not have {audience}, the audience of tokens for AWS: every token that is given "
            "to an AWS SDK would be valid for the API servers, too.",
            fix="Leave it out.",
        )
    for audience in retired.intersection(asked):
        raise InputError(
            f"The audience {audience} can't be in the flag {AUDIENCES} and be retired.",
            fix="Remove it from one of them.",
        )


def rollout(servers: t.Sequence[Server], goal: Goal) -> list[Step]:
    """Return the steps that lead from what is observed to the goal; none when it is reached.

    The steps follow from the observation alone: after any of them, and after one that was put back, what is left is
    planned the same way. Where servers differ at the start (a change made by hand on some of them), each learns first
    what the others sign. A single server needs no step to accept: no other can meet its tokens in between.

    Raises InputError where tokens in use would be refused: for an issuer that should be retired and still signs
    somewhere, and for audiences that would go without being retired, or would leave none that tokens in use have.
    """
    issuers = {goal.issuer, *(issuer for server in servers for issuer in server.issuers)}
    for server in servers:
        _refuse_issuer_of_users(goal.flags.get(_USERS, server.flags.get(_USERS, [])), issuers, f"on {server.host}")
    _refuse_retiring_what_signs(servers, goal)
    _refuse_retiring_all_audiences(servers, goal)
    alone = len(servers) == 1
    steps: list[Step] = []
    steps += _phase("accept", [] if alone else servers, goal, lambda server: _accepting(server, servers, goal))
    accepting = [applied(server, steps) for server in servers]
    steps += _phase("switch", accepting, goal, lambda server: _signing(server, goal, alone=alone))
    signing = [applied(server, steps) for server in servers]
    steps += _phase("retire", signing, goal, lambda server: _retiring(server, goal))
    _refuse_lost_audiences(servers, [applied(server, steps) for server in servers], goal)
    return steps


def _refuse_retiring_what_signs(servers: t.Iterable[Server], goal: Goal) -> None:
    signing = {server.host: server.issuers[0] for server in servers if server.issuers}
    for issuer in sorted(goal.retired.intersection(signing.values())):
        hosts = [host for host, own in signing.items() if own == issuer]
        raise InputError(
            f"The issuer {issuer} can't be retired while it signs, as it does on {', '.join(hosts)}: the tokens that "
            "pods have from it would be refused at once.",
            fix="Run without retiring it, so that another one signs; retire it a day later, when pods have new tokens.",
        )


def _refuse_retiring_all_audiences(servers: t.Sequence[Server], goal: Goal) -> None:
    """Refuse to retire the only audiences by which a server accepts what another one, or itself, gives by default."""
    for server, other in itertools.product(servers, repeat=2):
        shared = [audience for audience in server.audiences if audience in other.audiences]
        if shared and goal.retired_audiences.issuperset(shared):
            raise InputError(
                f"The audience {' and '.join(shared)} can't be retired yet: {other.host} accepts the tokens of "
                f"{server.host} by no other one, and those in use would be refused at once.",
                fix=f"Run without retiring it, together with another one in --{AUDIENCES}; retire it a day later, "
                "when pods have new tokens.",
            )


def _refuse_lost_audiences(before: t.Sequence[Server], after: t.Sequence[Server], goal: Goal) -> None:
    """Refuse flags that lack an audience in force anywhere, and servers that refuse each other's tokens for good."""
    live = dict.fromkeys(audience for server in before for audience in server.audiences)
    end = after[0].audiences if AUDIENCES in goal.flags and after else live
    lost = [audience for audience in live if audience not in end and audience not in goal.retired_audiences]
    if lost:
        hosts = [server.host for server in before if {*lost} & {*server.audiences}]
        raise InputError(
            f"The flag {AUDIENCES} must have every audience in force, and {goal.flags[AUDIENCES]} lacks "
            f"{' and '.join(lost)}, in force on {', '.join(hosts)} (without the flag, the issuers are the audiences): "
            "tokens in use would be refused at once.",
            fix="Add it; or name it in irsa_apiserver_retired_audiences, once no token in use needs it.",
        )
    for server, other in itertools.product(after, repeat=2):
        if server.audiences and other.audiences and not {*server.audiences} & {*other.audiences}:
            raise InputError(
                f"The API servers have different audiences, so that {other.host} refuses the tokens of {server.host}: "
                f"{server.host} has {', '.join(server.audiences)}; {other.host} has {', '.join(other.audiences)}.",
                fix=f"Set the flag {AUDIENCES} to all of them, among the further flags.",
            )


def reached(servers: t.Sequence[Server], goal: Goal, steps: t.Iterable[Step]) -> Flags:
    """Return the flags of the goal as the first server has them after steps; an empty list for one that it has not.

    With the audiences, where they are given: they may be what is left of a retired issuer.
    """
    end = applied(servers[0], steps).flags
    names = dict.fromkeys([ISSUER, JWKS_URI, *goal.flags, *([AUDIENCES] if AUDIENCES in end else [])])
    return {name: end.get(name, []) for name in names}


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
    after = replace(server, flags={**server.flags, **flags}, kids=kids, signing_kid=signing_kid)
    return _with_audiences(server, after, goal) if alone else after


def _retiring(server: Server, goal: Goal) -> Server:
    flags = {**server.flags, ISSUER: _without(server.issuers, goal.retired)}
    after = replace(server, flags=flags, kids=tuple(_without(server.kids, goal.retired_kids)))
    return _with_audiences(server, after, goal)


def _with_audiences(before: Server, after: Server, goal: Goal) -> Server:
    """Return a server with the audiences that it had before, but the retired ones.

    An issuer that is retired is an audience where the flag is not given. Tokens of other issuers may be for it, so that
    the flag has to name it then.
    """
    wanted = _without(dict.fromkeys([*after.audiences, *before.audiences]), goal.retired_audiences)
    if AUDIENCES in goal.flags or {*wanted} == {*after.audiences}:
        return after
    return replace(after, flags={**after.flags, AUDIENCES: [written(wanted)]})


def _live_kids(servers: t.Collection[Server], goal: Goal) -> list[str]:
    signing = {server.signing_kid for server in servers}
    return _live([server.kids for server in servers], signing, goal.signing_kid, goal.retired_kids)


def _live(
    accepted: t.Iterable[t.Iterable[str]], signing: t.Collection[str], wanted: str, retired: frozenset[str]
) -> list[str]:
    """Return what every server has to accept: what any accepts, and what should sign; not what is being retired."""
    known = dict.fromkeys([*(name for own in accepted for name in own), *sorted(signing), wanted])
    return [name for name in known if name and (name not in retired or name in signing)]


def _without(values: t.Iterable[str], gone: t.Collection[str]) -> list[str]:
    return [value for value in values if value not in gone]


__all__: t.Final = (
    "AUDIENCES",
    "ISSUER",
    "JWKS_URI",
    "Goal",
    "Phase",
    "Server",
    "Step",
    "applied",
    "goal",
    "reached",
    "rollout",
)
