# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What makes pods, and how far its pods are of its template. PRIVATE: it may change without notice."""

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._errors import IrsaError

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._service_accounts import Manifest

# Owners whose pods are replaced by changing their template. Those of others must be made again by hand, also where an
# API of its own has the same kind, such as the StatefulSet of apps.kruise.io.
RESTARTABLE_VERSION: t.Final = "apps/v1"
RESTARTABLE_KINDS: t.Final = ("DaemonSet", "Deployment", "StatefulSet")


def owner_of(pod: Manifest) -> dict[str, str]:
    """Return C(apiVersion), C(kind) and C(name) of what makes the pod; a Deployment rather than its ReplicaSet.

    Empty for none.
    """
    metadata = pod["metadata"]
    reference = next((owner for owner in metadata.get("ownerReferences") or [] if owner.get("controller")), None)
    if reference is None:
        return {}
    owner = {key: reference[key] for key in ("apiVersion", "kind", "name")}
    template = (metadata.get("labels") or {}).get("pod-template-hash")
    is_replica_set = (owner["apiVersion"], owner["kind"]) == (RESTARTABLE_VERSION, "ReplicaSet")
    if is_replica_set and template and owner["name"].endswith(f"-{template}"):
        return {**owner, "kind": "Deployment", "name": owner["name"][: -len(template) - 1]}
    return owner


def keeps_pods(workload: Manifest) -> bool:
    """Tell whether a changed template makes no new pod: Kubernetes API, C(updateStrategy) and C(paused) of apps/v1.

    A StatefulSet with a partition keeps those below it.
    """
    spec = workload["spec"]
    strategy = spec.get("updateStrategy") or {}
    partition = (strategy.get("rollingUpdate") or {}).get("partition")
    return bool(spec.get("paused") or partition) or strategy.get("type") == "OnDelete"


def workload_pod(workload: Manifest, name: str) -> Manifest:
    """Return a pod as a workload of apps/v1 makes it, to be tried under a name."""
    template, of = workload["spec"]["template"], workload["metadata"]
    metadata = {
        key: value for key, value in (template.get("metadata") or {}).items() if key in ("annotations", "labels")
    }
    spec = dict(template["spec"])
    # The controller adds these to a StatefulSet's pods, without which what mounts them would be refused.
    claims = [claim["metadata"]["name"] for claim in workload["spec"].get("volumeClaimTemplates") or []]
    if claims:
        claimed = [
            {"name": claim, "persistentVolumeClaim": {"claimName": f"{claim}-{of['name']}-0"}} for claim in claims
        ]
        spec["volumes"] = [*(volume for volume in spec.get("volumes") or [] if volume["name"] not in claims), *claimed]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {**metadata, "namespace": of["namespace"], "name": name},
        "spec": spec,
    }


def workload_key(workload: Manifest) -> tuple[str, str, str]:
    """Return namespace, kind and name, by which a workload is found."""
    return workload["metadata"]["namespace"], workload["kind"], workload["metadata"]["name"]


def is_rolled_out(workload: Manifest) -> bool:
    """Tell whether every pod of a workload of apps/v1 is of its template, and available.

    That as many are available as are wanted says nothing of a new template: its pods may be still to come.
    """
    status = workload.get("status") or {}
    if status.get("observedGeneration", 0) < workload["metadata"]["generation"]:
        return False
    if workload["kind"] == "DaemonSet":
        wanted, counts = status.get("desiredNumberScheduled", 0), ["updatedNumberScheduled", "numberAvailable"]
    else:
        wanted, counts = workload["spec"].get("replicas", 1), ["replicas", "updatedReplicas", "availableReplicas"]
    return all(status.get(count, 0) == wanted for count in counts)


def superseded(pods: t.Iterable[Manifest]) -> list[str]:
    """Return the names of a Deployment's pods that are of another template than those that stay.

    They go on answering until they have ended: API servers keep the connection over which they have called one. A pod
    that ends but is of today's template answers as the one in its place does, and one that has ended answers nothing.
    """
    there = [pod for pod in pods if (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed")]
    staying = {_template(pod) for pod in there if not pod["metadata"].get("deletionTimestamp")}
    return sorted(
        pod["metadata"]["name"]
        for pod in there
        if pod["metadata"].get("deletionTimestamp") and _template(pod) not in staying
    )


def _template(pod: Manifest) -> str | None:
    """Return what a Deployment's controller tells the pods of one template from those of another by."""
    return (pod["metadata"].get("labels") or {}).get("pod-template-hash")


def waited_for(pods: t.Iterable[Manifest]) -> list[str]:
    """Return what pods that are not ready wait for, in the words of kubelet and scheduler, each once."""
    words = []
    for pod in pods:
        status = pod.get("status") or {}
        states = [container.get("state") or {} for container in status.get("containerStatuses") or []]
        reasons = [state[kind] for kind in ("waiting", "terminated") for state in states if kind in state]
        conditions = [condition for condition in status.get("conditions") or [] if condition.get("status") == "False"]
        words += [told["message"] for told in (*reasons, *conditions) if told.get("message")]
    return list(dict.fromkeys(words))


def not_rolled_out(kind: str, namespace: str, name: str, *, causes: t.Collection[str], seconds: int) -> IrsaError:
    """Say that the pods of a workload are not as they should be after SECONDS, and where to look."""
    because = f": {'; '.join(causes)}" if causes else ""
    kubectl = f"kubectl --namespace {namespace}"
    error = IrsaError(
        f"Not all pods of {kind}/{name} in {namespace} are new and available after {_minutes(seconds)}{because}.",
        fix=f"`{kubectl} rollout status {kind.lower()}/{name}` says what is waited for, and `{kubectl} get events` "
        "why; then run again.",
    )
    error.result = {"causes": list(causes)}
    return error


def not_ended(namespace: str, pods: t.Iterable[Manifest], *, seconds: int) -> IrsaError:
    """Say which pods of the template before have not ended after SECONDS; PODS are all of the workload."""
    known = list(pods)
    names = superseded(known)
    nodes = dict.fromkeys(
        (pod["spec"].get("nodeName") or "no node") for pod in known if pod["metadata"]["name"] in names
    )
    return IrsaError(
        f"The new pods are ready, but those from before have not ended after {_minutes(seconds)}: {', '.join(names)}. "
        "As long as they answer, API servers may give pods the settings of before.",
        fix=f"Check whether the kubelet runs on {', '.join(nodes)}. Where a host is off, remove its pods: `kubectl "
        f"--namespace {namespace} delete pods --force {' '.join(names)}`. Then run again.",
    )


def _minutes(seconds: int) -> str:
    minutes = seconds // 60
    return f"{minutes} minutes" if minutes > 1 else f"{seconds} seconds"


__all__: t.Final = (
    "RESTARTABLE_KINDS",
    "RESTARTABLE_VERSION",
    "is_rolled_out",
    "keeps_pods",
    "not_ended",
    "not_rolled_out",
    "owner_of",
    "superseded",
    "waited_for",
    "workload_key",
    "workload_pod",
)
