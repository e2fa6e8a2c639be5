# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Trust policies: the ones that IAM refuses, and whom the others let in."""

from __future__ import annotations

import json
import typing as t

import pytest

from lab_aws import trust_policy
from lab_aws.errors import AwsError

HOST = "acme-prod-oidc.s3.eu-central-1.amazonaws.com"
PROVIDER = f"arn:aws:iam::123456789012:oidc-provider/{HOST}"
ACTION = "sts:AssumeRoleWithWebIdentity"
SUBJECT = "system:serviceaccount:apps:reports"


def statement(**elements: object) -> dict[str, t.Any]:
    base = {
        "Effect": "Allow",
        "Principal": {"Federated": PROVIDER},
        "Action": ACTION,
        "Condition": {"StringEquals": {f"{HOST}:aud": "sts.amazonaws.com", f"{HOST}:sub": SUBJECT}},
    }
    return {name: value for name, value in (base | elements).items() if value is not None}


def document(*statements: dict[str, t.Any], **elements: object) -> dict[str, t.Any]:
    return {"Version": "2012-10-17", "Statement": list(statements or [statement()])} | elements


def context(subject: str = SUBJECT, audience: str = "sts.amazonaws.com") -> dict[str, tuple[str, ...]]:
    return {f"{HOST}:aud": (audience,), f"{HOST}:sub": (subject,), "sts:RoleSessionName": ("pod",)}


@pytest.mark.parametrize(
    "accepted",
    [
        document(),
        document(statement(Sid="One"), statement(Sid="Two")),
        document(statement(Action=["sts:AssumeRoleWithWebIdentity", "sts:TagSession"])),
        document(statement(Action="sts:*")),
        document(statement(Action="sts:AssumeRole*")),
        document(statement(Action="STS:assumerolewithwebidentity")),
        document(statement(Effect="Deny")),
        document(statement(Condition=None)),
        document(statement(Condition={})),
        document(statement(Condition={"ForAnyValue:StringLike": {f"{HOST}:sub": ["a", "b"]}})),
        document(
            statement(Principal={"AWS": "123456789012", "Service": ["ec2.amazonaws.com"]}, Action="sts:AssumeRole")
        ),
        {"Statement": statement()},
        document(Version="2008-10-17", Id="x"),
    ],
)
def test_accepted(accepted: dict[str, t.Any]) -> None:
    assert trust_policy.validate(json.dumps(accepted, indent=8)) == accepted


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "This policy contains invalid Json"),
        ("{", "This policy contains invalid Json"),
        ('{"Version": "2012-10-17", "Version": "2012-10-17"}', "This policy contains invalid Json"),
        ("[]", "Syntax error in policy."),
        ('"*"', "Syntax error in policy."),
        (document(Version="2012-10-18"), "The policy must contain a valid version string"),
        ({"Version": "2012-10-17"}, "Could not parse the policy: Statement is empty!"),
        (document(Statement=[]), "Could not parse the policy: Statement is empty!"),
        (document(Statements=[]), "Syntax error in policy."),
        (document(Statement=["x"]), "Syntax error in policy."),
        (document(statement(Note="x")), "Syntax error in policy."),
        (document(statement(Effect=None)), "Missing required field Effect"),
        (document(statement(Effect="allow")), "Invalid effect: allow"),
        (document(statement(Principal=None)), "Missing required field Principal"),
        (document(statement(Principal="*")), "Principal must be a JSON object."),
        (document(statement(Principal={})), "Missing required field Principal cannot be empty!"),
        (document(statement(Principal={"Federated": []})), 'Invalid principal in policy: "FEDERATED"'),
        (document(statement(Principal={"Federated": [""]})), 'Invalid principal in policy: "FEDERATED"'),
        (document(statement(Principal={"Oidc": PROVIDER})), 'Invalid principal in policy: "Oidc"'),
        (document(statement(NotPrincipal={"AWS": "x"})), "AssumeRole policy must not contain NotPrincipal field."),
        (document(statement(Action=None)), "Missing required field Action"),
        (document(statement(Action=[])), "Missing required field Action"),
        (document(statement(NotAction="sts:x")), "Syntax error in policy."),
        (document(statement(Action="*")), "AssumeRole policy may only specify STS AssumeRole actions."),
        (document(statement(Action="s3:GetObject")), "AssumeRole policy may only specify STS AssumeRole actions."),
        (
            document(statement(Action="sts:GetCallerIdentity")),
            "AssumeRole policy may only specify STS AssumeRole actions.",
        ),
        (document(statement(Action="AssumeRole")), "AssumeRole policy may only specify STS AssumeRole actions."),
        (document(statement(Resource="*")), "Has prohibited field Resource"),
        (document(statement(NotResource="*")), "AssumeRole policy must not contain resources."),
        (document(statement(Condition="x")), "Syntax error in policy."),
        (document(statement(Condition={"StringEqual": {"a": "b"}})), "Syntax error in policy."),
        (document(statement(Condition={"StringEquals": {"a": {"b": "c"}}})), "Syntax error in policy."),
        (document(statement(Condition={"StringEquals": {"a": None}})), "Syntax error in policy."),
        (document(statement(Condition={"StringEquals": {}})), "Syntax error in policy."),
        (document(statement(Sid="A"), statement(Sid="A")), "The Statement Ids in the policy are not unique"),
    ],
)
def test_malformed(text: str | dict[str, t.Any], reason: str) -> None:
    with pytest.raises(AwsError) as caught:
        trust_policy.validate(text if isinstance(text, str) else json.dumps(text))
    assert (caught.value.code, caught.value.message, caught.value.status) == ("MalformedPolicyDocument", reason, 400)


def test_the_quota_does_not_count_white_space() -> None:
    subjects = [f"system:serviceaccount:apps:reports-{number}" for number in range(40)]
    long = document(statement(Condition={"StringEquals": {f"{HOST}:sub": subjects}}))
    compact = json.dumps(long, separators=(",", ":"))
    subjects += ["x" * (trust_policy.MAX_LENGTH - len(compact) - len(',""'))]
    at_limit = json.dumps(long, indent=4)
    assert len("".join(at_limit.split())) == trust_policy.MAX_LENGTH < len(at_limit)
    trust_policy.validate(at_limit)
    subjects[-1] += "x"
    with pytest.raises(AwsError) as caught:
        trust_policy.validate(json.dumps(long))
    assert (caught.value.code, caught.value.status) == ("LimitExceeded", 409)


@pytest.mark.parametrize(
    ("trusted", "asked", "allowed"),
    [
        (document(), context(), True),
        (document(), context("system:serviceaccount:apps:other"), False),
        (document(), context("system:serviceaccount:other:reports"), False),
        (document(), context("system:serviceaccount:apps:reports-x"), False),
        (document(), context(audience="other"), False),
        (document(), {}, False),
        (document(statement(Principal={"Federated": PROVIDER + "/x"})), context(), False),
        (document(statement(Principal={"Federated": ["x", PROVIDER]})), context(), True),
        (document(statement(Principal={"AWS": "*"})), context(), True),
        (document(statement(Principal={"AWS": PROVIDER})), context(), False),
        (document(statement(Action="sts:AssumeRole")), context(), False),
        (document(statement(Action="sts:AssumeRole*")), context(), True),
        (document(statement(Action=["sts:TagSession", ACTION])), context(), True),
        (document(statement(Action=None, NotAction="sts:AssumeRole")), context(), True),
        (document(statement(Action=None, NotAction=ACTION)), context(), False),
        (document(statement(Condition=None)), context("anyone"), True),
        (
            document(statement(Condition={"StringLike": {f"{HOST}:sub": "system:serviceaccount:apps:*"}})),
            context(),
            True,
        ),
        (
            document(statement(Condition={"StringLike": {f"{HOST}:sub": "system:serviceaccount:apps:*"}})),
            context("system:serviceaccount:apps2:reports"),
            False,
        ),
        (
            document(statement(Condition={"StringEquals": {f"{HOST}:sub": "system:serviceaccount:apps:*"}})),
            context(),
            False,
        ),
        (document(statement(Condition={"StringEquals": {"other.example:sub": SUBJECT}})), context(), False),
        (document(statement(Condition={"StringEqualsIfExists": {"other.example:sub": SUBJECT}})), context(), True),
        (document(statement(Condition={"StringNotEquals": {f"{HOST}:sub": SUBJECT}})), context(), False),
        (document(statement(Condition={"StringEquals": {f"{HOST}:sub": [SUBJECT, "b"]}})), context("b"), True),
        (document(statement(), statement(Effect="Deny")), context(), False),
        (
            document(
                statement(Effect="Deny", Condition={"StringLike": {f"{HOST}:sub": "*:kube-system:*"}}),
                statement(Condition=None),
            ),
            context(),
            True,
        ),
        (
            document(
                statement(Effect="Deny", Condition={"StringLike": {f"{HOST}:sub": "*:kube-system:*"}}),
                statement(Condition=None),
            ),
            context("system:serviceaccount:kube-system:x"),
            False,
        ),
        (
            document(statement(Condition={"StringEquals": {f"{HOST}:sub": "system:serviceaccount:apps:a.b"}})),
            context("system:serviceaccount:apps:a.b"),
            True,
        ),
        (
            document(statement(Condition={"StringEquals": {f"{HOST}:sub": "system:serviceaccount:apps:a.b"}})),
            context("system:serviceaccount:apps:aXb"),
            False,
        ),
        (
            document(statement(Condition={"StringLike": {f"{HOST}:sub": "system:serviceaccount:apps:a.*"}})),
            context("system:serviceaccount:apps:aXb"),
            False,
        ),
        (
            document(statement(Condition={"StringLike": {f"{HOST}:sub": "system:serviceaccount:apps:a?b"}})),
            context("system:serviceaccount:apps:a.b"),
            True,
        ),
    ],
)
def test_who_is_let_in(trusted: dict[str, t.Any], asked: dict[str, tuple[str, ...]], allowed: bool) -> None:
    trust_policy.validate(json.dumps(trusted))
    assert trust_policy.allows(trusted, provider_arn=PROVIDER, context=asked) is allowed
