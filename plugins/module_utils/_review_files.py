# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the files that people review and apply. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import typing as t
from pathlib import Path

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Brought(t.NamedTuple):
    """What was written, or would be."""

    changed: bool
    diff: list[dict[str, str]]
    """Of each file that was not as it should be, as modules return it."""


def bring(directory: str, files: Mapping[str, str], *, owned: Iterable[str], check_mode: bool) -> Brought:
    """Write texts under their names, with C(/) for directories, into a directory, and say what was not so before.

    files: one of an empty text is not written, and removed.
    owned: patterns of file names, below the directory, of which no others stay: what an earlier run wrote and nobody
    asks for any longer should not be applied. Files of other names are left alone.

    Raises InputError where a file cannot be read or written.
    """
    try:
        return _brought(Path(directory), files, owned, check_mode=check_mode)
    except OSError as error:
        raise InputError(
            f"{error.filename} cannot be read or written: {error.strerror}.",
            fix=f"Let {directory} be a directory of yours, or name another one.",
        ) from error


def _brought(root: Path, files: Mapping[str, str], owned: Iterable[str], *, check_mode: bool) -> Brought:
    there = {str(path.relative_to(root)) for pattern in owned for path in root.glob(pattern) if path.is_file()}
    wanted = {**dict.fromkeys(sorted(there - {*files})), **{name: text or None for name, text in files.items()}}
    texts = {name: (_text(root / name), text) for name, text in wanted.items()}
    todo = {name: (before, after) for name, (before, after) in texts.items() if before != after}
    if not check_mode:
        for name, (_before, after) in todo.items():
            _bring(root / name, after)
    return Brought(bool(todo), [_difference(root / name, *both) for name, both in sorted(todo.items())])


def _bring(path: Path, text: str | None) -> None:
    if text is None:
        path.unlink()
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else None


def _difference(path: Path, before: str | None, after: str | None) -> dict[str, str]:
    return {
        "before_header": str(path) if before is not None else "/dev/null",
        "before": before or "",
        "after_header": str(path) if after is not None else "/dev/null",
        "after": after or "",
    }


__all__: t.Final = ("Brought", "bring")
