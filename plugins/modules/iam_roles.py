#!/usr/bin/python
# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: iam_roles
short_description: Manage the IAM roles of Kubernetes service accounts, all in one task
version_added: 1.0.0
author:
  - The onprem.irsa authors (!UNKNOWN)
description:
  - Makes sure that each role of a list exists, lets the named service accounts assume it by the tokens of the cluster's
    issuer, and has the given policies.
  - Every trust policy names the audience and the service accounts. Statements of others in the same trust policy are
    kept as they are; those for O(oidc_provider_arns) are made to let in what is asked for, and nobody else. What they
    let in beyond that is removed and named; conditions that narrow them further stay, unless O(roles[].conditions) says
    which there should be.
  - Reads the account's roles by two listings whatever their number, compares by meaning, and writes only what differs.
  - Bad input is refused before the first call to AWS, everything that is wrong at once. When AWS refuses something for
    one role, the other roles are still done, and the task fails in the end with all reasons.
  - IAM needs a moment until a change is known everywhere. What it does not know yet, such as an identity provider just
    made, is tried again for 20 seconds.
  - A longer run reports its progress after ten seconds, then every ten, and after a minute every minute, when the task
    runs on the controller itself (C(connection=local), or delegated to C(localhost)), with Ansible's Python and without
    C(become).
  - Every role carries the tag C(onprem.irsa/cluster) with the name of O(cluster). A role of the same name without it is
    left alone and reported, unless it should be adopted.
extends_documentation_fragment:
  - onprem.irsa._attributes
  - onprem.irsa._attributes.aws
  - onprem.irsa._cluster
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
  action:
    description: Has an action plugin, which runs on the controller, of the same name.
    support: full
options:
  oidc_provider_arns:
    description:
      - ARNs of the IAM identity providers whose service accounts may assume the roles, all of one account. What follows
        C(oidc-provider/) is the issuer without C(https://).
      - Several make every role trust the service accounts of several clusters, or of an old and a new issuer.
      - A provider that is removed from this list keeps the trust that it has; O(retired_provider_arns) ends it.
    type: list
    elements: str
    required: true
  retired_provider_arns:
    description:
      - ARNs of the identity providers of former issuers of the cluster, whose tokens should no longer open the roles.
      - The statements for them are removed from O(roles), and named. A role that should be removed counts them as the
        cluster's own.
    type: list
    elements: str
    default: []
  former_provider_arns:
    description:
      - ARNs of the identity providers of former issuers of the cluster, whose tokens still open the roles while the
        cluster moves to another issuer. The statements for them stay.
      - A role that has no statement for one of O(oidc_provider_arns) yet gets one with the conditions that narrow the
        statements for these, unless O(roles[].conditions) says which there should be. What a statement of others denies
        to their tokens is denied to those of O(oidc_provider_arns), too.
    type: list
    elements: str
    default: []
  audience:
    description:
      - The audience (claim C(aud)) that tokens must have, for roles that name none of their own.
    type: str
    default: sts.amazonaws.com
  roles:
    description:
      - The roles.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description:
          - Name of the role, 1 to 64 letters, digits and C(_+=,.@-). IAM does not tell upper from lower case.
        type: str
        required: true
      state:
        description:
          - V(absent) deletes the role with its inline policies. When others can assume it, too, then it stays, without
            our statements and without the ownership tag. Providers with the ownership tag of O(cluster), of former
            issuers, and deleted providers do not count as others.
          - A role in an instance profile is refused before anything is removed from it, because IAM does not delete
            such a role.
        type: str
        choices: [present, absent]
        default: present
      service_accounts:
        description:
          - The service accounts that may assume the role, each as C(namespace/name).
          - Needed when O(roles[].state=present).
        type: list
        elements: str
        default: []
      allow_wildcards:
        description:
          - Whether O(roles[].service_accounts) may have C(*) (any characters) and C(?) (one character).
          - The subject is then compared by C(StringLike), the audience by C(StringEquals) as always.
        type: bool
        default: false
      audiences:
        description:
          - The audiences that tokens for this role may have, instead of O(audience).
          - The identity providers must have them, too.
        type: list
        elements: str
      conditions:
        description:
          - What must hold in addition to the audience and the service account, as in a policy. By operator (such as
            C(IpAddress)) and by condition key (such as C(aws:SourceIp)), one value or a list.
          - When not given, conditions that somebody added to the statements stay as they are. When given, these are the
            only ones; an empty dictionary removes all others.
          - Keys for the audience and the subject (C(ISSUER:aud), C(ISSUER:sub)) are refused. They have options of their
            own.
        type: dict
      session_tags:
        description:
          - Whether the session may be given tags, from the token or by who assumes the role (C(sts:TagSession)).
        type: bool
        default: false
      managed_policies:
        description:
          - ARNs of the managed policies of the role, at most O(managed_policies_limit); others are detached. New ones
            are attached first, as far as the quota leaves room.
          - When not given, they stay as they are. An empty list detaches all.
        type: list
        elements: str
      inline_policies:
        description:
          - Inline policies of the role, the policy document (as YAML, or as JSON text) by its name; others are deleted.
            Together they may have 10240 characters, without white space. New ones are written first where the quota
            leaves room.
          - When not given, they stay as they are. An empty dictionary deletes all.
        type: dict
      policy:
        description:
          - A ready policy for what clusters run most. The role gets it as an inline policy of this name, which counts
            as one of O(roles[].inline_policies), so that others are deleted.
          - It allows what the project's own documentation asks for, on what O(roles[].policy_variables) names.
            R(The guide, ansible_collections.onprem.irsa.docsite.guide_ready_policies) describes each of them.
        type: str
        choices:
          - cert_manager_route53
          - cloudnative_pg
          - ecr_read
          - external_dns
          - external_secrets
          - loki
          - tempo
          - thanos
          - vault_kms_unseal
          - velero
      policy_variables:
        description:
          - What O(roles[].policy) is for, lists by name. V(buckets) are names of buckets, V(zones) are ids of Route 53
            zones, and V(kms_keys), V(parameters), V(repositories) and V(secrets) are ARNs.
        type: dict
      permissions_boundary:
        description:
          - ARN of the managed policy that bounds the role. An empty string removes the boundary.
          - When not given, it stays as it is.
        type: str
      path:
        description:
          - Path of the role. IAM cannot change it later, so another path for a role that exists is an error.
          - When not given, V(/) for a new role.
        type: str
      description:
        description:
          - Description of the role, at most 1000 characters. When not given, it stays as it is.
        type: str
      max_session_duration:
        description:
          - The longest session that can be asked for, in seconds, 3600 to 43200. When not given, it stays as it is (new
            roles have 3600).
        type: int
      tags:
        description:
          - Tags of the role. When not given, they stay as they are.
          - Write keys and values in quotes, since YAML reads C(012) as 10; a number is refused.
          - Keys of a role's tags differ by more than their case (a rule of IAM); a key that is there stays as it is
            spelt.
        type: dict
      adopt:
        description:
          - Whether to take over a role of this name that was not made for O(cluster).
        type: bool
        default: false
  purge_roles:
    description:
      - Whether to remove, as by O(roles[].state=absent), the roles with the ownership tag of O(cluster) that are not
        among O(roles).
      - A role that carries the tag and trusts other providers alone may be of another cluster of the same name; it is
        left as it is, and named.
      - Needs the permission C(iam:GetAccountAuthorizationDetails), because it reads all roles of the account.
    type: bool
    default: false
  purge_tags:
    description:
      - Whether to remove the tags that are not among O(roles[].tags), for roles that have O(roles[].tags). The
        ownership tag stays.
    type: bool
    default: true
  trust_policy_limit:
    description:
      - How many characters a trust policy may have, without white space. IAM allows 2048 unless AWS has raised the
        quota of the account, to 4096 at most.
    type: int
    default: 2048
  managed_policies_limit:
    description:
      - How many managed policies a role may have. IAM allows 10 unless AWS has raised the quota of the account.
    type: int
    default: 10
seealso:
  - module: onprem.irsa.iam_oidc_provider
  - module: amazon.aws.iam_role
  - name: IAM and STS quotas
    description: The limits that are checked.
    link: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
notes:
  - Needs the permissions C(sts:GetCallerIdentity), C(iam:GetAccountAuthorizationDetails) and C(iam:ListRoles). Without
    the second, it reads each role by itself with C(iam:GetRole), C(iam:ListAttachedRolePolicies),
    C(iam:ListRolePolicies), C(iam:GetRolePolicy) and C(iam:ListInstanceProfilesForRole).
  - To remove roles it needs C(iam:GetOpenIDConnectProvider) for the other providers that they trust.
  - The name of a cluster must be unique in an account, because the module recognises by its tag what is whose.
"""

EXAMPLES = r"""
- name: Make the roles of the cluster prod
  onprem.irsa.iam_roles:
    cluster: prod
    region: eu-central-1
    oidc_provider_arns:
      - arn:aws:iam::123456789012:oidc-provider/acme-prod-oidc.s3.eu-central-1.amazonaws.com
    roles:
      - name: prod-reports
        service_accounts: [apps/reports]
        managed_policies: [arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess]
      - name: prod-preview
        service_accounts: ["preview-*/web"]
        allow_wildcards: true
        permissions_boundary: arn:aws:iam::123456789012:policy/preview
        inline_policies:
          queue:
            Version: "2012-10-17"
            Statement:
              - Effect: Allow
                Action: sqs:SendMessage
                Resource: arn:aws:sqs:eu-central-1:123456789012:preview

- name: Let ExternalDNS change the records of a zone
  onprem.irsa.iam_roles:
    cluster: prod
    region: eu-central-1
    oidc_provider_arns:
      - arn:aws:iam::123456789012:oidc-provider/acme-prod-oidc.s3.eu-central-1.amazonaws.com
    roles:
      - name: prod-external-dns
        service_accounts: [external-dns/external-dns]
        policy: external_dns
        policy_variables:
          zones: [Z0123456789ABCDEFGHIJ]

- name: Let the role be assumed from the company's addresses alone
  onprem.irsa.iam_roles:
    cluster: prod
    region: eu-central-1
    oidc_provider_arns:
      - arn:aws:iam::123456789012:oidc-provider/acme-prod-oidc.s3.eu-central-1.amazonaws.com
    roles:
      - name: prod-reports
        service_accounts: [apps/reports]
        conditions:
          IpAddress:
            aws:SourceIp: [203.0.113.0/24, 198.51.100.0/24]

- name: Remove all roles of the cluster prod
  onprem.irsa.iam_roles:
    cluster: prod
    region: eu-central-1
    oidc_provider_arns:
      - arn:aws:iam::123456789012:oidc-provider/acme-prod-oidc.s3.eu-central-1.amazonaws.com
    roles: []
    purge_roles: true
"""

RETURN = r"""
roles:
  description:
    - One entry for each of O(roles), in their order, then those that O(purge_roles) found. A failed task has them, too.
  returned: when the input is good and the roles could be read
  type: list
  elements: dict
  contains:
    name:
      description: Name of the role.
      type: str
      returned: always
      sample: prod-reports
    arn:
      description: ARN of the role, also of one that is not there (yet, or any longer).
      type: str
      returned: always
      sample: arn:aws:iam::123456789012:role/prod-reports
    state:
      description: What was asked for, V(present) or V(absent).
      type: str
      returned: always
      sample: present
    action:
      description:
        - What was done, or would be done in check mode. V(release) means that our part was removed and the role stays,
          because others trust it; V(leave) that nothing of it is this cluster's but the tag, so that it stays as it is;
          V(refuse) that nothing was tried.
      type: str
      returned: always
      sample: create
    changed:
      description: Whether anything was written for this role, also when it failed later on.
      type: bool
      returned: always
    service_accounts:
      description: The service accounts as given.
      type: list
      elements: str
      returned: always
      sample: [apps/reports]
    audiences:
      description: The audiences that tokens for the role may have.
      type: list
      elements: str
      returned: always
      sample: [sts.amazonaws.com]
    removed:
      description:
        - What was removed from the trust policy, a line each. It is in the diff, too.
      type: list
      elements: str
      returned: when something was
      sample: ["removed: it let in the action sts:TagSession"]
    notes:
      description: What stays and should be known, a line each. They are shown as warnings, too.
      type: list
      elements: str
      returned: when there is something
    error:
      description: Why this role is not as asked for.
      type: str
      returned: for a role that failed
dropped:
  description:
    - Names of the roles that carry the ownership tag of O(cluster), trust O(oidc_provider_arns) and are not among
      O(roles). They can be assumed still.
  returned: when the input is good and the roles could be listed, unless O(purge_roles=true)
  type: list
  elements: str
  sample: [prod-old]
former_provider_arns:
  description:
    - ARNs of the identity providers that former issuers of the cluster have left behind, as far as the roles show. They
      carry its ownership tag, and every role that trusts them is the cluster's and trusts O(oidc_provider_arns), too.
  returned: when roles should be removed
  type: list
  elements: str
  sample: [arn:aws:iam::123456789012:oidc-provider/oidc.example.com/old]
"""

import typing as t
from dataclasses import replace

from ansible.module_utils.common.warnings import warn
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.onprem.irsa.plugins.module_utils._errors import reported
from ansible_collections.onprem.irsa.plugins.module_utils._iam.iam_calls import (
    apply_plans,
    caller,
    iam_client,
    read_named_roles,
    read_owned_roles,
    read_owners,
)
from ansible_collections.onprem.irsa.plugins.module_utils._iam.role_input import (
    ROLE_OPTIONS,
    checked_items,
    read_settings,
    refuse_other_account,
)
from ansible_collections.onprem.irsa.plugins.module_utils._iam.roles import (
    MANAGED_POLICIES_LIMIT,
    TRUST_POLICY_LIMIT,
    Item,
    Role,
    RoleSettings,
    dropped,
    former_providers,
    plan_roles,
    roles_result,
    unlisted,
)

if t.TYPE_CHECKING:
    from mypy_boto3_iam.client import IAMClient

SETTINGS: t.Final[dict[str, dict[str, t.Any]]] = {
    "cluster": {"type": "str", "required": True},
    "audience": {"type": "str", "default": "sts.amazonaws.com"},
    "trust_policy_limit": {"type": "int", "default": TRUST_POLICY_LIMIT},
    "purge_tags": {"type": "bool", "default": True},
    "managed_policies_limit": {"type": "int", "default": MANAGED_POLICIES_LIMIT},
    "retired_provider_arns": {"type": "list", "elements": "str", "default": []},
    "former_provider_arns": {"type": "list", "elements": "str", "default": []},
}

Observed = dict[str, Role]


def observe(
    module: AnsibleAWSModule, client: IAMClient, items: list[Item], settings: RoleSettings
) -> tuple[Observed, list[Item], RoleSettings]:
    names = [item["name"] for item in items]
    if module.params["purge_roles"]:
        observed = read_owned_roles(client, names, settings.cluster)
        items = [*items, *unlisted(items, observed, settings)]
    else:
        observed = read_named_roles(client, names, settings.cluster)
    if any(item["state"] == "absent" for item in items):
        settings = replace(settings, owners=read_owners(client, observed.values(), settings))
    return observed, items, settings


def main() -> t.NoReturn:
    module = AnsibleAWSModule(
        argument_spec={
            **SETTINGS,
            "oidc_provider_arns": {"type": "list", "elements": "str", "required": True},
            "roles": {"type": "list", "elements": "dict", "required": True, "options": ROLE_OPTIONS},
            "purge_roles": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    with reported(module):
        given = {name: module.params[name] for name in SETTINGS}
        settings, problems = read_settings(module.params["oidc_provider_arns"], given)
        items = checked_items(module.params["roles"], settings, problems)
        refuse_other_account(settings, *caller(module))
        client = iam_client(module)
        observed, items, settings = observe(module, client, items, settings)
        plans = plan_roles(items, observed, settings)
        done = plans if module.check_mode else apply_plans(client, plans, settings)
        result = roles_result(done, settings)
    if any(item["state"] == "absent" for item in items):
        result["former_provider_arns"] = former_providers(observed.values(), settings)
    if items and not module.params["purge_roles"]:
        result["dropped"] = dropped(items, observed, settings)
    for line in [f"{plan.item['name']}: {line}" for plan in done for line in plan.warnings]:
        warn(line)  # AnsibleAWSModule's own adds a deprecation of ansible-core's to every result
    if "msg" in result:
        module.fail_json(**result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
