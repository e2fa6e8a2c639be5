# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._input_rules import injection_conflicts

DOCUMENTATION = r"""
name: injection_conflicts
short_description: Say which flags two roles would both set
version_added: 1.0.0
author: The onprem.irsa authors (@onprem)
description:
  - Returns a line for the flags of C(kube-apiserver) that the role P(onprem.irsa.irsa_webhook#role) sets for its mode
    V(policy), where the role P(onprem.irsa.irsa_apiserver#role) is told to set them, too.
  - Made for the roles of this collection, and may change with them in any release.
options:
  _input:
    description: The further flags of the API servers, by their names.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Refuse two roles that set the same flags
  ansible.builtin.assert:
    that: irsa_apiserver_extra_flags | onprem.irsa.injection_conflicts | length == 0
"""

RETURN = r"""
_value:
  description: A line for everything that is wrong; empty when nothing is.
  type: list
  elements: str
  sample:
    - >-
      irsa_apiserver_extra_flags has feature-gates, which irsa_webhook_set_flags sets, too: each would undo the other.
      Add MutatingAdmissionPolicy=true to feature-gates and the API's version to runtime-config there, and unset
      irsa_webhook_set_flags.
"""


def _filter(extra_flags: t.Mapping[str, object]) -> list[str]:
    return injection_conflicts(extra_flags)


class FilterModule:
    """Filters of this file, as Ansible looks them up."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters by their names."""
        return {"injection_conflicts": _filter}
