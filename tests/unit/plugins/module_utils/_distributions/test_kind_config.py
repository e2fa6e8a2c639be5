# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.kubeadm import keeps_order
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.kind_config import (
    DIRECTORY,
    PATCH_NAME,
    kind_config,
)
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._distributions.kind_model import (
    Document,
    kubeadm_conf,
)

NEW, DEFAULT = "https://oidc.example.com", "https://kubernetes.default.svc.cluster.local"
KEYS = f"{NEW}/openid/v1/jwks"
PATCH = "/home/me/kind.kube-apiserver.yaml"
HEAD = "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\n"
THREE = f"{HEAD}nodes: [{{role: control-plane}}, {{role: control-plane}}, {{}}, {{role: worker}}]\n"
# The tutorial's, and what its readers try for two issuers.
TUTORIAL = f"""{HEAD}name: oidc
kubeadmConfigPatches:
- |
  apiVersion: kubeadm.k8s.io/v1beta3
  kind: ClusterConfiguration
  apiServer:
    extraArgs:
      service-account-issuer: "{NEW}"
nodes:
- role: control-plane
"""
TWICE = f"""{HEAD}kubeadmConfigPatches:
- |
  apiVersion: kubeadm.k8s.io/v1beta4
  kind: ClusterConfiguration
  apiServer:
    extraArgs:
    - {{name: service-account-issuer, value: "{NEW}"}}
    - {{name: service-account-issuer, value: "{DEFAULT}"}}
nodes: [{{role: control-plane}}]
"""


def made(own: str = "", issuer: str = NEW, jwks_uri: str = "") -> tuple[str, list[Document]]:
    """Return the configuration, and the operations of the patch."""
    result = kind_config(own, issuer, jwks_uri, PATCH)
    return result.config, yaml.safe_load(result.patch)


def command(documents: list[Document], patch: list[Document], kubernetes: str) -> list[str]:
    """Return the API server's command as this kubeadm writes it, as far as the issuer is concerned."""
    given_args = documents[0]["apiServer"]["extraArgs"]
    pairs = list(given_args.items()) if isinstance(given_args, dict) else [(a["name"], a["value"]) for a in given_args]
    if not keeps_order(kubernetes):
        pairs.sort()
    base = [("advertise-address", "192.0.2.1"), ("service-account-issuer", DEFAULT), ("tls-cert-file", "a.crt")]
    replaced = {name for name, _value in pairs}
    flags = [pair for pair in base if pair[0] not in replaced] + pairs
    arguments = ["kube-apiserver", *(f"--{name}={value}" for name, value in flags)]
    for operation in patch:
        assert (operation["op"], operation["path"]) == ("add", "/spec/containers/0/command/-")
        arguments.append(operation["value"])
    return arguments


def issuers(arguments: list[str]) -> list[str]:
    return [text.partition("=")[2] for text in arguments if text.startswith("--service-account-issuer=")]


VERSIONS = [
    ((0, 31), "v1.30.0"),
    ((0, 31), "v1.31.14"),
    ((0, 31), "v1.32.2"),
    ((0, 31), "v1.34.3"),
    ((0, 31), "v1.35.0"),
    ((0, 31), "v1.36.1"),
    ((0, 33), "v1.30.0"),
    ((0, 33), "v1.34.3"),
    ((0, 33), "v1.34.4"),
    ((0, 33), "v1.35.3"),
    ((0, 33), "v1.35.4"),
    ((0, 33), "v1.36.0"),
    ((0, 33), "v1.36.3"),
    ((0, 33), "v1.37.0"),
    ((0, 33), "v1.37.2"),
]


def minor(version: str) -> tuple[int, int]:
    major, number = version.removeprefix("v").split(".")[:2]
    return int(major), int(number)


@pytest.mark.parametrize(("kind", "kubernetes"), VERSIONS)
@pytest.mark.parametrize("own", ["", TUTORIAL, THREE], ids=["none", "tutorial", "three"])
def test_both_issuers_in_order_on_every_version(kind: tuple[int, int], kubernetes: str, own: str) -> None:
    config, patch = made(own)
    planes = [
        number
        for number, node in enumerate(yaml.safe_load(config)["nodes"])
        if node.get("role", "control-plane") == "control-plane"
    ]
    assert len(planes) == (3 if own == THREE else 1)
    for node in planes:
        documents = kubeadm_conf(config, node, kind, minor(kubernetes))
        arguments = command(documents, patch, kubernetes)
        assert issuers(arguments) == [NEW, DEFAULT]
        assert arguments.count(f"--service-account-jwks-uri={KEYS}") == 1
        assert "--runtime-config=" in arguments or kind < (0, 32)
        assert [document.get("patches") for document in documents[1:]] == [{"directory": DIRECTORY}] * 2
        mounts = yaml.safe_load(config)["nodes"][node]["extraMounts"]
        assert mounts == [{"hostPath": PATCH, "containerPath": f"{DIRECTORY}/{PATCH_NAME}", "readOnly": True}]


@pytest.mark.parametrize(
    ("own", "kubernetes", "seen"),
    [
        (TUTORIAL, "v1.35.4", [NEW]),
        (TUTORIAL, "v1.36.3", [DEFAULT]),  # ignored without a word
        (TWICE, "v1.36.3", [DEFAULT]),  # merged by name: the last one
        (TWICE, "v1.35.4", [DEFAULT]),
    ],
)
def test_what_others_write_is_why(own: str, kubernetes: str, seen: list[str]) -> None:
    documents = kubeadm_conf(own, 0, (0, 33), minor(kubernetes))
    assert issuers(command(documents, [], kubernetes)) == seen


def test_workers_are_left_alone() -> None:
    assert yaml.safe_load(made(THREE)[0])["nodes"][3] == {"role": "worker"}


def test_the_patch_has_a_name_that_kubeadm_takes() -> None:
    target, _plus, kind = PATCH_NAME.removesuffix(".yaml").partition("+")
    assert target.startswith("kube-apiserver")
    assert kind == "json"


def test_a_jwks_uri_of_its_own() -> None:
    config, _patch = made(jwks_uri="https://keys.example.com/keys.json")
    for version in [(1, 35), (1, 36)]:
        arguments = command(kubeadm_conf(config, 0, (0, 33), version), [], "v1.36.0")
        assert "--service-account-jwks-uri=https://keys.example.com/keys.json" in arguments


def test_the_clusters_own_domain() -> None:
    own = TUTORIAL.replace("  apiServer:", "  networking: {dnsDomain: lab.internal}\n  apiServer:")
    assert kind_config(own, NEW, "", PATCH).issuers == (NEW, "https://kubernetes.default.svc.lab.internal")
    assert "https://kubernetes.default.svc.lab.internal" in kind_config(own, NEW, "", PATCH).patch


def test_values_stay_as_they_are_written() -> None:
    own = (
        f"{HEAD}name: no\nfeatureGates: {{A: yes}}\nnetworking:\n  podSubnet: 0x10\n  apiServerAddress: '0123'\n"
        "containerdConfigPatches:\n- |-\n  [a]\n    b = 1e3\nnodes:\n- role: control-plane\n  image: é\n"
    )
    config, _patch = made(own)
    for text in ("name: no\n", "A: yes", "podSubnet: 0x10\n", "'0123'", "    b = 1e3\n", "image: é\n", "- |-\n"):
        assert text in config


def test_anchors_and_merge_keys() -> None:
    own = f"{HEAD}nodes:\n- &plane\n  role: control-plane\n  extraMounts: [{{hostPath: /a, containerPath: /b}}]\n"
    own += "- *plane\n- <<: *plane\n  labels: {tier: c}\n- {<<: *plane, role: worker}\n"
    nodes = yaml.safe_load(made(own)[0])["nodes"]
    for node in nodes[:3]:
        assert [mount["containerPath"] for mount in node["extraMounts"]] == ["/b", f"{DIRECTORY}/{PATCH_NAME}"]
        assert len(node["kubeadmConfigPatches"]) == 4
    assert nodes[2]["labels"] == {"tier": "c"}


REFUSED = {
    "another issuer": (
        TUTORIAL.replace(NEW, "https://other.example.com"),
        "sets service-account-issuer to https://other",
    ),
    "another issuer of a node": (
        f"{HEAD}nodes:\n- kubeadmConfigPatches:\n  - |\n    kind: ClusterConfiguration\n"
        "    apiServer: {extraArgs: {service-account-jwks-uri: 'https://a.example.com'}}\n",
        "sets service-account-jwks-uri to https://a.example.com, and here it is https://oidc",
    ),
    "two issuers": (TWICE, f"sets service-account-issuer to {DEFAULT}"),
    "a JSON patch": (
        f"{HEAD}kubeadmConfigPatchesJSON6902:\n- group: kubeadm.k8s.io\n  version: v1beta4\n"
        "  kind: ClusterConfiguration\n  patch: |\n    - op: add\n      path: /apiServer/extraArgs/-\n"
        "      value: {name: service-account-issuer, value: a}\n",
        "kubeadmConfigPatchesJSON6902 changes service-account-issuer",
    ),
    "a JSON patch of the directory": (
        f"{HEAD}kubeadmConfigPatchesJSON6902:\n- kind: InitConfiguration\n  patch: |\n"
        "    [{op: add, path: /patches, value: {directory: /a}}]\n",
        "kubeadmConfigPatchesJSON6902 changes patches",
    ),
    "another directory": (
        f"{HEAD}kubeadmConfigPatches: ['{{kind: JoinConfiguration, patches: {{directory: /patches}}}}']\n",
        f"JoinConfiguration to /patches, and kubeadm reads one directory alone, here {DIRECTORY}",
    ),
    "a mount in its place": (
        f"{HEAD}nodes: [{{extraMounts: [{{hostPath: /a, containerPath: {DIRECTORY}/}}]}}]\n",
        f"/a is mounted at {DIRECTORY}/",
    ),
    "two domains": (
        f"{HEAD}kubeadmConfigPatches: ['{{kind: ClusterConfiguration, networking: {{dnsDomain: a}}}}', "
        "'{kind: ClusterConfiguration, networking: {dnsDomain: b}}']\n",
        "networking.dnsDomain to a and b",
    ),
    "no domain": (
        f"{HEAD}kubeadmConfigPatches: ['{{kind: ClusterConfiguration, networking: {{dnsDomain: a b}}}}']\n",
        "networking.dnsDomain to a b",
    ),
    "an older version": ("kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha3\n", "Cluster of kind.x-k8s.io/v1alpha3"),
    "something else": ("apiVersion: v1\n", "None of v1"),
    "a list": ("- a\n", "kind's configuration must be made of keys"),
    "two documents": (f"{HEAD}---\n{HEAD}", "not YAML of one document"),
    "no YAML": ("a: [", "not YAML of one document"),
    "a patch that is no YAML": (f"{HEAD}kubeadmConfigPatches: ['a: [']\n", "is not YAML"),
    "a patch with a day that no month has": (f"{HEAD}kubeadmConfigPatches: ['a: 2026-02-30']\n", "is not YAML"),
    "nodes that are none": (f"{HEAD}nodes: 3\n", "nodes in kind's configuration must be a list"),
    "a node that is none": (f"{HEAD}nodes: [control-plane]\n", "kind's nodes must be made of keys"),
}


@pytest.mark.parametrize(("own", "says"), REFUSED.values(), ids=REFUSED.keys())
def test_refuses(own: str, says: str) -> None:
    with pytest.raises(InputError) as refused:
        made(own)
    assert says in str(refused.value)


def test_refuses_what_is_no_issuer() -> None:
    with pytest.raises(InputError, match=r"oidc\.example\.com/"):
        made(issuer="https://oidc.example.com/")


# PyYAML writes a NEL, and other ends of lines, so that it reads them as blanks.
CHARACTERS = st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp"))
NODES = st.fixed_dictionaries(
    {},
    optional={
        "role": st.sampled_from(["control-plane", "worker"]),
        "image": st.text(CHARACTERS, min_size=1, max_size=5),
        "labels": st.dictionaries(st.text(CHARACTERS, max_size=4), st.text(CHARACTERS, max_size=4), max_size=2),
        "extraMounts": st.lists(st.just({"hostPath": "/a", "containerPath": "/b"}), max_size=2),
        "kubeadmConfigPatches": st.lists(st.just("kind: KubeletConfiguration\nfailSwapOn: false\n"), max_size=1),
    },
)
CLUSTERS = st.fixed_dictionaries(
    {"kind": st.just("Cluster"), "apiVersion": st.just("kind.x-k8s.io/v1alpha4")},
    optional={
        "name": st.text(CHARACTERS, max_size=5),
        "nodes": st.none() | st.lists(NODES, max_size=4),
        "featureGates": st.dictionaries(st.text(CHARACTERS, max_size=4), st.booleans(), max_size=2),
        "kubeadmConfigPatches": st.none() | st.just(["kind: KubeletConfiguration\nfailSwapOn: false\n"]),
    },
)


def without_ours(cluster: dict[str, t.Any]) -> dict[str, t.Any]:
    """Return a configuration without what was added to it, and without lists that are empty."""
    own = dict(cluster)
    own["nodes"] = [dict(node) for node in own.get("nodes") or [{"role": "control-plane"}]]
    for owner in (own, *own["nodes"]):
        for key, mine in (("kubeadmConfigPatches", "kubeadm.k8s.io"), ("extraMounts", DIRECTORY)):
            owner[key] = [item for item in owner.get(key) or [] if mine not in str(item)]
            if not owner[key]:
                del owner[key]
    return own


@settings(deadline=None)  # the time an example takes says how busy the machine is
@given(CLUSTERS, st.sampled_from([None, True]))
def test_everything_else_stays_and_a_second_time_changes_nothing(cluster: dict[str, t.Any], flow: bool | None) -> None:
    own = yaml.safe_dump(cluster, allow_unicode=True, default_flow_style=flow)
    config, _patch = made(own)
    assert without_ours(yaml.safe_load(config)) == without_ours(cluster)
    assert made(config)[0] == config
