# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the systemd of this machine makes of a unit: systemd-analyze loads it and prints it, and nothing is started."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import typing as t

if t.TYPE_CHECKING:
    from pathlib import Path

ANALYZE = shutil.which("systemd-analyze")

_ESCAPED = re.compile(r"\\([0-7]{3}|x[0-9a-f]{2}|.)", re.DOTALL)
_NAMES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def printed(directory: Path, name: str, *, after: Path | None = None) -> str:
    """Return what systemd prints of a unit that it has loaded from a directory, with the drop-ins that are there.

    after: a directory in which it looks then; that of the unit always comes first.
    """
    assert ANALYZE is not None
    path = f"{directory}:{after}:" if after is not None else f"{directory}:"
    environment = {**os.environ, "SYSTEMD_LOG_LEVEL": "debug", "SYSTEMD_UNIT_PATH": path}
    done = subprocess.run(  # noqa: S603 -- loads a unit, and starts nothing
        [ANALYZE, "verify", "--man=no", str(directory / name)],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    return done.stdout + done.stderr


def commands(output: str) -> list[list[str]]:
    """Return the commands in it, each as its words; the program's name is that which is run."""
    lines = re.findall(r"^\s*Command Line: (.*)$", output, re.MULTILINE)
    return [_words(line) for line in lines]


def _words(line: str) -> list[str]:
    """Undo quote_command_line of systemd."""
    found = re.findall(r'"((?:[^"\\]|\\.)*)"|(\S+)', line)
    return [plain or _ESCAPED.sub(_character, quoted) for quoted, plain in found]


def _character(match: re.Match[str]) -> str:
    code = match[1]
    if code[0] == "x":
        return chr(int(code[1:], 16))
    return chr(int(code, 8)) if code.isdigit() else _NAMES.get(code, code)
