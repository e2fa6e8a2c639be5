# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role tries, by what the roles before it have done or, in check mode, would do."""

from __future__ import annotations

import pytest

from .rendered import Json, rendered, require_a_path_of_the_user, require_the_authority_of_the_issuer

URL = "https://acme-prod-oidc.s3.eu-central-1.amazonaws.com"
ARN = "arn:aws:iam::123456789012:role/prod-reports"
SET_UP: Json = {
    "ansible_check_mode": True,
    "irsa_verify_issuer_url": URL,
    "irsa_verify_service_account": "apps/reports",
    "irsa_verify_role_arn": ARN,
    "__irsa_verify_found": {"resources": [{"metadata": {"name": "reports"}}]},
    "irsa_verify_hosts": ["cp1"],
    "irsa_apiserver_observed": {"cp1": {"running_flags": {"service-account-issuer": [URL, "https://old"]}}},
}


def tried(**changed: object) -> tuple[bool, bool]:
    """Return whether there is something to prove, and whether the injection of pods is a part of it."""
    found = rendered("irsa_verify", ["__irsa_verify_set_up", "__irsa_verify_injects"], {**SET_UP, **changed})
    return found["__irsa_verify_set_up"], found["__irsa_verify_injects"]


def report(*changed: bool) -> list[Json]:
    return [{"link": "any", "done": "something", "changed": item} for item in changed]


def test_everything_where_nothing_is_to_be_changed() -> None:
    assert tried() == (True, True)
    assert tried(irsa_webhook_report=report(False), irsa_iam_report=report(False, False)) == (True, True)


def test_a_webhook_that_would_be_made_is_not_tried() -> None:
    assert tried(irsa_webhook_report=report(True)) == (True, False)


def test_a_webhook_that_was_made_is_tried() -> None:
    assert tried(irsa_webhook_report=report(True), ansible_check_mode=False) == (True, True)


@pytest.mark.parametrize("role", ["issuer", "iam", "apiserver"])
def test_nothing_is_proved_of_what_would_be_changed_before(role: str) -> None:
    assert tried(**{f"irsa_{role}_report": report(False, True)})[0] is False


def test_nothing_is_proved_of_a_cluster_that_has_another_issuer() -> None:
    observed = {"cp1": {"running_flags": {"service-account-issuer": ["https://old"]}}}
    assert tried(irsa_apiserver_observed=observed)[0] is False


@pytest.mark.parametrize(
    ("facts", "again"),
    [
        ({"irsa_webhook_report": report(False)}, False),
        ({"irsa_webhook_report": report(False, True)}, True),
        ({"irsa_apiserver_report": report(True)}, True),
        ({"irsa_verify_hosts": ["cp1", "cp2"]}, True),
    ],
)
def test_the_control_plane_is_looked_at_again_after_a_change_and_for_another_host(facts: Json, *, again: bool) -> None:
    name = "__irsa_verify_looks_again"
    assert rendered("irsa_verify", [name], {**SET_UP, **facts}) == {name: again}


def test_the_authority_of_the_issuer_is_trusted_from_where_the_user_is() -> None:
    require_the_authority_of_the_issuer("irsa_verify", "__irsa_verify_ca_path")
    require_a_path_of_the_user("irsa_verify", "irsa_issuer_ca_path", "__irsa_verify_ca_path")
