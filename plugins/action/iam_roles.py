# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module iam_roles, with a line from time to time that says how far it is.

What YAML has read as a number or a boolean where a text is meant is refused here, before the module turns it into one.
"""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.onprem.irsa.plugins.module_utils._iam.role_input import written_problems
from ansible_collections.onprem.irsa.plugins.plugin_utils._progress import showing

Result = dict[str, t.Any]
_display = Display()


class ActionModule(ActionBase):
    """Runs the module as Ansible would by itself."""

    TRANSFERS_FILES = True  # so that the module's temporary directory is made, and known, before it runs
    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: Result | None = None) -> Result:
        """Return the module's result."""
        result: Result = super().run(tmp, task_vars)
        roles = [role for role in self._task.args.get("roles") or [] if isinstance(role, dict)]
        problems = [f"Role {role.get('name')!r}: {line}" for role in roles for line in written_problems(role)]
        if problems:  # the module gets texts, whatever was written
            return {**result, "failed": True, "msg": "\n".join([*problems, "Nothing was changed."])}
        in_background = bool(self._task.async_val)
        here = self._connection.transport == "local" and not in_background
        with showing(self._connection._shell.tmpdir if here else None, self._show):
            module_result: Result = self._execute_module(task_vars=task_vars or {}, wrap_async=in_background)
        return {**result, **module_result}

    def _show(self, line: str) -> None:
        _display.display(f"  {self._task.get_name()}: {line}")
