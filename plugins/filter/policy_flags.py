# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._injection.admission_policy import flag_changes

DOCUMENTATION = r"""
name: policy_flags
short_description: Flags of an API server with some key=value pairs added
version_added: 1.0.0
author: The onprem.irsa authors (!UNKNOWN)
description:
  - Returns the flags to set so that an API server has each wanted pair in addition to those that it has. A pair with
    the same key is replaced. When nothing is missing there is nothing to set.
positional: wanted
options:
  _input:
    description:
      - The RV(onprem.irsa.control_plane_info#module:flags) of the API server. Those of its process are empty while none
        runs.
    type: dict
    required: true
  wanted:
    description: One pair for each flag, by the name of the flag.
    type: dict
    required: true
seealso:
  - module: onprem.irsa.control_plane_flags
"""

EXAMPLES = r"""
- name: Observe the API server
  onprem.irsa.control_plane_info:
  become: true
  register: observed

- name: Turn a feature on, and leave the others as they are (about 10 seconds)
  onprem.irsa.control_plane_flags:
    flags: "{{ observed.flags
      | onprem.irsa.policy_flags({'feature-gates': 'MutatingAdmissionPolicy=true'}) }}"
  become: true
"""

RETURN = r"""
_value:
  description: The flags with their values, as O(onprem.irsa.control_plane_flags#module:flags) takes them.
  type: dict
  sample:
    feature-gates: ["MutatingAdmissionPolicy=true"]
"""


class FilterModule:
    """Filters of this file, as Ansible looks them up."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters by their names."""
        return {"policy_flags": flag_changes}
