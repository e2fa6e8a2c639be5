# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._proof.plan import (
    RoleProof,
    Subject,
    proof_subject,
    role_proof,
    untrusted_service_account,
)

STS = "sts.amazonaws.com"
ARN = "arn:aws:iam::123456789012:role/team/prod-reports"
ROLES: tuple[dict[str, t.Any], ...] = (
    {"name": "prod-reports", "service_accounts": ["apps/reports"], "audiences": ["own"]},
    {"name": "prod-mail", "service_accounts": ["apps/mail"]},
)


def proof(
    service_account: str = "apps/reports", role_arn: str = ARN, roles: t.Sequence[t.Any] = ROLES, **found: object
) -> RoleProof:
    return role_proof(service_account, role_arn, STS, roles, found or {"arn": ARN})


def test_what_the_role_should_trust_is_said_by_its_own_entry() -> None:
    policy: dict[str, t.Any] = {"Statement": []}
    wanted = {"policy": policy, "error": "", "service_accounts": ["apps/reports"]}
    assert proof(arn=ARN, trust_policy=policy).trust == wanted
    assert proof(roles=[]).trust["service_accounts"] == []


def test_a_service_account_that_the_role_does_not_trust() -> None:
    assert proof().untrusted == "apps/default"
    assert proof(roles=[{"name": "prod-reports", "service_accounts": ["apps/*"]}]).untrusted == "kube-system/default"
    assert proof("apps/default", roles=[]).untrusted == "kube-system/default"
    assert proof(roles=[{"name": "prod-reports", "service_accounts": ["*"]}]).untrusted == ""


@pytest.mark.parametrize(
    ("audiences", "other"), [(None, ""), (["vault"], "vault"), ([STS, "vault", "a"], "vault"), (["own"], "")]
)
def test_an_audience_of_another_role(audiences: list[str] | None, other: str) -> None:
    roles = [ROLES[0], {**ROLES[1], **({"audiences": audiences} if audiences else {})}]
    assert proof(roles=roles).other_audience == other
    assert proof(roles=roles[1:]).other_audience == ""  # whether the role has it, nobody knows


@pytest.mark.parametrize(
    ("found", "says"),
    [
        ({"arn": ARN, "trust_policy": {"Statement": []}}, ""),
        ({"msg": "AccessDenied: iam:GetRole"}, "AccessDenied: iam:GetRole"),
        ({"msg": ""}, "IAM does not tell"),
        ({"arn": ""}, f"the account of the AWS credentials here has no role {ARN}"),
        ({"arn": ARN.replace("1234", "9999")}, f"the account of the AWS credentials here has no role {ARN}"),
    ],
)
def test_why_the_trust_policy_cannot_be_read(found: dict[str, t.Any], says: str) -> None:
    assert proof(**found).trust["error"] == says


def test_without_a_role_there_is_nothing_to_trust() -> None:
    assert proof("", "", skipped=True) == RoleProof({}, "kube-system/default", "")


def test_a_service_account_that_is_named_has_a_role() -> None:
    with pytest.raises(InputError, match=r"^apps/reports has no role: neither an annotation "):
        proof(role_arn="", skipped=True)


@pytest.mark.parametrize(
    ("trusted", "expected"),
    [
        ([], "apps/default"),
        (["apps/reports"], "apps/default"),
        (["apps/default"], "kube-system/default"),
        (["apps/*"], "kube-system/default"),
        (["app?/d*"], "kube-system/default"),
        (["*/default", "apps/reports"], ""),
        (["*"], ""),
    ],
)
def test_untrusted_service_account(trusted: list[str], expected: str) -> None:
    assert untrusted_service_account(trusted, ["apps", "kube-system"]) == expected


@pytest.mark.parametrize(
    ("roles", "chosen"),
    [
        ([], ""),
        ([{"name": "a", "service_accounts": ["apps/*", "apps/rep?rts"]}], ""),
        ([{"name": "a", "service_accounts": ["apps/*", "apps/a", "apps/b"]}], "apps/a"),
        ([{"name": "a", "service_accounts": ["apps/a"], "state": "absent"}, *ROLES], "apps/reports"),
        ([{"name": "a", "service_accounts": ["apps/a"], "state": "present"}, *ROLES], "apps/a"),
        ([{"name": "a", "state": "absent"}, {"name": "b", "service_accounts": None}], ""),
    ],
)
def test_the_first_service_account_of_a_role_is_chosen(roles: list[dict[str, t.Any]], chosen: str) -> None:
    assert proof_subject("", roles).service_account == chosen
    assert proof_subject("mine/own", roles).service_account == "mine/own"


def test_a_service_account_has_a_name_and_may_have_a_role() -> None:
    assert proof_subject("apps/mail", ROLES) == Subject("apps/mail", "apps", "mail", "prod-mail")
    assert proof_subject("apps/own", ROLES) == Subject("apps/own", "apps", "own", "")
    assert proof_subject("", []) == Subject("", "default", "default", "")
