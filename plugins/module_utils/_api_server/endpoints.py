# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which API servers a cluster has by its own account. PRIVATE to the collection: it may change without notice.

Pure. Every API server writes its C(--advertise-address) into the EndpointSlices of the service C(default/kubernetes),
and holds it there by a lease (pkg/controlplane/reconcilers of Kubernetes).
"""

from __future__ import annotations

import ipaddress
import typing as t
from contextlib import suppress

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._flags.arguments import Flags

SLICES_PATH: t.Final = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
SLICES_LABEL: t.Final = "kubernetes.io/service-name=kubernetes"

_ADDRESS = "advertise-address"
_RECONCILER = "endpoint-reconciler-type"


def unlisted(running: t.Iterable[Flags], slices: t.Iterable[t.Mapping[str, t.Any]]) -> list[str]:
    """Return the addresses in EndpointSlices that no API server with one of these flags has written; sorted.

    None where that can't be told: a server without an address of its own writes one of its host's, and one without a
    reconciler writes none, so that the slices are somebody else's.
    """
    servers = list(running)
    own = {_plain(address) for flags in servers for address in flags.get(_ADDRESS, [])[-1:]}
    comparable = all(_ADDRESS in flags and flags.get(_RECONCILER, [""])[-1] != "none" for flags in servers)
    if not comparable or own & {"0.0.0.0", "::"}:  # noqa: S104 -- compared, not bound
        return []
    endpoints = [endpoint for endpoint_slice in slices for endpoint in endpoint_slice.get("endpoints") or []]
    return sorted({_plain(address) for endpoint in endpoints for address in endpoint["addresses"]} - own)


def listed(running: t.Mapping[str, Flags], slices: t.Iterable[t.Mapping[str, t.Any]]) -> dict[str, str]:
    """Return the URL of each host's API server, with these flags, that stands in EndpointSlices and is ready."""
    by_address = dict(_ready(slices))
    own = {host: {_plain(address) for address in flags.get(_ADDRESS, [])[-1:]} for host, flags in running.items()}
    return {host: by_address[address] for host, addresses in own.items() for address in addresses & {*by_address}}


def urls(slices: t.Iterable[t.Mapping[str, t.Any]]) -> list[str]:
    """Return the URL of each API server that has written itself into EndpointSlices and is ready; sorted."""
    return sorted({url for _address, url in _ready(slices)})


def _ready(slices: t.Iterable[t.Mapping[str, t.Any]]) -> t.Iterator[tuple[str, str]]:
    """Yield the address and the URL of each API server that is ready."""
    for endpoint_slice in slices:
        for port in endpoint_slice.get("ports") or []:
            for endpoint in endpoint_slice.get("endpoints") or [] if port.get("name") == "https" else []:
                if (endpoint.get("conditions") or {}).get("ready") is not False:
                    for address in endpoint["addresses"]:
                        yield _plain(address), f"https://{f'[{address}]' if ':' in address else address}:{port['port']}"


def _plain(address: str) -> str:
    with suppress(ValueError):
        return str(ipaddress.ip_address(address))
    return address


__all__: t.Final = ("SLICES_LABEL", "SLICES_PATH", "listed", "unlisted", "urls")
