# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.endpoints import unlisted

DOCUMENTATION = r"""
name: unlisted_api_servers
short_description: The API servers of a cluster that nobody looked at
version_added: 1.0.0
author: The onprem.irsa authors (@onprem)
description:
  - Returns the addresses of API servers that the cluster has by its own account and that no observed host has.
  - Every API server writes its C(--advertise-address) into the EndpointSlices of the service C(default/kubernetes). One
    that is gone stays there until its lease ends, some seconds later.
  - Returns none where that can't be told, because an observed server has no C(--advertise-address), or
    C(--endpoint-reconciler-type=none).
  - Made for the roles of this collection, and may change with them in any release.
positional: slices
extends_documentation_fragment:
  - onprem.irsa._control_plane.observed
options:
  slices:
    description: The EndpointSlices of the service C(default/kubernetes).
    type: list
    elements: dict
    required: true
seealso:
  - module: onprem.irsa.control_plane_info
"""

EXAMPLES = r"""
- name: Observe the control plane
  onprem.irsa.control_plane_info:
  loop: "{{ groups['kube_control_plane'] }}"
  delegate_to: "{{ item }}"
  become: true
  register: observed

- name: Ask the cluster which API servers it has
  kubernetes.core.k8s_info:
    api_version: discovery.k8s.io/v1
    kind: EndpointSlice
    namespace: default
    label_selectors: [kubernetes.io/service-name=kubernetes]
  register: slices

- name: Require that the inventory has them all
  ansible.builtin.assert:
    that: observed.results | onprem.irsa.unlisted_api_servers(slices.resources) | length == 0
"""

RETURN = r"""
_value:
  description: Their addresses; an empty list when every API server of the cluster is one of those observed.
  type: list
  elements: str
  sample: [10.0.0.14]
"""


def _filter(results: t.Iterable[t.Mapping[str, t.Any]], slices: t.Iterable[t.Mapping[str, t.Any]]) -> list[str]:
    return unlisted([result["running_flags"] for result in results], slices)


class FilterModule:
    """Filters of this file, as Ansible looks them up."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters by their names."""
        return {"unlisted_api_servers": _filter}
