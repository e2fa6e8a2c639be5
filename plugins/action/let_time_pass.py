# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module let_time_pass: it waits where the run is shown."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase

from ansible_collections.onprem.irsa.plugins.module_utils._progress import Wait
from ansible_collections.onprem.irsa.plugins.modules.let_time_pass import ARGUMENT_SPEC
from ansible_collections.onprem.irsa.plugins.plugin_utils._arguments import arguments_of
from ansible_collections.onprem.irsa.plugins.plugin_utils._progress import shown_by

Result = dict[str, t.Any]


class ActionModule(ActionBase):
    """Waits for some time."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: Result | None = None) -> Result:
        """Wait, and return how long."""
        result: Result = super().run(tmp, task_vars)
        given = arguments_of(self, ARGUMENT_SPEC)
        seconds = 0.0 if self._task.check_mode else float(given["seconds"])
        Wait("", seconds, say=shown_by(self)).pause(seconds)
        return {**result, "changed": False, "seconds": seconds}
