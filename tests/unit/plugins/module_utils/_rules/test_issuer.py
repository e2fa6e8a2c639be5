# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._rules.roles import RULES
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._rules.given import nothing_there, with_defaults

OURS = {
    "irsa_region": "eu-central-1",
    "irsa_issuer_bucket": "acme-prod-oidc",
    "irsa_issuer_url": "https://acme-prod-oidc.s3.eu-central-1.amazonaws.com",
}
WEB = {"irsa_issuer_publisher": "files", "irsa_issuer_url": "https://oidc.example.com"}


def problems(**given: object) -> list[str]:
    return RULES["irsa_issuer"](with_defaults("irsa_issuer", **{**OURS, **given}), nothing_there)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {**WEB, "irsa_issuer_files_directory": "/var/www"},
        {**WEB, "irsa_issuer_render": "review"},
        {**WEB, "irsa_issuer_publisher": "cloudfront"},
        {**WEB, "irsa_issuer_publisher": "apiserver", "irsa_issuer_jwks_uri": "https://keys.example.com/jwks"},
        {"irsa_issuer_endpoint_url": "https://s3.example.com", "irsa_region": "here"},
        {**WEB, "irsa_issuer_publisher": "cloudfront", "irsa_issuer_adopt": "no"},  # with -e, all is text
    ],
)
def test_nothing_is_wrong(given: dict[str, t.Any]) -> None:
    assert problems(**given) == []


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"irsa_issuer_bucket": ""}, "irsa_issuer_bucket is not set, and irsa_issuer_publisher is s3, which publishes"),
        (WEB, "irsa_issuer_files_directory is not set, and irsa_issuer_publisher is files"),
        ({"irsa_issuer_publisher": "cloudfront"}, "the URL of the bucket, which is private then."),
        ({"irsa_issuer_publisher": "apiserver"}, "the URL of the bucket, where no API server answers."),
        (
            {
                **WEB,
                "irsa_issuer_publisher": "cloudfront",
                "irsa_issuer_adopt": "yes",
                "irsa_issuer_endpoint_url": "https://s3.example.com",
            },
            "takes no irsa_issuer_endpoint_url and no irsa_issuer_adopt.",
        ),
        ({"irsa_issuer_endpoint_url": "s3.example.com"}, "It must be a URL with its scheme."),
        (
            {**WEB, "irsa_issuer_publisher": "cloudfront", "irsa_issuer_certificate_arn": "arn:aws:acm:x:1:y"},
            "arn:aws:acm:x:1:y",
        ),
        ({"irsa_issuer_jwks_uri": "https://keys.example.com/jwks"}, "which is not below the issuer"),
        ({"irsa_issuer_bucket_tags": {"cost": None}}, "irsa_issuer_bucket_tags: "),
        ({"irsa_issuer_max_age": "-1"}, "irsa_issuer_max_age is -1. It must be 0 or more"),
        ({"irsa_issuer_files_timeout": -5}, "irsa_issuer_files_timeout is -5. It must be 0 or more"),
        ({"irsa_issuer_ca_path": "/none"}, "irsa_issuer_ca_path names the file /none, which does not exist"),
    ],
)
def test_what_is_wrong_is_told(given: dict[str, t.Any], says: str) -> None:
    (line,) = problems(**given)
    assert says in line
