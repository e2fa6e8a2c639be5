# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._injection.foreign import foreign

DOCUMENTATION = r"""
name: foreign_webhooks
short_description: Pod-identity webhooks that somebody else has installed
version_added: 1.0.0
author: The onprem.irsa authors (@onprem)
description:
  - Finds the configurations that call a pod-identity webhook, by the name of the webhook or of the service that it
    calls. So those of the upstream manifests, of the community's chart, of kOps and of EKS are recognised.
  - Made for the roles of this collection, and may change with them in any release.
positional: own
options:
  _input:
    description: The objects C(MutatingWebhookConfiguration) of a cluster.
    type: list
    elements: dict
    required: true
  own:
    description: The names of those that are not somebody else's.
    type: list
    elements: str
    required: true
seealso:
  - plugin: onprem.irsa.webhook_problems
    plugin_type: filter
  - plugin: onprem.irsa.injection_findings
    plugin_type: filter
  - module: kubernetes.core.k8s_info
"""

EXAMPLES = r"""
- name: Look for webhooks
  kubernetes.core.k8s_info:
    api_version: admissionregistration.k8s.io/v1
    kind: MutatingWebhookConfiguration
  register: found

- name: Name those of others
  ansible.builtin.debug:
    msg: "{{ found.resources | onprem.irsa.foreign_webhooks(['onprem-irsa-pod-identity-webhook']) }}"
"""

RETURN = r"""
_value:
  description: One entry for each configuration.
  type: list
  elements: dict
  contains:
    name:
      description: The name of the configuration.
      type: str
      sample: pod-identity-webhook
    namespace:
      description: The namespace of the service that it calls; empty where it calls a URL.
      type: str
      sample: default
    service:
      description: The name of that service.
      type: str
      sample: pod-identity-webhook
    others:
      description: The webhooks of other kinds in the configuration.
      type: list
      elements: str
    release:
      description: The Helm release that made it; empty for none.
      type: str
"""


class FilterModule:
    """Filters of this file, as Ansible looks them up."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters by their names."""
        return {"foreign_webhooks": foreign}
