# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What injects pods in a cluster, and what hinders it. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._documents.issuer import partition
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._injection.admission_policy import api
from ansible_collections.onprem.irsa.plugins.module_utils._injection.image_reference import (
    mirror_problem,
    reference_problem,
    registry,
)
from ansible_collections.onprem.irsa.plugins.module_utils._injection.options import injection_problems, pod_problems
from ansible_collections.onprem.irsa.plugins.module_utils._injection.pod import (
    SKIP_LABEL,
    Account,
    Lack,
    Settings,
    is_injected,
    service_account_of,
    without_role,
)
from ansible_collections.onprem.irsa.plugins.module_utils._injection.reach import HOOK, advice, is_unreached, refusal
from ansible_collections.onprem.irsa.plugins.module_utils._injection.wanted_roles import WantedRoles, workload_key

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._service_accounts import Manifest

# Releases up to this one answer without apiVersion and kind, which API servers take in a v1beta1 review alone:
# amazon-eks-pod-identity-webhook #225, #255 and #304; #310 mends it.
_LAST_V1BETA1: t.Final = (0, 6, 17)
_TAG = re.compile(r":v?([0-9]+)\.([0-9]+)\.([0-9]+)(?:@|$)")
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_SECRET = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?/[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")

# The upstream name, which kOps and the community's chart keep, and the one that EKS gives its own.
_HOOKS: t.Final = (HOOK, "iam-for-pods.amazonaws.com")
_SERVICE: t.Final = "pod-identity-webhook"
_CHART: t.Final = "amazon-eks-pod-identity-webhook"  # the community's, by whose release it may begin

# How often an API server may call the webhook for a pod, by whether it is strict, and the seconds for each call, as it
# ends a request for a pod after 34 (k8s.io/apiserver, endpoints/handlers/rest.go: requestTimeoutUpperBound).
_CALLS: t.Final = {False: ("twice", 15), True: ("three times", 11)}
# Where preStop.sleep and the matchConditions of webhooks are on by default (Kubernetes, "Feature Gates").
_OLDEST_FOR_WEBHOOK: t.Final = (1, 30)
_FIRST_PORT, _LAST_PORT = 1024, 65535
_PULL_TYPE: t.Final = "kubernetes.io/dockerconfigjson"

# Owners whose pods are replaced by changing their template. Those of others must be made again by hand, also where an
# API of its own has the same kind, such as the StatefulSet of apps.kruise.io.
_RESTARTABLE_VERSION: t.Final = "apps/v1"
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
        host = registry(reference)
        reference = f"{mirror.rstrip('/')}/{reference.removeprefix(f'{host}/' if host else '')}"
    return Image(reference, ["v1beta1"] if old else ["v1", "v1beta1"])


def _is_injector(webhook: t.Mapping[str, t.Any]) -> bool:
    service = (webhook.get("clientConfig") or {}).get("service") or {}
    # Azure's webhook has another name, Alibaba Cloud's a service that ends as the upstream one's does.
    name = str(service.get("name", ""))
    return webhook.get("name") in _HOOKS or name in (_SERVICE, _CHART) or name.endswith(f"-{_CHART}")


def foreign(configurations: t.Iterable[Manifest], own: t.Collection[str]) -> list[dict[str, t.Any]]:
    """Find other pod-identity webhooks among the C(MutatingWebhookConfiguration) of a cluster.

    OWN are the names of the role's. Returns for each configuration C(name), C(namespace) and C(service) of what it
    calls (empty for a URL), C(others), the webhooks of other kinds in it, and C(release), the Helm release that made
    it, or empty.
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
                    "others": [hook["name"] for hook in configuration["webhooks"] if not _is_injector(hook)],
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
    if given["mode"] in ("webhook", "policy"):
        yield from _image_problems(given["image"], given.get("image_mirror", ""))
        yield from injection_problems(given)
    if given["mode"] == "webhook":
        yield from _deployment_problems(given)


def _image_problems(reference: str, mirror: str) -> t.Iterator[str]:
    """Say what is wrong with the image, with where it comes from and with what the two make together."""
    name = "Name one, as in amazon/amazon-eks-pod-identity-webhook:v0.6.17."
    problem = reference_problem(reference)
    if problem:
        yield f"irsa_webhook_image is {reference!r}, {problem}. {name}"
    elif mirror:
        problem = mirror_problem(mirror) or reference_problem(image(reference, mirror).reference)
        if problem:
            yield (
                f"irsa_webhook_image_mirror is {mirror!r}, {problem}. Give a registry with a path if there is one, as "
                "in registry.example.com/hub."
            )


def _deployment_problems(given: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    """Say what no webhook could be run with."""
    for option, default in (("replicas", 2), ("certificate_days", 365), ("timeout", 5)):
        if given[option] < 1:
            yield f"irsa_webhook_{option} is {given[option]}. It must be 1 or more; the default is {default}."
    calls, longest = _CALLS[given["strict"]]
    strict = " with irsa_webhook_strict" if given["strict"] else ""
    if given["timeout"] > longest:
        yield (
            f"irsa_webhook_timeout is {given['timeout']}. API servers may call the webhook {calls} for a pod{strict}, "
            f"for whose creation they take 34 seconds at most. Set it to {longest} or less; the default is 5."
        )
    ports = (given["port"], given["metrics_port"])
    if ports[0] == ports[1] or not all(_FIRST_PORT <= port <= _LAST_PORT for port in ports):
        yield (
            f"irsa_webhook_port is {ports[0]} and irsa_webhook_metrics_port is {ports[1]}. They must be two ports from "
            f"{_FIRST_PORT} to {_LAST_PORT}, because the webhook does not run as root; the defaults are 8443 and 9999."
        )
    for option in ("tls_secret", "pull_secret"):
        if given[option] and _SECRET.fullmatch(given[option]) is None:
            yield f"irsa_webhook_{option} is {given[option]}. Name the Secret as namespace/name."
    if given["tls"] == "secret" and not given["tls_secret"]:
        yield "irsa_webhook_tls is secret, but no Secret is named. Set irsa_webhook_tls_secret to namespace/name."
    elif given["tls"] != "secret" and _SECRET.fullmatch(given["tls_secret"]):
        yield (
            f"irsa_webhook_tls_secret is {given['tls_secret']}, but irsa_webhook_tls is {given['tls']}, with which no "
            "Secret is taken. Set irsa_webhook_tls: secret, or leave irsa_webhook_tls_secret out."
        )
    yield from pod_problems(given)


def _mode_problems(given: t.Mapping[str, t.Any], seen: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    """Say what keeps the cluster from the mode: what injects pods already, and its age."""
    mode = given["mode"]
    names = ", ".join(other["name"] for other in seen["foreign"] if not other["others"])
    if mode in ("webhook", "policy") and names and not given["adopt"]:
        yield (
            f"The MutatingWebhookConfiguration {names} injects pods already. Set irsa_webhook_adopt: true to have this "
            "role take its place, or irsa_webhook_mode: foreign to leave it alone."
        )
    for other in seen["foreign"]:
        if mode in ("webhook", "policy") and other["others"]:
            yield (
                f"The MutatingWebhookConfiguration {other['name']} injects pods already, and has other webhooks, which "
                f"would go with it: {', '.join(other['others'])}. Set irsa_webhook_mode: foreign to leave it alone, or "
                "take its pod-identity webhook out by hand: pods that are created before the next run are not injected."
            )
    if mode == "webhook" and tuple(map(int, seen["minor"].split("."))) < _OLDEST_FOR_WEBHOOK:
        yield (
            f"irsa_webhook_mode is webhook, but the cluster is Kubernetes {seen['minor']}. It takes 1.30 or newer, for "
            "matchConditions and the sleep before its pods end. Upgrade the cluster, or set irsa_webhook_mode to none, "
            "or to foreign with a webhook of your own."
        )
    if mode == "foreign" and not seen["foreign"]:
        yield (
            "irsa_webhook_mode is foreign, but no other MutatingWebhookConfiguration calls a pod-identity webhook. "
            "Install one, or set irsa_webhook_mode to webhook, policy or none."
        )


def _cluster_problems(given: t.Mapping[str, t.Any], seen: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    """Say what in the cluster stands in the way of the role's objects."""
    mode = given["mode"]
    if mode in ("webhook", "policy") and seen["namespace_owner"] not in (None, "onprem.irsa"):
        yield (
            f"The namespace {given['namespace']} exists and was not made by this role, which would remove it with what "
            "injects pods. Choose another irsa_webhook_namespace."
        )
    if seen["other_namespaces"] and (mode in ("webhook", "policy") or seen["namespace_owner"] != "onprem.irsa"):
        before = seen["other_namespaces"][0]
        yield (
            f"irsa_webhook_namespace is {given['namespace']}, but the namespace {before} has what this role made "
            f"before, and API servers look there. Set irsa_webhook_namespace: {before}, or remove that first (pods "
            "that run stay as they are, pods that are created then are not injected): ansible-playbook -i inventory "
            f"onprem.irsa.site -e irsa_webhook_mode=none -e irsa_webhook_namespace={before}"
        )
    if mode == "webhook" and given["pull_secret"] and seen["pull_secret_type"] != _PULL_TYPE:
        kind = f"is of the type {seen['pull_secret_type']}" if seen["pull_secret_type"] else "does not exist"
        yield (
            f"irsa_webhook_pull_secret is {given['pull_secret']}, which {kind}. Make it a Secret of the type "
            f"{_PULL_TYPE}: kubectl create secret docker-registry"
        )
    if mode == "webhook" and _own_priority_class(given) and not seen.get("priority_class_exists", True):
        yield (
            f"irsa_webhook_priority_class is {given['priority_class']}, but the cluster has no such PriorityClass, and "
            "would make no pods. Make it, or name another; an empty text is for none."
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


def _own_priority_class(given: t.Mapping[str, t.Any]) -> str:
    """Return the priority class, if there is one that not every cluster has."""
    name = str(given.get("priority_class") or "")
    return "" if name.startswith("system-") else name


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
    C(app.kubernetes.io/managed-by)), C(other_namespaces) that the role has made, C(nodes), how many nodes there are,
    C(pull_secret_type) of the given Secret (empty where it is not there), C(priority_class_exists), whether the cluster
    has the priority class that it was asked for (left out where it was not asked), C(apis) as the module
    k8s_cluster_info returns it, C(minor), the release such as C(1.34), C(rules), the C(status) of a
    SelfSubjectRulesReview, and C(makes) and C(takes_away), by their C(apiVersion) and C(kind) what the role would make
    and look for to remove it.
    """
    return [
        *_mode_problems(given, seen),
        *_cluster_problems(given, seen),
        *_policy_problems(given, seen),
        *missing_permissions(given, seen),
    ]


_MAKE: t.Final = ("get", "create", "patch")  # a server-side apply, also one that is tried only

Right = tuple[str, str, tuple[str, ...]]
"""The version of an API, a kind in it and the verbs."""


def _reads(given: t.Mapping[str, t.Any]) -> t.Iterator[Right]:
    """Say what the role looks at: its lookups for the check, and for missed pods and what makes them."""
    yield "v1", "Namespace", ("list",)
    yield "admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", ("list",)
    if given["mode"] != "none":
        yield "v1", "Pod", ("list",)
        # To make its ClusterRole, one must have what that grants: Kubernetes, "Using RBAC", privilege escalation.
        yield "v1", "ServiceAccount", ("get", "list", "watch") if given["mode"] == "webhook" else ("list",)
    if given["mode"] == "webhook":
        yield "v1", "Secret", ("list",)
    if given["mode"] == "webhook" and _own_priority_class(given):
        yield "scheduling.k8s.io/v1", "PriorityClass", ("get",)
    if given["mode"] in ("webhook", "policy"):
        yield "discovery.k8s.io/v1", "EndpointSlice", ("list",)
    if given["mode"] == "webhook" and given["host_network"]:
        yield "v1", "Node", ("list",)
    if given["mode"] != "none" and given["restart_missed"]:
        for kind in _RESTARTABLE:
            yield _RESTARTABLE_VERSION, kind, ("get", "list", "patch")


def _changes(given: t.Mapping[str, t.Any], seen: t.Mapping[str, t.Any]) -> t.Iterator[Right]:
    """Say what the role makes and removes; a mode that makes nothing is not refused where there is nothing."""
    makes = given["mode"] in ("webhook", "policy")
    there = seen["namespace_owner"] == "onprem.irsa"
    for one in seen["makes"]:
        yield one["apiVersion"], one["kind"], _MAKE
    for one in seen["takes_away"]:
        yield one["apiVersion"], one["kind"], ("get", "delete") if makes or there else ("get",)
    if makes:
        yield "v1", "Pod", _MAKE
    elif there:
        yield "v1", "Pod", ("get", "list", "delete")
    if given["mode"] != "none" and given["restart_missed"]:
        yield "v1", "Pod", ("get", "create")  # tried only, in the namespaces of what will be restarted
    if given["adopt"] and seen["foreign"]:
        yield "admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", ("delete",)
        yield "v1", "Service", ("get", "delete")
        yield "apps/v1", "Deployment", ("list", "delete")


def _needed(given: t.Mapping[str, t.Any], seen: t.Mapping[str, t.Any]) -> dict[tuple[str, str], list[str]]:
    """Return the verbs of all that a run asks the API server for, by API group and resource.

    What the cluster does not serve is left out: where it is asked for, that is a problem of its own.
    """
    needed: dict[tuple[str, str], list[str]] = {}
    for version, kind, verbs in [*_changes(given, seen), *_reads(given)]:
        if kind in seen["apis"].get(version, {}):
            group = version.rpartition("/")[0]
            known = needed.setdefault((group, seen["apis"][version][kind]["name"]), [])
            known += [verb for verb in verbs if verb not in known]
    return needed


def _allows(rule: t.Mapping[str, t.Any], verb: str, group: str, resource: str) -> bool:
    wanted = {"verbs": verb, "apiGroups": group, "resources": resource}
    return not rule.get("resourceNames") and all(
        value in (rule.get(key) or ()) or "*" in (rule.get(key) or ()) for key, value in wanted.items()
    )


def missing_permissions(given: t.Mapping[str, t.Any], seen: t.Mapping[str, t.Any]) -> list[str]:
    """Say what the user of the kubeconfig may not do but has to, by the C(status) of a SelfSubjectRulesReview.

    GIVEN and SEEN are as C(problems) takes them.
    """
    rules = seen["rules"]
    if not rules or rules.get("incomplete"):
        return []  # an authorizer that does not list its rules: the first task that is refused will say so
    granted = rules.get("resourceRules") or []
    missing = []
    for (group, resource), needed in _needed(given, seen).items():
        verbs = [verb for verb in needed if not any(_allows(rule, verb, group, resource) for rule in granted)]
        if verbs:
            missing.append(f"{', '.join(verbs)} {resource}{group and f' ({group})'}")
    if not missing:
        return []
    return [
        f"The user of the kubeconfig may not {'; '.join(missing)}. Use a cluster administrator's, or grant it that."
    ]


def _owner(pod: Manifest) -> dict[str, str]:
    """Return C(apiVersion), C(kind) and C(name) of what makes the pod; a Deployment rather than its ReplicaSet.

    Empty for none.
    """
    metadata = pod["metadata"]
    reference = next((one for one in metadata.get("ownerReferences") or [] if one.get("controller")), None)
    if reference is None:
        return {}
    owner = {key: reference[key] for key in ("apiVersion", "kind", "name")}
    template = (metadata.get("labels") or {}).get("pod-template-hash")
    is_replica_set = (owner["apiVersion"], owner["kind"]) == (_RESTARTABLE_VERSION, "ReplicaSet")
    if is_replica_set and template and owner["name"].endswith(f"-{template}"):
        return {**owner, "kind": "Deployment", "name": owner["name"][: -len(template) - 1]}
    return owner


def _is_concerned(pod: Manifest, excluded: t.Container[str]) -> bool:
    """Tell whether a pod runs and is not left out by intent."""
    metadata = pod["metadata"]
    ended = (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed") or metadata.get("deletionTimestamp")
    # A mirror pod has no service account, and is what a kubelet says it is.
    mirror = "kubernetes.io/config.mirror" in (metadata.get("annotations") or {})
    skipped = SKIP_LABEL in (metadata.get("labels") or {})
    return metadata["namespace"] not in excluded and not (ended or mirror or skipped)


def _keeps_pods(workload: Manifest) -> bool:
    """Tell whether a changed template makes no new pod: Kubernetes API, C(updateStrategy) and C(paused) of apps/v1.

    A StatefulSet with a partition keeps those below it.
    """
    spec = workload["spec"]
    strategy = spec.get("updateStrategy") or {}
    partition = (strategy.get("rollingUpdate") or {}).get("partition")
    return bool(spec.get("paused") or partition) or strategy.get("type") == "OnDelete"


def probe_failure(
    failed: t.Mapping[str, t.Any], port: int = 8443, namespace: str = "pod-identity-webhook"
) -> dict[str, str]:
    """Say why pods that were tried have no role, by the result of the failed task, with or without a loop.

    Returns C(said), as C(cause) C(unreached), C(ignored) where a pod was admitted without its role, or C(refused), and
    as C(fix) what helps where the webhook at PORT of pods in NAMESPACE is not reached.
    """
    said, causes, unreached = [], set(), []
    for one in [one for one in failed.get("results", ()) if one.get("failed")] or [failed]:
        error = str(one.get("msg") or "no reason is known")
        is_ignored = "result" in one
        cause = "ignored" if is_ignored else "unreached" if is_unreached(error) else "refused"
        causes.add(cause)
        unreached += [error] if cause == "unreached" else []
        where = f"at {one['item']} " if "item" in one else ""
        said.append(f"{where}{'it was admitted without its role' if is_ignored else error}")
    cause = next(cause for cause in ("unreached", "ignored", "refused") if cause in causes)
    fixes = dict.fromkeys(advice(error, port=port, namespace=namespace) for error in unreached)
    return {"cause": cause, "said": "; ".join(said), "fix": " ".join(fixes)}


def workload_pod(workload: Manifest, name: str) -> Manifest:
    """Return a pod as a workload of apps/v1 makes it, to be tried under a name."""
    template, of = workload["spec"]["template"], workload["metadata"]
    metadata = {
        key: value for key, value in (template.get("metadata") or {}).items() if key in ("annotations", "labels")
    }
    spec = dict(template["spec"])
    # The controller adds these to a StatefulSet's pods, without which what mounts them would be refused.
    claims = [one["metadata"]["name"] for one in workload["spec"].get("volumeClaimTemplates") or []]
    if claims:
        claimed = [
            {"name": claim, "persistentVolumeClaim": {"claimName": f"{claim}-{of['name']}-0"}} for claim in claims
        ]
        spec["volumes"] = [*(one for one in spec.get("volumes") or [] if one["name"] not in claims), *claimed]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {**metadata, "namespace": of["namespace"], "name": name},
        "spec": spec,
    }


def _unhelped(trial: t.Mapping[str, t.Any], audiences: t.Container[str]) -> str:
    """Say why a restart would give no role, by what the module k8s returned for a pod; empty when it would."""
    admitted = trial.get("result") or {}
    if "spec" not in admitted:
        said = refusal(str(trial.get("msg", "no reason is known")))
        # What ends the old pod first needs no more than there is.
        return "" if "exceeded quota" in said else f"a pod that was tried is refused: {said}"
    lack = without_role({"metadata": {}, **admitted}, audiences)
    if lack is not None and lack.reason:
        return f"{_NOT_EITHER}: {lack.reason}"
    return "" if lack is None and is_injected(admitted) else _NOT_EITHER


_NOT_EITHER: t.Final = "a new pod would not be injected either"


def _lack(
    pod: Manifest,
    with_role: t.Container[str],
    owner: t.Mapping[str, str],
    wanted: WantedRoles,
    audiences: t.Collection[str],
) -> Lack | None:
    """Say why a pod lacks the role that its service account has, or that somebody plainly wanted it to have."""
    key = f"{pod['metadata']['namespace']}/{service_account_of(pod['spec'])}"
    if key in with_role:
        known = with_role.get(key) if isinstance(with_role, t.Mapping) else None
        own = [known.audience] if isinstance(known, Account) else []
        return without_role(pod, [*audiences, *own] or [Settings().audience])
    reason = wanted.reason(pod, owner)
    return Lack(reason, False) if reason and without_role(pod) is not None else None


def missed(  # noqa: PLR0913 -- what there is of a cluster
    pods: t.Iterable[Manifest],
    with_role: t.Container[str],
    excluded: t.Container[str] = (),
    workloads: t.Iterable[Manifest] = (),
    trials: t.Iterable[t.Mapping[str, t.Any]] = (),
    *,
    audiences: t.Collection[str] = (),
    service_accounts: t.Iterable[Manifest] = (),
    roles: t.Iterable[t.Mapping[str, t.Any]] = (),
    namespaces: t.Iterable[Manifest] = (),
) -> dict[str, list[t.Any]]:
    """Find the pods that are to have a role but were admitted without.

    WITH_ROLE are service accounts as C(namespace/name), or what they get by that; pods in the namespaces EXCLUDED are
    left alone by intent. Those of the WORKLOADS that keep their pods are not restarted, nor those for which TRIALS,
    results of the module k8s for C(workload_pod) by the C(item), show that it would not help. AUDIENCES are those that
    a token may be for beside its account's; where neither is known, that is AWS's own default. By SERVICE_ACCOUNTS,
    ROLES and NAMESPACES pods are found whose owner plainly wanted a role that nothing gives. Returns C(pods), each with
    C(namespace), C(name), C(service_account), C(owner) and, where more is known than that nothing was injected,
    C(reason); C(owners), manifests to merge that name what can be restarted, once each; and C(left), those of the pods
    to which no restart gives their role, each with a C(reason).
    """
    workloads = list(workloads)
    wanted = WantedRoles(service_accounts, roles, namespaces, workloads)
    reasons = {
        **{workload_key(trial["item"]): _unhelped(trial, audiences) for trial in trials},
        **{workload_key(one): "a restart keeps pods of what makes it" for one in workloads if _keeps_pods(one)},
    }
    rows, owners, left = [], {}, []
    for pod in pods:
        owner = _owner(pod)
        lack = _lack(pod, with_role, owner, wanted, audiences) if _is_concerned(pod, excluded) else None
        if lack is None:
            continue
        row = _row(pod, owner, lack.reason)
        rows.append(row)
        key = (row["namespace"], owner.get("kind", ""), owner.get("name", ""))
        reason = _left_reason(owner, lack) or reasons.get(key, "")
        if not reason:
            metadata = {"namespace": row["namespace"], "name": owner["name"]}
            owners[key] = {"apiVersion": _RESTARTABLE_VERSION, "kind": owner["kind"], "metadata": metadata}
        else:
            left.append({**row, "reason": reason})
    return {"pods": rows, "owners": list(owners.values()), "left": left}


def _row(pod: Manifest, owner: t.Mapping[str, str], reason: str) -> dict[str, str]:
    row = {
        "namespace": pod["metadata"]["namespace"],
        "name": pod["metadata"]["name"],
        "service_account": service_account_of(pod["spec"]),
        "owner": f"{owner['kind']}/{owner['name']}" if owner else "",
    }
    return {**row, "reason": reason} if reason else row


def _left_reason(owner: t.Mapping[str, str], lack: Lack) -> str:
    """Say why no restart gives a pod its role, by what makes it and by what it lacks; empty where one may."""
    if not lack.is_cured_by_restart:
        return lack.reason
    restartable = owner.get("apiVersion") == _RESTARTABLE_VERSION and owner["kind"] in _RESTARTABLE
    return "" if restartable else "nothing that can be restarted makes it"


def is_rolled_out(workload: Manifest) -> bool:
    """Tell whether every pod of a workload of apps/v1 is of its template, and available.

    That as many are available as are wanted says nothing of a new template: its pods may be still to come.
    """
    status = workload.get("status") or {}
    if status.get("observedGeneration", 0) < workload["metadata"]["generation"]:
        return False
    if workload["kind"] == "DaemonSet":
        wanted, counts = status.get("desiredNumberScheduled", 0), ["updatedNumberScheduled", "numberAvailable"]
    else:
        wanted, counts = workload["spec"].get("replicas", 1), ["replicas", "updatedReplicas", "availableReplicas"]
    return all(status.get(count, 0) == wanted for count in counts)


def superseded(pods: t.Iterable[Manifest]) -> list[str]:
    """Return the names of a Deployment's pods that are of another template than those that stay.

    They go on answering until they have ended: API servers keep the connection over which they have called one. A pod
    that ends but is of today's template answers as the one in its place does, and one that has ended answers nothing.
    """
    there = [pod for pod in pods if (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed")]
    staying = {_template(pod) for pod in there if not pod["metadata"].get("deletionTimestamp")}
    return sorted(
        pod["metadata"]["name"]
        for pod in there
        if pod["metadata"].get("deletionTimestamp") and _template(pod) not in staying
    )


def _template(pod: Manifest) -> str | None:
    """Return what a Deployment's controller tells the pods of one template from those of another by."""
    return (pod["metadata"].get("labels") or {}).get("pod-template-hash")


__all__: t.Final = (
    "Image",
    "foreign",
    "image",
    "input_problems",
    "is_rolled_out",
    "is_unreached",
    "missed",
    "missing_permissions",
    "probe_failure",
    "problems",
    "refusal",
    "superseded",
    "workload_pod",
)
