# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the role irsa_webhook waits until what has changed is in force: its real tasks, on API servers that are files."""

from __future__ import annotations

import json
import typing as t

import pytest
import yaml

from .cluster_of_files import Cluster
from .rendered import ROLES

if t.TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

Json = dict[str, t.Any]
TASKS = ROLES / "irsa_webhook/tasks"

# DIRECTORY is set to a directory with `answers`, by what is asked: each answer is given once, and the last one again.
_BEGIN = """
import json
from pathlib import Path
from ansible.module_utils.basic import AnsibleModule

def module(names):
    names = ["kubeconfig", "namespace", "name", "kind", "api_version", *names.split()]
    return AnsibleModule(argument_spec={name: {"type": "raw"} for name in names}, supports_check_mode=True)

def answer(name):
    answers = json.loads((DIRECTORY / "answers").read_text())
    given = answers[name].pop(0) if len(answers[name]) > 1 else answers[name][0]
    (DIRECTORY / "answers").write_text(json.dumps(answers))
    with (DIRECTORY / "asked").open("a") as log:
        log.write(name + "\\n")
    return given
"""
_K8S_INFO = """
asking = module("field_selectors hidden_fields label_selectors")
asking.exit_json(changed=False, resources=answer(asking.params["kind"]))
"""
_K8S = """
asking = module("definition state apply")
assert asking.check_mode and asking.params["definition"]["kind"] == "Pod"
asking.exit_json(changed=True, result=answer("probe"))
"""


class ApiServers:
    """A cluster that gives one answer after the other."""

    def __init__(self, directory: Path, **answers: list[Json] | list[list[Json]]) -> None:
        """Write what stands in the place of kubernetes.core."""
        self.cluster, self.directory = Cluster(directory, {"cp1": {}}), directory
        modules = directory / "collections/ansible_collections/kubernetes/core/plugins/modules"
        for name, code in {"k8s": _K8S, "k8s_info": _K8S_INFO}.items():
            (modules / f"{name}.py").write_text(f"{_BEGIN}\nDIRECTORY = Path({str(directory)!r})\n{code}")
        (directory / "answers").write_text(json.dumps({"EndpointSlice": [[]], **answers}))

    def run(self, tasks_from: str, retries: int = 60, **variables: object) -> tuple[int, str]:
        """Run tasks of the role, with fewer retries of a wait; return the exit code and what was printed, as a line."""
        role = self.directory / "collections/ansible_collections/onprem/irsa/roles"
        role.unlink()
        for file in ROLES.rglob("*.yml"):
            copy = role / file.relative_to(ROLES)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(file.read_text().replace("retries: 60", f"retries: {retries}"))
        given = {"irsa_region": "eu-central-1", "irsa_kubeconfig_content": KUBECONFIG, **variables}
        code, output = self.cluster.include("irsa_webhook", tasks_from, given)
        return code, " ".join(output.split())

    def asked(self, name: str) -> int:
        """Return how often something was asked for."""
        return (self.directory / "asked").read_text().splitlines().count(name)


KUBECONFIG: Json = {"clusters": [{"name": "prod", "cluster": {"server": "https://10.0.0.1:6443"}}]}


def pod(name: str, template: str, *, ends: bool = False) -> Json:
    metadata: Json = {"name": name, "labels": {"pod-template-hash": template}}
    if ends:
        metadata["deletionTimestamp"] = "now"
    return {"metadata": metadata, "spec": {"nodeName": f"node-of-{name}"}, "status": {"phase": "Running"}}


def admitted(audience: str = "sts.amazonaws.com", region: str = "eu-central-1", role: str = "probe") -> Json:
    """Return the pod that is tried as API servers admit it."""
    env = {
        "AWS_STS_REGIONAL_ENDPOINTS": "regional",
        "AWS_DEFAULT_REGION": region,
        "AWS_REGION": region,
        "AWS_ROLE_ARN": f"arn:aws:iam::000000000000:role/{role}",
        "AWS_WEB_IDENTITY_TOKEN_FILE": "/var/run/secrets/eks.amazonaws.com/serviceaccount/token",
    }
    mount = {"name": "aws-iam-token", "mountPath": "/var/run/secrets/eks.amazonaws.com/serviceaccount"}
    token = {"serviceAccountToken": {"audience": audience, "path": "token"}}
    variables = [{"name": name, "value": value} for name, value in env.items()]
    return {
        "metadata": {"name": "pod-identity-probe"},
        "spec": {
            "containers": [{"name": "probe", "env": variables, "volumeMounts": [mount]}],
            "volumes": [{"name": "aws-iam-token", "projected": {"sources": [token]}}],
        },
    }


def test_the_pods_of_before_are_waited_for(tmp_path: Path) -> None:
    here = [pod("a", "new"), pod("b", "new")]
    servers = ApiServers(tmp_path, Pod=[[*here, pod("c", "old", ends=True)], here])
    code, output = servers.run("superseded")
    assert code == 0, output
    assert servers.asked("Pod") == 2


def test_a_pod_of_before_that_does_not_end_is_named_with_its_node(tmp_path: Path) -> None:
    servers = ApiServers(tmp_path, Pod=[[pod("a", "new"), pod("c", "old", ends=True)]])
    code, output = servers.run("superseded", retries=1)
    assert code == 2, output
    assert "have not ended after two minutes: c." in output
    assert "the kubelet runs on node-of-c" in output
    assert "delete pods --force c" in output


@pytest.mark.parametrize(
    "before",
    [admitted(audience="other"), admitted(region="us-west-2"), admitted(role="probe-of-a-policy"), {"spec": {}}],
)
def test_what_is_injected_as_before_is_waited_for(tmp_path: Path, before: Json) -> None:
    servers = ApiServers(tmp_path, probe=[before, admitted()])
    code, output = servers.run("in_force")
    assert code == 0, output
    assert servers.asked("probe") == 2


def test_a_setting_that_does_not_come_into_force_is_named(tmp_path: Path) -> None:
    servers = ApiServers(tmp_path, probe=[admitted(region="us-west-2")])
    code, output = servers.run("in_force", retries=1, irsa_webhook_audience="mine")
    assert code == 2, output
    assert "do not get the audience mine and the region eu-central-1 at https://10.0.0.1:6443" in output
    assert "kubectl get mutatingwebhookconfigurations" in output


def test_every_run_waits_for_them_and_looks_at_the_end() -> None:
    """A run that was cut off leaves pods of before behind: the next one changes nothing, and waits all the same."""
    (waiting,) = (
        task
        for task in yaml.safe_load((TASKS / "webhook.yml").read_text())
        if str(task.get("ansible.builtin.import_tasks")).endswith("superseded.yml")
    )
    assert waiting["when"] == "not ansible_check_mode"
