# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._injection.admission_policy import known_roles

DOCUMENTATION = r"""
name: policy_roles
short_description: The roles that the injection policy gives to pods
version_added: 1.0.0
author: The onprem.irsa authors (@onprem)
description:
  - Returns the roles in the C(ConfigMap) of the policy, as far as the injection of pods needs them.
  - Made for the roles of this collection, and may change with them in any release.
options:
  _input:
    description: The C(data) of the C(ConfigMap), as P(onprem.irsa.policy_parameters#filter) returns it.
    type: dict
    required: true
seealso:
  - plugin: onprem.irsa.policy_parameters
    plugin_type: filter
  - plugin: onprem.irsa.missed_pods
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Read what the policy goes by
  kubernetes.core.k8s_info:
    kind: ConfigMap
    namespace: pod-identity-webhook
    name: pod-identity-roles
  register: found

- name: Say which service accounts have a role
  ansible.builtin.debug:
    msg: "{{ found.resources[0].data | onprem.irsa.policy_roles | map(attribute='service_accounts') | flatten }}"
"""

RETURN = r"""
_value:
  description: The roles, one for each service account.
  type: list
  elements: dict
  contains:
    arn:
      description: The ARN of the role.
      type: str
    state:
      description: V(present).
      type: str
    service_accounts:
      description: The service account, as C(namespace/name).
      type: list
      elements: str
    audiences:
      description: The audience of its tokens.
      type: list
      elements: str
"""


class FilterModule:
    """Filters of this file, as Ansible looks them up."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters by their names."""
        return {"policy_roles": known_roles}
