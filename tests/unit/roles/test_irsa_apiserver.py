# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest
import yaml

ROLE = Path(__file__).parents[3] / "roles/irsa_apiserver"


@pytest.mark.parametrize("entry_point", ["main", "preflight", "teardown"])
def test_specifications_and_defaults_name_the_same_options(entry_point: str) -> None:
    options = yaml.safe_load((ROLE / "meta/argument_specs.yml").read_text())["argument_specs"][entry_point]["options"]
    defaults = yaml.safe_load((ROLE / "defaults/main.yml").read_text())
    only_for_teardown = {"irsa_apiserver_retire_issuer"} - ({*options} if entry_point == "teardown" else set())
    assert {*options} == {*defaults} - only_for_teardown
    for name, option in options.items():
        if "default" in option:
            assert option["default"] == defaults[name]


def test_one_task_changes_one_host_at_a_time() -> None:
    """Whatever the strategy and the batches: a loop of tasks on one host, which ends with the first that fails."""
    roll = yaml.safe_load((ROLE / "tasks/roll.yml").read_text())
    [loop] = [task for task in roll if "step.yml" in str(task)]
    assert "ansible.builtin.include_tasks" in loop
    for name in ("main", "teardown"):
        acting = yaml.safe_load((ROLE / f"tasks/{name}.yml").read_text())[-1]
        assert acting["when"] == "inventory_hostname == ansible_play_hosts_all | first"
    finish = yaml.safe_load((ROLE / "tasks/finish.yml").read_text())[0]
    assert finish["loop_control"]["break_when"] == [f"{finish['register']} is failed"]
