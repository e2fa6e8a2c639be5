# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kubelet's probes of a static pod's container. PRIVATE to the collection: it may change without notice.

They stand in the manifest next to the flags, and fail after some of those have changed: the component is ready, and
the kubelet restarts it minutes later, again and again (Kubernetes, "Liveness, Readiness, and Startup Probes"; kubeadm
gives a start 240 seconds). Pure.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.onprem.irsa.plugins.module_utils._flags.manifest import child, elements, scalar

if t.TYPE_CHECKING:
    import yaml

    from ansible_collections.onprem.irsa.plugins.module_utils._flags.arguments import Flags

_NAMES = ("startupProbe", "livenessProbe", "readinessProbe")
_DEFAULT_PORTS: t.Final = {"kube-apiserver": "6443", "kube-controller-manager": "10257"}
_EVERYWHERE = ("", "0.0.0.0", "::")  # noqa: S104 -- what a flag says, nothing is bound
_PORT, _ADDRESS, _ANONYMOUS = "secure-port", "bind-address", "anonymous-auth"
_FALSE = ("0", "f", "F", "false", "FALSE", "False")  # Go, strconv.ParseBool


@dataclass(frozen=True)
class Probe:
    """A probe that connects to the component."""

    name: str
    host: str
    """Empty: the address of the pod."""
    port: str
    with_credentials: bool
    """Whether it brings credentials, or needs none."""


def probes_of(container: yaml.Node) -> tuple[Probe, ...]:
    """Return the probes of a container that connect to it."""
    ports = {scalar(port): scalar(port, "containerPort") for port in elements(container, "ports")}
    found = []
    for name in _NAMES:
        for way in ("httpGet", "tcpSocket"):
            target = child(child(container, name), way)
            if target is not None:
                port = scalar(target, "port")
                headers = [scalar(header).lower() for header in elements(target, "httpHeaders")]
                own = way == "tcpSocket" or "authorization" in headers
                found.append(Probe(name, scalar(target, "host"), ports.get(port, port), own))
    return tuple(found)


def failing(probes: t.Iterable[Probe], component: str, before: Flags, after: Flags) -> str:
    """Return the first thing in which a change of flags makes a probe fail, as part of a sentence; empty for none."""

    def changed(name: str) -> bool:
        return before.get(name, [])[-1:] != after.get(name, [])[-1:]

    def last(name: str) -> str:
        return after.get(name, [""])[-1]

    for probe in probes:
        port = last(_PORT) or _DEFAULT_PORTS[component]
        if changed(_PORT) and port != probe.port:
            return f"--{_PORT} would be {port}, and the {probe.name} asks at port {probe.port}"
        if changed(_ADDRESS) and last(_ADDRESS) not in (*_EVERYWHERE, probe.host):
            return f"--{_ADDRESS} would be {last(_ADDRESS)}, and the {probe.name} asks at {probe.host or 'the node'}"
        if changed(_ANONYMOUS) and last(_ANONYMOUS) in _FALSE and not probe.with_credentials:
            return f"--{_ANONYMOUS} would be {last(_ANONYMOUS)}, and the {probe.name} has no credentials"
    return ""


__all__: t.Final = ("Probe", "failing", "probes_of")
