# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.observation import servers
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.rollout import goal, rollout
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError

DOCUMENTATION = r"""
name: rollout_problems
short_description: Say why API servers cannot be given an issuer and flags
version_added: 1.0.0
author: The onprem.irsa authors (@onprem)
description:
  - Returns why P(onprem.irsa.rollout_steps#filter) would fail for these options. So a playbook can refuse them before
    it changes anything and, as far as they contradict themselves, before it looks at a host.
  - Made for the roles of this collection, and may change with them in any release.
options:
  _input:
    description: The issuer that is to sign.
    type: str
    required: true
  flags:
    description: Further flags, named without dashes in front; each with the list of its values.
    type: dict
    default: {}
  retired:
    description: Issuers that should no longer be accepted.
    type: list
    elements: str
    default: []
  retired_audiences:
    description: Audiences that should no longer be accepted.
    type: list
    elements: str
    default: []
  aws_audience:
    description: The audience of tokens for AWS, where it is not that of STS. No API server may have it.
    type: str
    default: ""
  observed:
    description:
      - The results of a task that runs M(onprem.irsa.control_plane_info) in a loop over the names of hosts.
      - Without them, the options are judged whatever the API servers run with.
    type: list
    elements: dict
    default: []
seealso:
  - plugin: onprem.irsa.rollout_steps
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Check the flags
  vars:
    problems: "{{ 'https://oidc.example.com' | onprem.irsa.rollout_problems(flags={'v': ['4']}) }}"
  ansible.builtin.assert:
    that: problems | length == 0
    fail_msg: "{{ problems | join('\n') }}"
"""

RETURN = r"""
_value:
  description: The first thing that is wrong, as the one line of a list; empty when nothing is.
  type: list
  elements: str
  sample: ["The issuer https://oidc.example.com can't sign and be retired. Retire another one."]
"""


def _filter(  # noqa: PLR0913 -- the options
    issuer: str,
    *,
    flags: t.Mapping[str, object] | None = None,
    retired: t.Sequence[str] = (),
    retired_audiences: t.Sequence[str] = (),
    aws_audience: str = "",
    observed: t.Sequence[t.Mapping[str, t.Any]] = (),
) -> list[str]:
    try:
        aim = goal(issuer, flags=flags, retired=retired, retired_audiences=retired_audiences, aws_audience=aws_audience)
        rollout(servers({result["item"]: result for result in observed}), aim)
    except InputError as error:
        return [str(error)]
    return []


class FilterModule:
    """Filters of this file, as Ansible looks them up."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters by their names."""
        return {"rollout_problems": _filter}
