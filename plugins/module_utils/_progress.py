# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a long run is, for the people who wait for it. PRIVATE to the collection: it may change without notice.

A module cannot print: it writes its lines to a file of its temporary directory, and the action plugin, which made that
directory, shows them (plugin_utils/_progress.py).
"""

from __future__ import annotations

import time
import typing as t
from contextlib import suppress
from pathlib import Path

PROGRESS_FILE: t.Final = "progress"
_INTERVAL = 10.0  # seconds: often enough to see that it goes on, seldom enough not to bury the run

_Item = t.TypeVar("_Item")


class Progress:
    """Writes a line every ten seconds, the first one after ten: short runs say nothing."""

    def __init__(self, directory: str, *, clock: t.Callable[[], float] = time.monotonic) -> None:
        """Take the directory of the file and begin to count the time."""
        self._path = Path(directory) / PROGRESS_FILE
        self._clock = clock
        self._due = clock() + _INTERVAL

    def through(self, what: str, items: t.Iterable[_Item], total: int) -> t.Iterator[_Item]:
        """Yield the items as they come, TOTAL of them, and say from time to time how many there were."""
        for number, item in enumerate(items, start=1):
            if self._clock() >= self._due:
                self._due = self._clock() + _INTERVAL
                with suppress(OSError), self._path.open("a", encoding="utf-8") as file:  # the work goes on without it
                    file.write(f"{number} of {total} {what}\n")
            yield item


__all__: t.Final = ("PROGRESS_FILE", "Progress")
