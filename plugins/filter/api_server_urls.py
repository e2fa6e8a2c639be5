# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.endpoints import urls

DOCUMENTATION = r"""
name: api_server_urls
short_description: The URLs of a cluster's API servers, past any load balancer (internal)
version_added: 1.0.0
author: The onprem.irsa authors (!UNKNOWN)
description:
  - Every API server writes its C(--advertise-address) into the EndpointSlices of the service C(default/kubernetes),
    where it has not C(--endpoint-reconciler-type=none). One that is gone stays there until its lease ends, some seconds
    later.
  - Made for the role P(onprem.irsa.irsa_apiserver#role), which waits by it, and may change with it in any release.
options:
  _input:
    description: The EndpointSlices of the service C(default/kubernetes).
    type: list
    elements: dict
    required: true
seealso:
  - module: onprem.irsa.control_plane_plan
"""

EXAMPLES = r"""
- name: Ask the cluster which API servers it has
  kubernetes.core.k8s_info:
    api_version: discovery.k8s.io/v1
    kind: EndpointSlice
    namespace: default
    label_selectors: [kubernetes.io/service-name=kubernetes]
  register: slices

- name: Name them
  ansible.builtin.debug:
    msg: "{{ slices.resources | onprem.irsa.api_server_urls }}"
"""

RETURN = r"""
_value:
  description: The URL of each, sorted.
  type: list
  elements: str
  sample: ["https://10.0.0.11:6443", "https://10.0.0.12:6443"]
"""


class FilterModule:
    """Filters of this file, as Ansible looks them up."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters by their names."""
        return {"api_server_urls": urls}
