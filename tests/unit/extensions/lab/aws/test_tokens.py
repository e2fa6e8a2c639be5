# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of tokens: the AWS on the machine and the collection's own evaluation say what AWS's documentation says."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.onprem.irsa.extensions.lab.ceph import exchange
from ansible_collections.onprem.irsa.plugins.module_utils._documents.issuer import checked_s3_issuer_url
from ansible_collections.onprem.irsa.plugins.module_utils._iam.provider import provider_arn
from ansible_collections.onprem.irsa.plugins.module_utils._trust import policy as trust_rules

from .conftest import REGION, Lab

ROOT = Path(__file__).parents[5]
ROLES, ATTEMPTS = exchange.table()


def test_the_table_is_worth_the_name() -> None:
    assert len(ATTEMPTS) >= 40
    assert len({(attempt.role, attempt.what) for attempt in ATTEMPTS}) == len(ATTEMPTS)
    for role in ROLES:
        assert {attempt.accepted for attempt in ATTEMPTS if attempt.role == role} == {True, False}


def test_the_aws_on_the_machine(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)  # where Ansible's configuration is
    for name, value in lab.environment().items():
        if name.startswith(("AWS_", "LAB_", "PYTHONPATH")):
            monkeypatch.setenv(name, value)
    issuer, judge = exchange.Issuer(REGION), exchange.Exchange(REGION, lab.state / "ca.pem")
    publisher = exchange.Publisher(REGION, lab.state / "ca.pem", None)
    publisher.run(issuer.documents("current", "next"))
    judge.trust(issuer.url, ROLES)
    rows = exchange.verdicts(judge, issuer, ATTEMPTS)
    assert [row for row in rows if row[1] != (row[2] == "accepted")] == []
    judge.remove(ROLES)
    publisher.remove(issuer)
    assert lab.client("iam").list_roles()["Roles"] == []
    assert lab.client("s3").list_buckets()["Buckets"] == []


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=lambda attempt: f"{attempt.role}: {attempt.what}")
def test_the_evaluation(attempt: exchange.Attempt) -> None:
    issuer = checked_s3_issuer_url(exchange.BUCKET, REGION)
    claims = exchange.claims_of(attempt, issuer)
    audience = claims["aud"] if isinstance(claims["aud"], str) else claims["aud"][0]
    ours = provider_arn(issuer, partition="aws", account="123456789012")
    theirs = ours.replace(issuer[8:], claims["iss"].removeprefix("https://"))
    policy = exchange.trust_policy(ours, ROLES[attempt.role])
    verdict = trust_rules.evaluate(policy, provider_arn=theirs, audience=audience, sub=claims["sub"])
    assert verdict.allowed is attempt.trust, verdict.reason
    assert attempt.trust or not attempt.accepted
