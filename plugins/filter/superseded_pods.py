# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._injection.workloads import superseded

DOCUMENTATION = r"""
name: superseded_pods
short_description: Pods of a Deployment that still answer by its template of before
version_added: 1.0.0
author: The onprem.irsa authors (@onprem)
description:
  - A Deployment counts as rolled out while pods of its template of before end. They answer until they have ended, for
    whoever has a connection to them, as API servers have to a webhook.
  - Made for the roles of this collection, and may change with them in any release.
options:
  _input:
    description: The pods of one Deployment that is rolled out, as M(kubernetes.core.k8s_info) lists them.
    type: list
    elements: dict
    required: true
seealso:
  - plugin: onprem.irsa.rolled_out
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Wait until only pods of today's template answer
  kubernetes.core.k8s_info:
    kind: Pod
    namespace: apps
    label_selectors: [app=reports]
  register: found
  until: found.resources | onprem.irsa.superseded_pods | length == 0
  retries: 24
  delay: 5
"""

RETURN = r"""
_value:
  description: Their names.
  type: list
  elements: str
"""


class FilterModule:
    """Filters of this file, as Ansible looks them up."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters by their names."""
        return {"superseded_pods": superseded}
