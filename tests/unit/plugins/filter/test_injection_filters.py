# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.onprem.irsa.plugins.filter import (
    foreign_webhooks,
    injected_as,
    missed_pods,
    policy_api,
    policy_flags,
    policy_kept_flags,
    policy_parameters,
    rolled_out,
    served_manifests,
    superseded_pods,
    webhook_image,
    webhook_problems,
    workload_pod,
)

FILTERS: dict[str, t.Callable[..., t.Any]] = {
    name: function
    for file in (
        foreign_webhooks,
        injected_as,
        missed_pods,
        policy_api,
        policy_flags,
        policy_kept_flags,
        policy_parameters,
        rolled_out,
        served_manifests,
        superseded_pods,
        webhook_image,
        webhook_problems,
        workload_pod,
    )
    for name, function in file.FilterModule().filters().items()
}
ANNOTATIONS = {"eks.amazonaws.com/role-arn": "arn:1", "eks.amazonaws.com/token-expiration": "3600"}
ACCOUNT: dict[str, t.Any] = {
    "kind": "ServiceAccount",
    "metadata": {"namespace": "apps", "name": "reports", "annotations": ANNOTATIONS},
}
POD: dict[str, t.Any] = {
    "metadata": {"namespace": "apps", "name": "p"},
    "spec": {"serviceAccountName": "reports", "containers": [{"name": "app"}]},
}
ROLE = {"arn": "arn:2", "state": "present", "service_accounts": ["apps/reports"], "audiences": ["sts.amazonaws.com"]}


def test_their_names() -> None:
    assert sorted(FILTERS) == [
        "foreign_webhooks",
        "injected_as",
        "missed_pods",
        "policy_api",
        "policy_flags",
        "policy_kept_flags",
        "policy_parameters",
        "rolled_out",
        "served_manifests",
        "superseded_pods",
        "webhook_image",
        "webhook_problems",
        "workload_pod",
    ]


def test_missed_pods() -> None:
    assert FILTERS["missed_pods"]([POD], [ACCOUNT])["left"][0]["name"] == "p"
    assert FILTERS["missed_pods"]([POD], [], [ROLE])["left"][0]["name"] == "p"
    assert FILTERS["missed_pods"]([POD], [ACCOUNT], excluded=["apps"])["left"] == []
    assert FILTERS["missed_pods"]([POD], [])["left"] == []


def test_policy_parameters() -> None:
    found = FILTERS["policy_parameters"]([ACCOUNT], [ROLE], region="eu-central-1", audience="sts.amazonaws.com")
    assert found["apps.reports"] == "arn:2"
    assert found["apps.reports_expiration"] == "3600"
    assert found["region"] == "eu-central-1"
    long = {"kind": "ServiceAccount", "metadata": {"namespace": "apps", "name": "a" * 253, "annotations": ANNOTATIONS}}
    with pytest.raises(AnsibleFilterError, match="too long"):
        FILTERS["policy_parameters"]([long])


def test_policy_api() -> None:
    assert FILTERS["policy_api"]({}, "1.34")["flags"]["feature-gates"] == "MutatingAdmissionPolicy=true"
    with pytest.raises(AnsibleFilterError, match=r"1\.32"):
        FILTERS["policy_api"]({}, "1.30")


def test_policy_kept_flags() -> None:
    flags = {"feature-gates": ["A=true", "B=false"], "v": ["2"]}
    assert FILTERS["policy_kept_flags"](flags) == {"feature-gates": ["A=true,B=false"]}


def test_webhook_image() -> None:
    assert FILTERS["webhook_image"]("a/b:v0.6.17", "m") == {
        "reference": "m/a/b:v0.6.17",
        "review_versions": ["v1beta1"],
    }


def test_rolled_out() -> None:
    status = {"observedGeneration": 1, "desiredNumberScheduled": 1, "numberAvailable": 1}
    daemons = {"kind": "DaemonSet", "metadata": {"generation": 1}, "spec": {}, "status": status}
    assert FILTERS["rolled_out"]([daemons]) is False
    status["updatedNumberScheduled"] = 1
    assert FILTERS["rolled_out"]([daemons]) is True
    assert FILTERS["rolled_out"]([]) is False


def test_served_manifests() -> None:
    pod, monitor = {"apiVersion": "v1", "kind": "Pod"}, {"apiVersion": "m/v1", "kind": "ServiceMonitor"}
    assert FILTERS["served_manifests"]([pod, monitor], {"v1": {"Pod": {}}, "m/v1": {"PodMonitor": {}}}) == [pod]


def test_workload_pod() -> None:
    workload = {"metadata": POD["metadata"], "spec": {"template": {"spec": POD["spec"]}}}
    assert FILTERS["workload_pod"](workload, "p") == {"apiVersion": "v1", "kind": "Pod", **POD}


def test_pods_that_have_what_is_asked_for() -> None:
    token = {"serviceAccountToken": {"audience": "a", "path": "token"}}
    values = {
        "AWS_ROLE_ARN": "arn:2",
        "AWS_WEB_IDENTITY_TOKEN_FILE": "/t/token",
        "AWS_STS_REGIONAL_ENDPOINTS": "regional",
        "AWS_REGION": "eu-central-1",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }
    container = {
        "name": "probe",
        "env": [{"name": name, "value": value} for name, value in values.items()],
        "volumeMounts": [{"name": "t", "mountPath": "/t"}],
    }
    pod = {
        "result": {"spec": {"containers": [container], "volumes": [{"name": "t", "projected": {"sources": [token]}}]}}
    }
    shown = FILTERS["injected_as"]
    assert shown([pod, pod], "arn:2", audience="a", region="eu-central-1")
    assert not shown([pod], "arn:2", audience="b", region="eu-central-1")
    assert not shown([pod], "arn:2", audience="a", region="")
    assert not shown([pod, {"failed": True, "msg": "refused"}], "arn:2", audience="a", region="eu-central-1")
    assert not shown([], "arn:2", audience="a", region="eu-central-1")


def test_a_token_may_be_for_any_audience_that_is_given() -> None:
    account = {**ACCOUNT, "metadata": {**ACCOUNT["metadata"], "annotations": ROLE_ALONE}}
    source = {"serviceAccountToken": {"audience": "old", "path": "token"}}
    env = [
        {"name": "AWS_ROLE_ARN", "value": ROLE_ALONE["eks.amazonaws.com/role-arn"]},
        {"name": "AWS_WEB_IDENTITY_TOKEN_FILE", "value": "/t/token"},
    ]
    containers = [{"name": "app", "env": env, "volumeMounts": [{"name": "t", "mountPath": "/t"}]}]
    volumes = [{"name": "t", "projected": {"sources": [source]}}]
    pod = {**POD, "spec": {**POD["spec"], "containers": containers, "volumes": volumes}}
    find = FILTERS["missed_pods"]
    assert "audience old" in find([pod], [account], audiences=["new"])["pods"][0]["reason"]
    assert find([pod], [account], audiences=["new", "old"])["pods"] == []


ROLE_ALONE = {"eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/reports"}
