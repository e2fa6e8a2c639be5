# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module iam_roles, without a process of its own on the controller.

What YAML has read as a number or a boolean where a text is meant is refused here, before the module turns it into one.
"""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase

from ansible_collections.onprem.irsa.plugins.module_utils._iam.role_input import written_problems
from ansible_collections.onprem.irsa.plugins.modules.iam_roles import main
from ansible_collections.onprem.irsa.plugins.plugin_utils._in_process import InProcessAction

Result = dict[str, t.Any]


class ActionModule(InProcessAction):
    """Runs the module."""

    main = staticmethod(main)

    def run(self, tmp: str | None = None, task_vars: Result | None = None) -> Result:
        """Return the module's result."""
        result: Result = ActionBase.run(self, tmp, task_vars)
        roles = [role for role in self._task.args.get("roles") or [] if isinstance(role, dict)]
        problems = [f"Role {role.get('name')!r}: {line}" for role in roles for line in written_problems(role)]
        if problems:  # the module gets texts, whatever was written
            return {**result, "failed": True, "msg": "\n".join([*problems, "Nothing was changed."])}
        return {**result, **self.module_result(task_vars or {})}
