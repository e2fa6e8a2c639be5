#!/usr/bin/python
# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: proof_report
short_description: Say what a proof has shown, and what it has not tried (internal)
version_added: 1.0.0
author:
  - The onprem.irsa authors (!UNKNOWN)
description:
  - Returns how many links of a proof hold, and which ones were not tried and why, so that a proof of a part does not
    pass for one of the whole.
  - Made for the roles of this collection, and may change with them in any release.
extends_documentation_fragment:
  - onprem.irsa._attributes
  - onprem.irsa._attributes.info_module
  - onprem.irsa._attributes.on_controller
options:
  links:
    description: The RV(onprem.irsa.verify#module:links) of M(onprem.irsa.verify).
    type: list
    elements: dict
    required: true
  role_arn:
    description: The ARN of the role that the service account has, or an empty text.
    type: str
    required: true
  image:
    description: The image that a pod should have run, or an empty text.
    type: str
    required: true
  audience:
    description: The audience that the pods' tokens should be for.
    type: str
    default: ""
  admitted_pod:
    description: The RV(onprem.irsa.proof_pod#module:admitted_pod), which is judged here.
    type: dict
  finished_pod:
    description: The RV(onprem.irsa.proof_pod#module:finished_pod), which is judged here.
    type: dict
  trust_error:
    description: Why the role's trust policy could not be read, or an empty text.
    type: str
    default: ""
seealso:
  - module: onprem.irsa.verify
"""

EXAMPLES = r"""
- name: Say what came out
  onprem.irsa.proof_report:
    links: "{{ proof.links }}"
    role_arn: arn:aws:iam::123456789012:role/prod-reports
    image: ""
  register: outcome
"""

RETURN = r"""
says:
  description: The outcome in a line.
  type: str
  returned: always
  sample: "6 of 6 links hold; not tried, because irsa_verify_image is not set: pod"
links:
  description:
    - O(links), and those of the pods, each with C(follows), the link that is the cause of its failure; empty for none.
  type: list
  elements: dict
  returned: always
failure:
  description: What does not hold, a line each; the last line names the first broken link. Empty where all hold.
  type: list
  elements: str
  returned: always
rows:
  description: Rows for P(onprem.irsa.report_table#filter), RV(links) and one for each that was not tried.
  type: list
  elements: dict
  returned: always
  sample: [{link: pod, result: "not tried, because irsa_verify_image is not set"}]
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

ARGUMENT_SPEC: t.Final[dict[str, dict[str, t.Any]]] = {
    "links": {"type": "list", "elements": "dict", "required": True},
    "role_arn": {"type": "str", "required": True},
    "image": {"type": "str", "required": True},
    "trust_error": {"type": "str", "default": ""},
    "audience": {"type": "str", "default": ""},
    "admitted_pod": {"type": "dict"},
    "finished_pod": {"type": "dict"},
}


def main() -> t.NoReturn:
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    module.fail_json(msg="proof_report reports on the controller. Call it as the task onprem.irsa.proof_report.")


if __name__ == "__main__":
    main()
