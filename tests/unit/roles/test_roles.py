# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for the task files of every role."""

from __future__ import annotations

import json
import os
import subprocess
import typing as t
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[3]
FILES = sorted(ROOT.glob("roles/*/tasks/*.yml"))
HERE = "{{ role_path }}/tasks/"


def imports(tasks: list[dict[str, t.Any]]) -> t.Iterator[str]:
    for task in tasks:
        for section in ("block", "rescue", "always"):
            yield from imports(task.get(section, []))
        if name := task.get("ansible.builtin.import_tasks"):
            yield name


@pytest.mark.parametrize("file", FILES, ids=lambda file: "/".join(file.parts[-3:]))
def test_imports_name_the_role(file: Path) -> None:
    """Ansible looks for a bare name in tasks/ of the working directory before it looks beside the file."""
    for name in imports(yaml.safe_load(file.read_text())):
        assert name.startswith(HERE)
        assert (file.parent / name.removeprefix(HERE)).exists()


def test_tasks_of_the_user_do_not_run_in_place_of_the_roles(tmp_path: Path) -> None:
    (tmp_path / "tasks").mkdir()
    for name in {file.name for file in FILES}:
        (tmp_path / "tasks" / name).write_text(json.dumps([{"ansible.builtin.fail": {"msg": "the user's own"}}]))
    issuer = {"irsa_iam_issuer_url": "https://oidc.example.org", "irsa_iam_region": "eu-central-1"}
    bad = {
        "irsa_iam_cluster": "prod",
        **issuer,
        "irsa_iam_roles": [{"name": "!", "service_accounts": ["apps/reports"]}],
    }
    code, output = played(tmp_path, "irsa_iam", "main", bad)
    assert (code, "nothing was touched" in output, "the user's own" in output) == (2, True, False), output


@pytest.mark.slow
@pytest.mark.parametrize(
    ("role", "entry_point"),
    [
        ("irsa_apiserver", "preflight"),
        ("irsa_apiserver", "teardown"),
        ("irsa_iam", "preflight"),
        ("irsa_verify", "preflight"),
    ],
)
def test_without_an_issuer_the_variable_to_set_is_named(tmp_path: Path, role: str, entry_point: str) -> None:
    code, output = played(tmp_path, role, entry_point, {"irsa_cluster": "prod", "irsa_region": "eu-central-1"})
    assert (code, "There is no issuer. Set irsa_issuer_bucket and irsa_region, or" in output) == (2, True), output


def played(directory: Path, role: str, entry_point: str, variables: t.Mapping[str, object]) -> tuple[int, str]:
    """Include a role on the controller, with DIRECTORY as the working directory."""
    include = {"name": f"onprem.irsa.{role}", "tasks_from": entry_point}
    tasks = [{"ansible.builtin.include_role": include}]
    play = {"hosts": "localhost", "connection": "local", "gather_facts": False, "vars": variables, "tasks": tasks}
    (directory / "playbook.json").write_text(json.dumps([play]))
    done = subprocess.run(
        ["ansible-playbook", "playbook.json"],  # noqa: S607 -- the one of the environment
        cwd=directory,
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".build")},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr
