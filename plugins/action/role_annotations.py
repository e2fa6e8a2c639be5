# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What to send to the cluster so that service accounts name their roles; it asks and changes nothing."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase

from ansible_collections.onprem.irsa.plugins.module_utils._service_accounts import annotation_plan
from ansible_collections.onprem.irsa.plugins.modules.role_annotations import ARGUMENT_SPEC

Result = dict[str, t.Any]


class ActionModule(ActionBase):
    """Compares what kubernetes.core found with the results of iam_roles."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: Result | None = None) -> Result:
        """Return the plan."""
        result: Result = super().run(tmp, task_vars)
        _validated, arguments = ActionBase.validate_argument_spec(self, ARGUMENT_SPEC)
        return {**result, "changed": False, **annotation_plan(**arguments, checking=self._task.check_mode)}
