# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""In which order API servers are asked of themselves. PRIVATE to the collection: it may change without notice.

What asks is handed in. Each API server that the cluster names is asked at its own address. Where there is one name
alone, or one that does not answer from here, several may be behind one address, and each new connection to it may end
at another: it is asked until its answers repeat.
"""

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.answers import (
    Accepted,
    Asked,
    Said,
    candidates,
    said_by,
)
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.signs import shown_distribution, talos_version
from ansible_collections.onprem.irsa.plugins.module_utils._documents.paths import DISCOVERY_PATH, JWKS_PATH
from ansible_collections.onprem.irsa.plugins.module_utils._documents.served import DISCOVERY_TYPE, JWKS_TYPE
from ansible_collections.onprem.irsa.plugins.module_utils._documents.unsigned_token import is_accepted, unsigned_token
from ansible_collections.onprem.irsa.plugins.module_utils._errors import ApiError

Json = dict[str, t.Any]
Answer = t.TypeVar("Answer")

_CONTROL_PLANE: t.Final = "node-role.kubernetes.io/control-plane"
_NODES: t.Final = "/api/v1/nodes"
_SOME_NODES: t.Final = 5

REVIEWS_PATH: t.Final = "/apis/authentication.k8s.io/v1/tokenreviews"
VERSION_PATH: t.Final = "/version"

# Rounds in a row without a new answer, for each API server that the cluster names: where a load balancer takes any of
# three at random, one of them stays unseen in 24 rounds with a probability of (2/3)^24, one in 17,000.
QUIET_ROUNDS: t.Final = 8
_MOST_ROUNDS: t.Final = 200  # of answers that never repeat, as of a load balancer that mixes several clusters


class Server(t.Protocol):
    """Asks one API server."""

    @property
    def server(self) -> str:
        """Its URL."""

    def at(self, server: str) -> Server:
        """Return what asks another one of the same cluster, in connections of its own."""

    def get(self, path: str, *, accept: str = "") -> Json | None:
        """Return what is at a path, None for nothing, of these media types or else JSON; raises ApiError."""

    def create(self, path: str, body: Json) -> Json:
        """Create an object; raises ApiError."""


class Cluster(t.Protocol):
    """Asks for what shows which distribution a cluster is of."""

    def get(self, path: str, *, accept: str = "") -> Json | None:
        """Return the object at a path, None for none; raises ApiError."""

    def items(self, path: str, *, labels: str = "") -> list[Json]:
        """Return the objects of a list; raises ApiError."""

    def some(self, path: str, number: int, *, labels: str = "") -> list[Json]:
        """Return the first objects of a list, so many at most; raises ApiError."""


Sign = t.Callable[[Server], str]
"""Has an API server sign a token for its own audiences; raises ApiError."""


def ask(read: Server, urls: t.Sequence[str], issuers: t.Iterable[str], sign: Sign) -> Asked:
    """Ask all API servers of a cluster; raises ApiError and InputError.

    read: asks the one that the kubeconfig names.
    urls: those that the cluster names.
    issuers: asked for whether they are accepted, in addition to those that sign.
    """
    unreached = {url: why for url in urls for why in [_why_not(read.at(url))] if why}
    reached = [url for url in urls if url not in unreached]
    if len(reached) > 1 and not unreached:
        return ask_each(read, reached, issuers, sign)
    own = reached if len(urls) > 1 else []
    address = reached[0] if len(urls) == 1 and reached else read.server
    quiet = QUIET_ROUNDS * max(1, len(urls))
    heard, rounds = until_repeated(lambda: _said(read.at(address), sign), quiet)
    said = [*(_said(read.at(url), sign) for url in own), *heard]
    wanted, tokens = candidates(said, issuers), _tokens(said)
    reviewed, _rounds = until_repeated(lambda: _accepted(read.at(address), wanted, tokens), quiet)
    accepted = [*(_accepted(read.at(url), wanted, tokens) for url in own), *reviewed]
    return Asked(tuple(said), tuple(accepted), balanced=address, rounds=rounds, unreached=unreached)


def ask_each(read: Server, urls: t.Sequence[str], issuers: t.Iterable[str], sign: Sign) -> Asked:
    """Ask the API servers at these URLs, each of which one alone has; raises ApiError and InputError."""
    said = [_said(read.at(url), sign) for url in urls]
    wanted, tokens = candidates(said, issuers), _tokens(said)
    return Asked(tuple(said), tuple(_accepted(read.at(url), wanted, tokens) for url in urls))


def release_of(read: Cluster) -> dict[str, str]:
    """Return C(version), C(distribution) and C(talos_version); each is empty where the API does not show it."""
    version = str((read.get(VERSION_PATH) or {}).get("gitVersion") or "")
    control_plane = _unless_refused(lambda: read.items(_NODES, labels=_CONTROL_PLANE))
    nodes = control_plane[:_SOME_NODES] or _unless_refused(lambda: read.some(_NODES, _SOME_NODES))
    return {
        "version": version,
        "distribution": shown_distribution(version, nodes, _configuration(read)),
        "talos_version": talos_version(control_plane),
    }


def _unless_refused(nodes: t.Callable[[], list[Json]]) -> list[Json]:
    """Return nodes; none where they may not be read."""
    try:
        return nodes()
    except ApiError:
        return []


def _configuration(read: Cluster) -> str | None:
    """Return kubeadm's ClusterConfiguration; None where there is none, or where it may not be read."""
    try:
        found = read.get("/api/v1/namespaces/kube-system/configmaps/kubeadm-config") or {}
    except ApiError:
        return None
    configuration: str | None = (found.get("data") or {}).get("ClusterConfiguration")
    return configuration


def until_repeated(ask_once: t.Callable[[], Answer], quiet: int) -> tuple[list[Answer], int]:
    """Return the different answers to a question that is asked until as many in a row were not new, and how often."""
    found: list[Answer] = []
    rounds = last_new = 0
    while rounds - last_new < quiet and rounds < _MOST_ROUNDS:
        rounds += 1
        answer = ask_once()
        if answer not in found:
            found.append(answer)
            last_new = rounds
    return found, rounds


def _why_not(server: Server) -> str:
    """Return why an API server does not answer; empty where it does.

    A proxy may be between that does not know the user, and a certificate may not be for the address.
    """
    try:
        server.get(VERSION_PATH)
    except ApiError as error:
        return error.problem
    return ""


def _said(server: Server, sign: Sign) -> Said:
    key_set = server.get(JWKS_PATH, accept=f"{JWKS_TYPE}, {DISCOVERY_TYPE}")
    return said_by(server.server, sign(server), key_set, server.get(DISCOVERY_PATH))


def _tokens(said: t.Iterable[Said]) -> dict[tuple[str, str], Said]:
    """Return one of the tokens of each issuer and key; the newest, which lives longest."""
    return {(answer.issuer, answer.kid): answer for answer in said}


def _accepted(server: Server, issuers: t.Iterable[str], tokens: t.Mapping[tuple[str, str], Said]) -> Accepted:
    known = [issuer for issuer in issuers if is_accepted(str(_review(server, unsigned_token(issuer)).get("error")))]
    refused = [name for name, signed in tokens.items() if not _takes(server, signed)]
    return Accepted(server.server, tuple(sorted(known)), tuple(sorted(refused)))


def _takes(server: Server, said: Said) -> bool:
    """Tell whether a token is accepted, whomever it is for: audiences are not what is asked."""
    return bool(_review(server, said.token, said.audiences).get("authenticated"))


def _review(server: Server, token: str, audiences: t.Iterable[str] = ()) -> Json:
    spec = {"token": token, "audiences": [*audiences]}
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": spec}
    found: Json = server.create(REVIEWS_PATH, body).get("status") or {}
    return found


__all__: t.Final = (
    "QUIET_ROUNDS",
    "REVIEWS_PATH",
    "VERSION_PATH",
    "Cluster",
    "Server",
    "Sign",
    "ask",
    "ask_each",
    "release_of",
    "until_repeated",
)
