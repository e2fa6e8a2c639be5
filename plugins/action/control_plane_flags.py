# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module control_plane_flags: it plans on the controller, and acts on the host in two round trips."""

from __future__ import annotations

from dataclasses import asdict

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.observation import FlagsPlan, explained, planned
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.service import (
    SERVICES,
    EditsPlan,
    is_unit_alone,
    planned_edits,
    planned_restart,
    seen_by,
    shown_lines,
)
from ansible_collections.onprem.irsa.plugins.module_utils._errors import IrsaError
from ansible_collections.onprem.irsa.plugins.module_utils._host.swap import longest
from ansible_collections.onprem.irsa.plugins.module_utils._input.limits import require_numbers
from ansible_collections.onprem.irsa.plugins.modules.control_plane_flags import ARGUMENT_SPEC
from ansible_collections.onprem.irsa.plugins.plugin_utils._arguments import arguments_of
from ansible_collections.onprem.irsa.plugins.plugin_utils._control_plane import (
    ControlPlaneAction,
    HostModuleFailed,
    Result,
)

# What control_plane_info takes of this module's options.
_OBSERVED = ("component", "manifests_directory", "backup_directory")
# What control_plane_flags_host takes of them.
_PASSED_ON = ("component", "timeout", "stale_sandbox_seconds", "backup_directory")
_NOTHING_HAPPENED: Result = {"put_back": False, "removed_sandboxes": [], "moved_away": []}


def _planned(observed: Result, whole: Result, arguments: Result) -> FlagsPlan | EditsPlan:
    seen = seen_by(whole)
    if seen is not None and observed["distribution"] in SERVICES:
        return planned_edits(observed, seen, arguments["flags"], expected=arguments["expected"])
    if is_unit_alone(observed) and not arguments["flags"]:
        return planned_restart(observed)
    how = {name: arguments[name] for name in ("expected", "move_duplicates")}
    return planned(observed, whole["manifests"], arguments["flags"], **how)


class ActionModule(ControlPlaneAction):
    """Changes flags of a control-plane component on one host."""

    def run(self, tmp: str | None = None, task_vars: Result | None = None) -> Result:
        """Return what was changed, or why it was put back."""
        super().run(tmp, task_vars)
        arguments = arguments_of(self, ARGUMENT_SPEC)
        host = self.host(task_vars or {})
        try:
            require_numbers(arguments)
            look = {
                **{name: arguments[name] for name in _OBSERVED},
                "files": arguments["restart_for"],
                "change_timeout": int(longest(arguments["timeout"])),
            }
            observed, whole = self.observe(look, task_vars or {})
            plan = _planned(observed, whole, arguments)
        except HostModuleFailed as failure:
            return failure.result
        except IrsaError as error:
            return {"failed": True, "msg": f"{host}: {error}"}
        if isinstance(plan, EditsPlan):
            result = self._edited(plan, arguments, task_vars or {})
        else:
            result = self._applied(plan, arguments, task_vars or {})
        if result.get("failed"):
            result["msg"] = explained(plan, host, result)
            result.pop("exception", None)  # or else Ansible shows the module's own words in place of these
        return {**result, "before": plan.before, "after": plan.after}

    def _edited(self, plan: EditsPlan, arguments: Result, task_vars: Result) -> Result:
        if plan.reached:
            return {"changed": False, "backup": None, "unavailable_seconds": 0.0, **_NOTHING_HAPPENED}
        change = {
            "edits": [asdict(edit) for edit in plan.edits],
            "unit": plan.restart.unit,
            "restart": plan.forced,
            "flags": plan.flags,
            "flags_before": plan.flags_before,
            **({} if plan.whole else {"whole": False, "outcome": plan.outcome}),
            **plan.api,
            **{name: arguments[name] for name in ("component", "timeout", "backup_directory")},
        }
        result = self._waited("control_plane_edits_host", change, arguments, task_vars)
        warnings = [f"{self.host(task_vars)}: {warning}" for warning in plan.warnings]
        more = {"warnings": [*result.get("warnings", []), *warnings]} if warnings else {}
        shown = {"diff": [shown_lines(edit) for edit in plan.edits]} if self._task.diff and plan.edits else {}
        return {**({} if self._task.check_mode else _NOTHING_HAPPENED), **result, **more, **shown}

    def _applied(self, plan: FlagsPlan, arguments: Result, task_vars: Result) -> Result:
        if plan.reached:
            return {"changed": False, "backup": None, "unavailable_seconds": 0.0, **_NOTHING_HAPPENED}
        change = {
            "path": plan.manifest,
            "content": plan.content,
            "planned_on": plan.planned_on,
            "forerunner": plan.forerunner,
            "move_away": [*plan.move_away],
            "flags": plan.flags,
            **({"variables": [*plan.variables]} if plan.variables else {}),
            **plan.api,
            **{name: arguments[name] for name in _PASSED_ON},
        }
        return self._waited("control_plane_flags_host", change, arguments, task_vars)

    def _waited(self, module: str, change: Result, arguments: Result, task_vars: Result) -> Result:
        what = f"{arguments['component']} of {self.host(task_vars)} to be back"
        return self.watched(module, change, task_vars, what, longest(arguments["timeout"]))
