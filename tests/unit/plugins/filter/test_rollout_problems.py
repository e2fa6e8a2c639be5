# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest

from ansible_collections.onprem.irsa.plugins.filter.rollout_problems import FilterModule

rollout_problems = FilterModule().filters()["rollout_problems"]
ISSUER = "https://oidc.example.com"


def observed(*issuers: str) -> list[dict[str, t.Any]]:
    flags = {"service-account-issuer": list(issuers)}
    return [{"item": "cp1", "running_flags": flags, "kids": ["k1"], "signing_key": {"kid": "k1"}}]


def test_nothing_is_wrong() -> None:
    assert rollout_problems(ISSUER) == []
    options = {"flags": {"v": ["4"]}, "retired": ["https://old.example.com"]}
    assert rollout_problems(ISSUER, **options) == []
    assert rollout_problems(ISSUER, **options, observed=observed(ISSUER, "https://old.example.com")) == []
    stopped: list[dict[str, t.Any]] = [{"item": "cp1", "running_flags": {}, "kids": [], "signing_key": None}]
    assert rollout_problems(ISSUER, **options, observed=stopped) == []


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"retired": [ISSUER]}, "can't sign and be retired"),
        (
            {"retired": ["https://old.example.com"], "observed": observed("https://old.example.com", ISSUER)},
            "as it does on cp1: the tokens that pods have from it would be refused at once. Run without retiring it",
        ),
        ({"flags": {"service-account-issuer": [ISSUER]}}, "must not be among the further flags"),
        ({"flags": {"service-account-key-file": ["/etc/kubernetes/pki/new.pub"]}}, "leave the keys as they are"),
        ({"flags": {"api-audiences": ["sts.amazonaws.com"]}}, "must not have sts.amazonaws.com"),
        ({"flags": {"api-audiences": ["aws"]}, "aws_audience": "aws"}, "must not have aws"),
        (
            {"flags": {"api-audiences": [ISSUER]}, "observed": observed("https://old")},
            "lacks https://old, in force on cp1",
        ),
        ({"retired_audiences": ["https://old"], "observed": observed("https://old")}, "can't be retired yet"),
        ({"flags": {"--v": ["4"]}}, "--v"),
        ({"flags": {"v": "4"}}, "The flag v must have a list"),
    ],
)
def test_what_contradicts_itself(options: dict[str, t.Any], says: str) -> None:
    (line,) = rollout_problems(ISSUER, **options)
    assert says in line
