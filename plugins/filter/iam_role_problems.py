# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._documents.issuer import (
    former_issuer_problems,
    issuer_problems,
    partition,
)
from ansible_collections.onprem.irsa.plugins.module_utils._iam.provider import provider_arn
from ansible_collections.onprem.irsa.plugins.module_utils._iam.role_input import annotation_problems, read_items
from ansible_collections.onprem.irsa.plugins.module_utils._iam.roles import (
    MANAGED_POLICIES_LIMIT,
    TRUST_POLICY_LIMIT,
    RoleSettings,
)
from ansible_collections.onprem.irsa.plugins.module_utils._input.role_input import missing

DOCUMENTATION = r"""
name: iam_role_problems
short_description: Say what is wrong with a list of roles before anything is called
version_added: 1.0.0
author: The onprem.irsa authors (@onprem)
description:
  - Checks the O(onprem.irsa.iam_roles#module:roles) of M(onprem.irsa.iam_roles) by the same rules as the module, but
    asks nobody. So a playbook can refuse them before it touches anything.
  - Returns a line for everything that is wrong, each naming the value, the rule and the fix.
  - Numbers and booleans where a text is meant are wrong, for what was written is lost (YAML reads V(012) as 10 and
    V(yes) as true). Values of tags, and of conditions that compare texts, such as account ids, are texts.
  - The account is not known yet, so that customer-managed policies are of the right one is left to the module.
  - Made for the roles of this collection, and may change with them in any release.
options:
  _input:
    description: The roles.
    type: list
    elements: dict
    required: true
  cluster:
    description: Name of the cluster; the value of the ownership tag.
    type: str
    required: true
  issuer:
    description: The issuer's URL; the length of trust policies depends on it.
    type: str
    required: true
  region:
    description: The AWS region; policies must be of its partition.
    type: str
    required: true
  audience:
    description: The audience of roles that name none of their own.
    type: str
    default: sts.amazonaws.com
  trust_policy_limit:
    description: How many characters a trust policy may have.
    type: int
    default: 2048
  managed_policies_limit:
    description: How many managed policies a role may have.
    type: int
    default: 10
  annotated:
    description: Whether service accounts get the annotation of their role, so that each can have one role only.
    type: bool
    default: false
  bucket:
    description: The bucket of the documents, where there is one; of a wrong one the issuer's URL is wrong, too.
    type: str
    default: ""
  retired:
    description: Former issuers, each the URL of an identity provider. The issuer is none of them.
    type: list
    elements: str
    default: []
seealso:
  - module: onprem.irsa.iam_roles
"""

EXAMPLES = r"""
- name: Check the roles
  vars:
    problems: "{{ irsa_iam_roles | onprem.irsa.iam_role_problems(cluster='prod', issuer='https://oidc.example.com',
      region='eu-central-1') }}"
  ansible.builtin.assert:
    that: problems | length == 0
    fail_msg: "{{ problems | join('\n') }}"
"""

RETURN = r"""
_value:
  description: A line for everything that is wrong; empty when the roles are good.
  type: list
  elements: str
  sample: ["Role 'a b': 'a b' must be 1 to 64 letters, digits and _+=,.@- (IAM role name). Rename it."]
"""

# Any account: an ARN is always this long.
_SOME_ACCOUNT = "0" * 12


def _plain(value: object) -> object:
    """Return a value of a template without its ties to all variables of the host: the validation copies what it gets.

    What YAML has read as a number, a boolean or a time is still one, as a key, too.
    """
    if isinstance(value, t.Mapping):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, str) else value


def _filter(  # noqa: PLR0913 -- the options of a filter are its arguments
    roles: t.Sequence[t.Mapping[str, t.Any]],
    *,
    cluster: str,
    issuer: str,
    region: str,
    audience: str = "sts.amazonaws.com",
    trust_policy_limit: int = TRUST_POLICY_LIMIT,
    managed_policies_limit: int = MANAGED_POLICIES_LIMIT,
    annotated: bool = False,
    bucket: str = "",
    retired: t.Collection[str] = (),
) -> list[str]:
    around = [*([] if region else [missing("irsa_region")]), *issuer_problems(issuer, bucket=bucket, region=region)]
    of_region = "" if around else partition(region).name
    # Without a provider and its partition, what depends on them is not looked at.
    arns = () if around else (provider_arn(issuer, partition=of_region, account=_SOME_ACCOUNT),)
    plain = t.cast("list[t.Any]", _plain(roles))
    settings = RoleSettings(
        cluster, of_region, "", arns, audience, trust_policy_limit, managed_policies_limit=managed_policies_limit
    )
    items, problems = read_items(plain, settings, written=True)
    return (
        around
        + former_issuer_problems([*map(str, retired)], issuer)
        + (problems or (annotation_problems(items) if annotated else []))
    )


class FilterModule:
    """Filters of this file, as Ansible looks them up."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters by their names."""
        return {"iam_role_problems": _filter}
