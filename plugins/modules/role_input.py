#!/usr/bin/python
# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: role_input
short_description: Refuse wrong variables of a role, all of them at once (internal)
version_added: 1.0.0
author:
  - The onprem.irsa authors (!UNKNOWN)
description:
  - Looks at the variables that a role of this collection has, its defaults and what the caller has passed among them,
    and fails with a line for everything that is wrong, each with the value, the rule and the fix.
  - Looks at variables alone, and on the controller at the files that they name. Neither hosts nor AWS are contacted.
  - Made for the roles of this collection, and may change with them in any release.
extends_documentation_fragment:
  - onprem.irsa._attributes
  - onprem.irsa._attributes.info_module
  - onprem.irsa._attributes.on_controller
options:
  role:
    description: The role whose variables are checked, such as V(irsa_iam). The task has to be one of that role.
    type: str
    choices:
      - irsa_kubeconfig
      - irsa_issuer
      - irsa_iam
      - irsa_apiserver
      - irsa_webhook
      - irsa_verify
      - irsa_rotate
      - irsa_migrate
      - irsa_doctor
  entry_point:
    description:
      - What the role is called for. With V(teardown), the rules are those of what is removed.
      - With V(render), files are written in place of acting. Otherwise a role that acts refuses V(irsa_render).
    type: str
    choices: [main, teardown, render]
    default: main
  hosts:
    description: Hosts of one control plane, which have to have the same values of the variables of all roles.
    type: list
    elements: str
    default: []
  heading:
    description: The first line of the message, in front of what is wrong.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Refuse roles that cannot be made
  onprem.irsa.role_input:
    role: irsa_iam
    heading: The roles cannot be made as irsa_iam_roles has them; nothing was touched.
"""

RETURN = r"""
msg:
  description: The heading and a line for everything that is wrong; empty when nothing is.
  type: str
  returned: always
  sample: "The cluster's name '' must be 1 to 256 letters, digits, blanks and _.:/=+-@. Rename it."
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

ARGUMENT_SPEC: t.Final[dict[str, dict[str, t.Any]]] = {
    "role": {
        "type": "str",
        "choices": [
            "irsa_kubeconfig",
            "irsa_issuer",
            "irsa_iam",
            "irsa_apiserver",
            "irsa_webhook",
            "irsa_verify",
            "irsa_rotate",
            "irsa_migrate",
            "irsa_doctor",
        ],
    },
    "entry_point": {"type": "str", "choices": ["main", "teardown", "render"], "default": "main"},
    "hosts": {"type": "list", "elements": "str", "default": []},
    "heading": {"type": "str", "default": ""},
}


def main() -> t.NoReturn:
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    module.fail_json(msg="role_input reads variables on the controller. Call it as the task onprem.irsa.role_input.")


if __name__ == "__main__":
    main()
