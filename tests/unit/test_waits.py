# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every wait that can take longer than some seconds shows what for, how long so far, and how long at most.

That is said in one place, plugins/module_utils/_progress.py. Modules and actions wait by its C(Wait); tasks wait by
onprem.irsa.let_time_pass, or by C(until) on a module of the collection, whose action says it
(plugins/plugin_utils/_in_process.py); what waits on a host is shown by its action (C(ControlPlaneAction.watched)).
"""

from __future__ import annotations

import ast
import typing as t
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PLUGINS = ROOT / "plugins"
ONE_PLACE = "module_utils/_progress.py"

# Those that let time pass by themselves, and why that needs no line of progress.
QUIET = {
    "module_utils/_host/backup.py": "on a host: watched() of its action",
    "module_utils/_host/unit_watch.py": "on a host: watched() of its action",
    "module_utils/_host/watch.py": "on a host: watched() of its action",
    "module_utils/_publication/cloudfront_calls.py": "ten seconds at most: _LISTING_PAUSES",
    "module_utils/_publication/s3_calls.py": "a second at most: _LONGEST_PAUSE",
}
# Modules of others that are asked again, and for how long at most, as the task's name says.
OTHERS_ASKED_AGAIN = {"Fetch the key set as everybody does (40 s at most)": "ansible.builtin.uri"}
SILENT = ("ansible.builtin.pause", "ansible.builtin.wait_for", "ansible.builtin.wait_for_connection")
WAITS_ON_A_HOST = ("control_plane_edits_host", "control_plane_flags_host")

Task = dict[str, t.Any]


def lets_time_pass(text: str) -> bool:
    """Return whether a Python text calls time.sleep, a waiter of boto, or passes time.sleep on."""
    names = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Attribute)]
    of_time = any(
        isinstance(node.value, ast.Name) and (node.value.id, node.attr) == ("time", "sleep") for node in names
    )
    return of_time or any(node.attr == "get_waiter" for node in names) or "from time import" in text


def tasks_in(node: object) -> t.Iterator[Task]:
    for each in node if isinstance(node, list) else []:
        if isinstance(each, dict):
            yield each
            for part in ("block", "rescue", "always", "tasks", "pre_tasks", "post_tasks", "handlers"):
                yield from tasks_in(each.get(part))


def problems_of(task: Task, actions: t.Collection[str]) -> list[str]:
    """Return how a task waits in silence; actions: modules of the collection that say themselves how long."""
    name = str(task.get("name", ""))
    found = [f"{name}: {module} waits in silence; use onprem.irsa.let_time_pass" for module in SILENT if module in task]
    if "async" in task:
        found.append(f"{name}: async waits in silence")
    own = [module for module in actions if f"onprem.irsa.{module}" in task]
    if ("until" in task or "retries" in task) and not own and OTHERS_ASKED_AGAIN.get(name) not in task:
        found.append(f"{name}: until on a module that does not say how long it takes")
    return found


def in_process() -> set[str]:
    return {path.stem for path in (PLUGINS / "action").glob("*.py") if "(InProcessAction)" in path.read_text()}


def files() -> list[Path]:
    return [*ROOT.glob("roles/*/tasks/*.yml"), *ROOT.glob("roles/*/handlers/*.yml"), *ROOT.glob("playbooks/*.yml")]


def test_time_passes_in_one_place() -> None:
    found = {str(path.relative_to(PLUGINS)) for path in PLUGINS.rglob("*.py") if lets_time_pass(path.read_text())}
    assert found == {ONE_PLACE, *QUIET}


def test_tasks_do_not_wait_in_silence() -> None:
    actions = in_process()
    tasks = [(path, task) for path in files() for task in tasks_in(yaml.safe_load(path.read_text()))]
    assert [f"{path}: {line}" for path, task in tasks for line in problems_of(task, actions)] == []
    assert {task["name"] for _path, task in tasks if task.get("name") in OTHERS_ASKED_AGAIN} == set(OTHERS_ASKED_AGAIN)


def test_modules_that_wait_on_a_host_are_run_by_what_says_so() -> None:
    """No action runs them in another way, and no task by itself."""
    texts = {path: path.read_text() for path in (PLUGINS / "action").glob("*.py")}
    for module in WAITS_ON_A_HOST:
        callers = {path.stem: text for path, text in texts.items() if f'"{module}"' in text}
        assert list(callers) == ["control_plane_flags"]
        assert f'self._waited("{module}"' in callers["control_plane_flags"]
        assert not [path for path in files() if f"onprem.irsa.{module}:" in path.read_text()]


@pytest.mark.parametrize(
    ("text", "lets"),
    [
        ("import time\ntime.sleep(1)", True),
        ("import time\ndef f(sleep=time.sleep): pass", True),
        ("client.get_waiter('x').wait()", True),
        ("from time import sleep", True),
        ("import time\ntime.monotonic()", False),
        ("wait.pause(2)", False),
    ],
)
def test_what_lets_time_pass(text: str, lets: bool) -> None:
    assert lets_time_pass(text) == lets


@pytest.mark.parametrize(
    ("task", "count"),
    [
        ({"ansible.builtin.wait_for": {"timeout": 60}}, 1),
        ({"ansible.builtin.pause": {"seconds": 60}}, 1),
        ({"ansible.builtin.command": {}, "async": 60}, 1),
        ({"kubernetes.core.k8s_info": {}, "until": "x"}, 1),
        ({"kubernetes.core.k8s_info": {}, "retries": 5}, 1),
        ({"onprem.irsa.objects_info": {}, "until": "x"}, 0),
        ({"onprem.irsa.let_time_pass": {"seconds": 60}}, 0),
    ],
)
def test_what_waits_in_silence(task: Task, count: int) -> None:
    (nested,) = list(tasks_in([{"block": [task]}]))[1:]
    assert len(problems_of(nested, in_process())) == count
