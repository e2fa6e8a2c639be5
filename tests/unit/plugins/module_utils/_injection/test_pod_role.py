# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._injection.pod import (
    MOUNT_PATH,
    VOLUME,
    Account,
    inject,
)
from ansible_collections.onprem.irsa.plugins.module_utils._injection.pod_role import (
    is_injected,
    is_injected_as,
    lacks_role,
    misplaced_role,
    token_at,
    without_role,
)

ARN = "arn:aws:iam::123456789012:role/prod-reports"
ACCOUNT = Account(ARN, "sts.amazonaws.com", regional_sts=True, expiration=86400)
Json = dict[str, t.Any]
SPEC: Json = {"serviceAccountName": "reports", "containers": [{"name": "app", "image": "x"}]}
INJECTED = inject(SPEC, {}, ACCOUNT)


def test_a_pod_whose_containers_are_all_left_out_lacks_nothing() -> None:
    pod: Json = {"metadata": {"annotations": {"eks.amazonaws.com/skip-containers": "app"}}, "spec": SPEC}
    assert not lacks_role(pod)
    assert lacks_role({"metadata": {}, "spec": SPEC})


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
