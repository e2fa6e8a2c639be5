# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Condition blocks: operators, several values, missing keys."""

from __future__ import annotations

import typing as t

import pytest

from lab_aws import conditions

CONTEXT = {
    "issuer.example/c1:sub": ("system:serviceaccount:apps:reports.v1",),
    "issuer.example/c1:amr": ("pwd", "mfa"),
    "aws:SourceIp": ("192.0.2.7",),
    "aws:CurrentTime": ("2026-05-01T12:00:00Z",),
    "aws:SecureTransport": ("true",),
    "aws:PrincipalArn": ("arn:aws:iam::123456789012:role/team/reports",),
    "count": ("7",),
    "empty": (),
}
SUB = "issuer.example/c1:sub"
AMR = "issuer.example/c1:amr"
REPORTS = "system:serviceaccount:apps:reports.v1"


@pytest.mark.parametrize(
    ("operator", "key", "wanted", "met"),
    [
        ("StringEquals", SUB, REPORTS, True),
        ("StringEquals", SUB.upper(), REPORTS, True),
        ("StringEquals", SUB, REPORTS.upper(), False),
        ("StringEquals", SUB, "system:serviceaccount:apps:*", False),
        ("StringEquals", SUB, ["other", REPORTS], True),
        ("StringEquals", SUB, [], False),
        ("StringEquals", "missing", "x", False),
        ("StringEqualsIfExists", "missing", "x", True),
        ("StringEqualsIfExists", SUB, "x", False),
        ("StringNotEquals", SUB, "x", True),
        ("StringNotEquals", SUB, ["x", REPORTS], False),
        ("StringNotEquals", "missing", "x", True),
        ("StringEqualsIgnoreCase", SUB, REPORTS.upper(), True),
        ("StringNotEqualsIgnoreCase", SUB, REPORTS.upper(), False),
        ("StringLike", SUB, "system:serviceaccount:apps:*", True),
        ("StringLike", SUB, "system:serviceaccount:app?:reports?v1", True),
        ("StringLike", SUB, "system:serviceaccount:apps:reports.v", False),
        ("StringLike", SUB, "system:serviceaccount:apps:reports.v1?", False),
        ("StringLike", SUB, "system:serviceaccount:app:*", False),
        ("StringLike", SUB, "*", True),
        ("StringLike", SUB, "", False),
        ("StringLike", SUB, "system:serviceaccount:apps:reports[.]v1", False),
        ("StringNotLike", SUB, "system:serviceaccount:kube-*", True),
        ("StringNotLike", SUB, "system:serviceaccount:a*", False),
        ("ForAnyValue:StringEquals", AMR, "mfa", True),
        ("ForAnyValue:StringEquals", AMR, "otp", False),
        ("ForAnyValue:StringEquals", "missing", "mfa", False),
        ("ForAnyValue:StringNotEquals", AMR, "mfa", True),
        ("ForAllValues:StringEquals", AMR, ["mfa", "pwd", "otp"], True),
        ("ForAllValues:StringEquals", AMR, "mfa", False),
        ("ForAllValues:StringEquals", "missing", "mfa", True),
        ("ForAllValues:StringEquals", "empty", "mfa", True),
        ("ForAnyValue:StringEquals", "empty", "mfa", False),
        ("ForAllValues:StringNotEquals", AMR, "otp", True),
        ("ForAllValues:StringNotEquals", AMR, "mfa", False),
        ("Null", "missing", "true", True),
        ("Null", SUB, "true", False),
        ("Null", SUB, False, True),
        ("Null", "missing", "false", False),
        ("Bool", "aws:SecureTransport", "true", True),
        ("Bool", "aws:SecureTransport", False, False),
        ("BoolIfExists", "missing", False, True),
        ("NumericEquals", "count", 7, True),
        ("NumericNotEquals", "count", "7.0", False),
        ("NumericLessThan", "count", 8, True),
        ("NumericLessThan", "count", 7, False),
        ("NumericLessThanEquals", "count", 7, True),
        ("NumericGreaterThan", "count", 7, False),
        ("NumericGreaterThanEquals", "count", 7, True),
        ("NumericEquals", SUB, 7, False),
        ("DateLessThan", "aws:CurrentTime", "2026-05-01T12:00:01Z", True),
        ("DateGreaterThan", "aws:CurrentTime", "2026-05-01T12:00:00Z", False),
        ("DateGreaterThanEquals", "aws:CurrentTime", "2026-05-01T12:00:00Z", True),
        ("DateLessThanEquals", "aws:CurrentTime", "1777636800", True),
        ("DateEquals", "aws:CurrentTime", "yesterday", False),
        ("DateNotEquals", "aws:CurrentTime", "2026-05-01T12:00:00Z", False),
        ("IpAddress", "aws:SourceIp", "192.0.2.0/24", True),
        ("IpAddress", "aws:SourceIp", ["198.51.100.0/24", "192.0.2.7"], True),
        ("IpAddress", "aws:SourceIp", "not an address", False),
        ("NotIpAddress", "aws:SourceIp", "192.0.2.0/24", False),
        ("ArnLike", "aws:PrincipalArn", "arn:aws:iam::123456789012:role/team/*", True),
        ("ArnLike", "aws:PrincipalArn", "arn:aws:iam::*:role/team/reports", True),
        ("ArnLike", "aws:PrincipalArn", "*", False),
        ("ArnEquals", "aws:PrincipalArn", "arn:aws:iam::123456789012:role/*", True),
        ("ArnNotLike", "aws:PrincipalArn", "arn:aws:iam::123456789012:user/*", True),
        ("ArnNotEquals", "aws:PrincipalArn", "arn:aws:iam::123456789012:role/*", False),
        ("BinaryEquals", "count", "7", True),
        ("StringMatches", SUB, REPORTS, False),
        ("stringequals", SUB, REPORTS, False),
    ],
)
def test_operators(operator: str, key: str, wanted: object, met: bool) -> None:
    assert conditions.met({operator: {key: wanted}}, CONTEXT) is met


@pytest.mark.parametrize("block", [None, {}])
def test_no_condition_always_holds(block: dict[str, t.Any] | None) -> None:
    assert conditions.met(block, CONTEXT)


def test_every_operator_and_every_key_must_hold() -> None:
    good = {"StringEquals": {SUB: REPORTS, "count": "7"}, "Bool": {"aws:SecureTransport": "true"}}
    assert conditions.met(good, CONTEXT)
    assert not conditions.met(good | {"Bool": {"aws:SecureTransport": "false"}}, CONTEXT)
    assert not conditions.met(good | {"StringEquals": {SUB: REPORTS, "count": "8"}}, CONTEXT)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("n-${count}", "n-7"),
        ("n-${COUNT}", "n-7"),
        ("${missing}", None),
        ("${missing, 'nobody'}", "nobody"),
        (f"${{{AMR}}}", None),
        ("${*}${?}${$}", "*?$"),
    ],
)
def test_policy_variables(text: str, expected: str | None) -> None:
    assert conditions.substitute(text, CONTEXT) == expected


def test_variables_are_replaced_in_texts_only() -> None:
    assert conditions.met({"StringEquals": {"count": "${count}"}}, CONTEXT)
    assert not conditions.met({"NumericEquals": {"count": "${count}"}}, CONTEXT)
    assert not conditions.met({"StringEquals": {"count": "${missing}"}}, CONTEXT)


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("StringEquals", True),
        ("StringLikeIfExists", True),
        ("ForAnyValue:StringLike", True),
        ("ForAllValues:StringEqualsIfExists", True),
        ("Null", True),
        ("NullIfExists", False),
        ("ForSomeValues:StringEquals", False),
        ("StringContains", False),
        ("", False),
    ],
)
def test_known_operators(name: str, known: bool) -> None:
    assert conditions.is_operator(name) is known
