# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows as lines of text for people. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import textwrap
import typing as t
from itertools import zip_longest

# A screen has a hundred columns, of which ansible.builtin.debug takes eleven, and 24 lines: two for each of the links.
SCREEN: t.Final = 89
_LINES = 2

COLUMNS: t.Final = ("link", "checked", "result", "seconds")


def table(rows: t.Iterable[t.Mapping[str, t.Any]], columns: t.Sequence[str] = COLUMNS) -> list[str]:
    """Return rows as aligned lines under a line with the names of the columns; a value that is missing leaves a gap."""
    lines = [list(columns), *([_text(row.get(column)) for column in columns] for row in rows)]
    widths = [max(len(line[number]) for line in lines) for number in range(len(columns))]
    return ["  ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip() for line in lines]


def summary(rows: t.Iterable[t.Mapping[str, t.Any]], columns: t.Sequence[str], wide: str) -> list[str]:
    """Return C(table) in lines that fit a screen: the column WIDE goes on in a second line, and ends there."""
    given = [{column: _text(row.get(column)) for column in columns} for row in rows]
    others = [column for column in columns if column != wide]
    taken = sum(2 + max([len(column), *(len(row[column]) for row in given)]) for column in others)
    lines = []
    for row in given:
        cells = [_cut(row[column], SCREEN - taken) if column == wide else [row[column]] for column in columns]
        lines += [dict(zip(columns, texts)) for texts in zip_longest(*cells, fillvalue="")]
    return table(lines, columns)


def _cut(text: str, width: int) -> list[str]:
    """Return a text in lines, and say how many of its characters are left out."""
    lines = textwrap.wrap(text, width, break_on_hyphens=False) or [""]
    if len(lines) <= _LINES:
        return lines
    end = 0
    for line in lines[:_LINES]:
        end = text.index(line, end) + len(line)
    last = lines[_LINES - 1]
    while len(last + _more(len(text) - end)) > width:
        last, end = last[:-1], end - 1
    return [*lines[: _LINES - 1], last + _more(len(text) - end)]


def _more(count: int) -> str:
    return f" … {count} more characters with -v"


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.2f}"
    return "" if value is None else " ".join(str(value).split())


__all__: t.Final = ("COLUMNS", "SCREEN", "summary", "table")
