# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import copy
import json
import typing as t
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._injection.pod import (
    MOUNT_PATH,
    SKIP_LABEL,
    VOLUME,
    Account,
    Settings,
    account,
    accounts,
    inject,
    inject_manifest,
    is_injected,
    is_injected_as,
    lacks_role,
    left_alone,
    misplaced_role,
    token_at,
    without_role,
)

CASES = json.loads((Path(__file__).parents[2] / "data/pod-identity-webhook-v0.6.17/cases.json").read_text())
SETTINGS = Settings(region="eu-central-1")
ARN = "arn:aws:iam::123456789012:role/prod-reports"
ACCOUNT = Account(ARN, "sts.amazonaws.com", regional_sts=True, expiration=86400)
Json = dict[str, t.Any]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_a_pod_becomes_what_the_webhook_makes_of_it(case: Json) -> None:
    pod = case["pod"]
    known = account(case["service_account"], SETTINGS)
    annotations = pod["metadata"].get("annotations", {})
    before = copy.deepcopy(pod)
    after = pod["spec"] if known is None else inject(pod["spec"], annotations, known, SETTINGS.region)
    assert after == case["injected"]
    assert pod == before


names = st.text("abc", min_size=1, max_size=3)
environments = st.lists(
    st.sampled_from(
        ["A", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_REGION", "AWS_STS_REGIONAL_ENDPOINTS"]
    ).map(lambda name: {"name": name, "value": "own"}),
    max_size=4,
    unique_by=lambda entry: entry["name"],
)
mounts = st.lists(
    st.sampled_from(
        [
            {"name": "data", "mountPath": "/data"},
            {"name": VOLUME, "mountPath": "/own"},
            {"name": "x", "mountPath": MOUNT_PATH},
        ]
    ),
    max_size=2,
    unique_by=lambda mount: mount["mountPath"],
)
fields = st.fixed_dictionaries(
    {},
    optional={
        "env": environments,
        "volumeMounts": mounts,
        "restartPolicy": st.just("Always"),
        "somethingNew": st.dictionaries(names, st.integers(), max_size=2),
    },
)
containers = st.dictionaries(names, fields, min_size=1, max_size=3).map(
    lambda found: [{"name": name, "image": "x", **container} for name, container in found.items()]
)
specs = st.fixed_dictionaries(
    {"containers": containers, "serviceAccountName": st.just("reports")},
    optional={
        "initContainers": containers,
        "volumes": st.just([{"name": "data", "emptyDir": {}}]),
        "securityContext": st.just({"fsGroup": 1}),
        "somethingNew": st.integers(),
    },
)
pod_annotations = st.fixed_dictionaries(
    {},
    optional={
        "eks.amazonaws.com/skip-containers": st.lists(names, max_size=2).map(",".join),
        "eks.amazonaws.com/token-expiration": st.integers(-9, 99999).map(str),
    },
)


def without(container: Json) -> Json:
    """Return the container without what an injection adds."""
    kept = {name: value for name, value in container.items() if name not in {"env", "volumeMounts"}}
    kept["env"] = [entry for entry in container.get("env", []) if not entry["name"].startswith("AWS_")]
    kept["volumeMounts"] = [mount for mount in container.get("volumeMounts", []) if mount["name"] != VOLUME]
    return kept


@given(specs, pod_annotations)
def test_every_other_field_stays(spec: Json, found: Json) -> None:
    injected = inject(spec, found, ACCOUNT, "eu-central-1")
    ours = {"containers", "initContainers", "volumes"}
    assert {key: spec[key] for key in spec.keys() - ours} == {key: injected[key] for key in injected.keys() - ours}
    assert injected["volumes"][1:] == spec.get("volumes", [])
    for kind in ("initContainers", "containers"):
        assert [without(item) for item in injected.get(kind, [])] == [without(item) for item in spec.get(kind, [])]
        for was, now in zip(spec.get(kind, []), injected.get(kind, [])):
            assert now.get("env", [])[: len(was.get("env", []))] == was.get("env", [])
            assert now.get("volumeMounts", [])[: len(was.get("volumeMounts", []))] == was.get("volumeMounts", [])


@given(specs, pod_annotations)
def test_nothing_is_injected_twice(spec: Json, found: Json) -> None:
    once = inject(spec, found, ACCOUNT, "eu-central-1")
    assert inject(once, found, ACCOUNT, "eu-central-1") == once
    paths = [[mount["mountPath"] for mount in container.get("volumeMounts", [])] for container in once["containers"]]
    assert all(len(found_paths) == len(set(found_paths)) for found_paths in paths)


@given(specs, pod_annotations)
def test_what_is_injected_lacks_no_role(spec: Json, found: Json) -> None:
    assert not lacks_role({"metadata": {"annotations": found}, "spec": inject(spec, found, ACCOUNT)})


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


def test_a_pod_whose_containers_are_all_left_out_lacks_nothing() -> None:
    pod: Json = {"metadata": {"annotations": {"eks.amazonaws.com/skip-containers": "app"}}, "spec": SPEC}
    assert not lacks_role(pod)
    assert lacks_role({"metadata": {}, "spec": SPEC})


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


def pod(volumes: list[Json] | None = None, **container: object) -> Json:
    """Return a pod that was injected, with other volumes or another container."""
    (app,), (token,) = INJECTED["containers"], INJECTED["volumes"]
    volumes = [token] if volumes is None else volumes
    return {"metadata": {}, "spec": {**INJECTED, "volumes": volumes, "containers": [{**app, **container}]}}


def env(role: object = ARN, file: object = f"{MOUNT_PATH}/token") -> list[Json]:
    """Return the variables of a container; None leaves one out, and a mapping is where it comes from."""
    given = {"AWS_ROLE_ARN": role, "AWS_WEB_IDENTITY_TOKEN_FILE": file}
    return [
        {"name": name, "valueFrom" if isinstance(value, dict) else "value": value}
        for name, value in given.items()
        if value is not None
    ]


def projected(**token: object) -> Json:
    source = {"serviceAccountToken": {"path": "token", "audience": "sts.amazonaws.com", **token}}
    return {"name": VOLUME, "projected": {"sources": [{"configMap": {"name": "x"}}, source]}}


OWN: Json = {"name": "own", "mountPath": "/own"}
FROM_SECRET = {"secretKeyRef": {"name": "x", "key": "role"}}


@pytest.mark.parametrize(
    "one",
    [
        pod(),
        pod([projected()]),
        pod(env=env(FROM_SECRET)),
        pod(env=env(file=FROM_SECRET)),
        # A token that a sidecar writes, or a driver brings, at a place of its own.
        pod([{"name": "own", "emptyDir": {}}], env=env(file="/own/token"), volumeMounts=[OWN]),
        pod([{"name": "own", "csi": {"driver": "x"}}], env=env(file="/own/token"), volumeMounts=[OWN]),
        pod([{**projected(path="aws/token"), "name": "own"}], env=env(file="/own/aws/token"), volumeMounts=[OWN]),
        pod(env=env(file="C:\\var\\run\\secrets\\eks.amazonaws.com\\serviceaccount\\token")),
        pod(env=env(file="c:\\var\\run\\secrets\\eks.amazonaws.com\\serviceaccount\\token")),
        # The kubelet fills in variables that are before, and the last one of a name counts.
        pod(env=[{"name": "AT", "value": MOUNT_PATH}, {"name": "R", "value": ARN}, *env("$(R)", "$(AT)/token")]),
        pod(env=[{"name": "AT", "valueFrom": FROM_SECRET}, *env(file="$(AT)/token")]),
        pod(env=env(file="$(FROM_ELSEWHERE)/token")),
        pod(env=[*env(file="/nowhere/token"), *env()]),
        # Paths that are the same.
        pod(volumeMounts=[{"name": VOLUME, "mountPath": f"{MOUNT_PATH.replace('/eks', '//./eks')}/"}]),
        pod(env=env(file=f"{MOUNT_PATH}/../serviceaccount/token")),
        pod([projected(path="./token")]),
    ],
)
def test_a_pod_with_its_token(one: Json) -> None:
    assert without_role(one, {"sts.amazonaws.com"}) is None


@pytest.mark.parametrize(
    ("one", "says", "cured"),
    [
        (pod([{"name": VOLUME, "emptyDir": {}}]), "of the kind emptyDir", False),
        (pod([{"name": VOLUME, "configMap": {"name": "x"}}]), "of the kind configMap", False),
        (pod([{"name": VOLUME, "persistentVolumeClaim": {"claimName": "x"}}]), "persistentVolumeClaim", False),
        (pod([projected(path="other")]), "no service-account token token", False),
        (pod([projected(audience="vault")]), "audience vault", True),
        (pod([projected(audience=None)]), "audience of the API server", True),
        (pod(volumeMounts=[]), "nothing is mounted", False),
        (
            pod(volumeMounts=[{"name": VOLUME, "mountPath": f"{MOUNT_PATH}/token", "subPath": "token"}]),
            "subPath",
            False,
        ),
        (
            pod([projected(), {"name": "own", "emptyDir": {}}], volumeMounts=[{**OWN, "mountPath": MOUNT_PATH}]),
            "own",
            False,
        ),
        (pod(env=env(role="prod-reports")), "not the ARN of a role", False),
        (pod(env=env(role="arn:aws:iam::123456789012:user/reports")), "not the ARN of a role", False),
        (pod(env=env(file=None)), "no AWS_WEB_IDENTITY_TOKEN_FILE", False),
        (pod(env=env(role=None)), "no AWS_ROLE_ARN", False),
        (pod(env=env(file="/nowhere/token")), "nothing is mounted at /nowhere/token", False),
        (pod(env=[*env(), *env(file="/nowhere/token")]), "nothing is mounted at /nowhere/token", False),
        (pod(env=env(file="")), "AWS_WEB_IDENTITY_TOKEN_FILE without a value", False),
        (pod(env=env(role="")), "AWS_ROLE_ARN without a value", False),
        (pod(env=[]), "", True),
    ],
)
def test_a_pod_without(one: Json, says: str, cured: bool) -> None:
    for kind in ("containers", "initContainers"):
        spec = {**one["spec"], "containers": pod()["spec"]["containers"], kind: one["spec"]["containers"]}
        lack = without_role({**one, "spec": spec}, {"sts.amazonaws.com"})
        if kind == "initContainers" and not says:
            assert lack is None  # of others, which add them to what is injected
        else:
            assert lack is not None
            assert (says in lack.reason, lack.is_cured_by_restart) == (True, cured), lack


def test_the_deepest_mount_counts() -> None:
    container: Json = {
        "volumeMounts": [
            {"name": "a", "mountPath": "/var"},
            {"name": VOLUME, "mountPath": "/var/run/"},
            {"name": "b", "mountPath": "/var/run-x"},
        ]
    }
    spec = {"volumes": [{"name": "a", "emptyDir": {}}, projected(path="x/token"), {"name": "b", "emptyDir": {}}]}
    assert token_at(spec, container, "/var/run/x/token")[0] is not None
    assert token_at(spec, container, "/var/x/token")[0] is None


def test_a_volume_of_another_kind_is_no_injection() -> None:
    assert is_injected(pod())
    assert not is_injected(pod([{"name": VOLUME, "emptyDir": {}}]))
    assert not is_injected(pod([projected(), {"name": "x"}][1:]))


@pytest.mark.parametrize(
    ("changed", "region", "shown"),
    [
        ({}, "eu-central-1", True),
        ({}, "us-west-2", False),
        ({}, "", False),
        ({"audience": "other"}, "eu-central-1", False),
        ({"role_arn": f"{ARN}-2"}, "eu-central-1", False),
        ({"regional_sts": False}, "eu-central-1", False),
    ],
)
def test_whether_a_pod_has_what_is_asked_for_now(changed: Json, region: str, shown: bool) -> None:
    spec = inject(SPEC, {}, ACCOUNT, "eu-central-1")
    beside = {**spec, "containers": [*spec["containers"], {"name": "proxy"}]}  # which another webhook has added
    for described in (spec, beside):
        assert is_injected_as({"metadata": {}, "spec": described}, ACCOUNT._replace(**changed), region) is shown
    assert not is_injected_as({"metadata": {}, "spec": SPEC}, ACCOUNT, region)


@pytest.mark.parametrize(
    ("key", "value", "found"),
    [
        ("eks.amazonaws.com/role-arn", ARN, True),
        ("eks.amazonaws.com/role-arn", "", True),
        ("eks.amazonaws.com/rolearn", ARN, True),
        ("eks.amazonaws.com/role_arn", "prod-reports", True),
        ("eks.amazonaws.com/Role-ARN", ARN, True),
        ("EKS.amazonaws.com/role-arn", ARN, True),
        ("eks.amazonaws.com/role", ARN, True),
        ("eks.amazon.com/role-arn", ARN, True),
        ("role-arn", ARN, True),
        ("eks.amazonaws.com-role-arn", ARN, True),
        ("aws-role-arn", ARN, True),
        ("aws-role-arn", "reports", False),
        ("example.com/vault-role-arn", ARN, False),
        ("eks.amazonaws.com/audience", "sts.amazonaws.com", False),
        ("iam.amazonaws.com/role", ARN, False),  # of kube2iam
        ("example.com/role-arn", "x", False),
        ("kubectl.kubernetes.io/last-applied-configuration", f'{{"eks.amazonaws.com/role-arn": "{ARN}"}}', False),
    ],
)
def test_an_annotation_that_was_to_give_a_role(key: str, value: str, found: bool) -> None:
    assert bool(misplaced_role({"a": "b", key: value})) is found
