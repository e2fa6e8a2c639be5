# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter onprem.irsa.kubeconfig_current_context."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._kube.kubeconfig import Json, current_context

DOCUMENTATION = r"""
name: kubeconfig_current_context
short_description: Reduce a kubeconfig to its current context
version_added: 1.0.0
author: The onprem.irsa authors (@onprem)
description:
  - Leaves what is needed to reach the cluster of the current context, and nothing of other clusters.
  - Cluster, user and context get one neutral name. kubernetes.core hides every text of a kubeconfig wherever it
    stands in a module's result; a context named V(prod) would otherwise blank out that word in the names of roles.
  - Made for the roles of this collection, and may change with them in any release.
positional: directory
options:
  _input:
    description: The kubeconfig.
    type: dict
    required: true
  directory:
    description: The directory of the kubeconfig; relative file names in it are joined with this.
    type: path
seealso:
  - plugin: onprem.irsa.irsa_kubeconfig
    plugin_type: role
  - name: Organizing Cluster Access Using kubeconfig Files
    description: What a kubeconfig holds, and how file names in it are read.
    link: https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/
"""

EXAMPLES = r"""
- name: Find the nodes
  kubernetes.core.k8s_info:
    kind: Node
    kubeconfig: "{{ admin.content | b64decode | from_yaml | onprem.irsa.kubeconfig_current_context }}"
"""

RETURN = r"""
_value:
  description: A kubeconfig with one context. It holds the credentials of its user.
  type: dict
"""


def kubeconfig_current_context(kubeconfig: object, directory: str | None = None) -> Json:
    """Reduce kubeconfig; see DOCUMENTATION."""
    try:
        return current_context(kubeconfig, directory)
    except InputError as error:
        raise AnsibleFilterError(str(error)) from None


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters by name."""
        return {"kubeconfig_current_context": kubeconfig_current_context}
