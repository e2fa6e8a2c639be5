# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes to the strings of YAML lists, in the text itself. PRIVATE to the collection: it may change without notice.

Pure, and for the controller alone. The caller reads the result back and compares: what is special about a text and
not seen here (anchors, aliases) shows there.
"""

from __future__ import annotations

import json
import re
import typing as t
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError

with suppress(ImportError):  # ansible-core brings PyYAML to the controller, where alone this file is used
    import yaml

_BLOCK_QUOTES = ("|", ">")
_DASH = re.compile(r"[ ]*-[ ]+")


@dataclass(frozen=True)
class Item:
    """A string in a YAML list: its value, where it stands in the text, how it is quoted, and which list it is in."""

    value: str
    start: int
    end: int
    quote: str
    """C('), C("), empty for a plain scalar; C(|) or C(>) for a block scalar, whose end is not where its text ends."""
    flow: bool
    """Whether the list is written C([a, b]), not one item in a line."""
    parent: int
    """Tells lists apart: where the list begins."""

    @classmethod
    def of(cls, node: yaml.ScalarNode, parent: yaml.SequenceNode) -> Item:
        """Return the item that a parser's node stands for."""
        marks = node.start_mark.index, node.end_mark.index
        return cls(node.value, *marks, node.style or "", bool(parent.flow_style), parent.start_mark.index)


@dataclass(frozen=True)
class Slot:
    """One string of the wanted list: its value, and the index of the item that it is made from; None for a new one."""

    source: int | None
    value: str


@dataclass(frozen=True)
class _Edit:
    start: int
    end: int
    text: str


def spliced(text: str, items: t.Sequence[Item], slots: t.Sequence[Slot]) -> str:
    """Return the text with the items changed into the slots, whose sources ascend; every other byte stays.

    Raises InputError where an item is laid out in a way that leaves no place to cut.
    """
    kept = {slot.source: slot.value for slot in slots if slot.source is not None}
    edits = [
        _Edit(item.start, item.end, _scalar(kept[index], item))
        for index, item in enumerate(items)
        if index in kept and kept[index] != item.value
    ]
    edits += _removals(text, items, kept)
    edits += _insertions(text, items, slots)
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end), reverse=True):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


def _removals(text: str, items: t.Sequence[Item], kept: t.Container[int]) -> t.Iterator[_Edit]:
    for _parent, group in groupby(enumerate(items), key=lambda numbered: numbered[1].parent):
        members = list(group)
        for gone, run in groupby(members, key=lambda numbered: numbered[0] not in kept):
            indices = [index for index, _item in run]
            if not gone:
                continue
            if members[0][1].flow:
                yield _flow_removal(items, indices[0], indices[-1], first=members[0][0], last=members[-1][0])
            else:
                yield from (_Edit(*_line(text, items[index]), "") for index in indices)


def _flow_removal(items: t.Sequence[Item], start: int, end: int, *, first: int, last: int) -> _Edit:
    """Take the items from start to end out of a C([a, b]) list together with the right number of commas."""
    if end < last:
        return _Edit(items[start].start, items[end + 1].start, "")
    return _Edit(items[start - 1].end if start > first else items[start].start, items[end].end, "")


def _insertions(text: str, items: t.Sequence[Item], slots: t.Sequence[Slot]) -> t.Iterator[_Edit]:
    sources = [slot.source for slot in slots]
    for new, run in groupby(range(len(slots)), key=lambda position: sources[position] is None):
        positions = list(run)
        if not new:
            continue
        before = [source for source in sources[: positions[0]] if source is not None]
        behind = [source for source in sources[positions[-1] :] if source is not None]
        yield _insertion(
            text,
            [slots[position].value for position in positions],
            items[before[-1]] if before else None,
            items[behind[0]] if behind else None,
        )


def _insertion(text: str, values: list[str], previous: Item | None, following: Item | None) -> _Edit:
    """Put values between two items; at the border of two lists they go to the second, where the other flags are."""
    behind = following is None or (previous is not None and previous.parent == following.parent)
    anchor = previous if behind else following
    if anchor is None:
        raise InputError("The container has neither a command nor arguments to add a flag to.", fix="Add a command.")
    scalars = [_scalar(value, anchor) for value in values]
    if anchor.flow:
        joined = ", ".join(scalars)
        return (
            _Edit(anchor.end, anchor.end, f", {joined}") if behind else _Edit(anchor.start, anchor.start, f"{joined}, ")
        )
    start, end = _line(text, anchor)
    dash = text[start : anchor.start]
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = newline.join(dash + scalar for scalar in scalars)
    if behind and not text[:end].endswith("\n"):
        return _Edit(end, end, newline + lines)
    place = end if behind else start
    return _Edit(place, place, lines + newline)


def _line(text: str, item: Item) -> tuple[int, int]:
    """Return where the lines of a C(- item) begin and end; its own line break belongs to them."""
    start = text.rfind("\n", 0, item.start) + 1
    end = text.find("\n", item.end) + 1 or len(text)
    if item.quote in _BLOCK_QUOTES or _DASH.fullmatch(text[start : item.start]) is None:
        raise _unusual_layout(item)
    return start, end


def _unusual_layout(item: Item) -> InputError:
    return InputError(
        f"The argument {item.value!r} is not on a line of its own after a dash.",
        fix="Write one argument in a line, and run it again.",
    )


def _scalar(value: str, like: Item) -> str:
    """Write a string as YAML, quoted as its neighbour is, or in double quotes where that would change its meaning."""
    if like.quote in _BLOCK_QUOTES:
        raise _unusual_layout(like)
    candidates = [f"'{value.replace(chr(39), chr(39) * 2)}'"] if like.quote == "'" else []
    candidates += [value] if not like.quote and not like.flow else []
    for candidate in candidates:
        with suppress(yaml.YAMLError):
            if yaml.load(f"- {candidate}\n", Loader=yaml.SafeLoader) == [value]:
                return candidate
    return json.dumps(value, ensure_ascii=False)


__all__: t.Final = ("Item", "Slot", "spliced")
