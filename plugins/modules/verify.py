#!/usr/bin/python
# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: verify
short_description: Prove that service accounts get AWS identities, link by link
version_added: 1.0.0
author:
  - The onprem.irsa authors (!UNKNOWN)
description:
  - Proves each link between a Kubernetes service account and its AWS identity, and names cause and fix of every one
    that does not hold. It fails when a link does not hold, after it has tried them all.
  - It proves what the given options allow for. With O(tokens), that every API server signs as wanted. With O(issuer),
    that a relying party finds the documents, and in them the keys O(kids) as O(public_keys) has them. With O(tokens)
    and O(role_arn), that AWS STS accepts the token and refuses one of a wrong service account, one for a wrong
    audience, and one signed by a foreign key. With O(trust), that the role's trust policy lets in no others. With
    O(admitted_pod) and O(finished_pod), that a pod gets the token and uses it.
  - STS is asked without AWS credentials, as a pod asks it, and the credentials that it returns are dropped.
  - A refusal for another reason than the expected one counts as a failure.
  - IAM takes a while to spread a new role, provider or audience. So the exchange that should succeed is tried again for
    up to 30 seconds while STS answers C(AccessDenied), C(IDPCommunicationError), that there is no such provider, that
    the audience is not known, or that it could not retrieve the key. The refusals are tried again for up to 30 seconds
    together.
extends_documentation_fragment:
  - onprem.irsa._attributes
  - onprem.irsa._attributes.info_module
options:
  issuer:
    description:
      - The issuer URL that tokens should carry and under which the documents should be found.
    type: str
  audience:
    description:
      - The audience that tokens should carry.
    type: str
    default: sts.amazonaws.com
  service_account:
    description:
      - The service account of O(tokens), as V(namespace/name). Their subject is compared with it.
    type: str
  kids:
    description:
      - The ids of the cluster's keys. All of them must be published, and tokens must be signed by one of them.
    type: list
    elements: str
    default: []
  ca_path:
    description:
      - A file with certificate authorities to trust, too, in PEM, when the documents are fetched.
    type: path
  tokens:
    description:
      - A token of the service account from each API server, as M(onprem.irsa.service_account_token) returns it.
    type: list
    elements: dict
    default: []
    suboptions:
      server:
        description: A name for the API server.
        type: str
        required: true
      token:
        description: The token; empty when there is none.
        type: str
        default: ""
      error:
        description: Why there is no token.
        type: str
        default: ""
      seconds:
        description: How long it took to get.
        type: float
  role_arn:
    description:
      - The ARN of the IAM role that the service account should have.
    type: str
  region:
    description:
      - The AWS region whose STS is asked. Needed for the exchange of tokens.
    type: str
  wrong_account_token:
    description:
      - A token of a service account that the role does not trust, otherwise like O(tokens).
    type: str
    default: ""
  wrong_audience_token:
    description:
      - A token of the same service account for an audience that the identity provider does not know.
    type: str
    default: ""
  other_audience_token:
    description:
      - A token of the same service account for an audience that the identity provider knows and O(role_arn) does not
        name. Only the role refuses it, so this tests the role's trust policy where it cannot be read.
    type: str
    default: ""
  trust:
    description:
      - The trust policy of O(role_arn). It must name the audience, and let in no other service accounts than the role
        should have. What others have in it in addition is named.
    type: dict
    suboptions:
      policy:
        description: The policy, as M(onprem.irsa.iam_role_info) returns it.
        type: dict
        default: {}
      service_accounts:
        description:
          - The service accounts that the role should trust, as V(namespace/name) or with V(*) and V(?). Without them,
            those that the policy names are taken for meant.
        type: list
        elements: str
        default: []
      error:
        description: Why the policy cannot be read; it is not judged then.
        type: str
        default: ""
  public_keys:
    description:
      - The public keys of the API servers, in PEM. What is published under their ids must be these keys, member by
        member.
    type: list
    elements: str
    default: []
  served_keys:
    description:
      - The keys of the API servers as they serve them, as JSON Web Keys; compared in the same way.
    type: list
    elements: dict
    default: []
  admitted_pod:
    description:
      - What the API server made of a pod of the service account.
    type: dict
    suboptions:
      pod:
        description: The pod as a server-side dry run of its creation returned it.
        type: dict
        default: {}
      error:
        description: Why there is none.
        type: str
        default: ""
  finished_pod:
    description:
      - A pod of the service account that has printed the ARN of its identity, as C(sts:GetCallerIdentity) returns it.
    type: dict
    suboptions:
      pod:
        description: The pod at its end, with its status.
        type: dict
        default: {}
      log:
        description: What it printed.
        type: str
        default: ""
      error:
        description: Why there is no such pod.
        type: str
        default: ""
requirements:
  - boto3 >= 1.35.69
  - jwcrypto >= 1.5.6
notes:
  - The documents are fetched with the certificate authorities of the system, or those that E(SSL_CERT_FILE) names, and
    also those of O(ca_path).
  - boto3's environment variables such as E(AWS_CA_BUNDLE) and E(AWS_ENDPOINT_URL_STS) apply to STS.
seealso:
  - module: onprem.irsa.service_account_token
"""

EXAMPLES = r"""
- name: Prove that the documents are published
  onprem.irsa.verify:
    issuer: https://acme-prod-oidc.s3.eu-central-1.amazonaws.com
    kids: [Me5VC6i4_4mymFj7T5rcUftFjYX70YoCfSnZB6-nBY4]
  delegate_to: localhost

- name: Ask for a token
  onprem.irsa.service_account_token:
    namespace: apps
    name: reports
    audiences: [sts.amazonaws.com]
  delegate_to: localhost
  register: token
  no_log: true # whoever has the token has the role

- name: Prove that the service account has its role
  onprem.irsa.verify:
    issuer: https://acme-prod-oidc.s3.eu-central-1.amazonaws.com
    region: eu-central-1
    service_account: apps/reports
    role_arn: arn:aws:iam::123456789012:role/prod-reports
    tokens:
      - server: cp1
        token: "{{ token.token }}"
  delegate_to: localhost
"""

RETURN = r"""
links:
  description: One row for each link, in the order of the chain.
  returned: always, unless an option is refused
  type: list
  elements: dict
  contains:
    link:
      description: The link.
      type: str
      sample: STS
    checked:
      description: What was checked, in a few words.
      type: str
      sample: token for role
    ok:
      description: Whether it holds.
      type: bool
    result:
      description: The short outcome, for a table; V(FAILED) when the link does not hold.
      type: str
      sample: arn:aws:sts::123456789012:assumed-role/prod-reports/onprem-irsa-verify
    detail:
      description: The outcome; cause and fix when the link does not hold.
      type: str
      sample: arn:aws:sts::123456789012:assumed-role/prod-reports/onprem-irsa-verify
    cause:
      description: Why it does not hold; empty when it does.
      type: str
      sample: ""
    fix:
      description: What to do about it; empty when it holds.
      type: str
      sample: ""
    notes:
      description:
        - What AWS takes and other relying parties may not, such as a content type, and published keys of others that
          break a rule; a line each. They are shown as warnings, too.
      returned: when there is something
      type: list
      elements: str
    seconds:
      description: How long it took; V(null) where nobody measured it.
      type: float
      sample: 0.41
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ansible_collections.onprem.irsa.plugins.module_utils._documents.jwk_rules import private_values
from ansible_collections.onprem.irsa.plugins.module_utils._errors import reported
from ansible_collections.onprem.irsa.plugins.module_utils._proof import chain, checks, relying_party

_POD = {"type": "dict", "default": {}}
_TEXT = {"type": "str", "default": ""}
_SECRET = {**_TEXT, "no_log": True}
_TOKEN = {"server": {"type": "str", "required": True}, "token": _SECRET, "error": _TEXT, "seconds": {"type": "float"}}
_TRUST = {"policy": _POD, "error": _TEXT, "service_accounts": {"type": "list", "elements": "str", "default": []}}
_ARGUMENTS = {
    "issuer": {"type": "str"},
    "audience": {"type": "str", "default": "sts.amazonaws.com"},
    "service_account": {"type": "str"},
    "kids": {"type": "list", "elements": "str", "default": []},
    "ca_path": {"type": "path"},
    "tokens": {"type": "list", "elements": "dict", "default": [], "options": _TOKEN, "no_log": False},
    "role_arn": {"type": "str"},
    "region": {"type": "str"},
    "wrong_account_token": _SECRET,
    "wrong_audience_token": _SECRET,
    "other_audience_token": _SECRET,
    "trust": {"type": "dict", "options": _TRUST},
    "public_keys": {"type": "list", "elements": "str", "default": [], "no_log": True},
    "served_keys": {"type": "list", "elements": "dict", "default": [], "no_log": False},
    "admitted_pod": {"type": "dict", "options": {"pod": _POD, "error": _TEXT}},
    "finished_pod": {"type": "dict", "options": {"pod": _POD, "log": _TEXT, "error": _TEXT}},
}


def main() -> t.NoReturn:
    module = AnsibleModule(
        argument_spec=_ARGUMENTS,
        required_by={"admitted_pod": "role_arn", "finished_pod": "role_arn"},
        supports_check_mode=True,
    )
    for library, error in {"jwcrypto": checks.IMPORT_ERROR, "boto3": relying_party.IMPORT_ERROR}.items():
        if error is not None:
            module.fail_json(msg=missing_required_lib(library), exception=error)
    module.no_log_values |= private_values(module.params["served_keys"])
    with reported(module):
        rows = chain.prove(module.params)
    for note in [note for row in rows for note in row.get("notes", [])]:
        module.warn(note)
    broken = [row for row in rows if not row["ok"]]
    if broken:
        reasons = " ".join(f"{row['link']}: {row['detail']}" for row in broken)
        module.fail_json(msg=f"{len(broken)} of {len(rows)} links do not hold. {reasons}", links=rows)
    module.exit_json(changed=False, links=rows)


if __name__ == "__main__":
    main()
