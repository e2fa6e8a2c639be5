# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks that each distribution has a page, and that what it shows gives the flags that it says."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent

import pytest
import yaml

from ansible_collections.onprem.irsa.plugins.module_utils._distributions import k0s, k3s, microk8s, talos
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.registry import ROOMS
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.room import (
    ISSUER,
    JWKS_URI,
    Room,
    Seen,
    UnitFile,
    flags_in,
)

DOCS = next(parent for parent in Path(__file__).parents if (parent / "docs").is_dir()) / "docs/docsite"
NEW = "https://acme-prod-oidc.s3.eu-central-1.amazonaws.com"
SECTIONS = ("What is written where", "Upgrades", "Limits", "What was run for real")


def page(name: str) -> str:
    return (DOCS / f"rst/distribution_{name.lower()}.rst").read_text()


def shown(name: str, mark: str) -> str:
    """Return the block of a page that has a text in it, without its indent."""
    blocks = re.findall(r"^\.\. code-block:: \S+\n\n((?:   .*\n|\n)+)", page(name) + "\n", re.MULTILINE)
    [block] = [dedent(block) for block in blocks if mark in block]
    return block


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_each_distribution_has_a_page(room: Room) -> None:
    text = page(room.name)
    lists = [
        entry
        for section in yaml.safe_load((DOCS / "extra-docs.yml").read_text())["sections"]
        for entry in section["toctree"]
    ]
    assert f"distribution_{room.name.lower()}" in lists
    assert f"docsite.distribution_{room.name.lower()}>`" in (DOCS / "rst/distributions.rst").read_text()
    assert all(re.search(rf"^{section}.*\n-+$", text, re.MULTILINE) for section in SECTIONS)


def unit(command: str) -> tuple[UnitFile, ...]:
    return (UnitFile("/etc/systemd/system/x.service", f"[Service]\nExecStart={command}\n"),)


BASE = "version: v1alpha1\ncluster:\n  controlPlane:\n    endpoint: https://cp.example.com:6443\n"
K3S_UNITS = {
    "k3s.service": unit("/usr/local/bin/k3s server"),
    "rke2-server.service": unit("/usr/local/bin/rke2 server"),
}


@pytest.mark.parametrize(
    ("room", "seen", "old"),
    [
        (
            k0s.K0S,
            Seen(files={k0s.FILE: shown("k0s", "rawArgs")}, version="v1.34.4+k0s.0"),
            k0s.DEFAULT_ISSUER,
        ),
        (microk8s.MICROK8S, Seen(files={microk8s.ARGS: shown("microk8s", ISSUER)}), "https://kubernetes.default.svc"),
        (
            talos.TALOS,
            Seen(files={talos.FILE: BASE + shown("talos", "apiServer").partition("cluster:\n")[2]}, version="v1.13.9"),
            "https://cp.example.com:6443",
        ),
        *[
            (
                room,
                Seen(
                    files={
                        f"/etc/rancher/{name}/config.yaml": "write-kubeconfig-mode: '0600'\n",
                        f"/etc/rancher/{name}/config.yaml.d/90-onprem-irsa.yaml": shown(name, "kube-apiserver-arg+"),
                    },
                    units=K3S_UNITS,
                ),
                "https://kubernetes.default.svc.cluster.local",
            )
            for room, name in ((k3s.K3S, "k3s"), (k3s.RKE2, "rke2"))
        ],
    ],
)
def test_what_a_page_shows_gives_the_flags(room: Room, seen: Seen, old: str) -> None:
    flags = flags_in(room.settings(seen))
    assert flags[ISSUER] == [NEW, old]
    assert flags[JWKS_URI] == [f"{NEW}/openid/v1/jwks"]


def test_the_document_of_talos_keeps_the_audiences() -> None:
    config = f"{BASE}---\n{shown('talos', 'KubeServiceAccountConfig')}"
    flags = flags_in(talos.TALOS.settings(Seen(files={talos.FILE: config}, version="v1.14.0")))
    assert flags[ISSUER] == [NEW, "https://cp.example.com:6443"]
    assert flags["api-audiences"] == ["https://cp.example.com:6443"]
