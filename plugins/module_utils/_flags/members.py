# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes to the members of YAML mappings and lists, in the text itself. PRIVATE to the collection.

Pure, and for the controller alone. C(splice) does the same for lists of strings. The caller reads the result back
and compares: what is special about a text and not seen here (anchors, aliases) shows there.
"""

from __future__ import annotations

import json
import re
import typing as t
from contextlib import suppress
from dataclasses import dataclass, field

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError

with suppress(ImportError):  # ansible-core brings PyYAML to the controller, where alone this file is used
    import yaml

Content = t.Union[str, dict[str, "Content"], list["Content"]]
"""What is new: a string, or a mapping or list of such."""

_BLOCK_SCALARS = ("|", ">")
_NEW = -2  # the number of a member that was not there
_PAD = re.compile(r" *")
# A dash in front of a member, in its line or in one above, with a comment at most behind it.
_PAD_AND_DASH = re.compile(r"^ *-(?: +|[ \t]*(?:#[^\n]*)?\r?\n(?:[ \t]*(?:#[^\n]*)?\r?\n)* *)\Z", re.MULTILINE)
# What every version of YAML reads as a string without quotes: numbers, booleans and dates have many forms.
_PLAIN = re.compile(
    r"https?://[A-Za-z0-9._~-]*(?::[0-9]+)?(?:/[A-Za-z0-9._~%/+-]*)?(?<=[A-Za-z0-9/])|[a-z][a-z0-9]*(?:-[a-z0-9]+)+"
)


@dataclass(frozen=True)
class Edit:
    """The text from start to end becomes another one."""

    start: int
    end: int
    text: str


@dataclass
class Changes:
    """What happens to the members of one mapping or list, by their numbers."""

    values: dict[int, tuple[yaml.ScalarNode, str]] = field(default_factory=dict)
    """A scalar inside of the member, and the string that it becomes."""
    gone: set[int] = field(default_factory=set)
    new: dict[int, list[Content]] = field(default_factory=dict)
    """What comes before the member of that number; behind the last for the number of members."""

    def insert(self, place: int, content: Content) -> None:
        """Note what comes before a member, behind what comes there already."""
        self.new.setdefault(place, []).append(content)


def edited(text: str, edits: t.Iterable[Edit]) -> str:
    """Return the text after edits that do not overlap."""
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end), reverse=True):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


def changed(text: str, node: yaml.CollectionNode, changes: Changes) -> list[Edit]:
    """Return the edits that change members of a mapping or list that has some; every other byte stays.

    New members of a mapping are mappings of one key. Raises InputError for a layout that leaves no place to cut.
    """
    return _changed_flow(text, node, changes) if node.flow_style else _changed_block(text, node, changes)


def filled(text: str, key: yaml.Node, value: yaml.Node, content: Content, *, flow: bool) -> list[Edit]:
    """Return the edits that replace the empty value of a key with content; flow: the mapping is C({a: b})."""
    start, end = value.start_mark.index, value.end_mark.index
    if flow:
        return [Edit(start, end, f"{'' if start < end else ' '}{_json(content)}")]
    behind = max(end, key.end_mark.index)
    pad = " " * (key.start_mark.column + (0 if isinstance(content, list) else 2))
    blank = len(text[:start]) - len(text[:start].rstrip(" ")) if start < end else 0
    return [Edit(start - blank, end, ""), _lines_at(text, _line_end(text, behind), _block(content, pad))]


def rendered(content: Content) -> str:
    """Return a mapping or a list as the text of a document of its own."""
    return "".join(f"{line}\n" for line in _block(content, ""))


def _spans(node: yaml.CollectionNode) -> list[tuple[int, int]]:
    """Return where each member's text begins and ends; for a mapping, from its key to its value."""
    if isinstance(node, yaml.MappingNode):
        return [(key.start_mark.index, max(key.end_mark.index, _end(value))) for key, value in node.value]
    return [(item.start_mark.index, _end(item)) for item in node.value]


def _changed_block(text: str, node: yaml.CollectionNode, changes: Changes) -> list[Edit]:
    places = _spans(node)
    last = [_last(member[1] if isinstance(member, tuple) else member) for member in node.value]
    before = [_before(text, start, node) for start, _end in places]
    ends = [
        end if scalar is not None and scalar.style in _BLOCK_SCALARS else _line_end(text, end)
        for (_start, end), scalar in zip(places, last)
    ]
    starts = [start - len(lead) for (start, _end), lead in zip(places, before)]
    pad = before[0].partition("-")[0]
    edits = [Edit(starts[number], ends[number], "") for number in changes.gone]
    edits += [_scalar_edit(text, scalar, value) for scalar, value in changes.values.values()]
    for number, contents in changes.new.items():
        lines = _block(_joined(node, contents), pad)
        edits.append(_lines_at(text, starts[number] if number < len(starts) else ends[-1], lines))
    return edits


def _changed_flow(text: str, node: yaml.CollectionNode, changes: Changes) -> list[Edit]:
    places = _spans(node)
    parts: list[tuple[int, str]] = []
    for number in range(len(places) + 1):
        parts += [
            (_NEW, _json(content)[1:-1] if isinstance(node, yaml.MappingNode) else _json(content))
            for content in changes.new.get(number, [])
        ]
        if number < len(places) and number not in changes.gone:
            start, end = places[number]
            inner = [_scalar_edit(text, *changes.values[number], flow=True)] if number in changes.values else []
            moved = [Edit(edit.start - start, edit.end - start, edit.text) for edit in inner]
            part = edited(text[start:end], moved)
            # Go's reader takes the colon into the key where a comma or a bracket follows it at once.
            parts.append((number, f"{part} " if part.endswith(":") else part))
    joined, last = "", _NEW
    for number, part in parts:
        between = ", " if joined else ""
        if joined and number == last + 1:
            between = text[places[last][1] : places[number][0]]
        joined += between + part
        last = number
    return [Edit(places[0][0], places[-1][1], joined)]


def _joined(node: yaml.CollectionNode, contents: list[Content]) -> Content:
    if isinstance(node, yaml.SequenceNode):
        return contents
    return {key: value for content in contents for key, value in t.cast("dict[str, Content]", content).items()}


def _scalar_edit(text: str, node: yaml.ScalarNode, value: str, *, flow: bool = False) -> Edit:
    start, end = node.start_mark.index, node.end_mark.index
    lead = " " if start == end and text[start - 1 : start] == ":" else ""
    tail = _line_break(text) if node.style in _BLOCK_SCALARS else ""
    return Edit(start, end, f"{lead}{_scalar(value, flow=flow)}{tail}")


def _lines_at(text: str, place: int, lines: list[str]) -> Edit:
    """Put lines at the beginning of a line; the last line of a text may have no end."""
    newline = _line_break(text)
    joined = newline.join(lines)
    whole = place == 0 or text[place - 1] == "\n"
    return Edit(place, place, f"{joined}{newline}" if whole else f"{newline}{joined}")


def _block(content: Content, pad: str) -> list[str]:
    lines: list[str] = []
    for item in content if isinstance(content, list) else []:
        first, *others = [f"{pad}  {_scalar(item)}"] if isinstance(item, str) else _block(item, f"{pad}  ")
        lines += [f"{pad}- {first[len(pad) + 2 :]}", *others]
    for name, value in content.items() if isinstance(content, dict) else []:
        if isinstance(value, str):
            lines.append(f"{pad}{name}: {_scalar(value)}")
        else:
            lines += [f"{pad}{name}:", *_block(value, pad if isinstance(value, list) else f"{pad}  ")]
    return lines


def _scalar(value: str, *, flow: bool = False) -> str:
    return value if not flow and _PLAIN.fullmatch(value) else _json(value)


def _json(content: Content) -> str:
    return json.dumps(content, ensure_ascii=False)


def _last(node: yaml.Node) -> yaml.ScalarNode | None:
    """Return the scalar with which a node's text ends; None where it ends with a bracket."""
    while isinstance(node, yaml.CollectionNode):
        if node.flow_style or not node.value:
            return None
        member = node.value[-1]
        node = member[1] if isinstance(member, tuple) else member
    return t.cast("yaml.ScalarNode", node)


def _end(node: yaml.Node) -> int:
    """Return where a node's text ends; the parser's own mark of block collections is where the next thing begins."""
    while isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        member = node.value[-1]
        node = member[1] if isinstance(member, tuple) else member
    return int(node.end_mark.index)


def _before(text: str, start: int, node: yaml.CollectionNode) -> str:
    if isinstance(node, yaml.MappingNode):
        found = _PAD.fullmatch(text, text.rfind("\n", 0, start) + 1, start)
    else:
        found = _PAD_AND_DASH.search(text, 0, start)
    if found is None:
        raise InputError("An entry is not on lines of its own.", fix="Write one entry in a line.")
    return found[0]


def _line_end(text: str, place: int) -> int:
    return text.find("\n", place) + 1 or len(text)


def _line_break(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


__all__: t.Final = ("Changes", "Content", "Edit", "changed", "edited", "filled", "rendered")
