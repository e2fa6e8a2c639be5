# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks in which order kubeadm writes issuers, by what its releases were seen to write; tests/kubeadm asks them."""

from __future__ import annotations

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._distributions.kubeadm_order import (
    Operation,
    command_patch,
    generated,
)
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.room import ISSUER

A, B = "https://oidc.example.com", "https://kubernetes.default.svc.cluster.local"
PATCH = command_patch({ISSUER: [A, B]}, {ISSUER: [B]})
SORTS = ["v1.34.3", "v1.31.14", "v1.32.2", "v1.33.6"]
KEEPS = ["v1.34.4", "v1.35.4", "v1.36.3", "v1.32.13", "v1.33.13"]


@pytest.mark.parametrize(
    ("extra", "patch", "sorting", "keeping"),
    [
        ([A, B], [], [B, A], [A, B]),
        ([B, A], [], [B, A], [B, A]),
        ([], PATCH, [A, B], [A, B]),
        ([A, B], PATCH, [A, B, A], [A, A, B]),
    ],
)
def test_the_issuers_of_a_manifest(
    extra: list[str], patch: list[Operation], sorting: list[str], keeping: list[str]
) -> None:
    given = {ISSUER: extra} if extra else {}
    for version in SORTS:
        assert generated(version, {ISSUER: [B]}, given, patch)[ISSUER] == sorting
    for version in KEEPS:
        assert generated(version, {ISSUER: [B]}, given, patch)[ISSUER] == keeping


def test_a_map_holds_one_value() -> None:
    assert generated("v1.30.14", {ISSUER: [B]}, {ISSUER: [B, A]})[ISSUER] == [A]
    assert generated("v1.30.14", {ISSUER: [B]}, {}, PATCH)[ISSUER] == [A, B]
