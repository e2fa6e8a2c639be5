# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user of the kubeconfig must be allowed for the injection. PRIVATE: it may change without notice."""

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._injection.observation import own_kinds
from ansible_collections.onprem.irsa.plugins.module_utils._injection.options import Options, own_priority_class
from ansible_collections.onprem.irsa.plugins.module_utils._injection.parts import MADE, WEBHOOK, wanted
from ansible_collections.onprem.irsa.plugins.module_utils._injection.workloads import (
    RESTARTABLE_KINDS,
    RESTARTABLE_VERSION,
)

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._injection.observation import Observation


_MAKE: t.Final = ("get", "create", "patch")  # a server-side apply, also one that is tried only
Right = tuple[str, str, tuple[str, ...]]
"""The version of an API, a kind in it and the verbs."""


def _reads(options: Options) -> t.Iterator[Right]:
    """Say what the role looks at: its lookups for the check, and for missed pods and what makes them."""
    yield "v1", "Namespace", ("get", "list")
    yield WEBHOOK.version, WEBHOOK.name, ("list",)
    if options.mode != "none":
        yield "v1", "Pod", ("list",)
        # To make its ClusterRole, one must have what that grants: Kubernetes, "Using RBAC", privilege escalation.
        yield "v1", "ServiceAccount", ("get", "list", "watch") if options.mode == "webhook" else ("list",)
    if options.mode == "webhook" and own_priority_class(options):
        yield "scheduling.k8s.io/v1", "PriorityClass", ("get",)
    if options.injects:
        yield "discovery.k8s.io/v1", "EndpointSlice", ("list",)
    if options.mode == "webhook" and options.host_network:
        yield "v1", "Node", ("list",)
    if options.mode == "webhook" and options.tls == "cert-manager":
        yield "cert-manager.io/v1", "CertificateRequest", ("list",)
    if options.mode != "none" and options.restart_missed:
        for kind in RESTARTABLE_KINDS:
            yield RESTARTABLE_VERSION, kind, ("get", "list", "patch")


def _changes(options: Options, seen: Observation) -> t.Iterator[Right]:
    """Say what the role makes and removes; a mode that makes nothing is not refused where there is nothing."""
    there = seen.is_own_namespace
    made = {kind for part in wanted(options) for kind in MADE[part]}
    if options.injects:
        yield "v1", "Namespace", _MAKE
    for kind in own_kinds(seen, namespaced=there or options.injects):
        if kind.name in made:
            yield kind.version, kind.name, _MAKE
        yield kind.version, kind.name, ("list", "delete") if options.injects or there else ("list",)
    if options.injects:
        yield "v1", "Pod", _MAKE
    elif there:
        yield "v1", "Namespace", ("delete",)
        yield "v1", "Pod", ("get", "list", "delete")
    if options.mode != "none" and options.restart_missed:
        yield "v1", "Pod", ("get", "create")  # tried only, in the namespaces of what will be restarted
    if options.adopt and seen.foreign:
        yield WEBHOOK.version, WEBHOOK.name, ("delete",)
        yield "v1", "Service", ("get", "delete")
        yield "apps/v1", "Deployment", ("list", "delete")


def needed(options: Options, seen: Observation) -> dict[tuple[str, str], list[str]]:
    """Return the verbs of all that a run asks the API server for, by API group and resource.

    What the cluster does not serve is left out: where it is asked for, that is a problem of its own.
    """
    needed: dict[tuple[str, str], list[str]] = {}
    for version, kind, verbs in [*_changes(options, seen), *_reads(options)]:
        resource = seen.apis.get(version, {}).get(kind)
        if resource is not None:
            known = needed.setdefault((version.rpartition("/")[0], resource), [])
            known += [verb for verb in verbs if verb not in known]
    return needed


def _allows(rule: t.Mapping[str, t.Any], verb: str, group: str, resource: str) -> bool:
    wanted = {"verbs": verb, "apiGroups": group, "resources": resource}
    return not rule.get("resourceNames") and all(
        value in (rule.get(key) or ()) or "*" in (rule.get(key) or ()) for key, value in wanted.items()
    )


def missing_permissions(options: Options, seen: Observation) -> list[str]:
    """Say what the user of the kubeconfig may not do but has to, by a SelfSubjectRulesReview."""
    if not seen.rules or seen.rules.get("incomplete"):
        return []  # an authorizer that does not list its rules: the first request that is refused will say so
    granted = seen.rules.get("resourceRules") or []
    missing = []
    for (group, resource), asked in needed(options, seen).items():
        verbs = [verb for verb in asked if not any(_allows(rule, verb, group, resource) for rule in granted)]
        if verbs:
            missing.append(f"{', '.join(verbs)} {resource}{group and f' ({group})'}")
    if not missing:
        return []
    return [
        f"The user of the kubeconfig may not {'; '.join(missing)}. Use a cluster administrator's, or grant it that."
    ]


__all__: t.Final = ("missing_permissions", "needed")
