# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the injection and looks at a cluster, for tests; what they leave out is as in a cluster without it."""

from __future__ import annotations

import typing as t
from datetime import timedelta

from ansible_collections.onprem.irsa.plugins.module_utils._injection.names import (
    CLUSTER_NAME,
    LABELS,
    NAME,
    PART_LABEL,
)
from ansible_collections.onprem.irsa.plugins.module_utils._injection.observation import Observation
from ansible_collections.onprem.irsa.plugins.module_utils._injection.options import Options
from ansible_collections.onprem.irsa.plugins.module_utils._injection.parts import ADMISSION, KINDS, POLICY_KINDS

from .some_certificates import NOW, authority, encoded

Json = dict[str, t.Any]

UPSTREAM = "amazon/amazon-eks-pod-identity-webhook"
HOOK = "pod-identity-webhook.amazonaws.com"
ARN = "arn:aws:iam::123456789012:role/prod-reports"
PLURALS = {
    "v1": {"Namespace": "namespaces", "Node": "nodes", "Pod": "pods"},
    "apps/v1": {"DaemonSet": "daemonsets", "StatefulSet": "statefulsets"},
    "cert-manager.io/v1": {"CertificateRequest": "certificaterequests"},
    "discovery.k8s.io/v1": {"EndpointSlice": "endpointslices"},
    "scheduling.k8s.io/v1": {"PriorityClass": "priorityclasses"},
}


def served(*versions: str, policy: str = "v1beta1") -> dict[str, dict[str, str]]:
    """Return the kinds of these API versions, by default of all; the policy's in one of them, or in none."""
    found: dict[str, dict[str, str]] = {}
    for kind in KINDS:
        version = kind.version if kind.name not in POLICY_KINDS else policy and f"{ADMISSION}/{policy}"
        if version and (not versions or version in versions):
            found.setdefault(version, {})[kind.name] = kind.plural
    for version, plurals in PLURALS.items():
        if not versions or version in versions:
            found.setdefault(version, {}).update(plurals)
    return found


APIS = {version: kinds for version, kinds in served().items() if not version.startswith(("cert-manager", "monitoring"))}
"""Of a cluster with the policy, and without cert-manager and the Prometheus operator."""


def options(**changes: t.Any) -> Options:  # noqa: ANN401 -- of any field
    """Return the role's defaults, changed."""
    return Options(**{**DEFAULTS, **changes})


DEFAULTS: Json = {
    "mode": "webhook",
    "namespace": NAME,
    "audience": "sts.amazonaws.com",
    "region": "eu-central-1",
    "image": f"{UPSTREAM}:v0.6.17",
    "priority_class": "system-cluster-critical",
}


def seen(**changes: t.Any) -> Observation:  # noqa: ANN401 -- of any field
    """Return a look at a cluster that has nothing of the injection, changed."""
    everything = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
    default: Json = {
        "now": NOW + timedelta(days=1),
        "minor": "1.34",
        "apis": APIS,
        "rules": {"resourceRules": [everything]},
        "namespace": None,
        "own_namespaces": (),
        "configurations": (),
        "nodes": 1,
    }
    return Observation(**{**default, **changes})


def own(kind: str, name: str = NAME, part: str = "", *, namespace: str = NAME, **content: object) -> Json:
    """Return an object that the role has made; without a PART, as releases before that label did."""
    version = next((known.version for known in KINDS if known.name == kind), "v1")
    labels = {**LABELS, PART_LABEL: part} if part else {**LABELS}
    within = {"namespace": namespace} if namespace else {}
    metadata = {"name": name, **within, "labels": labels}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **content}


def secret_of(name: str, data: t.Mapping[str, str], kind: str = "kubernetes.io/tls") -> Json:
    """Return a Secret of the role's namespace."""
    metadata = {"name": name, "namespace": NAME}
    return {"apiVersion": "v1", "kind": "Secret", "type": kind, "metadata": metadata, "data": dict(data)}


def called(bundle: str | None = None, *reviews: str) -> Json:
    """Return the configuration by which API servers call the webhook, trusting a caBundle."""
    hooks = [
        {
            "name": name,
            "clientConfig": {"caBundle": encoded(authority()) if bundle is None else bundle},
            "admissionReviewVersions": [*(reviews or ("v1beta1",))],
        }
        for name in (HOOK, f"again.{HOOK}")
    ]
    return own("MutatingWebhookConfiguration", CLUSTER_NAME, "configuration", namespace="", webhooks=hooks)


NAMESPACE = own("Namespace", part="namespace", namespace="")
