#!/usr/bin/python
# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: playbook_input
short_description: Find the control plane of a run, and refuse wrong variables of the roles (internal)
version_added: 1.0.0
author:
  - The onprem.irsa authors (!UNKNOWN)
description:
  - Finds the hosts of the control plane that a run is for, and fails where the inventory has none, several or a part
    of one in the play.
  - Looks at the variables of several roles of this collection together, by their names, their argument specs and the
    rules that they keep, and fails with a line for everything that is wrong, each with the value, the rule and the fix.
  - Looks at variables alone, and on the controller at the files that they name. Neither hosts nor AWS are contacted.
  - Made for the playbooks of this collection, and may change with them in any release.
extends_documentation_fragment:
  - onprem.irsa._attributes
  - onprem.irsa._attributes.info_module
  - onprem.irsa._attributes.on_controller
options:
  group:
    description:
      - The group of the control-plane hosts, where it is named for the whole run. Otherwise the hosts of the inventory
        name it in V(irsa_control_plane_group), or it is V(kube_control_plane).
    type: str
    default: ""
  roles:
    description: The roles, such as V(irsa_iam), whose variables are checked by types and rules.
    type: list
    elements: str
    default: []
  hosts_optional:
    description:
      - Whether the controller alone is enough where the control plane has no hosts, whatever the variables say.
    type: bool
    default: false
  renders:
    description:
      - Whether the playbook writes files in place of acting where V(irsa_render) is set, or changes nothing anyway. Any
        other one refuses that variable.
    type: bool
    default: false
  arguments_of:
    description: Roles whose variables are checked by their types alone.
    type: list
    elements: str
    default: []
  called:
    description:
      - Options of roles that the playbook takes by shorter names, each by that name. Where one of these is given with
        C(-e), it counts in place of the option.
    type: dict
    default: {}
  tags:
    description: The tags of the playbook.
    type: list
    elements: str
    default: []
  tags_without_api:
    description:
      - Those of O(tags) whose tasks leave the cluster's API alone where V(irsa_issuer_keys) is a list. A run of these
        alone needs no kubeconfig then.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Find the control plane, and refuse wrong input
  onprem.irsa.playbook_input:
    roles: [irsa_issuer, irsa_iam]
  run_once: true
"""

RETURN = r"""
hosts:
  description: The hosts of the control plane.
  type: list
  elements: str
  returned: success
  sample: [cp1.example.com, cp2.example.com, cp3.example.com]
msg:
  description: A line for everything that is wrong.
  type: str
  returned: failure
  sample: "irsa_webhook_mode is 'webhok'. It must be one of webhook, policy, foreign, none. Did you mean webhook?"
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

ARGUMENT_SPEC: t.Final[dict[str, dict[str, t.Any]]] = {
    "group": {"type": "str", "default": ""},
    "roles": {"type": "list", "elements": "str", "default": []},
    "hosts_optional": {"type": "bool", "default": False},
    "renders": {"type": "bool", "default": False},
    "arguments_of": {"type": "list", "elements": "str", "default": []},
    "called": {"type": "dict", "default": {}},
    "tags": {"type": "list", "elements": "str", "default": []},
    "tags_without_api": {"type": "list", "elements": "str", "default": []},
}


def main() -> t.NoReturn:
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    module.fail_json(
        msg="playbook_input reads variables on the controller. Call it as the task onprem.irsa.playbook_input."
    )


if __name__ == "__main__":
    main()
