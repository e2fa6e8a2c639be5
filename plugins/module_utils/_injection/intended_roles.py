# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who plainly wanted a role for pods that get none. PRIVATE to the collection: it may change without notice.

What injects pods reads the annotation of their service account alone (README of the Amazon EKS Pod Identity Webhook).
"""

from __future__ import annotations

import re
import typing as t
from difflib import get_close_matches

from ansible_collections.onprem.irsa.plugins.module_utils._injection.pod import service_account_of
from ansible_collections.onprem.irsa.plugins.module_utils._injection.pod_role import misplaced_role
from ansible_collections.onprem.irsa.plugins.module_utils._injection.workloads import workload_key
from ansible_collections.onprem.irsa.plugins.module_utils._service_accounts import ROLE_ANNOTATION, has_wildcard

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._service_accounts import Manifest

Annotations = t.Mapping[str, str]

# What a StatefulSet and a CronJob put behind their names for a pod or a job.
_NUMBER: t.Final = re.compile(r"-[0-9]+$")


def _annotations(manifest: Manifest) -> Annotations:
    return manifest["metadata"].get("annotations") or {}


class IntendedRoles:
    """What a cluster has by which it is plain that somebody wanted a role for a pod."""

    def __init__(
        self,
        service_accounts: t.Iterable[Manifest] = (),
        roles: t.Iterable[t.Mapping[str, t.Any]] = (),
        namespaces: t.Iterable[Manifest] = (),
        workloads: t.Iterable[Manifest] = (),
    ) -> None:
        """Take what the cluster has, and the roles as iam_roles returns them."""
        self._accounts = {
            f"{account['metadata']['namespace']}/{account['metadata']['name']}": _annotations(account)
            for account in service_accounts
        }
        self._namespaces = {namespace["metadata"]["name"]: _annotations(namespace) for namespace in namespaces}
        self._workloads = {workload_key(workload): _annotations(workload) for workload in workloads}
        given = {key for role in roles if role["state"] == "present" for key in role["service_accounts"]}
        self._given = {key for key in given if self._accounts and not has_wildcard(key)}
        """The service accounts that a role is for, by C(namespace/name); none where it is not known which exist."""

    def reason(self, pod: Manifest, owner: t.Mapping[str, str]) -> str:
        """Say why a pod whose service account has no role was to have one; empty where nobody wanted that.

        OWNER is what makes the pod, by C(kind) and C(name); empty for nothing.
        """
        space, name = pod["metadata"]["namespace"], service_account_of(pod["spec"])
        return (
            self._misspelt(f"{space}/{name}")
            or self._misplaced(pod, owner, f"{space}/{name}")
            or (self._given_to_workload(pod, owner) if name == "default" else self._given_to_another(space, name))
        )

    def _misspelt(self, home: str) -> str:
        own = self._accounts.get(home, {})
        key = misplaced_role(own)
        if key:
            return (
                f"its service account {home} has the annotation {key}: {own[key]!r}; it must be {ROLE_ANNOTATION} "
                "with an ARN"
            )
        if home in self._given and home in self._accounts:
            return f"a role is for its service account {home}, which has no annotation {ROLE_ANNOTATION}; put it there"
        return ""

    def _misplaced(self, pod: Manifest, owner: t.Mapping[str, str], home: str) -> str:
        """Say where an annotation is that belongs on the service account HOME."""
        space = pod["metadata"]["namespace"]
        made_by = f"{owner.get('kind', '')}/{owner.get('name', '')}"
        places = {
            "on the pod": _annotations(pod),
            f"on {made_by}": self._workloads.get((space, *made_by.split("/", 1)), {}),
            f"on the namespace {space}": self._namespaces.get(space, {}),
        }
        for where, there in places.items():
            key = misplaced_role(there)
            if key:
                return (
                    f"the annotation {key} is {where}, where nothing reads it; put {ROLE_ANNOTATION} on its service "
                    f"account {home}"
                )
        return ""

    def _given_to_workload(self, pod: Manifest, owner: t.Mapping[str, str]) -> str:
        """Say that a pod runs as default where a role is for the service account that has the workload's name."""
        space = pod["metadata"]["namespace"]
        key = f"{space}/{_NUMBER.sub('', owner.get('name') or pod['metadata']['name'])}"
        if key in self._given or self._accounts.get(key, {}).get(ROLE_ANNOTATION):
            return f"a role is for the service account {key}, and its own is {space}/default: set serviceAccountName"
        return ""

    def _given_to_another(self, space: str, name: str) -> str:
        """Say which service account does not exist that a role is for, and that its own is plainly meant for."""
        homeless = [key.split("/", 1) for key in sorted(self._given - self._accounts.keys())]
        near = get_close_matches(name, [account for where, account in homeless if where == space], n=1, cutoff=0.75)
        meant = [
            *(f"{space}/{account}" for account in near),
            *(f"{where}/{account}" for where, account in homeless if account == name),
        ]
        if meant:
            return (
                f"a role is for the service account {meant[0]}, which does not exist; its service account "
                f"{space}/{name} has none"
            )
        return ""


__all__: t.Final = ("IntendedRoles",)
