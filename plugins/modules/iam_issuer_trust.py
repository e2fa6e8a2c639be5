#!/usr/bin/python
# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: iam_issuer_trust
short_description: Find who trusts an issuer of tokens, and let roles trust another one, too (internal)
version_added: 1.0.0
author:
  - The onprem.irsa authors (!UNKNOWN)
description:
  - Lists the roles of the account that let in tokens of an issuer, whoever made them, for a cluster that moves to
    another issuer.
  - Named roles get for the tokens of the new issuer what their trust policies say of those of the former one, or lose
    that again. Statements of others stay as they are, to the letter.
  - The roles that M(onprem.irsa.iam_roles) manages are that module's to change.
  - Made for the roles of this collection, and may change with them in any release.
extends_documentation_fragment:
  - onprem.irsa._attributes
  - onprem.irsa._attributes.aws
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
  from_issuer:
    description: The URL of the former issuer.
    type: str
    required: true
  to_issuer:
    description: The URL of the new issuer.
    type: str
    required: true
  action:
    description:
      - V(look) changes nothing.
      - V(copy) adds to each of O(roles), for each statement that speaks of tokens of O(from_issuer), the same for those
        of O(to_issuer), whether it allows or denies.
      - V(withdraw) removes the statements that V(copy) has a copy of. One that names other principals, too, stays for
        these.
    type: str
    choices: [look, copy, withdraw]
    default: look
  roles:
    description: The names of the roles to change.
    type: list
    elements: str
    default: []
  trust_policy_limit:
    description: How many characters a trust policy may have, as O(onprem.irsa.iam_roles#module:trust_policy_limit).
    type: int
    default: 2048
seealso:
  - module: onprem.irsa.iam_roles
  - module: onprem.irsa.migration_plan
notes:
  - Needs the permissions C(sts:GetCallerIdentity), C(iam:GetOpenIDConnectProvider) and
    C(iam:GetAccountAuthorizationDetails) or C(iam:ListRoles), and C(iam:UpdateAssumeRolePolicy) for O(roles).
"""

EXAMPLES = r"""
- name: Find the roles that trust the former issuer
  onprem.irsa.iam_issuer_trust:
    from_issuer: https://acme-prod-oidc.s3.eu-central-1.amazonaws.com
    to_issuer: https://oidc.example.com
    region: eu-central-1
  register: trust

- name: Let somebody else's role trust the new one, too
  onprem.irsa.iam_issuer_trust:
    from_issuer: https://acme-prod-oidc.s3.eu-central-1.amazonaws.com
    to_issuer: https://oidc.example.com
    region: eu-central-1
    action: copy
    roles: [team-exports]
"""

RETURN = r"""
from_provider:
  description: The identity provider of O(from_issuer).
  returned: success
  type: dict
  contains: &provider
    arn:
      description: Its ARN, also of one that is not there.
      type: str
      returned: success
      sample: arn:aws:iam::123456789012:oidc-provider/oidc.example.com
    exists:
      description: Whether it is there.
      type: bool
      returned: success
    audiences:
      description: The audiences of the tokens that it takes.
      type: list
      elements: str
      returned: success
      sample: [sts.amazonaws.com]
to_provider:
  description: The identity provider of O(to_issuer).
  returned: success
  type: dict
  contains: *provider
roles:
  description: The roles that trust one of the two, in the order of their names, as they were before the task.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the role.
      type: str
      returned: success
      sample: prod-reports
    arn:
      description: ARN of the role.
      type: str
      returned: success
      sample: arn:aws:iam::123456789012:role/prod-reports
    cluster:
      description: The cluster by whose tag it is managed; empty for none.
      type: str
      returned: success
      sample: prod
    trusts_from:
      description: Whether it lets in tokens of O(from_issuer).
      type: bool
      returned: success
    trusts_to:
      description: Whether it lets in tokens of O(to_issuer).
      type: bool
      returned: success
    has_own:
      description: Whether it has statements that are for O(from_issuer) alone.
      type: bool
      returned: success
    lacks_to:
      description: Whether it says something of the tokens of O(from_issuer) that it does not say of the others.
      type: bool
      returned: success
    length_with_to:
      description:
        - How many characters its trust policy has, as IAM counts them, once it says of O(to_issuer) all that it says of
          O(from_issuer).
      type: int
      returned: success
      sample: 720
changed_roles:
  description: The names of the roles whose trust policies were changed, or would be in check mode.
  returned: success
  type: list
  elements: str
  sample: [team-exports]
"""

import typing as t

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.onprem.irsa.plugins.module_utils._documents.issuer import check_issuer_url
from ansible_collections.onprem.irsa.plugins.module_utils._errors import reported
from ansible_collections.onprem.irsa.plugins.module_utils._iam.iam_calls import (
    caller,
    iam_client,
    read_provider,
    read_trusting_roles,
)
from ansible_collections.onprem.irsa.plugins.module_utils._iam.provider import provider_arn
from ansible_collections.onprem.irsa.plugins.module_utils._iam.roles import TRUST_POLICY_LIMIT
from ansible_collections.onprem.irsa.plugins.module_utils._migration.other_roles import Move, changes, shown, trusting

if t.TYPE_CHECKING:
    from mypy_boto3_iam.client import IAMClient

ARGUMENT_SPEC: t.Final[dict[str, dict[str, t.Any]]] = {
    "from_issuer": {"type": "str", "required": True},
    "to_issuer": {"type": "str", "required": True},
    "action": {"type": "str", "choices": ["look", "copy", "withdraw"], "default": "look"},
    "roles": {"type": "list", "elements": "str", "default": []},
    "trust_policy_limit": {"type": "int", "default": TRUST_POLICY_LIMIT},
}


def provider(client: IAMClient, arn: str) -> dict[str, t.Any]:
    found = read_provider(client, arn)
    return {"arn": arn, "exists": found is not None, "audiences": [*found.audiences] if found else []}


def main() -> t.NoReturn:
    module = AnsibleAWSModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    given = module.params
    with reported(module):
        urls = [check_issuer_url(given[name]) for name in ("from_issuer", "to_issuer")]
        partition, account = caller(module)
        move = Move(*(provider_arn(url, partition=partition, account=account) for url in urls))
        client = iam_client(module)
        roles = sorted(read_trusting_roles(client, lambda role: trusting(role, move)), key=lambda role: role.name)
        planned = changes(roles, given["roles"], move, given["action"], limit=given["trust_policy_limit"])
        for change in [] if module.check_mode else planned:
            change.call.make(client)
        result = {"from_provider": provider(client, move.old), "to_provider": provider(client, move.new)}
    module.exit_json(
        changed=bool(planned),
        roles=[shown(role, move) for role in roles],
        changed_roles=[change.name for change in planned],
        diff=[
            {
                **dict.fromkeys(("before_header", "after_header"), f"role {each.name}"),
                "before": {"trust_policy": each.before},
                "after": {"trust_policy": each.after},
            }
            for each in planned
        ],
        **result,
    )


if __name__ == "__main__":
    main()
