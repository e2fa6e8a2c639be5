# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of the module control_plane_info that runs on the controller: it reads the manifest."""

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._errors import IrsaError
from ansible_collections.onprem.irsa.plugins.module_utils._input.limits import require_numbers
from ansible_collections.onprem.irsa.plugins.module_utils._progress import Wait
from ansible_collections.onprem.irsa.plugins.modules.control_plane_info import ARGUMENT_SPEC
from ansible_collections.onprem.irsa.plugins.plugin_utils._arguments import arguments_of
from ansible_collections.onprem.irsa.plugins.plugin_utils._control_plane import (
    ControlPlaneAction,
    HostModuleFailed,
    Result,
)
from ansible_collections.onprem.irsa.plugins.plugin_utils._progress import shown_by

INTERVAL: t.Final = 2.0  # seconds between two observations


class ActionModule(ControlPlaneAction):
    """Observes a control-plane host until it is settled, or for as long as it is told to."""

    def run(self, tmp: str | None = None, task_vars: Result | None = None) -> Result:
        """Return the last observation."""
        super().run(tmp, task_vars)
        arguments = arguments_of(self, ARGUMENT_SPEC)
        host = self.host(task_vars or {})
        wait = Wait(f"{host} to be settled", arguments["settle_timeout"], say=shown_by(self))
        try:
            require_numbers(arguments)
            while True:
                observed, _whole = self.observe(arguments, task_vars or {})
                supported = observed["distribution"] != "unknown"
                if observed["settled"] or not supported or not wait.left:
                    return observed
                wait.pause(INTERVAL)
        except HostModuleFailed as failure:
            return failure.result
        except IrsaError as error:
            return {"failed": True, "msg": str(error)}
