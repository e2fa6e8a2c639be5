# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._injection.admission_policy import kept_flags

DOCUMENTATION = r"""
name: policy_kept_flags
short_description: Flags of an API server that turn the API of its policies on (internal)
version_added: 1.0.0
author: The onprem.irsa authors (!UNKNOWN)
description:
  - Returns C(feature-gates) and C(runtime-config) of an API server, each with its pairs in one value, because that is
    what every version of kubeadm can hold. One that the API server does not have is left out.
  - Made for the roles of this collection, and may change with them in any release.
options:
  _input:
    description: The RV(onprem.irsa.control_plane_info#module:flags) of the API server.
    type: dict
    required: true
seealso:
  - plugin: onprem.irsa.policy_flags
    plugin_type: filter
  - module: onprem.irsa.control_plane_plan
"""

EXAMPLES = r"""
- name: Observe the API server
  onprem.irsa.control_plane_info:
  become: true
  register: observed

- name: Show what kubeadm has to be told
  ansible.builtin.debug:
    msg: "{{ observed.flags | onprem.irsa.policy_kept_flags }}"
"""

RETURN = r"""
_value:
  description: The flags with their values.
  type: dict
  sample:
    feature-gates: ["MutatingAdmissionPolicy=true"]
    runtime-config: ["admissionregistration.k8s.io/v1beta1=true"]
"""


class FilterModule:
    """Filters of this file, as Ansible looks them up."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters by their names."""
        return {"policy_kept_flags": kept_flags}
