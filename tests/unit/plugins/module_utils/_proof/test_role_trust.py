# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._proof.checks import LinkError
from ansible_collections.onprem.irsa.plugins.module_utils._proof.role_trust import (
    Asked,
    check_trust,
    provider_arn_for_role,
)
from ansible_collections.onprem.irsa.plugins.module_utils._trust.policy import Trust, build

ISSUER = "https://oidc.example.com/prod"
HOST = "oidc.example.com/prod"
PROVIDER = f"arn:aws:iam::123456789012:oidc-provider/{HOST}"
ASKED = Asked(PROVIDER, "sts.amazonaws.com", "apps/reports", ("apps/reports", "apps/mail"))
OWN = build(Trust.of(PROVIDER, ["sts.amazonaws.com"], ["apps/reports", "apps/mail"]))
USER = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "sts:AssumeRole"}
GITHUB = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"

Statement = dict[str, t.Any]


def policy(*statements: Statement) -> dict[str, t.Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def own(condition: dict[str, t.Any] | None, **changes: object) -> Statement:
    given = {} if condition is None else {"Condition": condition}
    return {**{name: value for name, value in OWN.items() if name != "Condition"}, **given, **changes}


def like(sub: str) -> Statement:
    return own({"StringEquals": AUD, "StringLike": {f"{HOST}:sub": f"system:serviceaccount:{sub}"}})


AUD, SUB = {f"{HOST}:aud": "sts.amazonaws.com"}, {f"{HOST}:sub": "system:serviceaccount:apps:reports"}


def test_the_provider_is_in_the_account_of_the_role() -> None:
    assert provider_arn_for_role("arn:aws:iam::123456789012:role/team/x", ISSUER) == PROVIDER
    assert provider_arn_for_role("arn:aws-cn:iam::1:role/x", ISSUER) == f"arn:aws-cn:iam::1:oidc-provider/{HOST}"


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (policy(OWN), "alone"),
        ({"Statement": OWN}, "alone"),
        (policy(OWN, USER), "arn:aws:iam::123456789012:root"),
        (policy({**OWN, "Principal": {"Federated": [PROVIDER, GITHUB]}}), GITHUB),
        (policy(own({"StringEquals": {**AUD, **SUB}, "IpAddress": {"aws:SourceIp": "192.0.2.0/24"}})), "alone"),
    ],
)
def test_who_is_meant_is_let_in(found: dict[str, t.Any], says: str) -> None:
    assert says in check_trust(found, ASKED)


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (policy(own({"StringEquals": SUB})), "any audience"),
        (policy(own(None)), "any audience"),
        (policy(own({"StringLike": {f"{HOST}:aud": "*"}, "StringEquals": SUB})), "any audience"),
        (policy(own({"StringEqualsIfExists": SUB, "IpAddress": {"aws:SourceIp": "192.0.2.0/24"}})), "any audience"),
        (policy(OWN, own(None, Principal={"Federated": [PROVIDER, GITHUB]})), "any audience"),
        (policy(own({"StringEquals": AUD})), "others than apps/reports, apps/mail"),
        (policy(own({"StringEquals": {**AUD, f"{HOST}:sub": "system:serviceaccount:evil:evil"}})), "evil:evil"),
        (policy(like("apps:*")), "apps:"),
        (
            policy(own({"StringEquals": AUD, "StringLike": {f"{HOST}:sub": "system:serviceaccount:*:reports"}})),
            ":reports",
        ),
        (policy(own({"StringEquals": AUD, "StringLike": {f"{HOST}:sub": "*"}})), "system:serviceaccount"),
        (policy(own({"StringEquals": {f"{HOST}:aud": "other", f"{HOST}:sub": "system:serviceaccount:a:b"}})), "a:b"),
    ],
)
def test_who_is_not_meant_is_named(found: dict[str, t.Any], says: str) -> None:
    with pytest.raises(LinkError, match=says) as caught:
        check_trust(found, ASKED)
    assert "irsa_iam_roles" in caught.value.fix


def test_patterns_that_are_meant_are_fine() -> None:
    pattern = build(Trust.of(PROVIDER, ["sts.amazonaws.com"], ["apps/*"]))
    check_trust(policy(pattern), Asked(PROVIDER, "sts.amazonaws.com", "apps/reports", ("apps/*",)))


def test_where_nobody_knows_who_is_meant_the_named_ones_are() -> None:
    unknown = Asked(PROVIDER, "sts.amazonaws.com", "apps/reports")
    check_trust(policy(OWN), unknown)
    check_trust(policy(build(Trust.of(PROVIDER, ["sts.amazonaws.com"], ["apps/*"]))), unknown)
    for condition in ({"StringEquals": AUD}, {"StringEquals": AUD, "StringLike": {f"{HOST}:sub": "*"}}):
        with pytest.raises(LinkError, match="others than named service accounts"):
            check_trust(policy(own(condition)), unknown)
    with pytest.raises(LinkError, match="any audience"):
        check_trust(policy(own({"StringEquals": SUB})), unknown)
