# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rotation of keys, or a move to another issuer, goes by. PRIVATE: it may change without notice.

Pure. Everything is observed: files and processes on the control-plane hosts, what is published, which tokens are in
use. Nothing is remembered from one run to the next. Times are in seconds since the epoch, by the controller's clock.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.onprem.irsa.plugins.module_utils._in_use.state import (
    Documents,
    Keeper,
    LegacyToken,
    Lifetime,
    longest,
)

Kind = t.Literal["RSA", "EC"]


@dataclass(frozen=True)
class Config:
    """What an API server accepts and signs with."""

    kids: tuple[str, ...]
    """The keys by which it accepts tokens, in the order of its files."""
    signer: str
    """The key that signs."""
    issuers: tuple[str, ...] = ()
    """The issuers that it accepts; it signs with the first."""

    @property
    def issuer(self) -> str:
        """The issuer that signs; empty for none."""
        return self.issuers[0] if self.issuers else ""


@dataclass(frozen=True)
class Server:
    """A control-plane host: what its files say, and what its processes have read of them as they started."""

    host: str
    written: Config
    """By the files: what a restart makes it."""
    running: Config
    """By the API server's process; parts that cannot be told, as when files changed after it started, are empty."""
    since: float = 0.0
    """When the process started, so that it signs with the same key since then at the latest."""
    secrets_signer: str = ""
    """The key with which kube-controller-manager's process signs the tokens of Secrets; empty as above."""
    secrets_since: float = 0.0
    """When that process started."""
    next_kid: str = ""
    """A private key that lies ready on the host to sign; empty for none."""
    previous_kid: str = ""
    """The private key that signed before, and is kept for the way back; empty for none."""

    @property
    def holds(self) -> frozenset[str]:
        """The keys that the host could sign with."""
        return frozenset({self.written.signer, self.next_kid, self.previous_kid} - {""})

    def signs_with(self, kid: str, issuer: str) -> bool:
        """Return whether files and processes sign with this key and this issuer, and with nothing else."""
        signers = {self.written.signer, self.running.signer, self.secrets_signer}
        return signers == {kid} and {self.written.issuer, self.running.issuer} == {issuer}


@dataclass(frozen=True)
class Publication(Documents):
    """The documents of one issuer, and who publishes them."""

    by_api_servers: bool = False
    """Whether the API servers publish themselves: what they accept is published with it."""


@dataclass(frozen=True)
class RelyingParty:
    """Somebody outside of the cluster who verifies tokens, by a copy of the key set where KIDS are not None."""

    name: str
    kids: tuple[str, ...] | None = None
    """The keys in the copy; None for one that reads what is published."""
    not_asked: str = ""
    """Why it could not be asked which keys it knows, so that KIDS are not known; empty where it was, or need not be."""
    rs256_only: bool = False
    """Whether it takes tokens that an RSA key has signed, and no others."""


@dataclass(frozen=True)
class State:
    """All that is observed."""

    servers: tuple[Server, ...]
    publications: tuple[Publication, ...]
    now: float
    lifetimes: tuple[Lifetime, ...] = ()
    legacy_tokens: tuple[LegacyToken, ...] = ()
    stale_uses: t.Mapping[str, float] = field(default_factory=dict)
    """How often each API server has taken a token that should have been refreshed, since it started; by its host."""
    keepers: tuple[Keeper, ...] = ()
    """Pods that may be behind that."""
    relying_parties: tuple[RelyingParty, ...] = ()
    unreachable: tuple[str, ...] = ()
    """Control-plane hosts that could not be looked at."""
    described: tuple[str, ...] = ()
    """The issuers that the inventory describes: keys are published there, and nowhere else."""
    unlisted: tuple[str, ...] = ()
    """Addresses of API servers that the cluster has by its own account, and that are on none of the hosts."""
    kinds: t.Mapping[str, Kind] = field(default_factory=dict)
    """Of the keys by their ids, as far as they are known."""
    made: t.Mapping[str, float] = field(default_factory=dict)
    """When the private keys on the hosts were made, by their ids."""
    copies_made: float | None = None
    """When the copy of the key files for joining hosts was made (Secret kube-system/kubeadm-certs); None for none."""
    accepted_since: float = 0.0
    """When a public key came to the files of a host the last time, or went."""
    settled_since: float = 0.0
    """The same of the host whose files have not changed for the longest time: a host that joins has new ones."""
    signing_since: float = 0.0
    """When the private key that signs was replaced on a host the last time."""

    @property
    def lifetime(self) -> Lifetime:
        """The longest of the lifetimes in use."""
        return longest(self.lifetimes)


__all__: t.Final = ("Config", "Kind", "Publication", "RelyingParty", "Server", "State")
