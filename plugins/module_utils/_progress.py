# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a long run is, for the people who wait for it. PRIVATE to the collection: it may change without notice.

The one place where that is said, and where modules and actions let time pass. Whoever runs a module says where its
lines go (C(telling)); an action of this collection shows them while its module runs in its own process. Elsewhere, such
as on a host, nobody sees them before the end, and the action itself says how long it takes.
"""

from __future__ import annotations

import time
import typing as t
from contextlib import contextmanager

Say = t.Callable[[str], object]
Clock = t.Callable[[], float]

_FIRST_MINUTE = 60.0  # seconds
_INTERVAL = 10.0  # seconds: often enough to see that it goes on, seldom enough not to bury the run
_LATER = 60.0  # seconds between two lines after the first minute
_IN_MINUTES = 600.0  # seconds from which on a time is told in minutes

_Item = t.TypeVar("_Item")


class _Listeners:
    """Who is told the lines of this process; the last one counts."""

    told: t.ClassVar[list[Say]] = []


@contextmanager
def telling(say: Say) -> t.Iterator[None]:
    """Tell SAY each line for as long as the body lasts."""
    _Listeners.told.append(say)
    try:
        yield
    finally:
        _Listeners.told.remove(say)


def _tell(line: str) -> None:
    for say in _Listeners.told[-1:]:
        say(line)


class _Due:
    """Says when the next line is due: after ten seconds, every ten, and after a minute, every minute."""

    def __init__(self, clock: Clock | None) -> None:
        self._clock = clock or time.monotonic
        self._began, self._next = self._clock(), _INTERVAL

    @property
    def seconds(self) -> float:
        """How long it takes so far."""
        return self._clock() - self._began

    def is_now(self) -> bool:
        """Return whether a line is due, once for each."""
        seconds = self.seconds
        if seconds < self._next:
            return False
        self._next = seconds + (_INTERVAL if seconds < _FIRST_MINUTE else _LATER)
        return True


class Wait:
    """A wait that ends: says what is waited for, for how long so far, and for how long at most."""

    def __init__(self, what: str, at_most: float, *, say: Say = _tell, clock: Clock | None = None) -> None:
        """Begin to wait for WHAT, AT_MOST so many seconds; empty where the task's name says it.

        A short wait says nothing.
        """
        self._what, self._at_most, self._say, self._due = what, at_most, say, _Due(clock)

    @property
    def left(self) -> float:
        """The seconds that are left; not below zero."""
        return max(self._at_most - self._due.seconds, 0.0)

    @property
    def is_over(self) -> bool:
        """Whether more time has passed than the wait may take."""
        return self._due.seconds > self._at_most

    def tell(self) -> None:
        """Say how long it takes, when that is due."""
        if self._due.is_now():
            what = f"waits for {self._what}, " if self._what else ""
            self._say(f"{what}{_span(self._due.seconds)} so far, {_span(self._at_most)} at most")

    def pause(self, seconds: float) -> None:
        """Let so many seconds pass, and say how long it takes when that is due."""
        while seconds > 0:
            step = min(seconds, _INTERVAL)
            time.sleep(step)
            seconds -= step
            self.tell()


def through(what: str, items: t.Iterable[_Item], total: int, *, clock: Clock | None = None) -> t.Iterator[_Item]:
    """Yield the items as they come, TOTAL of them, and say from time to time how many there were."""
    due = _Due(clock)
    for number, item in enumerate(items, start=1):
        if due.is_now():
            _tell(f"{number} of {total} {what}")
        yield item


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < _IN_MINUTES else f"{seconds / 60:.0f} min"


__all__: t.Final = ("Say", "Wait", "telling", "through")
