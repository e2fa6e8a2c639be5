# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user of the kubeconfig must be allowed for the injection. PRIVATE: it may change without notice."""

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._injection.options import own_priority_class
from ansible_collections.onprem.irsa.plugins.module_utils._injection.workloads import (
    RESTARTABLE_KINDS,
    RESTARTABLE_VERSION,
)

Apis = t.Mapping[str, t.Mapping[str, t.Any]]
"""The kinds that a cluster serves, by group and version."""


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
    if given["mode"] == "webhook" and own_priority_class(given):
        yield "scheduling.k8s.io/v1", "PriorityClass", ("get",)
    if given["mode"] in ("webhook", "policy"):
        yield "discovery.k8s.io/v1", "EndpointSlice", ("list",)
    if given["mode"] == "webhook" and given["host_network"]:
        yield "v1", "Node", ("list",)
    if given["mode"] != "none" and given["restart_missed"]:
        for kind in RESTARTABLE_KINDS:
            yield RESTARTABLE_VERSION, kind, ("get", "list", "patch")


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


__all__: t.Final = (
    "Apis",
    "Right",
    "missing_permissions",
)
