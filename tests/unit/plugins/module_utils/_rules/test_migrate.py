# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
import yaml

from ansible_collections.onprem.irsa.plugins.module_utils._rules.migrate import NAMES
from ansible_collections.onprem.irsa.plugins.module_utils._rules.roles import RULES
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._rules.given import nothing_there, with_defaults

OLD, NEW = "https://acme-prod-oidc.s3.eu-central-1.amazonaws.com", "https://oidc.example.com"
FORMER = {"irsa_issuer_bucket": "acme-prod-oidc"}
OURS = {
    "irsa_region": "eu-central-1",
    "irsa_issuer_bucket": "acme-prod-private",
    "irsa_issuer_publisher": "cloudfront",
    "irsa_migrate_issuer_url": NEW,
    "irsa_migrate_from": FORMER,
}
FILES = {"irsa_issuer_publisher": "files", "irsa_issuer_files_directory": "/var/www/oidc"}


def problems(**given: object) -> list[str]:
    return RULES["irsa_migrate"](with_defaults("irsa_migrate", **{**OURS, **given}), nothing_there)


def test_what_describes_an_issuer_is_what_the_role_takes() -> None:
    specs = yaml.safe_load((Path(__file__).parents[5] / "roles/irsa_migrate/meta/argument_specs.yml").read_text())
    assert {*specs["argument_specs"]["main"]["options"]["irsa_migrate_from"]["options"]} == {*NAMES}


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"irsa_migrate_from": {"irsa_issuer_url": f"{OLD}/one", **FORMER}, "irsa_migrate_settle": 0},
        {
            "irsa_issuer_publisher": "s3",
            "irsa_issuer_bucket": "acme-prod-oidc",
            "irsa_migrate_issuer_url": f"{OLD}/two",
        },
        {**FILES, "irsa_migrate_from": {**FILES, "irsa_issuer_url": OLD, "irsa_issuer_files_host": "web2"}},
        {"irsa_iam_retired_issuers": ["https://oidc.example.com/before"]},
    ],
)
def test_nothing_is_wrong(given: dict[str, t.Any]) -> None:
    assert problems(**given) == []


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"irsa_migrate_from": None}, "irsa_migrate_from is not set. It must have the variables irsa_issuer_..."),
        ({"irsa_migrate_from": OLD}, "irsa_migrate_from is not set."),
        (
            {"irsa_migrate_from": {**FORMER, "irsa_issuer_bucet": "x"}},
            "irsa_migrate_from has irsa_issuer_bucet, which does not describe an issuer. Did you mean irsa_issuer_b",
        ),
        ({"irsa_migrate_from": {"irsa_issuer_url": OLD}}, "irsa_migrate_from: irsa_issuer_bucket is not set"),
        ({"irsa_migrate_issuer_url": ""}, "There is no issuer."),
        ({"irsa_migrate_issuer_url": OLD}, f"irsa_migrate_from is for the issuer {OLD}, and so is the inventory."),
        ({"irsa_issuer_publisher": "apiserver"}, "irsa_issuer_publisher is apiserver for one of the two issuers"),
        ({"irsa_issuer_bucket": "acme-prod-oidc"}, "Both issuers would be published in the bucket acme-prod-oidc"),
        (
            {**FILES, "irsa_migrate_from": {**FILES, "irsa_issuer_url": OLD}},
            "Both issuers would be published in /var/www/oidc on localhost",
        ),
        ({"irsa_issuer_keys": "api"}, "A move sets flags of API servers"),
        ({"irsa_apiserver_flags": "show"}, "A move sets flags of API servers"),
        ({"irsa_migrate_settle": -1}, "irsa_migrate_settle is -1."),
        ({"irsa_iam_retired_issuers": [OLD]}, f"irsa_iam_retired_issuers has {OLD}, which would go at once"),
        ({"irsa_apiserver_retired_issuers": [NEW]}, f"irsa_apiserver_retired_issuers has {NEW}, which would go at"),
    ],
)
def test_what_is_wrong_is_told(given: dict[str, t.Any], says: str) -> None:
    (line,) = problems(**given)
    assert line.startswith(says)
