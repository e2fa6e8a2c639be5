#!/usr/bin/python
# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: s3_issuer
short_description: Publish the documents of an issuer in an S3 bucket
version_added: 1.0.0
author:
  - The onprem.irsa authors (@onprem)
description:
  - Makes sure that a bucket exists, that everybody may read its two documents and nothing else of it, and that the
    documents are there; then reads them back over their public URLs as AWS does.
  - Reads first and writes only what differs; policies are compared by meaning, and statements of others in the bucket
    policy are kept. A second run makes no write.
  - What the bucket gets, in this order, are its tag, object ownership V(BucketOwnerEnforced), a public-access block
    that lets policies, and not ACLs, make objects public, a statement for the two objects in its policy, the key set,
    and the discovery document.
  - Each document is written on condition that nobody else wrote it in between, so two runs never undo each other.
  - A published key is never dropped. When one is not in O(jwks), the module fails and names it.
  - The bucket carries the tag C(onprem.irsa/cluster) with the name of O(cluster). A bucket with another name in it, and
    one without the tag that is not empty, are refused. Set the tag yourself to hand a bucket over.
  - The documents are read back with the system's certificate authorities, or those that E(SSL_CERT_FILE) names.
extends_documentation_fragment:
  - onprem.irsa._attributes
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
    description:
      - The name of the bucket. It is made when it does not exist.
      - Lower-case letters, digits and hyphens; no dots, which the certificate of S3 does not cover.
    type: str
    required: true
  cluster:
    description: The name of the cluster that the bucket belongs to.
    type: str
    required: true
  issuer:
    description:
      - The issuer URL, which is the URL of the bucket or of a host that serves its content.
      - A path in it becomes the prefix of the objects' keys.
    type: str
    required: true
  discovery_document:
    description: The text of the discovery document, as M(onprem.irsa.jwks) returns it.
    type: str
  jwks:
    description: The text of the key set, as M(onprem.irsa.jwks) returns it.
    type: str
  max_age:
    description:
      - How long readers may keep the documents, in seconds; the C(max-age) of their C(Cache-Control).
      - A new key signs only after this time, so that everybody knows it.
    type: int
    default: 300
  state:
    description:
      - V(present) publishes the documents.
      - V(absent) removes the two documents and the collection's statement of the bucket policy, and the bucket, too,
        when nothing else is in it. Tokens of the issuer are worth nothing on AWS from then on.
    type: str
    choices: [present, absent]
    default: present
requirements:
  - boto3 >= 1.35.69
  - botocore >= 1.35.69
  - jwcrypto >= 1.5.6
seealso:
  - module: onprem.irsa.jwks
  - module: onprem.irsa.iam_oidc_provider
  - name: Blocking public access to your Amazon S3 storage
    description: What stands above the settings of a bucket.
    link: https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
"""

EXAMPLES = r"""
- name: Build the documents of a cluster
  onprem.irsa.jwks:
    issuer: https://acme-prod-oidc.s3.eu-central-1.amazonaws.com
    public_keys:
      - "{{ lookup('ansible.builtin.file', 'sa.pub') }}"
  delegate_to: localhost
  register: documents

- name: Publish them
  onprem.irsa.s3_issuer:
    bucket: acme-prod-oidc
    region: eu-central-1
    cluster: prod
    issuer: https://acme-prod-oidc.s3.eu-central-1.amazonaws.com
    discovery_document: "{{ documents.discovery_document }}"
    jwks: "{{ documents.jwks }}"
  delegate_to: localhost

- name: Remove what was published
  onprem.irsa.s3_issuer:
    bucket: acme-prod-oidc
    region: eu-central-1
    cluster: prod
    issuer: https://acme-prod-oidc.s3.eu-central-1.amazonaws.com
    state: absent
  delegate_to: localhost
"""

RETURN = r"""
kids:
  description: The key ids that are published, or would be, in the order of the key set.
  returned: success
  type: list
  elements: str
  sample: [Me5VC6i4_4mymFj7T5rcUftFjYX70YoCfSnZB6-nBY4]
read_back:
  description: What the public URLs answered, the key set first; empty in check mode and for O(state=absent).
  returned: success
  type: list
  elements: dict
  contains:
    url:
      description: The URL that was fetched.
      type: str
      returned: success
      sample: https://acme-prod-oidc.s3.eu-central-1.amazonaws.com/openid/v1/jwks
    status:
      description: The HTTP status.
      type: int
      returned: success
      sample: 200
    content_type:
      description: The content type.
      type: str
      returned: success
      sample: application/jwk-set+json
    seconds:
      description: The time until the last byte.
      type: float
      returned: success
      sample: 0.12
"""

import typing as t

from ansible.module_utils.basic import missing_required_lib
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.onprem.irsa.plugins.module_utils import _bucket, _publication
from ansible_collections.onprem.irsa.plugins.module_utils._aws import s3
from ansible_collections.onprem.irsa.plugins.module_utils._errors import reported
from ansible_collections.onprem.irsa.plugins.module_utils._jwks import IMPORT_ERROR
from ansible_collections.onprem.irsa.plugins.module_utils._read_back import read_back

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._proof import Document

ARGUMENT_SPEC: t.Final[dict[str, dict[str, t.Any]]] = {
    "bucket": {"type": "str", "required": True},
    "cluster": {"type": "str", "required": True},
    "issuer": {"type": "str", "required": True},
    "discovery_document": {"type": "str"},
    "jwks": {"type": "str"},
    "max_age": {"type": "int", "default": 300},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}


def _seen(document: Document) -> dict[str, t.Any]:
    seen = {name: getattr(document, name) for name in ("url", "status", "content_type")}
    return {**seen, "seconds": round(document.seconds, 3)}


def main() -> t.NoReturn:
    module = AnsibleAWSModule(
        argument_spec=ARGUMENT_SPEC,
        required_if=[("state", "present", ("discovery_document", "jwks"))],
        supports_check_mode=True,
    )
    module.require_boto3_at_least("1.35.69", reason="to write on condition")
    if IMPORT_ERROR is not None:
        module.fail_json(msg=missing_required_lib("cryptography and jwcrypto"), exception=IMPORT_ERROR)
    present = module.params["state"] == "present"
    with reported(module):
        target = _publication.target(module.params, module.region or "")
        client = s3.s3_client(module)
        before = s3.observe(client, target, contents_always=not present)
        wanted = _publication.after_publishing if present else _publication.after_removing
        after = wanted(before, target)
        calls = _bucket.calls(target.bucket, target.region, before, after)
        if not module.check_mode:
            s3.apply(client, calls)
        served = read_back(target, patient=bool(calls)) if present and not module.check_mode else []
    module.exit_json(
        changed=bool(calls),
        diff=_bucket.diff(target.bucket, before, after),
        kids=target.kids,
        read_back=[_seen(document) for document in served],
    )


if __name__ == "__main__":
    main()
