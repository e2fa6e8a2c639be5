# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows how far a module is while it runs. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import threading
import typing as t
from contextlib import contextmanager, suppress
from pathlib import Path

from ansible_collections.onprem.irsa.plugins.module_utils._progress import PROGRESS_FILE

_LOOK_EVERY = 1.0  # seconds


@contextmanager
def showing(directory: str | None, show: t.Callable[[str], object]) -> t.Iterator[None]:
    """Show each line that a module writes to its file in DIRECTORY while the body runs; None: it has no file here."""
    over = threading.Event()
    watch = threading.Thread(target=_watch, args=(directory, show, over), daemon=True)
    if directory:
        watch.start()
    try:
        yield
    finally:
        over.set()
        if directory:
            watch.join()


def _watch(directory: str, show: t.Callable[[str], object], over: threading.Event) -> None:
    shown = 0
    while not over.wait(_LOOK_EVERY):
        with suppress(OSError):  # no line yet, or the file of another user
            lines = (Path(directory) / PROGRESS_FILE).read_text(encoding="utf-8").splitlines()
            for line in lines[shown:]:
                show(line)
            shown = max(shown, len(lines))


__all__: t.Final = ("showing",)
