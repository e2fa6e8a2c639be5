# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._input.limits import number_problems

DOCUMENTATION = r"""
name: number_problems
short_description: Why numbers of the roles' variables are refused
version_added: 1.0.0
author: The onprem.irsa authors (@onprem)
description:
  - Returns a sentence for each number that is out of its limits, with the value, the limit, the reason and the default.
  - Made for the roles of this collection, and may change with them in any release.
options:
  _input:
    description: The values by the names of their variables.
    type: dict
    required: true
seealso:
  - plugin: onprem.irsa.rollout_problems
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Refuse a time in which no API server starts
  ansible.builtin.assert:
    that: problems | length == 0
    fail_msg: "{{ problems | join('\\n') }}"
  vars:
    problems: "{{ {'irsa_apiserver_timeout': irsa_apiserver_timeout} | onprem.irsa.number_problems }}"
"""

RETURN = r"""
_value:
  description: The problems; an empty list when there are none.
  type: list
  elements: str
"""


class FilterModule:
    """Filters of this file, as Ansible looks them up."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters by their names."""
        return {"number_problems": number_problems}
