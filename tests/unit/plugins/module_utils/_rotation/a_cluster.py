# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A control plane and those who verify its tokens, as a model: what a rotation may do to them, move by move.

A move is the smallest thing that is done at once: a file gets another content by rename, a process starts and reads
the files, a document is published, time passes. Between any two of them a run may be killed, and a process may start
again by itself. Who signs, signs all the time; a token lives for as long as it may, and a cache keeps what it has for
as long as it may.
"""

from __future__ import annotations

import itertools
import typing as t
from dataclasses import dataclass, replace

from ansible_collections.onprem.irsa.plugins.module_utils._in_use.state import LEEWAY, Lifetime
from ansible_collections.onprem.irsa.plugins.module_utils._rotation.state import Config, Publication, Server, State

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._rotation.plan import Plan, Step

LIFETIME: t.Final = 1000.0
MAX_AGE: t.Final = 100.0
_FORGOTTEN: t.Final = LIFETIME + LEEWAY + MAX_AGE  # seconds after which it no longer matters when something was
NOW: t.Final = 10_000.0
KEYS: t.Final = ("old", "new", "newer")
"""By their generations: the one that signs at first, and those that are made one after the other."""


@dataclass(frozen=True, order=True)
class Token:
    """The last token of an issuer and a key that a server has signed, and how long ago; no issuer: one of a Secret."""

    issuer: str
    kid: str
    age: float = 0.0


@dataclass(frozen=True)
class Documents:
    """What an issuer publishes, and what caches may still have of it."""

    issuer: str
    kids: tuple[str, ...]
    age: float = _FORGOTTEN
    cached: frozenset[tuple[tuple[str, ...], float]] = frozenset()
    """Earlier versions, and for how long they are replaced."""


@dataclass(frozen=True)
class Cluster:
    """Everything, with ages in place of times: so that the same situation is the same at any time."""

    servers: tuple[Server, ...]
    """SINCE and SECRETS_SINCE of each are ages here."""
    documents: tuple[Documents, ...] = ()
    tokens: frozenset[Token] = frozenset()
    """Those that no server signs any longer, and which still live."""
    joins: int = 0
    """How many more hosts may join."""
    generations: int = 1
    """How many keys are made; the one that is made last is younger than a rotation replaces."""
    failures: int = 0
    """How often a process may not come up, so that its files are put back."""

    def observed(self) -> State:
        """Return what is seen of it: of a process, what it signs with only where the file was not changed since."""
        return State(
            servers=tuple(
                replace(
                    server,
                    running=replace(server.running, signer=_if_same(server.running.signer, server.written.signer)),
                    secrets_signer=_if_same(server.secrets_signer, server.written.signer),
                    since=NOW - server.since,
                    secrets_since=NOW - server.secrets_since,
                )
                for server in self.servers
            ),
            publications=tuple(
                Publication(documents.issuer, documents.kids, NOW - documents.age, MAX_AGE)
                for documents in self.documents
            ),
            now=NOW,
            lifetimes=(Lifetime(LIFETIME, "pod apps/reports"),),
            made={kid: NOW for server in self.servers for kid in server.holds if kid in KEYS[self.generations :]},
        )

    def signed(self) -> frozenset[Token]:
        """Return what is signed at this moment."""
        return frozenset(
            token
            for server in self.servers
            for token in (Token(server.running.issuer, server.running.signer), Token("", server.secrets_signer))
        )

    def broken(self) -> list[str]:
        """Say which token is refused, and by whom."""
        living = {*self.signed(), *self.tokens}
        return [
            f"{token} by {server.host}"
            for token, server in itertools.product(living, self.servers)
            if token.kid not in server.running.kids or (token.issuer and token.issuer not in server.running.issuers)
        ] + [
            f"{token} by who has {kids} of {documents.issuer}"
            for token, documents in itertools.product(living, self.documents)
            if token.issuer == documents.issuer
            for kids in (documents.kids, *(version for version, _age in documents.cached))
            if token.kid not in kids
        ]

    def older(self, seconds: float) -> Cluster:
        """Return it after a time in which nothing is done; what has ended by then is gone."""

        def aged(age: float) -> float:
            return min(age + seconds, _FORGOTTEN)

        kept = {replace(token, age=token.age + seconds) for token in self.tokens}
        return replace(
            self,
            servers=tuple(
                replace(server, since=aged(server.since), secrets_since=aged(server.secrets_since))
                for server in self.servers
            ),
            tokens=frozenset(token for token in kept if token.age < LIFETIME + LEEWAY),
            documents=tuple(
                replace(
                    documents,
                    age=aged(documents.age),
                    cached=frozenset(
                        (kids, age + seconds) for kids, age in documents.cached if age + seconds < MAX_AGE
                    ),
                )
                for documents in self.documents
            ),
        )

    def simplest(self) -> Cluster:
        """Return the simplest situation in which everything goes on the same way.

        Plans go by the youngest of all processes, and by keys without regard to their order.
        """
        age = min(min(server.since, server.secrets_since) for server in self.servers)
        return replace(
            self,
            servers=tuple(
                replace(
                    server,
                    written=_sorted(server.written),
                    running=_sorted(server.running),
                    since=age,
                    secrets_since=age,
                )
                for server in self.servers
            ),
            documents=tuple(replace(documents, kids=tuple(sorted(documents.kids))) for documents in self.documents),
        )

    def _with(self, server: Server) -> Cluster:
        """Return it with another state of a server; what is no longer signed after that still lives."""
        servers = tuple(server if other.host == server.host else other for other in self.servers)
        after = replace(self, servers=servers)
        return replace(after, tokens=_newest({*self.tokens, *self.signed()} - after.signed()))

    def written(self, host: str, **changed: t.Any) -> Cluster:  # noqa: ANN401 -- those of Server and of Config
        """Return it with other files on a host."""
        server = self.server(host)
        config = {name: value for name, value in changed.items() if name in ("kids", "signer", "issuers")}
        files = {name: value for name, value in changed.items() if name not in config}
        return self._with(replace(server, written=replace(server.written, **config), **files))

    def restarted(self, host: str) -> Cluster:
        """Return it with a new process of the API server."""
        server = self.server(host)
        return self._with(replace(server, running=server.written, since=0.0))

    def secrets_restarted(self, host: str) -> Cluster:
        """Return it with a new process of kube-controller-manager."""
        server = self.server(host)
        return self._with(replace(server, secrets_signer=server.written.signer, secrets_since=0.0))

    def published(self, issuer: str, kids: tuple[str, ...]) -> Cluster:
        """Return it with another version of an issuer's key set."""
        return replace(
            self,
            documents=tuple(
                Documents(issuer, kids, 0.0, documents.cached | {(documents.kids, 0.0)})
                if documents.issuer == issuer
                else documents
                for documents in self.documents
            ),
        )

    def joined(self, by: Server) -> Cluster:
        """Return it with one host more, which has the key files and the manifest of another one."""
        host = f"cp{len(self.servers) + 1}"
        new = Server(host, by.written, by.written, 0.0, by.written.signer, 0.0)
        return replace(self, servers=(*self.servers, new), joins=self.joins - 1)

    def next_key(self) -> str:
        """Return the name of a key that is made now."""
        known = {kid for server in self.servers for kid in (*server.holds, *server.written.kids, *server.running.kids)}
        return KEYS[max(KEYS.index(kid) for kid in known) + 1]

    def server(self, host: str) -> Server:
        """Return a server by its host."""
        return next(server for server in self.servers if server.host == host)


def _if_same(one: str, other: str) -> str:
    return one if one == other else ""


def _sorted(config: Config) -> Config:
    return replace(config, kids=tuple(sorted(config.kids)))


def _newest(tokens: t.Iterable[Token]) -> frozenset[Token]:
    """Return of each issuer and key the token that lives longest."""
    found: dict[tuple[str, str], Token] = {}
    for token in sorted(tokens, reverse=True):
        if token.issuer:  # those of Secrets are listed, and stop a rotation by themselves
            found[token.issuer, token.kid] = token
    return frozenset(found.values())


def settled(
    hosts: int, *, issuers: tuple[str, ...] = ("https://a",), published: t.Iterable[str] = ("https://a",)
) -> Cluster:
    """Return a cluster that has signed with one key for long."""
    config = Config(("old",), "old", issuers)
    servers = tuple(
        Server(f"cp{number}", config, config, _FORGOTTEN, "old", _FORGOTTEN) for number in range(1, hosts + 1)
    )
    return Cluster(servers, tuple(Documents(issuer, ("old",)) for issuer in published))


def moves(cluster: Cluster, plan: Plan) -> list[Cluster]:
    """Return what becomes of a cluster by a plan's next step, move by move."""
    if plan.wait:
        return [cluster.older(plan.wait.until - NOW)]
    return [] if plan.step is None else [*_moves(cluster, plan.step)]


def _moves(cluster: Cluster, step: Step) -> t.Iterator[Cluster]:
    if step.action in ("publish", "withdraw"):
        yield cluster.published(step.issuer, step.published)
        return
    if step.action in ("make", "carry", "lay"):
        yield cluster.written(step.host, next_kid=step.kid or cluster.next_key())
        return
    if step.action == "aside":
        yield cluster.written(step.host, previous_kid=cluster.server(step.host).next_kid, next_kid="")
        return
    if step.action == "forget":
        server = cluster.server(step.host)
        left = {name: "" for name in ("next_kid", "previous_kid") if getattr(server, name) in step.forgotten}
        yield cluster.written(step.host, **left)
        return
    assert step.config is not None
    cluster = cluster.written(step.host, kids=step.config.kids)
    yield cluster
    server = cluster.server(step.host)
    if server.written.signer != step.config.signer:
        assert server.next_kid == step.config.signer
        cluster = cluster.written(step.host, previous_kid=server.written.signer)
        yield cluster
        cluster = cluster.written(step.host, signer=step.config.signer, next_kid="")
        yield cluster
    cluster = cluster.written(step.host, issuers=step.config.issuers)
    yield cluster
    if cluster.server(step.host).running != cluster.server(step.host).written:
        cluster = cluster.restarted(step.host)
        yield cluster
    if cluster.server(step.host).secrets_signer != step.config.signer:
        yield cluster.secrets_restarted(step.host)


def accidents(cluster: Cluster) -> t.Iterator[Cluster]:
    """Yield what may become of a cluster at any time, without anybody's plan."""
    for server in cluster.servers:
        if server.running != server.written:
            yield cluster.restarted(server.host)
        if server.secrets_signer != server.written.signer:
            yield cluster.secrets_restarted(server.host)
    if cluster.failures:
        for server in cluster.servers:
            yield from _put_back(replace(cluster, failures=cluster.failures - 1), server)
    if cluster.joins:
        yield from {
            cluster.joined(server).servers[-1].written: cluster.joined(server) for server in cluster.servers
        }.values()


def _put_back(cluster: Cluster, server: Server) -> t.Iterator[Cluster]:
    """Yield what becomes of a host whose API server does not come up with its files, as C(step_restart.yml) has it."""
    host, before = server.host, server.running
    if server.written == before or {before.signer} - server.holds:
        return
    if server.written.signer != before.signer:
        cluster = cluster.written(host, next_kid=before.signer)
        yield cluster
        cluster = cluster.written(host, kids=tuple(dict.fromkeys([*before.kids, server.written.signer])))
        yield cluster
        cluster = cluster.written(host, signer=before.signer, next_kid="", previous_kid=server.written.signer)
        yield cluster
    cluster = cluster.written(host, kids=before.kids, issuers=before.issuers)
    yield cluster
    cluster = cluster.restarted(host)
    yield cluster
    cluster = cluster.secrets_restarted(host)
    yield cluster
    if server.written.signer != before.signer:
        yield cluster.written(host, next_kid=server.written.signer)
