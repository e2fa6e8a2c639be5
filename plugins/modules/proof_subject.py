#!/usr/bin/python
# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: proof_subject
short_description: Choose whose identity is proved (internal)
version_added: 1.0.0
author:
  - The onprem.irsa authors (!UNKNOWN)
description:
  - Returns the service account to verify with, and its role.
  - Made for the roles of this collection, and may change with them in any release.
extends_documentation_fragment:
  - onprem.irsa._attributes
  - onprem.irsa._attributes.info_module
  - onprem.irsa._attributes.on_controller
options:
  service_account:
    description:
      - The service account, as V(namespace/name). When empty, it is the first of O(roles) that is not a pattern; roles
        that should be absent are passed over.
    type: str
    default: ""
  roles:
    description: The roles that are known, as V(irsa_iam_roles) has them.
    type: list
    elements: dict
    default: []
seealso:
  - module: onprem.irsa.proof_plan
"""

EXAMPLES = r"""
- name: Choose whose identity is proved
  onprem.irsa.proof_subject:
    roles: "{{ irsa_iam_roles }}"
  register: subject
"""

RETURN = r"""
service_account:
  description: The service account, as V(namespace/name); empty where there is none, so that no role is proved.
  type: str
  returned: always
  sample: apps/reports
namespace:
  description: Its namespace; V(default) where there is none.
  type: str
  returned: always
  sample: apps
name:
  description: Its name; V(default) where there is none.
  type: str
  returned: always
  sample: reports
role:
  description: The name of its role in O(roles); empty for none.
  type: str
  returned: always
  sample: prod-reports
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

ARGUMENT_SPEC: t.Final[dict[str, dict[str, t.Any]]] = {
    "service_account": {"type": "str", "default": ""},
    "roles": {"type": "list", "elements": "dict", "default": []},
}


def main() -> t.NoReturn:
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    module.fail_json(msg="proof_subject chooses on the controller. Call it as the task onprem.irsa.proof_subject.")


if __name__ == "__main__":
    main()
