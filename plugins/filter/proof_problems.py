# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._input_rules import proof_problems

DOCUMENTATION = r"""
name: proof_problems
short_description: Say what is wrong with what should be proved
version_added: 1.0.0
author: The onprem.irsa authors (@onprem)
description:
  - Returns a line for everything that is wrong, each with the value, the rule and the fix, and asks nobody.
  - Made for the roles of this collection, and may change with them in any release.
options:
  _input:
    description: The service account, as C(namespace/name); empty for none.
    type: str
    required: true
  role_arn:
    description: The ARN of the role; empty for none.
    type: str
    default: ""
  issuer:
    description: The issuer URL.
    type: str
    required: true
  region:
    description: The AWS region whose STS is asked.
    type: str
    required: true
  bucket:
    description: The bucket of the documents, where there is one.
    type: str
    default: ""
  image:
    description: The image of the pod that proves it; empty for none.
    type: str
    default: ""
seealso:
  - plugin: onprem.irsa.issuer_problems
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Refuse what cannot be proved
  vars:
    problems: "{{ 'apps/reports' | onprem.irsa.proof_problems(issuer='https://oidc.example.com',
      region='eu-central-1') }}"
  ansible.builtin.assert:
    that: problems | length == 0
    fail_msg: "{{ problems | join('\n') }}"
"""

RETURN = r"""
_value:
  description: A line for everything that is wrong; empty when nothing is.
  type: list
  elements: str
  sample:
    - >-
      irsa_verify_role_arn is 'reports'. It must be the ARN of a role. Write it as in
      arn:aws:iam::123456789012:role/prod-reports, or leave it out.
"""


def _filter(  # noqa: PLR0913 -- the options of a filter are its arguments
    service_account: object,
    *,
    issuer: object,
    region: object,
    role_arn: object = "",
    bucket: object = "",
    image: object = "",
) -> list[str]:
    return proof_problems(
        str(service_account),
        role_arn=str(role_arn),
        issuer=str(issuer),
        region=str(region),
        bucket=str(bucket),
        image=str(image),
    )


class FilterModule:
    """Filters of this file, as Ansible looks them up."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters by their names."""
        return {"proof_problems": _filter}
