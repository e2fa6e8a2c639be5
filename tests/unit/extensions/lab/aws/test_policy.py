# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What policies say of a request."""

from __future__ import annotations

import typing as t

import pytest

from lab_aws import documents, policy
from lab_aws.policy import Decision, Request

ROLE = "arn:aws:iam::123456789012:role/team/reports"
OBJECT = "arn:aws:s3:::bucket/openid/v1/jwks"


def statement(**elements: object) -> dict[str, t.Any]:
    return {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"} | elements


def decide(*statements: dict[str, t.Any], **request: object) -> Decision:
    asked: dict[str, t.Any] = {"action": "s3:GetObject", "resource": OBJECT} | request
    return policy.evaluate([{"Version": "2012-10-17", "Statement": list(statements)}], Request(**asked))


@pytest.mark.parametrize(
    ("elements", "allowed"),
    [
        ({}, True),
        ({"Action": "s3:*"}, True),
        ({"Action": "*"}, True),
        ({"Action": "S3:getobject"}, True),
        ({"Action": ["s3:PutObject", "s3:Get*"]}, True),
        ({"Action": "s3:GetObjec?"}, True),
        ({"Action": "s3:GetObjectAcl"}, False),
        ({"Action": "s3:Get"}, False),
        ({"Action": []}, False),
        ({"Resource": OBJECT}, True),
        ({"Resource": OBJECT.upper()}, False),
        ({"Resource": ["x", "arn:aws:s3:::bucket/*"]}, True),
        ({"Resource": "arn:aws:s3:::bucket"}, False),
        ({"Resource": "arn:aws:s3:::${missing}/*"}, False),
        ({"Condition": {"StringEquals": {"k": "v"}}}, False),
    ],
)
def test_one_statement(elements: dict[str, t.Any], allowed: bool) -> None:
    assert decide(statement(**elements)) is (Decision.ALLOWED if allowed else Decision.NOT_ALLOWED)


def test_not_action_and_not_resource_mean_all_others() -> None:
    others = {"Effect": "Allow", "NotAction": "iam:*", "NotResource": "arn:aws:s3:::secret/*"}
    assert decide(others) is Decision.ALLOWED
    assert decide(others, action="iam:CreateRole") is Decision.NOT_ALLOWED
    assert decide(others, resource="arn:aws:s3:::secret/x") is Decision.NOT_ALLOWED


def test_a_deny_wins_wherever_it_stands() -> None:
    deny = statement(Effect="Deny")
    assert decide(statement(), deny) is Decision.DENIED
    assert decide(deny, statement()) is Decision.DENIED
    assert decide(statement(), statement(Effect="Deny", Resource="other")) is Decision.ALLOWED
    assert decide(statement(), statement(Effect="Deny", Condition={"Null": {"k": "false"}})) is Decision.ALLOWED


def test_nothing_said_allows_nothing() -> None:
    assert decide() is Decision.NOT_ALLOWED
    assert policy.evaluate([], Request("s3:GetObject")) is Decision.NOT_ALLOWED
    assert policy.evaluate([{}], Request("s3:GetObject")) is Decision.NOT_ALLOWED


def test_a_single_statement_needs_no_list() -> None:
    assert policy.evaluate([{"Statement": statement()}], Request("s3:GetObject", OBJECT)) is Decision.ALLOWED


@pytest.mark.parametrize(
    ("principal", "principals", "matched"),
    [
        ("*", {}, True),
        ({"AWS": "*"}, {}, True),
        ({"AWS": ["x", "*"]}, {}, True),
        ({"AWS": "123456789012"}, {"AWS": (ROLE, "123456789012")}, True),
        ({"AWS": ROLE}, {"AWS": (ROLE,)}, True),
        ({"AWS": "arn:aws:iam::123456789012:role/*"}, {"AWS": (ROLE,)}, False),
        ({"AWS": ROLE}, {}, False),
        ({"Service": "ec2.amazonaws.com"}, {"AWS": (ROLE,)}, False),
        ({"Federated": ["a", "b"]}, {"Federated": ("b",)}, True),
        ({"Federated": "*"}, {"Federated": ("b",)}, False),
        ({"AWS": "b"}, {"Federated": ("b",)}, False),
        ("b", {"AWS": ("b",)}, False),
        ({}, {"AWS": ("b",)}, False),
    ],
)
def test_principals(principal: object, principals: dict[str, tuple[str, ...]], matched: bool) -> None:
    decision = decide(statement(Principal=principal), principals=principals)
    assert decision is (Decision.ALLOWED if matched else Decision.NOT_ALLOWED)


def test_not_principal_excepts_the_named() -> None:
    deny = statement(Effect="Deny", NotPrincipal={"AWS": ROLE})
    assert decide(statement(), deny, principals={"AWS": (ROLE,)}) is Decision.ALLOWED
    assert decide(statement(), deny, principals={"AWS": ("other",)}) is Decision.DENIED


def test_a_name_given_twice_is_no_document() -> None:
    with pytest.raises(ValueError, match="twice"):
        documents.load('{"Statement": [], "Statement": {}}')
