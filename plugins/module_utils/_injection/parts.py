# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each mode makes, by the templates it is made from. PRIVATE: it may change without notice.

A part is a template of the role, and the value of the label C(onprem.irsa/part) on what it makes. An object that is the
role's and is of no part that is wanted is removed: what a mode owns stands in the cluster, not in a list.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.onprem.irsa.plugins.module_utils._injection.names import (
    AUTHORITY,
    CERTIFICATE,
    ISSUED_AUTHORITY,
    ISSUED_CERTIFICATE,
    LABELS,
    OWN_NAMES,
    PART_LABEL,
    PULL_CREDENTIALS,
)

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._injection.options import Options

Json = dict[str, t.Any]

ADMISSION: t.Final = "admissionregistration.k8s.io"
POLICY_KINDS: t.Final = ("MutatingAdmissionPolicyBinding", "MutatingAdmissionPolicy")


@dataclass(frozen=True)
class Kind:
    """A kind of the Kubernetes API."""

    version: str
    """Group and version, as C(apiVersion) has them; that of the policy's kinds is the one that the cluster serves."""
    name: str
    plural: str
    namespaced: bool = True

    def path(self, namespace: str = "") -> str:
        """Return where objects of the kind are listed: in a namespace, or all of them."""
        root = f"/api/{self.version}" if "/" not in self.version else f"/apis/{self.version}"
        return f"{root}/namespaces/{namespace}/{self.plural}" if namespace else f"{root}/{self.plural}"


WEBHOOK: t.Final = Kind(f"{ADMISSION}/v1", "MutatingWebhookConfiguration", "mutatingwebhookconfigurations", False)
SECRET: t.Final = Kind("v1", "Secret", "secrets")

# In the order of their removal: first what API servers call. cert-manager makes Secrets of a Certificate again, and
# leaves them when that is gone: they go last.
KINDS: t.Final = (
    WEBHOOK,
    Kind(f"{ADMISSION}/v1", "MutatingAdmissionPolicyBinding", "mutatingadmissionpolicybindings", False),
    Kind(f"{ADMISSION}/v1", "MutatingAdmissionPolicy", "mutatingadmissionpolicies", False),
    Kind("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "clusterrolebindings", False),
    Kind("rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles", False),
    Kind("v1", "ConfigMap", "configmaps"),
    Kind("apps/v1", "Deployment", "deployments"),
    Kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets"),
    Kind("v1", "Service", "services"),
    Kind("v1", "ServiceAccount", "serviceaccounts"),
    Kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies"),
    Kind("monitoring.coreos.com/v1", "ServiceMonitor", "servicemonitors"),
    Kind("monitoring.coreos.com/v1", "PrometheusRule", "prometheusrules"),
    Kind("cert-manager.io/v1", "Certificate", "certificates"),
    Kind("cert-manager.io/v1", "Issuer", "issuers"),
    SECRET,
)

# The kinds of each part, for the rights that a run needs.
MADE: t.Final[t.Mapping[str, tuple[str, ...]]] = {
    "namespace": ("Namespace",),
    "access": ("ServiceAccount", "ClusterRole", "ClusterRoleBinding"),
    "service": ("Service", "PodDisruptionBudget"),
    "deployment": ("Deployment",),
    "network_policy": ("NetworkPolicy",),
    "metrics": ("Service",),
    "service_monitor": ("ServiceMonitor",),
    "prometheus_rule": ("PrometheusRule",),
    "cert_manager": ("Issuer", "Certificate"),
    "certificate": ("Secret",),
    "authority": ("Secret",),
    "pull_secret": ("Secret",),
    "probe": ("ServiceAccount",),
    "probe_webhook": ("MutatingWebhookConfiguration",),
    "configuration": ("MutatingWebhookConfiguration",),
    "policy_parameters": ("ConfigMap",),
    "policy": POLICY_KINDS,
}
SECRET_PARTS: t.Final[t.Mapping[str, str]] = {
    AUTHORITY: "authority",
    CERTIFICATE: "certificate",
    PULL_CREDENTIALS: "pull_secret",
    ISSUED_AUTHORITY: "cert_manager",
    ISSUED_CERTIFICATE: "cert_manager",
}
"""The parts of the Secrets in the role's namespace, by their names."""
TEMPLATELESS: t.Final = ("authority", "certificate", "pull_secret")
"""Parts whose Secrets are written where their keys are made or copied."""


def wanted(options: Options) -> tuple[str, ...]:
    """Return the parts of what was asked for, in the order in which they are made."""
    rules = ("prometheus_rule",) if options.prometheus_rule else ()
    if options.mode == "policy":
        return ("namespace", *rules, "probe", "policy_parameters", "policy")
    if options.mode != "webhook":
        return ()
    metrics = options.metrics_service or options.service_monitor
    on_request = {
        "cert_manager": options.tls == "cert-manager",
        "authority": options.tls == "own",
        "certificate": options.tls in ("own", "secret"),
        "pull_secret": bool(options.pull_secret),
        "network_policy": options.network_policy,
        "metrics": metrics,
        "service_monitor": options.service_monitor,
    }
    asked = [part for part, is_asked in on_request.items() if is_asked]
    return ("namespace", *asked, *rules, "access", "service", "deployment", "probe", "probe_webhook", "configuration")


def is_owned(manifest: Json) -> bool:
    """Tell whether an object is the role's, without a namespace or in its own: by both its labels, or by its name.

    API servers go by names alone, so that what has lost its labels injects pods as before.
    """
    metadata = manifest["metadata"]
    labels = metadata.get("labels") or {}
    return metadata["name"] in OWN_NAMES or all(labels.get(name) == value for name, value in LABELS.items())


def part_of(manifest: Json) -> str:
    """Return the part that an object is of; empty for one without the label, as releases before it made them.

    Secrets go by their names: cert-manager writes some of them, without labels at first.
    """
    metadata = manifest["metadata"]
    if manifest["kind"] == SECRET.name:
        return SECRET_PARTS.get(metadata["name"], "")
    return str((metadata.get("labels") or {}).get(PART_LABEL) or "")


__all__: t.Final = (
    "ADMISSION",
    "KINDS",
    "MADE",
    "POLICY_KINDS",
    "SECRET",
    "SECRET_PARTS",
    "TEMPLATELESS",
    "WEBHOOK",
    "Kind",
    "is_owned",
    "part_of",
    "wanted",
)
