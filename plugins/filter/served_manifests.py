# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

DOCUMENTATION = r"""
name: served_manifests
short_description: The manifests whose kind the cluster serves
version_added: 1.0.0
author: The onprem.irsa authors (@onprem)
description:
  - Leaves out manifests of kinds that the cluster does not serve, such as those of an operator that is not installed.
    M(kubernetes.core.k8s) fails for them even where they should be absent.
  - Made for the roles of this collection, and may change with them in any release.
positional: apis
options:
  _input:
    description: The manifests.
    type: list
    elements: dict
    required: true
  apis:
    description: The C(apis) that M(kubernetes.core.k8s_cluster_info) returned.
    type: dict
    required: true
seealso:
  - module: kubernetes.core.k8s
  - module: kubernetes.core.k8s_cluster_info
"""

EXAMPLES = r"""
- name: Look at the cluster
  kubernetes.core.k8s_cluster_info:
  register: cluster

- name: Remove a monitor, where there can be one
  kubernetes.core.k8s:
    definition: "{{ monitors | onprem.irsa.served_manifests(cluster.apis) }}"
    state: absent
"""

RETURN = r"""
_value:
  description: The manifests of kinds that are served, in their order.
  type: list
  elements: dict
"""

Manifest = t.Mapping[str, t.Any]


def _filter(manifests: t.Iterable[Manifest], apis: t.Mapping[str, t.Mapping[str, t.Any]]) -> list[Manifest]:
    return [one for one in manifests if one["kind"] in apis.get(one["apiVersion"], {})]


class FilterModule:
    """Filters of this file, as Ansible looks them up."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters by their names."""
        return {"served_manifests": _filter}
