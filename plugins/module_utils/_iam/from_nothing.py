# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What makes provider, roles and service accounts where there is nothing. PRIVATE to the collection: it may change.

Pure: the plans are those of the modules that act, for an account and a cluster that have nothing of it yet.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, replace

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._iam.provider import (
    WantedProvider,
    check_wanted,
    plan_present,
    provider_arn,
)
from ansible_collections.onprem.irsa.plugins.module_utils._iam.role_input import checked_items, read_settings
from ansible_collections.onprem.irsa.plugins.module_utils._iam.roles import plan_roles
from ansible_collections.onprem.irsa.plugins.module_utils._service_accounts import annotation_changes
from ansible_collections.onprem.irsa.plugins.module_utils._unquoted import unquoted_hint

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._aws.calls import Call

_ACCOUNT: t.Final = re.compile(r"[0-9]{12}")
_OF_EVERY_CLUSTER: t.Final = ("default", "kube-node-lease", "kube-public", "kube-system")


@dataclass(frozen=True)
class Asked:
    """What is asked for, as the module C(iam_files) documents it."""

    partition: str
    account: str
    cluster: str
    url: str
    audience: str
    roles: t.Sequence[t.Mapping[str, t.Any]]
    trust_policy_limit: int
    managed_policies_limit: int


@dataclass(frozen=True)
class FromNothing:
    """What is made, and by which calls."""

    calls: tuple[Call, ...]
    """In their order."""
    roles: tuple[t.Mapping[str, t.Any], ...]
    """As iam_roles returns them."""
    namespaces: tuple[t.Mapping[str, t.Any], ...]
    """Manifests of those of the service accounts, but for what every cluster has."""
    service_accounts: tuple[t.Mapping[str, t.Any], ...]
    """Manifests with the annotations that name the roles."""


def from_nothing(asked: Asked) -> FromNothing:
    """Return what makes it, or raise InputError with what is wrong.

    All roles are made before the first gets a policy: IAM takes some seconds until each of its calls knows a new one.
    """
    if _ACCOUNT.fullmatch(asked.account) is None:
        hint = unquoted_hint(asked.account)
        raise InputError(f"The account {asked.account!r} must be 12 digits.", fix=f"Give the account's id.{hint}")
    wanted = WantedProvider(url=asked.url, cluster=asked.cluster, audiences=[asked.audience])
    arn = provider_arn(check_wanted(wanted).url, partition=asked.partition, account=asked.account)
    options = {
        "cluster": asked.cluster,
        "audience": asked.audience,
        "trust_policy_limit": asked.trust_policy_limit,
        "managed_policies_limit": asked.managed_policies_limit,
    }
    settings, problems = read_settings([arn], options)
    items = checked_items(asked.roles, settings, problems)
    absent = ", ".join(item["name"] for item in items if item["state"] != "present")
    if absent:
        raise InputError(
            f"There are no calls to review that remove {absent}: which ones it takes depends on what is there.",
            fix="Take them off the list, and review what check mode and --diff show of their removal.",
        )
    audiences = [asked.audience, *(audience for item in items for audience in settings.audiences_of(item))]
    provider = plan_present(replace(wanted, audiences=list(dict.fromkeys(audiences))), arn, None)
    plans = plan_roles(items, {}, settings)
    calls = [*provider.calls, *(call for plan in plans for call in plan.calls)]
    results = [plan.result(settings) for plan in plans]
    annotated = annotation_changes(
        results, audience=asked.audience, namespaces=_OF_EVERY_CLUSTER, service_accounts=[], create=True
    )
    return FromNothing(
        calls=tuple(sorted(calls, key=lambda call: not call.operation.startswith("create_"))),
        roles=tuple(results),
        namespaces=tuple(annotated["namespaces"]),
        service_accounts=tuple(annotated["service_accounts"]),
    )


__all__: t.Final = ("Asked", "FromNothing", "from_nothing")
