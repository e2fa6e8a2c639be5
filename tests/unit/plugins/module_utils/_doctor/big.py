# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A snapshot of a large cluster: 5000 service accounts, 5000 pods, 1000 roles."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.onprem.irsa.plugins.module_utils._doctor.snapshot import Roles, ServiceAccount

from .some_snapshots import kubeadm, pod, role, role_arn

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._doctor.snapshot import Snapshot

ACCOUNTS, ROLES = 5000, 1000


def big(*, healthy: bool = True) -> Snapshot:
    """Return the snapshot; where it is not healthy, every role lets in nobody and every pod has an older role."""
    keys = [f"team-{number % 100}/app-{number}" for number in range(ACCOUNTS)]
    naming = {number: [key for at, key in enumerate(keys) if at % ROLES == number] for number in range(ROLES)}
    wrong = "" if healthy else "x"
    roles = tuple(role(f"role-{number}", *(f"{key}{wrong}" for key in named)) for number, named in naming.items())
    accounts = tuple(
        ServiceAccount(key.split("/")[0], key.split("/")[1], role_arn(f"role-{number % ROLES}"))
        for number, key in enumerate(keys)
    )
    older = "" if healthy else "-older"
    pods = tuple(pod(f"{key.split('/')[1]}-1", key, f"role-{number % ROLES}{older}") for number, key in enumerate(keys))
    return replace(kubeadm(3), roles=Roles(roles), service_accounts=accounts, pods=pods)
