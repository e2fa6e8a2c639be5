# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Kubernetes objects of the role, rendered from its templates as its tasks render them."""

from __future__ import annotations

import copy
import functools
import re
import typing as t

import pytest
import yaml

from ansible_collections.onprem.irsa.plugins.module_utils._injection.names import OWN_NAMES
from ansible_collections.onprem.irsa.plugins.module_utils._injection.pod import MOUNT_PATH, SKIP_LABEL, VOLUME
from ansible_collections.onprem.irsa.plugins.module_utils._injection.probe import probe_pod
from ansible_collections.onprem.irsa.plugins.module_utils._injection.reach import HOOK

from .rendered import ROLES, Json, rendered_each, require_alerts

NAME, NAMESPACE = "pod-identity-webhook", "pod-identity-webhook"
LABELS = {"app.kubernetes.io/name": NAME, "app.kubernetes.io/managed-by": "onprem.irsa"}
SELECTOR = {"app.kubernetes.io/name": NAME}
SYSTEM = ["kube-system", "kube-public", "kube-node-lease"]
OF_WEBHOOK = {
    "namespace": ["Namespace"],
    "access": ["ServiceAccount", "ClusterRole", "ClusterRoleBinding"],
    "service": ["Service", "PodDisruptionBudget"],
    "deployment": ["Deployment"],
    "network_policy": ["NetworkPolicy"],
    "metrics": ["Service"],
    "service_monitor": ["ServiceMonitor"],
    "prometheus_rule": ["PrometheusRule"],
    "cert_manager": ["Issuer", "Certificate", "Issuer", "Certificate"],
    "probe": ["ServiceAccount"],
    "probe_webhook": ["MutatingWebhookConfiguration"],
    "configuration": ["MutatingWebhookConfiguration"],
    "transition": ["MutatingWebhookConfiguration"],
}
OF_POLICY = {
    "policy_parameters": ["ConfigMap"],
    "policy": ["MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding"] * 2,
}
PARTS = {**OF_WEBHOOK, **OF_POLICY}
CLUSTER_SCOPED = (
    "Namespace",
    "ClusterRole",
    "ClusterRoleBinding",
    "MutatingWebhookConfiguration",
    "MutatingAdmissionPolicy",
    "MutatingAdmissionPolicyBinding",
)
# What YAML takes for something else than text where it is not quoted; and signs of YAML, JSON and Jinja.
ODD = ["yes", "1e3", "0123", "null", "2026-01-01", "0x1f", "~", ""]
FREE_TEXT = "-a: b #c\"d'e\\n{{ f }}{% g %}{# h #}%üñ😀"
LIVE: Json = {
    "name": "x",
    "namespaceSelector": {"matchLabels": dict.fromkeys(("yes", "on"), "null")},
    "admissionReviewVersions": ["v1", "v1beta1"],
    "clientConfig": {"caBundle": "b2xk", "service": {"name": "x"}},
}


def plan(**changed: object) -> Json:
    """Return a plan as the role makes it, with some of its values changed."""
    return {
        "image": {"reference": "amazon/amazon-eks-pod-identity-webhook:v0.6.17", "review_versions": ["v1beta1"]},
        "authority_sha256": "0" * 64,
        "ca_bundle": "bmV3",
        "both_bundles": "Ym90aA==",
        "live_webhooks": [LIVE],
        "served_secret": "pod-identity-webhook-tls",
        "namespace_level": "restricted",
        "alert_rules_path": "",
        "certificate": {"timestamp": 1800000000, "lifetime": 31536000},
        "issued": {"authority_duration": "87600h0m0s", "duration": "8760h0m0s", "renew_before": "2920h0m0s"},
        "lookup_grace_ms": 2000,
        "excluded": [NAMESPACE],
        "excluded_strictly": [NAMESPACE, *SYSTEM],
        "policy": {
            "version": "v1beta1",
            "data": {"region": "", "audience": "sts.amazonaws.com"},
            "system_expressions": [{"key": "kubernetes.io/metadata.name", "operator": "In", "values": SYSTEM}],
            "other_expressions": [{"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": SYSTEM}],
        },
        **changed,
    }


SETS: dict[str, Json] = {
    "default": {"irsa_region": "eu-central-1"},
    "policy": {"irsa_webhook_mode": "policy"},
    "strict": {"irsa_webhook_strict": True},
    "host network": {"irsa_webhook_host_network": True, "irsa_webhook_port": 9443, "irsa_webhook_metrics_port": 9442},
    "cert-manager": {"irsa_webhook_tls": "cert-manager", "irsa_webhook_prometheus_rule": True},
    "secret": {"irsa_webhook_tls": "secret", "irsa_webhook_tls_secret": "certs/webhook"},
    "everything": {
        "irsa_webhook_pull_secret": "kube-system/pull",
        "irsa_webhook_priority_class": "",
        "irsa_webhook_replicas": "3",
        "irsa_webhook_timeout": "3",
        "irsa_webhook_tolerations": [],
        "irsa_webhook_node_selector": {"pool": 1, "kubernetes.io/os": "linux"},
        "irsa_webhook_monitoring_labels": {"release": 1, "app.kubernetes.io/name": "theirs"},
        "irsa_webhook_resources": {"limits": {"memory": "1Gi", "cpu": 0.5}},
    },
    "odd": {
        "irsa_webhook_strict": True,
        "irsa_webhook_tls": "cert-manager",
        "irsa_webhook_namespace": "0123",
        "irsa_webhook_audience": FREE_TEXT,
        "irsa_webhook_priority_class": "0123",
        "irsa_webhook_tolerations": [{"key": text or "empty", "value": text} for text in ODD],
        "irsa_webhook_node_selector": {f"key-{text}": text for text in ODD},
        "irsa_webhook_monitoring_labels": {text or "empty": text for text in ODD},
        "irsa_webhook_resources": {"requests": {"cpu": "1e3", "memory": "0123"}},
        "__irsa_webhook_plan": plan(
            image={"reference": "1e3", "review_versions": ["1e3"]},
            authority_sha256="1" * 64,
            ca_bundle="1234",
            both_bundles="1e34",
            served_secret="null",  # noqa: S106 -- a name
            alert_rules_path=f"/{FREE_TEXT}/a\nb.yml",
            excluded=ODD,
            excluded_strictly=ODD,
            policy={
                "version": "v1",
                "data": {**{f"apps.{text}": text for text in ODD}, "audience": FREE_TEXT},
                "system_expressions": [{"key": "a", "operator": "In", "values": ODD}],
                "other_expressions": [{"key": "a", "operator": "NotIn", "values": ODD}],
            },
        ),
    },
}


@functools.cache
def everything() -> dict[str, dict[str, list[Json]]]:
    """Return what each template says, by set of options and template."""
    texts = {
        name: f"lookup('ansible.builtin.template', role_path ~ '/templates/{name}.yml.j2')"
        for name in (*PARTS, "alert_rules")
    }
    sets = [{"__irsa_webhook_plan": plan(), **options} for options in SETS.values()]
    results = rendered_each("irsa_webhook", [*texts.values()], sets)
    return {
        given: {name: list(yaml.safe_load_all(result[text])) for name, text in texts.items()}
        for given, result in zip(SETS, results, strict=True)
    }


def objects(part: str, given: str = "default") -> list[Json]:
    return copy.deepcopy(everything()[given][part])


def pod_of(given: str = "default") -> Json:
    (deployment,) = objects("deployment", given)
    spec: Json = deployment["spec"]["template"]["spec"]
    return spec


def webhooks(part: str, given: str = "default") -> list[Json]:
    (configuration,) = objects(part, given)
    found: list[Json] = configuration["webhooks"]
    return found


def test_each_template_is_known() -> None:
    names = {path.name for path in (ROLES / "irsa_webhook/templates").iterdir()}
    assert names == {f"{name}.yml.j2" for name in (*PARTS, "alert_rules", "webhook_call")}


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("given", SETS)
def test_what_is_stored_is_known_by_its_part(given: str, part: str) -> None:
    found = objects(part, given)
    namespace = SETS[given].get("irsa_webhook_namespace", NAMESPACE)
    assert [each["kind"] for each in found] == PARTS[part]
    for each in found:
        labels = each["metadata"]["labels"]
        named = "configuration" if part == "transition" else part
        assert labels.items() >= {**LABELS, "onprem.irsa/part": named}.items()
        assert each["kind"] in ("Namespace", "MutatingWebhookConfiguration") or each["metadata"]["name"] in OWN_NAMES
        assert each["metadata"].get("namespace") == (None if each["kind"] in CLUSTER_SCOPED else namespace)


TEXTS = {
    *("labels", "annotations", "matchLabels", "nodeSelector", "data", "args", "command", "verbs", "values"),
    *("name", "namespace", "secretName", "priorityClassName", "image", "expression", "expr", "caBundle"),
}


def texts_in(value: object) -> t.Iterator[object]:
    """Yield what stands in fields that are text: as their value, in a list or as keys and values of a mapping."""
    if isinstance(value, list):
        for each in value:
            yield from texts_in(each)
    elif isinstance(value, dict):
        for key, each in value.items():
            if key not in TEXTS:
                yield from texts_in(each)
            elif isinstance(each, dict):
                yield from (*each, *each.values())
            else:
                yield from each if isinstance(each, list) else [each]


@pytest.mark.parametrize("given", SETS)
def test_text_stays_text(given: str) -> None:
    found = [*texts_in([*everything()[given].values()])]
    assert len(found) > 100
    assert [text for text in found if not isinstance(text, str)] == []


def test_what_users_and_plan_say_is_taken_literally() -> None:
    pod, options, decided = pod_of("odd"), SETS["odd"], SETS["odd"]["__irsa_webhook_plan"]
    assert pod["tolerations"] == options["irsa_webhook_tolerations"]
    assert pod["nodeSelector"] == {**options["irsa_webhook_node_selector"], "kubernetes.io/os": "linux"}
    assert pod["priorityClassName"] == options["irsa_webhook_priority_class"]
    assert pod["volumes"][0]["secret"]["secretName"] == decided["served_secret"]
    (container,) = pod["containers"]
    assert container["resources"] == options["irsa_webhook_resources"]
    assert container["image"] == decided["image"]["reference"]
    assert f"--token-audience={FREE_TEXT}" in container["args"]
    (namespace,) = objects("namespace", "odd")
    assert namespace["metadata"]["annotations"] == {"onprem.irsa/alert-rules": decided["alert_rules_path"]}
    (monitor,) = objects("service_monitor", "odd")
    assert monitor["metadata"]["labels"].items() >= options["irsa_webhook_monitoring_labels"].items()
    assert [
        hook["namespaceSelector"]["matchExpressions"][0]["values"] for hook in webhooks("configuration", "odd")
    ] == [ODD] * 3
    assert {hook["clientConfig"]["caBundle"] for hook in webhooks("configuration", "odd")} == {decided["ca_bundle"]}
    assert objects("policy_parameters", "odd")[0]["data"] == decided["policy"]["data"]
    constraints = [each["spec"]["matchConstraints"]["namespaceSelector"] for each in objects("policy", "odd")[::2]]
    assert [each["matchExpressions"] for each in constraints] == [
        decided["policy"]["system_expressions"],
        decided["policy"]["other_expressions"],
    ]


@pytest.mark.parametrize("given", SETS)
def test_selectors_select(given: str) -> None:
    (deployment,) = objects("deployment", given)
    pod = deployment["spec"]["template"]
    labels, ports = pod["metadata"]["labels"], {port["name"] for port in pod["spec"]["containers"][0]["ports"]}
    service, budget = objects("service", given)
    (metrics,), (monitor,), (network,) = (
        objects(part, given) for part in ("metrics", "service_monitor", "network_policy")
    )
    assert labels == LABELS  # whatever else is there rolls the Deployment out
    assert deployment["spec"]["selector"]["matchLabels"] == SELECTOR  # it cannot be changed
    assert service["spec"]["selector"] == metrics["spec"]["selector"] == SELECTOR
    assert budget["spec"]["selector"]["matchLabels"] == network["spec"]["podSelector"]["matchLabels"] == SELECTOR
    assert pod["spec"]["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"] == SELECTOR
    assert service["spec"]["ports"][0]["targetPort"] in ports
    assert metrics["spec"]["ports"][0]["targetPort"] in ports
    assert {port["port"] for port in network["spec"]["ingress"][0]["ports"]} == ports
    selected = monitor["spec"]["selector"]["matchLabels"]
    assert selected.items() <= metrics["metadata"]["labels"].items()
    assert not selected.items() <= service["metadata"]["labels"].items()
    assert monitor["spec"]["endpoints"][0]["port"] == metrics["spec"]["ports"][0]["name"]
    account, role, binding = objects("access", given)
    assert binding["subjects"][0]["name"] == account["metadata"]["name"] == pod["spec"]["serviceAccountName"]
    assert binding["subjects"][0]["namespace"] == account["metadata"]["namespace"]
    assert binding["roleRef"]["name"] == role["metadata"]["name"]


def test_the_deployment() -> None:
    (deployment,) = objects("deployment")
    (container,) = pod_of()["containers"]
    assert deployment["spec"]["replicas"] == 2
    assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert deployment["spec"]["template"]["metadata"]["annotations"] == {"onprem.irsa/ca-sha256": "0" * 64}
    assert {"--port=8443", "--aws-default-region=eu-central-1", "--token-audience=sts.amazonaws.com"} <= {
        *container["args"]
    }
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert pod_of()["securityContext"]["runAsNonRoot"] is True
    assert pod_of()["priorityClassName"] == "system-cluster-critical"
    assert pod_of()["tolerations"][0]["key"] == "node-role.kubernetes.io/control-plane"
    assert pod_of()["nodeSelector"] == {"kubernetes.io/os": "linux"}
    assert not {"hostNetwork", "imagePullSecrets"} & {*pod_of()}


def test_the_deployment_as_options_say() -> None:
    (deployment,) = objects("deployment", "host network")
    pod = pod_of("host network")
    assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 1, "maxSurge": 0}
    assert (pod["hostNetwork"], pod["dnsPolicy"]) == (True, "ClusterFirstWithHostNet")
    assert [port["containerPort"] for port in pod["containers"][0]["ports"]] == [9443, 9442]
    assert objects("metrics", "host network")[0]["spec"]["ports"][0]["port"] == 9442
    pod = pod_of("everything")
    assert objects("deployment", "everything")[0]["spec"]["replicas"] == 3
    assert pod["imagePullSecrets"] == [{"name": "pod-identity-webhook-pull"}]
    assert (pod["tolerations"], pod["priorityClassName"]) == ([], "")
    assert pod["nodeSelector"] == {"pool": "1", "kubernetes.io/os": "linux"}
    assert pod["containers"][0]["resources"] == {"limits": {"memory": "1Gi", "cpu": 0.5}}
    assert "--aws-default-region=" in pod["containers"][0]["args"]
    for part in ("service_monitor", "prometheus_rule"):
        assert objects(part, "everything")[0]["metadata"]["labels"]["release"] == "1"


def test_the_configuration() -> None:
    calling, again = webhooks("configuration")
    assert (calling["name"], calling["failurePolicy"], calling["timeoutSeconds"]) == (HOOK, "Ignore", 5)
    assert calling["clientConfig"]["service"].items() >= {"name": NAME, "namespace": NAMESPACE}.items()
    assert calling["objectSelector"]["matchExpressions"] == [{"key": SKIP_LABEL, "operator": "DoesNotExist"}]
    assert f"v.name == '{VOLUME}'" in again.pop("matchConditions")[0]["expression"]
    assert again == {**calling, "name": f"again.{HOOK}"}
    requiring, ignoring, _again = webhooks("configuration", "strict")
    assert ignoring == calling
    assert requiring["failurePolicy"] == "Fail"
    out, asked = requiring["namespaceSelector"]["matchExpressions"]
    assert out["values"] == [NAMESPACE, *SYSTEM]
    assert asked == {"key": "onprem.irsa/require-injection", "operator": "In", "values": ["true"]}
    assert webhooks("configuration", "everything")[0]["timeoutSeconds"] == 3


def test_the_probe() -> None:
    (account,) = objects("probe")
    pod = probe_pod(NAMESPACE, "image", is_marked=True)
    (probing,) = webhooks("probe_webhook")
    assert pod["spec"]["serviceAccountName"] == account["metadata"]["name"]
    assert "eks.amazonaws.com/role-arn" in account["metadata"]["annotations"]
    assert (probing["name"], probing["failurePolicy"]) == (f"probe.{HOOK}", "Fail")
    assert probing["clientConfig"] == webhooks("configuration")[0]["clientConfig"]
    assert probing["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": pod["metadata"]["namespace"]}
    assert probing["objectSelector"]["matchLabels"] == pod["metadata"]["labels"]


def test_the_configuration_while_two_authorities_serve() -> None:
    for given in ("default", "cert-manager"):
        (configuration,) = objects("transition", given)
        (lasting,) = objects("configuration", given)
        both = {**LIVE["clientConfig"], "caBundle": "Ym90aA=="}
        assert configuration["webhooks"] == [
            {**LIVE, "admissionReviewVersions": ["v1beta1"], "clientConfig": both},
        ]
        # cert-manager would replace both authorities with its own.
        assert "annotations" not in configuration["metadata"]
        assert configuration["metadata"]["name"] == lasting["metadata"]["name"]


def test_cert_manager() -> None:
    self_signed, authority, signer, certificate = objects("cert_manager", "cert-manager")
    assert authority["spec"]["issuerRef"]["name"] == self_signed["metadata"]["name"]
    assert signer["spec"]["ca"]["secretName"] == authority["spec"]["secretName"]
    assert certificate["spec"]["issuerRef"]["name"] == signer["metadata"]["name"]
    assert certificate["spec"]["dnsNames"] == [f"{NAME}.{NAMESPACE}.svc"]
    assert (certificate["spec"]["duration"], certificate["spec"]["renewBefore"]) == ("8760h0m0s", "2920h0m0s")
    for each in (authority, certificate):  # or it is not known whose its Secret is
        assert each["spec"]["secretTemplate"]["labels"] == each["metadata"]["labels"]
    injected = {"cert-manager.io/inject-ca-from": f"{NAMESPACE}/{certificate['metadata']['name']}"}
    for part in ("configuration", "probe_webhook"):
        assert objects(part, "cert-manager")[0]["metadata"]["annotations"] == injected
        assert "annotations" not in objects(part)[0]["metadata"]


@pytest.mark.parametrize("given", SETS)
def test_the_alert_rules(given: str) -> None:
    (rules,), (stored,) = objects("alert_rules", given), objects("prometheus_rule", given)
    assert stored["spec"] == rules
    require_alerts(rules, "onprem-irsa-webhook")
    found = {rule.get("alert", rule.get("record")): rule for rule in rules["groups"][0]["rules"]}
    if given == "policy":
        assert found.keys() == {"IrsaPolicyFails"}
        return
    end, expires = found["onprem_irsa_webhook_certificate_expires_seconds"], found["IrsaWebhookCertificateExpires"]
    assert f'name="again.{HOOK}"' in found["IrsaWebhookIsNotReached"]["expr"]
    assert ("IrsaPodsAreRefused" in found) == bool(SETS[given].get("irsa_webhook_strict"))
    assert expires["expr"] == f'{end["record"]}{{irsa_cluster=""}} - time() < {31536000 // 4}'
    metric, namespace = "certmanager_certificate_expiration_timestamp_seconds", f'namespace="{NAMESPACE}"'
    says = expires["annotations"]["description"]
    if given == "cert-manager":  # no run takes part in a renewal, and so none writes its end
        rest = f'{namespace},name="{NAME}"}}'
        assert end["expr"] == f"max({metric}{{{rest} or {metric}{{exported_{rest})"
    elif given != "odd":
        assert end["expr"] == "vector(1800000000)"
        assert ("Renew the Secret certs/webhook" in says) == (given == "secret")
    assert says.endswith(". Once it has ended, pods start without their AWS role.")


def test_the_policies() -> None:
    system, bound, policy, binding = objects("policy", "policy")
    assert {each["apiVersion"] for each in objects("policy")} == {"admissionregistration.k8s.io/v1beta1"}
    for each, of_each in ((system, bound), (policy, binding)):
        assert of_each["spec"]["policyName"] == each["metadata"]["name"]
        assert of_each["spec"]["paramRef"].items() >= {"name": "pod-identity-roles", "namespace": NAMESPACE}.items()
        assert each["spec"]["failurePolicy"] == "Ignore"
    strictly, _binding, refusing, _other = objects("policy", "strict")  # never a pod of the system
    assert (strictly["spec"]["failurePolicy"], refusing["spec"]["failurePolicy"]) == ("Ignore", "Fail")
    for each in (system, policy):
        del each["spec"]["failurePolicy"], each["spec"]["matchConstraints"]["namespaceSelector"]
    assert system["spec"] == policy["spec"]


def test_the_program_of_the_policies() -> None:
    policy = objects("policy")[0]["spec"]
    variables = {each["name"] for each in policy["variables"]}
    volume, containers, init_containers = (each["jsonPatch"]["expression"] for each in policy["mutations"])
    assert f"name: '{VOLUME}'" in volume
    assert f"name: '{VOLUME}', readOnly: true, mountPath: '{MOUNT_PATH}'" in containers
    assert "Containers" not in containers
    assert init_containers == containers.replace("containers", "initContainers")
    for expression in (volume, containers, init_containers, *(each["expression"] for each in policy["variables"])):
        assert {*re.findall(r"variables[.](\w+)", expression)} <= variables
        assert "//" not in expression  # a comment would go on to the end of what is folded
        assert expression == expression.strip()
    assert policy["matchConstraints"]["objectSelector"]["matchExpressions"][0]["key"] == SKIP_LABEL
