# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._input.run_options import run_problem

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
        (["all"], ["iam"]),
        ([], ["publish"]),
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
        (["all"], ["all"], "", "all: that cannot be skipped"),
        (["all"], ["tagged"], "", "tagged: that cannot be skipped"),
        (["all"], ["always", "iam"], "", "always, which checks the input"),
        (["all"], ["publish", "iamm"], "", "--skip-tags has iamm, which this playbook does not have"),
        (["all"], ["never", "untagged"], "", "--skip-tags has never, untagged, which this playbook does not have"),
        (["all"], ["always", "IAM"], "", "--skip-tags has IAM, which this playbook does not have"),
        (["all"], ["iam", "publish"], "", "--skip-tags has publish, iam, which is all that this run would do"),
        ([], ["iam", "publish"], "", "publish, iam, which is all"),
        (["tagged"], ["iam", "publish"], "", "publish, iam, which is all"),
        (["iam"], ["iam"], "", "--skip-tags has iam, which is all"),
        (["iam", "always"], ["iam"], "", "--skip-tags has iam, which is all"),
        (["iam"], ["publish", "iam"], "", "--skip-tags has iam, which is all"),
        (["all"], [], "Run *", "'Run *'"),
    ],
)
def test_options_that_leave_out_too_much(wanted: list[str], skipped: list[str], start: str, named: str) -> None:
    problem = run_problem(TAGS, wanted=wanted, skipped=skipped, start=start)
    assert named in problem
    assert problem.endswith("Its tags are publish, iam.")


@pytest.mark.parametrize(
    ("wanted", "skipped", "start"), [(["publish"], [], ""), (["all"], ["publish"], ""), ([], [], "Go on*")]
)
def test_a_playbook_without_tags_has_phases(wanted: list[str], skipped: list[str], start: str) -> None:
    problem = run_problem([], wanted=wanted, skipped=skipped, start=start)
    assert problem.endswith(". It has no tags: leave the option out, and say with -e phase=PHASE how far to go.")
    assert "with --tags" not in problem


def test_the_only_tag_of_a_playbook_is_skipped() -> None:
    assert "verify, which is all" in run_problem(["verify"], wanted=["all"], skipped=["verify"], start="")
