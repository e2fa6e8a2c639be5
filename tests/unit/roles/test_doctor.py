# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the playbook doctor says of a cluster: the real playbook and role, on an API that notes what it is asked."""

from __future__ import annotations

import json
import typing as t
from base64 import b64encode
from datetime import datetime, timedelta, timezone

import pytest

from ..plugins.some_certificates import authority, encoded, leaf, secret
from .cluster_of_files import Cluster
from .rendered import rendered

if t.TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

Json = dict[str, t.Any]
NAMESPACE = "pod-identity-webhook"
LABELS = {"app.kubernetes.io/managed-by": "onprem.irsa"}
GROUP = "admissionregistration.k8s.io/v1"
NOW = datetime.now(timezone.utc).replace(microsecond=0)

# DIRECTORY is set to a directory with `objects`, and with `admitted`, what becomes of a pod that is tried.
_K8S_CLUSTER_INFO = """
AnsibleModule(argument_spec={"kubeconfig": {"type": "raw"}}, supports_check_mode=True).exit_json(
    changed=False,
    apis={"GROUP": {"MutatingAdmissionPolicy": {}, "MutatingAdmissionPolicyBinding": {}}},
    version={"server": {"kubernetes": {"gitVersion": "v1.36.0"}}},
)
"""
_K8S_INFO = """
names = "kubeconfig api_version kind namespace name label_selectors field_selectors hidden_fields".split()
module = AnsibleModule(argument_spec={name: {"type": "raw"} for name in names}, supports_check_mode=True)
asked = module.params
if (DIRECTORY / f"refused-{asked['kind']}").exists():
    module.fail_json(msg="it is forbidden")
found = [
    one
    for one in json.loads((DIRECTORY / "objects").read_text())
    if one["kind"] == asked["kind"]
    and asked["namespace"] in (None, one["metadata"].get("namespace"))
    and asked["name"] in (None, one["metadata"]["name"])
]
if "data[tls.key]" in (asked["hidden_fields"] or []):
    for one in found:
        del one["data"]["tls.key"]
module.exit_json(changed=False, resources=found)
"""
_K8S = """
names = ("kubeconfig", "definition")
module = AnsibleModule(argument_spec={name: {"type": "raw"} for name in names}, supports_check_mode=True)
kind = module.params["definition"]["kind"]
if kind == "SelfSubjectRulesReview":
    module.exit_json(changed=True, result={"status": {"incomplete": True}})
if not module.check_mode:
    with (DIRECTORY / "changed").open("a") as log:
        log.write(kind)
answer = json.loads((DIRECTORY / "admitted").read_text())
module.fail_json(**answer) if "msg" in answer else module.exit_json(changed=True, result=answer)
"""


class Injection:
    """A cluster with the webhook, which runs in all of its parts."""

    def __init__(self, directory: Path, *, days: float = 300) -> None:
        """Let its certificate have some of 365 days left."""
        self.cluster, self.directory = Cluster(directory, {"cp1": {}, "cp2": {}}), directory
        modules = directory / "collections/ansible_collections/kubernetes/core/plugins/modules"
        runtime = modules.parents[1] / "meta/runtime.yml"
        runtime.parent.mkdir()
        runtime.write_text(json.dumps({"action_groups": {"k8s": ["k8s", "k8s_info"]}}))
        begin = "import json\nfrom pathlib import Path\nfrom ansible.module_utils.basic import AnsibleModule\n"
        for name, code in {"k8s": _K8S, "k8s_info": _K8S_INFO, "k8s_cluster_info": _K8S_CLUSTER_INFO}.items():
            text = f"{begin}DIRECTORY = Path({str(directory)!r})\n{code.replace('GROUP', GROUP)}"
            (modules / f"{name}.py").write_text(text)
        signer = authority(begin=NOW - timedelta(days=364.5))
        self.tls = secret(leaf(begin=NOW - timedelta(days=364.5 - days)), 11)
        self.objects = objects(encoded(signer), self.tls)
        self.admitted: Json = {"spec": {"volumes": [{"name": "aws-iam-token"}]}}

    def doctor(self, *options: str, **variables: object) -> tuple[int, str]:
        """Run the playbook; what it printed is on one line, as the table's lines are long."""
        (self.directory / "objects").write_text(json.dumps(self.objects))
        (self.directory / "admitted").write_text(json.dumps(self.admitted))
        code, output = self.cluster.run("onprem.irsa.doctor", {"irsa_region": "eu-central-1", **variables}, *options)
        return code, " ".join(output.split())


def named(kind: str, name: str, *, namespace: str | None = NAMESPACE, **content: object) -> Json:
    within = {"namespace": namespace} if namespace else {}
    return {"kind": kind, "metadata": {"name": name, **within, "labels": LABELS}, **content}


def objects(bundle: str, tls: Json) -> list[Json]:
    hooks = [{"name": "pod-identity-webhook.amazonaws.com", "clientConfig": {"caBundle": bundle}}]
    volume = {"name": "certificate", "secret": {"secretName": "pod-identity-webhook-tls"}}
    deployed = {"replicas": 2, "template": {"spec": {"volumes": [volume]}}}
    account = named("ServiceAccount", "reports", namespace="apps")
    account["metadata"]["annotations"] = {"eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/reports"}
    return [
        named("Namespace", NAMESPACE, namespace=None),
        named("MutatingWebhookConfiguration", "onprem-irsa-pod-identity-webhook", namespace=None, webhooks=hooks),
        named("Deployment", "pod-identity-webhook", spec=deployed, status={"replicas": 2, "readyReplicas": 2}),
        named("Secret", "pod-identity-webhook-tls", data=tls),
        named("ServiceAccount", "pod-identity-probe"),
        account,
    ]


def test_all_is_well(tmp_path: Path) -> None:
    injection = Injection(tmp_path)
    code, output = injection.doctor("-vvv")
    assert code == 0, output
    assert "webhook: certificate ok 300 days left" in output
    assert "webhook: authority ok 3285 days left" in output
    assert "webhook: a pod, tried ok it is injected" in output
    assert "webhook: running pods ok none lacks the role" in output
    assert "warning" not in output.lower().partition("link state found fix")[2]
    assert "changed=0" in output
    assert not (tmp_path / "changed").exists()
    assert injection.tls["tls.key"] not in output


def test_what_is_only_to_be_warned_of_is_no_failure(tmp_path: Path) -> None:
    injection = Injection(tmp_path, days=100)
    injection.objects.append(
        named("Pod", "r-1", namespace="apps", spec={"serviceAccountName": "reports", "containers": []})
    )
    injection.objects[-1]["spec"]["containers"] = [{"name": "app"}]
    injection.objects += [
        named(kind, "onprem-irsa-pod-identity", namespace=None)
        for kind in ("MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding")
    ]
    code, output = injection.doctor("--check")
    assert code == 0, output
    assert (
        "webhook: mode warning irsa_webhook_mode is webhook; pods are injected by the webhook of this role and"
        in output
    )
    assert "webhook: certificate warning 100 days left" in output
    assert "Run onprem.irsa.site, which renews it." in output
    assert "webhook: running pods warning 1 without the role of their service account: apps/r-1" in output


def test_what_is_broken_fails_with_what_mends_it(tmp_path: Path) -> None:
    injection = Injection(tmp_path, days=-4)
    injection.objects[1]["webhooks"][0]["clientConfig"]["caBundle"] = b64encode(b"none").decode()
    injection.objects[2]["status"]["readyReplicas"] = 1
    cause = 'failed calling webhook \\"probe.pod-identity-webhook.amazonaws.com\\": no route'
    injection.admitted = {"msg": f'b\'{{"message":"{cause}","reason":"InternalError"}}\''}
    code, output = injection.doctor()
    assert code == 2, output
    message = output.partition("[ERROR]")[2] or output.partition("fatal:")[2]
    assert "webhook: certificate ended 3 days ago" in message
    assert "Run onprem.irsa.site, which renews it." in message
    assert "webhook: authority API servers do not trust what pods serve" in message
    assert "webhook: a pod, tried an API server does not reach the webhook: failed calling webhook" in message
    assert "1 of 2 ready" not in message
    assert "webhook: pods warning 1 of 2 ready" in output
    assert not (tmp_path / "changed").exists()


def test_a_cluster_that_has_nothing_yet(tmp_path: Path) -> None:
    injection = Injection(tmp_path)
    injection.objects = []
    code, output = injection.doctor()
    assert code == 2, output
    assert "pods are injected by nothing" in output
    assert "webhook: certificate" not in output
    code, output = injection.doctor(irsa_webhook_mode="none")
    assert code == 0, output
    assert "webhook: mode ok none, as asked for" in output


def test_a_user_who_may_not_look_is_told(tmp_path: Path) -> None:
    (tmp_path / "refused-Secret").touch()
    injection = Injection(tmp_path)
    code, output = injection.doctor()
    assert code == 0, output
    assert "pod-identity-webhook-tls cannot be read" in output
    (tmp_path / "refused-Pod").touch()
    code, output = injection.doctor()
    assert code == 2, output
    assert "The injection of pods cannot be diagnosed: it is forbidden. The user of the kubeconfig must be" in output


def test_what_cert_manager_has_issued_is_judged_where_pods_serve_it(tmp_path: Path) -> None:
    injection = Injection(tmp_path, days=100)
    injection.objects[2]["spec"]["template"]["spec"]["volumes"][0]["secret"]["secretName"] = (
        "pod-identity-webhook-cert-manager-tls"
    )
    injection.objects[3]["metadata"]["name"] = "pod-identity-webhook-cert-manager-tls"
    code, output = injection.doctor(irsa_webhook_tls="cert-manager")
    assert code == 0, output
    assert "webhook: certificate warning 100 days left" in output
    assert "describe certificates,certificaterequests" in output


def test_the_fix_is_that_of_what_is_served() -> None:
    """Where pods still serve the role's own certificate, cert-manager is not who renews it: a run changes it over."""

    def origin(served: str) -> str:
        volume = {"name": "certificate", "secret": {"secretName": served}}
        deployment = {"spec": {"template": {"spec": {"volumes": [volume]}}}}
        variables = {
            "irsa_region": "eu-central-1",
            "irsa_webhook_tls": "cert-manager",
            "__irsa_webhook_deployments": {"resources": [deployment]},
        }
        name = "__irsa_webhook_diagnosed_options"
        return str(rendered("irsa_webhook", [name], variables)[name]["tls"])

    assert origin("pod-identity-webhook-tls") == "own"
    assert origin("pod-identity-webhook-cert-manager-tls") == "cert-manager"
