#!/usr/bin/python
# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: iam_role_info
short_description: Find the ARN and the trust policy of an IAM role
version_added: 1.0.0
author:
  - The onprem.irsa authors (!UNKNOWN)
description:
  - Says whether IAM has a role of this name, which ARN it has, and whom it trusts.
  - Makes one call, C(GetRole), so that whoever may manage the role by the policy of M(onprem.irsa.operator_policy) may
    ask. M(amazon.aws.iam_role_info) shows more, and asks for its instance profiles, too.
extends_documentation_fragment:
  - onprem.irsa._attributes
  - onprem.irsa._attributes.info_module
  - onprem.irsa._attributes.aws
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
options:
  name:
    description:
      - Name of the role.
    type: str
    required: true
seealso:
  - module: onprem.irsa.iam_roles
  - module: amazon.aws.iam_role_info
notes:
  - Needs the permission C(iam:GetRole).
"""

EXAMPLES = r"""
- name: Find the role
  onprem.irsa.iam_role_info:
    name: prod-reports
    region: eu-central-1
  register: found

- name: Say which it is
  ansible.builtin.debug:
    msg: "{{ found.arn or 'There is no such role.' }}"
"""

RETURN = r"""
arn:
  description: ARN of the role; empty when there is none.
  returned: success
  type: str
  sample: arn:aws:iam::123456789012:role/prod-reports
trust_policy:
  description: The trust policy of the role; empty when there is none.
  returned: success
  type: dict
  sample: {Version: "2012-10-17", Statement: []}
"""

import typing as t

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.onprem.irsa.plugins.module_utils._errors import reported
from ansible_collections.onprem.irsa.plugins.module_utils._iam.iam_calls import iam_client, read_role_trust


def main() -> t.NoReturn:
    module = AnsibleAWSModule(argument_spec={"name": {"type": "str", "required": True}}, supports_check_mode=True)
    with reported(module):
        arn, trust_policy = read_role_trust(iam_client(module), module.params["name"])
    module.exit_json(changed=False, arn=arn, trust_policy=trust_policy)


if __name__ == "__main__":
    main()
