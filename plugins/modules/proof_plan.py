#!/usr/bin/python
# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: proof_plan
short_description: Plan how to prove that a service account has its role (internal)
version_added: 1.0.0
author:
  - The onprem.irsa authors (!UNKNOWN)
description:
  - Returns what M(onprem.irsa.verify) compares with, and what STS has to refuse. It fails where a service account is
    named that has no role.
  - Made for the roles of this collection, and may change with them in any release.
extends_documentation_fragment:
  - onprem.irsa._attributes
  - onprem.irsa._attributes.info_module
  - onprem.irsa._attributes.on_controller
options:
  service_account:
    description: The service account, as V(namespace/name); empty where no role is proved.
    type: str
    required: true
  role_arn:
    description: The ARN of its role, or an empty text.
    type: str
    required: true
  audience:
    description: The audience of its tokens.
    type: str
    required: true
  roles:
    description: The roles that are known, as V(irsa_iam_roles) has them.
    type: list
    elements: dict
    default: []
  found:
    description: What M(onprem.irsa.iam_role_info) said of the role, also where it failed.
    type: dict
    required: true
seealso:
  - module: onprem.irsa.verify
"""

EXAMPLES = r"""
- name: Plan the proof
  onprem.irsa.proof_plan:
    service_account: apps/reports
    role_arn: arn:aws:iam::123456789012:role/prod-reports
    audience: sts.amazonaws.com
    found: "{{ role }}"
"""

RETURN = r"""
trust:
  description: The option O(onprem.irsa.verify#module:trust) of M(onprem.irsa.verify); empty where no role is proved.
  type: dict
  returned: success
untrusted:
  description: A service account that the role does not trust, as V(namespace/name); empty where it trusts all of them.
  type: str
  returned: success
  sample: kube-system/default
other_audience:
  description: An audience that the identity provider has for another role; empty for none.
  type: str
  returned: success
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

ARGUMENT_SPEC: t.Final[dict[str, dict[str, t.Any]]] = {
    "service_account": {"type": "str", "required": True},
    "role_arn": {"type": "str", "required": True},
    "audience": {"type": "str", "required": True},
    "roles": {"type": "list", "elements": "dict", "default": []},
    "found": {"type": "dict", "required": True},
}


def main() -> t.NoReturn:
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    module.fail_json(msg="proof_plan plans on the controller. Call it as the task onprem.irsa.proof_plan.")


if __name__ == "__main__":
    main()
