# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a proof has shown, and what it has not tried; it makes no calls."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase

from ansible_collections.onprem.irsa.plugins.module_utils._proof.chain import (
    failure,
    of_pods,
    proof_result,
    untried,
    with_causes,
)
from ansible_collections.onprem.irsa.plugins.modules.proof_report import ARGUMENT_SPEC
from ansible_collections.onprem.irsa.plugins.plugin_utils._arguments import arguments_of

Result = dict[str, t.Any]


class ActionModule(ActionBase):
    """Reports on the links of the module verify."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: Result | None = None) -> Result:
        """Return the report."""
        result: Result = super().run(tmp, task_vars)
        given = arguments_of(self, ARGUMENT_SPEC)
        pods = {name: given[f"{name}_pod"] for name in ("admitted", "finished")}
        of_these = of_pods(**pods, role_arn=given["role_arn"], audience=given["audience"])
        links = with_causes([*given["links"], *of_these])
        left = untried(
            links,
            role=given["role_arn"],
            image=given["image"],
            checking=self._task.check_mode,
            trust_error=given["trust_error"],
        )
        rows = [{"link": name, "result": f"not tried, because {reason}"} for name, reason in left.items()]
        said = {"says": proof_result(links, left), "links": links, "rows": [*links, *rows], "failure": failure(links)}
        return {**result, "changed": False, **said}
