# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Public access to buckets."""

from __future__ import annotations

import itertools
import typing as t

import pytest

from lab_aws import s3_access
from lab_aws.errors import AwsError
from lab_aws.policy import Request
from lab_aws.s3_access import Bucket, PublicAccessBlock

OPEN = PublicAccessBlock()
CLOSED = PublicAccessBlock(True, True, True, True)
OBJECT = "arn:aws:s3:::acme/openid/v1/jwks"


def statement(**elements: object) -> dict[str, t.Any]:
    base = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": OBJECT}
    return {name: value for name, value in (base | elements).items() if value is not None}


def policy(*statements: dict[str, t.Any]) -> dict[str, t.Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def bucket(document: object = None, block: PublicAccessBlock = OPEN, ownership: str = s3_access.ENFORCED) -> Bucket:
    return Bucket("acme", "eu-central-1", block, ownership, document)


@pytest.mark.parametrize(
    ("elements", "public"),
    [
        ({}, True),
        ({"Effect": "Deny"}, False),
        ({"Principal": {"AWS": "*"}}, True),
        ({"Principal": {"AWS": ["123456789012", "*"]}}, True),
        ({"Principal": {"AWS": "arn:aws:iam::123456789012:root"}}, False),
        ({"Principal": {"Service": "logging.s3.amazonaws.com"}}, False),
        ({"Principal": None, "NotPrincipal": {"AWS": "123456789012"}}, True),
        ({"Condition": {"StringEquals": {"aws:SourceVpc": "vpc-1"}}}, False),
        ({"Condition": {"StringEquals": {"AWS:sourcevpce": ["vpce-1", "vpce-2"]}}}, False),
        ({"Condition": {"StringLike": {"aws:SourceVpc": "vpc-*"}}}, True),
        ({"Condition": {"StringEquals": {"aws:SourceVpc": "${aws:x}"}}}, True),
        ({"Condition": {"StringNotEquals": {"aws:SourceVpc": "vpc-1"}}}, True),
        ({"Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}}, False),
        ({"Condition": {"StringEquals": {"aws:Referer": "x"}}}, True),
        ({"Condition": {"Bool": {"aws:SecureTransport": "true"}}}, True),
        ({"Condition": {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}}, False),
        ({"Condition": {"IpAddress": {"aws:SourceIp": ["192.0.2.0/24", "0.0.0.0/1"]}}}, True),
        ({"Condition": {"IpAddress": {"aws:SourceIp": "2001:db8::/16"}}}, True),
        ({"Condition": {"IpAddress": {"aws:SourceIp": "here"}}}, True),
    ],
)
def test_what_is_public(elements: dict[str, t.Any], public: bool) -> None:
    assert s3_access.is_public(policy(statement(**elements))) is public


def test_one_public_statement_is_enough() -> None:
    assert s3_access.is_public(policy(statement(Effect="Deny"), statement()))
    assert not s3_access.is_public(policy())


@pytest.mark.parametrize(("ours", "account"), list(itertools.product((False, True), repeat=2)))
def test_the_most_restrictive_combination_holds(ours: bool, account: bool) -> None:
    combined = PublicAccessBlock(restrict_public_buckets=ours) | PublicAccessBlock(restrict_public_buckets=account)
    assert combined == PublicAccessBlock(restrict_public_buckets=ours or account)


@pytest.mark.parametrize(
    ("document", "block", "account", "allowed"),
    [
        (policy(statement()), OPEN, OPEN, True),
        (policy(statement()), PublicAccessBlock(True, True, True, False), OPEN, True),
        (policy(statement()), CLOSED, OPEN, False),
        (policy(statement()), OPEN, CLOSED, False),
        (policy(statement(Resource="arn:aws:s3:::acme/other")), OPEN, OPEN, False),
        (policy(statement(Action="s3:PutObject")), OPEN, OPEN, False),
        (policy(statement(Principal={"AWS": "123456789012"})), OPEN, OPEN, False),
        (
            policy(statement(), statement(Effect="Deny", Condition={"Bool": {"aws:SecureTransport": "false"}})),
            OPEN,
            OPEN,
            True,
        ),
        (policy(statement(), statement(Effect="Deny")), OPEN, OPEN, False),
        (None, OPEN, OPEN, False),
    ],
)
def test_anonymous_reads(document: object, block: PublicAccessBlock, account: PublicAccessBlock, allowed: bool) -> None:
    request = Request("s3:GetObject", OBJECT, context={"aws:SecureTransport": ("true",)})
    assert s3_access.anonymous_may(bucket(document, block), account, request) is allowed


@pytest.mark.parametrize(
    ("block", "account", "refused"),
    [
        (OPEN, OPEN, False),
        (CLOSED, OPEN, True),
        (OPEN, CLOSED, True),
        (PublicAccessBlock(True, True, False, True), OPEN, False),
    ],
)
def test_a_public_policy_is_blocked(block: PublicAccessBlock, account: PublicAccessBlock, refused: bool) -> None:
    private = policy(statement(Principal={"AWS": "123456789012"}))
    s3_access.check_policy(private, bucket(block=block), account, "arn:me")
    if not refused:
        s3_access.check_policy(policy(statement()), bucket(block=block), account, "arn:me")
        return
    with pytest.raises(AwsError) as caught:
        s3_access.check_policy(policy(statement()), bucket(block=block), account, "arn:me")
    assert (caught.value.code, caught.value.status) == ("AccessDenied", 403)
    assert "BlockPublicPolicy" in caught.value.message


@pytest.mark.parametrize(
    ("acl", "grants", "ownership", "block", "code"),
    [
        (None, False, "BucketOwnerEnforced", CLOSED, None),
        ("bucket-owner-full-control", False, "BucketOwnerEnforced", CLOSED, None),
        ("public-read", False, "BucketOwnerEnforced", OPEN, "AccessControlListNotSupported"),
        ("private", False, "BucketOwnerEnforced", OPEN, "AccessControlListNotSupported"),
        (None, True, "BucketOwnerEnforced", OPEN, "AccessControlListNotSupported"),
        ("public-read", False, "ObjectWriter", OPEN, None),
        ("public-read", False, "ObjectWriter", CLOSED, "AccessDenied"),
        ("authenticated-read", False, "BucketOwnerPreferred", CLOSED, "AccessDenied"),
        ("private", False, "ObjectWriter", CLOSED, None),
    ],
)
def test_access_control_lists(
    acl: str | None, grants: bool, ownership: str, block: PublicAccessBlock, code: str | None
) -> None:
    found = None
    try:
        s3_access.check_acl(acl, grants=grants, bucket=bucket(None, block, ownership), account=OPEN, caller="arn:me")
    except AwsError as error:
        found = error.code
    assert found == code


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ([], "Missing required field Statement"),
        ({}, "Missing required field Statement"),
        (policy(statement(Effect="allow")), "Missing required field Effect"),
        (policy(statement(Principal=None)), "Missing required field Principal"),
        (policy(statement(Action=None)), "Missing required field Action"),
        (policy(statement(Resource=None)), "Missing required field Resource"),
        (policy(statement(Resource="arn:aws:s3:::other/x")), "Policy has invalid resource"),
        (policy(statement(Resource="arn:aws:s3:::acme2")), "Policy has invalid resource"),
        (policy(statement(Resource=[OBJECT, "*"])), "Policy has invalid resource"),
    ],
)
def test_malformed_bucket_policies(document: object, reason: str) -> None:
    with pytest.raises(AwsError) as caught:
        s3_access.check_document(document, "acme", "aws")
    assert (caught.value.code, caught.value.message) == ("MalformedPolicy", reason)


def test_a_good_bucket_policy() -> None:
    s3_access.check_document(policy(statement(), statement(Resource="arn:aws:s3:::acme")), "acme", "aws")


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ([("k" * 128, "v" * 256), ("a b.:/=+@-_1", "")], ""),
        ([("k" * 129, "")], "InvalidTag"),
        ([("", "")], "InvalidTag"),
        ([("key", "~")], "InvalidTag"),
        ([("key", "v" * 257)], "InvalidTag"),
        ([(f"key-{number}", "") for number in range(51)], "BadRequest"),
    ],
)
def test_tags_of_a_bucket(tags: list[tuple[str, str]], code: str) -> None:
    try:
        s3_access.check_tags(tags)
    except AwsError as error:
        assert error.code == code
    else:
        assert code == ""


@pytest.mark.parametrize("element", ["Principal", "NotPrincipal"])
def test_the_id_of_a_deleted_user_is_no_principal(element: str) -> None:
    named: dict[str, object] = {"Principal": None, element: {"AWS": ["123456789012", "AIDAEXAMPLE0000000001"]}}
    with pytest.raises(AwsError, match="Invalid principal in policy"):
        s3_access.check_document(policy(statement(**named)), "acme", "aws")
