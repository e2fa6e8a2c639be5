# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What kind 0.31 and 0.33 make of a configuration: pkg/cluster/internal/kubeadm/config.go and pkg/internal/patch."""

from __future__ import annotations

import copy
import typing as t

import yaml

Document = dict[str, t.Any]

V1BETA3, V1BETA4 = "kubeadm.k8s.io/v1beta3", "kubeadm.k8s.io/v1beta4"


def api_version(kind: tuple[int, int], kubernetes: tuple[int, int]) -> str:
    """Return the version in which this kind writes kubeadm's configuration."""
    return V1BETA4 if kind >= (0, 32) and kubernetes >= (1, 36) else V1BETA3


def kubeadm_conf(config: str, node: int, kind: tuple[int, int], kubernetes: tuple[int, int]) -> list[Document]:
    """Return what kind writes for kubeadm on a node, with its patches of the cluster and then those of the node."""
    cluster = yaml.safe_load(config)
    version = api_version(kind, kubernetes)
    args: t.Any = {"runtime-config": ""}
    if version == V1BETA4:
        args = [{"name": "runtime-config", "value": ""}]
    made: list[Document] = [
        {"apiVersion": version, "kind": "ClusterConfiguration", "apiServer": {"extraArgs": args}},
        {"apiVersion": version, "kind": "InitConfiguration"},
        {"apiVersion": version, "kind": "JoinConfiguration"},
    ]
    for owner in (cluster, cluster["nodes"][node]):
        for text in owner.get("kubeadmConfigPatches") or []:
            for patch in yaml.safe_load_all(text):
                made = [
                    merged(document, patch, by_name=kind >= (0, 32)) if matches(document, patch) else document
                    for document in made
                ]
    return made


def matches(document: Document, patch: Document) -> bool:
    """Return whether kind applies a patch: nothing is said of one that it does not."""
    return patch["kind"] == document["kind"] and patch.get("apiVersion") in (None, document["apiVersion"])


def merged(target: Document, patch: Document, *, by_name: bool) -> Document:
    """Return a document with a merge patch (RFC 7386); kind since 0.32 merges extraArgs of v1beta4 by name."""
    made = copy.deepcopy(target)
    for key, value in patch.items():
        if key == "extraArgs" and isinstance(made.get(key), list) and by_name:
            for item in value if isinstance(value, list) else []:
                known = next((old for old in made[key] if old["name"] == item["name"]), None)
                if known is None:
                    made[key].append(dict(item))
                else:
                    known["value"] = item["value"]
        elif isinstance(value, dict):
            inner = made.get(key)
            made[key] = merged(inner if isinstance(inner, dict) else {}, value, by_name=by_name)
        elif value is None:
            made.pop(key, None)
        else:
            made[key] = value
    return made
