# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t
from pathlib import Path

from ansible import context
from ansible.errors import AnsibleFilterError

from ansible_collections.onprem.irsa.plugins.module_utils._input.run_options import run_problem

DOCUMENTATION = r"""
name: checked_run
short_description: Refuse a run whose options skip what has to come first (internal)
version_added: 1.0.0
author: The onprem.irsa authors (!UNKNOWN)
description:
  - Returns the pattern of hosts as it is, unless C(ansible-playbook) runs the collection's playbooks themselves with
    C(--start-at-task), with a tag in C(--tags) or C(--skip-tags) that is none of theirs, or with C(--skip-tags) that
    skips everything that the run is for. Ansible itself would do nothing then and report success.
  - Where a playbook of your own imports the collection's, tags may be yours, and nothing is refused.
  - Made for the playbooks of this collection, which name the hosts of their first play by it, and may change with them
    in any release.
options:
  _input:
    description: The pattern of hosts.
    type: str
    required: true
  tags:
    description: The tags of the playbook.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Begin
  hosts: "{{ 'all' | onprem.irsa.checked_run(tags=['publish', 'iam']) }}"
"""

RETURN = r"""
_value:
  description: The pattern of hosts.
  type: str
  sample: all
"""

_PLAYBOOKS = Path(__file__).parents[2] / "playbooks"


def _is_ours(playbook: str) -> bool:
    path = Path(playbook)
    return playbook.startswith("onprem.irsa.") or (path.exists() and path.resolve().parent == _PLAYBOOKS.resolve())


def _filter(pattern: str, *, tags: t.Sequence[str]) -> str:
    options = context.CLIARGS
    if not all(_is_ours(playbook) for playbook in options.get("args") or ["none"]):
        return pattern
    problem = run_problem(
        [str(tag) for tag in tags],
        wanted=options.get("tags") or (),
        skipped=options.get("skip_tags") or (),
        start=options.get("start_at_task") or "",
    )
    if problem:
        raise AnsibleFilterError(problem)
    return pattern


class FilterModule:
    """Filters of this file, as Ansible looks them up."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters by their names."""
        return {"checked_run": _filter}
