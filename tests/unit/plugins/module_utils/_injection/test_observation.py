# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of an API server, in which mode, and what of it is seen."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._errors import ApiError
from ansible_collections.onprem.irsa.plugins.module_utils._injection.names import (
    AUTHORITY,
    CLUSTER_NAME,
    NAME,
    POLICY,
    POLICY_PARAMETERS,
    PROBE,
    PROBE_CONFIGURATION,
    SELECTOR,
)
from ansible_collections.onprem.irsa.plugins.module_utils._injection.observation import (
    Observation,
    begin,
    complete,
    look_at_running,
    own_kinds,
    policy_version,
    served,
)

from ...fake_api_server import FakeApi
from ...some_certificates import NOW
from ...some_injection import APIS, HOOK, NAMESPACE, called, options, own, secret_of, seen
from ...some_injection import served as apis

Json = dict[str, t.Any]

OWN = [
    NAMESPACE,
    called(),
    own("ClusterRole", CLUSTER_NAME, "access", namespace=""),
    own("Deployment", part="deployment", spec={"template": {}}),
    own("ConfigMap", POLICY_PARAMETERS, "policy_parameters", data={"a": "b"}),
    own("ServiceAccount", PROBE, "probe"),
    secret_of(AUTHORITY, {"tls.crt": "x"}),
]
SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "pod-identity-webhook", "namespace": "eks"},
    "spec": {"selector": {"app": "eks"}},
}


def plain(kind: str, name: str, namespace: str = "", version: str = "v1", **content: object) -> Json:
    within = {"namespace": namespace} if namespace else {}
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, **within}, **content}


def foreign(client: Json | None = None) -> Json:
    service = {"service": {"namespace": "eks", "name": "pod-identity-webhook"}}
    hooks = [{"name": HOOK, "clientConfig": service if client is None else client}]
    return plain("MutatingWebhookConfiguration", "eks", version="admissionregistration.k8s.io/v1", webhooks=hooks)


def look(api: FakeApi, *, all_of_it: bool = True, **given: t.Any) -> Observation:  # noqa: ANN401 -- of any field
    asked = options(**given)
    return complete(api, asked, begin(api, asked, NOW), all_of_it=all_of_it)


def lists(api: FakeApi) -> list[str]:
    """Return what was asked for after the discovery, without what the path says of the API."""
    found = [request.path.rpartition("/")[2] for request in api.asked]
    return found[found.index("selfsubjectrulesreviews") :]


def test_what_everybody_may_see() -> None:
    before = plain("Namespace", "before")
    before["metadata"]["labels"] = NAMESPACE["metadata"]["labels"]
    api = FakeApi(rules={"incomplete": True}).put(*OWN, before, plain("Namespace", "apps"), foreign())
    found = begin(api, options(), NOW)
    assert (found.minor, found.rules, found.now) == ("1.34", {"incomplete": True}, NOW)
    assert (found.is_own_namespace, found.namespace_owner) == (True, "onprem.irsa")
    assert found.own_namespaces == ["before", NAME]
    assert found.other_namespaces == ["before"]
    assert [configuration["kind"] for configuration in found.configurations] == ["MutatingWebhookConfiguration"] * 2
    assert [webhook.name for webhook in found.foreign] == ["eks"]
    (review,) = (request for request in api.asked if request.path.endswith("selfsubjectrulesreviews"))
    assert review.body is not None
    assert review.body["spec"] == {"namespace": NAME}


@pytest.mark.parametrize(
    ("labels", "owner", "is_own"),
    [(None, "", False), ({"app.kubernetes.io/managed-by": "Helm"}, "Helm", False)],
)
def test_a_namespace_of_somebody_else(labels: Json | None, owner: str, is_own: bool) -> None:
    there = {**NAMESPACE, "metadata": {"name": NAME, "labels": labels}}
    found = begin(FakeApi().put(there), options(), NOW)
    assert (found.namespace_owner, found.is_own_namespace) == (owner, is_own)
    assert begin(FakeApi(), options(), NOW).namespace_owner is None


@pytest.mark.parametrize(("version", "minor"), [("v1.34.4", "1.34"), ("v1.33.1+k3s1", "1.33"), ("other", "0.0")])
def test_the_release(version: str, minor: str) -> None:
    assert begin(FakeApi(version=version), options(), NOW).minor == minor


def test_which_kinds_a_cluster_serves() -> None:
    there = {"apps/v1": {"Deployment": "deployments"}, "v1": {"Pod": "pods"}, "example.com/v1": {"Foo": "foos"}}
    api = FakeApi(apis=there)
    assert served(api) == {"apps/v1": {"Deployment": "deployments"}, "v1": {"Pod": "pods"}}
    assert [request.path for request in api.asked] == ["/apis", "/api/v1", "/apis/apps/v1"]


@pytest.mark.parametrize(
    ("there", "version"),
    [
        (apis(policy="v1"), "admissionregistration.k8s.io/v1"),
        (apis(policy="v1beta1"), "admissionregistration.k8s.io/v1beta1"),
        (apis(policy="v1alpha1"), "admissionregistration.k8s.io/v1alpha1"),
        (apis(policy=""), ""),
    ],
)
def test_the_policy_is_looked_for_in_the_version_that_is_served(there: dict[str, dict[str, str]], version: str) -> None:
    assert policy_version(there) == version
    kinds = {kind.name: kind.version for kind in own_kinds(seen(apis=there), namespaced=True)}
    assert kinds.get("MutatingAdmissionPolicy", "") == version
    assert kinds["MutatingWebhookConfiguration"] == "admissionregistration.k8s.io/v1"


def test_what_is_not_served_is_not_asked_for() -> None:
    few = {"v1": {"Namespace": "namespaces", "ConfigMap": "configmaps"}}
    api = FakeApi(apis=few).put(NAMESPACE)
    look(api, tls="cert-manager")
    assert (
        {"configmaps"}
        < set(lists(api))
        <= {
            "configmaps",
            "selfsubjectrulesreviews",
            "apis",
            "v1",
            NAME,
            "mutatingwebhookconfigurations",
            "certificaterequests",
        }
    )


def test_what_the_role_has_made_in_the_order_of_its_removal() -> None:
    others = [plain("ConfigMap", "kube-root-ca.crt", NAME), secret_of("of-somebody", {})]
    found = look(FakeApi().put(*reversed(OWN), *others, own("Service", namespace="apps")))
    assert [(part["kind"], part["metadata"]["name"]) for part in found.owned] == [
        ("MutatingWebhookConfiguration", CLUSTER_NAME),
        ("ClusterRole", CLUSTER_NAME),
        ("ConfigMap", POLICY_PARAMETERS),
        ("Deployment", NAME),
        ("ServiceAccount", PROBE),
        ("Secret", "of-somebody"),
        ("Secret", AUTHORITY),
    ]
    assert found.deployment["metadata"]["name"] == NAME
    assert found.parameters == {"a": "b"}
    assert found.secrets[AUTHORITY]["data"] == {"tls.crt": "x"}
    assert (found.has_probe, found.has_policy, found.stands) == (True, False, False)
    assert len(found.live_webhooks) == 2


def test_the_probe_s_configuration_is_the_role_s() -> None:
    probing = {**called(), "metadata": {"name": PROBE_CONFIGURATION}}
    found = look(FakeApi().put(probing))
    assert (found.foreign, found.live_webhooks, len(found.owned)) == ([], [], 1)


@pytest.mark.parametrize(
    ("kinds", "stands", "has_policy"),
    [
        (["MutatingAdmissionPolicy"], True, False),
        (["MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding"], True, True),
        (["MutatingAdmissionPolicyBinding"], False, False),
    ],
)
def test_a_policy_that_is_bound(kinds: list[str], stands: bool, has_policy: bool) -> None:
    made = [
        {**own(kind, POLICY, "policy", namespace=""), "apiVersion": "admissionregistration.k8s.io/v1beta1"}
        for kind in kinds
    ]
    found = look(FakeApi().put(*made))
    assert (found.stands, found.has_policy) == (stands, has_policy)


def test_in_a_namespace_of_others_nothing_is_looked_at() -> None:
    api = FakeApi().put(plain("Namespace", NAME), secret_of("of-somebody", {}))
    assert look(api).owned == []
    assert "secrets" not in lists(api)


def test_of_what_every_cluster_has_many_the_role_s_is_asked_for_alone() -> None:
    api = FakeApi().put(*OWN)
    look(api)
    asked = {request.path.rpartition("/")[2]: request.query for request in api.asked}
    assert asked["namespaces"] == {"labelSelector": SELECTOR}
    only = {"fieldSelector": f"metadata.name={CLUSTER_NAME}"}
    assert (asked["clusterroles"], asked["clusterrolebindings"]) == (only, only)
    assert asked["deployments"] == asked["secrets"] == {}  # what may have lost its labels


def nobody_s(manifest: Json) -> Json:
    """Return an object of the role from which somebody has removed the labels."""
    metadata = {name: value for name, value in manifest["metadata"].items() if name != "labels"}
    return {**manifest, "metadata": metadata}


def test_what_has_lost_its_labels_is_the_role_s_by_its_name() -> None:
    policies = [
        {**own(kind, POLICY, "policy", namespace=""), "apiVersion": "admissionregistration.k8s.io/v1beta1"}
        for kind in ("MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding")
    ]
    there = [*OWN, *policies]
    others = [
        plain("ServiceAccount", "default", NAME),
        plain("ConfigMap", "kube-root-ca.crt", NAME),
        plain("Deployment", NAME, "apps", "apps/v1"),
        plain("MutatingAdmissionPolicy", "of-somebody", version="admissionregistration.k8s.io/v1beta1"),
        plain("ClusterRole", "view", version="rbac.authorization.k8s.io/v1"),
    ]
    stripped = [NAMESPACE, *map(nobody_s, there[1:])]
    labelled, bare = (look(FakeApi().put(*objects, *others)) for objects in (there, stripped))
    found, known = (
        [(manifest["kind"], manifest["metadata"]["name"]) for manifest in observation.owned]
        for observation in (bare, labelled)
    )
    assert found == known
    assert len(found) == len(there) - 1
    assert (bare.has_policy, bare.has_probe, bool(bare.deployment)) == (True, True, True)
    assert bare.parameters == {"a": "b"}


GIVEN = secret_of("webhook", {"tls.crt": "x"})
GIVEN["metadata"]["namespace"] = "certs"
PULL = secret_of("pull", {}, "kubernetes.io/dockerconfigjson")
PULL["metadata"]["namespace"] = "apps"
NODES = [plain("Node", "a"), plain("Node", "b")]


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"host_network": True}, "/api/v1/nodes"),
        ({"priority_class": "infra"}, "/apis/scheduling.k8s.io/v1/priorityclasses/infra"),
        ({"tls": "secret", "tls_secret": "certs/webhook"}, "/api/v1/namespaces/certs/secrets/webhook"),
        ({"pull_secret": "apps/pull"}, "/api/v1/namespaces/apps/secrets/pull"),
        ({"tls": "cert-manager"}, f"/apis/cert-manager.io/v1/namespaces/{NAME}/certificaterequests"),
    ],
)
def test_what_is_read_for_an_option_of_the_webhook_alone(given: Json, path: str) -> None:
    def asks(*, all_of_it: bool = True, **changed: object) -> bool:
        api = FakeApi().put(NAMESPACE)
        look(api, all_of_it=all_of_it, **{**given, **changed})
        return path in [request.path for request in api.asked]

    assert asks()
    assert not asks(mode="policy")
    assert not asks(mode="none")
    assert not asks(all_of_it=False)  # a diagnosis does without


def test_what_was_read_for_options() -> None:
    api = FakeApi().put(NAMESPACE, GIVEN, PULL, *NODES)
    given: Json = {"tls": "secret", "tls_secret": "certs/webhook", "pull_secret": "apps/pull"}
    found = look(api, host_network=True, priority_class="infra", **given)
    assert (found.nodes, found.priority_class_exists) == (2, False)
    assert found.given_secret is not None
    assert found.pull_secret is not None
    assert (found.given_secret["data"], found.pull_secret["type"]) == ({"tls.crt": "x"}, PULL["type"])
    assert look(api, priority_class="system-node-critical").priority_class_exists
    assert look(api, tls="secret", tls_secret="certs/other").given_secret is None  # noqa: S106 -- a name


def test_what_cert_manager_was_asked_for() -> None:
    there = apis()
    request = plain("CertificateRequest", "x", NAME, "cert-manager.io/v1", status={"conditions": []})
    api = FakeApi(apis=there).put(NAMESPACE, own("Certificate", part="cert_manager"), request)
    found = look(api, tls="cert-manager")
    assert found.issued["metadata"]["name"] == NAME
    assert [part["metadata"]["name"] for part in found.asked] == [NAME, "x"]


def deployment(name: str, labels: Json) -> Json:
    spec = {"template": {"metadata": {"labels": labels}}}
    return plain("Deployment", name, "eks", "apps/v1", spec=spec)


@pytest.mark.parametrize(
    ("objects", "adopted"),
    [
        ([foreign()], ["eks"]),
        (
            [foreign(), SERVICE, deployment("a", {"app": "eks", "tier": "x"}), deployment("b", {"app": "other"})],
            ["eks", "pod-identity-webhook", "a"],
        ),
        # A service without a selector leads to no pods of a Deployment.
        ([foreign(), {**SERVICE, "spec": {}}, deployment("a", {"app": "eks"})], ["eks", "pod-identity-webhook"]),
        ([foreign({"url": "https://127.0.0.1/"}), SERVICE], ["eks"]),
    ],
)
def test_what_is_behind_a_webhook_whose_place_is_taken(objects: list[Json], adopted: list[str]) -> None:
    api = FakeApi().put(NAMESPACE, *objects)
    found = look(api, adopt=True).adopted
    assert [part["metadata"]["name"] for part in found] == adopted
    assert all(part["kind"] and part["apiVersion"] for part in found)
    assert list(look(api).adopted) == []
    assert list(look(api, adopt=True, mode="foreign").adopted) == []


SECRETS = ("GET", f"/api/v1/namespaces/{NAME}/secrets")


def test_what_a_diagnosis_may_not_read_is_named() -> None:
    api = FakeApi(forbidden={SECRETS}).put(*OWN)
    found = look(api, all_of_it=False)
    assert (list(found.unreadable), found.secrets) == (["Secret"], {})
    assert found.deployment
    with pytest.raises(ApiError, match="403"):
        look(api)


def test_a_diagnosis_knows_what_the_policy_reads_in_a_namespace_that_has_lost_its_label() -> None:
    assert OWN[0] == NAMESPACE
    api = FakeApi().put(*OWN[1:], {**NAMESPACE, "metadata": {"name": NAME}})
    found = look(api, all_of_it=False)
    assert (found.parameters, found.deployment, found.has_probe) == ({"a": "b"}, {}, False)
    assert look(api).parameters == {}  # a run refuses the namespace, which may be somebody else's


def test_what_runs() -> None:
    ended = plain("Pod", "b", "apps", status={"phase": "Succeeded"})
    pods = [plain("Pod", "a", "apps", status={"phase": "Running"}), ended]
    daemons = plain("DaemonSet", "d", "apps", "apps/v1")
    api = FakeApi().put(*OWN, *pods, daemons, plain("ServiceAccount", "reports", "apps"))
    running = look_at_running(api, seen(apis=APIS), workloads=True).running
    assert [(pod["kind"], pod["metadata"]["name"]) for pod in running.pods] == [("Pod", "a")]
    assert [account["metadata"]["name"] for account in running.service_accounts] == ["reports", PROBE]
    assert [namespace["metadata"]["name"] for namespace in running.namespaces] == [NAME]
    assert [(workload["kind"], workload["metadata"]["name"]) for workload in running.workloads] == [
        ("DaemonSet", "d"),
        ("Deployment", NAME),
    ]
    api.asked.clear()
    assert look_at_running(api, seen(), workloads=False).running.workloads == []
    assert sorted(request.path.rpartition("/")[2] for request in api.asked) == ["namespaces", "pods", "serviceaccounts"]
