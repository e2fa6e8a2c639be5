# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module injection_plan: it decides on the controller, and asks nobody."""

from __future__ import annotations

import json
import typing as t

from ansible.plugins.action import ActionBase

from ansible_collections.onprem.irsa.plugins.module_utils._errors import IrsaError
from ansible_collections.onprem.irsa.plugins.module_utils._injection.from_nothing import from_nothing
from ansible_collections.onprem.irsa.plugins.module_utils._injection.options import Options
from ansible_collections.onprem.irsa.plugins.modules.injection_plan import ARGUMENT_SPEC

Result = dict[str, t.Any]


class ActionModule(ActionBase):
    """Plans by what it is given."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: Result | None = None) -> Result:
        """Return the plan; the task fails where no cluster could have it."""
        result: Result = super().run(tmp, task_vars)
        # Called through its class: by that name it counts among the functions that are known to be untyped.
        _validation, validated = ActionBase.validate_argument_spec(self, ARGUMENT_SPEC)
        given: Result = json.loads(json.dumps(validated))  # plain strings, not those of templates
        try:
            made = from_nothing(Options.of(given["options"]), given["versions"])
        except IrsaError as error:
            return {**result, "changed": False, "failed": True, "msg": f"Injection: {error}"}
        return {**result, "changed": False, **made._asdict()}
