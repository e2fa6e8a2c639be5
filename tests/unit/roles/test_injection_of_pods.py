# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs of the role irsa_webhook make of a cluster: its real tasks and modules, on an API server in memory."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._injection.names import LABELS, NAME, PART_LABEL, POLICY

from ..plugins.modules.test_injection_probe import listed
from ..plugins.some_injection import ARN, own
from .cluster_with_api import ApiCluster, InjectingApi, cluster_with_api

if t.TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.onprem.irsa.plugins.module_utils._injection.pod import Account

pytestmark = pytest.mark.slow

Json = dict[str, t.Any]

RESTARTED = "kubectl.kubernetes.io/restartedAt"


def named(kind: str, name: str, version: str = "v1", **content: object) -> Json:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": "apps"}, **content}


def application() -> list[Json]:
    """Return a Deployment whose pod lacks the role of its service account."""
    account = named("ServiceAccount", "reports")
    account["metadata"]["annotations"] = {"eks.amazonaws.com/role-arn": ARN}
    spec = {"serviceAccountName": "reports", "containers": [{"name": "app"}]}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": spec}
    pod = named("Pod", "web-0", spec=spec, status={"phase": "Running"})
    pod["metadata"]["ownerReferences"] = [
        {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "controller": True}
    ]
    selector = {"matchLabels": {"app": "web"}}
    return [account, named("Deployment", "web", "apps/v1", spec={"selector": selector, "template": template}), pod]


def made(cluster: ApiCluster) -> set[str]:
    """Return the kinds of what has the role's labels."""
    return {
        stored["kind"]
        for stored in cluster.api.objects.values()
        if LABELS.items() <= (stored["metadata"].get("labels") or {}).items()
    }


def without_part(cluster: ApiCluster) -> list[str]:
    """Return the kinds of what is of the role and says not of which part, but Secrets, which go by their names."""
    return [
        stored["kind"]
        for stored in cluster.api.objects.values()
        if LABELS.items() <= (stored["metadata"].get("labels") or {}).items()
        and PART_LABEL not in stored["metadata"]["labels"]
        and stored["kind"] != "Secret"
    ]


def test_a_webhook_from_the_first_run_to_the_teardown(tmp_path: Path) -> None:
    with cluster_with_api(tmp_path, InjectingApi().put(*application())) as cluster:
        code, output = cluster.play("--check")
        assert code == 0, output
        assert "a certificate for pod-identity-webhook.pod-identity-webhook.svc" in output
        assert cluster.api.changes() == []
        code, output = cluster.play(irsa_webhook_restart_missed=True)
        assert code == 0, output
        assert {"Namespace", "Deployment", "MutatingWebhookConfiguration", "Secret"} < made(cluster)
        assert without_part(cluster) == []
        assert RESTARTED in cluster.api.named("Deployment", "web")["spec"]["template"]["metadata"]["annotations"]
        # API servers call the webhook last, and what makes pods is restarted then.
        changed = [request.path.rpartition("/")[2] for request in cluster.api.changes()]
        assert changed[-2:] == ["onprem-irsa-pod-identity-webhook", "web"]
        for options in ([], ["--check"]):
            code, output = cluster.play(*options)
            assert (code, cluster.api.changes()) == (0, []), output
            assert "changed=0" in output
        code, output = cluster.play(tasks_from="teardown")
        assert (code, made(cluster)) == (0, set()), output


class WebhookThatComesUp(InjectingApi):
    """An API server whose webhook answers, and has its pods ready, only after a pod of apps was tried without it."""

    def _by_webhook(self, pod: Json) -> tuple[Account, str] | None:
        found = self._find("Deployment", NAME)
        if not found or found["status"].get("availableReplicas"):
            return super()._by_webhook(pod)
        if pod["metadata"]["namespace"] == "apps":
            found["status"]["availableReplicas"] = found["spec"]["replicas"]
        return None


def test_what_makes_missed_pods_is_restarted_by_a_run_that_only_waits_for_the_webhook(tmp_path: Path) -> None:
    api = WebhookThatComesUp()
    with cluster_with_api(tmp_path, api.put(*application())) as cluster:
        code, output = cluster.play()
        assert code == 0, output
        api.named("Deployment", NAME)["status"]["availableReplicas"] = 0
        code, output = cluster.play(irsa_webhook_restart_missed=True)
        assert code == 0, output
        assert [request.path.rpartition("/")[2] for request in api.changes()] == ["web"]


class PolicyThatComesUp(InjectingApi):
    """An API server that evaluates a policy only some time after it was asked to try a pod of apps; see SINCE."""

    since = 0
    """How many pods, that of apps and the probe's, are tried before it does."""

    def _by_policy(self, pod: Json) -> tuple[Account, str] | None:
        self.since -= 1
        return super()._by_policy(pod) if self.since < 0 else None


def test_what_makes_missed_pods_is_restarted_by_a_run_that_only_waits_for_the_policy(tmp_path: Path) -> None:
    api, roles = PolicyThatComesUp(), [{"arn": ARN, "state": "present", "service_accounts": ["apps/reports"]}]
    roles = [{**role, "audiences": ["sts.amazonaws.com"], "name": "reports"} for role in roles]
    with cluster_with_api(tmp_path, api.put(*application())) as cluster:
        options: Json = {"irsa_webhook_mode": "policy", "irsa_webhook_roles": roles}
        code, output = cluster.play(**options)
        assert code == 0, output
        api.since = 2
        code, output = cluster.play(**options, irsa_webhook_restart_missed=True)
        assert code == 0, output
        assert [request.path.rpartition("/")[2] for request in api.changes()] == ["web"]


def test_a_policy_takes_the_place_of_a_webhook_of_an_earlier_release(tmp_path: Path) -> None:
    before = [
        own("Namespace", namespace=""),
        own("MutatingWebhookConfiguration", "onprem-irsa-pod-identity-webhook", namespace="", webhooks=[]),
        own("ClusterRole", "onprem-irsa-pod-identity-webhook", namespace=""),
        own("Service"),
        own("NetworkPolicy"),
    ]
    api = InjectingApi().put(*application(), *before, *listed("https://localhost:1", "https://localhost:2"))
    with cluster_with_api(tmp_path, api) as cluster:
        code, output = cluster.play(irsa_webhook_mode="policy")
        assert code == 0, output
        assert "The controller cannot ask https://localhost:1, https://localhost:2, past what the kubeconfig" in output
        assert made(cluster) == {
            "Namespace",
            "ServiceAccount",
            "ConfigMap",
            "MutatingAdmissionPolicy",
            "MutatingAdmissionPolicyBinding",
        }
        assert without_part(cluster) == []
        # The policy injects before the webhook is no longer called.
        paths = [(request.method, request.path.rpartition("/")[2]) for request in cluster.api.changes()]
        assert paths.index(("PATCH", POLICY)) < paths.index(("DELETE", "onprem-irsa-pod-identity-webhook"))
        assert "apps web-0 reports Deployment/web" in output
        code, output = cluster.play(irsa_webhook_mode="none")
        assert (code, made(cluster)) == (0, set()), output


class IgnoredPolicy(InjectingApi):
    """An API server that evaluates the policy for as long as EVALUATES is set."""

    evaluates = False

    def _by_policy(self, pod: Json) -> tuple[Account, str] | None:
        return super()._by_policy(pod) if self.evaluates else None


@pytest.mark.parametrize("stands", [False, True], ids=["made now", "there before"])
def test_a_policy_that_no_pod_gets_its_role_from_is_removed_unless_it_was_there(
    tmp_path: Path, *, stands: bool
) -> None:
    api = IgnoredPolicy()
    api.put(*application())
    with cluster_with_api(tmp_path, api) as cluster:
        cluster.hurry()
        if stands:
            api.evaluates = True
            code, output = cluster.play(irsa_webhook_mode="policy")
            assert code == 0, output
            api.evaluates = False
        code, output = cluster.play(irsa_webhook_mode="policy", irsa_webhook_audience="other")
        assert code == 2, output
        assert f"The policy {'stays, but' if stands else 'is removed again, because'} it did not inject a pod" in output
        policy = {"MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding", "ConfigMap"}
        assert made(cluster) == {"Namespace", "ServiceAccount", *(policy if stands else ())}
        assert without_part(cluster) == []


def test_what_cannot_be_run_is_refused_before_anything_is_touched(tmp_path: Path) -> None:
    somebody = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAME}}
    with cluster_with_api(tmp_path, InjectingApi().put(somebody)) as cluster:
        code, output = cluster.play()
        assert code == 2, output
        assert "Pods cannot be injected as asked for; nothing was touched." in output
        assert "The namespace pod-identity-webhook exists and was not made by this role" in output
        assert cluster.api.changes() == []
