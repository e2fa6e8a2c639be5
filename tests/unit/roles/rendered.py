# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables of a role as Ansible renders them, and its tasks, for tests."""

from __future__ import annotations

import json
import subprocess
import sys
import typing as t
from pathlib import Path

import yaml

ROLES = Path(__file__).parents[3] / "roles"
Json = dict[str, t.Any]
_DOCUMENTATION = yaml.safe_load((ROLES.parent / "galaxy.yml").read_text())["documentation"]
RUNBOOK = f"{_DOCUMENTATION}/docsite/guide_alerts.html"
"""The page of the documentation with a section for each alert."""


def rendered(role: str, names: t.Sequence[str], variables: t.Mapping[str, object]) -> Json:
    """Return the named variables of a role, where VARIABLES stand above its own."""
    return rendered_each(role, names, [variables])[0]


def rendered_each(role: str, names: t.Sequence[str], sets: t.Sequence[t.Mapping[str, object]]) -> list[Json]:
    """Return the named variables, or other expressions, for each of several sets of variables: in one process."""
    command = [sys.executable, str(Path(__file__).with_name("render_role.py")), str(ROLES / role)]
    given = json.dumps({"names": names, "sets": sets})
    done = subprocess.run(command, check=False, capture_output=True, text=True, input=given)  # noqa: S603 -- our own
    assert done.returncode == 0, done.stderr
    results: list[Json] = json.loads(done.stdout)
    return results


def require_a_path_of_the_user(role: str, option: str, name: str, *, below: str = "") -> None:
    """Require that a role's variable has an option's path from where the user is, not from where the playbook is.

    BELOW is what stands in that directory.
    """
    for given, path in (("a/b.yml", Path.cwd() / "a/b.yml"), ("~/b.yml", Path.home() / "b.yml")):
        assert rendered(role, [name], {option: given}) == {name: str(path / below)}


def require_alerts(rules: Json, name: str) -> None:
    """Require that each alert of a group tells whom to wake, what is wrong, what to do next and where to read on."""
    (group,) = rules["groups"]
    assert group["name"] == name
    for rule in group["rules"]:
        if "alert" in rule:
            annotations = dict(rule["annotations"])
            assert rule["labels"]["severity"] in ("warning", "critical")
            assert annotations.pop("runbook_url") == f"{RUNBOOK}#{rule['alert'].lower()}"
            assert annotations.pop("summary").endswith(".")
            assert "ansible-playbook -i inventory.yml onprem.irsa." in annotations.pop("description")
            assert annotations == {}


def require_the_authority_of_the_issuer(role: str, name: str) -> None:
    """Require that each task of a role that fetches the documents trusts irsa_issuer_ca_path, by the variable NAME."""
    assert rendered(role, [name], {})[name] == ""
    assert rendered(role, [name], {"irsa_issuer_ca_path": "/ca.pem"})[name] == "/ca.pem"
    fetching = [call for call in each("onprem.irsa.verify", tasks_of(role)) if "issuer" in call]
    assert {call["ca_path"] for call in fetching} == {f"{{{{ {name} or omit }}}}"}


def tasks_of(role: str) -> list[Json]:
    """Return the tasks and blocks of all files of a role."""
    return [
        task for file in sorted((ROLES / role / "tasks").glob("*.yml")) for task in yaml.safe_load(file.read_text())
    ]


def all_of(tasks: t.Iterable[Json]) -> t.Iterator[Json]:
    """Yield tasks and blocks, and those within the blocks."""
    for task in tasks:
        yield task
        for section in ("block", "rescue", "always"):
            yield from all_of(task.get(section, []))


def each(action: str, tasks: t.Iterable[Json]) -> list[t.Any]:
    """Return the arguments of each task with an action."""
    return [task[action] for task in all_of(tasks) if action in task]
