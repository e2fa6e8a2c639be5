# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._injection.pod import Account, is_injected_as

DOCUMENTATION = r"""
name: injected_as
short_description: Whether pods have the role, audience and region that are asked for now
version_added: 1.0.0
author: The onprem.irsa authors (@onprem)
description:
  - Looks at the token that each container has where C(AWS_WEB_IDENTITY_TOKEN_FILE) says it is, and at its variables. So
    it is seen whether a changed setting is in force.
  - Made for the roles of this collection, and may change with them in any release.
positional: role_arn
options:
  _input:
    description: What M(kubernetes.core.k8s) returned for pods that were tried.
    type: list
    elements: dict
    required: true
  role_arn:
    description: The role of their service account.
    type: str
    required: true
  audience:
    description: The audience of the token.
    type: str
    required: true
  region:
    description: The AWS region; empty for none.
    type: str
    required: true
seealso:
  - plugin: onprem.irsa.missed_pods
    plugin_type: filter
  - plugin: onprem.irsa.superseded_pods
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Wait until a pod would be given the new audience
  kubernetes.core.k8s:
    definition: "{{ pod }}"
  check_mode: true
  register: tried
  until: "[tried] | onprem.irsa.injected_as(role_arn, audience='sts.amazonaws.com', region='eu-central-1')"
  retries: 60
  delay: 2
"""

RETURN = r"""
_value:
  description: Whether each has; not where there is none.
  type: bool
"""


def _filter(tried: t.Sequence[t.Mapping[str, t.Any]], role_arn: str, *, audience: str, region: str) -> bool:
    wanted = Account(role_arn, audience, regional_sts=True, expiration=0)
    pods = [one.get("result") or {} for one in tried]
    return bool(pods) and all("spec" in pod and is_injected_as({"metadata": {}, **pod}, wanted, region) for pod in pods)


class FilterModule:
    """Filters of this file, as Ansible looks them up."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters by their names."""
        return {"injected_as": _filter}
