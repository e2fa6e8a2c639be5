# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pods that lack the role of their service account. PRIVATE: it may change without notice."""

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._injection.pod import (
    SKIP_LABEL,
    Account,
    Lack,
    Settings,
    is_injected,
    service_account_of,
    without_role,
)
from ansible_collections.onprem.irsa.plugins.module_utils._injection.reach import refusal
from ansible_collections.onprem.irsa.plugins.module_utils._injection.wanted_roles import WantedRoles, workload_key
from ansible_collections.onprem.irsa.plugins.module_utils._injection.workloads import (
    RESTARTABLE_KINDS,
    RESTARTABLE_VERSION,
    keeps_pods,
    owner_of,
)

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._service_accounts import Manifest


def _is_concerned(pod: Manifest, excluded: t.Container[str]) -> bool:
    """Tell whether a pod runs and is not left out by intent."""
    metadata = pod["metadata"]
    ended = (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed") or metadata.get("deletionTimestamp")
    # A mirror pod has no service account, and is what a kubelet says it is.
    mirror = "kubernetes.io/config.mirror" in (metadata.get("annotations") or {})
    skipped = SKIP_LABEL in (metadata.get("labels") or {})
    return metadata["namespace"] not in excluded and not (ended or mirror or skipped)


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
        **{workload_key(one): "a restart keeps pods of what makes it" for one in workloads if keeps_pods(one)},
    }
    rows, owners, left = [], {}, []
    for pod in pods:
        owner = owner_of(pod)
        lack = _lack(pod, with_role, owner, wanted, audiences) if _is_concerned(pod, excluded) else None
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
    restartable = owner.get("apiVersion") == RESTARTABLE_VERSION and owner["kind"] in RESTARTABLE_KINDS
    return "" if restartable else "nothing that can be restarted makes it"


__all__: t.Final = ("missed",)
