#!/usr/bin/python
# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kubeadm_info
short_description: Show the configuration from which kubeadm writes manifests on a control-plane host
version_added: 1.0.0
author:
  - The onprem.irsa authors (@onprem)
description:
  - C(kubeadm upgrade) and C(kubeadm join) write the manifest of C(kube-apiserver) again, from the ClusterConfiguration
    in the cluster, or from one that kubespray keeps on the host, and from patch files on the host. Returns what the
    host has of it.
  - Of files with kubeadm's configuration, which may hold bootstrap tokens, the ClusterConfiguration and the directories
    of patches alone leave the host.
  - Made for the roles of this collection, and may change with them in any release.
extends_documentation_fragment:
  - onprem.irsa._attributes
  - onprem.irsa._attributes.info_module
attributes:
  action:
    description: Has an action plugin, which runs on the controller, of the same name.
    support: full
options:
  configuration_directory:
    description: The directory in which to look for files with configuration of kubeadm, whatever their names are.
    type: path
    default: /etc/kubernetes
  patches_directory:
    description: A directory of patches to look at besides those that are named in files with configuration.
    type: path
    default: /etc/kubernetes/patches
seealso:
  - name: Customizing components with the kubeadm API
    description: How kubeadm reads extra arguments and patches.
    link: https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/control-plane-flags/
"""

EXAMPLES = r"""
- name: Show what will write the manifest of the API server
  onprem.irsa.kubeadm_info:
  become: true
  register: kubeadm
"""

RETURN = r"""
host:
  description: The host that was looked at, by its name in the inventory.
  returned: success
  type: str
  sample: cp1
seen_at:
  description: When it was looked at, in seconds since the epoch by the controller's clock.
  returned: success
  type: float
  sample: 1767225600.5
version:
  description: The version of the C(kubeadm) that is installed.
  returned: success; V(null) where none is
  type: str
  sample: v1.34.4
configuration:
  description:
    - The ClusterConfiguration in C(kubeadm-config.yaml) in O(configuration_directory), where kubespray writes it; empty
      where the file has none.
  returned: success; V(null) where there is no such file with configuration of kubeadm
  type: str
  sample: null
patches_directories:
  description: O(patches_directory), and the directories that files with configuration name.
  returned: success
  type: list
  elements: str
  sample: [/etc/kubernetes/patches]
named_directories:
  description: The directories of patches that files with configuration name.
  returned: success
  type: list
  elements: str
  sample: []
patches:
  description:
    - The patches of C(kube-apiserver) in and below these directories that kubeadm reads; their texts by their paths.
  returned: success
  type: dict
  sample: {}
obstacle:
  description:
    - Why no file can be written to O(patches_directory), or kubeadm would not read it; empty where one can.
  returned: success
  type: str
  sample: ""
"""

import typing as t
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.onprem.irsa.plugins.module_utils._errors import reported
from ansible_collections.onprem.irsa.plugins.module_utils._host.kubeadm import KubeadmHost, look
from ansible_collections.onprem.irsa.plugins.module_utils._host.privilege import needing_root

ARGUMENT_SPEC = {
    "configuration_directory": {"type": "path", "default": "/etc/kubernetes"},
    "patches_directory": {"type": "path", "default": "/etc/kubernetes/patches"},
}


def main() -> t.NoReturn:
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    host = KubeadmHost(
        Path(module.params["configuration_directory"]),
        Path(module.params["patches_directory"]),
        module.get_bin_path("kubeadm", opt_dirs=["/usr/local/bin"]),
        module.run_command,
    )
    with reported(module), needing_root():
        found = look(host)
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()
