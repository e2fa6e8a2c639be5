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
  - The onprem.irsa authors (!UNKNOWN)
description:
  - Makes sure that a bucket exists, that everybody may read its two documents and nothing else of it, and that the
    documents are there; then reads them back over their public URLs as AWS does.
  - Reads first and writes only what differs; policies are compared by meaning, and statements of others in the bucket
    policy are kept. A second run writes nothing.
  - What the bucket gets, in this order, are its tags, versioning where asked for, a public-access block that lets
    policies make objects public, a statement for the two objects in its policy, the key set, and the discovery
    document. Finally ACLs are turned off, by object ownership V(BucketOwnerEnforced) and by the public-access block; so
    documents that others published by ACLs stay readable throughout.
  - Each document is written on condition that nobody else wrote it in between. A run that meets another starts again
    from what that one wrote, so that of runs at the same time each adds its keys.
  - A published key is never dropped unless O(retired_kids) names it. Keys that are published and not in O(jwks) stay.
    A document that cannot be read is refused, because its keys would be lost; compressed documents and byte-order marks
    are read.
  - The documents are written with S3's own encryption key (SSE-S3), whatever the bucket's default is, because nobody
    reads without a signature what a KMS key encrypts.
  - An issuer that was published otherwise is taken over with its URL, and with its key set where the published
    discovery document has it, for example at C(keys.json).
  - The bucket carries the tag C(onprem.irsa/cluster) with the name of O(cluster). A bucket without the tag is taken
    when it is empty, or when it holds nothing but the documents of this very issuer with a key of the cluster. Any
    other bucket is refused, unless O(adopt) says otherwise.
  - The documents are read back over their public URLs, with the system's certificate authorities, or those that
    E(SSL_CERT_FILE) names, and also those of O(ca_path).
  - With O(endpoint_url), the documents go to another store that speaks S3, such as Ceph RGW or MinIO. Its buckets are
    addressed as C(https://HOST/BUCKET). Object ownership and encryption are left out, and so are checksums that S3
    does not ask for and a public-access block that it does not know. The authorities of its certificate are those of
    O(aws_ca_bundle).
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
      - An account that blocks public access is found in check mode, too.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  bucket:
    description:
      - The name of the bucket. It is made when it does not exist.
      - Lower-case letters, digits and hyphens. Dots work only where the bucket's name is not part of the issuer's host,
        because the certificate of S3 does not cover them.
    type: str
    required: true
  issuer:
    description:
      - The issuer URL, which is the URL of the bucket in either style (C(https://BUCKET.HOST) or C(https://HOST/BUCKET))
        or of a host that serves the bucket's content.
      - A path in it becomes the prefix of the objects' keys, so that several clusters can publish in one bucket.
    type: str
    required: true
  adopt:
    description:
      - Whether to publish in a bucket that holds something else, or that belongs to another cluster.
      - A bucket of no cluster becomes O(cluster)'s, with all the settings above. Objects in it that others made public
        by ACLs are private from then on.
      - In the bucket of another cluster, O(cluster) gets a place of its own, which the tag
        C(onprem.irsa/cluster/CLUSTER) shows from then on. The issuer needs a path of its own; the documents of another
        cluster are not taken, and its bucket keeps all of its tags.
    type: bool
    default: false
  max_age:
    description:
      - How long readers may keep the documents, in seconds, not negative; the C(max-age) of their C(Cache-Control).
    type: int
    default: 300
  render:
    description:
      - A directory. No call is made then; instead the documents, the arguments of every call, and a script that makes
        the calls with the AWS CLI are written there, for people to review and run.
      - It shows how to start from nothing. The script never overwrites a document.
    type: path
  state:
    description:
      - V(present) publishes the documents.
      - V(absent) removes the two documents and the collection's statement of the bucket policy, and the bucket, too,
        when nothing else is in it. AWS rejects the issuer's tokens from then on.
      - A warning says what stays in a bucket that stays, such as documents that the cluster published at another path.
      - It refuses while the account has an identity provider for the issuer, because roles may trust its tokens. Those
        of other accounts cannot be seen. Delete them first, because whoever makes a bucket of the same name next could
        sign for an issuer that is the bucket's URL.
    type: str
    choices: [present, absent]
    default: present
notes:
  - Policies have no conditional write. When two clusters publish in one bucket for the first time at the same moment,
    one of the two statements may be lost; reading back finds that, and running again repairs it.
seealso:
  - module: onprem.irsa.jwks
  - module: onprem.irsa.iam_oidc_provider
  - name: Blocking public access to your Amazon S3 storage
    description: What overrides the settings of a bucket.
    link: https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
"""

EXAMPLES = r"""
- name: Build the documents of a cluster
  onprem.irsa.jwks:
    issuer: https://acme-prod-oidc.s3.eu-central-1.amazonaws.com
    public_keys:
      - pem: "{{ lookup('ansible.builtin.file', 'sa.pub') }}"
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

- name: Publish in a Ceph object store, whose certificate is of a private authority
  onprem.irsa.s3_issuer:
    bucket: oidc
    region: default
    endpoint_url: https://s3.example.com
    aws_ca_bundle: /etc/ssl/certs/example-ca.pem
    ca_path: /etc/ssl/certs/example-ca.pem
    cluster: prod
    issuer: https://s3.example.com/oidc/prod
    discovery_document: "{{ documents.discovery_document }}"
    jwks: "{{ documents.jwks }}"
  delegate_to: localhost

- name: Publish one key less, after the last token that it signed has ended
  onprem.irsa.s3_issuer:
    bucket: acme-prod-oidc
    region: eu-central-1
    cluster: prod
    issuer: https://acme-prod-oidc.s3.eu-central-1.amazonaws.com
    discovery_document: "{{ documents.discovery_document }}"
    jwks: "{{ documents.jwks }}"
    retired_kids: [Me5VC6i4_4mymFj7T5rcUftFjYX70YoCfSnZB6-nBY4]
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
kept_kids:
  description: Those of RV(kids) that are not in O(jwks), which were published before.
  returned: success
  type: list
  elements: str
  sample: []
jwks:
  description: The text of the key set that is published, or would be, with the keys that were kept.
  returned: O(state=present)
  type: str
jwks_uri:
  description: The public URL of the key set.
  returned: O(state=present)
  type: str
  sample: https://acme-prod-oidc.s3.eu-central-1.amazonaws.com/openid/v1/jwks
read_back:
  description:
    - As RV(onprem.irsa.issuer_info#module:read_back). Empty in check mode and for O(state=absent).
  returned: success
  type: list
  elements: dict
"""

import typing as t

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.onprem.irsa.plugins.module_utils._aws import rendering
from ansible_collections.onprem.irsa.plugins.module_utils._errors import reported
from ansible_collections.onprem.irsa.plugins.module_utils._proof.read_back import SPREADING_SECONDS
from ansible_collections.onprem.irsa.plugins.module_utils._proof.relying_party import check_ca_file
from ansible_collections.onprem.irsa.plugins.module_utils._publication import (
    bucket_plan,
    publish_s3,
    s3_calls,
    wanted_bucket,
)

ARGUMENT_SPEC: t.Final[dict[str, dict[str, t.Any]]] = {
    **wanted_bucket.OPTIONS,
    "issuer": {"type": "str", "required": True},
    "adopt": {"type": "bool", "default": False},
}


def publish(module: AnsibleAWSModule, wanted: wanted_bucket.Target) -> dict[str, t.Any]:
    return publish_s3.publish(module, wanted, spreading_seconds=SPREADING_SECONDS)


def render(module: AnsibleAWSModule, wanted: wanted_bucket.Target) -> dict[str, t.Any]:
    def steps(bucket: bucket_plan.Bucket) -> list[rendering.ScriptStep]:
        calls = bucket_plan.calls(wanted.bucket, wanted.region, None, bucket)
        return [rendering.ScriptStep("s3api", wanted.region, call) for call in calls]

    return publish_s3.render(module, wanted, steps)


def main() -> t.NoReturn:
    module = AnsibleAWSModule(
        argument_spec=ARGUMENT_SPEC,
        required_if=[("state", "present", ("discovery_document", "jwks"))],
        mutually_exclusive=[("render", "adopt")],
        supports_check_mode=True,
    )
    publish_s3.require_libraries(module)
    with reported(module):
        check_ca_file(module.params["ca_path"])
        present = module.params["state"] == "present"
        wanted = wanted_bucket.target(module.params, module.region or "")
        act = render if module.params["render"] else publish if present else publish_s3.remove
        with s3_calls.explaining(module, public=True):
            result = act(module, wanted)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
