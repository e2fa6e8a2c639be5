# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._injection.manifests import (
    accounts,
    inject_manifest,
    left_alone,
)
from ansible_collections.onprem.irsa.plugins.module_utils._injection.pod import (
    MOUNT_PATH,
    SKIP_LABEL,
    VOLUME,
    Account,
    Settings,
    inject,
)

ARN = "arn:aws:iam::123456789012:role/prod-reports"
ACCOUNT = Account(ARN, "sts.amazonaws.com", regional_sts=True, expiration=86400)
Json = dict[str, t.Any]
SPEC: Json = {"serviceAccountName": "reports", "containers": [{"name": "app", "image": "x"}]}
METADATA = {"name": "reports", "namespace": "apps"}
INJECTED = inject(SPEC, {}, ACCOUNT)


@pytest.mark.parametrize(
    ("kind", "spec", "injected"),
    [
        ("Pod", SPEC, INJECTED),
        ("Deployment", {"replicas": 2, "template": {"spec": SPEC}}, {"replicas": 2, "template": {"spec": INJECTED}}),
        (
            "CronJob",
            {"jobTemplate": {"spec": {"template": {"spec": SPEC}}}},
            {"jobTemplate": {"spec": {"template": {"spec": INJECTED}}}},
        ),
        ("ConfigMap", SPEC, SPEC),
    ],
)
def test_workloads(kind: str, spec: Json, injected: Json) -> None:
    manifest = {"kind": kind, "metadata": METADATA, "spec": spec}
    known = {"apps/reports": ACCOUNT}
    assert inject_manifest(manifest, known) == {**manifest, "spec": injected}
    listed = {"kind": "List", "items": [manifest]}
    assert inject_manifest(listed, known) == {"kind": "List", "items": [{**manifest, "spec": injected}]}


def test_pods_of_others_are_left_alone() -> None:
    known = {"apps/reports": ACCOUNT, "default/reports": ACCOUNT}
    labelled = {"kind": "Pod", "metadata": {**METADATA, "labels": {SKIP_LABEL: ""}}, "spec": SPEC}
    other = {"kind": "Pod", "metadata": METADATA, "spec": {**SPEC, "serviceAccountName": "other"}}
    without_account = {"kind": "Pod", "metadata": METADATA, "spec": {"containers": SPEC["containers"]}}
    assert [inject_manifest(manifest, known) for manifest in (labelled, other, without_account)] == [
        labelled,
        other,
        without_account,
    ]
    unnamed = {"kind": "Pod", "metadata": {"name": "x"}, "spec": SPEC}
    assert inject_manifest(unnamed, known)["spec"] == INJECTED
    assert inject_manifest(unnamed, known, namespace="elsewhere") == unnamed


def role(**changed: object) -> Json:
    made = {"arn": ARN, "state": "present", "service_accounts": ["apps/reports"], "audiences": ["sts.amazonaws.com"]}
    return {**made, **changed}


def service_account(found: t.Mapping[str, object]) -> Json:
    named = {f"eks.amazonaws.com/{key}": value for key, value in found.items()}
    return {"kind": "ServiceAccount", "metadata": {**METADATA, "annotations": named}}


def test_accounts_come_from_annotations_and_roles() -> None:
    assert accounts([service_account({"role-arn": "old", "token-expiration": "900"})], [role()], Settings()) == {
        "apps/reports": ACCOUNT._replace(expiration=900)
    }
    assert accounts([service_account({"role-arn": "kept"})], [role(state="absent")], Settings()) == {
        "apps/reports": ACCOUNT._replace(role_arn="kept")
    }
    assert accounts([], [role(service_accounts=["apps/*"])], Settings()) == {}
    assert accounts([{"kind": "ServiceAccount", "metadata": {"name": "x"}}], [], Settings()) == {}


def test_service_accounts_of_a_list() -> None:
    one = service_account({"role-arn": "x"})
    nameless = {key: value for key, value in one.items() if key != "kind"}
    for manifest in ({"kind": "List", "items": [None, one]}, {"kind": "ServiceAccountList", "items": [nameless]}):
        assert list(accounts([manifest], [], Settings())) == ["apps/reports"]
    assert accounts([{"kind": "ServiceAccountList", "items": None}], [], Settings()) == {}
    assert accounts([{"kind": "ServiceAccount"}], [], Settings()) == {}


@pytest.mark.parametrize(("key", "value"), [("token-expiration", 3600), ("sts-regional-endpoints", False)])
def test_an_annotation_that_is_no_text_is_refused(key: str, value: object) -> None:
    with pytest.raises(InputError, match=f"{key} of ServiceAccount apps/reports is {value}") as refused:
        accounts([service_account({"role-arn": "x", key: value})], [], Settings())
    assert refused.value.fix == "Put it in quotes."


def test_the_audience_is_one_that_the_role_takes() -> None:
    assert accounts([], [role(audiences=["a", "b"])], Settings())["apps/reports"].audience == "a"
    assert accounts([], [role(audiences=["a", "b"])], Settings(audience="b"))["apps/reports"].audience == "b"
    annotated = [service_account({"role-arn": "old", "audience": "b"})]
    assert accounts(annotated, [role(audiences=["a", "b"])], Settings())["apps/reports"].audience == "b"
    assert accounts(annotated, [role(audiences=["a"])], Settings())["apps/reports"].audience == "a"


KNOWN = {"apps/reports": ACCOUNT}
TEMPLATE: Json = {"metadata": {"labels": {"app": "reports"}}, "spec": SPEC}
DONE: Json = {**TEMPLATE, "spec": INJECTED}


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        ("Rollout", {"replicas": 2, "template": TEMPLATE}, {"replicas": 2, "template": DONE}),
        ("Service", {"template": TEMPLATE, "traffic": []}, {"template": DONE, "traffic": []}),  # of Knative
        (
            "DeploymentConfig",
            {"selector": {"a": "b"}, "template": TEMPLATE},
            {"selector": {"a": "b"}, "template": DONE},
        ),
        ("ScaledJob", {"jobTargetRef": {"template": TEMPLATE}}, {"jobTargetRef": {"template": DONE}}),
        (
            "AdvancedCronJob",
            {"template": {"jobTemplate": {"spec": {"template": TEMPLATE}}}},
            {"template": {"jobTemplate": {"spec": {"template": DONE}}}},
        ),
        (
            "RayCluster",
            {"headGroupSpec": {"template": TEMPLATE}, "workerGroupSpecs": [{"template": TEMPLATE}]},
            {"headGroupSpec": {"template": DONE}, "workerGroupSpecs": [{"template": DONE}]},
        ),
    ],
)
def test_templates_of_any_kind_are_found_by_their_shape(kind: str, before: Json, after: Json) -> None:
    manifest = {"apiVersion": "example.com/v1", "kind": kind, "metadata": METADATA, "spec": before, "status": before}
    assert inject_manifest(manifest, KNOWN) == {**manifest, "spec": after}
    assert left_alone([manifest], KNOWN) == []


def test_a_pod_template_and_what_a_template_of_openshift_holds() -> None:
    pods = {"kind": "PodTemplate", "metadata": METADATA, "template": TEMPLATE}
    assert inject_manifest(pods, KNOWN) == {**pods, "template": DONE}
    elsewhere = {"kind": "Rollout", "metadata": {"name": "x", "namespace": "other"}, "spec": {"template": TEMPLATE}}
    own = {"kind": "Rollout", "metadata": METADATA, "spec": {"template": TEMPLATE}}
    template = {"kind": "Template", "metadata": {"name": "all"}, "objects": [elsewhere, own]}
    assert inject_manifest(template, KNOWN)["objects"] == [elsewhere, {**own, "spec": {"template": DONE}}]


def test_what_lists_hold() -> None:
    metadata = {"name": "reports", "namespace": "apps"}
    typed = {"kind": "DeploymentList", "items": [{"metadata": metadata, "spec": {"template": TEMPLATE}}]}
    assert inject_manifest(typed, KNOWN)["items"][0]["spec"] == {"template": DONE}
    pods = {"kind": "PodList", "items": [None, {"metadata": metadata, "spec": SPEC}]}
    assert inject_manifest(pods, KNOWN)["items"] == [None, {"metadata": metadata, "spec": INJECTED}]
    for others in ({"kind": "List", "items": None}, {"kind": "PriorityList", "items": "x"}):
        assert inject_manifest(others, KNOWN) == others
    number = {"annotations": {"eks.amazonaws.com/token-expiration": 900}}
    with pytest.raises(InputError, match="in quotes"):
        inject_manifest({"kind": "Pod", "metadata": {**metadata, **number}, "spec": SPEC}, KNOWN)


@pytest.mark.parametrize(
    "spec",
    [
        {"serviceAccount": {"name": "reports", "create": False}},  # values of a chart
        {"agent": {"podServiceAccountName": "reports"}},
        {"serviceAccountName": "reports", "templates": [{"container": {"image": "x"}}]},  # a Workflow of Argo
        {"driver": {"serviceAccount": "reports"}},  # a SparkApplication
        {"taskRunTemplate": {"serviceAccountName": "reports"}},  # a PipelineRun of Tekton
    ],
)
def test_what_names_such_a_service_account_without_a_template_is_told(spec: Json) -> None:
    manifest = {"kind": "Workflow", "metadata": METADATA, "spec": spec}
    assert inject_manifest(manifest, KNOWN) == manifest
    assert left_alone([manifest], KNOWN) == [("Workflow apps/reports", "apps/reports")]
    assert left_alone([{"kind": "List", "items": [manifest]}], KNOWN) == [("Workflow apps/reports", "apps/reports")]
    assert left_alone([manifest], {"other/reports"}) == []
    unnamed = {**manifest, "metadata": {"generateName": "nightly-", "namespace": "apps"}}
    assert left_alone([unnamed], KNOWN) == [("Workflow apps/nightly-", "apps/reports")]


@pytest.mark.parametrize(
    ("volumes", "mounts", "says"),
    [
        ([{"name": VOLUME, "emptyDir": {}}], [], "emptyDir"),
        ([{"name": VOLUME, "secret": {"secretName": "x"}}], [], "secret"),
        ([{"name": VOLUME, "hostPath": {"path": "/x"}}], [], "hostPath"),
        ([{"name": VOLUME}], [], "emptyDir"),  # what an API server makes of it
        ([{"name": VOLUME, "projected": {"sources": [{"configMap": {"name": "x"}}]}}], [], "no service-account token"),
        (
            [{"name": VOLUME, "projected": {"sources": [{"serviceAccountToken": {"path": "token", "audience": "v"}}]}}],
            [],
            "audience v",
        ),
        ([{"name": "own", "emptyDir": {}}], [{"name": "own", "mountPath": MOUNT_PATH}], "own"),
        ([{"name": "own", "emptyDir": {}}], [{"name": "own", "mountPath": f"{MOUNT_PATH}/token"}], "own"),
        ([], [{"name": VOLUME, "mountPath": "/elsewhere"}], "nothing is mounted"),
    ],
)
def test_a_pod_that_leaves_no_place_for_the_token_is_refused(
    volumes: list[Json], mounts: list[Json], says: str
) -> None:
    spec = {**SPEC, "volumes": volumes, "containers": [{**SPEC["containers"][0], "volumeMounts": mounts}]}
    manifest = {"kind": "Deployment", "metadata": METADATA, "spec": {"template": {"spec": spec}}}
    with pytest.raises(InputError, match=says) as refused:
        inject_manifest(manifest, KNOWN)
    assert "Deployment apps/reports" in refused.value.problem
    assert inject_manifest(manifest, {}) == manifest
