# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.endpoints import listed

DOCUMENTATION = r"""
name: listed_api_servers
short_description: The hosts whose API servers a cluster lists
version_added: 1.0.0
author: The onprem.irsa authors (@onprem)
description:
  - Returns the hosts whose C(--advertise-address) stands in the EndpointSlices of the service C(default/kubernetes). An
    API server removes its address as it ends, and writes it again once it answers.
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
  - plugin: onprem.irsa.unlisted_api_servers
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Require that the cluster lists all of them
  ansible.builtin.assert:
    that: observed.results | onprem.irsa.listed_api_servers(slices.resources) | length == observed.results | length
"""

RETURN = r"""
_value:
  description: The hosts, in the order of the observation.
  type: list
  elements: str
  sample: [cp1, cp2]
"""


def _filter(results: t.Iterable[t.Mapping[str, t.Any]], slices: t.Iterable[t.Mapping[str, t.Any]]) -> list[str]:
    return listed({result["item"]: result["running_flags"] for result in results}, slices)


class FilterModule:
    """Filters of this file, as Ansible looks them up."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters by their names."""
        return {"listed_api_servers": _filter}
