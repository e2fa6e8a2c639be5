# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples: each inventory is taken by the playbooks, and each file is what it says."""

from __future__ import annotations

import re
import sys
import typing as t
from pathlib import Path

import pytest
import yaml

from ansible_collections.onprem.irsa.plugins.module_utils._policies.ready import READY

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.tests.unit.playbooks.conftest import Play

EXAMPLES = Path(__file__).parents[3] / "examples"
INVENTORIES = sorted(EXAMPLES.glob("*/inventory.yml"))
WORKLOADS = sorted(EXAMPLES.glob("workloads/*.yml"))
README = (EXAMPLES / "README.md").read_text()
# A cluster is chosen there.
LIMITS = {"shared_bucket": ["blue", "green"]}
TRIED = [(path, limit) for path in INVENTORIES for limit in LIMITS.get(path.parent.name, [""])]
KUBECONFIG = """\
apiVersion: v1
kind: Config
current-context: c
contexts: [{name: c, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: u, user: {token: t}}]
"""


@pytest.mark.slow
@pytest.mark.parametrize(("path", "limit"), TRIED, ids=lambda value: getattr(value, "parent", Path(value or "-")).name)
def test_an_inventory_is_taken_as_far_as_the_hosts(play: Play, tmp_path: Path, path: Path, limit: str) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(KUBECONFIG)
    keys = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "KUBECONFIG": str(kubeconfig)}
    options = ["-i", str(path), *(["--limit", limit] if limit else [])]
    run = play(*options, group=None, environment=keys)
    assert run.asked, run.output


@pytest.mark.slow
@pytest.mark.parametrize("name", ["own_playbook", "alerts"])
def test_the_playbook_is_parsed(play: Play, name: str) -> None:
    folder = EXAMPLES / name
    run = play("--syntax-check", "-i", str(folder / "inventory.yml"), playbook=str(folder / "playbook.yml"), group=None)
    assert run.code == 0, run.output


@pytest.mark.parametrize("path", WORKLOADS, ids=lambda path: path.stem)
def test_a_workload_runs_as_the_service_account_of_the_inventories(path: Path) -> None:
    workload = yaml.safe_load(path.read_text())
    assert workload["kind"] == path.stem.title().replace("_", "")
    template = workload["spec"]["template"]
    assert (workload["metadata"]["namespace"], template["spec"]["serviceAccountName"]) == ("apps", "reports")
    if "selector" in workload["spec"]:
        assert workload["spec"]["selector"]["matchLabels"] == template["metadata"]["labels"]
    [container] = template["spec"]["containers"]
    assert not [variable for variable in container["env"] if variable["name"].startswith("AWS_")]
    assert container["securityContext"]["allowPrivilegeEscalation"] is False


@pytest.mark.slow
def test_everything_in_the_repository_is_written_without_asking_anybody(play: Play, tmp_path: Path) -> None:
    inventory, rendered = EXAMPLES / "gitops/inventory.yml", tmp_path / "folder/rendered"
    command = "ansible-playbook -i inventory.yml onprem.irsa.site -e irsa_render=rendered"
    pipeline = yaml.safe_load((EXAMPLES / "gitops/gitlab-ci.yml").read_text())
    assert command in inventory.read_text()
    assert pipeline["render"]["script"][0] == command
    here = f"ansible_python_interpreter={sys.executable}"
    run = play("-e", here, "-i", str(inventory), "-e", "irsa_render=rendered", group=None, environment={})
    assert run.code == 0, run.output
    assert {path.name for path in rendered.iterdir()} == {"README.md", "apiserver", "iam", "injection", "issuer"}
    applied = [each for path in (rendered / "injection").glob("*.yml") for each in yaml.safe_load_all(path.read_text())]
    # Controllers apply what is there, and fill in nothing.
    assert {each["kind"] for each in applied} >= {"Certificate", "MutatingWebhookConfiguration", "ServiceAccount"}
    assert "${" not in str(applied)


@pytest.mark.parametrize("name", ["argo-cd", "flux"])
def test_a_controller_applies_the_manifests_and_deletes_no_namespace(name: str) -> None:
    found = yaml.safe_load((EXAMPLES / f"gitops/{name}.yml").read_text())
    last = found.get("items", [found])[-1]["spec"]
    path, prune = last.get("path"), last.get("prune")
    if name == "argo-cd":
        path, prune = last["source"]["path"], last["syncPolicy"]["automated"]["prune"]
    assert (path.removeprefix("./"), prune) == ("rendered/injection", False)


def test_the_readme_lists_every_example() -> None:
    listed = re.findall(r"^\| `([\w-]+)` \|", README, re.MULTILINE)
    assert sorted(listed) == sorted(path.name for path in EXAMPLES.iterdir() if path.is_dir())


def test_the_readme_names_scenarios_that_there_are() -> None:
    scenarios = EXAMPLES.parent / "extensions/molecule"
    rows = re.findall(r"^\| `[\w-]+` \|[^|]*\|([^|]*)\|$", README, re.MULTILINE)
    named = {name for row in rows if "scenario " in row for name in re.findall(r"`(\w+)`", row)}
    assert named
    assert [name for name in named if not (scenarios / name).is_dir()] == []


def test_policies_of_the_add_ons_are_ready() -> None:
    inventory = yaml.safe_load((EXAMPLES / "add_ons/inventory.yml").read_text())
    roles = inventory["kube_control_plane"]["vars"]["irsa_iam_roles"]
    assert {role["policy"] for role in roles} <= set(READY)
