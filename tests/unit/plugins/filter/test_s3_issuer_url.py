# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.onprem.irsa.plugins.filter.s3_issuer_url import FilterModule

s3_issuer_url = FilterModule().filters()["s3_issuer_url"]


def test_is_the_public_url_of_the_bucket() -> None:
    assert s3_issuer_url("acme-prod-oidc", "eu-central-1") == "https://acme-prod-oidc.s3.eu-central-1.amazonaws.com"


@pytest.mark.parametrize(
    ("bucket", "region", "says"),
    [
        ("acme.prod", "eu-central-1", "'acme.prod' must have no dots"),
        (None, "eu-central-1", "'None' must consist"),
        ("acme-prod", "somewhere", "'somewhere' must look like"),
    ],
)
def test_what_breaks_a_rule_fails_the_template(bucket: str, region: str, says: str) -> None:
    with pytest.raises(AnsibleFilterError, match=says):
        s3_issuer_url(bucket, region)
