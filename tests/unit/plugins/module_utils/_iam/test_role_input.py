# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import datetime
import json
import re
import typing as t
from dataclasses import replace

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._aws.ownership import tag_problems
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._iam.role_input import (
    annotation_problems,
    checked_items,
    read_items,
    read_settings,
    refuse_other_account,
    written_problems,
)
from ansible_collections.onprem.irsa.plugins.module_utils._iam.roles import RoleSettings

ACCOUNT = "123456789012"
PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/oidc.example.com/prod"
SETTINGS = RoleSettings("prod", "aws", ACCOUNT, (PROVIDER,), "sts.amazonaws.com")
DOCUMENT = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}

DENY = {"Effect": "Deny", "NotAction": "s3:*", "NotResource": "*"}


def policy(**changes: object) -> dict[str, t.Any]:
    """An inline policy whose statement has changes; None leaves an element out."""
    statement = {"Effect": "Allow", "Action": "s3:*", "Resource": "*", **changes}
    return {"p": {"Statement": [{key: value for key, value in statement.items() if value is not None}]}}


def role(**options: object) -> dict[str, t.Any]:
    return {"name": "reports", "service_accounts": ["apps/reports"], **options}


@pytest.mark.parametrize(
    "good",
    [
        role(),
        role(name="a_b+c=d,e.f@g-h"),
        role(name="x" * 64),
        role(service_accounts=["apps/reports.v2", "a/b", f"{'n' * 63}/{'s' * 63}.{'s' * 63}"]),
        role(service_accounts=["*/web", "preview-?/*"], allow_wildcards=True),
        role(managed_policies=["arn:aws:iam::aws:policy/service-role/X", f"arn:aws:iam::{ACCOUNT}:policy/a/b/c"]),
        role(managed_policies=[], inline_policies={}, permissions_boundary="", description=""),
        role(inline_policies={"s3": DOCUMENT, "text": json.dumps({"Statement": DENY})}),
        role(permissions_boundary="arn:aws:iam::aws:policy/PowerUserAccess", path="/a/b/", max_session_duration=43200),
        role(tags={"team": "Größe 1", "empty": ""}, description="Zürich\nx"),
        role(audiences=["https://vault.example.com", "sts.amazonaws.com"]),
        role(managed_policies=[f"arn:aws:iam::aws:policy/p{n}" for n in range(10)]),
        role(inline_policies={"p": {**DOCUMENT, "Version": datetime.date(2012, 10, 17)}}),
        role(inline_policies=policy(Condition={"Bool": {"aws:SecureTransport": True}})),
        role(tags={"Team": "a", "teams": "b", "cost": 12}),
        role(session_tags=True),
        role(tags={"since": datetime.date(2026, 1, 1)}),
        role(max_session_duration=3600.0),
        role(conditions={"StringEquals": {"aws:RequestTag/team:sub": "reports"}}),
        role(conditions={"ForAllValues:StringNotEqualsIgnoreCaseIfExists": {"aws:TagKeys": ["a"]}}),
        role(inline_policies=policy(Action=["*", "s3:*", "s3-object-lambda:Get*"], Sid="Read1")),
        {"name": "gone", "state": "absent"},
    ],
)
def test_good_input_is_taken(good: dict[str, t.Any]) -> None:
    [item] = checked_items([good], SETTINGS)
    assert {key: item[key] for key in good if key != "inline_policies"} == {
        key: value for key, value in good.items() if key != "inline_policies"
    }


def test_times_of_conditions_are_written_as_iam_takes_them() -> None:
    moment = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
    given = {"DateLessThan": {"aws:CurrentTime": moment}, "DateGreaterThan": {"aws:CurrentTime": [moment.date()]}}
    [item] = checked_items([role(conditions=given)], SETTINGS)
    assert item["conditions"] == {
        "DateLessThan": {"aws:CurrentTime": "2026-01-01T00:00:00+00:00"},
        "DateGreaterThan": {"aws:CurrentTime": ["2026-01-01"]},
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("StringEquals", 0o12345670123),
        ("StringLike", 0o777),
        ("ArnNotLike", 1_000),
        ("StringNotEqualsIfExists", 0),
        ("ForAnyValue:StringEquals", 45045),
        ("IpAddress", 10.1),
        ("BinaryEquals", 12),
        ("StringEquals", True),
        ("StringEqualsIgnoreCase", datetime.datetime(2026, 1, 1, 9)),
    ],
)
def test_what_yaml_has_changed_is_no_text_of_a_condition(name: str, value: object) -> None:
    conditions = {name: {"aws:SourceAccount": ["1", value]}}
    for what, given in (("conditions", conditions), ("inline policy 'p': Condition", policy(Condition=conditions))):
        option = "conditions" if what == "conditions" else "inline_policies"
        [line] = read_items([role(**{option: given})], SETTINGS)[1]
        assert f"{what}: {name} aws:SourceAccount must be a text, and YAML has read the" in line
        assert "in quotes" in line


def test_numbers_and_booleans_stay_where_they_are_compared_as_such() -> None:
    conditions = {
        "NumericLessThanEquals": {"aws:MultiFactorAuthAge": [3600, 0.5]},
        "ForAllValues:NumericEquals": {"s3:max-keys": 10},
        "Bool": {"aws:SecureTransport": True},
        "Null": {"aws:SourceAccount": False},
    }
    assert read_items([role(conditions=conditions, inline_policies=policy(Condition=conditions))], SETTINGS)[1] == []


@pytest.mark.parametrize("value", [0o12345670123, 12, 1_000, 45045, 0, 1.10, 1e3, True])
def test_a_tag_as_it_was_written_is_a_text(value: object) -> None:
    [line] = written_problems(role(tags={"account": value, "team": "12"})) or tag_problems({"account": value})
    assert "tag account must be a text, and YAML has read the" in line
    assert "in quotes" in line
    assert read_items([role(tags={"account": value})], SETTINGS, written=True)[1] == [f"Role 'reports': {line}"]


@pytest.mark.parametrize("key", [True, False, 12, 1.1, None])
def test_an_option_that_yaml_has_read_otherwise_is_told_as_such(key: object) -> None:
    entry: dict[object, t.Any] = dict(role().items())
    entry[key] = "x"
    [line] = read_items([entry], SETTINGS)[1]
    assert "YAML has read" in line
    assert "in quotes" in line


def test_what_is_not_given_gets_its_default_and_text_becomes_data() -> None:
    [item] = checked_items(
        [{"name": "a", "service_accounts": "apps/a", "inline_policies": {"p": json.dumps(DOCUMENT)}}], SETTINGS
    )
    assert item["service_accounts"] == ["apps/a"]
    assert item["inline_policies"] == {"p": DOCUMENT}
    assert (item["state"], item["adopt"], item["allow_wildcards"]) == ("present", False, False)
    assert "managed_policies" not in item or item["managed_policies"] is None


READ = "arn:aws:iam::aws:policy/ReadOnlyAccess"
ELSEWHERE = "arn:aws:iam::210987654321:policy/x"


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ({"service_accounts": ["apps/a"]}, ["Role number 1", "name is not set", "name: prod-reports"]),
        (role(name=""), ["''", "1 to 64"]),
        (role(name="x" * 65), ["x" * 65, "1 to 64", "Rename"]),
        (role(name="a/b"), ["'a/b'", "letters, digits"]),
        (role(name="größe"), ["größe"]),
        (role(nmae="x"), ["nmae"]),
        (role(state="gone"), ["state", "present, absent"]),
        (role(service_accounts=[]), ["no service accounts"]),
        (role(service_accounts=["reports"]), ["'reports'", "namespace/name"]),
        (role(service_accounts=["Apps/reports"]), ["'Apps'", "RFC 1123 label"]),
        (role(service_accounts=["apps.x/reports"]), ["'apps.x'", "RFC 1123 label"]),
        (role(service_accounts=[f"{'n' * 64}/a"]), ["n" * 64, "1 to 63"]),
        (role(service_accounts=["apps/Reports"]), ["'Reports'", "RFC 1123 subdomain"]),
        (role(service_accounts=["apps/a..b"]), ["'a..b'"]),
        (role(service_accounts=["apps/a/b"]), ["'a/b'"]),
        (role(service_accounts=["apps/"]), ["''"]),
        (role(service_accounts=["/a"]), ["namespace ''"]),
        (role(service_accounts=["apps/" + "a" * 254]), ["1 to 253"]),
        (role(service_accounts=["apps/a\n"]), [r"a\n"]),
        (role(service_accounts=["apps/*"]), ["'apps/*'", "allow_wildcards"]),
        (role(service_accounts=["apps/a?"]), ["allow_wildcards"]),
        (role(service_accounts=["-*/a"], allow_wildcards=True), ["'-*'"]),
        (role(service_accounts=["apps/a", "apps/a"]), ["more than once", "apps/a"]),
        (
            role(service_accounts=[f"apps/{'a' * 40}{n}" for n in range(40)]),
            ["the quota is 2048", "40 service accounts over 2 roles"],
        ),
        (role(managed_policies=["ReadOnlyAccess"]), ["'ReadOnlyAccess'", "must be the ARN of a managed policy"]),
        (role(managed_policies=["arn:aws:iam::aws:role/x"]), ["must be the ARN"]),
        (role(managed_policies=["arn:aws-cn:iam::aws:policy/x"]), ["partition aws-cn", "of aws"]),
        (role(managed_policies=[ELSEWHERE]), ["another account than 123456789012"]),
        (role(managed_policies=["arn:aws:iam::aws:policy/x"] * 2), ["more than once", "policy/x"]),
        (role(permissions_boundary="x"), ["'x'", "must be the ARN of a managed policy"]),
        (role(permissions_boundary=ELSEWHERE), ["another account"]),
        (role(inline_policies={"a b": DOCUMENT}), ["'a b'", "IAM policy name"]),
        (role(inline_policies={"p": "{"}), ["inline policy 'p'", "policy document"]),
        (role(inline_policies={"p": {}}), ["inline policy 'p'", "Statement"]),
        (role(inline_policies={"p": ["x"]}), ["inline policy 'p'"]),
        (role(inline_policies={"p": {**DOCUMENT, "Id": "x" * 11000}}), ["the quota is 10240"]),
        (role(path="irsa"), ["'irsa'", "/ at both ends"]),
        (role(path="/a b/"), ["'/a b/'"]),
        (role(path=f"/{'a' * 511}/"), ["1 to 512"]),
        (role(description="x" * 1001), ["at most 1000"]),
        (role(description="日本"), ["Latin-1"]),
        (role(max_session_duration=3599), ["3599", "3600 to 43200"]),
        (role(max_session_duration="an hour"), ["max_session_duration", "int"]),
        (role(tags={"aws:x": "1"}), ["'aws:x'", "reserved"]),
        (role(tags={"onprem.irsa/cluster": "x"}), ["reserved"]),
        (role(tags={"a" * 129: "1"}), ["1 to 128"]),
        (role(tags={"a": "x" * 257}), ["at most 256"]),
        (role(tags={"a": "x;y"}), ["'x;y'"]),
        (role(tags={str(n): "" for n in range(50)}), ["50 tags", "49"]),
        (role(tags={"Team": "a", "team": "b"}), ["Team, team", "only by case"]),
        (role(tags={"COST": "1", "cost": "1", "x": "1", "X": "2"}), ["COST, cost", "x, X"]),
        (role(tags={"ONPREM.irsa/Cluster": "x"}), ["reserved"]),
        (role(tags={"paid": True}), ["tag paid", "boolean true", "quotes"]),
        (role(tags={"release": 1.1}), ["tag release", "the number 1.1", "quotes"]),
        (
            role(tags={"since": datetime.datetime(2026, 1, 1, 9)}),
            ["tag since", "the time 2026-01-01T09:00:00", "quotes"],
        ),
        (role(tags={"team": None}), ["tag team has no value"]),
        (role(tags={True: "x"}), ["tags: key", "boolean true", "quotes"]),
        (role(tags={10: "x"}), ["tags: key", "the number 10", "quotes"]),
        (role(tags={None: "x"}), ["tags has a key", "null"]),
        (role(tags={"straße": "a", "STRASSE": "b"}), ["straße, STRASSE", "only by case"]),
        (role(tags={"ΤΟΠΟΣ": "a", "τοπος": "b", "τοποσ": "c"}), ["ΤΟΠΟΣ, τοπος, τοποσ"]),
        (role(service_accounts=True), ["service_accounts must be a text", "boolean true"]),
        (role(max_session_duration="01:00:00"), ["'01:00:00'", "whole number of seconds"]),
        (role(max_session_duration=3600.5), ["3600.5", "whole number of seconds"]),
        (role(inline_policies={1.1: DOCUMENT}), ["inline_policies: key", "the number 1.1"]),
        (role(inline_policies=policy(Sid=10)), ["the Sid 10", "in quotes"]),
        (role(inline_policies=policy(Resource=[10])), ["the Resource 10", "in quotes"]),
        (role(inline_policies=policy(Sid="two words")), ["'two words'", "letters and digits"]),
        (role(inline_policies=policy(Action="s3")), ["the Action 's3'", "SERVICE:ACTION"]),
        (role(inline_policies=policy(Action=["s3:Get*", "sqs"])), ["the Action 'sqs'"]),
        (role(inline_policies={"p": {"Statement": [{**DENY, "Sid": "A"}, {**DENY, "Sid": "A"}]}}), ["Sid", ": A"]),
        (role(conditions={"stringequals": {"aws:X": "a"}}), ["'stringequals'", "Did you mean StringEquals?"]),
        (role(conditions={"forAnyValue:StringEquals": {"aws:X": "a"}}), ["'forAnyValue:StringEquals'"]),
        (role(conditions={"IpAddress": {"aws:SourceIp": 10.1}}), ["aws:SourceIp", "the number 10.1", "quotes"]),
        (role(conditions={"StringEquals": {"SourceIp": "a"}}), ["SourceIp must begin with a service"]),
        (role(conditions={"Null": {"aws:X": ["true", "maybe"]}}), ["must be true or false"]),
        (role(conditions={None: {"aws:X": True}}), ["conditions has a key", "null"]),
        (role(name=10), ["name must be a text", "the number 10", "quotes"]),
        (role(name=False), ["the boolean false", "quotes"]),
        (role(path=10), ["path must be a text", "quotes"]),
        (role(service_accounts=[12]), ["service_accounts, item 1, must be a text", "quotes"]),
        (role(audiences=["a", True]), ["audiences, item 2, must be a text", "boolean true"]),
        (role(service_accounts={"apps": "reports"}), ['service_accounts is {"apps": "reports"}', "must be a list"]),
        (
            role(service_accounts=[{"namespace": "apps", "name": "reports"}]),
            ['service_accounts, item 1, is {"namespace": "apps", "name": "reports"}', "It must be text"],
        ),
        (role(managed_policies=[["a"]]), ['managed_policies, item 1, is ["a"]', "It must be text"]),
        (role(description={"a": "b"}), ['description is {"a": "b"}', "It must be text"]),
        (role(permissions_boundary=1e3), ["the number 1000.0", "quotes"]),
        (role(max_session_duration=True), ["max_session_duration", "boolean"]),
        (role(max_session_duration="1h"), ["max_session_duration", "1h", "whole number"]),
        (role(conditions=["StringEquals"]), ['conditions is ["StringEquals"]. It must be a dictionary']),
        (role(inline_policies=[DOCUMENT]), ["inline_policies is [", "It must be a dictionary"]),
        (role(tags=["team"]), ['tags is ["team"]', "It must be a dictionary"]),
        (role(adopt="perhaps"), ["adopt is perhaps. It must be true or false"]),
        (role(state="Absent"), ["state is 'Absent'. It must be one of present, absent. Did you mean absent?"]),
        (role(max_session_duration=448), ["448", "octal"]),
        (role(managed_policies=[f"arn:aws:iam::aws:policy/p{n}" for n in range(11)]), ["11 managed", "quota is 10"]),
        (role(inline_policies=policy(Effect="Permit")), ["'Permit'", "Allow or Deny"]),
        (role(inline_policies=policy(Effect="allow")), ["'allow'", "Allow or Deny"]),
        (role(inline_policies=policy(Effect=None)), ["None", "Allow or Deny"]),
        (role(inline_policies=policy(Action=None)), ["either Action or NotAction"]),
        (role(inline_policies=policy(Action=None, Actions="s3:*")), ["'Actions'", "Did you mean Action?"]),
        (role(inline_policies=policy(Resource=None)), ["either Resource or NotResource"]),
        (role(inline_policies=policy(NotResource="*")), ["either Resource or NotResource"]),
        (role(inline_policies=policy(Principal="*")), ["'Principal'"]),
        (role(inline_policies=policy(Condition={"StringEqual": {"a:b": "c"}})), ["'StringEqual'"]),
        (role(inline_policies=policy(Condition={"StringEquals": "c"})), ["StringEquals must be a mapping"]),
        (role(inline_policies={"p": {"Statement": [1]}}), ["statement 1 is 1"]),
        (role(inline_policies={"p": {**DOCUMENT, "Version": "2012-10-18"}}), ["'2012-10-18'", "2012-10-17"]),
        (role(inline_policies={"p": {**DOCUMENT, "Version": 20121017}}), ["20121017", "2012-10-17"]),
        (role(inline_policies={"p": {**DOCUMENT, "version": "2012-10-17"}}), ["'version'", "Did you mean Version?"]),
        (role(conditions={"StringEquals": {"oidc.example.com/prod:sub": "x"}}), [":sub", "service_accounts"]),
        (role(conditions={"StringLike": {"OIDC.example.com:AUD": "*"}}), [":AUD", "audiences"]),
        (role(conditions={"Null": {"other.example:aud": "true"}}), [":aud", "Remove it"]),
        (role(conditions={"IpAdress": {"aws:SourceIp": "203.0.113.0/24"}}), ["'IpAdress'"]),
        (role(conditions={"IpAddress": "203.0.113.0/24"}), ["must be a mapping"]),
        (role(conditions={"IpAddress": {}}), ["must be a mapping"]),
        (role(conditions={"IpAddress": {"aws:SourceIp": []}}), ["as its value"]),
        (role(conditions={"IpAddress": {"aws:SourceIp": {"a": "b"}}}), ["as its value"]),
        (role(audiences=["a*"]), ["'a*'", "audience"]),
        (role(audiences=[""]), ["audience ''"]),
        (role(audiences=["x" * 256]), ["1 to 255"]),
    ],
)
def test_bad_input_names_value_and_rule(bad: dict[str, t.Any], says: list[str]) -> None:
    with pytest.raises(InputError) as refused:
        checked_items([bad], SETTINGS)
    assert [part for part in says if part not in str(refused.value)] == [], str(refused.value)
    assert str(refused.value).endswith("Nothing was changed.")


def test_everything_that_is_wrong_is_said_at_once() -> None:
    _items, problems = read_items(
        [role(name="a b", path="x"), role(service_accounts=["x"]), role(name="Reports")], SETTINGS
    )
    assert [problem.split(":")[0] for problem in problems] == [
        "Role 'a b'",
        "Role 'a b'",
        "Role 'reports'",
        "Given more than once",
    ]


@pytest.mark.parametrize("cluster", ["", "x" * 257, "a;b"])
def test_the_cluster_becomes_a_tag(cluster: str) -> None:
    with pytest.raises(InputError, match="The cluster's name"):
        checked_items([], replace(SETTINGS, cluster=cluster))


def test_values_of_conditions_become_texts() -> None:
    given = {"Bool": {"aws:SecureTransport": True}, "NumericLessThan": {"aws:MultiFactorAuthAge": [60, "90"]}}
    [item] = checked_items([role(conditions=given)], SETTINGS)
    assert item["conditions"] == {
        "Bool": {"aws:SecureTransport": "true"},
        "NumericLessThan": {"aws:MultiFactorAuthAge": ["60", "90"]},
    }


def test_the_quota_of_managed_policies_is_the_account_s() -> None:
    many = role(managed_policies=[f"arn:aws:iam::aws:policy/p{n}" for n in range(15)])
    assert checked_items([many], replace(SETTINGS, managed_policies_limit=15))
    with pytest.raises(InputError, match="managed_policies_limit 0 must be at least 1"):
        checked_items([], replace(SETTINGS, managed_policies_limit=0))


def test_a_provider_is_trusted_or_retired() -> None:
    options = {"cluster": "prod", "audience": "a", "retired_provider_arns": [PROVIDER, "oidc.example.com"]}
    _settings, problems = read_settings([PROVIDER], options)
    assert f"{PROVIDER} is among oidc_provider_arns and retired_provider_arns" in problems[0]
    assert "'oidc.example.com' must be the ARN" in problems[1]


def test_the_common_audience_is_checked() -> None:
    with pytest.raises(InputError, match="audience ''"):
        checked_items([], replace(SETTINGS, audience=""))


@pytest.mark.parametrize("limit", [0, -1, 4097])
def test_the_limit_is_one_that_iam_has(limit: int) -> None:
    with pytest.raises(InputError, match=f"trust_policy_limit {limit} must be 1 to 4096"):
        checked_items([role()], replace(SETTINGS, trust_policy_limit=limit))


def test_the_proposal_for_the_split_fits() -> None:
    names = [f"apps/reports-{number:03}" for number in range(70)]
    with pytest.raises(InputError) as refused:
        checked_items([role(service_accounts=names)], SETTINGS)
    found = re.search(r"over (\d+) roles, at most (\d+) each", str(refused.value))
    assert found
    count, most = int(found[1]), int(found[2])
    assert count * most >= len(names)
    parts = [role(name=f"part-{n}", service_accounts=names[n * most : (n + 1) * most]) for n in range(count)]
    assert len(checked_items(parts, SETTINGS)) == count


def test_policies_of_any_account_pass_while_the_account_is_not_known() -> None:
    assert checked_items([role(managed_policies=[ELSEWHERE])], replace(SETTINGS, account_id=""))


@pytest.mark.parametrize(
    "arns",
    [
        [],
        ["oidc.example.com"],
        [PROVIDER, PROVIDER],
        [PROVIDER, PROVIDER.replace("aws", "aws-cn", 1)],
        [PROVIDER, PROVIDER.replace(ACCOUNT, "210987654321")],
        [PROVIDER.replace("oidc-provider", "saml-provider")],
        [PROVIDER.replace(ACCOUNT, "12345678901")],
    ],
)
def test_providers_that_no_role_can_trust_together(arns: list[str]) -> None:
    settings, problems = read_settings(arns, {"cluster": "prod", "audience": "a"})
    with pytest.raises(InputError, match=r"oidc_provider_arns(.|\n)*Role 'a b'(.|\n)*path"):
        checked_items([role(name="a b", path="x", managed_policies=[READ])], settings, problems)


@pytest.mark.parametrize(
    ("partition", "account"), [("aws", ACCOUNT), ("aws-cn", ACCOUNT), ("aws", "RGW12345678901234567")]
)
def test_settings_know_where_the_roles_live(partition: str, account: str) -> None:
    arn = f"arn:{partition}:iam::{account}:oidc-provider/oidc.example.com"
    settings, problems = read_settings([arn], {"cluster": "prod", "audience": "a"})
    assert problems == []
    assert (settings.partition, settings.account_id) == (partition, account)
    refuse_other_account(settings, partition, account)
    with pytest.raises(InputError, match="Use credentials of the providers' account"):
        refuse_other_account(settings, partition, "210987654321")


def test_an_annotation_names_one_role() -> None:
    items = checked_items(
        [
            role(),
            role(name="b", service_accounts=["apps/reports", "apps/b"]),
            role(name="c", service_accounts=["apps/*", "apps/b"], allow_wildcards=True),
            role(name="d", service_accounts=["apps/d"]),
            role(name="e", service_accounts=["apps/d"], state="absent"),
        ],
        SETTINGS,
    )
    [problem] = annotation_problems(items)
    assert "apps/b, apps/reports." in problem
    assert annotation_problems([items[0], items[3], items[4]]) == []


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["a", "b"], []),
        (["a", "a"], ["a. Keep"]),
        (["prod-reports", "Prod-Reports"], ["prod-reports, Prod-Reports (IAM ignores case in names of roles). Keep"]),
        (["A", "b", "a", "c", "a"], ["A, a (IAM ignores case in names of roles). Keep"]),
        (["x", "B", "x", "b"], ["B, b; x (IAM ignores case in names of roles). Keep"]),
    ],
)
def test_names_that_iam_takes_for_one_are_told_as_they_are_spelt(names: list[str], told: list[str]) -> None:
    _items, problems = read_items([role(name=name) for name in names], SETTINGS)
    assert problems == [f"Given more than once: role names: {each} one of each." for each in told]


def test_roles_of_one_service_account_are_named() -> None:
    entries = [
        role(name="c", service_accounts=["apps/b", "apps/a"]),
        role(name="a", service_accounts=["apps/a"]),
        role(name="b", service_accounts=["apps/b", "apps/x"]),
        role(name="gone", service_accounts=["apps/x"], state="absent"),
    ]
    [line] = annotation_problems(read_items(entries, SETTINGS)[0])
    assert "(an annotation names one): apps/a, apps/b. Keep one of each." in line
    assert line.endswith(" apps/a belongs to c and a; apps/b belongs to c and b.")
