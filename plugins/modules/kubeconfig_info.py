#!/usr/bin/python
# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kubeconfig_info
short_description: Read a kubeconfig into memory, reduced to its current context (internal)
version_added: 1.0.0
author:
  - The onprem.irsa authors (!UNKNOWN)
description:
  - Reads a kubeconfig of the controller or of the host, and returns what is needed to reach the cluster of its current
    context, and nothing of other clusters. The result is hidden in every output, and what fails is not.
  - Cluster, user and context get one neutral name. kubernetes.core hides every text of a kubeconfig wherever it stands
    in a module's result; a context named V(prod) would otherwise blank out that word in the names of roles.
  - Made for the roles of this collection, and may change with them in any release.
extends_documentation_fragment:
  - onprem.irsa._attributes
  - onprem.irsa._attributes.info_module
  - onprem.irsa._attributes.on_controller
options:
  path:
    description:
      - A file on the controller, relative to the directory in which the play is run. It may be encrypted with Ansible
        Vault. Relative file names in it are joined with its directory.
      - When empty, O(admin_path) on the host is read, and refused where it names the host itself as the API server.
    type: str
    default: ""
  admin_path:
    description: The file on the host, complete.
    type: str
    required: true
seealso:
  - name: Organizing Cluster Access Using kubeconfig Files
    description: What a kubeconfig holds, and how file names in it are read.
    link: https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/
"""

EXAMPLES = r"""
- name: Read the admin kubeconfig of the control plane
  onprem.irsa.kubeconfig_info:
    admin_path: /etc/kubernetes/admin.conf
  become: true
  register: admin
"""

RETURN = r"""
kubeconfig:
  description: A kubeconfig with one context. It holds the credentials of its user.
  type: dict
  returned: success
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

ARGUMENT_SPEC: t.Final[dict[str, dict[str, t.Any]]] = {
    "path": {"type": "str", "default": ""},
    "admin_path": {"type": "str", "required": True},
}


def main() -> t.NoReturn:
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    module.fail_json(
        msg="kubeconfig_info reads into the controller's memory. Call it as the task onprem.irsa.kubeconfig_info."
    )


if __name__ == "__main__":
    main()
