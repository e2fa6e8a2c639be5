#!/usr/bin/python
# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: objects_info
short_description: Read objects of the cluster (internal)
version_added: 1.0.0
author:
  - The onprem.irsa authors (!UNKNOWN)
description:
  - Reads the objects of a list of the Kubernetes API, as M(kubernetes.core.k8s_info) does. On the controller
    this module needs no process of its own, which saves most of a second.
  - Made for the roles of this collection, and may change with them in any release.
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - onprem.irsa._attributes
  - onprem.irsa._attributes.k8s
  - onprem.irsa._attributes.info_module
options:
  path:
    description: The path of the list in the API, such as C(/api/v1/namespaces/default/configmaps).
    type: str
    required: true
  name:
    description: The name of the one object to return; empty for all.
    type: str
    default: ""
  labels:
    description: The labels that an object must have to be returned.
    type: dict
    default: {}
requirements:
  - kubernetes
seealso:
  - name: API paths
    description: The Kubernetes documentation of how resources are addressed.
    link: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris
"""

EXAMPLES = r"""
- name: Find the API servers of the cluster
  onprem.irsa.objects_info:
    kubeconfig: "{{ kubeconfig }}"
    path: /apis/discovery.k8s.io/v1/namespaces/default/endpointslices
    labels: {kubernetes.io/service-name: kubernetes}
"""

RETURN = r"""
resources:
  description: The objects; none where the cluster does not serve their kind.
  type: list
  elements: dict
  returned: always
  sample:
    - apiVersion: v1
      kind: Namespace
      metadata: {name: default}
"""

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._errors import reported
from ansible_collections.onprem.irsa.plugins.module_utils._kube.api import Api, ShownModule, k8s_module

ARGUMENT_SPEC: dict[str, t.Any] = {
    "path": {"type": "str", "required": True},
    "name": {"type": "str", "default": ""},
    "labels": {"type": "dict", "default": {}},
}


def main() -> None:
    module = k8s_module(ARGUMENT_SPEC, ShownModule)
    asked = module.params
    labels = ",".join(f"{name}={value}" for name, value in asked["labels"].items())
    with reported(module):
        found = Api(module).items(
            asked["path"], labels=labels, fields=f"metadata.name={asked['name']}" if asked["name"] else ""
        )
    module.exit_json(changed=False, resources=found)


if __name__ == "__main__":
    main()
