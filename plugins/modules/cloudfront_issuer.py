#!/usr/bin/python
# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cloudfront_issuer
short_description: Publish the documents of an issuer from a private bucket behind CloudFront
version_added: 1.0.0
author:
  - The onprem.irsa authors (!UNKNOWN)
description:
  - For accounts that keep S3 from being public. The bucket stays private, with all four settings of its public-access
    block on, and one CloudFront distribution may read the two documents in it, by origin access control.
  - The distribution answers over HTTPS alone and keeps the documents as long as their C(Cache-Control) says.
  - The documents are written as M(onprem.irsa.s3_issuer) does it. A published key is never dropped unless
    O(retired_kids) names it, and runs at the same time add their keys to each other's. They are read back in the same
    way.
  - What others added to the distribution stays, such as further origins, behaviours and aliases, and so does what
    CloudFront adds by itself.
  - When published documents change, CloudFront's copies are cleared, and the module waits until a key of
    O(retired_kids) is no longer served.
  - A bucket that everybody could read, as M(onprem.irsa.s3_issuer) makes it, stays open until the issuer's host points
    to the distribution and both documents are read through it. So an issuer on your own domain can move here
    without a gap.
  - Without documents, only the distribution is made, and nothing is waited for. That is how to get the host that
    CloudFront gives it, when the issuer should not be on your own domain.
  - Bucket and distribution carry the tag C(onprem.irsa/cluster) with the name of O(cluster). Those of others are
    refused.
extends_documentation_fragment:
  - onprem.irsa._attributes
  - onprem.irsa._attributes.aws
  - onprem.irsa._cluster
  - onprem.irsa._cluster.tags
  - onprem.irsa._documents
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    support: full
    details:
      - The documents are not read back in check mode.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  bucket:
    description: The name of the bucket. It is made, private, when it does not exist.
    type: str
    required: true
  issuer:
    description:
      - The issuer URL, on your own domain with O(certificate_arn), or on the host that CloudFront gave.
      - When not given, the host that CloudFront gives is the issuer.
    type: str
  certificate_arn:
    description:
      - The ARN of a certificate for the issuer's host in AWS Certificate Manager. It must be in V(us-east-1), wherever
        the bucket is.
    type: str
  hosted_zone_id:
    description:
      - The Route 53 zone of the issuer's host. Its records are made there then; records that point elsewhere are
        refused.
      - When not given, make the records RV(dns_records) at your DNS provider.
    type: str
  max_age:
    description: How long CloudFront and readers may keep the documents, in seconds.
    type: int
    default: 300
  timeout:
    description:
      - How long to wait, in seconds, until the documents are served as they should be, after a change. A new
        distribution takes several minutes, and an older key set may be kept for O(max_age).
    type: int
    default: 900
  render:
    description:
      - A directory. No call is made then; instead the documents, the arguments of every call, and a script that makes
        the calls with the AWS CLI are written there, for people to review and run. What AWS assigns, such as the id of
        the distribution, the script takes from the answers.
      - It shows how to start from nothing, on your own domain. Without O(certificate_arn), the certificate is
        requested, too, and waits for a record in DNS. The script never overwrites a document.
      - Needs O(issuer) and the documents.
    type: path
  state:
    description:
      - V(absent) removes the documents, the bucket when nothing else is in it, the distribution, which takes several
        minutes, and the origin access control that was made with it. Records in DNS stay. It refuses while the account
        has an identity provider for the issuer.
    type: str
    choices: [present, absent]
    default: present
seealso:
  - module: onprem.irsa.jwks
  - module: onprem.irsa.s3_issuer
  - name: Restrict access to an Amazon S3 origin
    description: What origin access control is.
    link: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-s3.html
"""

EXAMPLES = r"""
- name: Publish on your own domain
  onprem.irsa.cloudfront_issuer:
    bucket: acme-prod-oidc
    region: eu-central-1
    cluster: prod
    issuer: https://oidc.example.com
    certificate_arn: arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012
    discovery_document: "{{ documents.discovery_document }}"
    jwks: "{{ documents.jwks }}"
  delegate_to: localhost

- name: Make a distribution to learn the host that CloudFront gives it
  onprem.irsa.cloudfront_issuer:
    bucket: acme-prod-oidc
    region: eu-central-1
    cluster: prod
  delegate_to: localhost
  register: distribution # its issuer is the URL to build the documents for
"""

RETURN = r"""
distribution_id:
  description: The id of the distribution; V((new\)) where there is none yet, in check mode and with O(render).
  returned: always
  type: str
  sample: E1A2B3C4D5E6F7
domain_name:
  description: The host that CloudFront gives the distribution.
  returned: success
  type: str
  sample: d111111abcdef8.cloudfront.net
issuer:
  description: The issuer URL.
  returned: success
  type: str
  sample: https://oidc.example.com
dns_records:
  description:
    - The records that point the issuer's host to the distribution; none for the host that CloudFront gives, and none
      where there is no distribution yet, in check mode.
    - A failure after the distribution was made returns them, too, as well as RV(distribution_id), RV(domain_name) and
      RV(issuer).
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: The name.
      type: str
      returned: success
    type:
      description: The type, C(CNAME).
      type: str
      returned: success
    value:
      description: What the record holds.
      type: str
      returned: success
jwks_uri:
  description: The public URL of the key set; empty without documents.
  returned: success
  type: str
  sample: https://oidc.example.com/openid/v1/jwks
jwks:
  description: As RV(onprem.irsa.s3_issuer#module:jwks); empty without documents.
  returned: success
  type: str
kids:
  description: The key ids that are published, or would be; none without documents.
  returned: success
  type: list
  elements: str
  sample: [Me5VC6i4_4mymFj7T5rcUftFjYX70YoCfSnZB6-nBY4]
kept_kids:
  description: As RV(onprem.irsa.s3_issuer#module:kept_kids).
  returned: success
  type: list
  elements: str
  sample: []
read_back:
  description:
    - As RV(onprem.irsa.issuer_info#module:read_back). Empty in check mode and without documents.
  returned: success
  type: list
  elements: dict
"""

import typing as t

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.onprem.irsa.plugins.module_utils._errors import reported
from ansible_collections.onprem.irsa.plugins.module_utils._proof.relying_party import check_ca_file
from ansible_collections.onprem.irsa.plugins.module_utils._publication import (
    cloudfront_plan,
    publish_cloudfront,
    publish_s3,
    s3_calls,
    wanted_bucket,
)

ARGUMENT_SPEC: t.Final[dict[str, dict[str, t.Any]]] = {
    **wanted_bucket.OPTIONS,
    "issuer": {"type": "str"},
    "certificate_arn": {"type": "str"},
    "hosted_zone_id": {"type": "str"},
    "timeout": {"type": "int", "default": 900},
}


def main() -> t.NoReturn:
    module = AnsibleAWSModule(
        argument_spec=ARGUMENT_SPEC,
        required_together=[("discovery_document", "jwks")],
        required_by={"render": ["issuer", "jwks"]},
        supports_check_mode=True,
    )
    publish_s3.require_libraries(module)
    with reported(module):
        check_ca_file(module.params["ca_path"])
        present = module.params["state"] == "present"
        act = (
            publish_cloudfront.render
            if module.params["render"]
            else publish_cloudfront.publish
            if present
            else publish_cloudfront.remove
        )
        with s3_calls.explaining(module, public=False):
            result = act(module, cloudfront_plan.wanted(module.params, module.region or ""))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
