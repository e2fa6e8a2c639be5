# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.observation import problems

DOCUMENTATION = r"""
name: control_plane_problems
short_description: Say why the API servers of a cluster must not be changed yet
version_added: 1.0.0
author: The onprem.irsa authors (@onprem)
description:
  - Returns a sentence for each problem that the observation of the control-plane hosts shows, with the host, the values
    and the fix.
  - Problems are an unknown distribution, a manifest that the running process does not follow, several files with the
    same pod, a manifest that is a symbolic link, a server that does not run or is not ready, an external signer, keys
    that differ between hosts, a signing key that is not accepted, key files that hold other keys than the API server
    has read, and a clock that is minutes off.
  - A host whose change was cut off (RV(onprem.irsa.control_plane_info#module:unconfirmed)) is judged by what does not
    depend on that change alone.
  - Made for the roles of this collection, and may change with them in any release.
extends_documentation_fragment:
  - onprem.irsa._control_plane.observed
options:
  duplicates_allowed:
    description:
      - Whether several files may hold the same pod, as long as the process runs with what its own manifest says. That
        is so for whoever changes nothing, or moves the others away.
    type: bool
    default: false
  links_allowed:
    description: Whether a manifest may be a symbolic link, which does not matter to those who change nothing.
    type: bool
    default: false
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

- name: Refuse to go on with a broken control plane
  ansible.builtin.assert:
    that: observed.results | onprem.irsa.control_plane_problems | length == 0
    fail_msg: "{{ observed.results | onprem.irsa.control_plane_problems }}"
"""

RETURN = r"""
_value:
  description: The problems; an empty list when there are none.
  type: list
  elements: str
"""


def _filter(
    results: t.Iterable[t.Mapping[str, t.Any]], *, duplicates_allowed: bool = False, links_allowed: bool = False
) -> list[str]:
    hosts = {result["item"]: result for result in results}
    return problems(hosts, duplicates_allowed=duplicates_allowed, links_allowed=links_allowed)


class FilterModule:
    """Filters of this file, as Ansible looks them up."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters by their names."""
        return {"control_plane_problems": _filter}
