# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._injection.workloads import is_rolled_out

DOCUMENTATION = r"""
name: rolled_out
short_description: Whether every pod of a workload is of its template, and available
version_added: 1.0.0
author: The onprem.irsa authors (@onprem)
description:
  - Tells what the option O(kubernetes.core.k8s_info#module:wait) does not, that the pods which are available are those
    of the template as it is now.
  - Made for the roles of this collection, and may change with them in any release.
options:
  _input:
    description: A Deployment, StatefulSet or DaemonSet as M(kubernetes.core.k8s_info) lists it, or none.
    type: list
    elements: dict
    required: true
seealso:
  - plugin: onprem.irsa.missed_pods
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Wait for the pods of a Deployment
  kubernetes.core.k8s_info:
    api_version: apps/v1
    kind: Deployment
    namespace: apps
    name: reports
  register: found
  until: found.resources | default([]) | onprem.irsa.rolled_out
  retries: 150
  delay: 2
"""

RETURN = r"""
_value:
  description: Whether it is; not where there is none.
  type: bool
"""


def _filter(workloads: t.Sequence[dict[str, t.Any]]) -> bool:
    return bool(workloads) and all(map(is_rolled_out, workloads))


class FilterModule:
    """Filters of this file, as Ansible looks them up."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters by their names."""
        return {"rolled_out": _filter}
