# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._injection.probe import probe_failure

DOCUMENTATION = r"""
name: probe_failure
short_description: Why pods that were tried have no role
version_added: 1.0.0
author: The onprem.irsa authors (@onprem)
positional: port, namespace
description:
  - Made for the roles of this collection, and may change with them in any release.
options:
  _input:
    description: The C(ansible_failed_result) of a task that tries a pod, or several, by M(kubernetes.core.k8s).
    type: dict
    required: true
  port:
    description: The port of the webhook's pods, for the fix.
    type: int
    default: 8443
  namespace:
    description: Their namespace.
    type: str
    default: pod-identity-webhook
seealso:
  - plugin: onprem.irsa.injection_findings
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Say why
  ansible.builtin.fail:
    msg: "{{ (ansible_failed_result | onprem.irsa.probe_failure).said }}"
"""

RETURN = r"""
_value:
  description: The failure.
  type: dict
  contains:
    cause:
      description:
        - V(unreached) where an API server does not reach the webhook, V(ignored) where a pod was admitted without its
          role, V(refused) where it was for another reason; of several the first in this order.
      type: str
    said:
      description: What is known of each pod.
      type: str
    fix:
      description: What helps where the webhook is not reached, by the API server's words; else empty.
      type: str
"""


class FilterModule:
    """Filters of this file, as Ansible looks them up."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters by their names."""
        return {"probe_failure": probe_failure}
