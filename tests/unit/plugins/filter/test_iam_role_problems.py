# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

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
    assert (
        problems(Bound({**GOOD, "inline_policies": Bound({"p": Bound({"Statement": [Bound({"Effect": "Allow"})]})})}))
        == []
    )
