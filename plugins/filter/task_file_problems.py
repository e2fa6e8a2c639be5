# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t
from pathlib import Path

from ansible_collections.onprem.irsa.plugins.module_utils._input.task_files import problem

DOCUMENTATION = r"""
name: task_file_problems
short_description: Why files of tasks cannot be included
version_added: 1.0.0
author: The onprem.irsa authors (@onprem)
description:
  - Returns a sentence for each file on the controller that is not there or holds no list of tasks, with the variable
    that names it and the fix.
  - Made for the roles of this collection, and may change with them in any release.
options:
  _input:
    description: The paths by the variables that name them; an empty one is passed over.
    type: dict
    required: true
seealso:
  - plugin: onprem.irsa.number_problems
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Refuse what would fail between two restarts
  vars:
    problems: "{{ {'irsa_apiserver_after_host_tasks': 'wait.yml'} | onprem.irsa.task_file_problems }}"
  ansible.builtin.assert:
    that: problems | length == 0
    fail_msg: "{{ problems | join('\n') }}"
"""

RETURN = r"""
_value:
  description: The problems; an empty list when there are none.
  type: list
  elements: str
"""


def _text(path: str) -> str | None:
    try:
        return Path(path).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _filter(paths: t.Mapping[str, str]) -> list[str]:
    found = [problem(variable, path, _text(path)) for variable, path in paths.items() if path]
    return [one for one in found if one]


class FilterModule:
    """Filters of this file, as Ansible looks them up."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters by their names."""
        return {"task_file_problems": _filter}
