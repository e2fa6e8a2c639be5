# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Has each Python process write down what others on its machine could see of it, however briefly.

That is each command that it starts, with its arguments and its environment, which C(ps) shows, and the content of each
file before it is removed, replaced or written anew. Python imports it where its folder is in PYTHONPATH, and it writes
to the directory WATCHED. Key files of hosts, below a folder whose name ends with C(.pki), are where keys belong.
"""

from __future__ import annotations

import os
import sys
import threading
import typing as t
from pathlib import Path

_DIRECTORY: t.Final = os.environ.get("WATCHED", "")
_inside = threading.local()


def _note(text: str) -> None:
    with Path(_DIRECTORY, str(os.getpid())).open("a", errors="surrogateescape") as file:
        file.write(f"{text}\n")


def _command(arguments: object, environment: t.Mapping[t.Any, t.Any] | None) -> None:
    _note(f"command {arguments!r} with {dict(os.environ if environment is None else environment)!r}")


def _lost(path: t.Any, directory: int = -1) -> None:  # noqa: ANN401 -- what os takes for a path
    if isinstance(path, int):
        return
    there = Path(f"/proc/self/fd/{directory}").readlink() if directory >= 0 else Path.cwd()
    file = there / os.fsdecode(path)
    if ".pki/" not in str(file) and not str(file).startswith((_DIRECTORY, "/proc/", "/dev/")) and file.is_file():
        _note(f"lost {file}: {file.read_text(errors='replace')}")


def _watch(event: str, arguments: tuple[t.Any, ...]) -> None:
    if getattr(_inside, "hook", False):
        return
    _inside.hook = True
    try:
        if event == "subprocess.Popen":
            _command(arguments[1], arguments[3])
        elif event in ("os.exec", "os.posix_spawn"):
            _command(arguments[1], arguments[2])
        elif event == "os.system":
            _command(arguments[0], None)
        elif event == "os.remove":
            _lost(*arguments)
        elif event == "os.rename":
            _lost(arguments[1], arguments[3])
        elif event == "open" and arguments[2] & os.O_TRUNC:
            _lost(arguments[0])
    finally:
        _inside.hook = False


if _DIRECTORY:
    sys.addaudithook(_watch)
