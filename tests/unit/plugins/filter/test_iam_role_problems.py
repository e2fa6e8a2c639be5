# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t
from datetime import datetime, timezone

import pytest

from ansible_collections.onprem.irsa.plugins.filter.iam_role_problems import FilterModule

GOOD = {
    "name": "reports",
    "service_accounts": ["apps/reports"],
    "managed_policies": ["arn:aws:iam::123456789012:policy/x"],
}
OPTIONS = {"cluster": "prod", "issuer": "https://oidc.example.com", "region": "eu-central-1"}


def problems(*roles: dict[str, t.Any], **options: object) -> list[str]:
    found: list[str] = FilterModule().filters()["iam_role_problems"](list(roles), **{**OPTIONS, **options})
    return found


def test_good_roles_have_no_problems() -> None:
    assert problems(GOOD) == []
    assert problems() == []


@pytest.mark.parametrize(
    ("role", "options", "says"),
    [
        ({**GOOD, "name": "a b"}, {}, "Role 'a b': 'a b' must be 1 to 64"),
        ({"name": "a"}, {}, "no service accounts"),
        (GOOD, {"region": "cn-north-1"}, "partition aws, and the role of aws-cn"),
        (GOOD, {"region": "here"}, "The region 'here'"),
        (GOOD, {"issuer": "http://oidc.example.com"}, "must begin with https://"),
        (GOOD, {"cluster": ""}, "The cluster's name ''"),
        (GOOD, {"audience": "a b"}, "audience 'a b'"),
        (GOOD, {"trust_policy_limit": 100}, "the quota is 100"),
    ],
)
def test_a_line_for_what_is_wrong(role: dict[str, t.Any], options: dict[str, t.Any], says: str) -> None:
    [problem] = problems(role, **options)
    assert says in problem


@pytest.mark.parametrize(
    ("role", "says"),
    [
        ({**GOOD, "name": 10}, "name must be a text, and YAML has read the number 10"),
        ({**GOOD, "description": True}, "description must be a text, and YAML has read the boolean true"),
        ({**GOOD, "audiences": [1.1]}, "audiences, item 1, must be a text, and YAML has read the number 1.1"),
        ({**GOOD, "tags": {"paid": False}}, "tag paid must be a text, and YAML has read the boolean false"),
        ({**GOOD, "tags": {"release": 1.1}}, "tag release must be a text, and YAML has read the number 1.1"),
        ({**GOOD, "max_session_duration": True}, "max_session_duration must be a number of seconds"),
    ],
)
def test_what_yaml_has_read_otherwise_is_told_as_such(role: dict[str, t.Any], says: str) -> None:
    found = "\n".join(problems(role))
    assert says in found
    assert "quotes" in found or "boolean" in found


def test_a_cluster_that_is_a_number_is_told_as_such() -> None:
    assert "The cluster's name must be a text, and YAML has read the number 7" in "\n".join(problems(GOOD, cluster=7))


@pytest.mark.parametrize(
    "options",
    [
        {"tags": {"account": 0o12345670123}},
        {"conditions": {"StringEquals": {"aws:PrincipalAccount": 0o12345670123}}},
        {"tags": {"a": "b", "account": 1402433619, "on": "c"}},
    ],
)
def test_a_number_of_which_the_text_is_lost_is_refused(options: dict[str, t.Any]) -> None:
    [line] = problems({**GOOD, **options})
    assert "ccount must be a text, and YAML has read the number 1402433619" in line


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"tags": {True: "x"}}, "tags: key must be a text, and YAML has read the boolean true"),
        ({"inline_policies": {10: {}}}, "inline_policies: key must be a text, and YAML has read the number 10"),
        ({"description": datetime(2026, 1, 1, 9, tzinfo=timezone.utc)}, "YAML has read the time 2026-01-01T09:00:00"),
    ],
)
def test_what_yaml_has_read_as_a_key_or_a_time_is_told(more: dict[str, t.Any], says: str) -> None:
    assert says in "\n".join(problems({**GOOD, **more}))


def test_an_annotation_names_one_role() -> None:
    other = {**GOOD, "name": "b"}
    assert problems(GOOD, other) == []
    [problem] = problems(GOOD, other, annotated=True)
    assert "apps/reports" in problem


class Bound(dict[str, t.Any]):
    """As a value of a template: a deep copy of it is one of all variables of the host."""

    def __deepcopy__(self, memo: object) -> t.NoReturn:
        raise AssertionError("a role was copied with everything that it is bound to")


def test_many_roles_are_checked_in_linear_time() -> None:
    statement = Bound({"Effect": "Allow", "Action": "s3:*", "Resource": "*"})
    assert problems(Bound({**GOOD, "inline_policies": Bound({"p": Bound({"Statement": [statement]})})})) == []


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ("service_acounts", "service_acounts is no option of a role. Did you mean service_accounts?"),
        ("serviceAccounts", "serviceAccounts is no option of a role. Did you mean service_accounts?"),
        ("managed_policy", "managed_policy is no option of a role. Did you mean managed_policies?"),
        ("policies", "policies is no option of a role. The options are name, state,"),
        ("Tags", "Tags is no option of a role. Did you mean tags?"),
    ],
)
def test_an_option_that_a_role_does_not_have(option: str, says: str) -> None:
    [problem] = problems({**GOOD, option: ["apps/reports"]})
    assert problem.startswith(f"Role 'reports': {says}")


def test_all_is_told_at_once_although_the_region_is_wrong_too() -> None:
    found = problems({**GOOD, "name": "a b"}, region="here", bucket="Acme")
    assert [line.split()[:3] for line in found] == [
        ["The", "bucket", "name"],
        ["The", "region", "'here'"],
        ["Role", "'a", "b':"],
    ]


def test_without_a_region_the_variable_is_named() -> None:
    assert problems(GOOD, region="") == ["irsa_region is not set. Set it, as in irsa_region: eu-central-1"]


@pytest.mark.parametrize("entry", ["prod-reports", 5, None])
def test_a_role_that_is_none(entry: object) -> None:
    [problem] = FilterModule().filters()["iam_role_problems"]([entry], **OPTIONS)
    assert problem.startswith("Role number 1 is ")


def test_a_wrong_quota_is_told_by_itself() -> None:
    roles = [{"name": "a", "service_accounts": ["apps/a"]}]
    [said] = FilterModule().filters()["iam_role_problems"](roles, **OPTIONS, managed_policies_limit=-1)
    assert "managed_policies_limit -1 must be at least 1" in said


def test_the_issuer_is_no_former_one() -> None:
    roles = [{"name": "a", "service_accounts": ["apps/a"]}]
    issuer, former = "https://oidc.example.com", "https://old.example.com"
    [said] = FilterModule().filters()["iam_role_problems"](
        roles, **{**OPTIONS, "issuer": issuer}, retired=[former, issuer]
    )
    assert f"irsa_iam_retired_issuers has {issuer}, " in said
    assert FilterModule().filters()["iam_role_problems"](roles, **{**OPTIONS, "issuer": issuer}, retired=[former]) == []


@pytest.mark.parametrize(
    ("former", "says"),
    [
        ("oidc.example.com", "must begin with https://"),
        ("http://oidc.example.com", "must begin with https://"),
        ("https://oidc.example.com/", "must not end in a slash"),
        ("https://oidc.example.com:8443", "must have no port"),
        ("", "must be a URL"),
    ],
)
def test_a_former_issuer_is_told_with_its_variable(former: str, says: str) -> None:
    roles = [{"name": "prod-reports", "service_accounts": ["apps/reports"]}]
    [line] = FilterModule().filters()["iam_role_problems"](roles, **OPTIONS, retired=[former, "https://a.example.com"])
    assert line.startswith(f"irsa_iam_retired_issuers: The former issuer {former!r} {says}")
    assert "Serve" not in line
    assert line.endswith("or remove it.")
