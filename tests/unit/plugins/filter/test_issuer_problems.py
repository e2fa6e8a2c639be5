# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.onprem.irsa.plugins.filter.issuer_problems import FilterModule

issuer_problems = FilterModule().filters()["issuer_problems"]
URL = "https://acme-prod-oidc.s3.eu-central-1.amazonaws.com"


@pytest.mark.parametrize(
    ("url", "bucket", "region"),
    [
        (URL, "acme-prod-oidc", "eu-central-1"),
        ("https://oidc.example.com", "acme.prod", "eu-central-1"),
        ("https://s3.eu-central-1.amazonaws.com/acme.prod", "acme.prod", "eu-central-1"),
        ("https://oidc.example.com", "", ""),
    ],
)
def test_nothing_is_wrong(url: str, bucket: str, region: str) -> None:
    assert issuer_problems(url, bucket=bucket, region=region) == []


@pytest.mark.parametrize(
    ("url", "bucket", "region", "says"),
    [
        ("http://oidc.example.com", "", "", ["must begin with https://"]),
        ("", "", "eu-central-1", ["Set irsa_issuer_bucket"]),
        (
            "https://acme.prod.s3.eu-central-1.amazonaws.com",
            "acme.prod",
            "eu-central-1",
            ["'acme.prod' must have no dots"],
        ),
        ("https://acme.prod.s3.eu-central-1.amazonaws.com", "", "", ["must name a bucket without dots"]),
        (
            "https://Acme.s3.eu-cental-1.amazonaws.com",
            "Acme",
            "eu-cental-1",
            ["lower-case", "Did you mean eu-central-1?"],
        ),
    ],
)
def test_what_is_wrong_is_said_at_once(url: str, bucket: str, region: str, says: list[str]) -> None:
    found = issuer_problems(url, bucket=bucket, region=region)
    assert [text for text, line in zip(says, found, strict=True) if text not in line] == [], found
