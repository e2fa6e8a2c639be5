#!/usr/bin/python
# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: objects_diff
short_description: Compare objects of the cluster with what is asked for (internal)
version_added: 1.0.0
author:
  - The onprem.irsa authors (!UNKNOWN)
description:
  - Says whether M(kubernetes.core.k8s) would change something with server-side apply, by the code of that module in
    check mode. The API server tries each object, and nothing is stored. On the controller this module needs no process
    of its own, which saves most of a second.
  - Made for the role P(onprem.irsa.irsa_webhook#role), and may change with it in any release.
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - onprem.irsa._attributes
  - onprem.irsa._attributes.k8s
options:
  definition:
    description: The objects, as O(kubernetes.core.k8s#module:resource_definition) takes them.
    type: list
    elements: dict
    required: true
attributes:
  check_mode:
    support: full
    details:
      - This module never changes anything.
  diff_mode:
    support: full
  idempotent:
    support: full
requirements:
  - kubernetes
"""

EXAMPLES = r"""
- name: Compare what is there with what is asked for
  onprem.irsa.objects_diff:
    kubeconfig: "{{ kubeconfig }}"
    definition: "{{ manifests }}"
  register: compared
"""

RETURN = r"""
result:
  description: What M(kubernetes.core.k8s) returns.
  type: dict
  returned: success
  sample: {results: []}
"""

import typing as t

from ansible_collections.kubernetes.core.plugins.module_utils.k8s.exceptions import CoreException
from ansible_collections.kubernetes.core.plugins.module_utils.k8s.runner import run_module

from ansible_collections.onprem.irsa.plugins.module_utils._kube.api import ShownModule, k8s_module

# As the role applies them: only so the API server says that an item of a list is no longer asked for.
_AS_APPLIED: t.Final[dict[str, t.Any]] = {
    "apply": True,
    "server_side_apply": {"field_manager": "onprem.irsa", "force_conflicts": True},
    "hidden_fields": ["metadata.managedFields", "metadata.generation", "metadata.resourceVersion"],
}


class ComparingModule(ShownModule):
    """A module that is always in check mode."""

    def __init__(self, *arguments: t.Any, **options: t.Any) -> None:  # noqa: ANN401 -- those of AnsibleModule
        """Take the options of AnsibleModule."""
        super().__init__(*arguments, **options)
        self.check_mode = True


def main() -> None:
    module = k8s_module({"definition": {"type": "list", "elements": "dict", "required": True}}, ComparingModule)
    module.params.update(resource_definition=module.params["definition"], state="present", **_AS_APPLIED)
    try:
        run_module(module)
    except CoreException as error:
        module.fail_from_exception(error)


if __name__ == "__main__":
    main()
