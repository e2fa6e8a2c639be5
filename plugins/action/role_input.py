# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All that is wrong with the variables of a role, as the role has them; no host is contacted."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase

from ansible_collections.onprem.irsa.plugins.module_utils._rules import render
from ansible_collections.onprem.irsa.plugins.module_utils._rules.roles import RULES, TEARDOWN_RULES
from ansible_collections.onprem.irsa.plugins.modules.role_input import ARGUMENT_SPEC
from ansible_collections.onprem.irsa.plugins.plugin_utils._arguments import arguments_of
from ansible_collections.onprem.irsa.plugins.plugin_utils._variables import (
    Resolved,
    broken_rules,
    differing_variables,
    look,
)

Result = dict[str, t.Any]

_CHANGE_NOTHING: t.Final = ("irsa_kubeconfig", "irsa_verify", "irsa_doctor")


class ActionModule(ActionBase):
    """Applies the rules of a role to the variables of the task, with those that the caller of the role has passed."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: Result | None = None) -> Result:
        """Return what is wrong; the task fails when anything is."""
        result: Result = super().run(tmp, task_vars)
        arguments = arguments_of(self, ARGUMENT_SPEC)
        given = task_vars or {}
        rules = TEARDOWN_RULES if arguments["entry_point"] == "teardown" else RULES
        found = [*differing_variables(given["hostvars"], arguments["hosts"])] if arguments["hosts"] else []
        if arguments["role"]:
            role, values = arguments["role"], Resolved(self._templar, given)
            if arguments["entry_point"] == "render":
                found += render.problems(values, look)
            elif role not in _CHANGE_NOTHING:
                found += render.acting_problems(values)
            found += broken_rules(role, rules[role], values)
        heading = [arguments["heading"]] if found and arguments["heading"] else []
        return {**result, "changed": False, "failed": bool(found), "msg": "\n".join([*heading, *found])}
