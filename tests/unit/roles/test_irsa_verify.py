# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role tries, by what the roles before it have done or, in check mode, would do."""

from __future__ import annotations

import pytest

from .rendered import Json, rendered

URL = "https://acme-prod-oidc.s3.eu-central-1.amazonaws.com"
ARN = "arn:aws:iam::123456789012:role/prod-reports"
SET_UP: Json = {
    "ansible_check_mode": True,
    "irsa_verify_issuer_url": URL,
    "irsa_verify_service_account": "apps/reports",
    "irsa_verify_role_arn": ARN,
    "__irsa_verify_found": {"resources": [{"metadata": {"name": "reports"}}]},
    "__irsa_verify_observed": {"results": [{"running_flags": {"service-account-issuer": [URL, "https://old"]}}]},
}


def tried(**changed: object) -> tuple[bool, bool]:
    """Return whether there is something to prove, and whether the injection of pods is a part of it."""
    found = rendered("irsa_verify", ["__irsa_verify_set_up", "__irsa_verify_injects"], {**SET_UP, **changed})
    return found["__irsa_verify_set_up"], found["__irsa_verify_injects"]


def report(*changed: bool) -> list[Json]:
    return [{"link": "any", "done": "something", "changed": one} for one in changed]


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
    observed = {"results": [{"running_flags": {"service-account-issuer": ["https://old"]}}]}
    assert tried(__irsa_verify_observed=observed)[0] is False


def test_what_was_not_tried_is_said() -> None:
    links = [{"link": name, "ok": True} for name in ("API server cp1", "documents")]
    bare = {"irsa_verify_role_arn": "", "irsa_verify_links": links, "__irsa_verify_iam": {}}
    found = rendered("irsa_verify", ["__irsa_verify_outcome"], {**SET_UP, **bare})["__irsa_verify_outcome"]
    reason = "because irsa_iam_roles has no service account"
    assert found["says"] == f"2 of 2 links hold; not tried, {reason}: STS, refusal, webhook, pod"


@pytest.mark.parametrize(
    ("found", "says"),
    [
        ({"arn": ARN, "trust_policy": {"Statement": []}}, ""),
        ({"skipped": True}, ""),
        ({"msg": "AccessDenied: iam:GetRole"}, "AccessDenied: iam:GetRole"),
        ({"arn": ""}, f"has no role {ARN}"),
        ({"arn": ARN.replace("123456789012", "210987654321")}, f"has no role {ARN}"),
    ],
)
def test_why_the_trust_policy_cannot_be_read(found: Json, says: str) -> None:
    names = ["__irsa_verify_trust_error", "__irsa_verify_trust_seen"]
    seen = rendered("irsa_verify", names, {**SET_UP, "__irsa_verify_trust": {"changed": False, **found}})
    assert says in seen["__irsa_verify_trust_error"]
    assert bool(says) is bool(seen["__irsa_verify_trust_error"])
    assert seen["__irsa_verify_trust_seen"]["error"] == seen["__irsa_verify_trust_error"]


@pytest.mark.parametrize(
    ("audiences", "other"),
    [(None, []), (["vault"], ["vault"]), (["sts.amazonaws.com", "vault", "a"], ["vault", "a"]), (["own"], [])],
)
def test_an_audience_of_another_role(audiences: list[str] | None, other: list[str]) -> None:
    roles = [
        {"name": "prod-reports", "service_accounts": ["apps/reports"], "audiences": ["own"]},
        {"name": "prod-mail", "service_accounts": ["apps/mail"], **({"audiences": audiences} if audiences else {})},
    ]
    found = rendered("irsa_verify", ["__irsa_verify_other_audiences"], {**SET_UP, "irsa_iam_roles": roles})
    assert found["__irsa_verify_other_audiences"] == other
    bare = rendered("irsa_verify", ["__irsa_verify_other_audiences"], SET_UP)
    assert bare["__irsa_verify_other_audiences"] == []
