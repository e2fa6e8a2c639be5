# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._kube.kubeconfig import at_server

DOCUMENTATION = r"""
name: kubeconfig_at_server
short_description: A kubeconfig that reaches one API server of its cluster
version_added: 1.0.0
author: The onprem.irsa authors (@onprem)
description:
  - Replaces the server of a kubeconfig. Its authority must have signed the certificate of the new one, too, and that be
    for its address, as kubeadm has it, or for the C(tls-server-name) of the kubeconfig.
  - Made for the roles of this collection, and may change with them in any release.
positional: url
options:
  _input:
    description: A kubeconfig as M(onprem.irsa.kubeconfig_info) returns it.
    type: dict
    required: true
  url:
    description: The API server, such as V(https://10.0.0.11:6443).
    type: str
    required: true
seealso:
  - plugin: onprem.irsa.api_server_urls
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Ask each API server for the nodes
  kubernetes.core.k8s_info:
    kind: Node
    kubeconfig: "{{ kubeconfig | onprem.irsa.kubeconfig_at_server(item) }}"
  loop: "{{ slices.resources | onprem.irsa.api_server_urls }}"
"""

RETURN = r"""
_value:
  description: The kubeconfig. It holds the credentials of its user.
  type: dict
"""


class FilterModule:
    """Filters of this file, as Ansible looks them up."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters by their names."""
        return {"kubeconfig_at_server": at_server}
