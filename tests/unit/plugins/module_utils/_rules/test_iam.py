# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t
from datetime import datetime, timezone

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._rules import iam
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._rules.given import nothing_there, with_defaults

GOOD = {
    "name": "reports",
    "service_accounts": ["apps/reports"],
    "managed_policies": ["arn:aws:iam::123456789012:policy/x"],
}
OPTIONS = {
    "irsa_iam_cluster": "prod",
    "irsa_iam_issuer_url": "https://oidc.example.com",
    "irsa_iam_region": "eu-central-1",
    "irsa_iam_audience": "sts.amazonaws.com",
    "irsa_iam_service_accounts": "none",
}


def problems(*roles: object, **options: object) -> list[str]:
    given = {f"irsa_iam_{name}": value for name, value in options.items()}
    values = with_defaults("irsa_iam", **{**OPTIONS, **given, "irsa_iam_roles": list(roles)})
    return iam.problems(values, nothing_there)


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
        (GOOD, {"issuer_url": "http://oidc.example.com"}, "must begin with https://"),
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
    [problem] = problems(GOOD, other, service_accounts="create")
    assert "apps/reports" in problem


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ("service_acounts", "service_acounts is not an option of a role. Did you mean service_accounts?"),
        ("serviceAccounts", "serviceAccounts is not an option of a role. Did you mean service_accounts?"),
        ("managed_policy", "managed_policy is not an option of a role. Did you mean managed_policies?"),
        ("policies", "policies is not an option of a role. The options are name, state,"),
        ("Tags", "Tags is not an option of a role. Did you mean tags?"),
    ],
)
def test_an_option_that_a_role_does_not_have(option: str, says: str) -> None:
    [problem] = problems({**GOOD, option: ["apps/reports"]})
    assert problem.startswith(f"Role 'reports': {says}")


def test_all_is_told_at_once_although_the_region_is_wrong_too() -> None:
    values = with_defaults("irsa_iam", **OPTIONS, irsa_issuer_bucket="Acme", irsa_iam_roles=[{**GOOD, "name": "a b"}])
    found = iam.problems({**values, "irsa_iam_region": "here"}, nothing_there)
    assert [line.split()[:3] for line in found] == [
        ["The", "bucket", "name"],
        ["The", "region", "'here'"],
        ["Role", "'a", "b':"],
    ]


def test_without_a_region_the_variable_is_named() -> None:
    assert problems(GOOD, region="") == ["irsa_region is not set. Set it, as in irsa_region: eu-central-1"]


@pytest.mark.parametrize("entry", ["prod-reports", 5, None])
def test_a_role_that_is_none(entry: object) -> None:
    [problem] = problems(entry)
    assert problem.startswith("Role number 1 is ")


def test_a_wrong_quota_is_told_by_itself() -> None:
    [said] = problems(GOOD, managed_policies_limit=-1)
    assert "managed_policies_limit -1 must be at least 1" in said


def test_the_issuer_is_no_former_one() -> None:
    issuer, former = "https://oidc.example.com", "https://old.example.com"
    [said] = problems(GOOD, retired_issuers=[former, issuer])
    assert f"irsa_iam_retired_issuers has {issuer}, " in said
    assert problems(GOOD, retired_issuers=[former]) == []


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
    [line] = problems(GOOD, retired_issuers=[former, "https://a.example.com"])
    assert line.startswith(f"irsa_iam_retired_issuers: The former issuer {former!r} {says}")
    assert "Serve" not in line
    assert line.endswith("or remove it.")
