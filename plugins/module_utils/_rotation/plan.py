# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What to do next so that another key, or another issuer, signs. PRIVATE: it may change without notice.

Pure. The next step follows from what is observed at the moment, so that a run that was cut off at any point, and one
that somebody else continues, goes on from what is there. These hold all the time: every API server accepts what any of
them signs, and what any has signed for as long as such a token lives; and everybody who fetches the published keys,
from a cache, too, finds the key of each of these tokens.

A private key lies ready on every host before anything else is done with it. What an API server signs with is known to
all others and published, and the caches are older than that, before it signs. The key that signed before stays on the
hosts until it is retired, so that the way back is the same way with another aim.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from ansible_collections.onprem.irsa.plugins.module_utils._documents.issuer import INSIDE_CLUSTER
from ansible_collections.onprem.irsa.plugins.module_utils._in_use.names import MOST
from ansible_collections.onprem.irsa.plugins.module_utils._in_use.state import LEEWAY, LegacyToken, Wait, kept_tokens
from ansible_collections.onprem.irsa.plugins.module_utils._in_use.tokens import LEGACY_TYPE
from ansible_collections.onprem.irsa.plugins.module_utils._rotation.state import Config, Kind, Server, State

Phase = t.Literal["make", "accept", "publish", "switch", "retire"]
PHASES: t.Final[tuple[Phase, ...]] = ("make", "accept", "publish", "switch", "retire")

Action = t.Literal[
    "make", "carry", "lay", "aside", "accept", "publish", "switch", "remint", "withdraw", "drop", "forget"
]
_PHASE_OF: t.Final[dict[Action, Phase]] = {
    "make": "make",
    "carry": "make",
    "lay": "make",
    "aside": "make",
    "accept": "accept",
    "publish": "publish",
    "switch": "switch",
    "remint": "retire",
    "withdraw": "retire",
    "drop": "retire",
    "forget": "retire",
}


@dataclass(frozen=True)
class Aim:
    """What a user wants in the end."""

    signer: str = ""
    """The key that should sign; empty: the one that lies ready, or a new one."""
    issuer: str = ""
    """The issuer that should sign; empty: the one that does."""
    kind: Kind = "RSA"
    """Of a new key."""
    min_age: float = 0.0
    """Seconds; a key that signs is not replaced while it is younger, or while the files with the public keys are, so
    that the same command may run again: a rotation takes as long as tokens live, and changes the files at its end."""
    retired_kids: frozenset[str] = frozenset()
    """Keys that should go besides the one that signed before."""
    retired_issuers: frozenset[str] = frozenset()
    leaked: frozenset[str] = frozenset()
    """Keys that somebody else has: they go at once, whatever tokens that breaks."""
    reminted: tuple[str, ...] = ()
    """Secrets (C(NAMESPACE/NAME), with C(*) and C(?)) whose tokens are made again where a key that goes signed them."""


@dataclass(frozen=True)
class Step:
    """The next thing to do. It is looked again before another one is planned."""

    action: Action
    host: str = ""
    """Where to do it; empty for a publication."""
    kid: str = ""
    """The key that it is about; empty for a key that is not made yet."""
    source: str = ""
    """The host from which a private key is carried."""
    config: Config | None = None
    """What the host's files should say before its processes are restarted; None where nothing is restarted."""
    issuer: str = ""
    """Whose documents are published."""
    published: tuple[str, ...] = ()
    """The keys that the documents should hold, no more and no fewer."""
    forgotten: tuple[str, ...] = ()
    """The keys whose private halves the host should no longer keep."""
    secrets: tuple[str, ...] = ()
    """The Secrets whose tokens are made again."""

    @property
    def phase(self) -> Phase:
        """The phase that it is a part of."""
        return _PHASE_OF[self.action]


@dataclass(frozen=True)
class Plan:
    """What is next: a step, a wait, what holds it up, or nothing more."""

    target: str
    """The key that should sign; empty for one that is not made yet."""
    issuer: str = ""
    retired: tuple[str, ...] = ()
    """The keys that go in the end."""
    retired_issuers: frozenset[str] = frozenset()
    """The issuers that do."""
    moves: bool = False
    """Whether issuers change; or else those that each server accepts stay as they are, whatever the others do."""
    step: Step | None = None
    wait: Wait[Phase] | None = None
    problems: tuple[str, ...] = field(default=())
    """Why it cannot go on: a sentence and its fix each. The same run goes on once they are solved."""
    stopped: Phase = "make"
    """The phase that they are in the way of."""
    concerns: tuple[str, ...] = ()
    """What would be a problem if the time to wait had passed: a sentence and its fix each."""

    @property
    def is_finished(self) -> bool:
        """Whether nothing is left to do."""
        return self.step is None and self.wait is None and not self.problems


def plan(state: State, aim: Aim) -> Plan:
    """Return what to do next towards an aim."""
    unreachable = _unreachable(state) or _unlisted(state)
    if unreachable or not state.servers:
        return Plan(
            "", problems=tuple(unreachable or ["No control-plane host was looked at. Name them in the inventory."])
        )
    target, problems = _target(state, aim)
    retired = _retired(state, aim, target)
    issuer, unclear = _issuer(state, aim)
    problems = [*problems, *unclear, *_elsewhere(state), *_crowded(state, aim, target), *_cut_off(state, aim, target)]
    begun = Plan(target, issuer, retired, aim.retired_issuers, bool(aim.issuer or aim.retired_issuers))
    if problems:
        return replace(begun, problems=tuple(problems))
    making = _making(state, target)
    if making:
        return _gated(begun, making, _kind_problems(state, target, aim.kind))
    if aim.leaked:
        return _in_emergency(begun, state, aim)
    return _signing(begun, state) or _retiring(begun, state, aim)


def _gated(begun: Plan, step: Step, problems: t.Sequence[str]) -> Plan:
    return _stopped(begun, step.phase, problems) if problems else replace(begun, step=step)


def _stopped(begun: Plan, phase: Phase, problems: t.Sequence[str]) -> Plan:
    return replace(begun, problems=tuple(problems), stopped=phase)


def _after(begun: Plan, wait: Wait[Phase] | None, step: Step, problems: t.Sequence[str]) -> Plan:
    """Return the plan with a step that comes once time has passed, and where nothing is in its way."""
    return replace(begun, wait=wait, concerns=tuple(problems)) if wait else _gated(begun, step, problems)


def _unreachable(state: State) -> list[str]:
    return [
        f"{host} could not be looked at. Every API server must accept a key before any signs with it, and none may "
        "still need a key that goes. Bring it back; or if it is gone for good, remove it from the cluster and from the "
        "inventory."
        for host in state.unreachable
    ]


def _unlisted(state: State) -> list[str]:
    if not state.unlisted:
        return []
    return [
        f"The cluster has an API server at {', '.join(state.unlisted)} (EndpointSlices of default/kubernetes), which "
        f"is the --advertise-address of none of {', '.join(server.host for server in state.servers)}. Its key files "
        "are not seen. Add its host to the control-plane group in the inventory, and the next run gives it the keys; "
        "or if that server is gone, run again in a minute, when its lease has ended."
    ]


def _target(state: State, aim: Aim) -> tuple[str, list[str]]:
    """Return the key that should sign, empty for one that is not made yet; or why that is not clear."""
    held = {kid for server in state.servers for kid in server.holds}
    if aim.signer:
        if aim.signer in aim.leaked | aim.retired_kids:
            return aim.signer, [f"The key {aim.signer} can't sign and be retired. Name another one."]
        if aim.signer not in held:
            return aim.signer, [
                f"No host has the private key {aim.signer}, which should sign. The hosts have "
                f"{', '.join(sorted(held)) or 'none'}: name one of them, or none to have a new one made."
            ]
        return aim.signer, []
    ready = _newest(_some([server.next_kid for server in state.servers], aim.leaked), state)
    if len(ready) > 1:
        return "", [_several("Different keys lie ready to sign", state, lambda server: server.next_kid)]
    if ready:
        return ready[0], []
    return _target_of_signing(state, aim)


def _target_of_signing(state: State, aim: Aim) -> tuple[str, list[str]]:
    """Return the target where no key lies ready: what signs everywhere, or on the hosts that were switched."""
    own = _some([server.written.signer for server in state.servers], aim.leaked)
    if len(own) > 1:
        own = _some([server.written.signer for server in state.servers if server.previous_kid], aim.leaked)
    if len(own) > 1 or (not own and not aim.leaked):
        return "", [_several("The API servers sign with different keys", state, lambda server: server.written.signer)]
    if not own:
        return "", []
    signer = own[0]
    is_under_way = any(server.previous_kid for server in state.servers) or bool(aim.leaked)
    since = max(state.made.get(signer, 0.0), state.settled_since)
    # A host whose clock was wrong may have made the files tomorrow: with no age to reach, any key is old enough.
    is_young = aim.min_age > 0 and state.now - since < aim.min_age
    if is_under_way or aim.issuer or is_young:
        return signer, []
    return "", []


def _some(kids: t.Iterable[str], but: t.Collection[str] = ()) -> list[str]:
    """Return ids of keys, each once, without empty ones and those that do not count."""
    return [kid for kid in dict.fromkeys(kids) if kid and kid not in but]


def _newest(kids: list[str], state: State) -> list[str]:
    """Return the key that was made last; all that may be it, where that is not known."""
    last = max((state.made.get(kid, 0.0) for kid in kids), default=0.0)
    return [kid for kid in kids if state.made.get(kid, 0.0) == last]


def _several(what: str, state: State, kid: t.Callable[[Server], str]) -> str:
    sides = "; ".join(f"{server.host}: {kid(server) or 'none'}" for server in state.servers)
    return f"{what}, and which of them should is not known: {sides}. Name it in irsa_rotate_signing_kid."


def _retired(state: State, aim: Aim, target: str) -> tuple[str, ...]:
    """Return the keys that go: those that signed before or lay ready, and the named ones."""
    kept = [kid for server in state.servers for kid in (server.previous_kid, server.next_kid)]
    return tuple(_some([*kept, *sorted(aim.retired_kids | aim.leaked)], {target}))


def _issuer(state: State, aim: Aim) -> tuple[str, list[str]]:
    if aim.issuer:
        if aim.issuer in aim.retired_issuers:
            return aim.issuer, [f"The issuer {aim.issuer} can't sign and be retired. Retire another one."]
        return aim.issuer, []
    signing = [*dict.fromkeys(server.written.issuer for server in state.servers)]
    if len(signing) > 1:
        sides = "; ".join(f"{server.host}: {server.written.issuer}" for server in state.servers)
        return "", [
            f"The API servers sign with different issuers, as in the middle of a rollout: {sides}. Finish that first, "
            "with the role irsa_apiserver or onprem.irsa.migrate_issuer."
        ]
    return signing[0], []


def _elsewhere(state: State) -> list[str]:
    """Say that keys would not be published where tokens are verified; of a cluster's own name they are nowhere."""
    signing = _some(server.written.issuer for server in state.servers)
    described = " and ".join(state.described)
    return [
        f"The API servers sign with the issuer {issuer}, and the inventory describes {described}, so that the key "
        "which should sign would not be published where its tokens are verified. Set irsa_issuer_url, or "
        "irsa_issuer_bucket, to the issuer that signs; or bring the one of the inventory to sign first, with "
        "onprem.irsa.site, or with onprem.irsa.migrate_issuer where tokens of the other are in use."
        for issuer in signing
        if state.described and issuer not in state.described and not issuer.startswith(INSIDE_CLUSTER)
    ]


def _crowded(state: State, aim: Aim, target: str) -> list[str]:
    """Say where the key that signed before is kept while a third one should sign, as after an emergency was given up.

    A host keeps one such key, and nobody would know of the other that it has to go.
    """
    if aim.leaked or not target:
        return []
    return [
        f"{server.host} still keeps {server.previous_kid}, which signed before {server.written.signer}, and {target} "
        f"should sign next. Set irsa_rotate_signing_kid to {server.written.signer} until nothing is left to do, which "
        f"retires {server.previous_kid}; a new key may come after that."
        for server in state.servers
        if server.previous_kid not in ("", server.written.signer, target) and server.written.signer != target
    ]


def _cut_off(state: State, aim: Aim, target: str) -> list[str]:
    """Say that an emergency was begun: a key that may still sign is not accepted, or no longer published, somewhere.

    A rotation never comes to that: it drops and withdraws a key once nobody signs with it. Going on as one would accept
    and publish the key again. A user who names the key that should sign has been told, or knows better.
    """
    if aim.leaked or aim.signer or not target:
        return []
    found = []
    for kid in _some(_may_sign(state), {target}):
        gone = [
            f"{server.host} no longer accepts its tokens" for server in state.servers if kid not in server.written.kids
        ]
        gone += [
            f"{publication.issuer} no longer publishes it"
            for publication in state.publications
            if target in publication.kids and kid not in publication.kids and not publication.by_api_servers
        ]
        if gone:
            found.append(
                f"The key {kid} may still sign, and {', '.join(gone)}, as in an emergency that was begun and not "
                "ended. A rotation would have it accepted and published again. If it has leaked, name it again: set "
                f"irsa_rotate_leaked_kid to {kid} and irsa_rotate_emergency to true. If it has not, as where a host "
                f"has joined with the key files of before, set irsa_rotate_signing_kid to {target}, and its tokens are "
                "taken until they have ended."
            )
    return found


def _may_sign(state: State) -> t.Iterator[str]:
    """Yield the keys with which processes sign, or would after a restart.

    Where a process is older than its private key file, it has read the one that is kept as the one before.
    """
    for server in state.servers:
        yield from (server.written.signer, server.running.signer, server.secrets_signer)
        if not server.running.signer or not server.secrets_signer:
            yield server.previous_kid


def _making(state: State, target: str) -> Step | None:
    """Return what makes a private key, carries it to a host that lacks it, or lays it ready where it signed before.

    It lies ready on every host that does not sign with it, and no other one does: so the files say where the way leads.
    One stays where it lies as long as another one that goes is in the only place for such keys.
    """
    if not target:
        return Step("make", state.servers[0].host)
    source = next((server.host for server in state.servers if target in server.holds), "")
    for server in state.servers:
        if target not in server.holds:
            return Step("carry", server.host, target, source)
        if target not in (server.written.signer, server.next_kid):
            return Step("lay", server.host, target)
        is_free = server.previous_kid in ("", server.next_kid)
        if target == server.written.signer and server.next_kid not in ("", target) and is_free:
            return Step("aside", server.host, target)
    return None


def _kind_problems(state: State, target: str, new: Kind = "RSA") -> list[str]:
    """Say who does not take tokens of the key that should sign; NEW is the kind of one that is not made yet."""
    kind = state.kinds.get(target, new)
    return [
        f"{party.name} takes tokens that an RSA key has signed (RS256), and no others, so that an EC key must not "
        "sign. Set irsa_rotate_key_type to RSA; or once it takes ES256, remove rs256_only from it in "
        "irsa_relying_parties."
        for party in state.relying_parties
        if party.rs256_only and kind == "EC"
    ]


def _live(state: State, begun: Plan) -> tuple[list[str], list[str]]:
    """Return the keys and the issuers that every server has to accept: all that any does, but those that are going.

    A key goes once every server signs with the target, and it has begun to go somewhere.
    """
    kids = [begun.target]
    issuers = [begun.issuer]
    for server in state.servers:
        kids += [*server.written.kids, *server.running.kids]
        kids += [server.written.signer, server.running.signer, server.secrets_signer]
        issuers += [*server.written.issuers, *server.running.issuers]
    issuers = issuers if begun.moves else []
    if not _at_target(state, begun):
        return _some(kids), _some(issuers)
    return _some(kids, _leaving(state, begun)), _some(issuers, _leaving_issuers(state, begun))


def _at_target(state: State, begun: Plan) -> bool:
    return all(server.signs_with(begun.target, begun.issuer) for server in state.servers)


def _leaving(state: State, begun: Plan) -> set[str]:
    return {kid for kid in begun.retired if _is_leaving(kid, state)}


def _is_leaving(kid: str, state: State) -> bool:
    """Return whether a key has begun to go, once no token of it was left.

    Where a server or a publication lacks it, it was signed with only where all accepted it and published it: so either
    no token has it, or the last of them had ended by then. That does not hold of a host that has joined with fewer
    keys, nor of what somebody else has written: servers that still accept it may have signed with it too short before.
    Those that started again since are no sign of that.
    """
    lacking = [server for server in state.servers if kid not in server.written.kids]
    gone_at = [server.since if kid not in server.running.kids else state.now for server in lacking]
    gone_at += [
        publication.since
        for publication in state.publications
        if publication.kids and not publication.by_api_servers and kid not in publication.kids
    ]
    if not gone_at:
        return False
    began = min(gone_at)
    others = [server for server in state.servers if server not in lacking]
    signed = [since for server in others for since in (server.since, server.secrets_since) if since < began]
    return all(since + state.lifetime.seconds <= began for since in signed)


def _leaving_issuers(state: State, begun: Plan) -> set[str]:
    return {
        issuer
        for issuer in begun.retired_issuers
        if any(issuer not in server.written.issuers for server in state.servers)
    }


def _signing(begun: Plan, state: State) -> Plan | None:
    """Return what is next until every server signs with the target; None when that is reached."""
    kids, issuers = _live(state, begun)
    accepting = [server for server in state.servers if not _accepts(server, kids, issuers)]
    if accepting:
        problems = _kind_problems(state, begun.target)
        lacking = sorted(accepting, key=lambda server: {*kids} <= {*server.written.kids})
        return _gated(begun, _step("accept", lacking[0], _accepting(lacking[0], kids, issuers), begun.target), problems)
    publishing = _publishing(state, begun, kids)
    if publishing:
        return replace(begun, step=publishing)
    switching = [server for server in state.servers if not server.signs_with(begun.target, begun.issuer)]
    if not switching:
        return None
    problems = [
        *_copy_problems(state, state.accepted_since),
        *_kind_problems(state, begun.target),
        *_untold(state, begun.target),
    ]
    step = _step("switch", switching[0], _first(switching[0].written, begun), begun.target)
    return _after(begun, _caches(begun, state), step, problems)


def _accepts(server: Server, kids: t.Collection[str], issuers: t.Collection[str]) -> bool:
    """Return whether a server accepts all of them, now and after a restart."""
    parts = (
        (kids, server.written.kids, server.running.kids),
        (issuers, server.written.issuers, server.running.issuers),
    )
    return all({*wanted} <= {*written} and {*written} == {*running} for wanted, written, running in parts)


def _accepting(server: Server, kids: t.Iterable[str], issuers: t.Iterable[str]) -> Config:
    written = server.written
    return Config(
        kids=tuple(_some([written.signer, *written.kids, *kids])),
        signer=written.signer,
        issuers=tuple(_some([*written.issuers, *issuers])),
    )


def _first(config: Config, begun: Plan) -> Config:
    """Return a configuration with the target first.

    The signing key comes first among the public ones: kubeadm takes the first one for the half of the private key,
    and panics where it is of the other kind (TryLoadPrivatePublicKeyFromDisk in its util/pkiutil).
    """
    return Config(
        kids=tuple(_some([begun.target, *config.kids])),
        signer=begun.target,
        issuers=tuple(_some([begun.issuer, *config.issuers])),
    )


def _step(action: Action, server: Server, config: Config, target: str) -> Step:
    return Step(action, server.host, target, config=config)


def _publishing(state: State, begun: Plan, kids: t.Sequence[str]) -> Step | None:
    for publication in state.publications:
        if not publication.by_api_servers and not {*kids} <= {*publication.kids}:
            published = tuple(_some([*publication.kids, *kids]))
            return Step("publish", kid=begun.target, issuer=publication.issuer, published=published)
    return None


def _caches(begun: Plan, state: State) -> Wait[Phase] | None:
    """Return the time until no cache lacks the target.

    Where a server signs with it, that has waited for it, and no more than what is known counts.
    """
    begins = [
        server.running.signer == begun.target and server.running.issuer == begun.issuer for server in state.servers
    ]
    started = max(server.since for server in state.servers)
    for publication in state.publications:
        if any(begins) and (publication.by_api_servers or not publication.is_told):
            continue
        since = started if publication.by_api_servers else publication.since
        until = since + publication.max_age
        if until > state.now:
            why = (
                f"caches may keep the key set of {publication.issuer} as it was before for {publication.max_age:g} s "
                "(Cache-Control)"
            )
            return Wait(until, why, "switch", within_run=not (publication.is_told or publication.by_api_servers))
    return None


def _copy_problems(state: State, since: float) -> list[str]:
    """Say that a host which joins would get the key files as they were before."""
    if state.copies_made is None or state.copies_made >= since:
        return []
    return [
        "The Secret kube-system/kubeadm-certs has the key files as they were before: a host that joins with it would "
        "refuse tokens, or sign with a key that goes. Remove it with `kubectl delete secret -n kube-system "
        "kubeadm-certs`; where a host is about to join, make it again with `kubeadm init phase upload-certs "
        "--upload-certs`."
    ]


def not_asked(state: State) -> list[str]:
    """Say who could not be asked which keys it knows: no key may sign, or go, before it is known that they know it."""
    return [
        f"{party.name} could not be asked which keys it knows: {party.not_asked}. The new key does not sign, and the "
        "old one is not retired, before it is known that it knows the new one. Correct its command or url in "
        "irsa_relying_parties; or ask its people, and make it manual there, with the kids that it has."
        for party in state.relying_parties
        if party.not_asked
    ]


def _untold(state: State, target: str) -> list[str]:
    return not_asked(state) + [
        f"{party.name} has a copy of the key set without {target}, and would refuse the tokens that it signs. Give it "
        "the published key set, and, where it is manual, add the key to its kids in irsa_relying_parties."
        for party in state.relying_parties
        if party.kids is not None and target not in party.kids
    ]


def _retiring(begun: Plan, state: State, aim: Aim) -> Plan:
    """Return what is next until nothing of what is retired is left.

    Tokens of Secrets are made again first: their users have the time to get them for which other tokens live.
    """
    step = _removing(begun, state)
    if step is None:
        return begun
    reminting = _reminting(begun, state, aim)
    if reminting:
        return replace(begun, step=reminting)
    holders = [
        *_copy_problems(state, state.signing_since),
        *still_needed(state, begun.retired),
        *_kept_tokens(state, begun),
        *_untold(state, begun.target),
    ]
    return _after(begun, _lifetimes(begun, state), step, holders)


def _reminting(begun: Plan, state: State, aim: Aim) -> Step | None:
    """Return what has tokens made again that a key signed which goes; every controller manager has the target."""
    secrets = tuple(
        token.secret
        for token in _of_going(state, begun.retired)
        if any(fnmatchcase(token.secret, pattern) for pattern in aim.reminted)
    )
    return Step("remint", kid=begun.target, secrets=secrets) if secrets else None


def _of_going(state: State, retired: t.Collection[str]) -> list[LegacyToken]:
    return [token for token in state.legacy_tokens if token.kid in retired or not token.kid]


def still_needed(state: State, retired: t.Collection[str]) -> list[str]:
    """Say who still needs keys that should go, besides tokens that end by themselves."""
    tokens = _of_going(state, retired)
    found = [
        f"The token in the Secret {token.secret} is signed with {_signer(token)}, and does not end by itself. Have "
        "its users ask for tokens (TokenRequest), and delete it. Or name it in irsa_rotate_reminted_secrets, and it is "
        "made again with the key that signs: the one before is refused from then on, and its users need the new one."
        for token in tokens[:MOST]
    ]
    if len(tokens) > MOST:
        found.append(
            f"So it is with the tokens in {len(tokens) - MOST} more Secrets: `kubectl get secrets -A --field-selector "
            f"type={LEGACY_TYPE}` lists those of all keys."
        )
    return found


def _kept_tokens(state: State, begun: Plan) -> list[str]:
    if not begun.retired or _is_dropping(state, begun):
        return []
    before = max(max(server.since, server.secrets_since) for server in state.servers)
    gone = ", ".join(begun.retired)
    return kept_tokens(state.stale_uses, state.keepers, before=before, signs=begun.target, gone=gone)


def _is_dropping(state: State, begun: Plan) -> bool:
    """Return whether some server has dropped what goes: it has started again since, and others follow."""
    return any(kid not in server.written.kids for kid in begun.retired for server in state.servers)


def _signer(token: LegacyToken) -> str:
    return f"the key {token.kid}" if token.kid else "a key that cannot be told"


def _lifetimes(begun: Plan, state: State) -> Wait[Phase] | None:
    """Return the time until the last token of what is retired has ended; none where that was waited for before."""
    if _leaving(state, begun) >= {*begun.retired} and _leaving_issuers(state, begun) >= begun.retired_issuers:
        return None
    longest = state.lifetime
    signed = max(max(server.since, server.secrets_since) for server in state.servers)
    until = signed + longest.seconds + LEEWAY
    if until <= state.now:
        return None
    why = (
        f"tokens live for up to {longest.seconds:g} s ({longest.source}), and the last one of what goes may have been "
        f"signed {state.now - signed:.0f} s ago"
    )
    return Wait(until, why, "retire")


def _removing(begun: Plan, state: State) -> Step | None:
    retired, issuers = {*begun.retired}, begun.retired_issuers
    for publication in state.publications:
        if retired.intersection(publication.kids) and not publication.by_api_servers:
            kids = tuple(_some(publication.kids, retired))
            return Step("withdraw", kid=begun.target, issuer=publication.issuer, published=kids)
    for server in state.servers:
        known = {*server.written.kids, *server.running.kids}
        named = {*server.written.issuers, *server.running.issuers}
        if retired & known or issuers & named:
            kept = Config(
                kids=tuple(_some(server.written.kids, retired)),
                signer=server.written.signer,
                issuers=tuple(_some(server.written.issuers, issuers)),
            )
            return _step("drop", server, kept, begun.target)
    for server in state.servers:
        forgotten = tuple(kid for kid in begun.retired if kid in server.holds)
        if forgotten:
            return Step("forget", server.host, begun.target, forgotten=forgotten)
    return None


def _in_emergency(begun: Plan, state: State, aim: Aim) -> Plan:
    """Return what is next where a key is in other hands: no wait, and no token that it has signed is spared."""
    problems = _kind_problems(state, begun.target)
    if problems:
        return replace(begun, problems=tuple(problems))
    gone = {*begun.retired}
    kids, issuers = _live(state, begun)
    kids = _some(kids, gone)
    for publication in state.publications:
        wanted = _some([*publication.kids, *kids], gone)
        if publication.kids and not publication.by_api_servers and {*wanted} != {*publication.kids}:
            return replace(
                begun, step=Step("withdraw", kid=begun.target, issuer=publication.issuer, published=tuple(wanted))
            )
    for server in state.servers:
        whole = _accepts(server, kids, issuers) and not gone.intersection(server.written.kids)
        if not (whole and server.signs_with(begun.target, begun.issuer)):
            config = _first(_accepting(server, kids, issuers), begun)
            kept = replace(config, kids=tuple(_some(config.kids, gone)))
            return replace(begun, step=_step("drop", server, kept, begun.target))
    return replace(begun, step=_reminting(begun, state, aim) or _removing(begun, state))


__all__: t.Final = ("PHASES", "Action", "Aim", "Phase", "Plan", "Step", "not_asked", "plan", "still_needed")
