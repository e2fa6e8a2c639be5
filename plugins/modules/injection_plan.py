#!/usr/bin/python
# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: injection_plan
short_description: Plan what makes the injection of pods where there is nothing of it (internal)
version_added: 1.0.0
author:
  - The onprem.irsa authors (!UNKNOWN)
description:
  - Returns what the templates of the role P(onprem.irsa.irsa_webhook#role) take, and what stands beside the manifests
    that they make, for people to review and apply. There is no private key in it.
  - Plans by what it is given. Contacts no host, no cluster and no AWS.
  - Made for the role P(onprem.irsa.irsa_webhook#role), and may change with it in any release.
extends_documentation_fragment:
  - onprem.irsa._attributes
  - onprem.irsa._attributes.info_module
  - onprem.irsa._attributes.on_controller
options:
  options:
    description: What O(onprem.irsa.injection_info#module:options) takes.
    type: dict
    required: true
  versions:
    description:
      - The versions of the API servers, as far as they are known. The oldest one says which API of a policy all of them
        can serve; in the mode V(policy), one is needed.
    type: list
    elements: str
    default: []
seealso:
  - module: onprem.irsa.injection_info
"""

EXAMPLES = r"""
- name: Plan the injection by policies of a cluster of Kubernetes 1.36
  onprem.irsa.injection_plan:
    options: {mode: policy, namespace: pod-identity-webhook, audience: sts.amazonaws.com}
    versions: [v1.36.1]
  register: planned
"""

RETURN = r"""
plan:
  description:
    - What the role's templates go by. V(${CA_BUNDLE}) stands for what API servers trust the webhook by, where the
      script in RV(files) gives it its certificate.
  returned: success
  type: dict
names:
  description: The name of a file for each of the parts that RV(plan) has, in the order in which they are applied.
  returned: success
  type: list
  elements: str
  sample: [01-namespace.yml, 02-probe.yml, 03-policy-parameters.yml, 04-policy.yml]
files:
  description: The texts of other files by their names, such as the script that applies a webhook.
  returned: success
  type: dict
flags:
  description:
    - The text of a file that says which flags of C(kube-apiserver) a policy takes, by its name. Empty where it takes
      none.
  returned: success
  type: dict
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

ARGUMENT_SPEC: t.Final[dict[str, dict[str, t.Any]]] = {
    "options": {"type": "dict", "required": True},
    "versions": {"type": "list", "elements": "str", "default": []},
}


def main() -> t.NoReturn:
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    module.fail_json(msg="injection_plan plans on the controller. Call it as the task onprem.irsa.injection_plan.")


if __name__ == "__main__":
    main()
