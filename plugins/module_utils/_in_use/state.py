# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a key or an issuer that goes is still in use, and until when. PRIVATE: it may change without notice.

Pure. Times are in seconds since the epoch, by the controller's clock.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.onprem.irsa.plugins.module_utils._in_use.names import some

Json = t.Mapping[str, t.Any]

# What kube-apiserver sends itself, and asks for before a key signs (GetCacheAgeMaxSeconds in Kubernetes'
# pkg/routes/openidmetadata.go); where a web server says nothing, nobody knows better.
UNSAID_MAX_AGE: t.Final = 3600.0
# kube-apiserver takes a token for a minute longer than it says (go-jose, jwt.DefaultLeeway); so does STS for less.
LEEWAY: t.Final = 60.0

Some = t.TypeVar("Some", bound="Documents")
Phase = t.TypeVar("Phase", bound=str)


@dataclass(frozen=True)
class Documents:
    """The documents of one issuer as everybody fetches them."""

    issuer: str
    kids: tuple[str, ...] = ()
    """The keys in the key set; none while nothing is published."""
    since: float = 0.0
    """When this version of the key set came there."""
    max_age: float = UNSAID_MAX_AGE
    """Seconds for which an earlier version, or its absence, is kept in caches, by what the web server says."""
    is_told: bool = True
    """Whether the web server says since when; if not, it counts from when this run saw it first."""

    @property
    def spread_at(self) -> float:
        """When no cache holds an earlier version any longer."""
        return self.since + self.max_age


def read(kind: type[Some], issuer: str, found: Json, *, now: float, first_seen: float) -> Some:
    """Return what C(issuer_info) has FOUND of an issuer, as a KIND of Documents.

    first_seen: when this run has first seen it: where the web server does not tell, it counts from then.
    """
    if not found["served"]:
        return kind(issuer)
    unchanged, max_age = found["unchanged_for"], found["max_age"]
    return kind(
        issuer,
        kids=tuple(found["kids"]),
        since=first_seen if unchanged is None else now - unchanged,
        max_age=UNSAID_MAX_AGE if max_age is None else float(max_age),
        is_told=unchanged is not None,
    )


def seen_since(before: Json | None, kids: t.Sequence[t.Sequence[str]], now: float) -> dict[str, t.Any]:
    """Return which KIDS a run sees published, and since when: since BEFORE, what it saw last, where they are the same.

    A web server that does not tell since when a key set is there may have it from the run itself, minutes after that
    began.
    """
    found = [[*each] for each in kids]
    return {"kids": found, "since": before["since"] if before and before["kids"] == found else now}


@dataclass(frozen=True)
class Wait(t.Generic[Phase]):
    """Time that has to pass."""

    until: float
    why: str
    phase: Phase
    """The phase that begins after it."""
    within_run: bool = False
    """Whether it counts from what this run has seen, so that another run would begin it again."""


@dataclass(frozen=True)
class Lifetime:
    """How long tokens live, and which object says so."""

    seconds: float
    source: str
    """Such as C(pod apps/reports) or C(service account apps/reports)."""


def longest(lifetimes: t.Iterable[Lifetime]) -> Lifetime:
    """Return the longest of the lifetimes in use."""
    return max(lifetimes, key=lambda lifetime: lifetime.seconds, default=Lifetime(0.0, "no token"))


@dataclass(frozen=True)
class LegacyToken:
    """A token in a Secret, which lives until its key goes.

    It names another issuer, whatever the API servers sign with (pkg/serviceaccount/legacy.go of Kubernetes).
    """

    secret: str
    """C(NAMESPACE/NAME)."""
    kid: str
    """The key that signed it; empty where the token cannot be read."""


@dataclass(frozen=True)
class Keeper:
    """A pod that may keep a token which it has read once: the API servers take one for a year (claims.go)."""

    pod: str
    """C(NAMESPACE/NAME)."""
    started: float


def kept_tokens(
    stale_uses: t.Mapping[str, float], keepers: t.Iterable[Keeper], *, before: float, signs: str, gone: str
) -> list[str]:
    """Say which pods may keep a token of what is GONE soon, where API servers see that some pod keeps one.

    Where a program reads its token once, it goes on with that for up to a year, and is refused then.

    stale_uses: how often each API server has taken a token that should have been refreshed, since it started; by host.
    before: since when no token of it is made.
    signs: what signs in its place.
    """
    used = {host: uses for host, uses in stale_uses.items() if uses}
    pods = sorted(keeper.pod for keeper in keepers if keeper.started < before)
    if not used or not pods:
        return []
    counted = ", ".join(f"{host} {uses:g} times" for host, uses in used.items())
    return [
        f"Some pod uses a token that it has read once and does not refresh: since {signs} signs, API servers "
        f"have taken such tokens (serviceaccount_stale_tokens_total: {counted}), and would refuse them without "
        f"{gone}. It is among those that run since before: {some(pods)}. Restart them with "
        "`kubectl rollout restart`, and have their programs read the token again, as newer client libraries do."
    ]


__all__: t.Final = (
    "LEEWAY",
    "UNSAID_MAX_AGE",
    "Documents",
    "Keeper",
    "LegacyToken",
    "Lifetime",
    "Wait",
    "kept_tokens",
    "longest",
    "read",
    "seen_since",
)
