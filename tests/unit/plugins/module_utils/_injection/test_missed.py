# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._injection.missed import (
    Missed,
    Search,
    Trial,
    missed,
    search,
)
from ansible_collections.onprem.irsa.plugins.module_utils._injection.observation import Running
from ansible_collections.onprem.irsa.plugins.module_utils._injection.pod import Account
from ansible_collections.onprem.irsa.plugins.module_utils._injection.probe import Tried

from ...some_injection import options, seen

Json = dict[str, t.Any]

ARN = "arn:aws:iam::123456789012:role/reports"
AUDIENCE = "sts.amazonaws.com"
REPORTS = {"apps/reports": Account(ARN, AUDIENCE, regional_sts=True, expiration=86400)}
WITH_ROLE = Search(REPORTS)


def pod(name: str = "p", metadata: Json | None = None, spec: Json | None = None, phase: str = "Running") -> Json:
    return {
        "metadata": {"namespace": "apps", "name": name, **(metadata or {})},
        "spec": {"serviceAccountName": "reports", "containers": [{"name": "app"}], **(spec or {})},
        "status": {"phase": phase},
    }


def owned(kind: str, name: str, version: str = "apps/v1", **labels: str) -> Json:
    controller = {"apiVersion": version, "kind": kind, "name": name, "controller": True}
    return {
        "ownerReferences": [{"apiVersion": "v1", "kind": "Other", "name": "x"}, controller],
        "labels": labels,
    }


def find(pods: list[Json], by: Search = WITH_ROLE, trials: t.Sequence[Trial] = (), **running: list[Json]) -> Missed:
    return missed(Running(pods=pods, **running), by, trials)


def left(found: Missed) -> list[str]:
    return [f"{left['namespace']}/{left['name']}" for left in found.left]


def test_a_pod_that_was_missed() -> None:
    found = find([pod()])
    assert found.pods == [{"namespace": "apps", "name": "p", "service_account": "reports", "owner": ""}]
    assert (found.owners, left(found)) == ([], ["apps/p"])


@pytest.mark.parametrize(
    "one",
    [
        pod(spec={"serviceAccountName": "other"}),
        pod(spec={"containers": [{"name": "app", "env": [{"name": "AWS_ROLE_ARN"}]}]}),
        # A sidecar that another webhook has added after the injection.
        pod(
            spec={
                "containers": [{"name": "app", "env": [{"name": "AWS_ROLE_ARN"}]}, {"name": "proxy"}],
                "volumes": [{"name": "aws-iam-token"}],
            }
        ),
        pod(metadata={"labels": {"eks.amazonaws.com/skip-pod-identity-webhook": ""}}),
        pod(metadata={"annotations": {"eks.amazonaws.com/skip-containers": "app"}}),
        pod(metadata={"annotations": {"kubernetes.io/config.mirror": "x"}}),
        pod(metadata={"deletionTimestamp": "now"}),
        pod(metadata={"namespace": "kube-system"}),
        pod(phase="Succeeded"),
    ],
)
def test_a_pod_that_was_not(one: Json) -> None:
    with_role = {**REPORTS, "kube-system/reports": REPORTS["apps/reports"]}
    assert find([one], Search(with_role, excluded=["kube-system"])) == Missed([], [], [])


def test_owners_are_restarted_once() -> None:
    found = find(
        [
            pod("a", metadata=owned("ReplicaSet", "web-5d4f", **{"pod-template-hash": "5d4f"})),
            pod("b", metadata=owned("ReplicaSet", "web-5d4f", **{"pod-template-hash": "5d4f"})),
            pod("c", metadata=owned("StatefulSet", "db")),
            pod("d", metadata=owned("ReplicaSet", "bare")),
            pod("e", metadata=owned("Job", "once", "batch/v1")),
        ]
    )
    assert [pod["owner"] for pod in found.pods] == [
        "Deployment/web",
        "Deployment/web",
        "StatefulSet/db",
        "ReplicaSet/bare",
        "Job/once",
    ]
    assert found.owners == [
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"namespace": "apps", "name": "web"}},
        {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"namespace": "apps", "name": "db"}},
    ]
    assert left(found) == ["apps/d", "apps/e"]


@pytest.mark.parametrize(("kind", "name"), [("StatefulSet", "db"), ("ReplicaSet", "db-5d4f")])
def test_a_kind_of_the_same_name_in_another_api_is_not_restarted(kind: str, name: str) -> None:
    owner = owned(kind, name, "apps.kruise.io/v1beta1", **{"pod-template-hash": "5d4f"})
    found = find([pod("a", metadata=owner)])
    assert (found.owners, left(found)) == ([], ["apps/a"])
    assert found.pods[0]["owner"] == f"{kind}/{name}"


def test_what_keeps_its_pods_is_not_restarted() -> None:
    def workload(kind: str, name: str, **spec: object) -> Json:
        return {"kind": kind, "metadata": {"namespace": "apps", "name": name}, "spec": spec}

    found = find(
        [
            pod("a", metadata=owned("ReplicaSet", "web-5d4f", **{"pod-template-hash": "5d4f"})),
            pod("b", metadata=owned("StatefulSet", "db")),
            pod("c", metadata=owned("DaemonSet", "agent")),
            pod("d", metadata=owned("StatefulSet", "queue")),
            pod("e", metadata=owned("StatefulSet", "cache")),
        ],
        workloads=[
            workload("Deployment", "web", paused=True),
            workload("StatefulSet", "db", updateStrategy={"type": "OnDelete"}),
            workload("DaemonSet", "agent", updateStrategy={"type": "RollingUpdate"}),
            workload("StatefulSet", "queue", updateStrategy={"rollingUpdate": {"partition": 1}}),
            workload("StatefulSet", "cache", updateStrategy={"rollingUpdate": {"partition": 0}}),
            workload("DaemonSet", "web", updateStrategy={"type": "OnDelete"}),
        ],
    )
    assert [owner["metadata"]["name"] for owner in found.owners] == ["agent", "cache"]
    assert left(found) == ["apps/a", "apps/b", "apps/d"]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"pod": {"spec": {"volumes": [{"name": "aws-iam-token"}]}}}, ""),
        ({"pod": {"spec": {"volumes": []}}}, "a new pod would not be injected either"),
        ({"error": 'pods "p" is forbidden'}, 'refused: pods "p" is forbidden'),
        ({"error": "exceeded quota: pods=1"}, ""),  # the old pod makes room for it
    ],
)
def test_what_a_restart_would_not_help_is_not_restarted(answer: Json, reason: str) -> None:
    pods = [pod("a", metadata=owned("StatefulSet", "db")), pod("b", metadata=owned("DaemonSet", "db"))]
    found = find(pods, trials=[Trial(DB, Tried("", **answer))])
    assert [owner["kind"] for owner in found.owners] == (["DaemonSet"] if reason else ["StatefulSet", "DaemonSet"])
    assert left(found) == (["apps/a"] if reason else [])
    assert all(left["reason"].endswith(reason) for left in found.left)


DB: Json = {"kind": "StatefulSet", "metadata": {"namespace": "apps", "name": "db"}, "spec": {}}


def account(**annotations: str) -> Json:
    return {"metadata": {"namespace": "apps", "name": "reports", "annotations": annotations}}


def named(name: str) -> Json:
    return {"metadata": {"namespace": "apps", "name": name}}


RIGHT = {"eks.amazonaws.com/role-arn": ARN}
ROLE: Json = {"state": "present", "arn": ARN, "service_accounts": ["jobs/reports"], "audiences": ["sts.amazonaws.com"]}
BY_HAND = [
    {"name": "AWS_ROLE_ARN", "value": ARN},
    {"name": "AWS_WEB_IDENTITY_TOKEN_FILE", "value": "/own/token"},
]
OWN_TOKEN = {"name": "own", "projected": {"sources": [{"serviceAccountToken": {"path": "token", "audience": "x"}}]}}


@pytest.mark.parametrize(
    ("one", "cluster", "says"),
    [
        (pod(metadata={"annotations": RIGHT}), {}, "role-arn is on the pod"),
        (pod(metadata={"annotations": {"eks.amazonaws.com/rolearn": ARN}}), {}, "rolearn is on the pod"),
        (
            pod(metadata=owned("StatefulSet", "db")),
            {"workloads": [{**DB, "metadata": {**DB["metadata"], "annotations": RIGHT}}]},
            "is on StatefulSet/db",
        ),
        (pod(), {"namespaces": [{"metadata": {"name": "apps", "annotations": RIGHT}}]}, "is on the namespace apps"),
        (pod(), {"service_accounts": [account(**{"eks.amazonaws.com/role-arn": ""})]}, "role-arn: ''; it must be"),
        (pod(), {"service_accounts": [account(**{"eks.amazonaws.com/role_arn": ARN})]}, "role_arn"),
        (pod(), {"service_accounts": [account()], "roles": [ROLE]}, "jobs/reports, which does not exist"),
        (
            pod(spec={"serviceAccountName": "report"}),
            {"service_accounts": [named("report")], "roles": [{**ROLE, "service_accounts": ["apps/reports"]}]},
            "apps/reports, which does not exist",
        ),
        (
            pod(spec={"serviceAccountName": "billing"}),
            {"service_accounts": [named("billing")], "roles": [{**ROLE, "service_accounts": ["apps/reports"]}]},
            "",
        ),
        (
            pod(),
            {"service_accounts": [account()], "roles": [{**ROLE, "service_accounts": ["apps/reports"]}]},
            "has no annotation eks.amazonaws.com/role-arn",
        ),
        # It names no service account, where one of its name has the role.
        (
            pod("reports-0", spec={"serviceAccountName": "default"}),
            {"service_accounts": [account(**RIGHT)]},
            "set serviceAccountName",
        ),
        (
            pod(metadata=owned("Job", "reports-29012345", "batch/v1"), spec={"serviceAccountName": "default"}),
            {"service_accounts": [named("x")], "roles": [{**ROLE, "service_accounts": ["apps/reports"]}]},
            "set serviceAccountName",
        ),
        (pod("reports-web", spec={"serviceAccountName": "default"}), {"service_accounts": [account(**RIGHT)]}, ""),
        (
            pod(spec={"serviceAccountName": "default"}),
            {"service_accounts": [account()], "roles": [{**ROLE, "service_accounts": ["jobs/default"]}]},
            "",
        ),
        (pod(), {"service_accounts": [account()], "roles": [{**ROLE, "state": "absent"}]}, ""),
        (pod(), {"service_accounts": [account()], "roles": [{**ROLE, "service_accounts": ["jobs/*"]}]}, ""),
        (pod(), {}, ""),
        # Somebody has seen to it by hand.
        (
            pod(
                metadata={"annotations": RIGHT},
                spec={
                    "containers": [
                        {"name": "app", "env": BY_HAND, "volumeMounts": [{"name": "own", "mountPath": "/own"}]}
                    ],
                    "volumes": [OWN_TOKEN],
                },
            ),
            {},
            "",
        ),
        (pod(metadata={"annotations": RIGHT, "namespace": "kube-system"}), {}, ""),
    ],
)
def test_a_pod_whose_owner_wanted_a_role_is_named_with_where_that_belongs(one: Json, cluster: Json, says: str) -> None:
    running = {name: objects for name, objects in cluster.items() if name != "roles"}
    by = Search({"apps/other": REPORTS["apps/reports"]}, ["kube-system"], roles=cluster.get("roles", ()))
    found = find([one], by, **running)
    assert [says in row["reason"] for row in found.pods] == ([True] if says else [])
    assert found.owners == []
    assert found.left == found.pods


def test_only_what_a_new_pod_would_not_have_again_is_restarted() -> None:
    mounted = [{"name": "aws-iam-token", "mountPath": "/own"}]
    token = {**OWN_TOKEN, "name": "aws-iam-token"}
    containers = [{"name": "app", "env": BY_HAND, "volumeMounts": mounted}]
    other_audience = pod("a", owned("StatefulSet", "a"), {"containers": containers, "volumes": [token]})
    no_token = pod(
        "b",
        owned("StatefulSet", "b"),
        {"containers": containers, "volumes": [{"name": "aws-iam-token", "emptyDir": {}}]},
    )
    aws = Search(REPORTS, audiences=[AUDIENCE])
    found = find([other_audience, no_token], aws)
    assert [owner["metadata"]["name"] for owner in found.owners] == ["a"]
    assert left(found) == ["apps/b"]
    assert "audience x" in found.pods[0]["reason"]
    assert find([other_audience], Search(REPORTS, audiences=[AUDIENCE, "x"])).pods == []
    assert "audience x" in find([other_audience]).pods[0]["reason"]
    own = {"apps/reports": Account(ARN, "x", regional_sts=True, expiration=86400)}
    assert find([other_audience], Search(own)).pods == []


def test_why_a_new_pod_would_have_no_role_either() -> None:
    admitted = {"spec": {"containers": [{"name": "app", "env": BY_HAND}], "volumes": []}}
    found = find([pod("a", owned("StatefulSet", "db"))], trials=[Trial(DB, Tried("", pod=admitted))])
    assert "nothing is mounted at /own/token" in found.left[0]["reason"]


ANNOTATED = {"kind": "ServiceAccount", **account(**RIGHT)}
GIVEN = {**ROLE, "arn": "arn:2", "service_accounts": ["apps/reports"], "audiences": ["mine"]}


def by(policy_data: dict[str, str] | None = None, **given: object) -> Search:
    there = seen(running=Running(service_accounts=[ANNOTATED]))
    return search(options(**given), there, policy_data or {})


def test_annotations_say_who_should_have_a_role() -> None:
    found = by(excluded_namespaces=["cni"])
    assert list(found.with_role) == ["apps/reports"]
    assert set(found.excluded) == {"pod-identity-webhook", "cni"}
    assert find([pod(metadata={"namespace": "cni"}), pod()], found).left[0]["namespace"] == "apps"


@pytest.mark.parametrize(("mode", "known"), [("policy", True), ("webhook", False), ("foreign", False)])
def test_what_a_policy_reads_counts_where_it_injects(mode: str, known: bool) -> None:
    data = {"audience": AUDIENCE, "jobs.batch": "arn:2"}
    assert ("jobs/batch" in by(data, mode=mode).with_role) is known


def test_a_token_may_be_for_the_audience_of_any_role() -> None:
    assert by(roles=[GIVEN], audience="own").audiences == ("own", "mine")
    # A webhook reads annotations alone: a role without one is named as what somebody wanted.
    assert by(roles=[{**GIVEN, "service_accounts": ["jobs/batch"]}]).with_role.keys() == {"apps/reports"}
