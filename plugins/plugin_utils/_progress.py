# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows how far a task is while it runs. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import threading
import typing as t
from contextlib import contextmanager

from ansible import constants
from ansible.utils.display import Display

if t.TYPE_CHECKING:
    from ansible.plugins.action import ActionBase

    from ansible_collections.onprem.irsa.plugins.module_utils._progress import Say, Wait

_LOOK_EVERY = 1.0  # seconds
_display = Display()


def shows_text() -> bool:
    """Return whether lines may be shown: they would break what reads the whole output as JSON."""
    return "json" not in str(constants.config.get_config_value("DEFAULT_STDOUT_CALLBACK"))


def shown_by(action: ActionBase) -> Say:
    """Return what shows a line under the name of the task of an action."""

    def show(line: str) -> None:
        if shows_text():
            _display.display(f"  {action._task.get_name()}: {line}")

    return show


@contextmanager
def ticking(wait: Wait) -> t.Iterator[None]:
    """Say how long a wait takes while the body runs, which cannot: a module on a host."""
    over = threading.Event()
    watch = threading.Thread(target=_tick, args=(wait, over), daemon=True)
    watch.start()
    try:
        yield
    finally:
        over.set()
        watch.join()


def _tick(wait: Wait, over: threading.Event) -> None:
    while not over.wait(_LOOK_EVERY):
        wait.tell()


__all__: t.Final = ("shown_by", "shows_text", "ticking")
