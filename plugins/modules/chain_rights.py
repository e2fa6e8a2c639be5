#!/usr/bin/python
# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: chain_rights
short_description: Write the read-only rights that a diagnosis of the chain needs (internal)
version_added: 1.0.0
author:
  - The onprem.irsa authors (!UNKNOWN)
description:
  - Returns the IAM policy, and the ClusterRole with Roles of single namespaces, that are enough for
    P(onprem.irsa.irsa_doctor#role). They come from the table by which that asks, so that they are neither too small nor
    too large.
  - Makes no API calls; needs no credentials.
  - Made for the role P(onprem.irsa.irsa_doctor#role), and may change with it in any release.
extends_documentation_fragment:
  - onprem.irsa._attributes
  - onprem.irsa._attributes.info_module
options:
  issuer:
    description: The issuer URL, which may name the bucket; empty where nobody knows it.
    type: str
    default: ""
  bucket:
    description: The bucket of the documents, where the issuer's URL does not name it.
    type: str
    default: ""
  region:
    description: An AWS region, which says the partition; empty for the first one.
    type: str
    default: ""
  namespace:
    description: The namespace of the role P(onprem.irsa.irsa_webhook#role).
    type: str
    default: pod-identity-webhook
  legacy_secrets:
    description: Whether Secrets of the type C(kubernetes.io/service-account-token) are looked at in all namespaces.
    type: bool
    default: false
seealso:
  - module: onprem.irsa.operator_policy
"""

EXAMPLES = r"""
- name: Write the rights of a diagnosis
  onprem.irsa.chain_rights:
    issuer: https://acme-prod-oidc.s3.eu-central-1.amazonaws.com
  register: rights
"""

RETURN = r"""
policy:
  description: The policy, as IAM takes it.
  returned: success
  type: dict
  sample: {Version: "2012-10-17", Statement: []}
roles:
  description: A ClusterRole, and Roles of single namespaces.
  returned: success
  type: list
  elements: dict
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.onprem.irsa.plugins.module_utils._doctor.parts import place_of
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.rights import aws_policy, cluster_rights
from ansible_collections.onprem.irsa.plugins.module_utils._documents.issuer import partition
from ansible_collections.onprem.irsa.plugins.module_utils._errors import reported

_TEXT: t.Final = {"type": "str", "default": ""}


def main() -> t.NoReturn:
    module = AnsibleModule(
        argument_spec={
            **dict.fromkeys(("issuer", "bucket", "region"), _TEXT),
            "namespace": {"type": "str", "default": "pod-identity-webhook"},
            "legacy_secrets": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    asked = module.params
    with reported(module):
        bucket, keys = place_of(asked["issuer"], "", asked["bucket"])
        of_partition = partition(asked["region"]).name if asked["region"] else "aws"
        policy = aws_policy(bucket, keys, partition=of_partition)
        roles = cluster_rights(asked["namespace"], legacy_secrets=asked["legacy_secrets"])
    module.exit_json(changed=False, policy=policy, roles=roles)


if __name__ == "__main__":
    main()
