# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t
from datetime import datetime
from pathlib import Path

import pytest
import yaml

from ansible_collections.onprem.irsa.plugins.module_utils._input.variables import (
    FACTS,
    SHARED,
    differing,
    of_a_cluster,
    options_of,
    unknown,
)

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
    ["irsa_iam_roles", "irsa_cluster", "irsa_issuer_report", "irsa_node_pools", "__irsa_x", "audiense", "other"],
)
def test_names_that_are_known_or_of_somebody_else(name: str) -> None:
    assert unknown([name], ROLES) == []


def test_a_name_beside_the_known_one_is_the_users_own() -> None:
    assert unknown(["irsa_clusters", "irsa_cluster"], ROLES) == []


@pytest.mark.parametrize(
    ("name", "beside", "meant"),
    [
        ("irsa_clutser", "irsa_cluster", "irsa_cluster"),
        ("irsa_isuer_url", "irsa_issuer_url", "irsa_issuer_url"),
        ("irsa_iam_role", "irsa_iam_roles", "irsa_iam_roles"),
        ("irsa_audiences", "irsa_iam_region", "irsa_audience"),
    ],
)
def test_what_is_set_already_is_named_all_the_same(name: str, beside: str, meant: str) -> None:
    (line,) = unknown([name, beside], ROLES)
    assert f"Did you mean {meant}?" in line


@pytest.mark.parametrize(
    "name", ["isra_cluster", "irs_cluster", "irssa_cluster", "iras_cluster", "IRSA_cluster", "irsa-cluster"]
)
def test_a_misspelt_prefix(name: str) -> None:
    assert unknown([name], ROLES) == [f"{name} is a variable that no role knows. Did you mean irsa_cluster?"]


@pytest.mark.parametrize("name", ["iris_cluster", "isra_own", "sra_", "cluster", "ansible_host", "rsa"])
def test_a_name_that_only_looks_like_a_misspelt_prefix(name: str) -> None:
    assert unknown([name], ROLES) == []


def test_options_are_those_of_all_entry_points() -> None:
    specs: dict[str, t.Any] = {"main": {"options": {"a": {}}}, "teardown": {"options": {"b": {}}}, "other": {}}
    assert options_of({"argument_specs": specs}) == {"a", "b"}


def _set_facts(tasks: list[dict[str, t.Any]]) -> t.Iterator[str]:
    for task in tasks:
        yield from task.get("ansible.builtin.set_fact", {})
        for part in ("block", "rescue", "always"):
            yield from _set_facts(task.get(part, []))


def test_facts_are_what_the_roles_set() -> None:
    files = (Path(__file__).parents[5] / "roles").glob("*/tasks/*.yml")
    names = [name for path in files for name in _set_facts(yaml.safe_load(path.read_text()))]
    assert {name for name in names if name.startswith("irsa_")} == FACTS


def test_shared_names_are_read_somewhere() -> None:
    root = Path(__file__).parents[5]
    texts = [path.read_text() for folder in ("roles", "playbooks") for path in (root / folder).rglob("*.yml")]
    assert all(any(name in text for text in texts) for name in SHARED)


def test_what_holds_for_a_cluster_is_all_that_a_user_sets() -> None:
    assert of_a_cluster(ROLES.values()) == {
        *("irsa_iam_roles", "irsa_iam_region", "irsa_cluster", "irsa_issuer_url", "irsa_audience"),
        *("irsa_kubernetes_version", "irsa_relying_parties", "irsa_render"),
    }
    assert not of_a_cluster([{"irsa_webhook_report"}]) & FACTS


@pytest.mark.parametrize(
    ("hosts", "told"),
    [
        ([{"irsa_cluster": "prod"}, {"irsa_cluster": "prod"}], []),
        ([{}, {}], []),
        ([{"irsa_iam_roles": [{"name": "a", "tags": {}}]}, {"irsa_iam_roles": [{"tags": {}, "name": "a"}]}], []),
        ([{"irsa_cluster": "prod"}, {"irsa_cluster": "test"}], ['"prod" for cp1; "test" for cp2']),
        ([{"irsa_cluster": "prod"}, {}, {"irsa_cluster": "prod"}], ['"prod" for cp1, cp3; not set for cp2']),
        ([{"irsa_apiserver_timeout": 300}, {"irsa_apiserver_timeout": "300"}], ['300 for cp1; "300" for cp2']),
        ([{"irsa_webhook_adopt": True}, {"irsa_webhook_adopt": None}], ["true for cp1; null for cp2"]),
        ([{"irsa_iam_roles": [1] * 99}, {"irsa_iam_roles": []}], [f"[{'1, ' * 33}... for cp1; [] for cp2"]),
        ([{"irsa_b": 1, "irsa_a": 1}, {"irsa_b": 2, "irsa_a": 2}], ["1 for cp1; 2 for cp2"] * 2),
    ],
)
def test_variables_that_differ_between_hosts(hosts: list[dict[str, object]], told: list[str]) -> None:
    found = differing({f"cp{number}": own for number, own in enumerate(hosts, 1)})
    assert [line.partition("cluster: ")[2].partition(". Set it once")[0] for line in found] == told


@pytest.mark.parametrize(
    "keys",
    [("on", True), (12, "a"), (None, "a", 1.1), (datetime(2026, 1, 1, 9), "a"), (False, 0.5, None, "a")],
)
def test_keys_of_several_types_are_compared(keys: tuple[object, ...]) -> None:
    here = [{"tags": dict.fromkeys(keys, "x")}]
    turned = [{"tags": dict.fromkeys(reversed(keys), "x")}]
    assert differing({"cp1": {"irsa_iam_roles": here}, "cp2": {"irsa_iam_roles": turned}}) == []
    [line] = differing({"cp1": {"irsa_iam_roles": here}, "cp2": {"irsa_iam_roles": [{"tags": {keys[0]: "x"}}]}})
    assert "irsa_iam_roles differs between hosts" in line
