# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.observation import warnings

DOCUMENTATION = r"""
name: control_plane_warnings
short_description: Say what is odd about the API servers of a cluster, without changing it
version_added: 1.0.0
author: The onprem.irsa authors (@onprem)
description:
  - Returns a sentence for each thing that somebody set up by hand and that does not mean what it seems to, or is not
    safe, with the host and the fix. None of them keeps the API servers from being changed.
  - These are issuers joined by a comma, which are one issuer; C(sts.amazonaws.com) among the audiences of the API
    server; and key files that were changed after the process started, where the API server does not show by its own
    key set that it has read them.
  - Made for the roles of this collection, and may change with them in any release.
extends_documentation_fragment:
  - onprem.irsa._control_plane.observed
seealso:
  - module: onprem.irsa.control_plane_info
  - plugin: onprem.irsa.control_plane_problems
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Observe the control plane
  onprem.irsa.control_plane_info:
  loop: "{{ groups['kube_control_plane'] }}"
  delegate_to: "{{ item }}"
  become: true
  register: observed

- name: Show what is odd about it
  ansible.builtin.debug:
    msg: "{{ observed.results | onprem.irsa.control_plane_warnings }}"
"""

RETURN = r"""
_value:
  description: The warnings; an empty list when there are none.
  type: list
  elements: str
"""


def _filter(results: t.Iterable[t.Mapping[str, t.Any]]) -> list[str]:
    return warnings({result["item"]: result for result in results})


class FilterModule:
    """Filters of this file, as Ansible looks them up."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters by their names."""
        return {"control_plane_warnings": _filter}
