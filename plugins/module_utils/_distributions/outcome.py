# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an API server shows of its flags by what it answers. PRIVATE to the collection: it may change without notice.

K3s and MicroK8s have it within a process of another name, whose arguments are not its flags. A token that it has just
signed says its issuer and its audiences, its discovery document says where the key set is, and what it makes of other
tokens says which issuers it accepts. Pure; for the controller and for hosts.
"""

from __future__ import annotations

import ipaddress
import typing as t
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ansible_collections.onprem.irsa.plugins.module_utils._distributions.room import AUDIENCES, ISSUER, JWKS_URI

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._flags.arguments import Flags

SHOWN: t.Final = (ISSUER, JWKS_URI, AUDIENCES)
"""The flags that show."""

_JWKS_PATH = "/openid/v1/jwks"


@dataclass(frozen=True)
class Outcome:
    """What an API server shows."""

    issuer: str
    """Of a token that it has just signed."""
    audiences: tuple[str, ...]
    """Whom that token is for, where nobody was named: those by which it accepts tokens."""
    accepted: tuple[str, ...]
    """The issuers that it accepts, of those that it was asked for, in their order; none where that can't be told."""
    jwks_uri: str | None
    """Of its discovery document; None where it serves none, as for an issuer without https."""
    advertised: str = ""
    """The address of this host by which the cluster lists it; empty where none is listed."""
    token: str = field(default="", repr=False)

    def flags(self, told: Flags) -> Flags:
        """Return the flags that give this outcome; told: those of the files, for what does not show and for its form.

        Without the flag of the key set, kube-apiserver names its own address in the discovery document; without that
        of audiences, the issuers are the audiences.
        """
        issuers = [self.issuer, *(issuer for issuer in self.accepted if issuer != self.issuer)]
        own = told.get(ISSUER, [])
        flags = {ISSUER: own if own[:1] == issuers[:1] and {*own} == {*issuers} else issuers}
        uri = told.get(JWKS_URI, []) if self.jwks_uri is None else [self.jwks_uri]
        if uri and (told.get(JWKS_URI) or not _is_own_address(uri[-1])):
            flags[JWKS_URI] = uri
        audiences = told.get(AUDIENCES, [])
        if {*",".join(audiences).split(",")} == {*self.audiences}:
            flags[AUDIENCES] = audiences
        elif audiences or {*self.audiences} != {*issuers}:
            flags[AUDIENCES] = [",".join(self.audiences)]
        return flags


def same_issuers(some: t.Sequence[str], others: t.Sequence[str]) -> bool:
    """Return whether issuers are the same: the first signs, and the order of the others means nothing."""
    return list(some[:1]) == list(others[:1]) and sorted(some) == sorted(others)


def _is_own_address(uri: str) -> bool:
    with suppress(ValueError):
        parts = urlsplit(uri)
        return parts.path == _JWKS_PATH and bool(ipaddress.ip_address(parts.hostname or ""))
    return False


__all__: t.Final = ("SHOWN", "Outcome", "same_issuers")
