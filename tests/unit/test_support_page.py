# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of what is supported and tried names what the Makefile and the lab have, and no more."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import pytest
import yaml

from ansible_collections.onprem.irsa.plugins.module_utils._distributions.registry import ROOMS

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._distributions.room import Room

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/docsite/rst/support.rst").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()
MODULES = [path.read_text() for path in (ROOT / "extensions/lab/go").glob("*/go.mod")]


def versions_of(module: str) -> set[str]:
    found = (re.search(rf"{re.escape(module)} v([0-9.]+)$", text, re.MULTILINE) for text in MODULES)
    return {match[1] for match in found if match}


def test_it_names_each_version_of_kubernetes_that_the_lab_builds_and_no_other() -> None:
    assert set(re.findall(r"\b1\.[0-9]+\.[0-9]+\b", PAGE)) - {"1.0.0"} == versions_of("k8s.io/kubernetes")


def test_it_names_the_webhook_that_the_lab_builds() -> None:
    (version,) = versions_of("github.com/aws/amazon-eks-pod-identity-webhook")
    assert f"v{version}" in PAGE


@pytest.mark.parametrize("target", sorted(set(re.findall(r"``make ([a-z-]+)``", PAGE))))
def test_targets_are_there(target: str) -> None:
    assert re.search(rf"^{target}:|VERSIONS:%={target}-%", MAKEFILE, re.MULTILINE)


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_every_distribution_is_named(room: Room) -> None:
    assert re.search(rf"\b{re.escape(room.name)}\b", PAGE, re.IGNORECASE)


def test_ansible_is_what_the_collection_requires() -> None:
    required = yaml.safe_load((ROOT / "meta/runtime.yml").read_text())["requires_ansible"]
    assert f"{required.removeprefix('>=').removesuffix('.0')} and newer" in PAGE
