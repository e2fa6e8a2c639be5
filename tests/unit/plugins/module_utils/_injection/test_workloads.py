# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._injection.workloads import (
    is_rolled_out,
    not_ended,
    not_rolled_out,
    superseded,
    waited_for,
    workload_pod,
)

Json = dict[str, t.Any]


def of_webhook(name: str, template: str, *, ends: bool = False, phase: str = "Running") -> Json:
    metadata: Json = {"name": name, "labels": {"pod-template-hash": template}}
    return {"metadata": {**metadata, "deletionTimestamp": "now"} if ends else metadata, "status": {"phase": phase}}


@pytest.mark.parametrize(
    ("pods", "names"),
    [
        ([], []),
        ([of_webhook("a", "new"), of_webhook("b", "new")], []),
        ([of_webhook("a", "new"), of_webhook("b", "old", ends=True)], ["b"]),
        ([of_webhook("a", "new"), of_webhook("b", "new", ends=True)], []),  # moved to another node
        ([of_webhook("a", "new"), of_webhook("b", "old", ends=True, phase="Failed")], []),
        ([of_webhook("a", "new"), of_webhook("b", "old", phase="Failed")], []),  # evicted, which stays
        ([of_webhook("c", "old", ends=True), of_webhook("b", "older", ends=True), of_webhook("a", "new")], ["b", "c"]),
        ([of_webhook("a", "old", ends=True)], ["a"]),
    ],
)
def test_pods_of_another_template_answer_until_they_have_ended(pods: list[Json], names: list[str]) -> None:
    assert superseded(pods) == names


def test_a_pod_of_a_workload() -> None:
    spec = {"serviceAccountName": "reports", "containers": [], "volumes": [{"name": "data"}, {"name": "tmp"}]}
    template = {"metadata": {"labels": {"app": "db"}, "creationTimestamp": None}, "spec": spec}
    workload: Json = {"metadata": {"namespace": "apps", "name": "db"}, "spec": {"template": template}}
    metadata = {"namespace": "apps", "name": "trial", "labels": {"app": "db"}}
    made = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
    assert workload_pod(workload, "trial") == made
    del template["metadata"]
    assert workload_pod(workload, "trial")["metadata"] == {"namespace": "apps", "name": "trial"}
    workload["spec"]["volumeClaimTemplates"] = [{"metadata": {"name": "data"}}]
    claimed = {"name": "data", "persistentVolumeClaim": {"claimName": "data-db-0"}}
    assert workload_pod(workload, "trial")["spec"] == {**spec, "volumes": [{"name": "tmp"}, claimed]}


@pytest.mark.parametrize(
    ("kind", "status", "done"),
    [
        ("Deployment", {"replicas": 3, "updatedReplicas": 3, "availableReplicas": 3}, True),
        # One by one without a surge, before the first: as many are available as are wanted.
        ("Deployment", {"replicas": 3, "availableReplicas": 3}, False),
        ("Deployment", {"replicas": 4, "updatedReplicas": 3, "availableReplicas": 3}, False),
        ("Deployment", {"replicas": 3, "updatedReplicas": 3, "availableReplicas": 2}, False),
        ("Deployment", {"observedGeneration": 1, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 3}, False),
        ("Deployment", {}, False),
        ("StatefulSet", {"replicas": 3, "updatedReplicas": 1, "availableReplicas": 3}, False),
        ("StatefulSet", {"replicas": 3, "updatedReplicas": 3, "availableReplicas": 3}, True),
        ("DaemonSet", {"desiredNumberScheduled": 2, "numberAvailable": 2}, False),
        ("DaemonSet", {"desiredNumberScheduled": 2, "numberAvailable": 1, "updatedNumberScheduled": 2}, False),
        ("DaemonSet", {"desiredNumberScheduled": 2, "numberAvailable": 2, "updatedNumberScheduled": 2}, True),
    ],
)
def test_when_a_restart_is_over(kind: str, status: Json, done: bool) -> None:
    spec = {} if kind == "DaemonSet" else {"replicas": 3}
    workload = {
        "kind": kind,
        "metadata": {"generation": 2},
        "spec": spec,
        "status": {"observedGeneration": 2, **status},
    }
    assert is_rolled_out(workload) is done


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ({"containerStatuses": [{"state": {"waiting": {"reason": "ErrImagePull", "message": "no such image"}}}]}, 1),
        ({"containerStatuses": [{"state": {"terminated": {"message": "no such image"}}}]}, 1),
        ({"conditions": [{"status": "False", "message": "no such image"}]}, 1),
        ({"conditions": [{"status": "True", "message": "no such image"}]}, 0),
        ({"containerStatuses": [{"state": {"waiting": {"reason": "ContainerCreating"}}}]}, 0),
        ({"containerStatuses": [{"state": {"running": {}}}]}, 0),
        ({}, 0),
    ],
)
def test_what_pods_wait_for_is_said_once(status: Json, words: int) -> None:
    assert waited_for([{"status": status}, {"status": status}, {}]) == ["no such image"] * words


@pytest.mark.parametrize(
    ("causes", "seconds", "says"),
    [
        (["no such image", "0/1 nodes"], 300, "available after 5 minutes: no such image; 0/1 nodes."),
        ([], 20, "available after 20 seconds."),
    ],
)
def test_a_restart_that_brings_no_new_pods(causes: list[str], seconds: int, says: str) -> None:
    error = not_rolled_out("StatefulSet", "apps", "db", causes=causes, seconds=seconds)
    assert f"Not all pods of StatefulSet/db in apps are new and {says}" in str(error)
    assert "kubectl --namespace apps rollout status statefulset/db" in str(error)
    assert error.result["causes"] == causes


def test_a_pod_of_before_that_does_not_end_is_named_with_its_node() -> None:
    pods = [of_webhook("a", "new"), of_webhook("c", "old", ends=True), of_webhook("b", "old", ends=True)]
    for pod in pods:
        pod["spec"] = {"nodeName": f"node-of-{pod['metadata']['name']}"}
    del pods[2]["spec"]["nodeName"]
    said = str(not_ended("irsa", pods, seconds=120))
    assert "have not ended after 2 minutes: b, c." in said
    assert "the kubelet runs on node-of-c, no node." in said
    assert "kubectl --namespace irsa delete pods --force b c" in said
