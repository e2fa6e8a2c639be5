#!/usr/bin/python
# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: iam_oidc_provider_info
short_description: Show the IAM identity providers of token issuers
version_added: 1.0.0
author:
  - The onprem.irsa authors (!UNKNOWN)
description:
  - Returns the OpenID Connect identity providers of the account, or the one of an issuer, with their audiences,
    thumbprints and tags.
extends_documentation_fragment:
  - onprem.irsa._attributes
  - onprem.irsa._attributes.info_module
  - onprem.irsa._attributes.aws
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
options:
  url:
    description:
      - The issuer whose provider should be shown, as it is in the claim C(iss) of the tokens, beginning with C(https://).
      - When not given, all of them are.
    type: str
  cluster:
    description:
      - Name of a cluster. Only the providers that carry its ownership tag are shown, of its issuer and of former ones.
    type: str
seealso:
  - module: onprem.irsa.iam_oidc_provider
notes:
  - Needs the permission C(iam:GetOpenIDConnectProvider), with O(url) also C(sts:GetCallerIdentity), and without it
    C(iam:ListOpenIDConnectProviders).
"""

EXAMPLES = r"""
- name: Look at the provider of an issuer
  onprem.irsa.iam_oidc_provider_info:
    url: https://acme-prod-oidc.s3.eu-central-1.amazonaws.com
    region: eu-central-1
  register: found

- name: Say whether it is there
  ansible.builtin.debug:
    msg: "{{ found.arn }} {{ 'is there' if found.providers | length > 0 else 'is not there' }}"
"""

RETURN = r"""
arn:
  description: ARN that the provider of O(url) has, or would have if it were there.
  returned: when O(url) is given
  type: str
  sample: arn:aws:iam::123456789012:oidc-provider/acme-prod-oidc.s3.eu-central-1.amazonaws.com
providers:
  description: The providers, by their ARNs in order; with O(url) one or none.
  returned: success
  type: list
  elements: dict
  contains:
    arn:
      description: ARN of the provider.
      type: str
      returned: always
      sample: arn:aws:iam::123456789012:oidc-provider/acme-prod-oidc.s3.eu-central-1.amazonaws.com
    audiences:
      description: The audiences that tokens may have.
      type: list
      elements: str
      returned: always
      sample: [sts.amazonaws.com]
    thumbprints:
      description: SHA-1 thumbprints of certificates of the issuer's host, in lower case.
      type: list
      elements: str
      returned: always
      sample: [990f4193972f2becf12ddeda5237f9c952f20d9e]
    tags:
      description: The tags. C(onprem.irsa/cluster) names the cluster that the provider belongs to.
      type: dict
      returned: always
      sample: {onprem.irsa/cluster: prod}
"""

import typing as t

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.onprem.irsa.plugins.module_utils._aws.ownership import owner
from ansible_collections.onprem.irsa.plugins.module_utils._documents.issuer import check_issuer_url
from ansible_collections.onprem.irsa.plugins.module_utils._errors import reported
from ansible_collections.onprem.irsa.plugins.module_utils._iam.iam_calls import (
    caller,
    iam_client,
    read_provider,
    read_providers,
)
from ansible_collections.onprem.irsa.plugins.module_utils._iam.provider import provider_arn, shown


def main() -> t.NoReturn:
    module = AnsibleAWSModule(
        argument_spec={"url": {"type": "str"}, "cluster": {"type": "str"}}, supports_check_mode=True
    )
    url, cluster, result = module.params["url"], module.params["cluster"], {}
    with reported(module):
        if url is None:
            providers = read_providers(iam_client(module))
        else:
            check_issuer_url(url)
            partition, account = caller(module)
            result["arn"] = provider_arn(url, partition=partition, account=account)
            found = read_provider(iam_client(module), result["arn"])
            providers = [found] if found else []
        providers = [each for each in providers if cluster is None or owner(each.tags) == cluster]
    module.exit_json(changed=False, providers=[shown(provider) for provider in providers], **result)


if __name__ == "__main__":
    main()
