# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a kubelet that is stuck has left of a pod. PRIVATE to the collection: it may change without notice.

While the API server is down, the kubelet may fail to clean up the static pod that it replaces, and then never starts
the new one (rke2 issues 3387 and 3725). Without the old pod's sandbox it goes on. Runs on managed hosts with the
standard library and the host's C(crictl).
"""

from __future__ import annotations

import os
import time
import typing as t
from dataclasses import dataclass, field

from ansible_collections.onprem.irsa.plugins.module_utils._errors import IrsaError
from ansible_collections.onprem.irsa.plugins.module_utils._host.processes import PROC, Process, find

if t.TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.onprem.irsa.plugins.module_utils._host.key_pair import Run

_CRICTL_SECONDS = "20s"


@dataclass
class Sandboxes:
    """Removes, once, the sandboxes that a component had before a change, when no new process has come."""

    component: str
    after: float
    """Seconds without a new process."""
    run: Run
    crictl: str
    proc: Path = PROC
    removed: list[str] = field(default_factory=list)
    """The ids of the sandboxes that were removed."""
    complaint: str = ""
    """What crictl said last when it did not do what it was asked for."""
    _stale: frozenset[str] = frozenset()
    _replaced: Process | None = None
    _due: float = 0.0

    def begin(self, replaced: Process | None) -> None:
        """Note what is there right before a change, and begin to wait for another process than this one."""
        self._stale, self._replaced = self._listed() or frozenset(), replaced
        self._due = time.monotonic() + self.after

    def require_runtime(self) -> None:
        """Raise IrsaError where crictl has listed nothing at the begin: it could remove nothing when it is time."""
        if self.complaint:
            raise IrsaError(
                f"{os.uname().nodename}: {self.crictl} lists no pods: {self.complaint} So it could not remove what a "
                "stuck kubelet leaves of the old pod; nothing was touched.",
                fix="Set runtime-endpoint in /etc/crictl.yaml there to the socket that the kubelet uses "
                "(containerRuntimeEndpoint in its configuration), or leave irsa_apiserver_stale_sandbox_seconds "
                "(of modules: stale_sandbox_seconds) at 0.",
            )

    def go_on(self) -> None:
        """Look whether it is time to remove what is stale, and do it then."""
        if not self._stale or time.monotonic() < self._due:
            return
        stale, self._stale = self._stale, frozenset()
        process = find(self.component, self.proc)
        if process is None or (self._replaced is not None and process.identity == self._replaced.identity):
            for sandbox in sorted(stale & (self._listed() or frozenset())):
                self._crictl("stopp", sandbox)
                status, _output = self._crictl("rmp", sandbox)
                self.removed += [sandbox] if status == 0 else []

    def _listed(self) -> frozenset[str] | None:
        """Return the sandboxes of this component alone: its name is the beginning of its static pod's name.

        None where crictl does not tell.
        """
        pod = f"^{self.component}-"
        status, output = self._crictl("pods", "--quiet", "--namespace", "^kube-system$", "--name", pod)
        return frozenset(output.split()) if status == 0 else None

    def _crictl(self, *arguments: str) -> tuple[int, str]:
        status, output, complaint = self.run([self.crictl, "--timeout", _CRICTL_SECONDS, *arguments])
        if status != 0:
            said = (complaint.strip() or output.strip() or f"status {status}").splitlines()[-1]
            self.complaint = f"{said.rstrip('.')}."
        return status, output


__all__: t.Final = ("Sandboxes",)
