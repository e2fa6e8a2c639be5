# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._injection.permissions import missing_permissions

from ...some_injection import APIS, NAMESPACE, options, seen, served

Json = dict[str, t.Any]

READING = {"verbs": ["get", "list", "watch"], "apiGroups": ["*"], "resources": ["*"]}
TRYING = {"verbs": ["create", "patch"], "apiGroups": [""], "resources": ["pods"]}
# With what the role needs in a cluster that serves nothing but these and the policy.
FEW = {
    "v1": {"Namespace": "namespaces", "Pod": "pods", "Secret": "secrets"},
    "rbac.authorization.k8s.io/v1": {"ClusterRoleBinding": "clusterrolebindings"},
}
MAKING = {"verbs": ["create", "patch", "delete"], "apiGroups": [""], "resources": ["namespaces", "pods", "secrets"]}
OTHER = {
    "metadata": {"name": "other"},
    "webhooks": [{"name": "iam-for-pods.amazonaws.com", "clientConfig": {"service": {"name": "x", "namespace": "y"}}}],
}


def missing(rules: list[Json], given: Json, **cluster: object) -> str:
    """Return what the user may not do, without the sentence around it."""
    found = missing_permissions(options(**given), seen(rules={"resourceRules": rules}, **cluster))
    return "".join(line.removeprefix("The user of the kubeconfig may not ").partition(". Use")[0] for line in found)


def test_all_that_is_missing_is_one_sentence() -> None:
    found = missing_permissions(options(), seen(rules={"resourceRules": [READING]}, apis=FEW))
    assert found == [
        "The user of the kubeconfig may not create, patch namespaces; create, patch, delete clusterrolebindings "
        "(rbac.authorization.k8s.io); create, patch, delete secrets; create, patch pods. Use a cluster "
        "administrator's, or grant it that."
    ]


@pytest.mark.parametrize("rules", [{"resourceRules": [], "incomplete": True}, {}])
def test_an_authorizer_that_does_not_list_its_rules_refuses_by_itself(rules: Json) -> None:
    assert missing_permissions(options(), seen(rules=rules)) == []


def test_a_right_on_one_object_is_none_on_its_kind() -> None:
    one = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["clusterrolebindings"], "resourceNames": ["x"]}
    rules = [READING, MAKING, one]
    assert missing(rules, {}, apis=FEW).startswith("create, patch, delete clusterrolebindings")
    assert missing([READING, MAKING, {**one, "resourceNames": []}], {}, apis=FEW) == ""


def test_what_another_mode_has_made_is_removed_where_the_role_was_before() -> None:
    apis = {"admissionregistration.k8s.io/v1beta1": {"MutatingAdmissionPolicy": "policies"}, "v1": {"Pod": "pods"}}
    rules = [READING, TRYING]
    # The first run asks for what the second one needs, too.
    assert missing(rules, {}, apis=apis) == "delete policies (admissionregistration.k8s.io)"
    assert missing(rules, {"mode": "none"}, apis=apis) == ""  # nothing is there
    gone = missing(rules, {"mode": "none"}, apis=apis, namespace=NAMESPACE)
    assert gone == "delete policies (admissionregistration.k8s.io); delete pods"


def test_what_is_not_served_needs_no_rights() -> None:
    given = {"service_monitor": True, "prometheus_rule": True, "tls": "cert-manager"}
    assert "coreos" not in missing([], given)
    assert "cert-manager" not in missing([], given)
    wanted = missing([], given, apis=served())
    assert "get, create, patch, list, delete servicemonitors (monitoring.coreos.com)" in wanted
    assert "get, create, patch, list, delete certificates (cert-manager.io)" in wanted
    assert "; list certificaterequests (cert-manager.io)" in wanted
    assert "certificaterequests" not in missing([], {}, apis=served())


@pytest.mark.parametrize(
    ("given", "cluster", "lacks"),
    [
        ({"mode": "none"}, {}, "list mutatingwebhookconfigurations (admissionregistration.k8s.io)"),
        ({"mode": "none"}, {}, "get, list namespaces"),
        ({"mode": "policy"}, {}, "get, create, patch, list, delete serviceaccounts"),
        ({}, {}, "get, create, patch, list, delete, watch serviceaccounts"),
        ({}, {}, "get, create, patch, list, delete secrets"),
        ({"mode": "policy"}, {}, "list, delete secrets"),
        ({}, {}, "list endpointslices (discovery.k8s.io)"),
        ({"host_network": True}, {}, "list nodes"),
        ({"priority_class": "infra"}, {}, "get priorityclasses (scheduling.k8s.io)"),
        ({"restart_missed": True}, {}, "get, list, patch statefulsets (apps)"),
        ({"mode": "foreign", "restart_missed": True}, {}, "get, list, patch deployments (apps)"),
        ({"mode": "policy", "adopt": True}, {"configurations": [OTHER]}, "list, delete, get services"),
        ({"mode": "policy", "adopt": True}, {"configurations": [OTHER]}, "list, delete deployments (apps)"),
    ],
)
def test_what_the_role_looks_at_and_makes(given: Json, cluster: Json, lacks: str) -> None:
    assert lacks in missing([], given, **cluster).split("; ")


@pytest.mark.parametrize(
    ("given", "resource"),
    [
        ({}, "nodes"),
        ({}, "priorityclasses"),  # that of the system is in every cluster
        ({"mode": "none"}, "pods"),
        ({"mode": "none"}, "serviceaccounts"),
        ({"mode": "foreign"}, "endpointslices"),
        ({}, "statefulsets"),
    ],
)
def test_what_the_role_leaves_alone(given: Json, resource: str) -> None:
    assert resource not in missing([], given)


@pytest.mark.parametrize(("mode", "tried"), [("webhook", True), ("policy", True), ("foreign", False), ("none", False)])
def test_who_may_not_try_a_pod(mode: str, tried: bool) -> None:
    assert ("create, patch pods" in missing([READING], {"mode": mode})) is tried


@pytest.mark.parametrize("restarts", [False, True])
def test_who_may_not_try_pods_of_what_is_restarted(restarts: bool) -> None:
    assert ("create pods" in missing([READING], {"mode": "foreign", "restart_missed": restarts})) is restarts


def test_nothing_is_missing_to_an_administrator() -> None:
    for mode in ("webhook", "policy", "foreign", "none"):
        assert missing_permissions(options(mode=mode, adopt=True, restart_missed=True), seen(apis=APIS)) == []
