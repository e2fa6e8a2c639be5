# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._injection.admission_policy import api

DOCUMENTATION = r"""
name: policy_api
short_description: The version in which a cluster has MutatingAdmissionPolicy
version_added: 1.0.0
author: The onprem.irsa authors (@onprem)
description:
  - Returns the newest version of the API that a cluster serves or, where it serves none, the one that it can serve, and
    the flags of C(kube-apiserver) that turn it on.
  - Fails for a release before 1.32, which has no such policies.
  - Made for the roles of this collection, and may change with them in any release.
positional: minor
options:
  _input:
    description: The C(apis) that M(kubernetes.core.k8s_cluster_info) returned.
    type: dict
    required: true
  minor:
    description: The release of the API server, such as V(1.34).
    type: str
    required: true
seealso:
  - plugin: onprem.irsa.policy_flags
    plugin_type: filter
  - plugin: onprem.irsa.policy_parameters
    plugin_type: filter
  - name: Mutating Admission Policies
    description: What such a policy is, and in which releases.
    link: https://kubernetes.io/docs/reference/access-authn-authz/mutating-admission-policy/
"""

EXAMPLES = r"""
- name: Look at the cluster
  kubernetes.core.k8s_cluster_info:
  register: cluster

- name: Say what turns policies on
  ansible.builtin.debug:
    msg: "{{ (cluster.apis | onprem.irsa.policy_api('1.34')).flags }}"
"""

RETURN = r"""
_value:
  description: The API.
  type: dict
  contains:
    version:
      description: Its version.
      type: str
      sample: v1beta1
    served:
      description: Whether the API server that was asked serves it.
      type: bool
    flags:
      description: What to add to flags of C(kube-apiserver), by the name of the flag; empty where it is on by default.
      type: dict
      sample:
        feature-gates: MutatingAdmissionPolicy=true
        runtime-config: admissionregistration.k8s.io/v1beta1=true
"""


def _filter(apis: t.Mapping[str, t.Mapping[str, t.Any]], minor: str) -> dict[str, t.Any]:
    try:
        return api(apis, minor)._asdict()
    except InputError as error:
        raise AnsibleFilterError(str(error)) from None


class FilterModule:
    """Filters of this file, as Ansible looks them up."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters by their names."""
        return {"policy_api": _filter}
