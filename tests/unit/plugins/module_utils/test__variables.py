# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
import yaml

from ansible_collections.onprem.irsa.plugins.module_utils._variables import FACTS, SHARED, options_of, unknown

ROLES = {"irsa_iam": {"irsa_iam_roles", "irsa_iam_region"}, "irsa_issuer": {"irsa_cluster", "irsa_issuer_url"}}


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("irsa_iam_rolls", "irsa_iam_rolls is a variable that no role knows. Did you mean irsa_iam_roles?"),
        ("irsa_issuer_uri", "irsa_issuer_uri is a variable that no role knows. Did you mean irsa_issuer_url?"),
        (
            "irsa_iam_something_else_altogether",
            "irsa_iam_something_else_altogether is a variable that no role knows. "
            "`ansible-doc --type role onprem.irsa.irsa_iam` lists the names.",
        ),
        ("irsa_aim_region", "irsa_aim_region is a variable that no role knows. Did you mean irsa_iam_region?"),
        ("irsa_audiense", "irsa_audiense is a variable that no role knows. Did you mean irsa_audience?"),
    ],
)
def test_a_name_that_no_role_knows(name: str, says: str) -> None:
    assert unknown([name, "irsa_iam_roles", name], ROLES) == [says]


@pytest.mark.parametrize(
    "name",
    ["irsa_iam_roles", "irsa_cluster", "irsa_issuer_report", "irsa_node_pools", "__irsa_iam_x", "audiense", "other"],
)
def test_names_that_are_known_or_of_somebody_else(name: str) -> None:
    assert unknown([name], ROLES) == []


def test_a_name_beside_the_known_one_is_the_users_own() -> None:
    assert unknown(["irsa_clusters", "irsa_cluster"], ROLES) == []


def test_options_are_those_of_all_entry_points() -> None:
    specs: dict[str, t.Any] = {"main": {"options": {"a": {}}}, "teardown": {"options": {"b": {}}}, "other": {}}
    assert options_of({"argument_specs": specs}) == {"a", "b"}


def _set_facts(tasks: list[dict[str, t.Any]]) -> t.Iterator[str]:
    for task in tasks:
        yield from task.get("ansible.builtin.set_fact", {})
        for part in ("block", "rescue", "always"):
            yield from _set_facts(task.get(part, []))


def test_facts_are_what_the_roles_set() -> None:
    files = (Path(__file__).parents[4] / "roles").glob("*/tasks/*.yml")
    names = [name for path in files for name in _set_facts(yaml.safe_load(path.read_text()))]
    assert {name for name in names if name.startswith("irsa_")} == FACTS


def test_shared_names_are_read_somewhere() -> None:
    root = Path(__file__).parents[4]
    texts = [path.read_text() for folder in ("roles", "playbooks") for path in (root / folder).rglob("*.yml")]
    assert all(any(name in text for text in texts) for name in SHARED)
