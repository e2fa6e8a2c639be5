#!/usr/bin/python
# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: iam_oidc_provider
short_description: Manage the IAM identity provider of a token issuer
version_added: 1.0.0
author:
  - The onprem.irsa authors (!UNKNOWN)
description:
  - Makes sure that IAM has an OpenID Connect identity provider for an issuer, so that roles of the account can trust
    its tokens.
  - Thumbprints are left to IAM unless you ask for them. It trusts the public certificate authorities by itself; for
    an issuer that is served with another authority's certificate, IAM connects to its host and takes the thumbprint
    when the provider is created.
  - Waits until IAM shows a new provider, for up to 20 seconds.
  - The provider carries the tag C(onprem.irsa/cluster) with the name of O(cluster). A provider of the same issuer
    without it is left alone and reported, unless it should be adopted.
  - A provider that roles of others trust is not deleted.
extends_documentation_fragment:
  - onprem.irsa._attributes
  - onprem.irsa._attributes.aws
  - onprem.irsa._cluster
  - onprem.irsa._cluster.tags
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  url:
    description:
      - The issuer as it is in the claim C(iss) of the tokens, beginning with C(https://), without port, query and slash
        at the end, at most 255 characters. Its documents must be published when the provider is created.
    type: str
    required: true
  audiences:
    description:
      - The audiences (claim C(aud)) that tokens may have; IAM calls them client IDs. 1 to 100, each of at most 255
        characters.
    type: list
    elements: str
    default: [sts.amazonaws.com]
  purge_audiences:
    description:
      - Whether to remove audiences that are not among O(audiences). Workloads that use them lose their access.
    type: bool
    default: false
  thumbprints:
    description:
      - The SHA-1 thumbprints of the certificates by which IAM knows the issuer's host, 1 to 5, each of 40 hexadecimal
        digits. Others are removed.
      - When not given, they stay as they are, and IAM finds those of a new provider itself.
      - Set it where IAM is not Amazon's and requires one, or cannot connect to the issuer's host.
    type: list
    elements: str
  compute_thumbprint:
    description:
      - Whether to compute the thumbprint, by IAM's own rule, from the certificates that the host of the issuer's key
        set serves. It is the SHA-1 of the last of them.
      - The issuer's documents must be published, and the host's certificate be trusted where the task runs (system
        trust store, or E(SSL_CERT_FILE)). Needs Python 3.10 there.
    type: bool
    default: false
  adopt:
    description:
      - Whether to take over a provider of this issuer that was not made for O(cluster).
    type: bool
    default: false
  state:
    description:
      - V(absent) deletes the provider, unless roles without the ownership tag of O(cluster) trust it; they are named.
    type: str
    choices: [present, absent]
    default: present
seealso:
  - module: onprem.irsa.iam_oidc_provider_info
  - module: onprem.irsa.iam_roles
  - name: CreateOpenIDConnectProvider
    description: IAM's rules for identity providers.
    link: https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateOpenIDConnectProvider.html
notes:
  - Needs the permissions C(sts:GetCallerIdentity), C(iam:GetOpenIDConnectProvider), and for what differs
    C(iam:CreateOpenIDConnectProvider), C(iam:TagOpenIDConnectProvider), C(iam:UntagOpenIDConnectProvider),
    C(iam:UpdateOpenIDConnectProviderThumbprint), C(iam:AddClientIDToOpenIDConnectProvider) and
    C(iam:RemoveClientIDFromOpenIDConnectProvider). O(state=absent) needs C(iam:DeleteOpenIDConnectProvider),
    C(iam:GetAccountAuthorizationDetails) and C(iam:ListRoles); without the second, the cluster's own roles count as
    others', too.
"""

EXAMPLES = r"""
- name: Make the identity provider of the cluster prod
  onprem.irsa.iam_oidc_provider:
    url: https://acme-prod-oidc.s3.eu-central-1.amazonaws.com
    cluster: prod
    region: eu-central-1
  register: provider

- name: Remove it
  onprem.irsa.iam_oidc_provider:
    url: https://acme-prod-oidc.s3.eu-central-1.amazonaws.com
    cluster: prod
    region: eu-central-1
    state: absent
"""

RETURN = r"""
arn:
  description: ARN of the provider, also of one that is not there (yet, or any longer).
  returned: success
  type: str
  sample: arn:aws:iam::123456789012:oidc-provider/acme-prod-oidc.s3.eu-central-1.amazonaws.com
audiences:
  description: The audiences of the provider, of one that is removed an empty list.
  returned: success
  type: list
  elements: str
  sample: [sts.amazonaws.com]
thumbprints:
  description:
    - The thumbprints of the provider in lower case, of one that is removed an empty list.
    - A new provider has none here when they were left to IAM; M(onprem.irsa.iam_oidc_provider_info) shows them.
  returned: success
  type: list
  elements: str
  sample: [990f4193972f2becf12ddeda5237f9c952f20d9e]
reached:
  description: Whether it was as asked for already, so that nothing was written, or would be in check mode.
  returned: success
  type: bool
  sample: true
"""

import typing as t
from dataclasses import replace

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.onprem.irsa.plugins.module_utils._errors import reported
from ansible_collections.onprem.irsa.plugins.module_utils._iam.iam_calls import caller, iam_client, reach_provider
from ansible_collections.onprem.irsa.plugins.module_utils._iam.provider import (
    Provider,
    WantedProvider,
    check_wanted,
    provider_arn,
    shown,
)
from ansible_collections.onprem.irsa.plugins.module_utils._iam.thumbprint import issuer_thumbprint

OPTIONS: t.Final[dict[str, dict[str, t.Any]]] = {
    "url": {"type": "str", "required": True},
    "cluster": {"type": "str", "required": True},
    "audiences": {"type": "list", "elements": "str", "default": ["sts.amazonaws.com"]},
    "purge_audiences": {"type": "bool", "default": False},
    "thumbprints": {"type": "list", "elements": "str"},
    "tags": {"type": "dict"},
    "purge_tags": {"type": "bool", "default": True},
    "adopt": {"type": "bool", "default": False},
}


def main() -> t.NoReturn:
    module = AnsibleAWSModule(
        argument_spec={
            **OPTIONS,
            "compute_thumbprint": {"type": "bool", "default": False},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        mutually_exclusive=[("thumbprints", "compute_thumbprint")],
        supports_check_mode=True,
    )
    with reported(module):
        wanted = check_wanted(WantedProvider(**{name: module.params[name] for name in OPTIONS}))
        partition, account = caller(module)
        arn = provider_arn(wanted.url, partition=partition, account=account)
        present = module.params["state"] == "present"
        if present and module.params["compute_thumbprint"]:
            wanted = replace(wanted, thumbprints=[issuer_thumbprint(wanted.url)])
        plan = reach_provider(iam_client(module), wanted, arn, present=present, check_mode=module.check_mode)
    after = shown(plan.after or Provider(arn, ()))
    result = {key: after[key] for key in ("arn", "audiences", "thumbprints")}
    module.exit_json(changed=bool(plan.calls), reached=not plan.calls, diff=plan.diff(), **result)


if __name__ == "__main__":
    main()
