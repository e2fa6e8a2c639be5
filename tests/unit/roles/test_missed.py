# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role irsa_webhook does about pods that were missed: its real tasks, on an API that is a file."""

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

# DIRECTORY is set to a directory with `objects`, and with a file `stuck-NAME` for what has no new pods.
_BEGIN = """
import json
from pathlib import Path
from ansible.module_utils.basic import AnsibleModule

def note(*words):
    with (DIRECTORY / "asked").open("a") as log:
        log.write(" ".join(words) + "\\n")

def read():
    return json.loads((DIRECTORY / "objects").read_text())

def module(names):
    names = ["kubeconfig", "namespace", "name", "kind", "api_version", *names.split()]
    return AnsibleModule(argument_spec={name: {"type": "raw"} for name in names}, supports_check_mode=True)
"""
_K8S_INFO = """
asking = module("field_selectors hidden_fields")
asked = asking.params
found = [
    one
    for one in read()
    if one["kind"] == asked["kind"]
    and asked["namespace"] in (None, one["metadata"]["namespace"])
    and asked["name"] in (None, one["metadata"]["name"])
]
asking.exit_json(changed=False, resources=found)
"""
_K8S = """
asking = module("definition state apply")
objects = read()
if asking.params["state"] == "patched":
    assert asking.params["apply"] in (False, "False")
    for wanted in asking.params["definition"]:
        note("restart", wanted["metadata"]["name"])
        for one in objects:
            if one["kind"] == wanted["kind"] and one["metadata"]["name"] == wanted["metadata"]["name"]:
                one["status"]["observedGeneration"] = one["metadata"]["generation"] = 2
                if (DIRECTORY / ("stuck-" + one["metadata"]["name"])).exists():
                    one["status"]["updatedReplicas"] = 0
    if not asking.check_mode:
        (DIRECTORY / "objects").write_text(json.dumps(objects))
    asking.exit_json(changed=True)
wanted = asking.params["definition"]
assert asking.check_mode and asking.params["apply"] in (False, "False")
assert wanted["kind"] == "Pod" and wanted["metadata"]["namespace"] == "apps"
name = wanted["metadata"]["labels"]["app"]
note("try", name)
if (DIRECTORY / ("refused-" + name)).exists():
    asking.fail_json(msg='{"message":"no such quota","reason":"x"}')
volumes = [] if (DIRECTORY / ("leftout-" + name)).exists() else [{"name": "aws-iam-token"}]
asking.exit_json(changed=True, result={"spec": {"volumes": volumes}})
"""


class Missed:
    """A cluster with a Deployment and a StatefulSet whose pods lack their role."""

    def __init__(self, directory: Path) -> None:
        """Write what stands in the place of kubernetes.core."""
        self.cluster, self.directory = Cluster(directory, {"cp1": {}}), directory
        modules = directory / "collections/ansible_collections/kubernetes/core/plugins/modules"
        for name, code in {"k8s": _K8S, "k8s_info": _K8S_INFO}.items():
            (modules / f"{name}.py").write_text(f"{_BEGIN}\nDIRECTORY = Path({str(directory)!r})\n{code}")
        account = named("ServiceAccount", "reports")
        account["metadata"]["annotations"] = {"eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/reports"}
        self.objects = [account]
        for kind, name in (("Deployment", "web"), ("StatefulSet", "db")):
            self.objects += [workload(kind, name), pod(f"{name}-0", kind, name)]

    def run(self, *options: str, **variables: object) -> tuple[int, str]:
        """Run the tasks; return the exit code and what was printed, on one line."""
        (self.directory / "objects").write_text(json.dumps(self.objects))
        given = {"irsa_region": "eu-central-1", "irsa_webhook_restart_missed": True, **variables}
        include = {"name": "onprem.irsa.irsa_webhook", "tasks_from": "missed"}
        playbook = self.directory / "playbook.json"
        tasks = [{"ansible.builtin.include_role": include}]
        playbook.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
        code, output = self.cluster.run(
            str(playbook), given, "--extra-vars", '{"__irsa_webhook_restart_looks": 1}', *options
        )
        return code, " ".join(output.split())

    def asked(self) -> list[str]:
        """Return what was asked of the API, in order."""
        file = self.directory / "asked"
        return file.read_text().splitlines() if file.exists() else []


def named(kind: str, name: str, **content: object) -> Json:
    return {"kind": kind, "metadata": {"namespace": "apps", "name": name, "generation": 1}, **content}


def workload(kind: str, name: str) -> Json:
    template = {
        "metadata": {"labels": {"app": name}},
        "spec": {"serviceAccountName": "reports", "containers": [{"name": "app"}]},
    }
    status = {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}
    return named(kind, name, apiVersion="apps/v1", spec={"replicas": 1, "template": template}, status=status)


def pod(name: str, kind: str, owner: str) -> Json:
    one = named("Pod", name, spec={"serviceAccountName": "reports", "containers": [{"name": "app"}]})
    one["metadata"]["ownerReferences"] = [{"apiVersion": "apps/v1", "kind": kind, "name": owner, "controller": True}]
    return one


def test_what_makes_them_is_restarted(tmp_path: Path) -> None:
    missed = Missed(tmp_path)
    code, output = missed.run()
    assert code == 0, output
    assert missed.asked() == ["try web", "try db", "restart web", "restart db"]


@pytest.mark.parametrize(
    ("what", "reason"),
    [("leftout", "would not be injected either"), ("refused", "that was tried is refused: no such quota")],
)
def test_what_a_restart_would_not_help_is_named(tmp_path: Path, what: str, reason: str) -> None:
    (tmp_path / f"{what}-db").touch()
    missed = Missed(tmp_path)
    code, output = missed.run()
    assert code == 0, output
    assert missed.asked() == ["try web", "try db", "restart web"]
    assert reason in output.rpartition("seen to by hand")[2]


def test_in_check_mode_nothing_is_tried_that_waits_for_what_would_change(tmp_path: Path) -> None:
    missed = Missed(tmp_path)
    registers = yaml.safe_load((ROLES / "irsa_webhook/vars/main/main.yml").read_text())["__irsa_webhook_registers"]
    code, output = missed.run("--check", **{name: {"changed": True} for name in registers})
    assert code == 0, output
    assert missed.asked() == ["restart web", "restart db"]


def test_a_restart_that_brings_no_new_pods_fails_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "stuck-db").touch()
    code, output = Missed(tmp_path).run()
    assert code == 2, output
    said = output.rpartition("Say what does not come up")[2]
    assert "StatefulSet/db in apps was restarted, but not all of its pods are new" in said
    assert "kubectl --namespace apps rollout status statefulset/db" in said
    assert "Deployment/web" not in said
