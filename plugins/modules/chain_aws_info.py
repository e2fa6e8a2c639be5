#!/usr/bin/python
# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: chain_aws_info
short_description: Look at what an AWS account has of the chain, for a diagnosis (internal)
version_added: 1.0.0
author:
  - The onprem.irsa authors (!UNKNOWN)
description:
  - Looks once at the identity providers of the account, at the roles that service accounts and pods name, at those
    that trust the issuer's provider, and at what decides who reads the issuer's documents in their bucket. What may not
    be read, or cannot be without credentials, is told in its place, and hides nothing else.
  - Changes nothing, and makes no call that P(onprem.irsa.irsa_doctor#role) does not print as a right.
  - Made for the role P(onprem.irsa.irsa_doctor#role), and may change with it in any release.
extends_documentation_fragment:
  - onprem.irsa._attributes
  - onprem.irsa._attributes.info_module
  - onprem.irsa._attributes.aws
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
options:
  issuer:
    description: The issuer URL; empty where nobody knows it.
    type: str
    required: true
  jwks_uri:
    description: The URL of the key set that the discovery document names; empty where it could not be read.
    type: str
    default: ""
  bucket:
    description: The bucket of the documents, where the issuer's URL does not name it.
    type: str
    default: ""
  role_arns:
    description: The ARNs of the roles that service accounts, or pods by themselves, name.
    type: list
    elements: str
    default: []
  told_region:
    description: The region that pods are told; empty where nobody knows it.
    type: str
    default: ""
seealso:
  - module: onprem.irsa.chain_diagnosis
"""

EXAMPLES = r"""
- name: Look at AWS
  onprem.irsa.chain_aws_info:
    issuer: https://acme-prod-oidc.s3.eu-central-1.amazonaws.com
    role_arns: [arn:aws:iam::123456789012:role/prod-reports]
    region: eu-central-1
  register: aws
"""

RETURN = r"""
seen:
  description: What was seen, as a snapshot of which only the parts of AWS are filled in.
  returned: success
  type: str
calls:
  description: How many calls were made.
  returned: success
  type: int
  sample: 14
"""

import time
import typing as t

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.onprem.irsa.plugins.module_utils._doctor.codec import to_json
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.gather_aws import Wanted, gather
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.observations import from_observations
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.parts import place_of
from ansible_collections.onprem.irsa.plugins.module_utils._errors import reported


def main() -> t.NoReturn:
    module = AnsibleAWSModule(
        argument_spec={
            "issuer": {"type": "str", "required": True},
            "jwks_uri": {"type": "str", "default": ""},
            "bucket": {"type": "str", "default": ""},
            "role_arns": {"type": "list", "elements": "str", "default": []},
            "told_region": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    asked = module.params
    bucket, keys = place_of(asked["issuer"], asked["jwks_uri"], asked["bucket"])
    with reported(module):
        observed = gather(module, Wanted(asked["role_arns"], asked["issuer"], bucket, keys, asked["told_region"]))
        calls = observed.pop("calls")
        snapshot = from_observations({"taken": time.time(), "issuer": asked["issuer"], **observed})
    module.exit_json(changed=False, seen=to_json(snapshot), calls=calls)


if __name__ == "__main__":
    main()
