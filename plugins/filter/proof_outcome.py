# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._proof.chain import proof_result, untried

DOCUMENTATION = r"""
name: proof_outcome
short_description: Say what a proof has shown, and what it has not tried
version_added: 1.0.0
author: The onprem.irsa authors (@onprem)
description:
  - Returns how many links of a proof hold, and which ones were not tried and why, so that a proof of a part does not
    pass for one of the whole.
  - Made for the roles of this collection, and may change with them in any release.
options:
  _input:
    description: The C(links) of M(onprem.irsa.verify).
    type: list
    elements: dict
    required: true
  role:
    description: The ARN of the role that the service account has, or an empty text.
    type: str
    required: true
  image:
    description: The image that a pod was to run, or an empty text.
    type: str
    required: true
  checking:
    description: Whether it was check mode, in which no pod runs.
    type: bool
    required: true
  trust_error:
    description: Why the role's trust policy could not be read, or an empty text.
    type: str
    default: ""
seealso:
  - module: onprem.irsa.verify
"""

EXAMPLES = r"""
- name: Show what came out
  ansible.builtin.debug:
    msg: "{{ (proof.links | onprem.irsa.proof_outcome(role=role_arn, image='', checking=ansible_check_mode)).says }}"
    # 6 of 6 links hold; not tried, because irsa_verify_image is not set: pod
"""

RETURN = r"""
_value:
  description: The outcome.
  type: dict
  contains:
    says:
      description: The outcome in a line.
      type: str
      sample: "6 of 6 links hold; not tried, because irsa_verify_image is not set: pod"
    untried:
      description: A row for P(onprem.irsa.report_table#filter) for each link that was not tried.
      type: list
      elements: dict
      sample: [{link: pod, result: "not tried, because irsa_verify_image is not set"}]
"""


def _filter(
    links: t.Sequence[dict[str, t.Any]], *, role: str, image: str, checking: bool, trust_error: str = ""
) -> dict[str, t.Any]:
    left = untried(links, role=role, image=image, checking=checking, trust_error=trust_error)
    rows = [{"link": name, "result": f"not tried, because {reason}"} for name, reason in left.items()]
    return {"says": proof_result(links, left), "untried": rows}


class FilterModule:
    """Filters of this file, as Ansible looks them up."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters by their names."""
        return {"proof_outcome": _filter}
