# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._injection.foreign import foreign
from ansible_collections.onprem.irsa.plugins.module_utils._injection.image import image
from ansible_collections.onprem.irsa.plugins.module_utils._injection.missed import missed
from ansible_collections.onprem.irsa.plugins.module_utils._injection.permissions import missing_permissions
from ansible_collections.onprem.irsa.plugins.module_utils._injection.pod import Account
from ansible_collections.onprem.irsa.plugins.module_utils._injection.problems import input_problems, problems
from ansible_collections.onprem.irsa.plugins.module_utils._injection.workloads import (
    is_rolled_out,
    superseded,
    workload_pod,
)

Json = dict[str, t.Any]
UPSTREAM = "amazon/amazon-eks-pod-identity-webhook"
DIGEST = "sha256:" + 64 * "a"


@pytest.mark.parametrize(
    ("reference", "versions"),
    [
        (f"{UPSTREAM}:v0.6.17", ["v1beta1"]),
        (f"{UPSTREAM}:0.5.7", ["v1beta1"]),
        (f"{UPSTREAM}:v0.6.18", ["v1", "v1beta1"]),
        (f"{UPSTREAM}:v0.10.0@{DIGEST}", ["v1", "v1beta1"]),
        (f"{UPSTREAM}:latest", ["v1beta1"]),
        (f"{UPSTREAM}@{DIGEST}", ["v1beta1"]),
        (f"registry:5000/{UPSTREAM}:v1.0.0", ["v1", "v1beta1"]),
    ],
)
def test_reviews_by_the_version(reference: str, versions: list[str]) -> None:
    assert image(reference).review_versions == versions


@pytest.mark.parametrize(
    ("reference", "taken"),
    [
        (f"{UPSTREAM}:v1", f"mirror.example.com/hub/{UPSTREAM}:v1"),
        ("public.ecr.aws/eks/webhook:v1", "mirror.example.com/hub/eks/webhook:v1"),
        ("localhost/webhook:v1", "mirror.example.com/hub/webhook:v1"),
        ("registry:5000/webhook:v1", "mirror.example.com/hub/webhook:v1"),
        ("webhook:v1", "mirror.example.com/hub/webhook:v1"),
    ],
)
def test_a_mirror_takes_the_place_of_the_registry(reference: str, taken: str) -> None:
    assert image(reference, "mirror.example.com/hub/").reference == taken
    assert image(reference).reference == reference


def configuration(name: str, hook: str, client: Json, **metadata: object) -> Json:
    return {"metadata": {"name": name, **metadata}, "webhooks": [{"name": hook, "clientConfig": client}]}


def service(name: str) -> Json:
    return {"service": {"namespace": "kube-system", "name": name}}


def test_webhooks_of_others() -> None:
    release = {"annotations": {"meta.helm.sh/release-name": "irsa"}}
    found = foreign(
        [
            configuration("own", "pod-identity-webhook.amazonaws.com", service("pod-identity-webhook")),
            configuration("upstream", "pod-identity-webhook.amazonaws.com", service("pod-identity-webhook")),
            configuration("chart", "x", service("irsa-amazon-eks-pod-identity-webhook"), **release),
            configuration("eks", "iam-for-pods.amazonaws.com", {"url": "https://127.0.0.1:23443/mutate"}),
            configuration("azure", "mutation.azure-workload-identity.io", service("azure-wi-webhook-webhook-service")),
            configuration("alibaba", "ack.example.com", service("ack-pod-identity-webhook")),
            {"metadata": {"name": "empty"}},
        ],
        ["own"],
    )
    assert [(one["name"], one["namespace"], one["service"], one["release"]) for one in found] == [
        ("upstream", "kube-system", "pod-identity-webhook", ""),
        ("chart", "kube-system", "irsa-amazon-eks-pod-identity-webhook", "irsa"),
        ("eks", "", "", ""),
    ]


def test_other_webhooks_in_the_configuration_of_one_are_named() -> None:
    several = configuration("several", "iam-for-pods.amazonaws.com", {})
    several["webhooks"].append({"name": "sidecar.example.com", "clientConfig": service("sidecar")})
    assert [one["others"] for one in foreign([several], [])] == [["sidecar.example.com"]]


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
    "host_network": False,
    "port": 8443,
    "metrics_port": 9999,
    "restart_missed": False,
    "service_monitor": False,
    "prometheus_rule": False,
    "adopt": False,
    "set_flags": False,
}
ALL = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
OTHER = [{"name": "other", "namespace": "default", "service": "pod-identity-webhook", "others": [], "release": ""}]
POLICIES: Json = {"admissionregistration.k8s.io/v1beta1": {"MutatingAdmissionPolicy": {"name": "policies"}}}
SEEN: Json = {
    "foreign": [],
    "namespace_owner": None,
    "other_namespaces": [],
    "pull_secret_type": "",
    "nodes": 1,
    "apis": POLICIES,
    "minor": "1.34",
    "rules": {"resourceRules": [ALL]},
    "makes": [],
    "takes_away": [],
}


@pytest.mark.parametrize("given", [{"region": ""}, {"region": "here", "mode": "none"}])
def test_regions_that_no_pod_is_given(given: Json) -> None:
    assert list(input_problems({**GIVEN, **given})) == []


@pytest.mark.parametrize("mode", ["webhook", "policy", "none"])
def test_nothing_stands_in_the_way(mode: str) -> None:
    assert list(input_problems({**GIVEN, "mode": mode})) == []
    assert problems({**GIVEN, "mode": mode}, SEEN) == []
    assert problems({**GIVEN, "mode": mode}, {**SEEN, "namespace_owner": "onprem.irsa"}) == []


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
    assert all(words in found for words in says)


@pytest.mark.parametrize(
    ("given", "seen", "says"),
    [
        ({"tls": "cert-manager"}, {}, ["Certificate", "Install it"]),
        ({"service_monitor": True}, {}, ["ServiceMonitor", "monitoring.coreos.com"]),
        ({"prometheus_rule": True}, {}, ["PrometheusRule"]),
        ({"host_network": True}, {}, ["the one node.", "irsa_webhook_replicas to 1"]),
        ({"host_network": True, "replicas": 3}, {"nodes": 2}, ["each of the 2 nodes.", "irsa_webhook_replicas to 2"]),
        ({}, {"foreign": OTHER}, ["other", "irsa_webhook_adopt", "foreign"]),
        ({"mode": "policy"}, {"foreign": OTHER}, ["other", "irsa_webhook_adopt"]),
        ({"mode": "foreign"}, {}, ["no other", "Install one"]),
        ({}, {"namespace_owner": ""}, ["not made by this role"]),
        ({}, {"other_namespaces": ["before"]}, ["irsa_webhook_namespace: before", "irsa_webhook_mode=none"]),
        ({"mode": "none"}, {"other_namespaces": ["before"]}, ["irsa_webhook_namespace: before"]),
        ({"pull_secret": "apps/pull"}, {}, ["apps/pull", "does not exist", "create secret docker-registry"]),
        ({"pull_secret": "a/b"}, {"pull_secret_type": "Opaque"}, ["of the type Opaque", "dockerconfigjson"]),
        ({"priority_class": "infra"}, {"priority_class_exists": False}, ["irsa_webhook_priority_class is infra, but"]),
        ({"mode": "policy"}, {"apis": {}}, ["--feature-gates=MutatingAdmissionPolicy=true", "irsa_webhook_set_flags"]),
        ({"mode": "policy"}, {"apis": {}}, ["--runtime-config=admissionregistration.k8s.io/v1beta1=true"]),
        ({}, {"minor": "1.29"}, ["Kubernetes 1.29", "1.30 or newer", "mode to none"]),
        *(
            (
                {"adopt": adopt},
                {"foreign": [{**OTHER[0], "others": ["sidecar.example.com"]}]},
                ["other injects pods already", "sidecar.example.com", "by hand"],
            )
            for adopt in (True, False)
        ),
        ({"mode": "policy", "set_flags": True}, {"apis": {}, "minor": "1.31"}, ["1.31", "1.32", "Upgrade"]),
    ],
)
def test_what_is_wrong_is_named_with_its_fix(given: Json, seen: Json, says: list[str]) -> None:
    found = problems({**GIVEN, **given}, {**SEEN, **seen})
    assert len(found) == 1
    assert [word for word in says if word not in found[0]] == []


def test_everything_wrong_is_said_at_once() -> None:
    assert len(list(input_problems({**GIVEN, "image": "x", "replicas": 0}))) == 2
    assert len(problems({**GIVEN, "service_monitor": True}, {**SEEN, "foreign": OTHER})) == 2


def test_what_was_asked_for() -> None:
    assert problems({**GIVEN, "adopt": True}, {**SEEN, "foreign": OTHER}) == []
    assert problems({**GIVEN, "mode": "foreign"}, {**SEEN, "foreign": OTHER}) == []
    assert problems({**GIVEN, "mode": "policy", "set_flags": True}, {**SEEN, "apis": {}}) == []
    assert list(input_problems({**GIVEN, "mode": "none", "image": "x"})) == []
    assert problems({**GIVEN, "host_network": True, "replicas": 1}, SEEN) == []


CORE: Json = {
    "v1": {
        "Namespace": {"name": "namespaces"},
        "Pod": {"name": "pods"},
        "Secret": {"name": "secrets"},
        "Service": {"name": "services"},
        "ServiceAccount": {"name": "serviceaccounts"},
        "Node": {"name": "nodes"},
    },
    "apps/v1": {
        "DaemonSet": {"name": "daemonsets"},
        "Deployment": {"name": "deployments"},
        "StatefulSet": {"name": "statefulsets"},
    },
    "admissionregistration.k8s.io/v1": {"MutatingWebhookConfiguration": {"name": "mutatingwebhookconfigurations"}},
    "rbac.authorization.k8s.io/v1": {"ClusterRoleBinding": {"name": "clusterrolebindings"}},
    **POLICIES,
}
READING = {"verbs": ["get", "list", "watch"], "apiGroups": ["*"], "resources": ["*"]}
TRYING = {"verbs": ["create", "patch"], "apiGroups": [""], "resources": ["pods"]}


def refused(rules: list[Json], given: Json, **seen: object) -> str:
    """Return what the user may not do, without the sentence around it."""
    found = missing_permissions({**GIVEN, **given}, {**SEEN, "apis": CORE, "rules": {"resourceRules": rules}, **seen})
    return "".join(line.removeprefix("The user of the kubeconfig may not ").partition(". Use")[0] for line in found)


def kind(version: str, name: str) -> Json:
    return {"apiVersion": version, "kind": name, "metadata": {"name": "x"}}


BINDING = kind("rbac.authorization.k8s.io/v1", "ClusterRoleBinding")


def test_missing_permissions() -> None:
    (found,) = problems(GIVEN, {**SEEN, "apis": CORE, "rules": {"resourceRules": [READING]}, "makes": [BINDING]})
    assert found == (
        "The user of the kubeconfig may not create, patch clusterrolebindings (rbac.authorization.k8s.io); "
        "create, patch pods. Use a cluster administrator's, or grant it that."
    )
    assert problems(GIVEN, {**SEEN, "rules": {"resourceRules": [], "incomplete": True}}) == []


def test_a_right_on_one_object_is_none_on_its_kind() -> None:
    one = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["clusterrolebindings"], "resourceNames": ["x"]}
    rules = [READING, TRYING, one]
    assert refused(rules, {}, makes=[BINDING]).startswith("create, patch clusterrolebindings")
    assert refused([READING, TRYING, {**one, "resourceNames": []}], {}, makes=[BINDING]) == ""


def test_what_is_taken_away_is_removed_where_the_role_was_before() -> None:
    rules, away = [READING, TRYING], [kind("admissionregistration.k8s.io/v1beta1", "MutatingAdmissionPolicy")]
    # The first run asks for what the second one needs, too.
    assert refused(rules, {}, takes_away=away) == "delete policies (admissionregistration.k8s.io)"
    assert refused(rules, {"mode": "none"}, takes_away=away) == ""  # nothing is there
    gone = refused(rules, {"mode": "none"}, takes_away=away, namespace_owner="onprem.irsa")
    assert gone == "delete policies (admissionregistration.k8s.io); delete pods"


def test_what_is_not_served_needs_no_rights() -> None:
    assert refused([READING, TRYING], {}, makes=[kind("monitoring.coreos.com/v1", "ServiceMonitor")]) == ""


@pytest.mark.parametrize(
    ("given", "seen", "missing"),
    [
        ({"mode": "none"}, {}, "list namespaces; list mutatingwebhookconfigurations (admissionregistration.k8s.io)"),
        ({"mode": "policy"}, {}, "list serviceaccounts"),
        ({}, {}, "get, list, watch serviceaccounts; list secrets"),
        ({"host_network": True}, {}, "list nodes"),
        ({"restart_missed": True}, {}, "get, list, patch deployments (apps)"),
        ({"adopt": True}, {"foreign": OTHER}, "get, delete services; list, delete deployments (apps)"),
    ],
)
def test_what_the_role_looks_at(given: Json, seen: Json, missing: str) -> None:
    assert missing in refused([], given, **seen)


@pytest.mark.parametrize(("mode", "tried"), [("webhook", True), ("policy", True), ("foreign", False), ("none", False)])
def test_who_may_not_try_a_pod(mode: str, tried: bool) -> None:
    assert refused([READING], {"mode": mode}) == ("create, patch pods" if tried else "")


def pod(name: str = "p", metadata: Json | None = None, spec: Json | None = None, phase: str = "Running") -> Json:
    return {
        "metadata": {"namespace": "apps", "name": name, **(metadata or {})},
        "spec": {"serviceAccountName": "reports", "containers": [{"name": "app"}], **(spec or {})},
        "status": {"phase": phase},
    }


def owned(kind: str, name: str, version: str = "apps/v1", **labels: str) -> Json:
    controller = {"apiVersion": version, "kind": kind, "name": name, "controller": True}
    return {
        "ownerReferences": [{"apiVersion": "v1", "kind": "Other", "name": "x"}, controller],
        "labels": labels,
    }


WITH_ROLE = {"apps/reports"}


def left(found: Json) -> list[str]:
    return [f"{one['namespace']}/{one['name']}" for one in found["left"]]


def test_a_pod_that_was_missed() -> None:
    found = missed([pod()], WITH_ROLE)
    assert found["pods"] == [{"namespace": "apps", "name": "p", "service_account": "reports", "owner": ""}]
    assert (found["owners"], left(found)) == ([], ["apps/p"])


@pytest.mark.parametrize(
    "one",
    [
        pod(spec={"serviceAccountName": "other"}),
        pod(spec={"containers": [{"name": "app", "env": [{"name": "AWS_ROLE_ARN"}]}]}),
        # A sidecar that another webhook has added after the injection.
        pod(
            spec={
                "containers": [{"name": "app", "env": [{"name": "AWS_ROLE_ARN"}]}, {"name": "proxy"}],
                "volumes": [{"name": "aws-iam-token"}],
            }
        ),
        pod(metadata={"labels": {"eks.amazonaws.com/skip-pod-identity-webhook": ""}}),
        pod(metadata={"annotations": {"eks.amazonaws.com/skip-containers": "app"}}),
        pod(metadata={"annotations": {"kubernetes.io/config.mirror": "x"}}),
        pod(metadata={"deletionTimestamp": "now"}),
        pod(metadata={"namespace": "kube-system"}),
        pod(phase="Succeeded"),
    ],
)
def test_a_pod_that_was_not(one: Json) -> None:
    with_role = {"apps/reports", "kube-system/reports"}
    assert missed([one], with_role, ["kube-system"]) == {"pods": [], "owners": [], "left": []}


def test_owners_are_restarted_once() -> None:
    found = missed(
        [
            pod("a", metadata=owned("ReplicaSet", "web-5d4f", **{"pod-template-hash": "5d4f"})),
            pod("b", metadata=owned("ReplicaSet", "web-5d4f", **{"pod-template-hash": "5d4f"})),
            pod("c", metadata=owned("StatefulSet", "db")),
            pod("d", metadata=owned("ReplicaSet", "bare")),
            pod("e", metadata=owned("Job", "once", "batch/v1")),
        ],
        WITH_ROLE,
    )
    assert [one["owner"] for one in found["pods"]] == [
        "Deployment/web",
        "Deployment/web",
        "StatefulSet/db",
        "ReplicaSet/bare",
        "Job/once",
    ]
    assert found["owners"] == [
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"namespace": "apps", "name": "web"}},
        {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"namespace": "apps", "name": "db"}},
    ]
    assert left(found) == ["apps/d", "apps/e"]


@pytest.mark.parametrize(("kind", "name"), [("StatefulSet", "db"), ("ReplicaSet", "db-5d4f")])
def test_a_kind_of_the_same_name_in_another_api_is_not_restarted(kind: str, name: str) -> None:
    owner = owned(kind, name, "apps.kruise.io/v1beta1", **{"pod-template-hash": "5d4f"})
    found = missed([pod("a", metadata=owner)], WITH_ROLE)
    assert (found["owners"], left(found)) == ([], ["apps/a"])
    assert found["pods"][0]["owner"] == f"{kind}/{name}"


def test_what_keeps_its_pods_is_not_restarted() -> None:
    def workload(kind: str, name: str, **spec: object) -> Json:
        return {"kind": kind, "metadata": {"namespace": "apps", "name": name}, "spec": spec}

    found = missed(
        [
            pod("a", metadata=owned("ReplicaSet", "web-5d4f", **{"pod-template-hash": "5d4f"})),
            pod("b", metadata=owned("StatefulSet", "db")),
            pod("c", metadata=owned("DaemonSet", "agent")),
            pod("d", metadata=owned("StatefulSet", "queue")),
            pod("e", metadata=owned("StatefulSet", "cache")),
        ],
        WITH_ROLE,
        workloads=[
            workload("Deployment", "web", paused=True),
            workload("StatefulSet", "db", updateStrategy={"type": "OnDelete"}),
            workload("DaemonSet", "agent", updateStrategy={"type": "RollingUpdate"}),
            workload("StatefulSet", "queue", updateStrategy={"rollingUpdate": {"partition": 1}}),
            workload("StatefulSet", "cache", updateStrategy={"rollingUpdate": {"partition": 0}}),
            workload("DaemonSet", "web", updateStrategy={"type": "OnDelete"}),
        ],
    )
    assert [one["metadata"]["name"] for one in found["owners"]] == ["agent", "cache"]
    assert left(found) == ["apps/a", "apps/b", "apps/d"]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"result": {"spec": {"volumes": [{"name": "aws-iam-token"}]}}}, ""),
        ({"result": {"spec": {"volumes": []}}}, "a new pod would not be injected either"),
        ({"msg": 'b\'{"message":"pods \\"p\\" is forbidden","reason":"x"}\''}, 'refused: pods "p" is forbidden'),
        ({"msg": 'b\'{"message":"exceeded quota: pods=1","reason":"x"}\''}, ""),  # the old pod makes room for it
        ({"result": {}}, "refused: no reason is known"),  # a conflict, of which the module k8s warns only
    ],
)
def test_what_a_restart_would_not_help_is_not_restarted(answer: Json, reason: str) -> None:
    item = {"kind": "StatefulSet", "metadata": {"namespace": "apps", "name": "db"}}
    pods = [pod("a", metadata=owned("StatefulSet", "db")), pod("b", metadata=owned("DaemonSet", "db"))]
    found = missed(pods, WITH_ROLE, trials=[{"item": item, **answer}])
    assert [one["kind"] for one in found["owners"]] == (["DaemonSet"] if reason else ["StatefulSet", "DaemonSet"])
    assert left(found) == (["apps/a"] if reason else [])
    assert all(one["reason"].endswith(reason) for one in found["left"])


ARN = "arn:aws:iam::123456789012:role/reports"


def account(**annotations: str) -> Json:
    return {"metadata": {"namespace": "apps", "name": "reports", "annotations": annotations}}


def named(name: str) -> Json:
    return {"metadata": {"namespace": "apps", "name": name}}


RIGHT = {"eks.amazonaws.com/role-arn": ARN}
ROLE: Json = {"state": "present", "arn": ARN, "service_accounts": ["jobs/reports"], "audiences": ["sts.amazonaws.com"]}
BY_HAND = [
    {"name": "AWS_ROLE_ARN", "value": ARN},
    {"name": "AWS_WEB_IDENTITY_TOKEN_FILE", "value": "/own/token"},
]
OWN_TOKEN = {"name": "own", "projected": {"sources": [{"serviceAccountToken": {"path": "token", "audience": "x"}}]}}


@pytest.mark.parametrize(
    ("one", "cluster", "says"),
    [
        (pod(metadata={"annotations": RIGHT}), {}, "role-arn is on the pod"),
        (pod(metadata={"annotations": {"eks.amazonaws.com/rolearn": ARN}}), {}, "rolearn is on the pod"),
        (
            pod(metadata=owned("StatefulSet", "db")),
            {
                "workloads": [
                    {"kind": "StatefulSet", "metadata": {"namespace": "apps", "name": "db", "annotations": RIGHT}}
                ]
            },
            "is on StatefulSet/db",
        ),
        (pod(), {"namespaces": [{"metadata": {"name": "apps", "annotations": RIGHT}}]}, "is on the namespace apps"),
        (pod(), {"service_accounts": [account(**{"eks.amazonaws.com/role-arn": ""})]}, "role-arn: ''; it must be"),
        (pod(), {"service_accounts": [account(**{"eks.amazonaws.com/role_arn": ARN})]}, "role_arn"),
        (pod(), {"service_accounts": [account()], "roles": [ROLE]}, "jobs/reports, which does not exist"),
        (
            pod(spec={"serviceAccountName": "report"}),
            {"service_accounts": [named("report")], "roles": [{**ROLE, "service_accounts": ["apps/reports"]}]},
            "apps/reports, which does not exist",
        ),
        (
            pod(spec={"serviceAccountName": "billing"}),
            {"service_accounts": [named("billing")], "roles": [{**ROLE, "service_accounts": ["apps/reports"]}]},
            "",
        ),
        (
            pod(),
            {"service_accounts": [account()], "roles": [{**ROLE, "service_accounts": ["apps/reports"]}]},
            "has no annotation eks.amazonaws.com/role-arn",
        ),
        # It names no service account, where one of its name has the role.
        (
            pod("reports-0", spec={"serviceAccountName": "default"}),
            {"service_accounts": [account(**RIGHT)]},
            "set serviceAccountName",
        ),
        (
            pod(metadata=owned("Job", "reports-29012345", "batch/v1"), spec={"serviceAccountName": "default"}),
            {"service_accounts": [named("x")], "roles": [{**ROLE, "service_accounts": ["apps/reports"]}]},
            "set serviceAccountName",
        ),
        (pod("reports-web", spec={"serviceAccountName": "default"}), {"service_accounts": [account(**RIGHT)]}, ""),
        (
            pod(spec={"serviceAccountName": "default"}),
            {"service_accounts": [account()], "roles": [{**ROLE, "service_accounts": ["jobs/default"]}]},
            "",
        ),
        (pod(), {"service_accounts": [account()], "roles": [{**ROLE, "state": "absent"}]}, ""),
        (pod(), {"service_accounts": [account()], "roles": [{**ROLE, "service_accounts": ["jobs/*"]}]}, ""),
        (pod(), {}, ""),
        # Somebody has seen to it by hand.
        (
            pod(
                metadata={"annotations": RIGHT},
                spec={
                    "containers": [
                        {"name": "app", "env": BY_HAND, "volumeMounts": [{"name": "own", "mountPath": "/own"}]}
                    ],
                    "volumes": [OWN_TOKEN],
                },
            ),
            {},
            "",
        ),
        (pod(metadata={"annotations": RIGHT, "namespace": "kube-system"}), {}, ""),
    ],
)
def test_a_pod_whose_owner_wanted_a_role_is_named_with_where_that_belongs(one: Json, cluster: Json, says: str) -> None:
    workloads = [{**found, "spec": {}} for found in cluster.pop("workloads", [])]
    found = missed([one], {"apps/other"}, ["kube-system"], workloads, **cluster)
    assert [says in row["reason"] for row in found["pods"]] == ([True] if says else [])
    assert found["owners"] == []
    assert found["left"] == found["pods"]


def test_only_what_a_new_pod_would_not_have_again_is_restarted() -> None:
    mounted = [{"name": "aws-iam-token", "mountPath": "/own"}]
    token = {**OWN_TOKEN, "name": "aws-iam-token"}
    containers = [{"name": "app", "env": BY_HAND, "volumeMounts": mounted}]
    other_audience = pod("a", owned("StatefulSet", "a"), {"containers": containers, "volumes": [token]})
    no_token = pod(
        "b",
        owned("StatefulSet", "b"),
        {"containers": containers, "volumes": [{"name": "aws-iam-token", "emptyDir": {}}]},
    )
    found = missed([other_audience, no_token], WITH_ROLE, audiences=["sts.amazonaws.com"])
    assert [one["metadata"]["name"] for one in found["owners"]] == ["a"]
    assert left(found) == ["apps/b"]
    assert "audience x" in found["pods"][0]["reason"]
    assert missed([other_audience], WITH_ROLE, audiences=["sts.amazonaws.com", "x"])["pods"] == []
    assert "audience x" in missed([other_audience], WITH_ROLE)["pods"][0]["reason"]
    own = {"apps/reports": Account(ARN, "x", regional_sts=True, expiration=86400)}
    assert missed([other_audience], own)["pods"] == []


def test_why_a_new_pod_would_have_no_role_either() -> None:
    item = {"kind": "StatefulSet", "metadata": {"namespace": "apps", "name": "db"}}
    admitted = {"spec": {"containers": [{"name": "app", "env": BY_HAND}], "volumes": []}}
    found = missed([pod("a", owned("StatefulSet", "db"))], WITH_ROLE, trials=[{"item": item, "result": admitted}])
    assert "nothing is mounted at /own/token" in found["left"][0]["reason"]


def of_webhook(name: str, template: str, *, ends: bool = False, phase: str = "Running") -> Json:
    metadata: Json = {"name": name, "labels": {"pod-template-hash": template}}
    return {"metadata": {**metadata, "deletionTimestamp": "now"} if ends else metadata, "status": {"phase": phase}}


@pytest.mark.parametrize(
    ("pods", "names"),
    [
        ([], []),
        ([of_webhook("a", "new"), of_webhook("b", "new")], []),
        ([of_webhook("a", "new"), of_webhook("b", "old", ends=True)], ["b"]),
        ([of_webhook("a", "new"), of_webhook("b", "new", ends=True)], []),  # moved to another node
        ([of_webhook("a", "new"), of_webhook("b", "old", ends=True, phase="Failed")], []),
        ([of_webhook("a", "new"), of_webhook("b", "old", phase="Failed")], []),  # evicted, which stays
        ([of_webhook("c", "old", ends=True), of_webhook("b", "older", ends=True), of_webhook("a", "new")], ["b", "c"]),
        ([of_webhook("a", "old", ends=True)], ["a"]),
    ],
)
def test_pods_of_another_template_answer_until_they_have_ended(pods: list[Json], names: list[str]) -> None:
    assert superseded(pods) == names


def test_a_pod_of_a_workload() -> None:
    spec = {"serviceAccountName": "reports", "containers": [], "volumes": [{"name": "data"}, {"name": "tmp"}]}
    template = {"metadata": {"labels": {"app": "db"}, "creationTimestamp": None}, "spec": spec}
    workload: Json = {"metadata": {"namespace": "apps", "name": "db"}, "spec": {"template": template}}
    metadata = {"namespace": "apps", "name": "trial", "labels": {"app": "db"}}
    made = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
    assert workload_pod(workload, "trial") == made
    workload["spec"]["volumeClaimTemplates"] = [{"metadata": {"name": "data"}}]
    claimed = {"name": "data", "persistentVolumeClaim": {"claimName": "data-db-0"}}
    assert workload_pod(workload, "trial")["spec"] == {**spec, "volumes": [{"name": "tmp"}, claimed]}


@pytest.mark.parametrize("restarts", [False, True])
def test_who_may_not_try_pods_of_what_is_restarted(restarts: bool) -> None:
    assert ("create pods" in refused([READING], {"mode": "foreign", "restart_missed": restarts})) is restarts


@pytest.mark.parametrize(
    ("kind", "status", "done"),
    [
        ("Deployment", {"replicas": 3, "updatedReplicas": 3, "availableReplicas": 3}, True),
        # One by one without a surge, before the first: as many are available as are wanted.
        ("Deployment", {"replicas": 3, "availableReplicas": 3}, False),
        ("Deployment", {"replicas": 4, "updatedReplicas": 3, "availableReplicas": 3}, False),
        ("Deployment", {"replicas": 3, "updatedReplicas": 3, "availableReplicas": 2}, False),
        ("Deployment", {"observedGeneration": 1, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 3}, False),
        ("Deployment", {}, False),
        ("StatefulSet", {"replicas": 3, "updatedReplicas": 1, "availableReplicas": 3}, False),
        ("StatefulSet", {"replicas": 3, "updatedReplicas": 3, "availableReplicas": 3}, True),
        ("DaemonSet", {"desiredNumberScheduled": 2, "numberAvailable": 2}, False),
        ("DaemonSet", {"desiredNumberScheduled": 2, "numberAvailable": 1, "updatedNumberScheduled": 2}, False),
        ("DaemonSet", {"desiredNumberScheduled": 2, "numberAvailable": 2, "updatedNumberScheduled": 2}, True),
    ],
)
def test_when_a_restart_is_over(kind: str, status: Json, done: bool) -> None:
    spec = {} if kind == "DaemonSet" else {"replicas": 3}
    workload = {
        "kind": kind,
        "metadata": {"generation": 2},
        "spec": spec,
        "status": {"observedGeneration": 2, **status},
    }
    assert is_rolled_out(workload) is done
