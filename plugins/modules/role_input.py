#!/usr/bin/python
# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: role_input
short_description: Refuse wrong variables of the roles, all of them at once
version_added: 1.0.0
author:
  - The onprem.irsa authors (@onprem)
description:
  - Looks at the variables of several roles of this collection together, by their argument specs and by the rules of
    their entry points V(input), and fails with a line for everything that is wrong, each with the value, the rule and
    the fix.
  - Looks at variables alone. No host and no AWS is asked.
  - Made for the playbooks of this collection, and may change with them in any release.
extends_documentation_fragment:
  - onprem.irsa._attributes
  - onprem.irsa._attributes.info_module
attributes:
  action:
    description: Has an action plugin, which does all of the work on the controller, of the same name.
    support: full
options:
  host:
    description: The host whose variables count.
    type: str
    required: true
  roles:
    description: The roles, such as V(irsa_iam), whose variables are checked by types and rules.
    type: list
    elements: str
    default: []
  arguments_of:
    description: Roles whose variables are checked by their types alone.
    type: list
    elements: str
    default: []
  problems:
    description: What is known to be wrong already. It is told in the same message, first.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Refuse wrong input
  onprem.irsa.role_input:
    host: cp1.example.com
    roles: [irsa_issuer, irsa_iam]
  run_once: true
"""

RETURN = r"""
msg:
  description: A line for everything that is wrong; empty when nothing is.
  type: str
  returned: always
  sample: "irsa_webhook_mode is 'webhok'. It must be one of webhook, policy, foreign, none. Did you mean webhook?"
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

ARGUMENT_SPEC: t.Final[dict[str, dict[str, t.Any]]] = {
    "host": {"type": "str", "required": True},
    "roles": {"type": "list", "elements": "str", "default": []},
    "arguments_of": {"type": "list", "elements": "str", "default": []},
    "problems": {"type": "list", "elements": "str", "default": []},
}


def main() -> t.NoReturn:
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    module.fail_json(msg="role_input reads variables on the controller. Call it as the task onprem.irsa.role_input.")


if __name__ == "__main__":
    main()
