# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a move from one issuer to another goes by. PRIVATE to the collection: it may change without notice.

Pure. Everything is observed: processes on the control-plane hosts, what is published, what IAM has, which tokens are in
use. Nothing is remembered from one run to the next. Times are in seconds since the epoch, by the controller's clock.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.onprem.irsa.plugins.module_utils._in_use.state import (
    LEEWAY,
    Documents,
    Keeper,
    Lifetime,
    longest,
)

# IAM says that a change is not known everywhere at once, and not how long that takes ("Troubleshoot IAM: Changes that I
# make are not always immediately visible"). Seconds for which a run sees the trust complete before a token needs it.
IAM_SECONDS: t.Final = 15.0


@dataclass(frozen=True)
class Server:
    """An API server by its process."""

    host: str
    issuers: tuple[str, ...]
    """Those that it accepts; it signs with the first."""
    kids: tuple[str, ...] = ()
    """The keys by which it accepts tokens."""
    since: float = 0.0
    """When the process started, so that it signs with the same issuer since then."""
    audiences: tuple[str, ...] = ()
    """Those for which it accepts tokens."""

    @property
    def issuer(self) -> str:
        """The issuer that signs; empty for none."""
        return self.issuers[0] if self.issuers else ""


@dataclass(frozen=True)
class Publication(Documents):
    """The documents of one issuer, and what holds them."""

    is_left: bool = False
    """Whether something of it is left to remove that nobody can fetch, such as a bucket or a distribution."""

    @property
    def is_there(self) -> bool:
        """Whether anything of it is left."""
        return bool(self.kids) or self.is_left


@dataclass(frozen=True)
class Role:
    """A role in IAM that lets in tokens of the former issuer or of the new one."""

    name: str
    arn: str
    is_listed: bool
    """Whether the inventory has it, so that its trust policy is this collection's to write."""
    trusts_old: bool = False
    """Whether it has statements for the former issuer that can be removed."""
    trusts_new: bool = False
    lacks_new: bool = False
    """Whether it says something of the tokens of the former issuer that it does not say of those of the new one."""
    grown_to: int = 0
    """How many characters its trust policy has, as IAM counts them, once it says that, too."""


@dataclass(frozen=True)
class Trust:
    """What IAM has."""

    old_provider: bool = False
    new_provider: bool = False
    is_complete: bool = False
    """Whether the new issuer's provider is as asked for, and every role of the inventory trusts it."""
    roles: tuple[Role, ...] = ()
    seen_at: float = 0.0
    """Since when this run sees the new issuer's trust complete, without a break."""


@dataclass(frozen=True)
class State:
    """All that is observed."""

    servers: tuple[Server, ...]
    old: Publication
    new: Publication
    trust: Trust
    now: float
    lifetimes: tuple[Lifetime, ...] = ()
    audience_users: tuple[str, ...] = ()
    """Pods that ask for tokens with the former issuer's URL as their audience."""
    stale_uses: t.Mapping[str, float] = field(default_factory=dict)
    """How often each API server has taken a token that should have been refreshed, since it started; by its host."""
    keepers: tuple[Keeper, ...] = ()
    """Pods that may be behind that."""

    @property
    def lifetime(self) -> Lifetime:
        """The longest of the lifetimes in use."""
        return longest(self.lifetimes)

    @property
    def settled_at(self) -> float:
        """When the last token has ended that an API server signed before its present process started."""
        return max((server.since for server in self.servers), default=0.0) + self.lifetime.seconds + LEEWAY


__all__: t.Final = ("IAM_SECONDS", "Publication", "Role", "Server", "State", "Trust")
