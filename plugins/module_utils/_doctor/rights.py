# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""All that the doctor asks a cluster and AWS for, and so the rights that are enough. PRIVATE: it may change.

Pure. The requests of a gathering pass through C(right_of) and C(refused_call): what does not stand here is never asked
for, so that the policy and the roles that are printed from it cannot be too small or too large.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.onprem.irsa.plugins.module_utils._iam.operator_policy import actions

Json = dict[str, t.Any]

NAME: t.Final = "onprem-irsa-doctor"
"""Of the ClusterRole and the Roles."""
OWN: t.Final = "*"
"""Stands for the namespace of the role P(onprem.irsa.irsa_webhook#role)."""


@dataclass(frozen=True)
class Right:
    """A right in the cluster."""

    verb: str
    group: str
    resource: str
    """With its subresource, as C(serviceaccounts/token)."""
    namespace: str = ""
    """The namespace in which alone it is used; empty for the whole cluster."""
    name: str = ""
    """The object for which alone it is used; empty for all."""


_ADMISSION: t.Final = "admissionregistration.k8s.io"

RIGHTS: t.Final = (
    Right("get", "", "namespaces"),
    Right("list", "", "namespaces"),
    Right("list", "", "serviceaccounts"),
    Right("list", "", "pods"),
    Right("list", "", "services"),
    Right("list", "", "nodes"),
    Right("list", "apps", "daemonsets"),
    Right("list", "apps", "deployments"),
    Right("list", "apps", "statefulsets"),
    Right("list", "discovery.k8s.io", "endpointslices"),
    Right("list", _ADMISSION, "mutatingwebhookconfigurations"),
    Right("list", _ADMISSION, "mutatingadmissionpolicies"),
    Right("list", _ADMISSION, "mutatingadmissionpolicybindings"),
    # Neither is stored: what a token is worth, and what the user may do.
    Right("create", "authentication.k8s.io", "tokenreviews"),
    Right("create", "authorization.k8s.io", "selfsubjectrulesreviews"),
    # A token of a service account that has no rights, which shows issuer, key and lifetime, and is dropped.
    Right("create", "", "serviceaccounts/token", namespace="default", name="default"),
    Right("get", "", "configmaps", namespace="kube-system", name="kubeadm-config"),
    # What injects pods keeps its certificate and its roles there; a pod is tried without being stored.
    Right("list", "", "configmaps", namespace=OWN),
    Right("list", "", "secrets", namespace=OWN),
    Right("create", "", "pods", namespace=OWN),
)
LEGACY_SECRETS: t.Final = Right("list", "", "secrets")
"""Asked for on request alone: who has it can read every Secret of the cluster."""
PATHS: t.Final = (
    "/.well-known/openid-configuration",
    "/api/v1",
    "/apis",
    "/apis/*",
    "/openid/v1/jwks",
    "/version",
)
"""What is no resource; all but the issuer's documents may be read by every user of most clusters."""

# GetAccountAuthorizationDetails is one call for a thousand roles. Who may not make it is asked for each role.
IAM_CALLS: t.Final = (
    "iam:GetAccountAuthorizationDetails",
    "iam:GetOpenIDConnectProvider",
    "iam:GetPolicy",
    "iam:GetRole",
    "iam:GetRolePolicy",
    "iam:ListAttachedRolePolicies",
    "iam:ListInstanceProfilesForRole",
    "iam:ListOpenIDConnectProviders",
    "iam:ListRolePolicies",
    "iam:ListRoles",
)
ACCOUNT_CALLS: t.Final = ("account:GetRegionOptStatus", "s3control:GetPublicAccessBlock", "sts:GetCallerIdentity")
BUCKET_CALLS: t.Final = (
    "s3:GetBucketPolicy",
    "s3:GetBucketRequestPayment",
    "s3:GetPublicAccessBlock",
    "s3:HeadBucket",
)
OBJECT_CALLS: t.Final = ("s3:HeadObject",)
CALLS: t.Final = frozenset({*IAM_CALLS, *ACCOUNT_CALLS, *BUCKET_CALLS, *OBJECT_CALLS})
"""All calls of AWS's APIs, as SERVICE:Operation of the SDK."""


def refused_call(service: str, operation: str) -> str:
    """Say why a call of AWS's is not made; empty for one of C(CALLS)."""
    call = f"{service}:{operation}"
    return "" if call in CALLS else f"{call} is no call that the doctor makes."


def right_of(method: str, path: str, own_namespace: str, *, legacy_secrets: bool = False) -> Right | str | None:
    """Return the right that a request to the API needs, or the one of C(PATHS); None for one that is not made.

    own_namespace: the namespace that C(OWN) stands for.
    legacy_secrets: whether C(LEGACY_SECRETS) may be used.
    """
    pattern = next((pattern for pattern in PATHS if _fits(path, pattern)), None)
    parts = _resource(path)
    if parts is None:
        return pattern if method == "GET" else None
    group, namespace, resource, name = parts
    verb = {"POST": "create", "GET": "get" if name else "list"}.get(method, "")
    known = (*RIGHTS, *((LEGACY_SECRETS,) if legacy_secrets else ()))
    return next(
        (
            right
            for right in known
            if (right.verb, right.group, right.resource) == (verb, group, resource)
            and right.namespace.replace(OWN, own_namespace) in ("", namespace)
            and right.name in ("", name)
        ),
        None,
    )


def _fits(path: str, pattern: str) -> bool:
    return path.startswith(pattern[:-1]) if pattern.endswith("*") else path == pattern


def _resource(path: str) -> tuple[str, str, str, str] | None:
    """Return group, namespace, resource with subresource and name of a path; None for what is no resource.

    Kubernetes API reference, "API groups": C(/api/v1/...) and C(/apis/GROUP/VERSION/...).
    """
    parts = path.strip("/").split("/")
    start = {"api": 2, "apis": 3}.get(parts[0], 0)
    rest = parts[start:] if start else []
    if not rest:
        return None
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2:  # noqa: PLR2004 -- namespaces/NAME/RESOURCE
        namespace, rest = rest[1], rest[2:]
    name = rest[1] if len(rest) > 1 else ""
    resource = "/".join([rest[0], *rest[2:]])
    return (parts[1] if parts[0] == "apis" else "", namespace, resource, name)


def cluster_rights(own_namespace: str, *, legacy_secrets: bool = False) -> list[Json]:
    """Return the ClusterRole, and the Roles of single namespaces, that are enough in the cluster.

    own_namespace: that of the role P(onprem.irsa.irsa_webhook#role), whose objects are looked at.
    legacy_secrets: whether Secrets with tokens are looked for in all namespaces.
    """
    rights = [*RIGHTS, *([LEGACY_SECRETS] if legacy_secrets else [])]
    by_namespace: dict[str, list[Right]] = {}
    for right in rights:
        by_namespace.setdefault(right.namespace.replace(OWN, own_namespace), []).append(right)
    return [
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role" if namespace else "ClusterRole",
            "metadata": {"name": NAME, **({"namespace": namespace} if namespace else {})},
            "rules": [*_rules(found), *([] if namespace else [{"nonResourceURLs": list(PATHS), "verbs": ["get"]}])],
        }
        for namespace, found in by_namespace.items()
    ]


def _rules(rights: t.Iterable[Right]) -> list[Json]:
    """Return the rules for rights, those of a group with the same verbs together."""
    verbs: dict[tuple[str, str, str], list[str]] = {}
    for right in rights:
        verbs.setdefault((right.group, right.resource, right.name), []).append(right.verb)
    together: dict[tuple[str, str, tuple[str, ...]], list[str]] = {}
    for (group, resource, name), found in verbs.items():
        together.setdefault((group, name, tuple(found)), []).append(resource)
    return [
        {
            "apiGroups": [group],
            "resources": resources,
            **({"resourceNames": [name]} if name else {}),
            "verbs": [*found],
        }
        for (group, name, found), resources in together.items()
    ]


def aws_policy(bucket: str, object_keys: t.Sequence[str], *, partition: str = "aws") -> Json:
    """Return the policy of IAM that is enough in AWS.

    bucket: that of the documents; empty for none.
    object_keys: the keys of the documents in it.
    """
    arn = f"arn:{partition}:s3:::{bucket}"
    rows: list[tuple[str, t.Iterable[str], list[str]]] = [
        ("Iam", IAM_CALLS, ["*"]),
        ("Account", ACCOUNT_CALLS, ["*"]),
        ("Bucket", BUCKET_CALLS, [arn] if bucket else []),
        ("Documents", OBJECT_CALLS, [f"{arn}/{key}" for key in object_keys] if bucket else []),
    ]
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Sid": f"OnpremIrsaDoctor{name}", "Effect": "Allow", "Action": actions(calls), "Resource": resources}
            for name, calls, resources in rows
            if resources
        ],
    }


__all__: t.Final = (
    "ACCOUNT_CALLS",
    "BUCKET_CALLS",
    "CALLS",
    "IAM_CALLS",
    "LEGACY_SECRETS",
    "NAME",
    "OBJECT_CALLS",
    "OWN",
    "PATHS",
    "RIGHTS",
    "Right",
    "aws_policy",
    "cluster_rights",
    "refused_call",
    "right_of",
)
