# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._run_options import run_problem

TAGS = ["publish", "iam"]


@pytest.mark.parametrize(
    ("wanted", "skipped"),
    [
        (["all"], []),
        (["iam"], []),
        (["iam", "publish"], ["iam"]),
        (["tagged"], []),
        (["always"], []),
        (["all", "never"], []),
    ],
)
def test_good_options(wanted: list[str], skipped: list[str]) -> None:
    assert run_problem(TAGS, wanted=wanted, skipped=skipped, start="") == ""


@pytest.mark.parametrize(
    ("wanted", "skipped", "start", "named"),
    [
        (["IAM"], [], "", "IAM"),
        (["iam", "roles", "web"], [], "", "roles, web"),
        (["never"], [], "", "never"),
        (["all"], ["all"], "", "all"),
        (["all"], ["tagged"], "", "tagged"),
        (["all"], [], "Run *", "'Run *'"),
    ],
)
def test_options_that_leave_out_too_much(wanted: list[str], skipped: list[str], start: str, named: str) -> None:
    problem = run_problem(TAGS, wanted=wanted, skipped=skipped, start=start)
    assert named in problem
    assert problem.endswith("Its tags are publish, iam.")
