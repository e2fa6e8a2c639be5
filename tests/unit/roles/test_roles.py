# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for every role."""

from __future__ import annotations

import json
import os
import re
import subprocess
import typing as t
from pathlib import Path

import pytest
import yaml

from .rendered import ROLES, all_of, each, tasks_of

ROOT = Path(__file__).parents[3]
FILES = sorted(ROOT.glob("roles/*/tasks/*.yml"))
HERE = "{{ role_path }}/tasks/"
PRIVATE = re.compile(r"__(irsa_[a-z]+)_[a-z]")


def has_default(option: dict[str, t.Any]) -> bool:
    """Tell whether an option is described with a default, as its value or, where that is a template, in words."""
    return "default" in option or "by default" in str(option["description"]).lower()


@pytest.mark.parametrize("role", [path.name for path in sorted(ROLES.iterdir())])
def test_specifications_and_defaults_agree(role: str) -> None:
    specs = yaml.safe_load((ROLES / role / "meta/argument_specs.yml").read_text())["argument_specs"]
    defaults = yaml.safe_load((ROLES / role / "defaults/main.yml").read_text())
    for entry_point, spec in specs.items():
        options = spec["options"]
        assert {*defaults} <= {*options} or entry_point == "generate"  # a key pair takes few options
        assert {name for name, option in options.items() if has_default(option)} == {*options} & {*defaults}
        values = {name: option["default"] for name, option in options.items() if "default" in option}
        assert values == {name: defaults[name] for name in {*options} & {*defaults} if "{{" not in str(defaults[name])}


@pytest.mark.parametrize("role", [path.name for path in sorted(ROLES.iterdir())])
def test_no_task_gives_a_variable_of_the_role_another_value(role: str) -> None:
    """What a task sets, or registers, stands above the role's variables: for its own tasks or the rest of the play."""
    given = {name for task in all_of(tasks_of(role)) for name in _given_by(task)}
    files = [*(ROLES / role / "defaults").rglob("*.yml"), *(ROLES / role / "vars").rglob("*.yml")]
    assert given & {name for file in files for name in yaml.safe_load(file.read_text()) or {}} == set()


def _given_by(task: dict[str, t.Any]) -> t.Iterator[str]:
    yield from task.get("vars", {})
    yield from task.get("ansible.builtin.set_fact", {})
    yield task.get("register", "")
    yield from (task.get("loop_control", {}).get(name, "") for name in ("loop_var", "index_var"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: "/".join(file.parts[-3:]))
def test_imports_name_the_role(file: Path) -> None:
    """Ansible looks for a bare name in tasks/ of the working directory before it looks beside the file."""
    for name in each("ansible.builtin.import_tasks", yaml.safe_load(file.read_text())):
        assert name.startswith(HERE)
        assert (file.parent / name.removeprefix(HERE)).exists()


def played(directory: Path, role: str, *tasks: object, entry_point: str = "main", **variables: object) -> str:
    """Run a role in a directory, by a playbook that is elsewhere, and then some tasks; return what was printed."""
    playbook = directory / "elsewhere/playbook.json"
    playbook.parent.mkdir()
    include = {"ansible.builtin.include_role": {"name": f"onprem.irsa.{role}", "tasks_from": entry_point}}
    play = {"hosts": "localhost", "connection": "local", "gather_facts": False, "vars": variables}
    playbook.write_text(json.dumps([{**play, "tasks": [include, *tasks]}]))
    done = subprocess.run(  # noqa: S603 -- our own
        ["ansible-playbook", str(playbook)],  # noqa: S607 -- the one of the environment
        cwd=directory,
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".build")},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def test_tasks_of_the_user_do_not_run_in_place_of_the_roles(tmp_path: Path) -> None:
    (tmp_path / "tasks").mkdir()
    for name in {file.name for file in FILES}:
        (tmp_path / "tasks" / name).write_text(json.dumps([{"ansible.builtin.fail": {"msg": "the user's own"}}]))
    issuer = {"irsa_iam_issuer_url": "https://oidc.example.org", "irsa_iam_region": "eu-central-1"}
    bad = [{"name": "!", "service_accounts": ["apps/reports"]}]
    output = played(tmp_path, "irsa_iam", irsa_iam_cluster="prod", irsa_iam_roles=bad, **issuer)
    assert ("nothing was touched" in output, "the user's own" in output) == (True, False), output


def test_a_kubeconfig_is_found_from_where_the_user_is(tmp_path: Path) -> None:
    user = {"name": "me", "user": {"token": "t"}}
    cluster = {"name": "prod", "cluster": {"server": "https://192.0.2.1:6443"}}
    context = {"name": "it", "context": {"user": "me", "cluster": "prod"}}
    content = {"current-context": "it", "users": [user], "clusters": [cluster], "contexts": [context]}
    (tmp_path / "kubeconfig.yml").write_text(json.dumps(content))
    show = {"ansible.builtin.debug": {"msg": "{{ irsa_kubeconfig_content.clusters[0].cluster.server }}"}}
    assert "https://192.0.2.1:6443" in played(tmp_path, "irsa_kubeconfig", show, irsa_kubeconfig_path="kubeconfig.yml")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "which is a directory. Name a file in it"),
        ("groups: [{name: mine}]", "has other rules than this role's"),
        ("groups: [{name: onprem-irsa-webhook}]", ""),
    ],
)
def test_alert_rules_are_written_to_a_file_of_their_own(tmp_path: Path, content: str | None, says: str) -> None:
    path = tmp_path / "rules"
    if content is None:
        path.mkdir()
    else:
        path.write_text(content)
    given = {"irsa_region": "eu-central-1", "irsa_webhook_alert_rules_file": str(path)}
    output = " ".join(played(tmp_path, "irsa_webhook", entry_point="input", **given).split())
    assert ("failed=0" in output) is not bool(says), output
    assert says in output


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
    output = played(tmp_path, role, entry_point=entry_point, irsa_cluster="prod", irsa_region="eu-central-1")
    assert "There is no issuer. Set irsa_issuer_bucket and irsa_region, or" in output


def test_a_test_names_private_variables_of_its_own_role_alone() -> None:
    """They may change with the tasks of the role, which others should not notice."""
    texts = [file for folder in ("tests", "extensions") for file in (ROOT / folder).rglob("*.*") if file.is_file()]
    found = {
        (str(file.relative_to(ROOT)), role)
        for file in texts
        if file.suffix in (".py", ".yml", ".j2", ".cfg", ".sh")
        for role in PRIVATE.findall(file.read_text())
        if not file.name.startswith(f"test_{role}")
    }
    assert found == set()


def test_a_role_names_its_own_private_variables_alone() -> None:
    """Roles tell each other things by entry points and public variables."""
    found = {
        (str(file.relative_to(ROOT)), role)
        for folder in ("roles", "playbooks")
        for file in (ROOT / folder).rglob("*.*")
        if file.suffix in (".yml", ".j2")
        for role in PRIVATE.findall(file.read_text())
        if file.relative_to(ROOT).parts[:2] != ("roles", role)
    }
    assert found == set()


def test_no_play_sets_an_option_of_a_role() -> None:
    """It would win over the inventory, where users set it."""
    specs = [yaml.safe_load(file.read_text())["argument_specs"] for file in ROLES.glob("*/meta/argument_specs.yml")]
    options = {name for spec in specs for entry_point in spec.values() for name in entry_point.get("options", {})}
    found = {
        (file.name, name)
        for file in ROOT.glob("playbooks/*.yml")
        for play in yaml.safe_load(file.read_text())
        for name in play.get("vars", {})
        if name in options
    }
    assert found == set()
