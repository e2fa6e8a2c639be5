# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole chain on real API servers and the lab's AWS, which faults are put into and a doctor looks at.

No kubelet runs: pods are stored and start nowhere. What would inject them is a webhook of somebody else that is never
called, and the pods carry what it would give them.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import typing as t
from contextlib import contextmanager, redirect_stdout, suppress

from ansible.module_utils.testing import patch_module_args

from ansible_collections.onprem.irsa.plugins.module_utils._injection.pod import Account, inject
from ansible_collections.onprem.irsa.plugins.module_utils._kube.kubeconfig import current_context
from ansible_collections.onprem.irsa.plugins.modules import (
    chain_aws_info,
    chain_cluster_info,
    chain_diagnosis,
    chain_documents_info,
)
from ansible_collections.onprem.irsa.tests.faults import chain_faults
from ansible_collections.onprem.irsa.tests.unit.plugins.some_certificates import authority, encoded

from .some_servers import OLD, Servers, servers
from .test_any_cluster import NEW, POLICY, ROOT, Runs

if t.TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.onprem.irsa.tests.unit.extensions.lab.aws.conftest import Lab

Json = dict[str, t.Any]
REGION: t.Final = "eu-central-1"
ACCOUNT: t.Final = "123456789012"
BUCKET: t.Final = "acme-prod-oidc"
ROLE: t.Final = f"arn:aws:iam::{ACCOUNT}:role/prod-reports"
AUDIENCE: t.Final = "sts.amazonaws.com"
JWKS_FLAG: t.Final = f"--service-account-jwks-uri={NEW}/openid/v1/jwks"
HOOKS: t.Final = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"


class Chain(chain_faults.Chain):
    """The chain, and how it is looked at."""

    account, issuer, bucket, role = ACCOUNT, NEW, BUCKET, ROLE
    subject = "system:serviceaccount:apps:reports"

    def __init__(self, directory: Path, lab: Lab, cluster: Servers) -> None:
        """Set the chain up by the collection itself."""
        self.directory, self.lab, self.cluster = directory, lab, cluster
        self.runs = Runs(directory, lab, cluster)
        inventory = json.loads((directory / "inventory.json").read_text())
        inventory["all"]["vars"]["irsa_webhook_mode"] = "none"
        for name in ("inventory.json", "inventory.yml"):
            (directory / name).write_text(json.dumps(inventory))
        code, output = self.runs.run("site")
        assert code == 0, output
        self.install_webhook("pod-identity-webhook")
        self.pod("reports")

    def install_webhook(self, name: str) -> None:
        """Store what a webhook of somebody else is made of."""
        store_webhook(self.cluster, name)

    def remove_webhook(self, name: str) -> None:
        """Remove it again."""
        self.cluster.ask(0, "DELETE", f"{HOOKS}/{name}")
        self.cluster.ask(0, "DELETE", f"/api/v1/namespaces/default/services/{name}")
        self.cluster.ask(0, "DELETE", f"/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/{name}")

    def pod(self, name: str, *, account: str = "reports", injected: bool = True, **metadata: t.Any) -> None:  # noqa: ANN401 -- JSON
        """Store a pod, with what a webhook would give it."""
        spec: Json = {"serviceAccountName": account, "containers": [{"name": "main", "image": "app:1"}]}
        given = inject(spec, {}, Account(ROLE, AUDIENCE, True, 86400), REGION) if injected else spec
        self.make_pod(name, {**given, "serviceAccountName": account}, **metadata)

    def make_pod(self, name: str, spec: Json, **metadata: t.Any) -> None:  # noqa: ANN401 -- JSON
        """Store a pod."""
        body = {"metadata": {"name": name, **metadata}, "spec": {**spec, "automountServiceAccountToken": False}}
        self.cluster.ask(0, "POST", "/api/v1/namespaces/apps/pods", body)

    def delete_pod(self, name: str) -> None:
        """Remove a pod at once."""
        self.cluster.ask(0, "DELETE", f"/api/v1/namespaces/apps/pods/{name}", {"gracePeriodSeconds": 0})

    @contextmanager
    def without_pods(self) -> t.Iterator[None]:
        """Have no pod of the service account in the body."""
        self.delete_pod("reports")
        try:
            yield
        finally:
            self.pod("reports")

    def annotate(self, key: str, value: str | None) -> str | None:
        """Set an annotation of the service account, None to remove it; return what it was."""
        path = "/api/v1/namespaces/apps/serviceaccounts/reports"
        found = self.cluster.ask(0, "GET", path)
        own: dict[str, str] = found["metadata"].setdefault("annotations", {})
        before = own.pop(key, None)
        own.update({} if value is None else {key: value})
        self.cluster.ask(0, "PUT", path, found)
        return before

    def client(self, service: str) -> t.Any:  # noqa: ANN401 -- boto3's own
        """Return a client of the administrator."""
        return self.lab.client(service)

    def diagnose(self, **changes: t.Any) -> Json:  # noqa: ANN401 -- arguments of the diagnosis
        """Look at the chain by the modules themselves, and return the diagnosis."""
        kubeconfig = current_context(self.cluster.at(0).kubeconfig)
        cluster = called(chain_cluster_info.main, kubeconfig=kubeconfig, issuers=[NEW])
        documents = called(chain_documents_info.main, issuer=NEW, region=REGION)
        found = {"jwks_uri": documents["jwks_uri"], "role_arns": cluster["role_arns"]}
        aws = called(chain_aws_info.main, issuer=NEW, told_region=REGION, region=REGION, **found)
        seen = {"cluster": cluster["seen"], "documents": documents["seen"], "aws": aws["seen"]}
        return called(chain_diagnosis.main, issuer=NEW, seen=seen, **changes)

    def follow(self, command: str) -> None:
        """Run a command that was printed as a fix."""
        kubeconfig = self.directory / "kubeconfig"
        tools = f"{os.environ['KUBERNETES_BIN']}:{os.environ['PATH']}"
        names = {"ANSIBLE_NOCOLOR": "1", "KUBECONFIG": str(kubeconfig), "PATH": tools, "AWS_DEFAULT_REGION": REGION}
        done = subprocess.run(  # noqa: S602 -- what a user would paste into a shell
            command,
            shell=True,
            cwd=self.directory,
            env={**self.lab.environment(), "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".build"), **names},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def called(main: t.Callable[[], object], **arguments: t.Any) -> Json:  # noqa: ANN401 -- of a module
    """Return what a module returns."""
    printed = io.StringIO()
    with patch_module_args(arguments), redirect_stdout(printed), suppress(SystemExit):
        main()
    result: Json = json.loads(printed.getvalue())
    assert not result.get("failed"), result
    return result


@contextmanager
def chain(directory: Path, lab: Lab) -> t.Iterator[Chain]:
    """Run a chain until the body ends."""
    (directory / "cluster").mkdir()
    with servers(directory / "cluster", 2, *POLICY) as cluster:
        cluster.restart_all([NEW, OLD], JWKS_FLAG)
        yield Chain(directory, lab, cluster)


def store_webhook(cluster: Servers, name: str) -> None:
    """Store what a webhook of somebody else is made of, but have it called for no pod."""
    space = "/api/v1/namespaces/default"
    cluster.ask(0, "POST", f"{space}/services", _service(name))
    cluster.ask(0, "POST", "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices", _slice(name))
    cluster.ask(0, "POST", HOOKS, configuration(name))


def _service(name: str) -> Json:
    return {"metadata": {"name": name}, "spec": {"ports": [{"port": 443}], "selector": {"app": name}}}


def _slice(name: str) -> Json:
    return {
        "metadata": {"name": name, "labels": {"kubernetes.io/service-name": name}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [f"192.0.2.{number}"], "conditions": {"ready": True}} for number in (80, 81)],
        "ports": [{"port": 8443}],
    }


def configuration(name: str) -> Json:
    """Return a webhook's configuration by which no pod is sent to it."""
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    hook = {
        "name": "pod-identity-webhook.amazonaws.com",
        "clientConfig": {
            "service": {"namespace": "default", "name": name, "path": "/mutate"},
            "caBundle": encoded(authority()),
        },
        "rules": [rule],
        "objectSelector": {"matchLabels": {"example.com/called": "never"}},
        "failurePolicy": "Ignore",
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
    }
    return {"metadata": {"name": name}, "webhooks": [hook]}


__all__ = ["Chain", "called", "chain", "configuration", "store_webhook"]
