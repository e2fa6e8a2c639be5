# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import re
from contextlib import nullcontext

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._documents.discovery import discovery_document
from ansible_collections.onprem.irsa.plugins.module_utils._documents.jwks import jwks_document, jwks_from_pems
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._publication.cloudfront_plan import WantedDistribution
from ansible_collections.onprem.irsa.plugins.module_utils._publication.cloudfront_steps import check_from_nothing, steps
from ansible_collections.onprem.irsa.plugins.module_utils._publication.wanted_bucket import Target
from ansible_collections.onprem.irsa.tests.unit.plugins.some_keys import ec_key, public_pem

CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"
BUCKET, REGION, ISSUER = "acme-oidc", "eu-central-1", "https://oidc.example.com"
DOCUMENTS = Target(
    BUCKET,
    REGION,
    "prod",
    ISSUER,
    f"{ISSUER}/openid/v1/jwks",
    discovery_document(ISSUER, f"{ISSUER}/openid/v1/jwks", ["ES256"]),
    jwks_document(jwks_from_pems([("FILE", public_pem(ec_key(1)))])),
)
REQUESTED = ["request_certificate", "describe_certificate", "wait certificate_validated"]
MADE = ["create_origin_access_control", "create_distribution_with_tags"]
FILLED = [
    "create_bucket",
    "put_public_access_block",
    "put_bucket_tagging",
    "put_bucket_policy",
    "put_object",
    "put_object",
]
RECORDS = ["change_resource_record_sets"]
SERVED = ["wait distribution_deployed"]


@pytest.mark.parametrize(
    ("certificate", "zone", "operations", "told"),
    [
        (CERTIFICATE, "", [*MADE, *FILLED, *SERVED], ["domain_name"]),
        (CERTIFICATE, "Z1", [*MADE, *RECORDS, *FILLED, *SERVED], []),
        (
            None,
            "",
            [*REQUESTED, *MADE, *FILLED, *SERVED],
            ["certificate_arn", "validation_name", "validation_value", "domain_name"],
        ),
        (
            None,
            "Z1",
            [*REQUESTED[:2], *RECORDS, REQUESTED[2], *MADE, *RECORDS, *FILLED, *SERVED],
            ["certificate_arn"],
        ),
    ],
)
def test_what_is_used_is_captured_before(
    certificate: str | None, zone: str, operations: list[str], told: list[str]
) -> None:
    made = steps(WantedDistribution(BUCKET, REGION, "prod", ISSUER, certificate, zone), DOCUMENTS)
    assert [step.call.operation for step in made] == operations
    known, used = set[str](), set[str]()
    for step in made:
        names = set(re.findall(r"\$\{(\w+)\}", json.dumps(dict(step.call.arguments), default=str)))
        assert names <= known
        known |= {*step.captures}
        used |= names
        assert set(re.findall(r"\$\{(\w+)\}", step.says)) <= known
    assert [name for step in made for name in re.findall(r"\$\{(\w+)\}", step.says)] == told
    assert known <= used | {*told, "domain_name"}
    (block,) = [step.call.arguments for step in made if step.call.operation == "put_public_access_block"]
    assert set(block["PublicAccessBlockConfiguration"].values()) == {True}


def test_no_record_of_the_host_is_replaced() -> None:
    made = steps(WantedDistribution(BUCKET, REGION, "prod", ISSUER, CERTIFICATE, "Z1"), DOCUMENTS)
    (records,) = [step.call.arguments for step in made if step.service == "route53"]
    assert [change["Action"] for change in records["ChangeBatch"]["Changes"]] == ["CREATE", "CREATE"]


@pytest.mark.parametrize(
    ("issuer", "says"),
    [
        (ISSUER, None),
        ("", "the one that CloudFront gives"),
        ("https://d1.cloudfront.net", "d1.cloudfront.net"),
        (f"https://{BUCKET}.s3.{REGION}.amazonaws.com", "a name that AWS gives"),
    ],
)
def test_hosts_that_aws_names_are_refused(issuer: str, says: str | None) -> None:
    with pytest.raises(InputError, match=says) if says else nullcontext():
        check_from_nothing(WantedDistribution(BUCKET, REGION, "prod", issuer))
