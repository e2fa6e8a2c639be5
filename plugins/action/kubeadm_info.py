# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of the module kubeadm_info that runs on the controller: it says which host was looked at, and when."""

from __future__ import annotations

import time

from ansible_collections.onprem.irsa.plugins.modules.kubeadm_info import ARGUMENT_SPEC
from ansible_collections.onprem.irsa.plugins.plugin_utils._control_plane import (
    ControlPlaneAction,
    HostModuleFailed,
    Result,
)


class ActionModule(ControlPlaneAction):
    """Looks at what kubeadm on a host writes manifests from."""

    def run(self, tmp: str | None = None, task_vars: Result | None = None) -> Result:
        """Return what was found."""
        super().run(tmp, task_vars)
        arguments, now = self.arguments(ARGUMENT_SPEC), time.time()
        try:
            found = self.execute("kubeadm_info", arguments, task_vars or {})
        except HostModuleFailed as failure:
            return failure.result
        return {**found, "host": self.host(task_vars or {}), "seen_at": now}
