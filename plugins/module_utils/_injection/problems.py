# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with options of the injection, or with a cluster for them. PRIVATE: it may change without notice."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._documents.issuer import partition
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._injection.admission_policy import api
from ansible_collections.onprem.irsa.plugins.module_utils._injection.image import image
from ansible_collections.onprem.irsa.plugins.module_utils._injection.image_reference import (
    mirror_problem,
    reference_problem,
)
from ansible_collections.onprem.irsa.plugins.module_utils._injection.option_problems import (
    injection_problems,
    pod_problems,
)
from ansible_collections.onprem.irsa.plugins.module_utils._injection.options import Options, own_priority_class

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._injection.observation import Observation

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_SECRET = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?/[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
# How often an API server may call the webhook for a pod, by whether it is strict, and the seconds for each call, as it
# ends a request for a pod after 34 (k8s.io/apiserver, endpoints/handlers/rest.go: requestTimeoutUpperBound).
_CALLS: t.Final = {False: ("twice", 15), True: ("three times", 11)}
# Where preStop.sleep and the matchConditions of webhooks are on by default (Kubernetes, "Feature Gates").
_OLDEST_FOR_WEBHOOK: t.Final = (1, 30)
_FIRST_PORT, _LAST_PORT = 1024, 65535
_PULL_TYPE: t.Final = "kubernetes.io/dockerconfigjson"


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


def _mode_problems(options: Options, seen: Observation) -> t.Iterator[str]:
    """Say what keeps the cluster from the mode: what injects pods already, and its age."""
    mode = options.mode
    names = ", ".join(other.name for other in seen.foreign if not other.others)
    if mode in ("webhook", "policy") and names and not options.adopt:
        yield (
            f"The MutatingWebhookConfiguration {names} injects pods already. Set irsa_webhook_adopt: true to have this "
            "role take its place, or irsa_webhook_mode: foreign to leave it alone."
        )
    for other in seen.foreign:
        if mode in ("webhook", "policy") and other.others:
            yield (
                f"The MutatingWebhookConfiguration {other.name} injects pods already, and has other webhooks, which "
                f"would go with it: {', '.join(other.others)}. Set irsa_webhook_mode: foreign to leave it alone, or "
                "take its pod-identity webhook out by hand: pods that are created before the next run are not injected."
            )
    if mode == "webhook" and tuple(map(int, seen.minor.split("."))) < _OLDEST_FOR_WEBHOOK:
        yield (
            f"irsa_webhook_mode is webhook, but the cluster is Kubernetes {seen.minor}. It takes 1.30 or newer, for "
            "matchConditions and the sleep before its pods end. Upgrade the cluster, or set irsa_webhook_mode to none, "
            "or to foreign with a webhook of your own."
        )
    if mode == "foreign" and not seen.foreign:
        yield (
            "irsa_webhook_mode is foreign, but no other MutatingWebhookConfiguration calls a pod-identity webhook. "
            "Install one, or set irsa_webhook_mode to webhook, policy or none."
        )


def _cluster_problems(options: Options, seen: Observation) -> t.Iterator[str]:
    """Say what in the cluster stands in the way of the role's objects."""
    mode = options.mode
    if mode in ("webhook", "policy") and seen.namespace_owner not in (None, "onprem.irsa"):
        yield (
            f"The namespace {options.namespace} exists and was not made by this role, which would remove it with what "
            "injects pods. Choose another irsa_webhook_namespace."
        )
    if seen.other_namespaces and (mode in ("webhook", "policy") or seen.namespace_owner != "onprem.irsa"):
        before = seen.other_namespaces[0]
        yield (
            f"irsa_webhook_namespace is {options.namespace}, but the namespace {before} has what this role made "
            f"before, and API servers look there. Set irsa_webhook_namespace: {before}, or remove that first (pods "
            "that run stay as they are, pods that are created then are not injected): ansible-playbook -i inventory "
            f"onprem.irsa.site -e irsa_webhook_mode=none -e irsa_webhook_namespace={before}"
        )
    of_webhook, of_both = ("webhook",), ("webhook", "policy")
    for option, group, kind, modes in (
        ("tls", "cert-manager.io/v1", "Certificate", of_webhook),
        ("service_monitor", "monitoring.coreos.com/v1", "ServiceMonitor", of_webhook),
        ("prometheus_rule", "monitoring.coreos.com/v1", "PrometheusRule", of_both),
    ):
        value = getattr(options, option)
        asked = value in (True, "cert-manager")
        if mode in modes and asked and kind not in seen.apis.get(group, {}):
            yield (
                f"irsa_webhook_{option} is {value}, but the cluster does not serve {kind} ({group}). "
                f"Install it first, or leave irsa_webhook_{option} at its default."
            )


def resource_problems(options: Options, seen: Observation) -> t.Iterator[str]:
    """Say what the webhook is to use that the cluster lacks: credentials, a priority class, nodes."""
    if options.mode == "webhook" and options.pull_secret and _pull_type(seen) != _PULL_TYPE:
        kind = f"is of the type {_pull_type(seen)}" if _pull_type(seen) else "does not exist"
        yield (
            f"irsa_webhook_pull_secret is {options.pull_secret}, which {kind}. Make it a Secret of the type "
            f"{_PULL_TYPE}: kubectl create secret docker-registry"
        )
    if options.mode == "webhook" and own_priority_class(options) and not seen.priority_class_exists:
        yield (
            f"irsa_webhook_priority_class is {options.priority_class}, but the cluster has no such PriorityClass, and "
            "would make no pods. Make it, or name another; an empty text is for none."
        )
    if options.mode == "webhook" and options.host_network and options.replicas > seen.nodes:
        nodes = "the one node" if seen.nodes == 1 else f"each of the {seen.nodes} nodes"
        yield (
            f"irsa_webhook_replicas is {options.replicas}, but in the network of their hosts only one fits on "
            f"{nodes}. Set irsa_webhook_replicas to {max(1, seen.nodes)}."
        )


def _policy_problems(options: Options, seen: Observation) -> t.Iterator[str]:
    """Say what keeps API servers from evaluating the policy."""
    if options.mode != "policy":
        return
    try:
        policy = api(seen.apis, seen.minor)
    except InputError as error:
        yield str(error)
        return
    if not policy.served and not options.set_flags:
        flags = " and ".join(f"--{name}={value}" for name, value in policy.flags.items())
        yield (
            f"irsa_webhook_mode is policy, but the API servers do not serve MutatingAdmissionPolicy. It takes "
            f"{flags} on each. Set irsa_webhook_set_flags: true to have this role set them, one after the other."
        )


def problems(options: Options, seen: Observation) -> list[str]:
    """Return a sentence for all that is in the way of the mode: the value, the rule and the fix.

    It takes what begin() has seen; C(resource_problems) takes what complete() adds.
    """
    return [
        *_mode_problems(options, seen),
        *_cluster_problems(options, seen),
        *_policy_problems(options, seen),
    ]


def _pull_type(seen: Observation) -> str:
    return str((seen.pull_secret or {}).get("type") or "")


__all__: t.Final = ("input_problems", "problems", "resource_problems")
