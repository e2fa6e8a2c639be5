# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re
import typing as t

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._injection.names import PART_LABEL
from ansible_collections.onprem.irsa.plugins.module_utils._injection.parts import (
    KINDS,
    MADE,
    SECRET_PARTS,
    TEMPLATELESS,
    Kind,
    is_owned,
    part_of,
    wanted,
)

from ....roles.rendered import ROLES
from ...some_injection import options, own, secret_of

Json = dict[str, t.Any]

TEMPLATES = ROLES / "irsa_webhook/templates"
BY_DEFAULT = [
    "namespace",
    "authority",
    "certificate",
    "access",
    "service",
    "deployment",
    "probe",
    "probe_webhook",
    "configuration",
]


@pytest.mark.parametrize("part", sorted(set(MADE) - set(TEMPLATELESS)))
def test_a_part_makes_what_its_template_says(part: str) -> None:
    text = (TEMPLATES / f"{part}.yml.j2").read_text()
    assert set(re.findall(r"^kind: (\w+)$", text, re.MULTILINE)) == set(MADE[part])
    labels = re.findall(
        r"^  labels: .*$|^\{% for key, value in \(irsa_webhook_monitoring_labels.*$", text, re.MULTILINE
    )
    assert len(labels) == len(re.findall("^metadata:$", text, re.MULTILINE))
    assert [label for label in labels if f"'{PART_LABEL}': '{part}'" not in label] == []


def test_the_transition_is_of_the_configuration_s_part() -> None:
    assert f"'{PART_LABEL}': 'configuration'" in (TEMPLATES / "transition.yml.j2").read_text()


def test_every_kind_that_is_made_can_be_removed() -> None:
    assert {kind for kinds in MADE.values() for kind in kinds} - {kind.name for kind in KINDS} == {"Namespace"}
    for given in ({"mode": "webhook"}, {"mode": "policy"}, *({"tls": tls} for tls in ("own", "secret"))):
        assert set(wanted(options(**given))) <= MADE.keys()


@pytest.mark.parametrize(
    ("given", "more", "less"),
    [
        ({}, [], []),
        ({"tls": "secret"}, [], ["authority"]),
        ({"tls": "cert-manager"}, ["cert_manager"], ["authority", "certificate"]),
        ({"pull_secret": "apps/pull"}, ["pull_secret"], []),
        ({"network_policy": True}, ["network_policy"], []),
        ({"metrics_service": True}, ["metrics"], []),
        ({"service_monitor": True}, ["metrics", "service_monitor"], []),
        ({"prometheus_rule": True}, ["prometheus_rule"], []),
    ],
)
def test_what_the_webhook_is_made_of(given: Json, more: list[str], less: list[str]) -> None:
    assert sorted(wanted(options(**given))) == sorted({*BY_DEFAULT, *more} - {*less})


def test_api_servers_call_the_webhook_last() -> None:
    asked = {"network_policy": True, "service_monitor": True, "prometheus_rule": True, "pull_secret": "a/b"}
    found = wanted(options(**asked, tls="cert-manager"))
    assert (found[0], found[-1]) == ("namespace", "configuration")


@pytest.mark.parametrize(
    ("mode", "parts"),
    [("policy", ["namespace", "probe", "policy_parameters", "policy"]), ("none", []), ("foreign", [])],
)
def test_what_other_modes_are_made_of(mode: str, parts: list[str]) -> None:
    assert list(wanted(options(mode=mode, network_policy=True, pull_secret="a/b"))) == parts  # noqa: S106 -- a name
    with_rules = [*parts[:1], "prometheus_rule", *parts[1:]] if parts else []
    assert list(wanted(options(mode=mode, prometheus_rule=True))) == with_rules


def test_what_calls_is_removed_first_and_secrets_last() -> None:
    """cert-manager makes a Secret again as long as its Certificate is there."""
    names = [kind.name for kind in KINDS]
    assert names[0] == "MutatingWebhookConfiguration"
    assert names[1:3] == ["MutatingAdmissionPolicyBinding", "MutatingAdmissionPolicy"]
    assert names.index("MutatingAdmissionPolicy") < names.index("ConfigMap")
    assert names.index("Certificate") < names.index("Issuer") < names.index("Secret") == len(names) - 1


@pytest.mark.parametrize(
    ("manifest", "part"),
    [
        (own("Service", part="service"), "service"),
        (own("Service"), ""),  # of a release before the label
        ({"kind": "Service", "metadata": {"name": "x"}}, ""),
        *((secret_of(name, {}), part) for name, part in SECRET_PARTS.items()),
        (secret_of("sh.helm.release.v1", {}), ""),
        (own("Secret", "mine", "certificate"), ""),
    ],
)
def test_the_part_of_an_object(manifest: Json, part: str) -> None:
    assert part_of(manifest) == part


@pytest.mark.parametrize(
    ("labels", "owned"),
    [
        (None, False),
        ({"app.kubernetes.io/name": "pod-identity-webhook"}, False),
        ({"app.kubernetes.io/name": "pod-identity-webhook", "app.kubernetes.io/managed-by": "Helm"}, False),
        ({"app.kubernetes.io/name": "pod-identity-webhook", "app.kubernetes.io/managed-by": "onprem.irsa"}, True),
    ],
)
def test_what_has_both_labels_is_the_role_s(labels: Json | None, owned: bool) -> None:
    assert is_owned({"metadata": {"name": "x", "labels": labels}}) is owned
    assert is_owned({"metadata": {"name": "pod-identity-webhook", "labels": labels}})  # whatever has become of them


@pytest.mark.parametrize(
    ("kind", "namespace", "path"),
    [
        (Kind("v1", "Pod", "pods"), "", "/api/v1/pods"),
        (Kind("v1", "Pod", "pods"), "apps", "/api/v1/namespaces/apps/pods"),
        (Kind("apps/v1", "Deployment", "deployments"), "apps", "/apis/apps/v1/namespaces/apps/deployments"),
    ],
)
def test_where_objects_are_listed(kind: Kind, namespace: str, path: str) -> None:
    assert kind.path(namespace) == path
