# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the files that people review and run. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import typing as t
from pathlib import Path

from ansible_collections.onprem.irsa.plugins.module_utils._aws.rendering import rendered

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ansible_collections.onprem.irsa.plugins.module_utils._aws.rendering import ScriptStep


def bring(
    directory: str, steps: Iterable[ScriptStep], *, check_mode: bool, beside: Mapping[str, str] | None = None
) -> bool:
    """Write the files for these steps, and those BESIDE, into a directory; return whether any was not as it should be.

    Arguments of calls that an earlier run wrote and that no longer exist are removed: nobody should review them.
    """
    files = {**rendered(list(steps)), **(beside or {})}
    todo = {name: text for name, text in files.items() if not _is(Path(directory) / name, text)}
    written = sorted((Path(directory) / "calls").glob("[0-9][0-9]-*.json"))
    stale = [path for path in written if f"calls/{path.name}" not in files]
    if not check_mode:
        for path in stale:
            path.unlink()
        for name, text in todo.items():
            path = Path(directory) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return bool(todo or stale)


def _is(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


__all__: t.Final = ("bring",)
