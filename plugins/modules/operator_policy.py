#!/usr/bin/python
# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: operator_policy
short_description: Write the IAM policy that the operator of the collection needs
version_added: 1.0.0
author:
  - The onprem.irsa authors (!UNKNOWN)
description:
  - Returns the IAM policy that allows the calls which the modules of the collection make, on the bucket, documents,
    identity provider and roles of one cluster alone.
  - It is generated from those calls, of the publication, of the identity provider and roles, and of the teardown. That
    removes the identity providers of former issuers, too, by their ownership tag.
  - Makes no API calls; needs no credentials.
extends_documentation_fragment:
  - onprem.irsa._attributes
  - onprem.irsa._attributes.info_module
options:
  account:
    description: The id of the account, 12 digits, in quotes.
    type: str
    required: true
  region:
    description: The code of the bucket's region, which says the partition, too.
    type: str
    required: true
  bucket:
    description: The bucket. When not given, something else publishes the documents, and nothing of S3 is allowed.
    type: str
  issuer:
    description: The issuer URL. By default the URL of the bucket.
    type: str
  jwks_uri:
    description: The URL of the key set. By default the issuer followed by V(/openid/v1/jwks).
    type: str
  roles:
    description:
      - The names of the roles, with their path, in which V(*) stands for any characters and V(?) for one, as in
        V(irsa/prod-*); no ARNs. Managing roles is a power over what they may do, so be narrow.
    type: list
    elements: str
    default: ["*"]
  cloudfront:
    description: Whether CloudFront is in front of the bucket.
    type: bool
    default: false
  hosted_zone_id:
    description: The Route 53 zone in which the issuer's records are made.
    type: str
    default: ""
  cluster:
    description:
      - Name of the cluster, the value of the ownership tag C(onprem.irsa/cluster). The identity providers of its former
        issuers may be deleted.
      - When not given, every identity provider with that tag may be.
    type: str
    default: ""
seealso:
  - module: onprem.irsa.s3_issuer
  - module: onprem.irsa.cloudfront_issuer
  - module: onprem.irsa.iam_oidc_provider
  - module: onprem.irsa.iam_roles
"""

EXAMPLES = r"""
# ansible localhost -m onprem.irsa.operator_policy -a "account=123456789012 region=eu-central-1
#   bucket=acme-prod-oidc cluster=prod roles=prod-*"
- name: Write the policy
  onprem.irsa.operator_policy:
    account: "123456789012"
    region: eu-central-1
    bucket: acme-prod-oidc
    cluster: prod
    roles: [prod-*]
  delegate_to: localhost
"""

RETURN = r"""
policy:
  description: The policy, as IAM takes it.
  returned: success
  type: dict
  sample: {Version: "2012-10-17", Statement: []}
"""

import re
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.onprem.irsa.plugins.module_utils._aws.ownership import cluster_problems
from ansible_collections.onprem.irsa.plugins.module_utils._documents.issuer import (
    checked_s3_issuer_url,
    issuer_host_path,
    partition,
)
from ansible_collections.onprem.irsa.plugins.module_utils._documents.paths import JWKS_PATH
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError, reported
from ansible_collections.onprem.irsa.plugins.module_utils._iam.operator_policy import Policy, Scope, operator_policy
from ansible_collections.onprem.irsa.plugins.module_utils._iam.role_input import role_pattern_problems
from ansible_collections.onprem.irsa.plugins.module_utils._publication.wanted_bucket import Target
from ansible_collections.onprem.irsa.plugins.module_utils._unquoted import unquoted_hint


def policy(params: t.Mapping[str, t.Any]) -> Policy:
    if re.fullmatch(r"[0-9]{12}", params["account"]) is None:
        hint = unquoted_hint(params["account"])
        raise InputError(f"The account {params['account']!r} must be 12 digits.", fix=f"Give the account's id.{hint}")
    if not (params["bucket"] or params["issuer"]):
        raise InputError("There is neither a bucket nor an issuer.", fix="Give at least one of them.")
    wrong = role_pattern_problems(params["roles"]) + (cluster_problems(params["cluster"]) if params["cluster"] else [])
    if wrong:
        raise InputError("\n".join(wrong), fix="A policy for it would allow nothing.")
    bucket, region = params["bucket"] or "", params["region"]
    issuer = params["issuer"] or checked_s3_issuer_url(bucket, region)
    target = Target(bucket, region, "", issuer, params["jwks_uri"] or issuer + JWKS_PATH)
    scope = Scope(
        partition=partition(region).name,
        account=params["account"],
        bucket=bucket,
        object_keys=tuple(sorted(target.urls)) if bucket else (),
        issuer_path=issuer_host_path(issuer),
        roles=tuple(params["roles"]),
        cloudfront=params["cloudfront"],
        hosted_zone_id=params["hosted_zone_id"],
        cluster=params["cluster"],
    )
    return operator_policy(scope)


def main() -> t.NoReturn:
    module = AnsibleModule(
        argument_spec={
            "account": {"type": "str", "required": True},
            "region": {"type": "str", "required": True},
            "bucket": {"type": "str"},
            "issuer": {"type": "str"},
            "jwks_uri": {"type": "str"},
            "roles": {"type": "list", "elements": "str", "default": ["*"]},
            "cloudfront": {"type": "bool", "default": False},
            "hosted_zone_id": {"type": "str", "default": ""},
            "cluster": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    with reported(module):
        made = policy(module.params)
    module.exit_json(changed=False, policy=made)


if __name__ == "__main__":
    main()
