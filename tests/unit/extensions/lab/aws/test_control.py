# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counted calls, latency, faults."""

from __future__ import annotations

import typing as t

import pytest

from lab_aws.control import Control, Fault, is_read


@pytest.mark.parametrize(
    ("operation", "read"),
    [
        ("s3:GetObject", True),
        ("s3:HeadBucket", True),
        ("s3:ListObjectsV2", True),
        ("s3:PutObject", False),
        ("iam:ListRoles", True),
        ("iam:GetAccountAuthorizationDetails", True),
        ("iam:CreateRole", False),
        ("iam:TagRole", False),
        ("sts:AssumeRoleWithWebIdentity", True),
        ("sts:GetCallerIdentity", True),
    ],
)
def test_reads_and_writes(operation: str, read: bool) -> None:
    assert is_read(operation) is read


def test_calls_are_counted() -> None:
    control = Control()
    for operation in ("iam:ListRoles", "iam:CreateRole", "iam:CreateRole"):
        control.begin(operation)
    assert control.report() == {"reads": 1, "writes": 2, "by_operation": {"iam:CreateRole": 2, "iam:ListRoles": 1}}
    control.forget_calls()
    assert control.report() == {"reads": 0, "writes": 0, "by_operation": {}}


@pytest.mark.parametrize(
    ("rule", "hits"),
    [
        ({"first": 2}, [True, True, False, False, False, False]),
        ({"every": 2}, [False, True, False, True, False, True]),
        ({"every": 2, "times": 2}, [False, True, False, True, False, False]),
        ({"every": 1, "times": 3}, [True, True, True, False, False, False]),
    ],
)
def test_faults(rule: dict[str, int], hits: list[bool]) -> None:
    control = Control()
    control.set_faults([Fault("iam:Create*", "throttle", **rule)])
    assert [control.begin("iam:CreateRole")[1] is not None for _hit in hits] == hits
    assert control.begin("iam:ListRoles")[1] is None


@pytest.mark.parametrize(
    "rule",
    [
        {"kind": "explode", "first": 1},
        {"kind": "500"},
        {"kind": "500", "first": 1, "every": 1},
        {"kind": "500", "first": 0},
        {"kind": "500", "every": 1001},
        {"kind": "500", "every": 1, "times": 1001},
        {"kind": "timeout_after_write", "first": 1, "seconds": 31},
    ],
)
def test_rules_without_bounds_are_refused(rule: dict[str, t.Any]) -> None:
    with pytest.raises(ValueError, match=r"kind|give either|within"):
        Fault("*", **rule)


def test_latency_is_bounded() -> None:
    control = Control()
    control.set_latency(0.5)
    assert control.begin("s3:GetObject") == (0.5, None)
    for seconds in (-1, 31):
        with pytest.raises(ValueError, match="within"):
            control.set_latency(seconds)
