# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re
import typing as t

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.onprem.irsa.plugins.module_utils._errors import IrsaError
from ansible_collections.onprem.irsa.plugins.module_utils._trust.policy import (
    ASSUME_ACTION,
    TAG_ACTION,
    Policy,
    Statement,
    Trust,
    build,
    evaluate,
    lets_in,
    merge,
    parse,
    prune,
    refuse_oversize,
    removals,
    serialise,
    shared_statements,
    subject,
    trusts,
)

HOST = "acme-prod-oidc.s3.eu-central-1.amazonaws.com"
ARN = f"arn:aws:iam::123456789012:oidc-provider/{HOST}"
OTHER_ARN = "arn:aws:iam::123456789012:oidc-provider/oidc.example.com/other"
STS = "sts.amazonaws.com"
TRUST = Trust.of(ARN, [STS], ["apps/reports"])
EC2: Statement = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}


def test_one_service_account_is_written_as_the_guides_have_it() -> None:
    assert build(TRUST) == {
        "Effect": "Allow",
        "Principal": {"Federated": ARN},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {f"{HOST}:aud": STS, f"{HOST}:sub": "system:serviceaccount:apps:reports"}},
    }


def test_a_pattern_loosens_the_subject_alone() -> None:
    condition = build(Trust.of(ARN, [STS, "vault"], ["apps/*", "apps/reports"]))["Condition"]
    assert condition == {
        "StringEquals": {f"{HOST}:aud": [STS, "vault"]},
        "StringLike": {f"{HOST}:sub": ["system:serviceaccount:apps:*", "system:serviceaccount:apps:reports"]},
    }


def altered(**changes: object) -> Statement:
    return {**build(TRUST), **changes}


def conditions(**keys: object) -> dict[str, t.Any]:
    return {"StringEquals": {f"{HOST}:{key}": value for key, value in keys.items()}}


SUB = "system:serviceaccount:apps:reports"


@pytest.mark.parametrize(
    "statement",
    [
        altered(),
        altered(Sid="Reports"),
        altered(Action=[ASSUME_ACTION]),
        altered(Principal={"Federated": [ARN]}),
        altered(Condition=conditions(aud=[STS], sub=[SUB])),
    ],
    ids=["as built", "Sid", "actions as a list", "principals as a list", "values as a list"],
)
def test_parse_sees_through_what_has_no_meaning(statement: Statement) -> None:
    assert parse(statement) == TRUST


@pytest.mark.parametrize(
    "statement",
    [
        altered(Effect="Deny"),
        altered(Action=[ASSUME_ACTION, "sts:TagSession"]),
        altered(Principal="*"),
        altered(Principal={"Federated": [ARN, OTHER_ARN]}),
        altered(Principal={"Federated": ARN, "AWS": "123456789012"}),
        altered(Condition=conditions(sub=SUB)),
        altered(Condition=conditions(aud=STS)),
        altered(Condition={}),
        altered(Condition=conditions(aud=STS, sub="reports")),
        altered(Condition=conditions(aud=STS, sub=7)),
        altered(Condition=conditions(aud=STS, sub="system:serviceaccount:apps:*")),
        altered(Condition={**conditions(aud=STS), "StringLike": {f"{HOST}:sub": SUB}}),
        altered(Condition={**conditions(aud=STS, sub=SUB), "IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}),
        altered(Condition={"StringLike": {f"{HOST}:aud": STS, f"{HOST}:sub": "system:serviceaccount:apps:*"}}),
        EC2,
        {},
        altered(Condition="none"),
    ],
)
def test_parse_takes_nothing_that_means_something_else(statement: Statement) -> None:
    assert parse(statement) is None


# Everything below holds for any name that Kubernetes and IAM take.
labels = st.sampled_from(["a", "0", "apps", "a-b", "kube-system", "x" * 63])
names = st.lists(labels, min_size=1, max_size=3).map(".".join)
patterns = st.sampled_from(["*", "?", "a*", "*-b", "a?ps", "preview-*", "a-?*"])
accounts = st.builds("{}/{}".format, labels | patterns, names | patterns)
arns = st.builds(
    "arn:{}:iam::{}:oidc-provider/{}".format,
    st.sampled_from(["aws", "aws-cn", "aws-us-gov"]),
    st.sampled_from(["123456789012", "000000000000"]),
    names | st.builds("{}/{}".format, names, labels),
)
audiences = st.lists(st.sampled_from([STS, "vault", "https://oidc.example.com", "a b"]), min_size=1, max_size=3)
trust_values = st.builds(Trust.of, arns, audiences, st.lists(accounts, min_size=1, max_size=4))

words = st.text("abcXYZ:*?/-. ", min_size=1, max_size=12)
values = words | st.lists(words, min_size=1, max_size=3)
principals = (
    st.just("*")
    | st.dictionaries(st.sampled_from(["AWS", "Service", "CanonicalUser"]), values, min_size=1)
    | st.fixed_dictionaries({"Federated": arns | st.lists(arns, min_size=1, max_size=2) | st.just("saml.example.com")})
)
actions = st.sampled_from(["sts:AssumeRole", ASSUME_ACTION, ASSUME_ACTION.lower(), "sts:*", "sts:TagSession", "*"])
# IAM refuses an element together with its opposite (MalformedPolicyDocument).
statements = st.fixed_dictionaries(
    {"Effect": st.sampled_from(["Allow", "Deny"])},
    optional={
        "Sid": words,
        "Principal": principals,
        "NotPrincipal": principals,
        "Action": actions | st.lists(actions, min_size=1, max_size=3),
        "NotAction": actions,
        "Condition": st.dictionaries(
            st.sampled_from(["StringEquals", "StringLike", "IpAddress", "ForAnyValue:StringLike", "Null"]),
            st.dictionaries(words, values, max_size=2),
            max_size=2,
        ),
    },
).filter(lambda statement: all({element, f"Not{element}"} - statement.keys() for element in ("Principal", "Action")))
policies = st.fixed_dictionaries(
    {"Statement": statements | st.lists(statements | trust_values.map(build), max_size=4)},
    optional={"Version": st.sampled_from(["2008-10-17", "2012-10-17"]), "Id": words},
)


@settings(deadline=None)  # the time an example takes says how busy the machine is
@given(trust_values)
def test_build_and_parse_are_inverse(trust: Trust) -> None:
    assert parse(build(trust)) == trust
    assert build(t.cast("Trust", parse(build(trust)))) == build(trust)


def all_statements(policy: Policy) -> list[Statement]:
    found = policy["Statement"]
    return found if isinstance(found, list) else [found]


def speaks_of_ours_alone(statement: Statement, provider_arns: t.Collection[str]) -> bool:
    """Say without the code under test whether a statement lets our providers, and nobody else, assume the role."""
    principal = statement.get("Principal")
    if statement["Effect"] != "Allow" or not isinstance(principal, dict) or list(principal) != ["Federated"]:
        return False
    federated = [principal["Federated"]] if isinstance(principal["Federated"], str) else principal["Federated"]
    if "Action" in statement:
        named = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        assumes = bool({"*", "sts:*", ASSUME_ACTION.lower()} & {action.lower() for action in named})
    else:
        assumes = statement.get("NotAction") in {"sts:AssumeRole", "sts:TagSession"}
    return assumes and set(federated) <= set(provider_arns)


@settings(deadline=None)
@given(policies, st.lists(trust_values, min_size=1, max_size=2, unique_by=lambda trust: trust.provider_arn), st.data())
def test_merge_keeps_everybody_elses_statements(policy: Policy, wanted: list[Trust], data: st.DataObject) -> None:
    mine = data.draw(
        st.lists(st.sampled_from([altered(Principal={"Federated": w.provider_arn}) for w in wanted]), max_size=2)
    )
    policy = {**policy, "Statement": [*all_statements(policy), *mine]}
    ours = {trust.provider_arn for trust in wanted}
    others = [s for s in policy["Statement"] if not speaks_of_ours_alone(s, ours)]

    merged = merge(policy, wanted)

    assert [s for s in all_statements(merged) if not speaks_of_ours_alone(s, ours)] == others
    assert {parse(s) for s in all_statements(merged) if speaks_of_ours_alone(s, ours)} == set(wanted)
    assert {k: v for k, v in merged.items() if k != "Statement"} == {
        k: v for k, v in policy.items() if k != "Statement"
    }
    assert merge(merged, wanted) is merged
    assert prune(merged, ours)["Statement"] == others
    assert all(trusts(merged, arn) for arn in ours)


def test_a_new_policy_has_the_current_version() -> None:
    assert merge(None, [TRUST]) == {"Version": "2012-10-17", "Statement": [build(TRUST)]}


@pytest.mark.parametrize(
    "drift",
    [
        altered(Condition=conditions(sub=SUB)),
        altered(Condition=conditions(aud=STS, sub="system:serviceaccount:*:*")),
        altered(Action="sts:*"),
        altered(Action=[ASSUME_ACTION, "sts:TagSession"]),
        altered(Principal={"Federated": [ARN]}, Condition={}),
    ],
    ids=["no audience", "another subject", "every action", "one action more", "no condition"],
)
def test_merge_repairs_ours(drift: Statement) -> None:
    assert merge({"Version": "2008-10-17", "Statement": [drift, EC2]}, [TRUST]) == {
        "Version": "2008-10-17",
        "Statement": [EC2, build(TRUST)],
    }


def test_merge_removes_a_second_statement_of_ours() -> None:
    assert merge({"Statement": [build(TRUST), build(TRUST)]}, [TRUST]) == {"Statement": [build(TRUST)]}


def test_several_issuers_get_a_statement_each() -> None:
    other = Trust.of(OTHER_ARN, [STS], ["apps/reports"])
    policy = merge(None, [TRUST, other])
    assert [parse(statement) for statement in policy["Statement"]] == [TRUST, other]
    assert merge(policy, [TRUST]) is policy, "a provider that is not asked about keeps its trust"


def test_trusts_sees_a_provider_among_others() -> None:
    policy = {"Statement": altered(Principal={"Federated": [OTHER_ARN, ARN]})}
    assert trusts(policy, ARN)
    assert not trusts({"Statement": [{**policy["Statement"], "Effect": "Deny"}]}, ARN)
    assert not trusts({"Statement": [EC2]}, ARN)


def test_serialise_wastes_no_character() -> None:
    assert serialise({"a": ["b", {"c": "d e"}]}) == '{"a":["b",{"c":"d e"}]}'


def like(pattern: str) -> dict[str, t.Any]:
    return {**conditions(aud=STS), "StringLike": {f"{HOST}:sub": pattern}}


def only(operator: str, key: str, value: object) -> Statement:
    return altered(Condition={operator: {key: value}})


PATTERN_ROLE = [altered(Condition=like("system:serviceaccount:apps:report-?"))]
DENY_ALL = {"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "*"}


@pytest.mark.parametrize(
    ("statements", "token", "allowed", "reason"),
    [
        ([build(TRUST)], {}, True, "Statement 1 allows"),
        ([EC2, altered(Sid="Reports")], {}, True, "Statement Reports allows"),
        ([], {}, False, "no statement"),
        (
            [build(TRUST)],
            {"sub": "system:serviceaccount:apps:other"},
            False,
            f"{HOST}:sub wants {SUB}, and the token has",
        ),
        ([build(TRUST)], {"sub": SUB.upper()}, False, ":sub"),
        ([build(TRUST)], {"audience": "vault"}, False, f"{HOST}:aud wants {STS}, and the token has vault"),
        ([build(TRUST)], {"provider_arn": OTHER_ARN}, False, "principal"),
        ([EC2], {}, False, "principal"),
        ([altered(Action="sts:AssumeRole")], {}, False, "action"),
        ([altered(Action="STS:assumeroleWITHwebidentity")], {}, True, "allows"),
        ([altered(Action="sts:Assume*")], {}, True, "allows"),
        ([{**only("Null", "x", "true"), "NotAction": "s3:*", "Action": "s3:*"}], {}, False, "action"),
        ([build(TRUST), altered(Effect="Deny", Condition={})], {}, False, "denies"),
        ([altered(Effect="Deny", Condition=conditions(sub="x")), build(TRUST)], {}, True, "allows"),
        ([build(TRUST), DENY_ALL], {}, False, "Statement 2 denies"),
        (
            [build(TRUST), {"Effect": "Deny", "NotPrincipal": {"Federated": OTHER_ARN}, "Action": "sts:*"}],
            {},
            False,
            "Statement 2 denies",
        ),
        ([build(TRUST), {"Effect": "Deny", "NotPrincipal": {"Federated": ARN}, "Action": "sts:*"}], {}, True, "allows"),
        (PATTERN_ROLE, {"sub": "system:serviceaccount:apps:report-1"}, True, "allows"),
        (PATTERN_ROLE, {"sub": "system:serviceaccount:apps:report-12"}, False, "StringLike"),
        (PATTERN_ROLE, {"sub": "xsystem:serviceaccount:apps:report-1"}, False, "StringLike"),
        (
            [altered(Condition=like("system:serviceaccount:apps.x:*"))],
            {"sub": "system:serviceaccount:apps-x:a"},
            False,
            ":sub",
        ),
        ([only("StringEquals", f"{HOST}:sub", "system:serviceaccount:*:*")], {}, False, "StringEquals"),
        ([only("StringEquals", f"{HOST.upper()}:SUB", SUB)], {}, True, "allows"),
        ([only("StringEqualsIgnoreCase", f"{HOST}:sub", SUB.upper())], {}, True, "allows"),
        ([only("StringNotEquals", f"{HOST}:sub", ["a", SUB])], {}, False, "StringNotEquals"),
        ([only("StringNotLike", f"{HOST}:sub", "a*")], {}, True, "allows"),
        ([only("StringNotEquals", "aws:RequestTag/x", "a")], {}, True, "allows"),
        ([only("StringEquals", "aws:RequestTag/x", "a")], {}, False, "the token has none"),
        ([only("StringEqualsIfExists", "aws:RequestTag/x", "a")], {}, True, "allows"),
        ([only("StringEqualsIfExists", f"{HOST}:aud", "a")], {}, False, "IfExists"),
        ([only("ForAnyValue:StringEquals", f"{HOST}:aud", [STS, "a"])], {}, True, "allows"),
        ([only("ForAnyValue:StringNotEquals", "amr", "a")], {}, False, "ForAnyValue"),
        ([only("ForAllValues:StringEquals", "amr", "a")], {}, True, "allows"),
        ([only("Null", f"{HOST}:aud", "false")], {}, True, "allows"),
        ([only("Null", f"{HOST}:aud", "true")], {}, False, "Null"),
        ([only("IpAddress", "aws:SourceIp", "0.0.0.0/0")], {}, False, "IpAddress"),
        ([build(TRUST), {**only("IpAddress", "aws:SourceIp", "192.0.2.1/32"), "Effect": "Deny"}], {}, False, "denies"),
    ],
)
def test_evaluate(statements: list[Statement], token: dict[str, t.Any], allowed: bool, reason: str) -> None:
    verdict = evaluate({"Statement": statements}, **{"provider_arn": ARN, "audience": STS, "sub": SUB, **token})
    assert verdict.allowed is allowed, verdict.reason
    assert reason in verdict.reason


@settings(deadline=None)
@given(trust_values, accounts, st.sampled_from([STS, "vault"]))
def test_what_is_built_lets_in_exactly_what_it_names(trust: Trust, account: str, audience: str) -> None:
    account = account.replace("*", "x").replace("?", "y")
    exact = Trust(
        trust.provider_arn, trust.audiences, tuple(a.replace("*", "z") for a in trust.service_accounts if "?" not in a)
    )
    named = account in exact.service_accounts and audience in exact.audiences
    if exact.service_accounts:
        verdict = evaluate(
            {"Statement": build(exact)}, provider_arn=trust.provider_arn, audience=audience, sub=subject(account)
        )
        assert verdict.allowed is named, verdict.reason


OFFICE = {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}


def narrowed(*blocks: dict[str, t.Any], **changes: object) -> Statement:
    """Our statement with further conditions."""
    condition: dict[str, t.Any] = conditions(aud=STS, sub=SUB)
    for block in blocks:
        for name, keys in block.items():
            condition[name] = {**condition.get(name, {}), **keys}
    return {**build(TRUST), "Condition": condition, **changes}


NARROWING = {
    "an address": OFFICE,
    "several operators": {**OFFICE, "DateLessThan": {"aws:CurrentTime": "2030-01-01T00:00:00Z"}},
    "the operator of our own": {"StringEquals": {"aws:RequestedRegion": "eu-central-1"}},
    "another claim": {"ForAnyValue:StringEquals": {f"{HOST}:amr": ["mfa"]}},
    "for all values": {"ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}},
    "if it exists": {"StringEqualsIfExists": {"aws:SourceVpc": "vpc-1"}},
    "null": {"Null": {"aws:SourceVpce": "false"}},
    "a JSON boolean": {"Bool": {"aws:SecureTransport": True}},
    "an excluded subject": {"StringNotLike": {f"{HOST}:sub": "system:serviceaccount:*:default"}},
    "an excluded audience": {"StringNotEquals": {f"{HOST}:aud": "vault"}},
    "there must be a subject": {"Null": {f"{HOST}:sub": "false"}},
    "there must be an audience": {"Null": {f"{HOST}:aud": "False"}},
    "a tag that ends as a claim does": {"StringEquals": {"aws:RequestTag/team:sub": "reports"}},
    "a claim of SAML": {"StringLike": {"saml:sub": "*", "saml:aud": "https://signin.aws.amazon.com/saml"}},
}


@pytest.mark.parametrize("block", NARROWING.values(), ids=NARROWING)
def test_what_narrows_a_statement_stays(block: dict[str, t.Any]) -> None:
    policy = {"Statement": [EC2, narrowed(block)]}
    assert merge(policy, [TRUST]) is policy
    assert removals(policy, [TRUST]) == []
    more = Trust.of(ARN, [STS], ["apps/more", "apps/reports"])
    _ec2, statement = merge(policy, [more])["Statement"]
    for name, keys in block.items():
        assert keys.items() <= statement["Condition"][name].items()
    assert statement["Condition"]["StringEquals"][f"{HOST}:sub"] == [subject("apps/more"), SUB]


WIDENED: dict[str, tuple[Statement, list[str]]] = {
    "a principal more": (
        narrowed(OFFICE, Principal={"Federated": ARN, "AWS": "arn:aws:iam::999999999999:root"}),
        ["the principal AWS arn:aws:iam::999999999999:root"],
    ),
    "another provider": (
        narrowed(OFFICE, Principal={"Federated": [ARN, OTHER_ARN]}),
        [f"the principal Federated {OTHER_ARN}"],
    ),
    "everybody": (narrowed(OFFICE, Principal="*"), ["every principal (*)"]),
    "an action more": (narrowed(OFFICE, Action=[ASSUME_ACTION, "sts:TagSession"]), ["the action sts:TagSession"]),
    "every action": (narrowed(OFFICE, Action="sts:*"), ["the action sts:*"]),
    "an audience more": (
        narrowed(OFFICE, {"StringEquals": {f"{HOST}:aud": [STS, "vault"]}}),
        ["the audience vault"],
    ),
    "a weaker operator": (
        {
            **narrowed(OFFICE),
            "Condition": {**OFFICE, "StringEqualsIfExists": conditions(aud=STS, sub=SUB)["StringEquals"]},
        },
        ["every token, whatever the audience is (a token without one, too)", "every token, whatever the subject is"],
    ),
    "for all values": (
        {
            **narrowed(OFFICE),
            "Condition": {**conditions(aud=STS), **OFFICE, "ForAllValues:StringLike": {f"{HOST}:sub": SUB}},
        },
        ["every token, whatever the subject is (a token without one, too)"],
    ),
    "a pattern": (
        {**narrowed(OFFICE), "Condition": {**like("system:serviceaccount:*:*"), **OFFICE}},
        ["the subject like system:serviceaccount:*:*"],
    ),
    "another spelling": (
        {
            **narrowed(OFFICE),
            "Condition": {
                **OFFICE,
                **conditions(aud=STS),
                "StringEqualsIgnoreCase": {f"{HOST.upper()}:SUB": SUB.upper()},
            },
        },
        [f"the subject in whatever case {SUB.upper()}"],
    ),
    "a list and a pattern": (
        narrowed(
            OFFICE,
            {"StringEquals": {f"{HOST}:sub": [SUB, subject("apps/more"), subject("jobs/more")]}},
            {"StringLike": {f"{HOST}:sub": subject("apps/*")}},
        ),
        [f"the subject like {subject('apps/more')}"],
    ),
    "two patterns": (
        {
            **narrowed(OFFICE),
            "Condition": {
                **OFFICE,
                **conditions(aud=STS),
                "StringLike": {f"{HOST}:sub": subject("apps/*")},
                "ArnLike": {f"{HOST}:sub": "system:*"},
            },
        },
        [f"the subject like {subject('apps/*')}", "the subject like system:*"],
    ),
    "whatever case": (
        {
            **narrowed(OFFICE),
            "Condition": {**OFFICE, **conditions(aud=STS), "StringEqualsIgnoreCase": {f"{HOST}:sub": SUB}},
        },
        [f"the subject in whatever case {SUB}"],
    ),
    "no audience": ({**narrowed(OFFICE), "Condition": {**conditions(sub=SUB), **OFFICE}}, ["whatever the audience is"]),
    "nothing asked": ({**narrowed(), "Condition": OFFICE}, ["whatever the audience is", "whatever the subject is"]),
    "an excluded subject alone": (
        {**narrowed(), "Condition": {**conditions(aud=STS), **OFFICE, "StringNotEquals": {f"{HOST}:sub": "x"}}},
        ["whatever the subject is"],
    ),
    "no audience wanted": (narrowed(OFFICE, {"Null": {f"{HOST}:aud": "true"}}), []),
}


@pytest.mark.parametrize(("statement", "says"), WIDENED.values(), ids=WIDENED)
def test_what_widens_a_statement_is_removed_and_named(statement: Statement, says: list[str]) -> None:
    policy = {"Statement": [statement, EC2]}
    merged = merge(policy, [TRUST])
    assert merged["Statement"][0] == EC2
    [ours] = merged["Statement"][1:]
    assert ours["Principal"] == {"Federated": ARN}
    assert ours["Action"] == ASSUME_ACTION
    assert ours["Condition"]["IpAddress"] == OFFICE["IpAddress"]
    assert ours["Condition"]["StringEquals"].items() >= conditions(aud=STS, sub=SUB)["StringEquals"].items()
    found = removals(policy, [TRUST])
    assert all(line.startswith("removed: it let in ") for line in found)
    assert [part for part in says if part not in "\n".join(found)] == [], found
    assert merge(merged, [TRUST]) is merged
    assert removals(merged, [TRUST]) == []


def test_a_name_that_another_condition_excludes_was_not_let_in() -> None:
    narrow = narrowed({"StringLike": {f"{HOST}:sub": subject("apps/*")}})
    assert removals({"Statement": [narrow]}, [TRUST]) == []
    listed = narrowed(
        {"StringEquals": {f"{HOST}:sub": [SUB, subject("jobs/more")]}},
        {"StringLike": {f"{HOST}:sub": [subject("apps/*"), "x"]}},
    )
    assert removals({"Statement": [listed]}, [TRUST]) == []


@pytest.mark.parametrize("action", [TAG_ACTION, [TAG_ACTION, "sts:SetSourceIdentity"]])
def test_a_statement_for_our_tokens_by_which_nobody_assumes_the_role_stays_and_is_named(action: object) -> None:
    policy = {"Statement": [build(TRUST), {**narrowed(OFFICE), "Action": action}]}
    assert merge(policy, [TRUST]) is policy
    [line] = shared_statements(policy, [ARN])
    assert line.startswith("Statement 2 of its trust policy is not one by which the role is assumed, and stays")
    assert "the action sts:TagSession" in line
    assert not lets_in(prune(policy, [ARN]), but=[ARN])


def test_a_claim_of_another_issuer_let_nobody_in() -> None:
    statement = {**narrowed(), "Condition": {"StringEquals": {f"{HOST}:aud": STS, "other.example.com:sub": SUB}}}
    assert merge({"Statement": [statement]}, [TRUST])["Statement"] == [build(TRUST)]
    [line] = removals({"Statement": [statement]}, [TRUST])
    assert (
        line == f"removed: the condition StringEquals other.example.com:sub {SUB}, which no token that it is for meets"
    )


@pytest.mark.parametrize("name", ["apps/a", f"apps/{'x' * 40}"])
def test_the_proposed_number_of_service_accounts_fits(name: str) -> None:
    def trust(count: int) -> Trust:
        return Trust.of(ARN, [STS], [f"{name}{number:02}" for number in range(count)])

    with pytest.raises(IrsaError) as refused:
        refuse_oversize(merge(None, [trust(70)]), [trust(70)], 2048)
    (most,) = re.findall(r"at most (\d+) each", str(refused.value))
    refuse_oversize(merge(None, [trust(int(most))]), [trust(int(most))], 2048)
    with pytest.raises(IrsaError):
        refuse_oversize(merge(None, [trust(int(most) + 2)]), [trust(int(most) + 2)], 2048)


def test_a_negated_operator_holds_when_none_of_several_values_matches() -> None:
    statement = narrowed({"StringNotEquals": {"aws:TagKeys": "team"}})
    for keys, allowed in ((["cost"], True), (["cost", "team"], False), (["team"], False)):
        context = {"aws:TagKeys": keys}
        verdict = evaluate({"Statement": statement}, provider_arn=ARN, audience=STS, sub=SUB, context=context)
        assert verdict.allowed is allowed


def test_who_is_let_in_beside_our_tokens() -> None:
    assert not lets_in({"Statement": [{**EC2, "Effect": "Deny"}]}, but=[])
    assert lets_in({"Statement": EC2}, but=[ARN])
    assert lets_in({"Statement": [build(TRUST)]}, but=[OTHER_ARN])
    assert not lets_in({"Statement": [build(TRUST)]}, but=[ARN, OTHER_ARN])
    assert lets_in({"Statement": [{**build(TRUST), "Principal": {"Federated": [ARN, OTHER_ARN]}}]}, but=[ARN])
    assert not lets_in(None, but=[])


def test_an_action_by_exclusion_is_named() -> None:
    statement = {key: value for key, value in narrowed().items() if key != "Action"}
    policy = {"Statement": [{**statement, "NotAction": "sts:AssumeRole"}]}
    assert removals(policy, [TRUST]) == ["removed: it let in every action but sts:AssumeRole"]
    assert merge(policy, [TRUST])["Statement"] == [build(TRUST)]


def test_a_principal_by_exclusion_is_named() -> None:
    statement = {key: value for key, value in narrowed().items() if key != "Principal"}
    policy = {"Statement": [{**statement, "NotPrincipal": {"AWS": "999999999999"}}]}
    assert removals(policy, [TRUST]) == ['removed: it let in every principal but {"AWS": "999999999999"}']
    assert merge(policy, [TRUST])["Statement"] == [build(TRUST)]


def test_given_conditions_are_the_only_ones() -> None:
    policy = {"Statement": [narrowed(OFFICE, {"Bool": {"aws:SecureTransport": "true"}})]}
    wanted = Trust.of(ARN, [STS], ["apps/reports"], conditions={"IpAddress": {"aws:SourceIp": "198.51.100.0/24"}})
    merged = merge(policy, [wanted])
    assert merged["Statement"] == [build(wanted)]
    assert merged["Statement"][0]["Condition"]["IpAddress"] == {"aws:SourceIp": "198.51.100.0/24"}
    assert removals(policy, [wanted]) == [
        "removed: the condition IpAddress aws:SourceIp 203.0.113.0/24, which is not among conditions",
        "removed: the condition Bool aws:SecureTransport true, which is not among conditions",
    ]
    assert merge(merged, [wanted]) is merged
    assert merge(policy, [Trust.of(ARN, [STS], ["apps/reports"], conditions={})])["Statement"] == [build(TRUST)]


def test_session_tags_are_an_action_of_the_statement() -> None:
    wanted = Trust.of(ARN, [STS], ["apps/reports"], session_tags=True)
    [statement] = merge(None, [wanted])["Statement"]
    assert statement["Action"] == [ASSUME_ACTION, "sts:TagSession"]
    policy = {"Statement": [narrowed(Action=["sts:tagsession", ASSUME_ACTION])]}
    assert removals(policy, [wanted]) == []
    assert merge({"Statement": [build(TRUST)]}, [wanted])["Statement"] == [statement]


def test_statements_narrowed_in_different_ways_keep_their_own() -> None:
    other = altered(Condition=conditions(aud=STS, sub=subject("apps/more")))
    policy = {"Statement": [narrowed(OFFICE), other]}
    both = Trust.of(ARN, [STS], ["apps/more", "apps/reports"])
    assert merge(policy, [both]) is policy
    third = Trust.of(ARN, [STS], ["apps/more", "apps/reports", "apps/third"])
    first, second = merge(policy, [third])["Statement"]
    assert first == narrowed(OFFICE)
    assert second["Condition"] == conditions(aud=STS, sub=[subject("apps/more"), subject("apps/third")])
    assert merge(policy, [Trust.of(ARN, [STS], ["apps/more"])])["Statement"] == [other], "an account that is gone"


def test_a_new_account_and_no_way_to_tell_which_conditions_it_should_have() -> None:
    home = {"IpAddress": {"aws:SourceIp": "198.51.100.0/24"}}
    other = {**narrowed(home), "Condition": {**conditions(aud=STS, sub=subject("apps/more")), **home}}
    policy = {"Statement": [narrowed(OFFICE), other]}
    with pytest.raises(IrsaError, match=r"apps/third would be let in, too.*198\.51\.100.*State in conditions"):
        merge(policy, [Trust.of(ARN, [STS], ["apps/more", "apps/reports", "apps/third"])])


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ({**altered(Principal={"Federated": [ARN, OTHER_ARN]}), "Condition": {}}, "it has no condition"),
        ({**altered(Principal={"Federated": ARN, "AWS": "999999999999"}), "Condition": {}}, "it has no condition"),
        ({**altered(Principal="*", Sid="Open"), "Condition": OFFICE}, "Statement Open"),
        ({**altered(Principal={"AWS": ["*"]}), "Condition": OFFICE}, "that its conditions allow"),
    ],
)
def test_a_statement_shared_with_others_stays_and_is_named(statement: Statement, says: str) -> None:
    policy = merge({"Statement": [statement, EC2]}, [TRUST])
    assert policy["Statement"] == [statement, EC2, build(TRUST)]
    [line] = shared_statements(policy, [ARN])
    assert says in line
    assert ARN in line
    assert shared_statements(merge(None, [TRUST]), [ARN]) == []
