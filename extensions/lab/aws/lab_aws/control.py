# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests steer and see: counted calls, added latency, injected faults."""

from __future__ import annotations

import fnmatch
import threading
from collections import Counter
from dataclasses import dataclass, field

MAX_LATENCY = 30.0
MAX_TIMES = 1000
KINDS = ("throttle", "500", "412", "timeout_after_write")
_READS = ("Get", "List", "Head", "Simulate", "Select", "Generate", "AssumeRole", "Decode")


def is_read(operation: str) -> bool:
    """Whether an operation such as ``iam:ListRoles`` leaves AWS as it is; taking a role is a read, as in CloudTrail."""
    return operation.partition(":")[2].startswith(_READS)


@dataclass
class Fault:
    """One rule of what goes wrong.

    ``operation`` is a pattern such as ``iam:CreateRole`` or ``iam:*``. The first ``first`` matching calls are hit, or
    every ``every``-th, at most ``times`` of them.
    """

    operation: str
    kind: str
    first: int | None = None
    every: int | None = None
    times: int = MAX_TIMES
    seconds: float = 0.0
    seen: int = 0
    hit: int = 0

    def __post_init__(self) -> None:
        """Refuse (ValueError) a rule without bounds."""
        if self.kind not in KINDS:
            raise ValueError(f"kind {self.kind!r} is none of {', '.join(KINDS)}")
        if (self.first is None) == (self.every is None):
            raise ValueError("give either first or every")
        if not 1 <= (self.first or self.every or 0) <= MAX_TIMES or not 1 <= self.times <= MAX_TIMES:
            raise ValueError(f"first, every and times must be within 1 and {MAX_TIMES}")
        if not 0 <= self.seconds <= MAX_LATENCY:
            raise ValueError(f"seconds must be within 0 and {MAX_LATENCY:.0f}")

    def strikes(self, operation: str) -> bool:
        """Take note of a call, and say whether this rule hits it."""
        if not fnmatch.fnmatchcase(operation, self.operation):
            return False
        self.seen += 1
        due = self.seen <= self.first if self.first else self.seen % (self.every or 1) == 0
        if due and self.hit < self.times:
            self.hit += 1
            return True
        return False


@dataclass
class Control:
    """Counters, latency and faults of one server; every method may be called from any thread."""

    calls: Counter[str] = field(default_factory=Counter)
    latency: float = 0.0
    faults: list[Fault] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, operation: str) -> tuple[float, Fault | None]:
        """Count a call; return how long to wait before it, and the fault that hits it."""
        with self._lock:
            self.calls[operation] += 1
            return self.latency, next((fault for fault in self.faults if fault.strikes(operation)), None)

    def report(self) -> dict[str, int | dict[str, int]]:
        """Return the counted calls: reads, writes, and each operation's."""
        with self._lock:
            reads = sum(count for name, count in self.calls.items() if is_read(name))
            return {
                "reads": reads,
                "writes": self.calls.total() - reads,
                "by_operation": dict(sorted(self.calls.items())),
            }

    def forget_calls(self) -> None:
        """Start counting from zero."""
        with self._lock:
            self.calls.clear()

    def set_latency(self, seconds: float) -> None:
        """Make every call take this much longer; refuse (ValueError) what is out of bounds."""
        if not 0 <= seconds <= MAX_LATENCY:
            raise ValueError(f"seconds must be within 0 and {MAX_LATENCY:.0f}")
        with self._lock:
            self.latency = seconds

    def set_faults(self, faults: list[Fault]) -> None:
        """Replace the rules of what goes wrong."""
        with self._lock:
            self.faults = faults
