# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._injection.image import image

from ...some_injection import UPSTREAM

DIGEST = "sha256:" + 64 * "a"


@pytest.mark.parametrize(
    ("reference", "versions"),
    [
        (f"{UPSTREAM}:v0.6.17", ["v1beta1"]),
        (f"{UPSTREAM}:0.5.7", ["v1beta1"]),
        (f"{UPSTREAM}:v0.6.18", ["v1", "v1beta1"]),
        (f"{UPSTREAM}:v0.10.0@{DIGEST}", ["v1", "v1beta1"]),
        (f"{UPSTREAM}:latest", ["v1beta1"]),
        (f"{UPSTREAM}@{DIGEST}", ["v1beta1"]),
        (f"registry:5000/{UPSTREAM}:v1.0.0", ["v1", "v1beta1"]),
    ],
)
def test_reviews_by_the_version(reference: str, versions: list[str]) -> None:
    assert image(reference).review_versions == versions


@pytest.mark.parametrize(
    ("reference", "taken"),
    [
        (f"{UPSTREAM}:v1", f"mirror.example.com/hub/{UPSTREAM}:v1"),
        ("public.ecr.aws/eks/webhook:v1", "mirror.example.com/hub/eks/webhook:v1"),
        ("localhost/webhook:v1", "mirror.example.com/hub/webhook:v1"),
        ("registry:5000/webhook:v1", "mirror.example.com/hub/webhook:v1"),
        ("webhook:v1", "mirror.example.com/hub/webhook:v1"),
    ],
)
def test_a_mirror_takes_the_place_of_the_registry(reference: str, taken: str) -> None:
    assert image(reference, "mirror.example.com/hub/").reference == taken
    assert image(reference).reference == reference


def test_a_mirror_does_not_change_the_reviews() -> None:
    assert image("a/b:v0.6.17", "m") == ("m/a/b:v0.6.17", ["v1beta1"])
