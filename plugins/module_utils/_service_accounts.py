# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Service accounts and the annotations that name their role. PRIVATE to the collection: it may change without notice.

The annotations are those of the Amazon EKS Pod Identity Webhook (its README, "EKS Walkthrough").
"""

from __future__ import annotations

import re
import typing as t

ROLE_ANNOTATION: t.Final = "eks.amazonaws.com/role-arn"
AUDIENCE_ANNOTATION: t.Final = "eks.amazonaws.com/audience"

# Kubernetes, "Object Names and IDs": a namespace is an RFC 1123 label, a service account an RFC 1123 subdomain.
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAMESPACE = re.compile(_LABEL)
_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*")
# The subject of a token, as API servers and trust policies write it, or its part behind C(system:serviceaccount).
_SUBJECT = re.compile(r"(?:system:serviceaccount:)?([\w.*?-]+):([\w.*?-]+)")
_WILDCARD = re.compile(r"[*?]")

Manifest = dict[str, t.Any]


def has_wildcard(service_account: str) -> bool:
    """Tell whether C(namespace/name) is a pattern: it has a C(*) or a C(?)."""
    return _WILDCARD.search(service_account) is not None


def is_namespace(name: object) -> bool:
    """Tell whether a namespace can have this name."""
    return isinstance(name, str) and _NAMESPACE.fullmatch(name) is not None


def is_audience(value: object) -> bool:
    """Tell whether tokens can be for this audience, and an identity provider of IAM take it: a text without blanks."""
    return isinstance(value, str) and bool(value) and all(char.isprintable() and not char.isspace() for char in value)


def service_account_problem(service_account: str, *, allow_wildcards: bool = False) -> str | None:
    """Say which rule C(namespace/name) breaks and how to fix it, or return None.

    A pattern passes when it can match a service account that can exist: with each wildcard replaced by a letter.
    """
    namespace, slash, name = service_account.partition("/")
    written = _SUBJECT.fullmatch(service_account)
    if written:
        return f"service account {service_account!r} must be namespace/name. Write it as {written[1]}/{written[2]}."
    if not slash:
        return f"service account {service_account!r} must be namespace/name. Put its namespace in front."
    if has_wildcard(service_account) and not allow_wildcards:
        return (
            f"service account {service_account!r} has a wildcard. "
            "Name the service accounts, or set allow_wildcards: true for this role."
        )
    if _NAMESPACE.fullmatch(_WILDCARD.sub("a", namespace)) is None:
        return (
            f"service account {service_account!r}: the namespace {namespace!r} must be an RFC 1123 label: 1 to 63 "
            "lower-case letters, digits and hyphens, a letter or digit at both ends. Write it as Kubernetes has it."
        )
    if _NAME.fullmatch(_WILDCARD.sub("a", name)) is None:
        return (
            f"service account {service_account!r}: the name {name!r} must be an RFC 1123 subdomain: 1 to 253 "
            "lower-case letters, digits, hyphens and dots, a letter or digit at both ends of each part. "
            "Write it as Kubernetes has it."
        )
    return None


def _key(manifest: Manifest) -> str:
    return f"{manifest['metadata']['namespace']}/{manifest['metadata']['name']}"


def _annotations(manifest: Manifest) -> dict[str, str]:
    return manifest["metadata"].get("annotations") or {}


def _service_account(key: str, annotations: dict[str, str | None]) -> Manifest:
    namespace, _slash, name = key.partition("/")
    metadata = {"namespace": namespace, "name": name, "annotations": annotations}
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}


def _wanted_annotations(role: t.Mapping[str, t.Any], audience: str, current: dict[str, str]) -> dict[str, str | None]:
    """Return the annotations to set (or, None, to remove) so that the webhook's token fits the role's trust policy."""
    wanted: dict[str, str | None] = {}
    if current.get(ROLE_ANNOTATION) != role["arn"]:
        wanted[ROLE_ANNOTATION] = role["arn"]
    if current.get(AUDIENCE_ANNOTATION, audience) not in role["audiences"]:
        wanted[AUDIENCE_ANNOTATION] = None if audience in role["audiences"] else role["audiences"][0]
    return wanted


def _unwanted_annotations(arns: t.Collection[str], current: dict[str, str]) -> dict[str, str | None]:
    """Return the annotations to remove from a service account that names one of these roles."""
    if current.get(ROLE_ANNOTATION) not in arns:
        return {}
    return {name: None for name in (ROLE_ANNOTATION, AUDIENCE_ANNOTATION) if name in current}


def annotation_changes(
    roles: t.Sequence[t.Mapping[str, t.Any]],
    *,
    audience: str,
    namespaces: t.Iterable[str],
    service_accounts: t.Iterable[Manifest],
    create: bool,
) -> dict[str, list[t.Any]]:
    """Compare the service accounts of a cluster with the roles that they should have.

    ROLES are results of the module iam_roles (C(arn), C(state), C(service_accounts), C(audiences)); patterns among the
    service accounts stand for none. AUDIENCE is the one that the webhook asks for by default. NAMESPACES and
    SERVICE_ACCOUNTS are what the cluster has. Returns what should be sent, and nothing that is there already:
    C(namespaces) and C(service_accounts), manifests to merge (empty C(namespaces) unless CREATE), and C(absent), the
    C(namespace/name) of service accounts that are not there and not to be created.
    """
    existing = {_key(manifest): _annotations(manifest) for manifest in service_accounts}
    wanted = {
        key: _wanted_annotations(role, audience, existing.get(key, {}))
        for role in roles
        if role["state"] == "present"
        for key in role["service_accounts"]
        if not has_wildcard(key)
    }
    gone = {role["arn"] for role in roles if role["state"] == "absent"}
    unwanted = {key: _unwanted_annotations(gone, current) for key, current in existing.items() if key not in wanted}
    changes = {
        key: annotations
        for key, annotations in {**wanted, **unwanted}.items()
        if annotations and (create or key in existing)
    }
    missing = sorted({key.partition("/")[0] for key in changes} - set(namespaces))
    return {
        "namespaces": [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in missing],
        "service_accounts": [_service_account(key, annotations) for key, annotations in changes.items()],
        "absent": [key for key in wanted if key not in existing and not create],
    }


def annotation_plan(
    roles: t.Sequence[t.Mapping[str, t.Any]],
    *,
    namespaces: t.Iterable[Manifest],
    checking: bool,
    **around: t.Any,  # noqa: ANN401 -- the other arguments of C(annotation_changes)
) -> dict[str, t.Any]:
    """Return what to send, as the module C(role_annotations) documents it.

    NAMESPACES are manifests; CHECKING is whether nothing will be made (check mode).
    """
    names = [manifest["metadata"]["name"] for manifest in namespaces]
    changes = annotation_changes(roles, namespaces=names, **around)
    # Nothing can be tried in a namespace that is not there yet.
    untried = {manifest["metadata"]["name"] for manifest in changes["namespaces"]} if checking else set()
    differing = changes["service_accounts"]
    return {
        "namespaces": changes["namespaces"],
        "service_accounts": [manifest for manifest in differing if manifest["metadata"]["namespace"] not in untried],
        "report": {
            "link": "service accounts",
            "done": ", not there: ".join([f"annotations changed: {len(differing)}", *changes["absent"]]),
            "changed": bool(differing),
        },
    }


__all__: t.Final = (
    "AUDIENCE_ANNOTATION",
    "ROLE_ANNOTATION",
    "Manifest",
    "annotation_changes",
    "annotation_plan",
    "has_wildcard",
    "is_audience",
    "is_namespace",
    "service_account_problem",
)
