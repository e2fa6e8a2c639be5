# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a control-plane component answers, by its flags. PRIVATE to the collection: it may change without notice.

Pure; for the controller and for hosts.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from urllib.parse import urlsplit

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._flags.arguments import Flags

_API_SERVER = ("6443", "/readyz")  # kube-apiserver --help, --secure-port; Kubernetes, "API health endpoints"
# kube-controller-manager --help, --secure-port; --authorization-always-allow-paths lets everybody ask for /healthz.
_CONTROLLER_MANAGER = ("10257", "/healthz")
_ANY_ADDRESS = ("", "0.0.0.0", "::")  # noqa: S104 -- what a flag says, nothing is bound
_UNKNOWN = "$("  # a variable that the kubelet alone knows


@dataclass(frozen=True)
class Serving:
    """Where a host's own component answers, with which client certificate to ask it, and for what."""

    url: str
    client_cert: str = ""
    client_key: str = ""
    health: str = _API_SERVER[1]
    """The path that answers with status 200 when the component is ready."""


def serving(component: str, flags: Flags) -> Serving:
    """Return how to reach a component that runs with these flags.

    The API server is shown its own client certificate for kubelets.
    """
    port, health = _CONTROLLER_MANAGER if component == "kube-controller-manager" else _API_SERVER

    def last(name: str) -> str:
        return flags.get(name, [""])[-1]

    addresses = [
        address
        for address in (last("bind-address"), last("advertise-address"))
        if address not in _ANY_ADDRESS and not address.startswith(_UNKNOWN)
    ]
    address = addresses[0] if addresses else "127.0.0.1"
    host = f"[{address}]" if ":" in address else address
    return Serving(
        url=f"https://{host}:{last('secure-port') or port}",
        client_cert=last("kubelet-client-certificate"),
        client_key=last("kubelet-client-key"),
        health=health,
    )


def advertised_url(url: str, flags: Flags) -> str:
    """Return where other machines reach the component at URL: at the address that it advertises, if it advertises one.

    That one is among the names of kubeadm's certificate; one that it is bound to (C(--bind-address)) need not be.
    """
    address = flags.get("advertise-address", [""])[-1]
    if address in _ANY_ADDRESS:
        return url
    host = f"[{address}]" if ":" in address else address
    return f"https://{host}:{urlsplit(url).port}"


__all__: t.Final = ("Serving", "advertised_url", "serving")
