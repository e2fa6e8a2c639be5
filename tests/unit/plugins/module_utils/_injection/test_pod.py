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

from ansible_collections.onprem.irsa.plugins.module_utils._injection.pod import (
    MOUNT_PATH,
    VOLUME,
    Account,
    Settings,
    account,
    inject,
)
from ansible_collections.onprem.irsa.plugins.module_utils._injection.pod_role import (
    lacks_role,
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
