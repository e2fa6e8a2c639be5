# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._injection.problems import (
    input_problems,
    problems,
    resource_problems,
)

from ...some_injection import APIS, NAMESPACE, UPSTREAM, options, own, secret_of, seen

Json = dict[str, t.Any]

# As the role gives them, before they are checked.
GIVEN: Json = {
    "mode": "webhook",
    "namespace": "pod-identity-webhook",
    "region": "eu-central-1",
    "image": f"{UPSTREAM}:v0.6.17",
    "replicas": 2,
    "certificate_days": 365,
    "timeout": 5,
    "strict": False,
    "tls": "own",
    "tls_secret": "",
    "pull_secret": "",
    "port": 8443,
    "metrics_port": 9999,
}


@pytest.mark.parametrize("given", [{"region": ""}, {"region": "here", "mode": "none"}])
def test_regions_that_no_pod_is_given(given: Json) -> None:
    assert list(input_problems({**GIVEN, **given})) == []


@pytest.mark.parametrize("mode", ["webhook", "policy", "none"])
def test_nothing_stands_in_the_way(mode: str) -> None:
    assert list(input_problems({**GIVEN, "mode": mode})) == []
    for namespace in (None, NAMESPACE):
        there = seen(namespace=namespace)
        assert problems(options(mode=mode), there) == []
        assert list(resource_problems(options(mode=mode), there)) == []


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"image": UPSTREAM}, ["no tag and no digest", "v0.6.17"]),
        ({"image": f"registry:5000/{UPSTREAM}"}, ["no tag and no digest"]),
        ({"image": f"{UPSTREAM}@sha256:abc"}, ["digest is too short", "3 hexadecimal digits"]),
        ({"namespace": "kube-system"}, ["kube-system", "Choose"]),
        ({"namespace": "default"}, ["default"]),
        ({"namespace": "Upper"}, ["RFC 1123"]),
        ({"region": "eu-centrall-1"}, ["irsa_webhook_region", "Did you mean eu-central-1?"]),
        ({"region": "here", "mode": "policy"}, ["irsa_webhook_region", "eu-central-1"]),
        ({"replicas": 0}, ["irsa_webhook_replicas is 0", "default is 2"]),
        ({"certificate_days": 0}, ["irsa_webhook_certificate_days is 0"]),
        ({"timeout": 16}, ["irsa_webhook_timeout is 16", "twice", "15 or less"]),
        ({"timeout": 12, "strict": True}, ["irsa_webhook_timeout is 12", "three times", "11 or less"]),
        ({"port": 70000}, ["irsa_webhook_port is 70000", "65535", "8443 and 9999"]),
        ({"port": 9999}, ["irsa_webhook_metrics_port is 9999", "two ports"]),
        ({"metrics_port": 443}, ["irsa_webhook_metrics_port is 443", "1024", "root"]),
        ({"tls": "secret"}, ["irsa_webhook_tls_secret"]),
        ({"tls_secret": "name"}, ["namespace/name"]),
        ({"pull_secret": "name"}, ["namespace/name"]),
        ({"tls_secret": "certs/webhook"}, ["irsa_webhook_tls_secret is certs/webhook", "irsa_webhook_tls: secret"]),
        ({"tls": "cert-manager", "tls_secret": "certs/webhook"}, ["irsa_webhook_tls is cert-manager"]),
        ({"image_mirror": "https://registry.example.com/hub"}, ["irsa_webhook_image_mirror", "scheme"]),
        ({"image_mirror": "registry.example.com/Hub", "mode": "policy"}, ["irsa_webhook_image_mirror", "lower case"]),
        ({"image_mirror": "registry.example.com/" + 230 * "a"}, ["irsa_webhook_image_mirror", "longer than 255"]),
        ({"audience": ""}, ["irsa_webhook_audience"]),
        ({"excluded_namespaces": "a", "mode": "policy"}, ["irsa_webhook_excluded_namespaces"]),
        ({"tolerations": {}}, ["irsa_webhook_tolerations"]),
    ],
)
def test_what_is_wrong_whatever_the_cluster(given: Json, says: list[str]) -> None:
    (found,) = input_problems({**GIVEN, **given})
    assert [words for words in says if words not in found] == []


def foreign(*others: str) -> Json:
    client = {"service": {"namespace": "default", "name": "pod-identity-webhook"}}
    hooks = [{"name": "iam-for-pods.amazonaws.com", "clientConfig": client}, *({"name": name} for name in others)]
    return {"metadata": {"name": "other"}, "webhooks": hooks}


OF_SOMEBODY: Json = {"metadata": {"name": "pod-identity-webhook", "labels": {}}}
NO_POLICY = {version: kinds for version, kinds in APIS.items() if not version.endswith("v1beta1")}


@pytest.mark.parametrize(
    ("given", "cluster", "says"),
    [
        ({"tls": "cert-manager"}, {}, ["Certificate", "Install it"]),
        ({"service_monitor": True}, {}, ["ServiceMonitor", "monitoring.coreos.com"]),
        ({"prometheus_rule": True}, {}, ["PrometheusRule"]),
        ({"prometheus_rule": True, "mode": "policy"}, {}, ["PrometheusRule", "Install it"]),
        ({}, {"configurations": [foreign()]}, ["other", "irsa_webhook_adopt", "foreign"]),
        ({"mode": "policy"}, {"configurations": [foreign()]}, ["other", "irsa_webhook_adopt"]),
        ({"mode": "foreign"}, {}, ["no other", "Install one"]),
        ({}, {"namespace": OF_SOMEBODY}, ["not made by this role"]),
        ({}, {"own_namespaces": ["before"]}, ["irsa_webhook_namespace: before", "irsa_webhook_mode=none"]),
        ({"mode": "none"}, {"own_namespaces": ["before"]}, ["irsa_webhook_namespace: before"]),
        ({"mode": "policy"}, {"apis": NO_POLICY}, ["--feature-gates=MutatingAdmissionPolicy=true", "_set_flags"]),
        ({"mode": "policy"}, {"apis": NO_POLICY}, ["--runtime-config=admissionregistration.k8s.io/v1beta1=true"]),
        ({}, {"minor": "1.29"}, ["Kubernetes 1.29", "1.30 or newer", "mode to none"]),
        *(
            (
                {"adopt": adopt},
                {"configurations": [foreign("sidecar.example.com")]},
                ["other injects pods already", "sidecar.example.com", "by hand"],
            )
            for adopt in (True, False)
        ),
        ({"mode": "policy", "set_flags": True}, {"apis": NO_POLICY, "minor": "1.31"}, ["1.31", "1.32", "Upgrade"]),
    ],
)
def test_what_stands_in_the_way_is_named_with_its_fix(given: Json, cluster: Json, says: list[str]) -> None:
    (found,) = problems(options(**given), seen(**cluster))
    assert [words for words in says if words not in found] == []


PULL = secret_of("pull", {}, "Opaque")


@pytest.mark.parametrize(
    ("given", "cluster", "says"),
    [
        ({"host_network": True}, {}, ["the one node.", "irsa_webhook_replicas to 1"]),
        ({"host_network": True, "replicas": 3}, {"nodes": 2}, ["each of the 2 nodes.", "irsa_webhook_replicas to 2"]),
        ({"pull_secret": "apps/pull"}, {}, ["apps/pull", "does not exist", "create secret docker-registry"]),
        ({"pull_secret": "a/b"}, {"pull_secret": PULL}, ["of the type Opaque", "dockerconfigjson"]),
        ({"priority_class": "infra"}, {"priority_class_exists": False}, ["irsa_webhook_priority_class is infra, but"]),
    ],
)
def test_what_the_webhook_would_use_and_is_not_there(given: Json, cluster: Json, says: list[str]) -> None:
    (found,) = resource_problems(options(**given), seen(**cluster))
    assert [words for words in says if words not in found] == []
    assert list(resource_problems(options(**given, mode="policy"), seen(**cluster))) == []


def test_everything_wrong_is_said_at_once() -> None:
    assert len(list(input_problems({**GIVEN, "image": "x", "replicas": 0}))) == 2
    assert len(problems(options(service_monitor=True), seen(configurations=[foreign()]))) == 2


def test_what_was_asked_for() -> None:
    there = seen(configurations=[foreign()])
    assert problems(options(adopt=True), there) == []
    assert problems(options(mode="foreign"), there) == []
    assert problems(options(mode="policy", set_flags=True), seen(apis=NO_POLICY)) == []
    assert list(input_problems({**GIVEN, "mode": "none", "image": "x"})) == []
    assert list(resource_problems(options(host_network=True, replicas=1), seen())) == []


def test_the_namespace_that_is_asked_for_is_none_of_before() -> None:
    before = own("Namespace", "before", namespace="")
    assert problems(options(namespace="before"), seen(namespace=before, own_namespaces=["before"])) == []
