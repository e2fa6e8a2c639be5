# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The objects of the role, rendered by Ansible from its variables as its tasks render them."""

from __future__ import annotations

import json
import threading
import time
import typing as t

import pytest

from ..plugins.module_utils._api_server.test_observation import FLAGS, PATH, observed
from ..plugins.module_utils._flags.test_static_pod_flags import KUBEADM
from ..plugins.some_certificates import HOST, NOW, authority, encoded, leaf, pem, secret
from .cluster_of_files import Cluster
from .rendered import Json, rendered

if t.TYPE_CHECKING:
    from pathlib import Path

ARN = "arn:aws:iam::123456789012:role/prod-reports"
SERVED: Json = {
    "v1": {"ConfigMap": {}, "Secret": {}, "Service": {}, "ServiceAccount": {}},
    "admissionregistration.k8s.io/v1beta1": {"MutatingAdmissionPolicy": {}, "MutatingAdmissionPolicyBinding": {}},
}
# What the tasks register when they look at the cluster.
SEEN: Json = {
    "ansible_check_mode": False,
    "irsa_region": "eu-central-1",
    "__irsa_webhook_cluster": {"apis": SERVED, "version": {"server": {"kubernetes": {"gitVersion": "v1.34.4"}}}},
    "__irsa_webhook_found": {"resources": []},
    "__irsa_webhook_namespaces": {"resources": []},
    "__irsa_webhook_review": {"result": {"status": {}}},
    "__irsa_webhook_configurations": {"resources": []},
    "__irsa_webhook_secrets": {
        "resources": [
            {"metadata": {"name": "pod-identity-webhook-ca"}, "data": secret(authority(), 1)},
            {"metadata": {"name": "pod-identity-webhook-tls"}, "data": secret(leaf(), 11)},
        ]
    },
    "__irsa_webhook_tls_secrets": {"resources": [{"data": secret(leaf(), 11, authority())}]},
    "__irsa_webhook_pull_secrets": {"resources": [{"data": {".dockerconfigjson": "e30="}}]},
    "__irsa_webhook_accounts": {
        "resources": [
            {
                "kind": "ServiceAccount",
                "metadata": {
                    "namespace": "apps",
                    "name": "reports",
                    "annotations": {"eks.amazonaws.com/role-arn": ARN},
                },
            }
        ]
    },
    "__irsa_webhook_ca_made": {},
    "__irsa_webhook_tls_made": {},
    "__irsa_webhook_issued_secrets": {},
    "__irsa_webhook_now": f"{NOW:%Y-%m-%dT%H:%M:%SZ}",
    "__irsa_webhook_plan": {"kept": []},
}


def render(*names: str, **changed: object) -> Json:
    """Render variables of the role, with options set and the cluster changed."""
    return rendered("irsa_webhook", names, {**SEEN, **changed})


def test_the_webhook_by_default() -> None:
    found = render("__irsa_webhook_objects", "__irsa_webhook_requested", "__irsa_webhook_configuration")
    kinds = [one["kind"] for one in found["__irsa_webhook_objects"]]
    assert kinds == [
        "ServiceAccount",
        "ClusterRole",
        "ClusterRoleBinding",
        "Service",
        "PodDisruptionBudget",
        "Deployment",
    ]
    assert found["__irsa_webhook_requested"] == []
    deployment = found["__irsa_webhook_objects"][-1]["spec"]
    pod = deployment["template"]["spec"]
    container = pod["containers"][0]
    assert deployment["replicas"] == 2
    assert deployment["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert container["image"] == "amazon/amazon-eks-pod-identity-webhook:v0.6.17"
    assert "--service-account-lookup-grace-period=2000ms" in container["args"]
    assert "--port=8443" in container["args"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["priorityClassName"] == "system-cluster-critical"
    assert pod["topologySpreadConstraints"][0]["topologyKey"] == "kubernetes.io/hostname"
    assert pod["topologySpreadConstraints"][0]["matchLabelKeys"] == ["pod-template-hash"]
    assert "hostNetwork" not in pod
    webhook, again = found["__irsa_webhook_configuration"]["webhooks"]
    assert again.pop("matchConditions")[0]["expression"].startswith("!object.spec")
    assert again == {**webhook, "name": f"again.{webhook['name']}"}
    assert webhook["admissionReviewVersions"] == ["v1beta1"]
    assert (webhook["failurePolicy"], webhook["timeoutSeconds"]) == ("Ignore", 5)
    assert webhook["clientConfig"]["caBundle"] == encoded(authority())
    assert webhook["namespaceSelector"]["matchExpressions"] == [
        {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["pod-identity-webhook"]}
    ]


def test_a_pod_that_shows_whether_the_webhook_is_reached() -> None:
    found = render(
        "__irsa_webhook_probe_account",
        "__irsa_webhook_probe_pod",
        "__irsa_webhook_probe_configuration",
        "__irsa_webhook_configuration",
        "__irsa_webhook_foreign",
        __irsa_webhook_configurations={
            "resources": [
                {
                    "metadata": {"name": "onprem-irsa-pod-identity-probe"},
                    "webhooks": [{"clientConfig": {"service": {"name": "pod-identity-webhook"}}}],
                }
            ]
        },
    )
    pod, account = found["__irsa_webhook_probe_pod"], found["__irsa_webhook_probe_account"]
    assert pod["spec"]["serviceAccountName"] == account["metadata"]["name"]
    assert "eks.amazonaws.com/role-arn" in account["metadata"]["annotations"]
    (probing,) = found["__irsa_webhook_probe_configuration"]["webhooks"]
    calling, _again = found["__irsa_webhook_configuration"]["webhooks"]
    assert probing["failurePolicy"] == "Fail"
    assert probing["clientConfig"] == calling["clientConfig"]
    assert probing["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": pod["metadata"]["namespace"]}
    assert probing["objectSelector"]["matchLabels"] == pod["metadata"]["labels"]
    assert found["__irsa_webhook_foreign"] == []


REFUSED = 'b\'{"message":"failed calling webhook \\\\"probe.pod-identity-webhook.amazonaws.com\\\\": EOF"}\''


@pytest.mark.parametrize(
    ("failed", "cause", "says"),
    [
        ({"msg": REFUSED}, "unreached", REFUSED),
        ({"msg": 'failed calling webhook "validate.kyverno.svc-fail": EOF'}, "refused", "failed calling webhook"),
        ({"result": {"spec": {}}}, "ignored", "it was admitted without its role"),
    ],
)
def test_why_a_pod_that_is_tried_has_no_role(failed: Json, cause: str, says: str) -> None:
    results = [
        {"item": "https://10.0.0.1:6443", "failed": False},
        {"item": "https://10.0.0.2:6443", "failed": True, **failed},
    ]
    for found in ({"results": results, "failed": True, "msg": "One or more items failed"}, {"failed": True, **failed}):
        told = render("__irsa_webhook_probe_failure", ansible_failed_result=found)["__irsa_webhook_probe_failure"]
        where = "at https://10.0.0.2:6443 " if "results" in found else ""
        assert told["cause"] == cause
        assert told["said"].startswith(where + says), told


def test_roles_that_the_policy_knows_stay_where_they_are_not_told() -> None:
    known = {"resources": [{"data": {"audience": "a", "apps.helm": "arn:1"}}]}
    told = render("__irsa_webhook_policy_data", __irsa_webhook_parameters=known)["__irsa_webhook_policy_data"]
    assert told["apps.helm"] == "arn:1"
    made = render("__irsa_webhook_policy_data", __irsa_webhook_parameters=known, irsa_iam_made_roles=[])
    assert "apps.helm" not in made["__irsa_webhook_policy_data"]


def test_everything_on_request() -> None:
    found = render(
        "__irsa_webhook_objects",
        "__irsa_webhook_requested",
        "__irsa_webhook_takes_away",
        "__irsa_webhook_namespace_object",
        "__irsa_webhook_rules",
        "__irsa_webhook_copies",
        irsa_webhook_host_network=True,
        irsa_webhook_port=9443,
        irsa_webhook_image_mirror="registry.example.com",
        irsa_webhook_pull_secret="kube-system/pull",  # noqa: S106 -- a name
        irsa_webhook_network_policy=True,
        irsa_webhook_service_monitor=True,
        irsa_webhook_prometheus_rule=True,
        irsa_webhook_monitoring_labels={"release": 1},
        irsa_webhook_tls="secret",
        irsa_webhook_tls_secret="certs/webhook",  # noqa: S106 -- a name
    )
    labelled = [
        one["kind"] for one in found["__irsa_webhook_requested"] if one["metadata"]["labels"].get("release") == "1"
    ]
    assert labelled == ["ServiceMonitor", "PrometheusRule"]
    names = [(one["kind"], one["metadata"]["name"]) for one in found["__irsa_webhook_requested"]]
    assert names == [
        ("NetworkPolicy", "pod-identity-webhook"),
        ("Service", "pod-identity-webhook-metrics"),
        ("ServiceMonitor", "pod-identity-webhook"),
        ("PrometheusRule", "pod-identity-webhook"),
    ]
    network, metrics, monitor, rule = (one["spec"] for one in found["__irsa_webhook_requested"])
    deployment = found["__irsa_webhook_objects"][-1]["spec"]
    pod = deployment["template"]["spec"]
    labels = deployment["template"]["metadata"]["labels"]
    ports = {one["name"] for one in pod["containers"][0]["ports"]}
    assert network["podSelector"]["matchLabels"].items() <= labels.items()
    assert {one["port"] for one in network["ingress"][0]["ports"]} == ports
    assert metrics["selector"].items() <= labels.items()
    assert metrics["ports"][0]["targetPort"] in ports
    assert monitor["endpoints"][0]["port"] == metrics["ports"][0]["name"]
    by_label = found["__irsa_webhook_requested"][1]["metadata"]["labels"]
    assert monitor["selector"]["matchLabels"].items() <= by_label.items()
    assert rule == found["__irsa_webhook_rules"]
    assert deployment["strategy"]["rollingUpdate"] == {"maxUnavailable": 1, "maxSurge": 0}
    assert (pod["hostNetwork"], pod["dnsPolicy"]) == (True, "ClusterFirstWithHostNet")
    assert pod["imagePullSecrets"] == [{"name": "pod-identity-webhook-pull"}]
    assert pod["containers"][0]["image"] == "registry.example.com/amazon/amazon-eks-pod-identity-webhook:v0.6.17"
    assert pod["containers"][0]["ports"][0]["containerPort"] == 9443
    labels = found["__irsa_webhook_namespace_object"]["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "privileged"
    assert [one["name"] for one in found["__irsa_webhook_copies"]] == [
        "pod-identity-webhook-tls",
        "pod-identity-webhook-pull",
    ]
    rules = found["__irsa_webhook_rules"]["groups"][0]["rules"]
    assert rules[0]["expr"] == f"vector({int(NOW.timestamp()) + 365 * 86400})"
    assert rules[2]["expr"].count('name="again.pod-identity-webhook.amazonaws.com"') == 1
    taken_away = {
        one["metadata"]["name"] for one in found["__irsa_webhook_takes_away"]["webhook"] if one["kind"] == "Secret"
    }
    assert taken_away == {  # the other origins' alone
        "pod-identity-webhook-ca",
        "pod-identity-webhook-cert-manager-ca",
        "pod-identity-webhook-cert-manager-tls",
    }


def names(objects: list[Json]) -> list[tuple[str, str]]:
    return [(one["kind"], one["metadata"]["name"]) for one in objects]


def test_what_is_not_requested_is_taken_away() -> None:
    found = render("__irsa_webhook_takes_away", "__irsa_webhook_stubs_of_policy")
    taken_away = names(found["__irsa_webhook_takes_away"]["webhook"])
    assert taken_away == [
        ("NetworkPolicy", "pod-identity-webhook"),
        ("Service", "pod-identity-webhook-metrics"),
        ("ServiceMonitor", "pod-identity-webhook"),
        ("PrometheusRule", "pod-identity-webhook"),
        ("Secret", "pod-identity-webhook-pull"),
        *OF_CERT_MANAGER,
        *names(found["__irsa_webhook_stubs_of_policy"]),
    ]


# A Secret that is removed before its Certificate is made again.
OF_CERT_MANAGER = [
    ("Certificate", "pod-identity-webhook"),
    ("Certificate", "pod-identity-webhook-ca"),
    ("Issuer", "pod-identity-webhook"),
    ("Issuer", "pod-identity-webhook-selfsigned"),
    ("Secret", "pod-identity-webhook-cert-manager-tls"),
    ("Secret", "pod-identity-webhook-cert-manager-ca"),
]


@pytest.mark.parametrize(
    ("origin", "taken_away"),
    [
        ("own", OF_CERT_MANAGER),
        # What is given is served from where the role's own is.
        ("secret", [("Secret", "pod-identity-webhook-ca"), *OF_CERT_MANAGER]),
        ("cert-manager", [("Secret", "pod-identity-webhook-ca"), ("Secret", "pod-identity-webhook-tls")]),
    ],
)
def test_certificates_of_another_origin_are_taken_away(origin: str, taken_away: list[tuple[str, str]]) -> None:
    found = render("__irsa_webhook_takes_away", irsa_webhook_tls=origin, irsa_webhook_pull_secret="apps/pull")  # noqa: S106 -- a name
    kinds = {"Certificate", "Issuer", "Secret"}
    assert [one for one in names(found["__irsa_webhook_takes_away"]["webhook"]) if one[0] in kinds] == taken_away


def test_what_is_taken_away_is_what_is_made() -> None:
    asked = render("__irsa_webhook_cert_manager_objects")["__irsa_webhook_cert_manager_objects"]
    secrets = {one["spec"]["secretName"] for one in asked if one["kind"] == "Certificate"}
    assert {*names(asked), *(("Secret", name) for name in secrets)} == {*OF_CERT_MANAGER}
    made: Json = {
        "irsa_webhook_network_policy": True,
        "irsa_webhook_service_monitor": True,
        "irsa_webhook_prometheus_rule": True,
        "irsa_webhook_pull_secret": "apps/pull",
    }
    objects = ("__irsa_webhook_objects", "__irsa_webhook_requested", "__irsa_webhook_policy_objects")
    found = render(*objects, "__irsa_webhook_makes", "__irsa_webhook_takes_away", **made)
    of_webhook = {*names(found["__irsa_webhook_objects"]), *names(found["__irsa_webhook_requested"])}
    of_policy = {*names(found["__irsa_webhook_policy_objects"])}
    makes, takes_away = found["__irsa_webhook_makes"], found["__irsa_webhook_takes_away"]
    assert of_webhook <= {*names(makes["webhook"])} & {*names(takes_away["policy"])}
    assert of_policy <= {*names(makes["policy"])} & {*names(takes_away["webhook"])}
    in_cluster = {one for one in of_webhook | of_policy if one[0].startswith(("Mutating", "ClusterRole"))}
    assert in_cluster <= {*names(takes_away["none"])}


def test_its_namespaces_are_found_by_its_labels() -> None:
    found = render("__irsa_webhook_label_selectors", "__irsa_webhook_namespace_object")
    labels = found["__irsa_webhook_namespace_object"]["metadata"]["labels"]
    assert {tuple(one.split("=")) for one in found["__irsa_webhook_label_selectors"]} <= {*labels.items()}
    assert len(found["__irsa_webhook_label_selectors"]) == 2


def test_a_namespace_stays_privileged_until_nothing_needs_it() -> None:
    before = {"resources": [{"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "privileged"}}}]}
    names = ("__irsa_webhook_must_be_privileged", "__irsa_webhook_enforced")
    found = render(*names, irsa_webhook_mode="policy", __irsa_webhook_found=before)
    assert found == dict(zip(names, (True, "restricted"), strict=True))
    assert render(*names) == dict(zip(names, (False, "restricted"), strict=True))
    assert render(*names, irsa_webhook_host_network=True) == dict(zip(names, (True, "privileged"), strict=True))


def test_strict_mode_cannot_wait_for_itself() -> None:
    found = render("__irsa_webhook_configuration", irsa_webhook_strict=True, irsa_webhook_excluded_namespaces=["cni"])
    requiring, ignoring, _again = found["__irsa_webhook_configuration"]["webhooks"]
    assert (ignoring["failurePolicy"], requiring["failurePolicy"]) == ("Ignore", "Fail")
    assert ignoring["name"] != requiring["name"]
    out, asked = requiring["namespaceSelector"]["matchExpressions"]
    assert set(out["values"]) == {"pod-identity-webhook", "kube-system", "kube-public", "kube-node-lease", "cni"}
    assert asked == {"key": "onprem.irsa/require-injection", "operator": "In", "values": ["true"]}
    # A namespace of the system that has the label is injected as all others are.
    (ignored,) = ignoring["namespaceSelector"]["matchExpressions"]
    assert set(ignored["values"]) == {"pod-identity-webhook", "cni"}


def test_old_and_new_authority_are_trusted_together() -> None:
    called = {
        "metadata": {"name": "onprem-irsa-pod-identity-webhook"},
        "webhooks": [
            {
                "name": "x",
                "namespaceSelector": {},
                "admissionReviewVersions": ["v1beta1"],
                "clientConfig": {"caBundle": encoded(authority(2)), "service": {"name": "x"}},
            }
        ],
    }
    found = render(
        "__irsa_webhook_tls_state",
        "__irsa_webhook_must_trust_both",
        "__irsa_webhook_both",
        "__irsa_webhook_bundle",
        "__irsa_webhook_while_rolling",
        __irsa_webhook_configurations={"resources": [called]},
        __irsa_webhook_plan={"kept": ["other\n"]},
        irsa_webhook_excluded_namespaces=["new"],
        irsa_webhook_image="amazon/amazon-eks-pod-identity-webhook:v0.6.18",
    )
    (rolling,) = found["__irsa_webhook_while_rolling"]["webhooks"]
    assert rolling == {
        "name": "x",
        "namespaceSelector": {},
        "admissionReviewVersions": ["v1beta1"],  # those from before understand nothing else
        "clientConfig": {"caBundle": found["__irsa_webhook_both"], "service": {"name": "x"}},
    }
    assert found["__irsa_webhook_must_trust_both"] is True
    assert found["__irsa_webhook_tls_state"]["trusted"] is False
    assert len(found["__irsa_webhook_tls_state"]["kept"]) == 1
    assert found["__irsa_webhook_bundle"] == encoded(authority())
    assert encoded(authority())[:-8] in found["__irsa_webhook_both"]


@pytest.mark.parametrize(
    ("live", "image", "both", "other"),
    [
        (["v1beta1"], "v0.6.17", False, False),
        (["v1beta1"], "v0.6.18", False, True),  # the new reviews are sent when all pods are new
        (["v1", "v1beta1"], "v0.6.17", True, True),
        (None, "v0.6.17", False, False),
    ],
)
def test_reviews_while_pods_of_two_images_serve(live: list[str] | None, image: str, both: bool, other: bool) -> None:
    hook = {"admissionReviewVersions": live, "clientConfig": {"caBundle": encoded(authority())}}
    called = {"metadata": {"name": "onprem-irsa-pod-identity-webhook"}, "webhooks": [hook]}
    found = render(
        "__irsa_webhook_must_suit_both",
        "__irsa_webhook_other_reviews",
        __irsa_webhook_configurations={"resources": [called] if live else []},
        irsa_webhook_image=f"amazon/amazon-eks-pod-identity-webhook:{image}",
    )
    assert found == {"__irsa_webhook_must_suit_both": both, "__irsa_webhook_other_reviews": other}


def test_alerts_by_the_life_of_what_is_given() -> None:
    given = {"__irsa_webhook_tls_secrets": {"resources": [{"data": secret(leaf(days=91), 11, authority())}]}}
    options = {"irsa_webhook_tls": "secret", "irsa_webhook_tls_secret": "certs/webhook"}
    rules = render("__irsa_webhook_rules", **options, **given)["__irsa_webhook_rules"]["groups"][0]["rules"]
    assert rules[1]["expr"].endswith(f"< {91 * 86400 // 4}")
    assert "Renew the Secret certs/webhook" in rules[1]["annotations"]["description"]


BEFORE = {"resources": [{"metadata": {"annotations": {"onprem.irsa/alert-rules": "/old/rules.yml"}}}]}


@pytest.mark.parametrize(
    ("found", "given", "unneeded"),
    [
        ({"resources": []}, {}, []),
        (BEFORE, {}, ["/old/rules.yml"]),
        (BEFORE, {"irsa_webhook_alert_rules_file": "/new/rules.yml"}, ["/new/rules.yml", "/old/rules.yml"]),
        (
            BEFORE,
            {"irsa_webhook_alert_rules_file": "/new/rules.yml", "__irsa_webhook_kept_rules": ["/new/rules.yml"]},
            ["/old/rules.yml"],
        ),
        (
            BEFORE,
            {"irsa_webhook_alert_rules_file": "/old/rules.yml", "__irsa_webhook_kept_rules": ["/old/rules.yml"]},
            [],
        ),
    ],
)
def test_alert_rules_at_a_path_of_before_are_not_needed(found: Json, given: Json, unneeded: list[str]) -> None:
    names = ("__irsa_webhook_unneeded_rules", "__irsa_webhook_namespace_object")
    rules, namespace = render(*names, __irsa_webhook_found=found, **given).values()
    assert rules == unneeded
    path = given.get("irsa_webhook_alert_rules_file")
    assert namespace["metadata"]["annotations"] == ({"onprem.irsa/alert-rules": path} if path else {})


def test_where_the_webhook_runs_is_chosen() -> None:
    (pod,) = render(
        "__irsa_webhook_pod",
        irsa_webhook_tolerations=[{"operator": "Exists"}],
        irsa_webhook_node_selector={"pool": 1, "kubernetes.io/os": "linux"},
        irsa_webhook_resources={"limits": {"memory": "1Gi"}},
        irsa_webhook_priority_class="",
    ).values()
    assert pod["tolerations"] == [{"operator": "Exists"}]
    assert pod["nodeSelector"] == {"pool": "1", "kubernetes.io/os": "linux"}
    assert pod["containers"][0]["resources"] == {"limits": {"memory": "1Gi"}}
    assert pod["priorityClassName"] == ""
    (default,) = render("__irsa_webhook_pod").values()
    assert default["nodeSelector"] == {"kubernetes.io/os": "linux"}
    assert default["tolerations"][0]["key"] == "node-role.kubernetes.io/control-plane"


def test_cert_manager() -> None:
    issued = {"resources": [{"data": secret(leaf(), 11, authority())}]}
    found = render(
        "__irsa_webhook_objects",
        "__irsa_webhook_cert_manager_objects",
        "__irsa_webhook_configuration",
        "__irsa_webhook_tls_state",
        "__irsa_webhook_rules",
        irsa_webhook_tls="cert-manager",
        __irsa_webhook_issued_secrets=issued,
    )
    asked = found["__irsa_webhook_cert_manager_objects"]
    assert [one["kind"] for one in asked] == ["Issuer", "Certificate", "Issuer", "Certificate"]
    self_signed, authority_wanted, signer, wanted = asked
    assert self_signed["spec"] == {"selfSigned": {}}
    assert authority_wanted["spec"]["isCA"] is True
    assert authority_wanted["spec"]["issuerRef"]["name"] == self_signed["metadata"]["name"]
    assert signer["spec"]["ca"]["secretName"] == authority_wanted["spec"]["secretName"]
    certificate = wanted["spec"]
    assert certificate["issuerRef"]["name"] == signer["metadata"]["name"]
    (served,) = found["__irsa_webhook_objects"][-1]["spec"]["template"]["spec"]["volumes"]
    assert served["secret"]["secretName"] == certificate["secretName"]
    assert certificate["dnsNames"] == [HOST]
    assert (certificate["duration"], certificate["renewBefore"]) == ("8760h0m0s", "2920h0m0s")
    assert found["__irsa_webhook_tls_state"]["days_left"] == 365
    configuration = found["__irsa_webhook_configuration"]
    assert configuration["metadata"]["annotations"] == {
        "cert-manager.io/inject-ca-from": "pod-identity-webhook/pod-identity-webhook"
    }
    assert configuration["webhooks"][0]["clientConfig"]["caBundle"] == encoded(authority())
    # No run takes part in a renewal, and so none writes its end.
    expired = found["__irsa_webhook_rules"]["groups"][0]["rules"][0]["expr"]
    metric = "certmanager_certificate_expiration_timestamp_seconds"
    labels = f'="pod-identity-webhook",name="{wanted["metadata"]["name"]}"}}'
    assert expired == f"max({metric}{{namespace{labels} or {metric}{{exported_namespace{labels})"


def test_cert_manager_does_not_write_into_what_is_served() -> None:
    names = ("__irsa_webhook_cert_manager_objects", "__irsa_webhook_objects")
    own = {one["metadata"]["name"] for one in SEEN["__irsa_webhook_secrets"]["resources"]}
    found = render(*names, irsa_webhook_tls="cert-manager")
    written = [one["spec"].get("secretName") for one in found["__irsa_webhook_cert_manager_objects"]]
    assert own.isdisjoint(written)
    for origin in ("own", "secret"):
        pod = render(*names, irsa_webhook_tls=origin)["__irsa_webhook_objects"][-1]["spec"]["template"]["spec"]
        assert pod["volumes"][0]["secret"]["secretName"] in own


def test_pods_go_over_to_cert_manager_while_both_authorities_are_trusted() -> None:
    called = {
        "metadata": {"name": "onprem-irsa-pod-identity-webhook"},
        "webhooks": [{"admissionReviewVersions": ["v1beta1"], "clientConfig": {"caBundle": encoded(authority())}}],
    }
    names = ("__irsa_webhook_tls_state", "__irsa_webhook_must_trust_both", "__irsa_webhook_objects")
    options: Json = {
        "irsa_webhook_tls": "cert-manager",
        "__irsa_webhook_configurations": {"resources": [called]},
        "__irsa_webhook_issued_secrets": {"resources": [{"data": secret(leaf(2), 11, authority(2))}]},
    }
    found = render(*names, **options)
    assert found["__irsa_webhook_must_trust_both"] is True
    assert found["__irsa_webhook_tls_state"]["kept"] == [pem(authority())]
    options["__irsa_webhook_plan"] = found["__irsa_webhook_tls_state"]
    configuration = "__irsa_webhook_configuration"
    both = render("__irsa_webhook_both", configuration, __irsa_webhook_injected=False, **options)
    assert both["__irsa_webhook_both"] == encoded(authority(2), authority())
    # Some versions of cert-manager's injector would put the new authority in the place of both.
    assert "annotations" not in both[configuration]["metadata"]
    digest = "onprem.irsa/ca-sha256"
    of_own = render("__irsa_webhook_objects")["__irsa_webhook_objects"][-1]["spec"]["template"]["metadata"]
    of_issued = found["__irsa_webhook_objects"][-1]["spec"]["template"]["metadata"]
    assert of_own["annotations"][digest] != of_issued["annotations"][digest]


def test_what_cert_manager_has_not_issued_is_no_state() -> None:
    names = ("__irsa_webhook_tls_state", "__irsa_webhook_must_trust_both")
    found = render(*names, irsa_webhook_tls="cert-manager")
    assert found["__irsa_webhook_tls_state"]["expires"] == ""
    kept = {
        "resources": [
            {"metadata": {"name": "pod-identity-webhook-cert-manager-tls"}, "data": secret(leaf(), 11, authority())}
        ]
    }
    found = render(*names, irsa_webhook_tls="cert-manager", __irsa_webhook_secrets=kept)
    assert found["__irsa_webhook_tls_state"]["days_left"] == 365


def test_the_policy() -> None:
    found = render(
        "__irsa_webhook_policy_objects",
        "__irsa_webhook_policy_probe_role",
        "__irsa_webhook_probe_account",
        "__irsa_webhook_stubs_of_policy",
    )
    parameters, _system, _system_binding, policy, binding = found["__irsa_webhook_policy_objects"]
    assert parameters["data"]["apps.reports"] == ARN
    assert parameters["data"]["region"] == "eu-central-1"
    probe = parameters["data"]["pod-identity-webhook.pod-identity-probe"]
    changed = render("__irsa_webhook_policy_probe_role", irsa_webhook_region="us-west-2")
    assert probe == found["__irsa_webhook_policy_probe_role"] != changed["__irsa_webhook_policy_probe_role"]
    # The probe's own service account is there from the second run on.
    account = {"kind": "ServiceAccount", **found["__irsa_webhook_probe_account"]}
    second = {"resources": [*SEEN["__irsa_webhook_accounts"]["resources"], account]}
    again = render("__irsa_webhook_policy_data", __irsa_webhook_accounts=second)
    assert again["__irsa_webhook_policy_data"] == parameters["data"]
    assert policy["apiVersion"] == binding["apiVersion"] == "admissionregistration.k8s.io/v1beta1"
    spec = policy["spec"]
    assert (spec["failurePolicy"], spec["reinvocationPolicy"]) == ("Ignore", "Never")
    expressions = [one["jsonPatch"]["expression"] for one in spec["mutations"]]
    assert [("LIST" in one, "spec/containers" in one, "spec/initContainers" in one) for one in expressions] == [
        (False, False, False),
        (False, True, False),
        (False, False, True),
    ]
    assert [one["name"] for one in spec["variables"]][:2] == ["account", "audience"]
    assert binding["spec"]["paramRef"]["parameterNotFoundAction"] == "Allow"
    assert binding["spec"]["policyName"] == policy["metadata"]["name"]
    assert found["__irsa_webhook_stubs_of_policy"][0]["apiVersion"] == "admissionregistration.k8s.io/v1beta1"


@pytest.mark.parametrize(("strict", "on_failure"), [(False, "Ignore"), (True, "Fail")])
def test_the_policy_never_refuses_pods_of_the_system(strict: bool, on_failure: str) -> None:
    excluded = ["cni", "kube-public", "pod-identity-webhook"]
    found = render(
        "__irsa_webhook_policy_objects", irsa_webhook_strict=strict, irsa_webhook_excluded_namespaces=excluded
    )
    _parameters, system, bound, policy, _binding = found["__irsa_webhook_policy_objects"]
    assert bound["spec"]["policyName"] == system["metadata"]["name"] != policy["metadata"]["name"]
    assert (system["spec"]["failurePolicy"], policy["spec"]["failurePolicy"]) == ("Ignore", on_failure)
    of_system, left_out = system["spec"]["matchConstraints"]["namespaceSelector"]["matchExpressions"]
    (elsewhere,) = policy["spec"]["matchConstraints"]["namespaceSelector"]["matchExpressions"]
    assert (of_system["operator"], left_out["operator"], elsewhere["operator"]) == ("In", "NotIn", "NotIn")
    assert set(of_system["values"]) == {"kube-system", "kube-public", "kube-node-lease"}
    assert left_out["values"] == excluded
    # It reaches its own probe, whatever is excluded.
    assert sorted(elsewhere["values"]) == ["cni", "kube-node-lease", "kube-public", "kube-system"]
    for one in (system, policy):
        del one["spec"]["failurePolicy"], one["spec"]["matchConstraints"]["namespaceSelector"]
    assert system["spec"] == policy["spec"]


def test_an_old_cluster_has_no_policy_to_take_away() -> None:
    cluster = {"apis": {}, "version": {"server": {"kubernetes": {"gitVersion": "v1.30.1"}}}}
    found = render("__irsa_webhook_stubs_of_policy", __irsa_webhook_cluster=cluster)
    assert found["__irsa_webhook_stubs_of_policy"][0]["kind"] == "MutatingAdmissionPolicyBinding"


def test_a_mode_that_sets_no_region_needs_none() -> None:
    found = rendered("irsa_webhook", ("__irsa_webhook_options",), {"irsa_webhook_mode": "none"})
    assert found["__irsa_webhook_options"]["region"] == ""


def with_gates(*gates: str, **changes: object) -> Json:
    """Return what is observed on a host whose API server has these feature gates."""
    text = KUBEADM.replace("    - --tls", f"    - --feature-gates={','.join(gates)}\n    - --tls")
    flags = {**FLAGS, "feature-gates": [",".join(gates)]}
    return observed(manifests={PATH: text}, running_flags=flags, **changes)


LOOKED = {
    "__irsa_webhook_cluster": {"apis": {}, "version": {"server": {"kubernetes": {"gitVersion": "v1.34.4"}}}},
    "irsa_kubeconfig_content": {},
    "irsa_kubeconfig_environment": {},
}


@pytest.mark.slow
@pytest.mark.parametrize(("distribution", "changed"), [("kubeadm", ["cp1", "cp2"]), ("unknown", [])])
def test_flags_are_planned_from_the_manifest_of_a_control_plane_that_is_as_it_must_be(
    tmp_path: Path, distribution: str, changed: list[str]
) -> None:
    host = with_gates("A=true", distribution=distribution)
    hosts = Cluster(tmp_path, {"cp1": host, "cp2": host})
    code, output = hosts.include("irsa_webhook", "flags", LOOKED, hosts="cp1")
    assert (code == 0) == bool(changed), output
    assert [name for what, name in hosts.log() if what == "end"] == changed
    for name in changed:
        flags = json.loads((tmp_path / name).read_text())["running_flags"]
        assert flags["feature-gates"] == ["A=true,MutatingAdmissionPolicy=true"]
        assert flags["runtime-config"] == ["admissionregistration.k8s.io/v1beta1=true"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("distribution", "says"), [("kubeadm", "what keeps the flags cannot be told"), ("unknown", "")]
)
def test_what_keeps_the_flags_is_looked_at_before_the_first_restart(
    tmp_path: Path, distribution: str, says: str
) -> None:
    hosts = Cluster(tmp_path, {"cp1": with_gates("A=true", distribution=distribution)})
    kubeconfig = {"clusters": [{"name": "x", "cluster": {"server": "https://192.0.2.1:6443"}}]}
    given = {**LOOKED, "irsa_kubeconfig_content": kubeconfig}
    code, output = hosts.include("irsa_webhook", "check_kept_flags", given, hosts="cp1")
    assert (code != 0) == bool(says), output  # that no kubeadm made it is refused next
    assert says in output
    assert [name for what, name in hosts.log() if what == "end"] == []


@pytest.mark.slow
def test_a_feature_gate_that_was_added_since_the_look_is_not_lost(tmp_path: Path) -> None:
    hosts = Cluster(tmp_path, {"cp1": with_gates("A=true"), "cp2": with_gates("A=true")})
    edited = json.dumps(with_gates("A=true", "B=true"))

    def edit() -> None:
        while not hosts.log():
            time.sleep(0.01)
        (tmp_path / "cp2").write_text(edited)

    somebody = threading.Thread(target=edit, daemon=True)
    somebody.start()
    code, output = hosts.include("irsa_webhook", "flags", LOOKED, hosts="cp1")
    assert code != 0
    assert "--feature-gates is [" in output, output
    assert "nothing was touched" in output
    assert (tmp_path / "cp2").read_text() == edited
    assert [name for what, name in hosts.log() if what == "end"] == ["cp1"]
