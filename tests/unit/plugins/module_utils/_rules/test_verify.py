# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._rules.roles import RULES
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._rules.given import nothing_there, with_defaults

OURS = {
    "irsa_verify_region": "eu-central-1",
    "irsa_verify_issuer_url": "https://oidc.example.com",
    "irsa_verify_service_account": "",
}


def problems(**given: object) -> list[str]:
    return RULES["irsa_verify"](with_defaults("irsa_verify", **{**OURS, **given}), nothing_there)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"irsa_verify_service_account": "apps/reports", "irsa_verify_image": "registry.example.com/aws-cli:2.31.0"},
        {"irsa_verify_role_arn": "arn:aws:iam::123456789012:role/team/prod-reports"},
    ],
)
def test_nothing_is_wrong(given: dict[str, t.Any]) -> None:
    assert problems(**given) == []


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"irsa_verify_service_account": "reports"}, "irsa_verify_service_account is 'reports': service account"),
        ({"irsa_verify_role_arn": "prod-reports"}, "irsa_verify_role_arn is 'prod-reports'. It must be the ARN of a"),
        ({"irsa_verify_image": "https://x/y:1"}, "irsa_verify_image is 'https://x/y:1', "),
        ({"irsa_verify_region": ""}, "irsa_region is not set. It is the region whose STS is asked."),
        ({"irsa_verify_issuer_url": ""}, "There is no issuer."),
        ({"irsa_verify_ca_path": "/none"}, "irsa_verify_ca_path names the file /none, which does not exist"),
    ],
)
def test_what_is_wrong_is_told(given: dict[str, t.Any], says: str) -> None:
    (line,) = problems(**given)
    assert says in line
