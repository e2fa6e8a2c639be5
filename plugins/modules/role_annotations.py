#!/usr/bin/python
# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: role_annotations
short_description: Plan what to send to the cluster so that service accounts name their roles (internal)
version_added: 1.0.0
author:
  - The onprem.irsa authors (@onprem)
description:
  - Compares the service accounts of a cluster with the roles that they should have, and returns the manifests of what
    differs. When nothing differs there is nothing to send. It sends nothing itself.
  - A service account names its role in the annotation C(eks.amazonaws.com/role-arn). It gets
    C(eks.amazonaws.com/audience) only when the role does not take tokens for O(audience).
  - Service accounts that name a role which should be absent lose these annotations.
  - Patterns (C(*), C(?)) among the service accounts of a role stand for none.
  - Made for the roles of this collection, and may change with them in any release.
extends_documentation_fragment:
  - onprem.irsa._attributes
  - onprem.irsa._attributes.info_module
attributes:
  action:
    description: Has an action plugin, which does all of the work on the controller, of the same name.
    support: full
options:
  roles:
    description: The RV(onprem.irsa.iam_roles#module:roles) that M(onprem.irsa.iam_roles) returned.
    type: list
    elements: dict
    required: true
  audience:
    description: The audience for which the webhook gets tokens where a service account names none.
    type: str
    required: true
  namespaces:
    description: The namespaces that the cluster has, as manifests.
    type: list
    elements: dict
    required: true
  service_accounts:
    description: The service accounts that the cluster has, as manifests.
    type: list
    elements: dict
    required: true
  create:
    description: Whether to make service accounts, and their namespaces, that are not there.
    type: bool
    required: true
seealso:
  - module: onprem.irsa.iam_roles
  - module: kubernetes.core.k8s
"""

EXAMPLES = r"""
- name: Compare the service accounts with the roles
  onprem.irsa.role_annotations:
    roles: "{{ made.roles }}"
    audience: sts.amazonaws.com
    namespaces: "{{ found_namespaces.resources }}"
    service_accounts: "{{ found_service_accounts.resources }}"
    create: false
  register: changes

- name: Annotate the service accounts
  kubernetes.core.k8s:
    definition: "{{ changes.service_accounts }}"
    state: patched
  when: changes.service_accounts | length > 0
"""

RETURN = r"""
namespaces:
  description: Manifests of the namespaces to make.
  type: list
  elements: dict
  returned: always
service_accounts:
  description:
    - Manifests to merge into the service accounts; an annotation that should go is null.
    - In check mode those in RV(namespaces) are left out, which can't be tried.
  type: list
  elements: dict
  returned: always
  sample:
    - apiVersion: v1
      kind: ServiceAccount
      metadata:
        namespace: apps
        name: reports
        annotations:
          eks.amazonaws.com/role-arn: arn:aws:iam::123456789012:role/prod-reports
report:
  description: A row of C(irsa_iam_report), with how many service accounts differ and which are not there.
  type: dict
  returned: always
  sample:
    link: service accounts
    done: "annotations changed: 1, not there: apps/mail"
    changed: true
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

ARGUMENT_SPEC: t.Final[dict[str, dict[str, t.Any]]] = {
    "roles": {"type": "list", "elements": "dict", "required": True},
    "audience": {"type": "str", "required": True},
    "namespaces": {"type": "list", "elements": "dict", "required": True},
    "service_accounts": {"type": "list", "elements": "dict", "required": True},
    "create": {"type": "bool", "required": True},
}


def main() -> t.NoReturn:
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    module.fail_json(
        msg="role_annotations compares on the controller. Call it as the task onprem.irsa.role_annotations."
    )


if __name__ == "__main__":
    main()
