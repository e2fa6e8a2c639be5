# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._input_rules import publication_problems

DOCUMENTATION = r"""
name: publication_problems
short_description: Say why documents cannot be published as asked for
version_added: 1.0.0
author: The onprem.irsa authors (@onprem)
description:
  - Looks at the options of the role P(onprem.irsa.irsa_issuer#role) together. Returns a line for everything that is
    wrong, each with the value, the rule and the fix, and asks nobody.
  - Made for the roles of this collection, and may change with them in any release.
options:
  _input:
    description:
      - The options C(publisher), C(url) and C(adopt), without the prefix C(irsa_issuer_), C(region) for C(irsa_region),
        and C(bucket), C(endpoint_url), C(files_directory), C(render), C(jwks_uri), C(certificate_arn) and C(tags) for
        C(irsa_issuer_bucket_tags), empty where they are not given.
    type: dict
    required: true
seealso:
  - plugin: onprem.irsa.issuer_problems
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Refuse what cannot be published
  vars:
    problems: "{{ {'publisher': 'files', 'url': 'https://oidc.example.com'} | onprem.irsa.publication_problems }}"
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
      irsa_issuer_publisher is files, which takes no irsa_issuer_adopt. Leave that out, or publish with s3.
"""


def _filter(given: t.Mapping[str, t.Any]) -> list[str]:
    return publication_problems(given)


class FilterModule:
    """Filters of this file, as Ansible looks them up."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters by their names."""
        return {"publication_problems": _filter}
