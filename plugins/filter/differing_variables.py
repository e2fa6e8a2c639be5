# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import yaml
from ansible.errors import AnsibleError
from jinja2.exceptions import TemplateError

from ansible_collections.onprem.irsa.plugins.module_utils._input.variables import differing, of_a_cluster, options_of

DOCUMENTATION = r"""
name: differing_variables
short_description: Find variables that hosts of one control plane have differently
version_added: 1.0.0
author: The onprem.irsa authors (@onprem)
description:
  - Returns a line for each variable of the collection's roles that is not the same on all hosts, with each host's
    value. The roles act once for a whole cluster, with what the first host of a play has, so that the values of the
    others would be passed over in silence.
  - Variables of yours that no role knows, and what the roles set, may differ.
  - Made for the roles of this collection, and may change with them in any release.
options:
  _input:
    description: The variables of each host of a control plane.
    type: list
    elements: dict
    required: true
seealso:
  - plugin: onprem.irsa.unknown_variables
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Refuse variables that differ
  vars:
    differing: "{{ groups['kube_control_plane'] | map('extract', hostvars) | onprem.irsa.differing_variables }}"
  ansible.builtin.assert:
    that: differing | length == 0
    fail_msg: "{{ differing | join('\n') }}"
  run_once: true
"""

RETURN = r"""
_value:
  description: A line for each variable that differs; empty when there are none.
  type: list
  elements: str
  sample:
    - >-
      irsa_cluster differs between hosts of one control plane, and it holds for the whole cluster: "prod" for cp1;
      "test" for cp2. Set it once, for their group.
"""

_ROLES = Path(__file__).parents[2] / "roles"


def _value(variables: t.Mapping[str, t.Any], name: str) -> object:
    """Return a host's value, or why its template gives none: that is judged where the variable is used."""
    try:
        value = variables[name]
        # What stands for a template without a value, at any depth, fails as soon as it is read.
        json.dumps(value, default=str, skipkeys=True)
    except (AnsibleError, TemplateError):
        return "a template without a value"
    return value


def _filter(hosts: t.Iterable[t.Mapping[str, t.Any]]) -> list[str]:
    specs = [yaml.safe_load(path.read_text()) for path in _ROLES.glob("*/meta/argument_specs.yml")]
    names = of_a_cluster(map(options_of, specs))
    return differing(
        {
            str(variables["inventory_hostname"]): {
                str(name): _value(variables, name) for name in variables if name in names
            }
            for variables in hosts
        }
    )


class FilterModule:
    """Filters of this file, as Ansible looks them up."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters by their names."""
        return {"differing_variables": _filter}
