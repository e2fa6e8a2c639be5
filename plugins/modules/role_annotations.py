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
  - The onprem.irsa authors (!UNKNOWN)
description:
  - Compares the service accounts of a cluster with the roles that they should have, and returns the manifests of what
    differs. When nothing differs there is nothing to send. It sends nothing itself.
  - A service account names its role in the annotation C(eks.amazonaws.com/role-arn). It gets
    C(eks.amazonaws.com/audience) only when the role does not take tokens for O(audience).
  - Service accounts that name a role which should be absent lose these annotations.
  - Patterns (C(*), C(?)) among the service accounts of a role stand for none.
  - Made for the roles of this collection, and may change with them in any release.
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - onprem.irsa._attributes
  - onprem.irsa._attributes.k8s
  - onprem.irsa._attributes.info_module
requirements:
  - kubernetes >= 24.2
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

from ansible_collections.onprem.irsa.plugins.module_utils._errors import reported
from ansible_collections.onprem.irsa.plugins.module_utils._kube.api import Api, k8s_module
from ansible_collections.onprem.irsa.plugins.module_utils._service_accounts import annotation_plan

ARGUMENT_SPEC: dict[str, t.Any] = {
    "roles": {"type": "list", "elements": "dict", "required": True},
    "audience": {"type": "str", "required": True},
    "create": {"type": "bool", "required": True},
}


def main() -> None:
    module = k8s_module(ARGUMENT_SPEC)
    asked, api = module.params, Api(module)
    with reported(module):
        planned = annotation_plan(
            asked["roles"],
            audience=asked["audience"],
            create=asked["create"],
            namespaces=api.items("/api/v1/namespaces"),
            service_accounts=api.items("/api/v1/serviceaccounts"),
            checking=module.check_mode,
        )
    module.exit_json(changed=False, **planned)


if __name__ == "__main__":
    main()
