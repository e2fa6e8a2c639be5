# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""To what API servers go back from an issuer. PRIVATE to the collection: it may change without notice.

Pure. An issuer that is switched to is put in front of the others, so that on each server the next one is that from
before. What the flags were then, the manifests say that each host has kept as they were replaced.
"""

from __future__ import annotations

import json
import typing as t
from contextlib import suppress
from dataclasses import dataclass

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.rollout import ISSUER, JWKS_URI, Server
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._flags.static_pod_flags import parse

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._flags.arguments import Flags

_COMPONENT = "kube-apiserver"


@dataclass(frozen=True)
class WayBack:
    """What a teardown makes the API servers run with."""

    issuer: str
    """The issuer from before; empty where there is none."""
    jwks_uri: str = ""
    """The C(--service-account-jwks-uri) that they had with it; empty for none."""
    notes: tuple[str, ...] = ()
    """What the user has to know before."""


def way_back(
    servers: t.Sequence[Server],
    issuer: str,
    *,
    retired: t.Collection[str] = (),
    kept: t.Mapping[str, t.Mapping[str, str]] | None = None,
) -> WayBack:
    """Return to what servers go back from an issuer, or raise InputError where they had different ones before it.

    retired: issuers that none goes back to.
    kept: the manifests that each host has kept, by their paths, which end in the time at which they were replaced.
    """
    by_issuer: dict[str, list[str]] = {}
    for server in servers:
        for former in [accepted for accepted in server.issuers if accepted != issuer and accepted not in retired][:1]:
            by_issuer.setdefault(former, []).append(server.host)
    if len(by_issuer) > 1:
        sides = "; ".join(f"{former} on {', '.join(hosts)}" for former, hosts in by_issuer.items())
        raise InputError(
            f"The API servers had different issuers before {issuer}: {sides}.",
            fix="Run the role irsa_apiserver with irsa_apiserver_issuer_url set to the one that should sign, and "
            "remove the other one then.",
        )
    former = next(iter(by_issuer), "")
    found: dict[str, list[str]] = {}
    for server in servers:
        for uri in _jwks_uri(server, former, (kept or {}).get(server.host, {})):
            found.setdefault(uri, []).append(server.host)
    if len(found) > 1:
        sides = "; ".join(f"{uri or 'none'} on {', '.join(hosts)}" for uri, hosts in found.items())
        note = f"--{JWKS_URI} differed between the hosts with {former}, and is no longer set: {sides}. Set it again."
        return WayBack(former, notes=(note,))
    return WayBack(former, next(iter(found), ""))


def _jwks_uri(server: Server, issuer: str, kept: t.Mapping[str, str]) -> list[str]:
    """Return the value of the flag with which a server signs, or last signed, with an issuer; nothing if not known."""
    if server.issuers[:1] == [issuer]:
        return [_last(server.flags.get(JWKS_URI, []))]
    for path in sorted(kept, key=_moment, reverse=True):
        with suppress(InputError):  # no manifest that can be read
            flags = _flags_of(kept[path], path)
            if flags.get(ISSUER, [])[:1] == [issuer]:
                return [_last(flags.get(JWKS_URI, []))]
    return []


def _moment(path: str) -> str:
    """Return when a text was replaced, by which its name ends."""
    return path.rpartition(".")[2]


def _flags_of(text: str, path: str) -> Flags:
    """Return the flags in what a host has kept: a manifest, or the record of a service's files."""
    with suppress(ValueError):
        kept = json.loads(text)
        if isinstance(kept, dict) and isinstance(kept.get("flags"), dict):
            return t.cast("Flags", kept["flags"])
    return parse(text, _COMPONENT, source=path).flags


def _last(values: t.Sequence[str]) -> str:
    return values[-1] if values else ""


__all__: t.Final = ("WayBack", "way_back")
