# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.inventory import (
    DEFAULT_GROUP,
    ambiguity,
    control_planes,
)

DOCUMENTATION = r"""
name: control_planes
short_description: Which control plane of an inventory is meant
version_added: 1.0.0
author: The onprem.irsa authors (@onprem)
description:
  - Returns the one group of control-plane hosts that the user names for the whole run, or that the hosts of the
    inventory name in C(irsa_control_plane_group); and a problem where they name several, because an inventory may have
    several clusters, and a run is for one.
  - A host that names none means C(kube_control_plane), if it is in that group.
  - The hosts of the play decide, which C(--limit) makes fewer; all hosts of the inventory, where those name no group.
  - Made for the roles of this collection, and may change with them in any release.
options:
  _input:
    description: The variables of every host of the inventory.
    type: list
    elements: dict
    required: true
  groups:
    description: The groups of the inventory, each with the names of its hosts.
    type: dict
    required: true
  in_play:
    description: The hosts of the play.
    type: list
    elements: str
    default: []
  chosen:
    description: The group that is named for the whole run, with C(-e) or by who imports a playbook; or empty.
    type: str
    default: ""
seealso:
  - plugin: onprem.irsa.differing_variables
    plugin_type: filter
"""

EXAMPLES = r"""
- name: The inventory has one control plane
  vars:
    meant: "{{ groups['all'] | map('extract', hostvars) | onprem.irsa.control_planes(groups, ansible_play_hosts_all) }}"
  ansible.builtin.assert:
    that: meant.problem | length == 0
    fail_msg: "{{ meant.problem }}"
  run_once: true
"""

RETURN = r"""
_value:
  description: What is meant.
  type: dict
  contains:
    group:
      description: The group. The first by name, where there is a problem.
      type: str
      sample: kube_control_plane
    problem:
      description: Why no group can be taken, and how to choose one; empty when there is one.
      type: str
      sample: ""
"""


def _filter(
    hosts: t.Iterable[t.Mapping[str, t.Any]],
    groups: t.Mapping[str, t.Sequence[str]],
    in_play: t.Sequence[str] = (),
    *,
    chosen: str = "",
) -> dict[str, str]:
    if chosen:
        return {"group": chosen, "problem": ""}
    named = {host["inventory_hostname"]: str(host.get("irsa_control_plane_group") or "") for host in hosts}
    meant = control_planes(named, {*groups.get(DEFAULT_GROUP, [])}, {*in_play})
    return {"group": next(iter(meant)), "problem": ambiguity(meant)}


class FilterModule:
    """Filters of this file, as Ansible looks them up."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters by their names."""
        return {"control_planes": _filter}
