# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t
from pathlib import Path

import yaml

from ansible_collections.onprem.irsa.plugins.module_utils._input.variables import options_of, unknown

DOCUMENTATION = r"""
name: unknown_variables
short_description: Find misspelt variables of the roles
version_added: 1.0.0
author: The onprem.irsa authors (@onprem)
description:
  - Returns a line for each name that begins as the variables of one of the collection's roles do, such as
    C(irsa_iam_), and that no role knows, with the known name that is nearest. Ansible itself takes such a variable for
    one of yours and says nothing.
  - The same for any other name that begins with C(irsa_) and is near to a known one, unless that is given and the name
    only extends it; and for a name that begins with a misspelt C(irsa_), such as C(isra_cluster).
  - Known are the options of all roles, by their argument specs, and what roles set.
  - Made for the roles of this collection, and may change with them in any release.
options:
  _input:
    description: Names of variables; others are passed over.
    type: list
    elements: str
    required: true
seealso:
  - name: ansible.builtin.varnames
    description: The lookup that returns names of variables.
    link: https://docs.ansible.com/ansible/latest/collections/ansible/builtin/varnames_lookup.html
"""

EXAMPLES = r"""
- name: Refuse misspelt variables
  vars:
    unknown: "{{ query('ansible.builtin.varnames', '^irsa_') | onprem.irsa.unknown_variables }}"
  ansible.builtin.assert:
    that: unknown | length == 0
    fail_msg: "{{ unknown | join('\n') }}"
"""

RETURN = r"""
_value:
  description: A line for each misspelt variable; empty when there are none.
  type: list
  elements: str
  sample: ["irsa_iam_rolls is a variable that no role knows. Did you mean irsa_iam_roles?"]
"""

_ROLES = Path(__file__).parents[2] / "roles"


def _filter(names: t.Iterable[str]) -> list[str]:
    specs = {
        path.parents[1].name: yaml.safe_load(path.read_text()) for path in _ROLES.glob("*/meta/argument_specs.yml")
    }
    return unknown(map(str, names), {role: options_of(spec) for role, spec in specs.items()})


class FilterModule:
    """Filters of this file, as Ansible looks them up."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters by their names."""
        return {"unknown_variables": _filter}
