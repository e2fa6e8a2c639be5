# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pod that is tried at each API server, and what that shows. PRIVATE: it may change without notice.

Trying is a dry run: the API server asks what injects pods, and stores nothing. What one API server knows or reaches
says nothing of the others.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.onprem.irsa.plugins.module_utils._errors import ApiError
from ansible_collections.onprem.irsa.plugins.module_utils._injection.names import NAME, PROBE, PROBE_LABEL, PROBE_ROLE
from ansible_collections.onprem.irsa.plugins.module_utils._injection.observation import Reader
from ansible_collections.onprem.irsa.plugins.module_utils._injection.pod import Account
from ansible_collections.onprem.irsa.plugins.module_utils._injection.pod_role import (
    environment,
    is_injected,
    is_injected_as,
)
from ansible_collections.onprem.irsa.plugins.module_utils._injection.reach import advice, is_unreached
from ansible_collections.onprem.irsa.plugins.module_utils._service_accounts import ROLE_ANNOTATION

Json = dict[str, t.Any]
Cause = t.Literal["unreached", "ignored", "refused"]


@dataclass(frozen=True)
class Tried:
    """What an API server made of a pod: the pod as it would be stored, or its refusal."""

    server: str
    pod: Json | None = None
    error: str = ""


@dataclass(frozen=True)
class Wanted:
    """What a pod that is tried should have: by default just a token."""

    role: str = ""
    audience: str = ""
    """With an audience, all settings have to be those of now; with a role alone, the role."""
    region: str = ""

    def suffices(self, tried: Tried) -> bool:
        """Tell whether a pod has it."""
        if tried.pod is None:
            return False
        pod = {"metadata": {}, **tried.pod}
        if self.audience:
            account = Account(self.role, self.audience, regional_sts=True, expiration=0)
            return is_injected_as(pod, account, self.region)
        if self.role:
            containers = pod["spec"].get("containers") or []
            return self.role in [environment(container).get("AWS_ROLE_ARN") for container in containers]
        return is_injected(pod)


@dataclass(frozen=True)
class Failure:
    """Why pods that were tried lack what they should have."""

    cause: Cause
    """C(ignored) where a pod was admitted without its role; of several causes the first in the order of the type."""
    said: str
    fix: str
    """What helps where the webhook is not reached; else empty."""


def is_probe(account: Json) -> bool:
    """Tell whether a service account is the one with which injection is tried: no pod of it is ever stored."""
    metadata = account["metadata"]
    annotations = metadata.get("annotations") or {}
    return bool(metadata["name"] == PROBE and annotations.get(ROLE_ANNOTATION) == PROBE_ROLE)


def probe_pod(namespace: str, image: str, *, is_marked: bool) -> Json:
    """Return the pod of the probe's service account; IS_MARKED, the probe's own webhook is called for it.

    A dry run needs no image, but the cluster's policies may allow some alone.
    """
    labels = {PROBE_LABEL: "true"} if is_marked else {}
    limits = {"cpu": "1m", "memory": "1Mi"}
    security = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": PROBE, "namespace": namespace, "labels": labels},
        "spec": {
            "serviceAccountName": PROBE,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 65534,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "probe",
                    "image": image,
                    "resources": {"requests": limits, "limits": limits},
                    "securityContext": security,
                }
            ],
        },
    }


def try_pod(read: Server, pod: Json) -> Tried:
    """Have an API server try a pod."""
    path = f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods"
    try:
        return Tried(read.server, pod=read.create(path, pod, dry_run=True))
    except ApiError as error:
        return Tried(read.server, error=error.said)


class Server(Reader, t.Protocol):
    """What asks one API server of a cluster."""

    @property
    def server(self) -> str:
        """Its URL."""

    def at(self, server: str) -> Server:
        """Return what asks another one."""


def reachable(read: Server, urls: t.Sequence[str]) -> tuple[list[Server], list[str]]:
    """Return what asks each API server that answers, and the URLs of the others.

    URLS are those that the cluster has. Where it is one, or none of several can be asked past a load balancer, that is
    the one which READ asks.
    """
    several = urls if len(urls) > 1 else []
    reached = [reader for reader in map(read.at, several) if _answers(reader)]
    unasked = [url for url in several if url not in [reader.server for reader in reached]]
    return reached or [read], unasked


def _answers(read: Reader) -> bool:
    # A proxy may be between that does not know the user, and a certificate may not be for the address.
    try:
        return read.get("/api/v1/namespaces/default") is not None
    except ApiError:
        return False


def failure(tried: t.Iterable[Tried], *, port: int, namespace: str) -> Failure:
    """Say why pods have no role, by those that failed; PORT is the webhook's, whose pods are in NAMESPACE."""
    said, causes, fixes = [], set(), []
    for trial in tried:
        cause: Cause = "ignored" if trial.pod is not None else "unreached" if is_unreached(trial.error) else "refused"
        causes.add(cause)
        if cause == "unreached":
            fixes.append(advice(trial.error, port=port, namespace=namespace))
        where = f"at {trial.server} " if trial.server else ""
        said.append(f"{where}{'it was admitted without its role' if trial.pod is not None else trial.error}")
    first = next(cause for cause in t.get_args(Cause) if cause in causes)
    return Failure(first, "; ".join(said), " ".join(dict.fromkeys(fixes)))


def webhook_problem(failed: Failure, *, namespace: str, called: bool) -> str:
    """Say what is wrong with a webhook that should inject a pod; CALLED, API servers call what was there before."""
    what = {
        "unreached": "API servers do not reach the webhook, whose pods are ready",
        "ignored": "The webhook, whose pods are ready, leaves a pod without its role",
        "refused": "A pod that is tried, to check whether API servers reach the webhook, is refused",
    }[failed.cause]
    fix = {
        "unreached": failed.fix,
        "ignored": f"Look at `kubectl --namespace {namespace} logs deployments/{NAME}`.",
        "refused": _let_pass(namespace),
    }[failed.cause]
    still = "still call the webhook as before" if called else "do not call it for pods yet"
    return f"{what}: {failed.said}. API servers {still}. {fix} Then run again."


def policy_problem(failed: Failure, *, namespace: str, stands: bool) -> str:
    """Say why a policy is not in force; STANDS, it was there before and is left, else it is removed again."""
    left = "stays, but" if stands else "is removed again, because"
    if failed.cause == "refused":
        what, fix = "a pod that is tried, to check whether it is in force, is refused", _let_pass(namespace)
    else:
        what, fix = "it did not inject a pod within two minutes", _NOT_IN_FORCE
    return f"The policy {left} {what}: {failed.said}. {fix} Then run again."


def settings_problem(failed: t.Iterable[Tried], wanted: Wanted) -> str:
    """Say where new pods do not get the settings of now."""
    region = f"the region {wanted.region}" if wanted.region else "no region"
    where = ", ".join(trial.server for trial in failed if trial.server) or "an API server"
    return (
        f"Two minutes after the change new pods do not get the audience {wanted.audience} and {region} at {where}. "
        "Something else injects them, or changes what was injected: look for it with "
        "`kubectl get mutatingwebhookconfigurations` and, where they are served, "
        "`kubectl get mutatingadmissionpolicies`. Then run again."
    )


def _let_pass(namespace: str) -> str:
    return (
        f"Check that the user of the kubeconfig may create pods in {namespace}, and let pods there pass what refuses "
        "them."
    )


_NOT_IN_FORCE: t.Final = (
    "Where this cluster has had such a policy before, its API servers have stopped reading ConfigMaps when it was "
    "removed (kubernetes/kubernetes#130887). Restart kube-apiserver on one control-plane host after the other, under "
    "kubeadm by `crictl stop $(crictl ps --quiet --name kube-apiserver)`. Otherwise check that every API server runs "
    "with --feature-gates=MutatingAdmissionPolicy=true, or set irsa_webhook_set_flags: true."
)


__all__: t.Final = (
    "Failure",
    "Server",
    "Tried",
    "Wanted",
    "failure",
    "policy_problem",
    "probe_pod",
    "reachable",
    "settings_problem",
    "try_pod",
    "webhook_problem",
)
