# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for a service to come up on this host. PRIVATE to the collection: it may change without notice.

Runs on managed hosts with the standard library and the host's systemd.
"""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass, field, replace

from ansible_collections.onprem.irsa.plugins.module_utils._distributions.room import ISSUER, JWKS_URI
from ansible_collections.onprem.irsa.plugins.module_utils._host.pod_logs import (
    POD_LOGS,
    attempts_of_one_pod,
    last_lines,
    log_files,
    reason,
)
from ansible_collections.onprem.irsa.plugins.module_utils._host.processes import PROC, Process, find, process_of
from ansible_collections.onprem.irsa.plugins.module_utils._host.watch import Failure

if t.TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.onprem.irsa.plugins.module_utils._flags.arguments import Flags
    from ansible_collections.onprem.irsa.plugins.module_utils._host.api import Api
    from ansible_collections.onprem.irsa.plugins.module_utils._host.outcome import OutcomeApi
    from ansible_collections.onprem.irsa.plugins.module_utils._host.systemd import State, Systemd

# A component that exits twice does so again: once may be bad luck.
_EXITS = 2
# One that another program starts may end while what it needs still starts with it, such as etcd.
_EXITS_IN_IT = 4
# A service is in these states, too, between the end of the old process and the start of the new one; without a job,
# and for longer than that, systemd starts it no more: "inactive" where it says that it has done its work.
_ENDED = ("failed", "inactive")
_STAYS_ENDED = 2.0  # seconds


@dataclass
class UnitWatch:
    """Looks at a service again and again, and adds up the time in which its component gave no answer."""

    component: str
    unit: str
    api: Api
    systemd: Systemd
    proc: Path = PROC
    interval: float = 0.25
    """Seconds between two looks."""
    unavailable: float = 0.0
    """Seconds in which it did not say that the component is ready."""
    seen: set[tuple[int, int]] = field(default_factory=set)
    """Processes seen while waiting."""
    supervised: bool = False
    """Whether the unit's own process starts the component, as a child of it or as a static pod, and starts it again
    where that ends: the unit runs on, and it has come up only when it says so.
    """
    logs: Path = POD_LOGS
    asks: OutcomeApi | None = None
    """Asks the API server for what comes out of its flags; None: the flags of its process say enough."""
    _looked: float | None = None
    _files: frozenset[Path] = frozenset()

    def process(self) -> Process | None:
        """Return the newest process of the component."""
        return find(self.component, self.proc, units=(self.unit,))

    def begin(self) -> float:
        """Start the clock, right before a change; return the time, in seconds since the epoch."""
        self._looked = self._looked or time.monotonic()
        if self.supervised:
            self._files = log_files(self.component, self.logs)
            process = self.process()
            self.seen |= {process.identity} if process is not None else set()
        return time.time()

    def wait(
        self,
        wanted: t.Callable[[Process], bool],
        *,
        since: float,
        before: State,
        timeout: float,
        meanwhile: t.Sequence[t.Callable[[], None]] = (),
    ) -> Failure | None:
        """Wait until a wanted process is ready; return None then, or why it is not.

        since is what C(begin) returned before the change, and before is where the service stood then; meanwhile are
        called between two looks. Ends early when the service exits again and again, or systemd gives up.
        """
        end = time.monotonic() + timeout
        starts: dict[str, int] = {}
        ended: float | None = None
        known = frozenset(self.seen)
        while True:
            process, ready = self._look()
            come_up = process is not None and ready and wanted(process)
            if come_up and not self.supervised:
                return None
            state = self.systemd.state(self.unit)
            if come_up and state.active == "active" and not state.job:
                return None
            if state.invocation and state.invocation != before.invocation:
                starts.setdefault(state.invocation, state.restarts)
            ended = (ended or time.monotonic()) if state.active in _ENDED and not state.job else None
            exits = max(len(starts) - 1, state.restarts - min(starts.values(), default=state.restarts))
            stays_ended = ended is not None and time.monotonic() - ended >= _STAYS_ENDED
            if exits >= _EXITS or self._ends_in_it(known) >= _EXITS_IN_IT or stays_ended:
                return self._failure("it exits as soon as it starts, with {}.", since)
            if time.monotonic() > end:
                return self._failure(f"{self._state(process, wanted, state)} after {timeout:g} s, with {{}}.", since)
            for act in meanwhile:
                act()
            time.sleep(self.interval)

    def unlike(self, flags: Flags) -> Failure | None:
        """Return why what the API server does is not what these flags say; None where it is, or can't be asked."""
        issuers = flags.get(ISSUER, [])
        outcome = self.asks.outcome(issuers) if self.asks is not None and issuers else None
        if self.asks is None or outcome is None:
            return None
        if outcome.issuer != issuers[0]:
            return Failure(f"a token that it has just signed has the issuer {outcome.issuer}, not {issuers[0]}.")
        lacking = [issuer for issuer in issuers if outcome.accepted and issuer not in outcome.accepted]
        if lacking:
            return Failure(f"it does not accept the issuer {', '.join(lacking)}.")
        refusing = self.asks.refusing(outcome)
        return Failure(f"{', '.join(refusing)} refuses a token that it has just signed.") if refusing else None

    def _look(self) -> tuple[Process | None, bool]:
        process, ready = self.process(), self.api.ready()
        now = time.monotonic()
        if self._looked is not None and not ready:
            self.unavailable += now - self._looked
        self._looked = now
        if process is not None:
            self.seen.add(process.identity)
        return process, ready

    def _ends_in_it(self, known: t.Collection[tuple[int, int]]) -> int:
        """Return how often the component has ended that the unit's own process starts; -1 where none does."""
        if not self.supervised:
            return -1
        attempts = attempts_of_one_pod(log_files(self.component, self.logs) - self._files)
        return max(len(self.seen.difference(known)), attempts) - 1

    def _failure(self, words: str, since: float) -> Failure:
        lines = last_lines(log_files(self.component, self.logs) - self._files) if self.supervised else []
        lines = lines or self.systemd.last_lines(self.unit, since, self._about())
        return Failure(words.format((reason(lines) or "no word").rstrip(".")), tuple(lines))

    def _otherwise(self, _process: Process) -> str:
        return f"{self.unit} does not run with the flags of its files"

    def _about(self) -> str:
        """Return what lines of the journal have in them that are the component's."""
        return self.component if self.supervised else ""

    def _state(self, process: Process | None, wanted: t.Callable[[Process], bool], state: State) -> str:
        if process is None:
            return f"{self.unit} is {state.active or 'unknown'} ({state.sub}), and has no process"
        if self.supervised and wanted(process) and state.active != "active":
            return f"{self.unit} is {state.active or 'unknown'} ({state.sub}), and has not said that it has come up"
        if not wanted(process):
            return self._otherwise(process)
        return f"its {self.api.health} has not answered that it is ready"


@dataclass
class OutcomeWatch(UnitWatch):
    """Looks at a service that has the API server within its own process, which does not show its flags."""

    interval: float = 1.0
    supervised: bool = True
    told: Flags = field(default_factory=dict)
    """Those of the files, for what does not show."""
    issuers: t.Sequence[str] = ()
    """The issuers that may be accepted."""

    def process(self) -> Process | None:
        """Return the service's main process with the flags that its API server shows; without any where it does not."""
        process = process_of(self.systemd.state(self.unit).main_pid, self.proc)
        outcome = self.asks.outcome(self.issuers) if self.asks is not None and process is not None else None
        if process is None:
            return None
        flags = outcome.flags(self.told) if outcome is not None else {}
        words = [f"--{name}={value}" for name, values in flags.items() for value in values]
        return replace(process, arguments=(self.component, *words))

    def _about(self) -> str:
        return ""

    def _otherwise(self, process: Process) -> str:
        if not process.flags:
            return f"its API server signs no token for the client certificate {self.api.client_cert}"
        issuers, uris = process.flags[ISSUER], process.flags.get(JWKS_URI, [])
        return (
            f"a token of its API server has the issuer {issuers[0]}, it accepts {', '.join(issuers)}, and its "
            f"discovery document names {', '.join(uris) or 'no key set but its own'}"
        )


__all__: t.Final = ("OutcomeWatch", "UnitWatch")
