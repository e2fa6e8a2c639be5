# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.onprem.irsa.plugins.module_utils._errors import IrsaError
from ansible_collections.onprem.irsa.plugins.module_utils._trust.moving import (
    Policy,
    Statement,
    copied,
    lacking,
    mentions,
    withdrawn,
)
from ansible_collections.onprem.irsa.plugins.module_utils._trust.policy import Trust, build, evaluate, merge, prune

OLD = "arn:aws:iam::123456789012:oidc-provider/acme-old.s3.eu-central-1.amazonaws.com/prod"
NEW = "arn:aws:iam::123456789012:oidc-provider/oidc.example.com"
OTHER = "arn:aws:iam::123456789012:oidc-provider/oidc.example.com/other"
ISSUERS = {arn: arn.partition(":oidc-provider/")[2] for arn in (OLD, NEW, OTHER)}
STS = "sts.amazonaws.com"
SUBJECTS = {"apps/reports": "system:serviceaccount:apps:reports", "apps/web": "system:serviceaccount:apps:web"}
EC2: Statement = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
REPORTS = build(Trust.of(OLD, [STS], ["apps/reports"]))
NARROWED = {**REPORTS, "Condition": {**REPORTS["Condition"], "IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}}
DENIAL: Statement = {
    "Sid": "NotWeb",
    "Effect": "Deny",
    "Principal": "*",
    "Action": "sts:AssumeRoleWithWebIdentity",
    "Condition": {"StringEquals": {f"{ISSUERS[OLD]}:sub": SUBJECTS["apps/web"]}},
}
SHARED: Statement = {
    "Effect": "Allow",
    "Principal": {"Federated": [OLD, OTHER]},
    "Action": "sts:AssumeRoleWithWebIdentity",
    "Condition": {"StringEqualsIfExists": {f"{ISSUERS[OLD]}:aud": STS, f"{ISSUERS[OTHER]}:aud": STS}},
}
BY_KEY: Statement = {
    "Effect": "Allow",
    "Principal": {"Federated": OLD},
    "Action": "sts:*",
    "Condition": {"StringEquals": {"aws:FederatedProvider": [OLD]}},
}
OPEN: Statement = {"Sid": "Open", "Effect": "Allow", "Principal": {"Federated": OLD}, "Action": "*"}

statements = st.lists(st.sampled_from([EC2, REPORTS, NARROWED, DENIAL, SHARED, BY_KEY, OPEN]), max_size=5)


def of(*found: Statement) -> Policy:
    return {"Version": "2012-10-17", "Statement": [*found]}


def allowed(policy: Policy, provider: str) -> dict[tuple[str, str], bool]:
    """Return which tokens of a provider's issuer open the role, by service account and address."""
    return {
        (account, address): evaluate(
            policy, provider_arn=provider, audience=STS, sub=sub, context={"aws:SourceIp": address}
        ).allowed
        for account, sub in SUBJECTS.items()
        for address in ("203.0.113.7", "198.51.100.7")
    }


@settings(deadline=None)
@given(statements)
def test_tokens_of_the_new_issuer_open_what_those_of_the_old_one_do_and_nothing_else(found: list[Statement]) -> None:
    before = of(*found)
    after = copied(before, OLD, NEW)
    assert allowed(after, NEW) == allowed(before, OLD)
    for provider in (OLD, OTHER):
        assert allowed(after, provider) == allowed(before, provider)
    assert lacking(after, OLD, NEW) == []
    assert copied(after, OLD, NEW) is after


@settings(deadline=None)
@given(statements)
def test_withdrawing_leaves_everybody_else_as_they_were(found: list[Statement]) -> None:
    both = copied(of(*found), OLD, NEW)
    after = withdrawn(both, OLD, NEW)
    assert not any(mentions(statement, OLD) for statement in after["Statement"])
    assert True not in allowed(after, OLD).values()
    for provider in (NEW, OTHER):
        assert allowed(after, provider) == allowed(both, provider)
    assert withdrawn(after, OLD, NEW) is after


def test_what_has_no_copy_is_not_withdrawn() -> None:
    before = of(REPORTS, EC2)
    assert withdrawn(before, OLD, NEW) is before


def test_keys_are_found_in_any_case_and_a_single_statement_needs_no_list() -> None:
    loud = {**REPORTS, "Condition": {"StringEquals": {f"{ISSUERS[OLD].upper()}:AUD": STS}}}
    (copy,) = lacking({"Version": "2012-10-17", "Statement": loud}, OLD, NEW)
    assert copy["Condition"] == {"StringEquals": {f"{ISSUERS[NEW]}:AUD": STS}}
    assert not mentions(REPORTS, f"{OLD}/more")


def test_a_new_statement_of_a_managed_role_is_narrowed_as_the_former_one() -> None:
    wanted = [Trust.of(NEW, [STS], ["apps/reports"])]
    before = of(NARROWED, DENIAL, EC2)
    after = merge(before, wanted, [OLD])
    assert allowed(after, NEW) == allowed(before, OLD)
    assert NARROWED in after["Statement"]
    assert merge(after, wanted, [OLD]) is after
    assert allowed(prune(after, [OLD]), NEW) == allowed(before, OLD)
    assert merge(before, wanted)["Statement"][-1] == build(wanted[0])


def test_conditions_that_are_asked_for_come_before_those_of_the_former_statement() -> None:
    wanted = [Trust.of(NEW, [STS], ["apps/reports"], conditions={})]
    assert merge(of(NARROWED), wanted, [OLD])["Statement"][-1] == build(wanted[0])


def test_a_service_account_that_no_former_statement_names_and_that_may_be_narrowed_in_two_ways_is_refused() -> None:
    web = build(Trust.of(OLD, [STS], ["apps/web"]))
    narrowed: dict[str, t.Any] = {**web, "Condition": {**web["Condition"], "Bool": {"aws:SecureTransport": "true"}}}
    wanted = [Trust.of(NEW, [STS], ["apps/reports", "apps/web", "apps/more"])]
    with pytest.raises(IrsaError, match="apps/more would be let in, too"):
        merge(of(NARROWED, narrowed), wanted, [OLD])
