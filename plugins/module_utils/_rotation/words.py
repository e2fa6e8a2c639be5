# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rotation for people to read. PRIVATE to the collection: it may change without notice.

Pure.
"""

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._in_use.names import MOST, some
from ansible_collections.onprem.irsa.plugins.module_utils._in_use.state import LEEWAY
from ansible_collections.onprem.irsa.plugins.module_utils._in_use.words import at, span, where

if t.TYPE_CHECKING:
    from datetime import tzinfo

    from ansible_collections.onprem.irsa.plugins.module_utils._rotation.plan import Plan, Step
    from ansible_collections.onprem.irsa.plugins.module_utils._rotation.state import State

Row = dict[str, str]


def says(step: Step) -> str:
    """Return what a step does, to stand behind the name of its task."""
    key = step.kid or "a new key"
    kids = ", ".join(step.published)
    return {
        "make": f"{step.host}: makes {key}",
        "carry": f"{step.host}: gets the key {key} from {step.source}, encrypted",
        "lay": f"{step.host}: lays the key {key} ready to sign again",
        "aside": f"{step.host}: keeps the key that lies ready with those that go",
        "accept": f"{step.host}: accepts tokens by {_accepted(step)}",
        "publish": f"{step.issuer}: publishes {kids}",
        "switch": f"{step.host}: signs with the key {key}, and accepts {_accepted(step)}",
        "remint": f"{some(step.secrets)}: the token is made again with the key {key}",
        "withdraw": f"{step.issuer}: publishes {kids} alone",
        "drop": f"{step.host}: signs with the key {key}, and accepts tokens by {_accepted(step)} alone",
        "forget": f"{step.host}: removes the private key {', '.join(step.forgotten)}",
    }[step.action]


def _accepted(step: Step) -> str:
    return " and ".join(step.config.kids) if step.config else ""


def keys(state: State, plan: Plan, zone: tzinfo | None = None) -> list[Row]:
    """Return a row for each key that is anywhere: where it is, since when, and what it is still held by."""
    found: dict[str, None] = {}
    for server in state.servers:
        found.update(dict.fromkeys([*server.written.kids, *server.running.kids, *sorted(server.holds)]))
    for publication in state.publications:
        found.update(dict.fromkeys(publication.kids))
    return [_key(kid, state, plan, zone) for kid in found]


def _key(kid: str, state: State, plan: Plan, zone: tzinfo | None) -> Row:
    signing = [server for server in state.servers if kid in (server.running.signer, server.secrets_signer)]
    since = max((max(server.since, server.secrets_since) for server in signing), default=0.0)
    made = state.made.get(kid)
    return {
        "kid": kid,
        "kind": state.kinds.get(kid, "unknown"),
        "accepted": _hosts(state, [server.host for server in state.servers if kid in server.running.kids]),
        "in_files": _hosts(state, [server.host for server in state.servers if kid in server.written.kids]),
        "published": ", ".join(publication.issuer for publication in state.publications if kid in publication.kids)
        or "no",
        "signs": f"{_hosts(state, [server.host for server in signing])}, since {at(since, state.now, zone)}"
        if signing
        else "no",
        "age": span(max(0.0, state.now - made)) if made else "unknown",
        "retire_at": _retire_at(kid, state, plan, zone),
        "held_by": "; ".join(_held(kid, state, plan, zone)) or "nothing",
    }


def _hosts(state: State, hosts: t.Sequence[str]) -> str:
    return where(hosts, len(state.servers))


def _safe(state: State) -> float:
    """Return when the last token has ended that is not from a key that signs now."""
    return _signed(state) + state.lifetime.seconds + LEEWAY


def _signed(state: State) -> float:
    """Return since when no key has signed but those that do now."""
    return max((max(server.since, server.secrets_since) for server in state.servers), default=0.0)


def _signs_anywhere(kid: str, state: State) -> list[str]:
    return [
        server.host
        for server in state.servers
        if kid in (server.written.signer, server.running.signer, server.secrets_signer)
    ]


def _retire_at(kid: str, state: State, plan: Plan, zone: tzinfo | None) -> str:
    if kid == plan.target or _signs_anywhere(kid, state):
        return "not while it signs" if _signs_anywhere(kid, state) else "not, as it will sign"
    return "now" if _safe(state) <= state.now else at(_safe(state), state.now, zone)


def _held(kid: str, state: State, plan: Plan, zone: tzinfo | None) -> t.Iterator[str]:
    signing = _signs_anywhere(kid, state)
    if signing:
        yield f"signs on {', '.join(signing)}"
    elif kid == plan.target:
        yield "lies ready to sign"
    elif _safe(state) > state.now and plan.wait is not None and plan.wait.phase == "retire" and kid in plan.retired:
        yield f"tokens until {at(_safe(state), state.now, zone)} ({state.lifetime.source})"
    secrets = [token.secret for token in state.legacy_tokens if token.kid == kid]
    yield from (f"the Secret {secret}" for secret in secrets[:MOST])
    if len(secrets) > MOST:
        yield f"{len(secrets) - MOST} more Secrets"
    keepers = [keeper for keeper in state.keepers if keeper.started < _signed(state)]
    if kid in plan.retired and keepers and any(state.stale_uses.values()):
        yield f"a pod, of {len(keepers)}, that does not refresh its token"
    for party in state.relying_parties:
        if party.kids is not None and plan.target not in party.kids and kid in party.kids:
            yield f"the copy of {party.name}"
        if party.not_asked and kid in plan.retired:
            yield f"{party.name}, which could not be asked"


def issuers(state: State) -> list[Row]:
    """Return a row for each issuer."""
    found: dict[str, None] = {}
    for server in state.servers:
        found.update(dict.fromkeys([*server.running.issuers, *server.written.issuers]))
    found.update(dict.fromkeys(publication.issuer for publication in state.publications))
    rows = []
    for issuer in found:
        published = [publication for publication in state.publications if publication.issuer == issuer]
        signing = [server.host for server in state.servers if server.running.issuer == issuer]
        rows.append(
            {
                "issuer": issuer,
                "accepted": _hosts(
                    state, [server.host for server in state.servers if issuer in server.running.issuers]
                ),
                "signs": _hosts(state, signing) if signing else "no",
                "published": ", ".join(published[0].kids) if published else "no",
            }
        )
    return rows


def breaks(state: State, plan: Plan) -> str:
    """Return what an emergency breaks, before anything is done: every token that a key has signed that goes at once."""
    gone = ", ".join(plan.retired) or "the key"
    secrets = [token.secret for token in state.legacy_tokens if token.kid in plan.retired]
    return (
        f"Every token that {gone} has signed is refused at once, by the API servers and by AWS: pods, kubelets' "
        "projected tokens and controllers get errors until they have new ones (the kubelet asks for new ones within "
        "the hour; `kubectl rollout restart` makes it do so now), and while the API servers restart one after the "
        f"other, some refuse what others sign. {_secrets(secrets)}{_parties(state, plan)}"
    )


def _parties(state: State, plan: Plan) -> str:
    """Say who outside of the cluster goes by another key set than the one that will be published."""
    silent = [party.name for party in state.relying_parties if party.not_asked]
    they_know = "they know" if len(silent) > 1 else "it knows"
    found = [
        f"{', '.join(silent)} could not be asked which keys {they_know}: whoever has a copy of the key set refuses the "
        "new key's tokens, and takes those of the leaked one, until it is given the published one."
    ]
    found = found if silent else []
    new = plan.target or "the new key"
    for party in state.relying_parties:
        if party.kids is None:
            continue
        if new not in party.kids:
            found.append(
                f"{party.name} has a copy of the key set without {new}, and refuses its tokens until it has it."
            )
        leaked = [kid for kid in plan.retired if kid in party.kids]
        if leaked:
            found.append(
                f"{party.name} has a copy with {', '.join(leaked)}, and takes its tokens until that is removed there."
            )
    return "".join(f" {each}" for each in found)


def _secrets(secrets: t.Sequence[str]) -> str:
    if not secrets:
        return "No token in a Secret is among them."
    return (
        f"The tokens in these Secrets stop for good: {some(secrets)}. Those that irsa_rotate_reminted_secrets "
        "names are made again afterwards."
    )


__all__: t.Final = ("breaks", "issuers", "keys", "says")
