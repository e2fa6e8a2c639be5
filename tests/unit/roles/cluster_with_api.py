# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A control plane whose API server keeps objects in memory: roles, actions and modules are all the real ones."""

from __future__ import annotations

import json
import typing as t
from contextlib import contextmanager

import ansible_collections.kubernetes.core as kubernetes_core

from ansible_collections.onprem.irsa.plugins.module_utils._injection.names import (
    CLUSTER_NAME,
    NAME,
    POLICY,
    POLICY_PARAMETERS,
    PROBE_CONFIGURATION,
    PROBE_LABEL,
)
from ansible_collections.onprem.irsa.plugins.module_utils._injection.pod import Account, Settings, account, inject

from ..plugins.fake_api_server import TOKEN, FakeApi, served
from .cluster_of_files import Cluster

if t.TYPE_CHECKING:
    from pathlib import Path

Json = dict[str, t.Any]


class ApiCluster:
    """Two control-plane hosts, and what the API server stores."""

    def __init__(self, directory: Path, url: str, api: FakeApi) -> None:
        """Write how to reach the API server."""
        self.cluster, self.directory, self.api = Cluster(directory, {"cp1": {}, "cp2": {}}), directory, api
        double = directory / "collections/ansible_collections/kubernetes/core"
        double.rename(directory / "stubs")
        double.symlink_to(next(iter(kubernetes_core.__path__)))
        self.cluster.restore("objects_info")
        kubeconfig = json.loads((directory / "kubeconfig").read_text())
        kubeconfig["clusters"][0]["cluster"]["server"] = url
        kubeconfig["users"][0]["user"]["token"] = TOKEN
        (directory / "kubeconfig").write_text(json.dumps(kubeconfig))

    def hurry(self) -> None:
        """Let pods be tried for a second, and not for two minutes."""
        probe = self.directory / "collections/ansible_collections/onprem/irsa/plugins/modules/injection_probe.py"
        patient, text = '"default": 120', probe.read_text()
        assert patient in text
        probe.unlink()
        probe.write_text(text.replace(patient, '"default": 1'))

    def play(self, *options: str, tasks_from: str = "main", **variables: object) -> tuple[int, str]:
        """Run an entry point of the role irsa_webhook; return the exit code and what was printed, as one line."""
        include = {"name": "onprem.irsa.irsa_webhook", "tasks_from": tasks_from}
        playbook = self.directory / "playbook.json"
        tasks = [{"ansible.builtin.include_role": include}]
        playbook.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
        return self.run(str(playbook), *options, **variables)

    def run(self, playbook: str, *options: str, **variables: object) -> tuple[int, str]:
        """Run a playbook; return the exit code and what was printed, as one line."""
        self.api.asked.clear()
        code, output = self.cluster.run(playbook, {"irsa_region": "eu-central-1", **variables}, *options)
        assert [secret for secret in self.api.hidden() if secret in output] == []
        return code, " ".join(output.split())


def _roll_out(changed: Json) -> None:
    """Do as the controllers of apps/v1, at once."""
    if changed["apiVersion"] == "apps/v1":
        replicas = changed["spec"].get("replicas", 1)
        counts = ("replicas", "readyReplicas", "updatedReplicas", "availableReplicas")
        generation = changed["metadata"]["generation"]
        changed["status"] = {"observedGeneration": generation, **dict.fromkeys(counts, replicas)}


class InjectingApi(FakeApi):
    """An API server that injects pods as the webhook and the policy of the role do, where it has them."""

    def __init__(self, **options: t.Any) -> None:  # noqa: ANN401 -- those of FakeApi
        """Take the options of FakeApi."""
        super().__init__(admit=self._inject, control=_roll_out, **options)

    def _find(self, kind: str, name: str) -> Json:
        found = [
            stored for stored in self.objects.values() if (stored["kind"], stored["metadata"]["name"]) == (kind, name)
        ]
        return found[0] if found else {}

    def _inject(self, pod: Json) -> Json:
        given = self._by_policy(pod) or self._by_webhook(pod)
        if given is None:
            return pod
        wanted, region = given
        return {**pod, "spec": inject(pod["spec"], pod["metadata"].get("annotations") or {}, wanted, region)}

    def _by_policy(self, pod: Json) -> tuple[Account, str] | None:
        data = self._find("ConfigMap", POLICY_PARAMETERS).get("data") or {}
        role = data.get(f"{pod['metadata']['namespace']}.{pod['spec'].get('serviceAccountName', 'default')}")
        if not role or not self._find("MutatingAdmissionPolicyBinding", POLICY):
            return None
        return Account(role, data["audience"], regional_sts=True, expiration=86400), data["region"]

    def _by_webhook(self, pod: Json) -> tuple[Account, str] | None:
        is_probe = PROBE_LABEL in (pod["metadata"].get("labels") or {})
        deployment = self._find("Deployment", NAME)
        called = self._find("MutatingWebhookConfiguration", PROBE_CONFIGURATION if is_probe else CLUSTER_NAME)
        if not called or not deployment:
            return None
        arguments = deployment["spec"]["template"]["spec"]["containers"][0]["args"]
        values = dict(argument.removeprefix("--").partition("=")[::2] for argument in arguments)
        space, name = pod["metadata"]["namespace"], pod["spec"].get("serviceAccountName", "default")
        annotations = self.objects[f"/api/v1/namespaces/{space}/serviceaccounts/{name}"]["metadata"].get("annotations")
        found = account(annotations or {}, Settings(values["token-audience"]))
        return None if found is None else (found, values["aws-default-region"])


@contextmanager
def cluster_with_api(directory: Path, api: FakeApi) -> t.Iterator[ApiCluster]:
    """Serve an API as long as the body lasts."""
    with served(api) as url:
        yield ApiCluster(directory, url, api)
