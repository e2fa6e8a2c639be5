# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from .rendered import rendered


@pytest.mark.parametrize(
    ("published", "says"),
    [
        ({"kept_kids": ["one", "two"]}, ", with keys that no host has: one, two"),
        ({"kept_kids": []}, ""),
        ({}, ""),  # the API servers publish, each its own keys
    ],
)
def test_keys_that_stay_published_and_that_no_host_has_are_named(published: dict[str, object], says: str) -> None:
    variables = {
        "irsa_issuer_url": "https://oidc.example.com",
        "__irsa_issuer_published": {"changed": False, "read_back": [{"seconds": 0.5}], **published},
    }
    name = "__irsa_issuer_publication_report"
    found = rendered("irsa_issuer", [name], variables)[name]
    assert found["done"] == f"https://oidc.example.com, read back in 0.50 s{says}"
