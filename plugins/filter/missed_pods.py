# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._injection.missed import missed
from ansible_collections.onprem.irsa.plugins.module_utils._injection.pod import Settings, accounts

DOCUMENTATION = r"""
name: missed_pods
short_description: Pods that were admitted without the role of their service account
version_added: 1.0.0
author: The onprem.irsa authors (@onprem)
description:
  - Finds the pods whose service account has a role but which have neither role nor token, because they are older than
    the annotation or the webhook, or because the webhook did not answer when they were admitted; and those that have
    the variables, but no token for AWS at the path that C(AWS_WEB_IDENTITY_TOKEN_FILE) names.
  - Finds the pods whose owner plainly wanted a role that nothing gives. The annotation is on the pod, on what makes it
    or on its namespace, or is misspelt on its service account; or a role is for a service account that does not exist
    or has no annotation; or the pod runs as C(default) where a service account of its name has a role.
  - A pod that is injected is not missed, whatever another webhook has added to it since.
  - Pods that have ended or are ending, static pods, and what is left out by a label or an annotation are not missed.
  - Made for the roles of this collection, and may change with them in any release.
positional: service_accounts
options:
  _input:
    description: The pods of the cluster.
    type: list
    elements: dict
    required: true
  service_accounts:
    description: The service accounts of the cluster. Their annotation C(eks.amazonaws.com/role-arn) gives them a role.
    type: list
    elements: dict
    required: true
  roles:
    description: The RV(onprem.irsa.iam_roles#module:roles) that M(onprem.irsa.iam_roles) returned.
    type: list
    elements: dict
    default: []
  excluded:
    description: Namespaces whose pods are not injected by intent.
    type: list
    elements: str
    default: []
  workloads:
    description:
      - Deployments, StatefulSets and DaemonSets of the cluster. Those that are paused, or whose update strategy is
        C(OnDelete) or has a C(partition), are not in RV(_value.owners), because no restart makes all of their pods
        again.
    type: list
    elements: dict
    default: []
  trials:
    description:
      - What M(kubernetes.core.k8s) returned for pods of P(onprem.irsa.workload_pod#filter) that were tried without
        being stored, in a loop over the workloads. Those whose pod was refused, or would not be injected, are not in
        RV(_value.owners).
    type: list
    elements: dict
    default: []
  audiences:
    description: Audiences that a token may be for, beside the one of its service account.
    type: list
    elements: str
    default: []
  wanted_roles:
    description:
      - Roles as O(roles), whose service accounts are looked for. They give no role where a webhook goes by annotations.
    type: list
    elements: dict
    default: []
  namespaces:
    description: Namespaces of the cluster, for annotations that belong elsewhere.
    type: list
    elements: dict
    default: []
seealso:
  - plugin: onprem.irsa.injection_findings
    plugin_type: filter
  - plugin: onprem.irsa.inject_role
    plugin_type: filter
  - module: onprem.irsa.iam_roles
"""

EXAMPLES = r"""
- name: Name the pods that were missed
  ansible.builtin.debug:
    msg: "{{ (pods.resources | onprem.irsa.missed_pods(service_accounts.resources)).pods }}"
"""

RETURN = r"""
_value:
  description: What was missed, and what makes it again.
  type: dict
  contains:
    pods:
      description: The pods.
      type: list
      elements: dict
      contains:
        namespace:
          description: Its namespace.
          type: str
        name:
          description: Its name.
          type: str
        service_account:
          description: The name of its service account.
          type: str
        owner:
          description: What makes the pod, as C(kind/name); empty for nothing.
          type: str
          sample: Deployment/reports
        reason:
          description: Why it has no role, where more is known than that nothing was injected.
          type: str
    owners:
      description: Manifests of the workloads whose restart makes the pods again, each once.
      type: list
      elements: dict
    left:
      description:
        - Those of RV(_value.pods) to which no restart gives their role, such as those of jobs or paused workloads, each
          with a C(reason).
      type: list
      elements: dict
"""


def _filter(  # noqa: PLR0913 -- the filter's options
    pods: t.Iterable[dict[str, t.Any]],
    service_accounts: t.Iterable[dict[str, t.Any]],
    roles: t.Iterable[t.Mapping[str, t.Any]] = (),
    excluded: t.Sequence[str] = (),
    workloads: t.Iterable[dict[str, t.Any]] = (),
    *,
    trials: t.Iterable[t.Mapping[str, t.Any]] = (),
    audiences: t.Sequence[str] = (),
    wanted_roles: t.Iterable[t.Mapping[str, t.Any]] = (),
    namespaces: t.Iterable[dict[str, t.Any]] = (),
) -> dict[str, list[t.Any]]:
    settings = Settings(audiences[0]) if audiences else Settings()
    known, given = list(service_accounts), list(roles)
    return missed(
        pods,
        accounts(known, given, settings),
        excluded,
        workloads,
        trials,
        audiences=audiences,
        service_accounts=known,
        roles=[*given, *wanted_roles],
        namespaces=namespaces,
    )


class FilterModule:
    """Filters of this file, as Ansible looks them up."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters by their names."""
        return {"missed_pods": _filter}
