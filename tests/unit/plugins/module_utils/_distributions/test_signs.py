# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._distributions.signs import (
    shown_distribution,
    talos_version,
    version_of,
)

Json = dict[str, t.Any]
KUBEADM: t.Final = (
    "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\ncertificatesDir: /etc/kubernetes/{}\n"
)


def node(kubelet: str = "v1.34.4", image: str = "Debian", provider: str = "", **labels: str) -> Json:
    info = {"kubeletVersion": kubelet, "osImage": image}
    return {"metadata": {"labels": labels}, "spec": {"providerID": provider}, "status": {"nodeInfo": info}}


@pytest.mark.parametrize(
    ("version", "nodes", "configuration", "name"),
    [
        ("v1.34.4+k3s1", [], None, "K3s"),
        ("v1.34.4+rke2r1", [node("v1.34.4+rke2r1")], None, "RKE2"),
        ("v1.34.4+k0s.0", [], None, "k0s"),
        ("v1.34.4", [node("v1.34.4+k0s")], None, "k0s"),
        ("v1.34.4-eks-1234567", [], None, "Amazon EKS"),
        ("v1.34.4-gke.100", [], None, "Google GKE"),
        ("v1.34.4", [node(**{"kubernetes.azure.com/cluster": "a"})], None, "Azure AKS"),
        ("v1.34.4", [node(image="Talos (v1.13.0)")], None, "Talos"),
        ("v1.34.4", [node(**{"microk8s.io/cluster": "true"})], None, "MicroK8s"),
        ("v1.34.4", [node(**{"minikube.k8s.io/name": "m"})], KUBEADM.format("pki"), "minikube"),
        ("v1.34.4", [node(provider="kind://docker/kind/a")], KUBEADM.format("pki"), "kind"),
        ("v1.34.4", [node()], KUBEADM.format("pki"), "kubeadm"),
        ("v1.34.4", [node()], KUBEADM.format("ssl"), "kubespray"),
        ("v1.34.4", [], "", "kubeadm"),
        ("v1.34.4", [node()], None, ""),
        ("v1.34.4", [node(image="Talos"), node(**{"microk8s.io/cluster": "true"})], KUBEADM, ""),
        ("", [{}], None, ""),
    ],
)
def test_what_the_api_shows_of_the_distribution(
    version: str, nodes: list[Json], configuration: str | None, name: str
) -> None:
    assert shown_distribution(version, nodes, configuration) == name


@pytest.mark.parametrize(
    ("images", "version"),
    [
        (["Talos (v1.12.4)"], "v1.12.4"),
        (["Talos (v1.14.1)", "Talos (v1.9.12)", "Talos (v1.13.2)"], "v1.9.12"),
        (["Talos (v1.13.0-beta.1)"], "v1.13.0"),
        (["Talos (v1.13.2)", "Talos"], ""),
        (["Debian GNU/Linux 13 (trixie)"], ""),
        ([], ""),
    ],
)
def test_the_oldest_talos_decides(images: list[str], version: str) -> None:
    assert talos_version([node(image=image) for image in images]) == version


@pytest.mark.parametrize(
    ("distribution", "talos", "version"),
    [("Talos", "v1.12.4", "v1.12.4"), ("talos", "", ""), ("K3s", "", "v1.34.4"), ("", "", "v1.34.4")],
)
def test_a_distribution_goes_by_its_own_version(distribution: str, talos: str, version: str) -> None:
    assert version_of(distribution, "v1.34.4", talos) == version
