# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._documents.issuer import issuer_problems

DOCUMENTATION = r"""
name: issuer_problems
short_description: Say what is wrong with an issuer, its bucket and its region
version_added: 1.0.0
author: The onprem.irsa authors (@onprem)
description:
  - Returns a line for each of them that breaks a rule, with the value, the rule and the fix, and asks nobody. So a
    playbook can refuse them before it touches anything.
  - The rules of the URL are those of P(onprem.irsa.issuer_host_path#filter).
  - Made for the roles of this collection, and may change with them in any release.
options:
  _input:
    description: The issuer URL.
    type: str
    required: true
  bucket:
    description: The name of the bucket with the documents, where there is one. It follows S3's naming rules.
    type: str
    default: ""
  region:
    description:
      - The code of the AWS region, where it should be checked. It is one that botocore knows, unless a variable
        C(AWS_ENDPOINT_URL) or C(AWS_ENDPOINT_URL_…) in the environment names an endpoint of your own.
    type: str
    default: ""
seealso:
  - plugin: onprem.irsa.issuer_host_path
    plugin_type: filter
  - plugin: onprem.irsa.s3_issuer_url
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Check the issuer
  vars:
    problems: "{{ 'https://oidc.example.com' | onprem.irsa.issuer_problems(region='eu-central-1') }}"
  ansible.builtin.assert:
    that: problems | length == 0
    fail_msg: "{{ problems | join('\n') }}"
"""

RETURN = r"""
_value:
  description: A line for everything that is wrong; empty when the issuer is good.
  type: list
  elements: str
  sample:
    - >-
      The region 'eu-cental-1' is none that botocore knows. Did you mean eu-central-1? Give the code of an AWS region,
      as `aws ec2 describe-regions` lists them; a new one may take a newer botocore.
"""


def _filter(url: object, *, bucket: object = "", region: object = "") -> list[str]:
    return issuer_problems(str(url), bucket=str(bucket), region=str(region))


class FilterModule:
    """Filters of this file, as Ansible looks them up."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters by their names."""
        return {"issuer_problems": _filter}
