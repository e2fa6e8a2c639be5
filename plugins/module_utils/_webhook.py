# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What injects pods in a cluster, and what hinders it. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._injection import SKIP_LABEL, lacks_role, service_account_of
from ansible_collections.onprem.irsa.plugins.module_utils._issuer import partition
from ansible_collections.onprem.irsa.plugins.module_utils._policy import api

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._service_accounts import Manifest

# Releases up to this one answer without apiVersion and kind, which API servers take in a v1beta1 review alone:
# amazon-eks-pod-identity-webhook #225, #255 and #304; #310 mends it.
_LAST_V1BETA1: t.Final = (0, 6, 17)
_TAG = re.compile(r":v?([0-9]+)\.([0-9]+)\.([0-9]+)(?:@|$)")
# A reference as in the distribution project's "reference" grammar, with a tag or a digest or both.
_IMAGE = re.compile(r"[a-zA-Z0-9][\w.:/-]*?(?::\w[\w.-]{0,127}|(?::\w[\w.-]{0,127})?@sha256:[0-9a-f]{64})", re.ASCII)
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_SECRET = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?/[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")

# The upstream name, which kOps and the community's chart keep, and the one that EKS gives its own.
_HOOKS: t.Final = ("pod-identity-webhook.amazonaws.com", "iam-for-pods.amazonaws.com")
_SERVICE: t.Final = "pod-identity-webhook"

# How an owner's pods are replaced by changing its template (apps/v1). Others have to be made anew by hand.
_RESTARTABLE: t.Final = ("DaemonSet", "Deployment", "StatefulSet")

Apis = t.Mapping[str, t.Mapping[str, t.Any]]
"""The kinds that a cluster serves, by group and version."""


class Image(t.NamedTuple):
    """An image reference, from a mirror if one was given, and the admission reviews that its program answers."""

    reference: str
    review_versions: list[str]


def image(reference: str, mirror: str = "") -> Image:
    """Return where to take an image from, and which C(admissionReviewVersions) it takes.

    MIRROR takes the place of the registry. An image whose version is not in its tag is taken for an old one, because
    new ones answer the old reviews, too.
    """
    version = _TAG.search(reference)
    old = version is None or tuple(map(int, version.groups())) <= _LAST_V1BETA1
    if mirror:
        host, slash, path = reference.partition("/")
        is_registry = slash and (host == "localhost" or "." in host or ":" in host)
        reference = f"{mirror.rstrip('/')}/{path if is_registry else reference}"
    return Image(reference, ["v1beta1"] if old else ["v1", "v1beta1"])


def _is_injector(webhook: t.Mapping[str, t.Any]) -> bool:
    service = (webhook.get("clientConfig") or {}).get("service") or {}
    # Azure's webhook has another name; any service whose name ends like the upstream one's is a copy of it.
    return webhook.get("name") in _HOOKS or str(service.get("name", "")).endswith(_SERVICE)


def foreign(configurations: t.Iterable[Manifest], own: t.Collection[str]) -> list[dict[str, t.Any]]:
    """Find other pod-identity webhooks among the C(MutatingWebhookConfiguration) of a cluster.

    OWN are the names of the role's. Returns for each configuration C(name), C(namespace) and C(service) of what it
    calls (empty for a URL), and C(release), the Helm release that made it, or empty.
    """
    found = []
    for configuration in configurations:
        metadata = configuration["metadata"]
        hooks = [hook for hook in configuration.get("webhooks") or [] if _is_injector(hook)]
        if hooks and metadata["name"] not in own:
            service = (hooks[0].get("clientConfig") or {}).get("service") or {}
            annotations = metadata.get("annotations") or {}
            found.append(
                {
                    "name": metadata["name"],
                    "namespace": service.get("namespace", ""),
                    "service": service.get("name", ""),
                    "release": annotations.get("meta.helm.sh/release-name", ""),
                }
            )
    return found


def input_problems(given: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    """Say what is wrong with what a cluster is asked to run, whatever the cluster: the value, the rule and the fix.

    GIVEN are the role's options without their prefix.
    """
    name = given["namespace"]
    if _LABEL.fullmatch(name) is None or name == "default" or name.startswith("kube-"):
        yield (
            f"irsa_webhook_namespace is {name}. It must be an RFC 1123 label and a namespace of the webhook's own, "
            "neither default nor kube-*, because it is removed with the webhook. Choose another, or leave the default."
        )
    if given["mode"] in ("webhook", "policy") and given["region"]:  # without one, pods are given none
        try:
            partition(given["region"])
        except InputError as error:
            yield f"irsa_webhook_region: {error}"
    if given["mode"] == "webhook":
        yield from _deployment_problems(given)


def _deployment_problems(given: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    """Say what no webhook could be run with."""
    if _IMAGE.fullmatch(given["image"]) is None:
        yield (
            f"irsa_webhook_image is {given['image']}, which has no tag and no digest: nobody could say which webhook "
            "runs. Name one, as in amazon/amazon-eks-pod-identity-webhook:v0.6.17."
        )
    for option, default in (("replicas", 2), ("certificate_days", 365), ("timeout", 5)):
        if given[option] < 1:
            yield f"irsa_webhook_{option} is {given[option]}. It must be 1 or more; the default is {default}."
    if given["timeout"] > 30:  # noqa: PLR2004 -- the API's own limit
        yield f"irsa_webhook_timeout is {given['timeout']}. API servers wait 30 seconds at most; the default is 5."
    for option in ("tls_secret", "pull_secret"):
        if given[option] and _SECRET.fullmatch(given[option]) is None:
            yield f"irsa_webhook_{option} is {given[option]}. Name the Secret as namespace/name."
    if given["tls"] == "secret" and not given["tls_secret"]:
        yield "irsa_webhook_tls is secret, but no Secret is named. Set irsa_webhook_tls_secret to namespace/name."


def _cluster_problems(given: t.Mapping[str, t.Any], seen: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    """Say what in the cluster stands in the way."""
    mode, others = given["mode"], [other["name"] for other in seen["foreign"]]
    names = ", ".join(others)
    if mode in ("webhook", "policy") and others and not given["adopt"]:
        yield (
            f"The MutatingWebhookConfiguration {names} injects pods already. Set irsa_webhook_adopt: true to have this "
            "role take its place, or irsa_webhook_mode: foreign to leave it alone."
        )
    if mode == "foreign" and not others:
        yield (
            "irsa_webhook_mode is foreign, but no other MutatingWebhookConfiguration calls a pod-identity webhook. "
            "Install one, or set irsa_webhook_mode to webhook, policy or none."
        )
    if mode in ("webhook", "policy") and seen["namespace_owner"] not in (None, "onprem.irsa"):
        yield (
            f"The namespace {given['namespace']} exists and was not made by this role, which would remove it with what "
            "injects pods. Choose another irsa_webhook_namespace."
        )
    if mode == "webhook" and given["host_network"] and given["replicas"] > seen["nodes"]:
        nodes = "the one node" if seen["nodes"] == 1 else f"each of the {seen['nodes']} nodes"
        yield (
            f"irsa_webhook_replicas is {given['replicas']}, but in the network of their hosts only one fits on "
            f"{nodes}. Set irsa_webhook_replicas to {max(1, seen['nodes'])}."
        )
    for option, group, kind in (
        ("tls", "cert-manager.io/v1", "Certificate"),
        ("service_monitor", "monitoring.coreos.com/v1", "ServiceMonitor"),
        ("prometheus_rule", "monitoring.coreos.com/v1", "PrometheusRule"),
    ):
        asked = given[option] in (True, "cert-manager")
        if mode == "webhook" and asked and kind not in seen["apis"].get(group, {}):
            yield (
                f"irsa_webhook_{option} is {given[option]}, but the cluster does not serve {kind} ({group}). "
                f"Install it first, or leave irsa_webhook_{option} at its default."
            )


def _policy_problems(given: t.Mapping[str, t.Any], seen: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    """Say what keeps API servers from evaluating the policy."""
    if given["mode"] != "policy":
        return
    try:
        policy = api(seen["apis"], seen["minor"])
    except InputError as error:
        yield str(error)
        return
    if not policy.served and not given["set_flags"]:
        flags = " and ".join(f"--{name}={value}" for name, value in policy.flags.items())
        yield (
            f"irsa_webhook_mode is policy, but the API servers do not serve MutatingAdmissionPolicy. It takes "
            f"{flags} on each. Set irsa_webhook_set_flags: true to have this role set them, one after the other."
        )


def problems(given: t.Mapping[str, t.Any], seen: t.Mapping[str, t.Any]) -> list[str]:
    """Return a sentence for everything in a cluster that is in the way: the value, the rule and the fix.

    GIVEN are the role's options, as C(input_problems) takes them. SEEN is C(foreign) as of that function,
    C(namespace_owner) (None where the namespace is not there, else the value of its label
    C(app.kubernetes.io/managed-by)), C(nodes), how many nodes there are, C(apis) as the module k8s_cluster_info returns
    it, C(minor), the release such as C(1.34), and C(rules), the C(status) of a SelfSubjectRulesReview.
    """
    return [
        *_cluster_problems(given, seen),
        *_policy_problems(given, seen),
        *missing_permissions(given, seen["apis"], seen["rules"]),
    ]


_READ_WRITE: t.Final = ("get", "create", "patch", "delete")
_DRY_RUN: t.Final = ("get", "create", "patch")  # of a server-side apply: it is tried whether a pod is injected
_NEEDED: t.Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "webhook": (
        ("", "namespaces"),
        ("", "pods"),
        ("", "secrets"),
        ("", "serviceaccounts"),
        ("", "services"),
        ("apps", "deployments"),
        ("policy", "poddisruptionbudgets"),
        ("rbac.authorization.k8s.io", "clusterroles"),
        ("rbac.authorization.k8s.io", "clusterrolebindings"),
        ("admissionregistration.k8s.io", "mutatingwebhookconfigurations"),
    ),
    "policy": (
        ("", "namespaces"),
        ("", "pods"),
        ("", "configmaps"),
        ("", "serviceaccounts"),
        ("admissionregistration.k8s.io", "mutatingadmissionpolicies"),
        ("admissionregistration.k8s.io", "mutatingadmissionpolicybindings"),
    ),
}

# What mode webhook makes on request, by the option and its value that ask for it. In the modes that inject, what is not
# asked for is looked for where it is served, and taken away.
_ON_REQUEST: t.Final = (
    ("tls", "cert-manager", "cert-manager.io", "Issuer", "issuers"),
    ("tls", "cert-manager", "cert-manager.io", "Certificate", "certificates"),
    ("network_policy", True, "networking.k8s.io", "NetworkPolicy", "networkpolicies"),
    ("service_monitor", True, "monitoring.coreos.com", "ServiceMonitor", "servicemonitors"),
    ("prometheus_rule", True, "monitoring.coreos.com", "PrometheusRule", "prometheusrules"),
)


def _allows(rule: t.Mapping[str, t.Any], verb: str, group: str, resource: str) -> bool:
    wanted = {"verbs": verb, "apiGroups": group, "resources": resource}
    return not rule.get("resourceNames") and all(
        value in (rule.get(key) or ()) or "*" in (rule.get(key) or ()) for key, value in wanted.items()
    )


def _needed(given: t.Mapping[str, t.Any], apis: Apis) -> t.Iterator[tuple[str, str, tuple[str, ...]]]:
    """Return the API group, the resource and the verbs of all that a run asks the API server for."""
    mode = given["mode"]
    for group, resource in _NEEDED.get(mode, ()):
        yield group, resource, _DRY_RUN if resource == "pods" else _READ_WRITE
    for option, value, group, kind, resource in _ON_REQUEST:
        if mode == "webhook" and given[option] == value:
            yield group, resource, _READ_WRITE
        elif mode in _NEEDED and any(kind in kinds for name, kinds in apis.items() if name.split("/")[0] == group):
            yield group, resource, ("get",)


def missing_permissions(given: t.Mapping[str, t.Any], apis: Apis, rules: t.Mapping[str, t.Any]) -> list[str]:
    """Say what the user of the kubeconfig may not do but has to, by the C(status) of a SelfSubjectRulesReview.

    GIVEN and APIS are as C(problems) takes them.
    """
    if not rules or rules.get("incomplete"):
        return []  # an authorizer that does not list its rules: the first task that is refused will say so
    granted = rules.get("resourceRules") or []
    missing = []
    for group, resource, needed in _needed(given, apis):
        verbs = [verb for verb in needed if not any(_allows(rule, verb, group, resource) for rule in granted)]
        if verbs:
            missing.append(f"{', '.join(verbs)} {resource}{group and f' ({group})'}")
    if not missing:
        return []
    return [
        f"The user of the kubeconfig may not {'; '.join(missing)}. Use a cluster administrator's, or grant it that."
    ]


def _owner(pod: Manifest) -> dict[str, str]:
    """Return C(kind) and C(name) of what makes the pod; a Deployment rather than its ReplicaSet. Empty for none."""
    metadata = pod["metadata"]
    reference = next((one for one in metadata.get("ownerReferences") or [] if one.get("controller")), None)
    if reference is None:
        return {}
    template = (metadata.get("labels") or {}).get("pod-template-hash")
    if reference["kind"] == "ReplicaSet" and template and reference["name"].endswith(f"-{template}"):
        return {"kind": "Deployment", "name": reference["name"][: -len(template) - 1]}
    return {"kind": reference["kind"], "name": reference["name"]}


def _is_concerned(pod: Manifest, with_role: t.Container[str], excluded: t.Container[str]) -> bool:
    metadata = pod["metadata"]
    key = f"{metadata['namespace']}/{service_account_of(pod['spec'])}"
    ended = (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed") or metadata.get("deletionTimestamp")
    # A mirror pod has no service account, and is what a kubelet says it is.
    mirror = "kubernetes.io/config.mirror" in (metadata.get("annotations") or {})
    skipped = SKIP_LABEL in (metadata.get("labels") or {})
    return key in with_role and metadata["namespace"] not in excluded and not (ended or mirror or skipped)


def missed(
    pods: t.Iterable[Manifest], with_role: t.Container[str], excluded: t.Container[str] = ()
) -> dict[str, list[t.Any]]:
    """Find the pods that are to have a role but were admitted without.

    WITH_ROLE are service accounts as C(namespace/name); pods in the namespaces EXCLUDED are left alone by intent.
    Returns C(pods), each with C(namespace), C(name), C(service_account) and C(owner); C(owners), manifests to merge
    that name what can be restarted, once each; and C(left), the C(namespace/name) of pods that nothing makes anew.
    """
    rows, owners, left = [], {}, []
    for pod in pods:
        if not _is_concerned(pod, with_role, excluded) or not lacks_role(pod):
            continue
        namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
        owner = _owner(pod)
        rows.append(
            {
                "namespace": namespace,
                "name": name,
                "service_account": service_account_of(pod["spec"]),
                "owner": f"{owner['kind']}/{owner['name']}" if owner else "",
            }
        )
        if owner.get("kind") in _RESTARTABLE:
            metadata = {"namespace": namespace, "name": owner["name"]}
            manifest = {"apiVersion": "apps/v1", "kind": owner["kind"], "metadata": metadata}
            owners[namespace, owner["kind"], owner["name"]] = manifest
        else:
            left.append(f"{namespace}/{name}")
    return {"pods": rows, "owners": list(owners.values()), "left": left}


__all__: t.Final = ("Image", "foreign", "image", "input_problems", "missed", "missing_permissions", "problems")
