# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection's reading of trust policies and the lab's, which were written apart, agree."""

from __future__ import annotations

import json
import typing as t

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ansible_collections.onprem.irsa.plugins.module_utils._errors import IrsaError
from ansible_collections.onprem.irsa.plugins.module_utils._trust import policy as trust
from lab_aws import trust_policy
from lab_aws.errors import AwsError

HOST = "issuer.example/prod"
PROVIDER = f"arn:aws:iam::123456789012:oidc-provider/{HOST}"
OTHER = "arn:aws:iam::123456789012:oidc-provider/other.example"
ACCOUNTS = ["apps/reports", "apps/reports.v1", "apps/jobs", "prod/reports"]
SUBJECTS = [trust.subject(account) for account in ACCOUNTS]
AUDIENCES = ["sts.amazonaws.com", "vault"]

_values = st.sampled_from(
    [*SUBJECTS, *AUDIENCES, "system:serviceaccount:apps:*", "system:serviceaccount:????:reports", "*", ""]
)
_operators = st.sampled_from(
    [
        "StringEquals",
        "StringLike",
        "StringNotEquals",
        "StringNotLike",
        "StringEqualsIgnoreCase",
        "StringEqualsIfExists",
        "StringNotEqualsIfExists",
        "ForAnyValue:StringLike",
        "ForAllValues:StringEquals",
        "ForAnyValue:StringNotEquals",
        "ForAllValues:StringNotLike",
    ]
)
_keys = st.sampled_from([f"{HOST}:sub", f"{HOST}:aud", f"{HOST.upper()}:SUB", "other.example:sub", f"{HOST}:groups"])
_blocks = st.dictionaries(
    _operators,
    st.dictionaries(_keys, _values | st.lists(_values, min_size=1, max_size=3), min_size=1, max_size=2),
    max_size=2,
)
_nulls = st.fixed_dictionaries(
    {"Null": st.dictionaries(_keys, st.sampled_from(["true", "false"]), min_size=1, max_size=1)}
)
_actions = st.sampled_from(
    [
        "sts:AssumeRoleWithWebIdentity",
        "sts:AssumeRole",
        "sts:AssumeRole*",
        "sts:*",
        "STS:assumerolewithwebidentity",
        ["sts:TagSession", "sts:AssumeRoleWithWebIdentity"],
    ]
)
_federated = st.sampled_from([PROVIDER, OTHER, [PROVIDER, OTHER], [OTHER]])
_statements = st.fixed_dictionaries(
    {
        "Effect": st.sampled_from(["Allow", "Allow", "Deny"]),
        "Principal": st.fixed_dictionaries({"Federated": _federated}) | st.just({"AWS": "*"}),
        "Action": _actions,
        "Condition": _blocks | _nulls,
    }
)
_tokens = st.tuples(st.sampled_from([*SUBJECTS, "", "system:serviceaccount:apps:x"]), st.sampled_from(AUDIENCES))


def verdicts(policy: dict[str, t.Any], subject: str, audience: str) -> tuple[bool, bool]:
    keys = {f"{HOST}:aud": (audience,), f"{HOST}:sub": (subject,)}
    ours = trust.evaluate(policy, provider_arn=PROVIDER, audience=audience, sub=subject).allowed
    return ours, trust_policy.allows(policy, provider_arn=PROVIDER, context=keys)


@settings(deadline=None)  # the time an example takes says how busy the machine is
@given(st.lists(_statements, min_size=1, max_size=3), _tokens)
def test_any_policy(statements: list[dict[str, t.Any]], token: tuple[str, str]) -> None:
    policy = {"Version": "2012-10-17", "Statement": statements}
    ours, lab = verdicts(policy, *token)
    assert ours == lab


SUB, STS = SUBJECTS[0], AUDIENCES[0]
WHOLE = {"Effect": "Allow", "Principal": {"Federated": PROVIDER}, "Action": trust.ASSUME_ACTION}


def allow(condition: dict[str, t.Any], **changes: object) -> list[dict[str, t.Any]]:
    return [{**WHOLE, "Condition": condition, **changes}]


def deny(condition: dict[str, t.Any], **changes: object) -> list[dict[str, t.Any]]:
    return [WHOLE, {**WHOLE, "Effect": "Deny", "Condition": condition, **changes}]


KINDS = {
    "null as a JSON boolean": allow({"Null": {f"{HOST}:sub": True}}),
    "null as a JSON boolean that holds": allow({"Null": {f"{HOST}:sub": False}}),
    "null as a text in capitals": allow({"Null": {f"{HOST}:amr": "True"}}),
    "denied if null": deny({"Null": {f"{HOST}:sub": False}}),
    "everybody of AWS as a list": deny({}, Principal={"AWS": ["*"]}),
    "everybody of AWS": deny({}, Principal={"AWS": "*"}),
    "everybody": deny({"StringEquals": {f"{HOST}:aud": STS}}, Principal="*"),
    "others alone": deny({}, Principal={"AWS": ["123456789012"]}),
    "a session of another name": deny({"StringNotEquals": {"sts:RoleSessionName": "reports"}}),
    "a session of this name": deny({"StringEquals": {"sts:RoleSessionName": "pod"}}),
    "a session like this": allow({"StringLike": {"sts:RoleSessionName": "p?d"}}),
    "a variable of the subject": allow({"StringEquals": {f"{HOST}:sub": f"${{{HOST}:sub}}"}}),
    "a variable within a text": allow({"StringLike": {f"{HOST}:sub": "${sts:RoleSessionName}*"}}),
    "a variable with a default": allow({"StringEquals": {f"{HOST}:aud": f"${{{HOST}:amr, '{STS}'}}"}}),
    "a variable that is not there": allow({"StringEquals": {f"{HOST}:aud": f"${{{HOST}:amr}}"}}),
    "a star of a variable": allow({"StringLike": {f"{HOST}:sub": "system:serviceaccount:apps:${*}"}}),
    "the provider": allow({"StringEquals": {"aws:FederatedProvider": PROVIDER}}),
    "the provider as an ARN": allow({"ArnLike": {"aws:FederatedProvider": "arn:aws:iam::*:oidc-provider/issuer.*"}}),
    "another provider": deny({"StringNotEquals": {"aws:FederatedProvider": PROVIDER}}),
    "insecure transport denied": deny({"Bool": {"aws:SecureTransport": "false"}}),
    "insecure transport denied by a JSON boolean": deny({"Bool": {"aws:SecureTransport": False}}),
    "secure transport asked for": allow({"Bool": {"aws:SecureTransport": "TRUE"}}),
    "no second factor denied": deny({"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}),
    "a second factor asked for": allow({"Bool": {"aws:MultiFactorAuthPresent": "true"}}),
    "a session's tag": allow({"StringEquals": {"aws:RequestTag/team": "a"}}),
    "no tags but these": allow({"ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}}),
    "an organization denied": deny({"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}}),
    "an organization denied if it exists": deny({"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-1"}}),
    "an address": allow({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}),
    "a number": allow({"NumericLessThan": {f"{HOST}:aud": "7"}}),
    "a date": allow({"DateGreaterThan": {f"{HOST}:sub": "2020-01-01T00:00:00Z"}}),
    "case ignored": allow({"StringEqualsIgnoreCase": {f"{HOST.upper()}:SUB": SUB.upper()}}),
    "no principal but": deny({}, NotPrincipal={"Federated": PROVIDER}, Principal=None),
    "every action but": allow({}, NotAction="sts:AssumeRole", Action=None),
}


@pytest.mark.parametrize("statements", KINDS.values(), ids=KINDS)
def test_each_kind_of_policy(statements: list[dict[str, t.Any]]) -> None:
    whole = [{key: value for key, value in each.items() if value is not None} for each in statements]
    policy = {"Version": "2012-10-17", "Statement": whole}
    known = {"sts:RoleSessionName": "pod"}
    ours = trust.evaluate(policy, provider_arn=PROVIDER, audience=STS, sub=SUB, context=known)
    context = {
        f"{HOST}:aud": (STS,),
        f"{HOST}:sub": (SUB,),
        "aws:FederatedProvider": (PROVIDER,),
        "aws:SecureTransport": ("true",),
        "sts:RoleSessionName": ("pod",),
    }
    assert ours.allowed == trust_policy.allows(policy, provider_arn=PROVIDER, context=context), ours.reason


@pytest.mark.parametrize(
    "condition",
    [
        {"StringNotEquals": {"sts:RoleSessionName": "reports"}},
        {"StringEquals": {"aws:RequestedRegion": "eu-central-1"}},
        {"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}},
        {"Null": {"aws:SourceVpce": "true"}},
        {"StringEquals": {f"{HOST}:sub": "${aws:UserAgent}"}},
        {"StringEqualz": {f"{HOST}:sub": SUB}},
    ],
)
def test_what_is_not_known_never_allows_and_always_denies(condition: dict[str, t.Any]) -> None:
    token: dict[str, t.Any] = {"provider_arn": PROVIDER, "audience": STS, "sub": SUB}
    assert not trust.evaluate({"Statement": allow(condition)}, **token).allowed
    assert not trust.evaluate({"Statement": deny(condition)}, **token).allowed


def accepted(policy: dict[str, t.Any]) -> bool:
    try:
        trust_policy.validate(json.dumps(policy))
    except AwsError:
        return False
    return True


@settings(deadline=None)
@given(
    st.lists(_statements | st.sampled_from([trust.build(trust.Trust.of(PROVIDER, AUDIENCES, ACCOUNTS))]), max_size=3),
    st.sampled_from(["2008-10-17", "2012-10-17", None]),
    st.lists(st.sampled_from(ACCOUNTS), min_size=1),
)
def test_what_iam_takes_it_takes_merged(
    statements: list[dict[str, t.Any]], version: str | None, accounts: list[str]
) -> None:
    policy = {"Statement": statements} | ({"Version": version} if version else {})
    assume(accepted(policy))
    wanted = trust.Trust.of(PROVIDER, AUDIENCES, accounts)
    try:
        merged = trust.merge(policy, [wanted])
    except IrsaError:
        assume(False)
    assert accepted(merged)
    foreign = trust.prune(policy, [PROVIDER])["Statement"]
    assert trust.prune(merged, [PROVIDER])["Statement"] == foreign
    assert all(each in merged["Statement"] for each in foreign)
    for account in ACCOUNTS:
        ours = {**policy, "Statement": [each for each in merged["Statement"] if each not in foreign]}
        let_in = verdicts(ours, trust.subject(account), AUDIENCES[0])
        assert let_in[0] == let_in[1]
        assert account in accounts or not let_in[0], "nobody is let in who is not named"
    assert trust.merge(merged, [wanted]) is merged
    read_back = json.loads(trust.serialise(merged))
    assert trust.merge(read_back, [wanted]) is read_back, "what IAM gives back is not written again"


@settings(deadline=None)  # the time an example takes says how busy the machine is
@given(st.lists(st.sampled_from(ACCOUNTS), min_size=1), st.lists(st.sampled_from(AUDIENCES), min_size=1), _tokens)
def test_what_the_collection_builds(accounts: list[str], audiences: list[str], token: tuple[str, str]) -> None:
    policy = trust.merge(None, [trust.Trust.of(PROVIDER, audiences, accounts)])
    trust_policy.validate(trust.serialise(policy))
    subject, audience = token
    wanted = subject in {trust.subject(account) for account in accounts} and audience in audiences
    assert verdicts(json.loads(trust.serialise(policy)), subject, audience) == (wanted, wanted)
