# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A new pod that starts as soon as the old one is gone. PRIVATE to the collection: it may change without notice.

The kubelet tries to start a static pod when it sees its manifest. While a pod of that name still ends, it tries again
after 10 to 15 seconds, however early the old one is gone (kubelet, pod_workers.go, allowPodStart). A manifest that
differs in an annotation is another pod to it, which it tries at once. So one that differs is there while the old
pod ends, and the wanted one comes after that. Where the old pod takes longer than the kubelet's first pause, the one
that is there stays: it means the same, and the kubelet may be about to start it. Runs on managed hosts with the
standard library alone.
"""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass, field

from ansible_collections.onprem.irsa.plugins.module_utils._host.processes import PROC, Process, find

if t.TYPE_CHECKING:
    from pathlib import Path

_CLEANED_UP = 2.5  # seconds that the kubelet takes from the end of a process to that of its pod, at most
_FIRST_RETRY = 10.0  # seconds after which the kubelet tries the forerunner again, at the earliest


@dataclass
class Handover:
    """Replaces the forerunner with the wanted manifest, once, when the old process is gone in time."""

    component: str
    replaced: Process
    write: t.Callable[[], None]
    proc: Path = PROC
    delay: float = _CLEANED_UP
    first_retry: float = _FIRST_RETRY
    since: float = field(default_factory=time.monotonic)
    """When the forerunner was written."""
    _gone: float | None = None
    _over: bool = False

    def go_on(self) -> None:
        """Write the wanted manifest if the old process is gone by now, and its forerunner cannot have started."""
        process, now = find(self.component, self.proc), time.monotonic()
        self._over = self._over or now - self.since >= self.first_retry
        if self._over:
            return
        if process is not None:
            self._over = process.identity != self.replaced.identity
            return
        self._gone = self._gone or now
        if now - self._gone >= self.delay:
            self.write()
            self._over = True


__all__: t.Final = ("Handover",)
