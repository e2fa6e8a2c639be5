# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which distribution a cluster has, by what its API shows. PRIVATE: it may change without notice.

No host is looked at. The names are those of the rooms; a distribution without one, such as a cluster whose units were
written by hand, shows nothing of itself.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._distributions.openshift import NAME as OPENSHIFT

Json = t.Mapping[str, t.Any]

# The builds that these distributions give to Kubernetes' version, as in v1.34.4+k3s1 or v1.34.4-eks-1234567.
_BUILDS: t.Final = {
    "+k3s": "K3s",
    "+rke2": "RKE2",
    "+k0s": "k0s",
    "-eks-": "Amazon EKS",
    "-gke.": "Google GKE",
}
_LABELS: t.Final = {
    "microk8s.io/cluster": "MicroK8s",
    "minikube.k8s.io/name": "minikube",
    "kubernetes.azure.com/cluster": "Azure AKS",
    "node.openshift.io/os_id": OPENSHIFT,
}
MANAGED: t.Final = ("Amazon EKS", "Google GKE", "Azure AKS")
"""Those whose API servers the provider runs: nobody else sets their flags."""

_OF_TALOS: t.Final = re.compile(r"Talos \(v?(\d+)\.(\d+)\.(\d+)[^)]*\)")
_OF_KUBESPRAY: t.Final = re.compile(r"^certificatesDir: [\"']?/etc/kubernetes/ssl[\"']?\s*$", re.MULTILINE)


def shown_distribution(version: str, nodes: t.Iterable[Json], configuration: str | None) -> str:
    """Return the name of the distribution; empty where nothing tells, or where nodes tell different ones.

    version: the C(gitVersion) of an API server.
    nodes: some nodes, those of the control plane before others.
    configuration: kubeadm's ClusterConfiguration in the cluster; None where there is none.
    """
    every = list(nodes)
    found = {name for text in [version, *map(_kubelet, every)] for name in _by_build(text)}
    found = found or {name for node in every for name in _by_node(node)}
    if len(found) == 1:
        return found.pop()
    if found or configuration is None:
        return ""
    return "kubespray" if _OF_KUBESPRAY.search(configuration) else "kubeadm"


def talos_version(nodes: t.Iterable[Json]) -> str:
    """Return the oldest version of Talos on nodes, which decides what all of them can do; empty where one tells none.

    Kubernetes has versions of its own there, of which Talos brings several.
    nodes: all of the control plane.
    """
    found = [_OF_TALOS.fullmatch(str(_info(node).get("osImage"))) for node in nodes]
    versions = [tuple(map(int, match.groups())) for match in found if match]
    return f"v{'.'.join(map(str, min(versions)))}" if versions and all(found) else ""


def version_of(distribution: str, kubernetes: str, talos: str) -> str:
    """Return the version by which a distribution's room goes: that of Kubernetes, except where it is no part of it."""
    return talos if distribution.lower() == "talos" else kubernetes


def _kubelet(node: Json) -> str:
    return str(_info(node).get("kubeletVersion"))


def _info(node: Json) -> Json:
    found: Json = (node.get("status") or {}).get("nodeInfo") or {}
    return found


def _by_build(version: str) -> list[str]:
    return [name for build, name in _BUILDS.items() if build in version]


def _by_node(node: Json) -> t.Iterator[str]:
    if str(_info(node).get("osImage")).startswith("Talos"):
        yield "Talos"
    if str((node.get("spec") or {}).get("providerID")).startswith("kind://"):
        yield "kind"
    labels = (node.get("metadata") or {}).get("labels") or {}
    yield from (name for label, name in _LABELS.items() if label in labels)


__all__: t.Final = ("MANAGED", "shown_distribution", "talos_version", "version_of")
