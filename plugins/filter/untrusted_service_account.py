# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._proof.checks import untrusted_service_account

DOCUMENTATION = r"""
name: untrusted_service_account
short_description: A service account that a role does not trust
version_added: 1.0.0
author: The onprem.irsa authors (@onprem)
description:
  - Returns the service account C(default) of the first namespace in which the role does not trust it. Every namespace
    has one.
  - It is what a role's refusal can be tried with, without making anything in the cluster.
  - Made for the roles of this collection, and may change with them in any release.
positional: namespaces
options:
  _input:
    description:
      - The service accounts that the role trusts, as V(namespace/name); a V(*) or V(?) in one makes it a pattern.
    type: list
    elements: str
    required: true
  namespaces:
    description:
      - Namespaces to look in.
    type: list
    elements: str
    required: true
seealso:
  - module: onprem.irsa.verify
  - module: onprem.irsa.iam_roles
"""

EXAMPLES = r"""
- name: Choose whom the role must refuse
  ansible.builtin.debug:
    msg: "{{ ['apps/reports', 'apps/d*'] | onprem.irsa.untrusted_service_account(['apps', 'kube-system']) }}"
    # kube-system/default
"""

RETURN = r"""
_value:
  description: The service account as V(namespace/name); empty when the role trusts all of them.
  type: str
"""


class FilterModule:
    """Filters of this file, as Ansible looks them up."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters by their names."""
        return {"untrusted_service_account": untrusted_service_account}
