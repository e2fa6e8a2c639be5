# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._documents.issuer import NO_ISSUER
from ansible_collections.onprem.irsa.plugins.module_utils._input.role_input import argument_problems, missing, told_once
from ansible_collections.onprem.irsa.plugins.plugin_utils._variables import specifications

REQUIRED = {
    name
    for spec in specifications().values()
    for name, option in spec["argument_specs"]["main"]["options"].items()
    if option.get("required")
}


@pytest.mark.parametrize("name", sorted(REQUIRED))
def test_what_has_to_be_set_is_shown_as_it_is_set(name: str) -> None:
    assert f"Set it, as in {name}: " in missing(name, "What it is.")


BUCKET = "irsa_issuer_bucket is not set, and irsa_issuer_publisher is s3, which publishes in a bucket. Set it."
CA = "names the file /none, which does not exist. Give the path."
ACCOUNT = "service account 'a' must be namespace/name. Put its namespace in front."


@pytest.mark.parametrize(
    ("problems", "told"),
    [
        ([missing("irsa_region", "The region."), missing("irsa_region")], [0]),
        (["irsa_issuer_bucket must be a text. Write it in quotes.", BUCKET, NO_ISSUER], [0]),
        (["irsa_isuer_bucket is unknown. Did you mean irsa_issuer_bucket?", BUCKET, NO_ISSUER], [0]),
        ([BUCKET, NO_ISSUER], [0]),
        (["irsa_region is null. Give it one.", NO_ISSUER], [0]),
        ([NO_ISSUER], [0]),
        # What is said of an option of a role is no variable's.
        (["Role 'a': its name is wrong. Rename it.", "Role number 2: name is not set."], [0, 1]),
        ([f"irsa_issuer_ca_path {CA}", f"irsa_verify_ca_path {CA}"], [0]),
        ([f"irsa_kubeconfig_path {CA}", f"irsa_issuer_ca_path {CA}"], [0, 1]),
        ([f"Role 'a': {ACCOUNT}", f"irsa_verify_service_account is 'a': {ACCOUNT}"], [0]),
        (
            ["irsa_issuer_url is {}. Write it as {key: value}.", "irsa_webhook_roles, item 1, is a. As {key: value}."],
            [0, 1],
        ),
        # Of a default alone, it has to be told.
        ([f"irsa_verify_ca_path {CA}"], [0]),
    ],
)
def test_what_follows_from_another_problem_is_not_told(problems: list[str], told: list[int]) -> None:
    given = {"irsa_issuer_ca_path", "irsa_kubeconfig_path", "irsa_issuer_url"}
    assert told_once(problems, given=given) == [problems[index] for index in told]


def test_what_the_user_has_given_twice_is_told_twice() -> None:
    problems = [f"irsa_issuer_ca_path {CA}", f"irsa_verify_ca_path {CA}"]
    assert told_once(problems) == problems


@pytest.mark.parametrize("value", [2048, "2048", " 4096", 4096])
def test_a_number_of_the_command_line_may_be_one_of_the_choices(value: object) -> None:
    assert argument_problems({"size": {"type": "int", "choices": [2048, 4096]}}, {"size": value}) == []


@pytest.mark.parametrize("value", [1024, "1024", "20480"])
def test_a_number_that_is_no_choice_is_told_with_those(value: object) -> None:
    (problem,) = argument_problems({"size": {"type": "int", "choices": [2048, 4096]}}, {"size": value})
    assert problem.startswith(f"size is {value!r}. It must be one of 2048, 4096.")
