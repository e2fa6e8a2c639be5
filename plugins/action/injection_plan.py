# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module injection_plan: it decides on the controller, and asks nobody."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase

from ansible_collections.onprem.irsa.plugins.module_utils._errors import IrsaError
from ansible_collections.onprem.irsa.plugins.module_utils._injection.from_nothing import from_nothing
from ansible_collections.onprem.irsa.plugins.module_utils._injection.options import Options
from ansible_collections.onprem.irsa.plugins.modules.injection_plan import ARGUMENT_SPEC
from ansible_collections.onprem.irsa.plugins.plugin_utils._arguments import plain_arguments_of

Result = dict[str, t.Any]


class ActionModule(ActionBase):
    """Plans by what it is given."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: Result | None = None) -> Result:
        """Return the plan; the task fails where no cluster could have it."""
        result: Result = super().run(tmp, task_vars)
        given = plain_arguments_of(self, ARGUMENT_SPEC)
        try:
            made = from_nothing(Options.of(given["options"]), given["versions"])
        except IrsaError as error:
            return {**result, "changed": False, "failed": True, "msg": f"Injection: {error}"}
        return {**result, "changed": False, **made._asdict()}
