# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for a component to come up on this host. PRIVATE to the collection: it may change without notice.

Runs on managed hosts with the standard library alone.
"""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.onprem.irsa.plugins.module_utils._host.pod_logs import (
    POD_LOGS,
    attempts_of_one_pod,
    last_lines,
    log_files,
    reason,
)
from ansible_collections.onprem.irsa.plugins.module_utils._host.processes import PROC, Process, find

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._host.api import Api

# A component that exits twice does so again: once may be bad luck, and the kubelet's third attempt comes 10 s later.
_EXITS = 2


@dataclass(frozen=True)
class Failure:
    """Why a component did not come up: a sentence, and the last lines that it wrote."""

    reason: str
    log: tuple[str, ...] = ()


@dataclass
class Watch:
    """Looks at a component again and again, and adds up the time in which it gave no answer."""

    component: str
    api: Api
    proc: Path = PROC
    logs: Path = POD_LOGS
    interval: float = 0.25
    """Seconds between two looks."""
    gone: float = 5.0
    """Seconds without a process after which a container that was started counts as ended, not as about to start."""
    unavailable: float = 0.0
    """Seconds in which it did not say that the component is ready."""
    seen: set[tuple[int, int]] = field(default_factory=set)
    """Processes seen while waiting."""
    _looked: float | None = None

    def begin(self) -> frozenset[Path]:
        """Start the clock, right before a change; return the log files of the attempts so far."""
        self._looked = self._looked or time.monotonic()
        return self._attempts()

    def _attempts(self) -> frozenset[Path]:
        return log_files(self.component, self.logs)

    def wait(
        self,
        wanted: t.Callable[[Process], bool],
        *,
        since: frozenset[Path],
        timeout: float,
        meanwhile: t.Sequence[t.Callable[[], None]] = (),
    ) -> Failure | None:
        """Wait until a wanted process is ready; return None then, or why it is not.

        since is what C(begin) returned before the change; meanwhile are called between two looks. Ends early when the
        component exits again and again.
        """
        end = time.monotonic() + timeout
        alive, new = time.monotonic(), frozenset[Path]()
        while True:
            process, ready = self._look()
            if process is not None:
                alive = time.monotonic()
                if ready and wanted(process):
                    return None
            new |= self._attempts() - since
            exits = attempts_of_one_pod(new) - 1 + (time.monotonic() - alive > self.gone)
            if exits >= _EXITS:
                lines = last_lines(new)
                return Failure(f"it exits as soon as it starts, with {reason(lines) or 'no word'}.", tuple(lines))
            if time.monotonic() > end:
                lines = last_lines(new or self._attempts())
                return Failure(f"{_state(process, wanted, self.api.health)} after {timeout:g} s.", tuple(lines))
            for act in meanwhile:
                act()
            time.sleep(self.interval)

    def _look(self) -> tuple[Process | None, bool]:
        process, ready = find(self.component, self.proc), self.api.ready()
        now = time.monotonic()
        if self._looked is not None and not ready:
            self.unavailable += now - self._looked
        self._looked = now
        if process is not None:
            self.seen.add(process.identity)
        return process, ready


def _state(process: Process | None, wanted: t.Callable[[Process], bool], health: str) -> str:
    if process is None:
        return "the kubelet has started no process of it"
    if not wanted(process):
        return "the kubelet has not replaced its process by one with the flags of the manifest"
    return f"its {health} has not answered that it is ready"


__all__: t.Final = ("Failure", "Watch")
