# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the injection's objects are called. PRIVATE: it may change without notice.

The role's templates have the same names from its vars/main.yml; a test compares the two.
"""

from __future__ import annotations

import typing as t

NAME: t.Final = "pod-identity-webhook"
"""Of what is in the namespace."""
CLUSTER_NAME: t.Final = "onprem-irsa-pod-identity-webhook"
"""Of what has no namespace."""
PROBE: t.Final = "pod-identity-probe"
PROBE_CONFIGURATION: t.Final = "onprem-irsa-pod-identity-probe"
PROBE_LABEL: t.Final = "onprem.irsa/probe"
"""By which the probe's webhook knows its pods; a policy goes by their service account."""
PROBE_ROLE: t.Final = "arn:aws:iam::000000000000:role/probe"
"""A role that does not exist, of a service account that nobody else uses."""
POLICY: t.Final = "onprem-irsa-pod-identity"
SYSTEM_POLICY: t.Final = "onprem-irsa-pod-identity-system"
POLICY_PARAMETERS: t.Final = "pod-identity-roles"
# Secrets of the role.
AUTHORITY: t.Final = "pod-identity-webhook-ca"
CERTIFICATE: t.Final = "pod-identity-webhook-tls"
# cert-manager's own, so that it never writes into what pods serve: they change over once API servers trust it.
ISSUED_AUTHORITY: t.Final = "pod-identity-webhook-cert-manager-ca"
ISSUED_CERTIFICATE: t.Final = "pod-identity-webhook-cert-manager-tls"
PULL_CREDENTIALS: t.Final = "pod-identity-webhook-pull"

LABELS: t.Final[t.Mapping[str, str]] = {
    "app.kubernetes.io/name": NAME,
    "app.kubernetes.io/managed-by": "onprem.irsa",
}
"""Of every object that the role makes: what has them is the role's."""
OWN_NAMES: t.Final = frozenset(
    {
        NAME,
        f"{NAME}-metrics",
        f"{NAME}-selfsigned",
        CLUSTER_NAME,
        PROBE,
        AUTHORITY,
        POLICY,
        SYSTEM_POLICY,
        POLICY_PARAMETERS,
    }
)
"""Of the role's objects, by which they are known where somebody has removed their labels; a run gives them back."""
PART_LABEL: t.Final = "onprem.irsa/part"
"""Which template made an object."""
SELECTOR: t.Final = ",".join(f"{name}={value}" for name, value in LABELS.items())

SYSTEM_NAMESPACES: t.Final = ("kube-system", "kube-public", "kube-node-lease")
"""Nothing that the cluster needs to run is refused for want of a role."""
