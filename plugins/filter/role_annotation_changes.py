# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._service_accounts import annotation_changes

DOCUMENTATION = r"""
name: role_annotation_changes
short_description: What to send to the cluster so that service accounts name their roles
version_added: 1.0.0
author: The onprem.irsa authors (@onprem)
description:
  - Compares the service accounts of a cluster with the roles that they are to have, and returns the manifests of what
    differs. When nothing differs there is nothing to send.
  - A service account names its role in the annotation C(eks.amazonaws.com/role-arn). It gets
    C(eks.amazonaws.com/audience) only when the role does not take tokens for O(audience).
  - Service accounts that name a role which should be absent lose these annotations.
  - Patterns (C(*), C(?)) among the service accounts of a role stand for none.
  - Made for the roles of this collection, and may change with them in any release.
options:
  _input:
    description: The RV(onprem.irsa.iam_roles#module:roles) that M(onprem.irsa.iam_roles) returned.
    type: list
    elements: dict
    required: true
  audience:
    description: The audience for which the webhook gets tokens where a service account names none.
    type: str
    required: true
  namespaces:
    description: Names of the namespaces that the cluster has.
    type: list
    elements: str
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
- name: Annotate the service accounts
  vars:
    changes: "{{ made.roles | onprem.irsa.role_annotation_changes(audience='sts.amazonaws.com',
      namespaces=found_namespaces, service_accounts=found_service_accounts, create=false) }}"
  kubernetes.core.k8s:
    definition: "{{ changes.service_accounts }}"
    state: patched
  when: changes.service_accounts | length > 0
"""

RETURN = r"""
_value:
  description: What should be sent, and what is missing.
  type: dict
  contains:
    namespaces:
      description: Manifests of the namespaces to make.
      type: list
      elements: dict
    service_accounts:
      description: Manifests to merge into the service accounts; an annotation that is to go is null.
      type: list
      elements: dict
    absent:
      description: The service accounts, as C(namespace/name), that are not there and not to be made.
      type: list
      elements: str
  sample:
    namespaces: []
    service_accounts:
      - apiVersion: v1
        kind: ServiceAccount
        metadata:
          namespace: apps
          name: reports
          annotations:
            eks.amazonaws.com/role-arn: arn:aws:iam::123456789012:role/prod-reports
    absent: []
"""


class FilterModule:
    """Filters of this file, as Ansible looks them up."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters by their names."""
        return {"role_annotation_changes": annotation_changes}
