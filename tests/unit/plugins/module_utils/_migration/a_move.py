# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster, AWS and time in a few values, to try every way in which a move to another issuer may go."""

from __future__ import annotations

import functools
import typing as t
from dataclasses import dataclass, replace

from ansible_collections.onprem.irsa.plugins.module_utils._api_server import rollout
from ansible_collections.onprem.irsa.plugins.module_utils._in_use.state import Lifetime
from ansible_collections.onprem.irsa.plugins.module_utils._migration.plan import Aim, Plan, Step, plan
from ansible_collections.onprem.irsa.plugins.module_utils._migration.state import (
    Publication,
    Role,
    Server,
    State,
    Trust,
)

OLD, NEW = "https://acme-prod-oidc.s3.eu-central-1.amazonaws.com", "https://oidc.example.com"
FORWARD, BACK = Aim(OLD, NEW, other_roles="change"), Aim(NEW, OLD, other_roles="change")
FIRST, SECOND = "kid-1", "kid-2"
NOW = 1_767_225_600.0
DAY = 86400.0
LISTED, OTHER = "prod-reports", "elsewhere"


@dataclass(frozen=True)
class Side:
    """What there is of one issuer."""

    kids: frozenset[str] = frozenset()
    """Those that are published."""
    cached: frozenset[str] = frozenset()
    """Those that the oldest cache has."""
    is_left: bool = False
    provider: bool = False
    listed: bool = False
    """Whether the inventory's role trusts it."""
    other: bool = False
    """Whether somebody else's does."""
    known: bool = False
    """Whether all of IAM knows that."""

    def takes(self, kid: str) -> bool:
        """Return whether AWS takes a token that a key has signed, wherever it is asked."""
        return kid in self.cached and self.provider and self.listed and self.other and self.known


@dataclass(frozen=True)
class World:
    """All that there is."""

    issuers: tuple[tuple[str, ...], ...]
    """Of each API server."""
    signers: tuple[str, ...]
    """The key with which each of them signs."""
    kids: tuple[str, ...]
    """The keys that all of them accept."""
    old: Side
    new: Side
    alive: frozenset[tuple[str, str]] = frozenset()
    """The tokens that there are, by issuer and key."""
    fresh: bool = False
    """Whether an API server was restarted, so that tokens may be alive that none signs now."""

    def side(self, issuer: str) -> Side:
        """Return what there is of an issuer."""
        return self.old if issuer == OLD else self.new

    def changed(self, issuer: str, **changes: t.Any) -> World:  # noqa: ANN401 -- as dataclasses.replace
        """Return the world with a change of what there is of an issuer."""
        side = replace(self.side(issuer), **changes)
        return replace(self, old=side) if issuer == OLD else replace(self, new=side)

    def signing(self) -> World:
        """Return the world after each API server has signed a token."""
        signed = {(issuers[0], signer) for issuers, signer in zip(self.issuers, self.signers)}
        return replace(self, alive=self.alive | signed)

    def later(self) -> World:
        """Return the world once all waits are over."""
        world = replace(self, alive=frozenset(), fresh=False)
        for issuer in (OLD, NEW):
            world = world.changed(issuer, cached=world.side(issuer).kids, known=True)
        return world.signing()

    def refused(self) -> list[str]:
        """Say which token somebody refuses."""
        found = []
        for issuer, kid in sorted(self.alive):
            found += [f"a server refuses {issuer}" for issuers in self.issuers if issuer not in issuers]
            if kid not in self.kids:
                found.append(f"a server refuses {kid}")
            if not self.side(issuer).takes(kid):
                found.append(f"AWS refuses {issuer} by {kid}")
        return found

    @property
    def is_whole(self) -> bool:
        """Whether nothing of either issuer was retired."""
        return all(set(own) == {OLD, NEW} for own in self.issuers) and all(
            side.takes(kid) for side in (self.old, self.new) for kid in self.kids
        )


def start(servers: int = 3, kids: tuple[str, ...] = (FIRST,)) -> World:
    """Return a cluster that has signed with one issuer and the first key for long."""
    there = frozenset({FIRST})
    old = Side(there, there, provider=True, listed=True, other=True, known=True)
    return World(((OLD,),) * servers, (FIRST,) * servers, kids, old, Side()).signing()


def observed(world: World, aim: Aim) -> State:
    """Return what is observed of a world, with the issuers as the aim has them."""
    old, new = world.side(aim.old), world.side(aim.new)
    since = NOW if world.fresh else NOW - DAY
    servers = tuple(
        Server(f"cp{number}", own, world.kids, since, own) for number, own in enumerate(world.issuers, start=1)
    )
    roles = tuple(
        Role(name, f"arn:aws:iam::123456789012:role/{name}", name == LISTED, before, after, before and not after)
        for name, before, after in ((LISTED, old.listed, new.listed), (OTHER, old.other, new.other))
    )
    trust = Trust(old.provider, new.provider, new.provider and new.listed, roles, 0.0 if new.known else NOW)
    documents = _published(aim.old, old), _published(aim.new, new)
    return State(servers, *documents, trust, NOW, (Lifetime(3600.0, "pod apps/reports"),))


def _published(issuer: str, side: Side) -> Publication:
    since = NOW - DAY if side.cached == side.kids else NOW
    return Publication(issuer, tuple(sorted(side.kids)), since, max_age=300.0, is_left=side.is_left)


@functools.cache
def planned(world: World, aim: Aim) -> Plan:
    """Return what is next."""
    return plan(observed(world, aim), aim)


def taken(world: World, step: Step, aim: Aim) -> list[World]:
    """Return the worlds that a step goes through; one that is cut off ends in any of them."""
    return [each.signing() for each in _MOVES[step.action](world, step, aim)]


def _publish(world: World, step: Step, _aim: Aim) -> t.Iterator[World]:
    there = world.side(step.issuer).kids
    # The key set is there before the discovery document that names it: nothing is published until both are.
    yield world
    yield world.changed(step.issuer, kids=there | {*world.kids})


def _trust(world: World, step: Step, aim: Aim) -> t.Iterator[World]:
    world = world.changed(aim.new, known=world.side(aim.new).known and world.side(aim.new).provider)
    world = world.changed(aim.new, provider=True)
    yield world
    world = world.changed(aim.new, listed=True, known=world.side(aim.new).known and world.side(aim.new).listed)
    yield world
    if OTHER in step.roles:
        yield world.changed(aim.new, other=True, known=False)


def _rolled(world: World, aim: Aim, retired: tuple[str, ...], phase: str) -> t.Iterator[World]:
    servers = [
        rollout.Server(f"cp{number}", {rollout.ISSUER: [*own]}) for number, own in enumerate(world.issuers, start=1)
    ]
    steps = rollout.rollout(servers, rollout.goal(aim.new, retired=retired, retired_audiences=retired))
    for step in steps:
        if phase in ("", step.phase):
            servers = [rollout.applied(server, [step]) if server.host == step.host else server for server in servers]
            yield replace(world, issuers=tuple(tuple(server.issuers) for server in servers), fresh=True)


def _retire_trust(world: World, step: Step, _aim: Aim) -> t.Iterator[World]:
    world = world.changed(step.issuer, listed=False)
    yield world
    if OTHER in step.roles:
        yield world.changed(step.issuer, other=False)


def _retire_documents(world: World, step: Step, _aim: Aim) -> t.Iterator[World]:
    yield world.changed(step.issuer, kids=frozenset(), cached=frozenset(), is_left=True)
    yield world.changed(step.issuer, kids=frozenset(), cached=frozenset(), is_left=False)


_MOVES: t.Final[dict[str, t.Callable[[World, Step, Aim], t.Iterator[World]]]] = {
    "publish": _publish,
    "trust": _trust,
    "accept": lambda world, _step, aim: _rolled(world, aim, (), "accept"),
    "switch": lambda world, _step, aim: _rolled(world, aim, (), ""),
    "retire_trust": _retire_trust,
    "retire_provider": lambda world, step, _aim: iter([world.changed(step.issuer, provider=False)]),
    "retire_issuer": lambda world, _step, aim: _rolled(world, aim, (aim.old,), ""),
    "retire_documents": _retire_documents,
}


def by_others(world: World) -> t.Iterator[World]:
    """Yield what happens meanwhile: time passes, and a rotation of keys goes on where it may."""
    yield world.later()
    if SECOND not in world.kids:
        return
    for number, signer in enumerate(world.signers):
        used = [side for side in (world.old, world.new) if side.kids]
        if signer == FIRST and all(SECOND in side.cached for side in used):
            signers = tuple(SECOND if place == number else each for place, each in enumerate(world.signers))
            yield replace(world, signers=signers, fresh=True).signing()


@functools.cache
def following(world: World, aim: Aim) -> list[World]:
    """Return the worlds that may come next on the way to an aim."""
    found = planned(world, aim)
    if found.step is not None:
        return taken(world, found.step, aim)
    return [world.later()] if found.wait is not None else []
