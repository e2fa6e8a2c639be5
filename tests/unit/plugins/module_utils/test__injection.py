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

from ansible_collections.onprem.irsa.plugins.module_utils._injection import (
    MOUNT_PATH,
    SKIP_LABEL,
    VOLUME,
    Account,
    Settings,
    account,
    accounts,
    inject,
    inject_manifest,
    lacks_role,
)

CASES = json.loads((Path(__file__).parents[1] / "data/pod-identity-webhook-v0.6.17/cases.json").read_text())
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
        assert [without(one) for one in injected.get(kind, [])] == [without(one) for one in spec.get(kind, [])]
        for was, now in zip(spec.get(kind, []), injected.get(kind, [])):
            assert now.get("env", [])[: len(was.get("env", []))] == was.get("env", [])
            assert now.get("volumeMounts", [])[: len(was.get("volumeMounts", []))] == was.get("volumeMounts", [])


@given(specs, pod_annotations)
def test_nothing_is_injected_twice(spec: Json, found: Json) -> None:
    once = inject(spec, found, ACCOUNT, "eu-central-1")
    assert inject(once, found, ACCOUNT, "eu-central-1") == once
    paths = [[mount["mountPath"] for mount in one.get("volumeMounts", [])] for one in once["containers"]]
    assert all(len(found_paths) == len(set(found_paths)) for found_paths in paths)


@given(specs, pod_annotations)
def test_what_is_injected_lacks_no_role(spec: Json, found: Json) -> None:
    assert not lacks_role({"metadata": {"annotations": found}, "spec": inject(spec, found, ACCOUNT)})


SPEC = {"serviceAccountName": "reports", "containers": [{"name": "app", "image": "x"}]}
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
    assert [inject_manifest(one, known) for one in (labelled, other, without_account)] == [
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


def service_account(found: dict[str, str]) -> Json:
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
