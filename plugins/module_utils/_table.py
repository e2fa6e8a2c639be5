# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows as lines of text for people. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import typing as t

COLUMNS: t.Final = ("link", "checked", "result", "seconds")


def table(rows: t.Iterable[t.Mapping[str, t.Any]], columns: t.Sequence[str] = COLUMNS) -> list[str]:
    """Return rows as aligned lines under a line with the names of the columns; a value that is missing leaves a gap."""
    lines = [list(columns), *([_text(row.get(column)) for column in columns] for row in rows)]
    widths = [max(len(line[number]) for line in lines) for number in range(len(columns))]
    return ["  ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip() for line in lines]


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.2f}"
    return "" if value is None else " ".join(str(value).split())


__all__: t.Final = ("COLUMNS", "table")
