# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._injection.workloads import workload_pod

DOCUMENTATION = r"""
name: workload_pod
short_description: A pod as a workload makes it, to be tried without being stored
version_added: 1.0.0
author: The onprem.irsa authors (@onprem)
description:
  - Returns the pod of a workload's template, with the volumes that a StatefulSet's claims give it.
  - Made for the roles of this collection, and may change with them in any release.
positional: name
options:
  _input:
    description: A Deployment, StatefulSet or DaemonSet, as M(kubernetes.core.k8s_info) returned it.
    type: dict
    required: true
  name:
    description: The name of the pod.
    type: str
    required: true
seealso:
  - plugin: onprem.irsa.missed_pods
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Try a pod of a Deployment
  kubernetes.core.k8s:
    definition: "{{ found.resources[0] | onprem.irsa.workload_pod('trial') }}"
  check_mode: true # a dry run on the API server
"""

RETURN = r"""
_value:
  description: The manifest of the pod.
  type: dict
"""


class FilterModule:
    """Filters of this file, as Ansible looks them up."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters by their names."""
        return {"workload_pod": workload_pod}
