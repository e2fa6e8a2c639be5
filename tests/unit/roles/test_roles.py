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

from .rendered import rendered

ROOT = Path(__file__).parents[3]
FILES = sorted(ROOT.glob("roles/*/tasks/*.yml"))
HERE = "{{ role_path }}/tasks/"


def each(action: str, tasks: list[dict[str, t.Any]]) -> t.Iterator[t.Any]:
    for task in tasks:
        for section in ("block", "rescue", "always"):
            yield from each(action, task.get(section, []))
        if action in task:
            yield task[action]


@pytest.mark.parametrize("file", FILES, ids=lambda file: "/".join(file.parts[-3:]))
def test_imports_name_the_role(file: Path) -> None:
    """Ansible looks for a bare name in tasks/ of the working directory before it looks beside the file."""
    for name in each("ansible.builtin.import_tasks", yaml.safe_load(file.read_text())):
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
    role = {"role": "onprem.irsa.irsa_iam", "vars": bad}
    play = {"hosts": "localhost", "connection": "local", "gather_facts": False, "roles": [role]}
    (tmp_path / "playbook.json").write_text(json.dumps([play]))
    done = subprocess.run(
        ["ansible-playbook", "playbook.json"],  # noqa: S607 -- the one of the environment
        cwd=tmp_path,
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".build")},
        capture_output=True,
        text=True,
        check=False,
    )
    output = done.stdout + done.stderr
    assert ("nothing was touched" in output, "the user's own" in output) == (True, False), output


@pytest.mark.parametrize("role", ["irsa_apiserver", "irsa_verify"])
def test_who_fetches_the_documents_trusts_the_authority_of_the_issuer(role: str) -> None:
    name = f"{role}_ca_path"
    assert rendered(role, [name], {})[name] == ""
    assert rendered(role, [name], {"irsa_issuer_ca_path": "/ca.pem"})[name] == "/ca.pem"
    tasks = [task for file in FILES if file.parts[-3] == role for task in yaml.safe_load(file.read_text())]
    fetching = [call for call in each("onprem.irsa.verify", tasks) if "issuer" in call]
    assert [call["ca_path"] for call in fetching] == [f"{{{{ {name} or omit }}}}"]
