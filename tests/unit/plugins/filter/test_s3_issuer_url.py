# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.onprem.irsa.plugins.filter.s3_issuer_url import FilterModule

s3_issuer_url = FilterModule().filters()["s3_issuer_url"]


@pytest.mark.parametrize(
    ("bucket", "region", "url"),
    [
        ("acme-prod-oidc", "eu-central-1", "https://acme-prod-oidc.s3.eu-central-1.amazonaws.com"),
        ("acme-prod-oidc", "cn-north-1", "https://acme-prod-oidc.s3.cn-north-1.amazonaws.com.cn"),
        ("Acme", "somewhere", "https://Acme.s3.somewhere.amazonaws.com"),
        ("", "eu-central-1", ""),
        ("acme-prod-oidc", None, ""),
    ],
)
def test_is_the_public_url_of_the_bucket(bucket: str, region: str | None, url: str) -> None:
    assert s3_issuer_url(bucket, region) == url
