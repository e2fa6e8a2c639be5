# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._injection.problems import input_problems

DOCUMENTATION = r"""
name: webhook_problems
short_description: Why pods cannot be injected as asked for
version_added: 1.0.0
author: The onprem.irsa authors (@onprem)
description:
  - Returns a sentence for everything that is wrong with the options of the role P(onprem.irsa.irsa_webhook#role), each
    with the value, the rule and the fix; or, with O(seen), for everything in a cluster that is in their way.
  - Made for the roles of this collection, and may change with them in any release.
options:
  _input:
    description: The options of the role, without the prefix C(irsa_webhook_).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Refuse what cannot be run
  vars:
    problems: "{{ options | onprem.irsa.webhook_problems + options | onprem.irsa.webhook_problems(seen) }}"
  ansible.builtin.assert:
    that: problems | length == 0
    fail_msg: "{{ problems | join('\n') }}"
"""

RETURN = r"""
_value:
  description: The problems; an empty list when there are none.
  type: list
  elements: str
"""


def _filter(given: t.Mapping[str, t.Any]) -> list[str]:
    return [*input_problems(given)]


class FilterModule:
    """Filters of this file, as Ansible looks them up."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters by their names."""
        return {"webhook_problems": _filter}
