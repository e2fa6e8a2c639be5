# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pods that lack the role of their service account. PRIVATE: it may change without notice."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.onprem.irsa.plugins.module_utils._injection.admission_policy import known_roles
from ansible_collections.onprem.irsa.plugins.module_utils._injection.intended_roles import IntendedRoles
from ansible_collections.onprem.irsa.plugins.module_utils._injection.manifests import accounts
from ansible_collections.onprem.irsa.plugins.module_utils._injection.pod import (
    SKIP_LABEL,
    Account,
    Settings,
    service_account_of,
)
from ansible_collections.onprem.irsa.plugins.module_utils._injection.pod_role import Lack, is_injected, without_role
from ansible_collections.onprem.irsa.plugins.module_utils._injection.reach import refusal
from ansible_collections.onprem.irsa.plugins.module_utils._injection.workloads import (
    RESTARTABLE_KINDS,
    RESTARTABLE_VERSION,
    keeps_pods,
    owner_of,
    workload_key,
)

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._injection.observation import Observation, Running
    from ansible_collections.onprem.irsa.plugins.module_utils._injection.options import Options
    from ansible_collections.onprem.irsa.plugins.module_utils._injection.probe import Tried
    from ansible_collections.onprem.irsa.plugins.module_utils._service_accounts import Manifest


def _is_concerned(pod: Manifest, excluded: t.Container[str]) -> bool:
    """Tell whether a pod runs and is not left out by intent."""
    metadata = pod["metadata"]
    ended = (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed") or metadata.get("deletionTimestamp")
    # A mirror pod has no service account, and is what a kubelet says it is.
    mirror = "kubernetes.io/config.mirror" in (metadata.get("annotations") or {})
    skipped = SKIP_LABEL in (metadata.get("labels") or {})
    return metadata["namespace"] not in excluded and not (ended or mirror or skipped)


class Trial(t.NamedTuple):
    """A pod of a workload's template, as an API server would admit it now."""

    workload: Manifest
    tried: Tried


def _unhelped(tried: Tried, audiences: t.Container[str]) -> str:
    """Say why a restart would give no role, by a pod that was tried; empty when it would."""
    if tried.pod is None:
        said = refusal(tried.error)
        # What ends the old pod first needs no more than there is.
        return "" if "exceeded quota" in said else f"a pod that was tried is refused: {said}"
    lack = without_role({"metadata": {}, **tried.pod}, audiences)
    if lack is not None and lack.reason:
        return f"{_NOT_EITHER}: {lack.reason}"
    return "" if lack is None and is_injected(tried.pod) else _NOT_EITHER


_NOT_EITHER: t.Final = "a new pod would not be injected either"


def _lack(pod: Manifest, owner: t.Mapping[str, str], by: Search, wanted: IntendedRoles) -> Lack | None:
    """Say why a pod lacks the role that its service account has, or that somebody plainly wanted it to have."""
    known = by.with_role.get(f"{pod['metadata']['namespace']}/{service_account_of(pod['spec'])}")
    if known is not None:
        return without_role(pod, [*by.audiences, known.audience])
    reason = wanted.reason(pod, owner)
    return Lack(reason, False) if reason and without_role(pod) is not None else None


class Missed(t.NamedTuple):
    """Pods that should have a role but were admitted without."""

    pods: list[Manifest]
    """C(namespace), C(name), C(service_account), C(owner) and, where more is known than that nothing was injected,
    C(reason) of each."""
    owners: list[Manifest]
    """Manifests to merge that name what can be restarted, once each."""
    left: list[Manifest]
    """Those of the pods to which no restart gives their role, each with a C(reason)."""


@dataclass(frozen=True)
class Search:
    """By what it is known which pods should have a role."""

    with_role: t.Mapping[str, Account]
    """What service accounts get, by C(namespace/name)."""
    excluded: t.Collection[str] = ()
    """Namespaces whose pods are left alone by intent."""
    audiences: t.Collection[str] = ()
    """Those that a token may be for besides its account's; where neither is known, that is AWS's own default."""
    roles: t.Sequence[t.Mapping[str, t.Any]] = ()
    """Roles as iam_roles returns them, whose service accounts somebody plainly wanted to have one."""


def search(options: Options, seen: Observation, policy_data: t.Mapping[str, str]) -> Search:
    """Return how to find missed pods: by annotations, or where a policy injects by POLICY_DATA, too.

    A webhook reads annotations alone: where a role has none, another start of the pod would not help either.
    """
    given = known_roles(policy_data) if options.mode == "policy" else []
    named = [audience for role in options.roles for audience in role.get("audiences") or ()]
    return Search(
        with_role=accounts(seen.running.service_accounts, given, Settings(options.audience)),
        excluded=(options.namespace, *options.excluded_namespaces),
        audiences=tuple(dict.fromkeys([options.audience, *named])),
        roles=(*given, *options.roles),
    )


def missed(running: Running, by: Search, trials: t.Iterable[Trial] = ()) -> Missed:
    """Find the pods that should have a role but were admitted without.

    Of what makes them, what keeps its pods is not restarted, nor that of which TRIALS show that it would not help. By
    service accounts, roles and namespaces pods are found whose owner plainly wanted a role that nothing gives.
    """
    wanted = IntendedRoles(running.service_accounts, by.roles, running.namespaces, running.workloads)
    reasons = {
        **{workload_key(trial.workload): _unhelped(trial.tried, by.audiences) for trial in trials},
        **{
            workload_key(workload): "a restart keeps pods of what makes it"
            for workload in running.workloads
            if keeps_pods(workload)
        },
    }
    rows, owners, left = [], {}, []
    for pod in running.pods:
        owner = owner_of(pod)
        lack = _lack(pod, owner, by, wanted) if _is_concerned(pod, by.excluded) else None
        if lack is None:
            continue
        row = _row(pod, owner, lack.reason)
        rows.append(row)
        key = (row["namespace"], owner.get("kind", ""), owner.get("name", ""))
        reason = _left_reason(owner, lack) or reasons.get(key, "")
        if not reason:
            metadata = {"namespace": row["namespace"], "name": owner["name"]}
            owners[key] = {"apiVersion": RESTARTABLE_VERSION, "kind": owner["kind"], "metadata": metadata}
        else:
            left.append({**row, "reason": reason})
    return Missed(rows, list(owners.values()), left)


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
    restartable = owner.get("apiVersion") == RESTARTABLE_VERSION and owner["kind"] in RESTARTABLE_KINDS
    return "" if restartable else "nothing that can be restarted makes it"


__all__: t.Final = ("Missed", "Search", "Trial", "missed", "search")
