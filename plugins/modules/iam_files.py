#!/usr/bin/python
# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: iam_files
short_description: Write for review what makes the identity provider and the roles of a cluster
version_added: 1.0.0
author:
  - The onprem.irsa authors (!UNKNOWN)
description:
  - Writes the arguments of every call to IAM, and a script that makes the calls with the AWS CLI, for people to review
    and run. Returns the manifests of the service accounts that name the roles.
  - It shows how to start from nothing, and checks what M(onprem.irsa.iam_roles) checks without asking AWS. Neither AWS
    nor the cluster is contacted; it needs no credentials.
  - When the script has run, M(onprem.irsa.iam_oidc_provider) and M(onprem.irsa.iam_roles) find everything as they would
    have made it.
extends_documentation_fragment:
  - onprem.irsa._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  directory:
    description:
      - Where the files are written. F(publish.sh) makes the calls, whose arguments are in F(calls/).
      - Arguments of calls that an earlier run wrote and that no longer exist are removed.
    type: path
    required: true
  account:
    description: The id of the account, 12 digits, in quotes.
    type: str
    required: true
  region:
    description: The code of the region that the script names, which says the partition, too.
    type: str
    required: true
  cluster:
    description: Name of the cluster, the value of the ownership tag C(onprem.irsa/cluster).
    type: str
    required: true
  url:
    description: The issuer URL.
    type: str
    required: true
  audience:
    description: The audience of tokens for roles that name none of their own.
    type: str
    default: sts.amazonaws.com
  roles:
    description:
      - The roles, as M(onprem.irsa.iam_roles) takes them. One that should be absent is refused, because which calls
        that takes depends on what is there.
    type: list
    elements: dict
    required: true
  trust_policy_limit:
    description: How many characters a trust policy may have, without white space.
    type: int
    default: 2048
  managed_policies_limit:
    description: How many managed policies a role may have.
    type: int
    default: 10
seealso:
  - module: onprem.irsa.iam_oidc_provider
  - module: onprem.irsa.iam_roles
  - module: onprem.irsa.s3_issuer
"""

EXAMPLES = r"""
- name: Write what makes the provider and the roles
  onprem.irsa.iam_files:
    directory: review/iam
    account: "123456789012"
    region: eu-central-1
    cluster: prod
    url: https://acme-prod-oidc.s3.eu-central-1.amazonaws.com
    roles:
      - name: prod-reports
        service_accounts: [apps/reports]
        managed_policies: [arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess]
  delegate_to: localhost
  register: files

- name: Write what annotates the service accounts
  ansible.builtin.copy:
    content: "{{ files.service_accounts | map('to_nice_yaml') | join('---\n') }}"
    dest: review/service-accounts.yml
    mode: "0644"
  delegate_to: localhost
"""

RETURN = r"""
roles:
  description: One entry for each of O(roles), in their order, as M(onprem.irsa.iam_roles) returns those that it made.
  returned: success
  type: list
  elements: dict
  sample:
    - name: prod-reports
      arn: arn:aws:iam::123456789012:role/prod-reports
      state: present
      action: create
      changed: false
      service_accounts: [apps/reports]
      audiences: [sts.amazonaws.com]
namespaces:
  description: Manifests of the namespaces of the service accounts, but for C(default) and C(kube-*).
  returned: success
  type: list
  elements: dict
service_accounts:
  description: Manifests of the service accounts, with the annotations that name the roles.
  returned: success
  type: list
  elements: dict
  sample:
    - apiVersion: v1
      kind: ServiceAccount
      metadata:
        namespace: apps
        name: reports
        annotations:
          eks.amazonaws.com/role-arn: arn:aws:iam::123456789012:role/prod-reports
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.onprem.irsa.plugins.module_utils._aws.rendering import OWNED, ScriptStep, rendered
from ansible_collections.onprem.irsa.plugins.module_utils._documents.issuer import partition
from ansible_collections.onprem.irsa.plugins.module_utils._errors import reported
from ansible_collections.onprem.irsa.plugins.module_utils._iam.from_nothing import Asked, from_nothing
from ansible_collections.onprem.irsa.plugins.module_utils._iam.roles import MANAGED_POLICIES_LIMIT, TRUST_POLICY_LIMIT
from ansible_collections.onprem.irsa.plugins.module_utils._review_files import bring

ARGUMENT_SPEC: t.Final[dict[str, dict[str, t.Any]]] = {
    "account": {"type": "str", "required": True},
    "cluster": {"type": "str", "required": True},
    "url": {"type": "str", "required": True},
    "audience": {"type": "str", "default": "sts.amazonaws.com"},
    "roles": {"type": "list", "elements": "dict", "required": True},
    "trust_policy_limit": {"type": "int", "default": TRUST_POLICY_LIMIT},
    "managed_policies_limit": {"type": "int", "default": MANAGED_POLICIES_LIMIT},
}


def main() -> t.NoReturn:
    places = {"directory": {"type": "path", "required": True}, "region": {"type": "str", "required": True}}
    module = AnsibleModule(argument_spec={**ARGUMENT_SPEC, **places}, supports_check_mode=True)
    region = module.params["region"]
    with reported(module):
        asked = Asked(partition=partition(region).name, **{name: module.params[name] for name in ARGUMENT_SPEC})
        made = from_nothing(asked)
        files = rendered([ScriptStep("iam", region, call) for call in made.calls])
        brought = bring(module.params["directory"], files, owned=OWNED, check_mode=module.check_mode)
    module.exit_json(
        **brought._asdict(), roles=made.roles, namespaces=made.namespaces, service_accounts=made.service_accounts
    )


if __name__ == "__main__":
    main()
