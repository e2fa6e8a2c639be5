# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module show_lines: it writes to what shows the run."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.onprem.irsa.plugins.modules.show_lines import ARGUMENT_SPEC
from ansible_collections.onprem.irsa.plugins.plugin_utils._arguments import arguments_of
from ansible_collections.onprem.irsa.plugins.plugin_utils._progress import shows_text

Result = dict[str, t.Any]
_display = Display()


class ActionModule(ActionBase):
    """Shows what it is given."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: Result | None = None) -> Result:
        """Show the lines, and return them."""
        result: Result = super().run(tmp, task_vars)
        given = arguments_of(self, ARGUMENT_SPEC)
        lines = [str(line) for line in given["lines"]]
        if shows_text():
            _display.display("\n".join(["", *lines, ""]))
        return {**result, "changed": False, "lines": lines}
