# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._doctor.asking import Within
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.rights import (
    CALLS,
    LEGACY_SECRETS,
    PATHS,
    RIGHTS,
    Right,
    aws_policy,
    cluster_rights,
    refused_call,
    right_of,
)
from ansible_collections.onprem.irsa.plugins.module_utils._errors import ApiError

OWN = "webhook"
Json = dict[str, t.Any]


@pytest.mark.parametrize(
    ("method", "path", "right"),
    [
        ("GET", "/api/v1/pods", Right("list", "", "pods")),
        ("GET", "/api/v1/namespaces", Right("list", "", "namespaces")),
        ("GET", "/api/v1/namespaces/apps", Right("get", "", "namespaces")),
        ("GET", "/api/v1/namespaces/apps/serviceaccounts", Right("list", "", "serviceaccounts")),
        ("GET", "/apis/apps/v1/namespaces/webhook/deployments", Right("list", "apps", "deployments")),
        ("GET", "/api/v1/namespaces/webhook/secrets", Right("list", "", "secrets", namespace="*")),
        ("GET", "/api/v1/namespaces/apps/secrets", None),
        ("GET", "/api/v1/namespaces/webhook/secrets/tls", None),
        ("GET", "/api/v1/secrets", None),
        ("GET", "/api/v1/namespaces/apps/pods/web/log", None),
        ("POST", "/api/v1/namespaces/apps/pods", None),
        ("POST", "/api/v1/namespaces/webhook/pods", Right("create", "", "pods", namespace="*")),
        ("POST", "/api/v1/namespaces/apps/serviceaccounts/reports/token", None),
        (
            "POST",
            "/api/v1/namespaces/default/serviceaccounts/default/token",
            Right("create", "", "serviceaccounts/token", "default", "default"),
        ),
        ("POST", "/api/v1/namespaces", None),
        ("PATCH", "/api/v1/namespaces/apps", None),
        ("DELETE", "/api/v1/namespaces/webhook/pods/probe", None),
        ("GET", "/openid/v1/jwks", "/openid/v1/jwks"),
        ("GET", "/apis/apps/v1", "/apis/*"),
        ("GET", "/metrics", None),
        ("POST", "/version", None),
    ],
)
def test_each_request_needs_a_right_or_is_not_made(method: str, path: str, right: object) -> None:
    assert right_of(method, path, OWN) == right


def test_secrets_of_all_namespaces_are_read_on_request_alone() -> None:
    assert right_of("GET", "/api/v1/secrets", OWN, legacy_secrets=True) == LEGACY_SECRETS
    assert "secrets" not in str(cluster_rights(OWN)[0])
    assert "secrets" in str(cluster_rights(OWN, legacy_secrets=True)[0])


def test_no_right_changes_what_is_stored() -> None:
    assert {right.verb for right in RIGHTS} == {"create", "get", "list"}
    created = {right.resource for right in RIGHTS if right.verb == "create"}
    assert created == {"pods", "selfsubjectrulesreviews", "serviceaccounts/token", "tokenreviews"}
    assert {call.partition(":")[2][:3] for call in CALLS} == {"Get", "Hea", "Lis"}


def granted(roles: t.Sequence[Json]) -> set[Right]:
    return {
        Right(verb, group, resource, role["metadata"].get("namespace", "").replace(OWN, "*"), name)
        for role in roles
        for rule in role["rules"]
        for verb in rule["verbs"]
        for group in rule.get("apiGroups", ())
        for resource in rule["resources"]
        for name in rule.get("resourceNames", [""])
    }


def test_what_is_printed_is_what_is_asked_for() -> None:
    roles = cluster_rights(OWN)
    assert granted(roles) == {*RIGHTS}
    assert sum(len(rule.get("nonResourceURLs", ())) for role in roles for rule in role["rules"]) == len(PATHS)
    assert granted(cluster_rights(OWN, legacy_secrets=True)) == {*RIGHTS, LEGACY_SECRETS}


def test_the_policy_of_aws_names_the_bucket_and_its_documents_alone() -> None:
    policy = aws_policy("acme", ["openid/v1/jwks"], partition="aws-cn")
    resources = {statement["Sid"]: statement["Resource"] for statement in policy["Statement"]}
    assert resources["OnpremIrsaDoctorBucket"] == ["arn:aws-cn:s3:::acme"]
    assert resources["OnpremIrsaDoctorDocuments"] == ["arn:aws-cn:s3:::acme/openid/v1/jwks"]
    assert "s3:GetObject" not in str(aws_policy("", []))
    assert "s3:ListBucket" in str(policy)


def test_other_calls_of_aws_are_refused() -> None:
    assert refused_call("iam", "GetRole") == ""
    assert "iam:CreateRole is no call" in refused_call("iam", "CreateRole")


class Answering:
    """Answers every request, and notes it."""

    server = "https://cp1:6443"

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []

    def at(self, _server: str) -> Answering:
        return self

    def get(self, path: str, *, accept: str = "") -> Json:
        self.asked.append((path, accept))
        return {}

    def items(self, path: str, *, labels: str = "", fields: str = "") -> list[Json]:
        self.asked.append((path, labels, fields))
        return [{"kind": "Pod"}]

    def each(self, path: str, *, labels: str = "", fields: str = "") -> t.Iterator[Json]:
        yield from self.items(path, labels=labels, fields=fields)

    def some(self, path: str, number: int, *, labels: str = "") -> list[Json]:
        return self.items(path, labels=labels)[:number]

    def create(self, path: str, body: Json, *, dry_run: bool = False) -> Json:
        self.asked.append((path, dry_run))
        return body


def test_nothing_else_is_asked_for() -> None:
    api = Answering()
    read = Within(api, OWN)
    for ask in (
        lambda: read.get("/metrics"),
        lambda: read.items("/api/v1/secrets"),
        lambda: read.each("/api/v1/events"),
        lambda: read.some("/api/v1/configmaps", 1),
        lambda: read.create("/api/v1/namespaces", {}),
        lambda: read.create(f"/api/v1/namespaces/{OWN}/pods", {"kind": "Pod"}),
        lambda: read.at("https://cp2:6443").items("/api/v1/secrets"),
    ):
        with pytest.raises(ApiError, match="does not ask for"):
            ask()
    assert api.asked == []
    read.create(f"/api/v1/namespaces/{OWN}/pods", {"kind": "Pod"}, dry_run=True)
    assert api.asked == [(f"/api/v1/namespaces/{OWN}/pods", True)]


def test_a_list_is_asked_for_once() -> None:
    api = Answering()
    read = Within(api, OWN)
    assert read.items("/api/v1/pods") == read.items("/api/v1/pods") == list(read.each("/api/v1/pods", fields="x=y"))
    assert api.asked == [("/api/v1/pods", "", ""), ("/api/v1/pods", "", "x=y")]
