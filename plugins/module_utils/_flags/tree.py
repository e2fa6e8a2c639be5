# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One value in a YAML text, by the keys that lead to it: read it, and change it in the text itself. PRIVATE.

Pure, and for the controller alone. Every byte that is not of the value stays; the result is read back and compared, so
that what is special about a text (anchors, aliases, tags) is refused and never written wrong.
"""

from __future__ import annotations

import difflib
import typing as t
from contextlib import suppress

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._flags.manifest import all_nodes
from ansible_collections.onprem.irsa.plugins.module_utils._flags.members import (
    Changes,
    Content,
    Edit,
    changed,
    edited,
    filled,
    rendered,
)

with suppress(ImportError):  # ansible-core brings PyYAML to the controller, where alone this file is used
    import yaml

Path = tuple[str, ...]
"""The keys that lead from a document's mapping to a value."""
Value = t.Union[str, list[str], list[t.Union[str, int]]]
"""A text, or a list of texts, in which a number stands for the item at that place, which stays."""

_NULL, _MERGE = "tag:yaml.org,2002:null", "tag:yaml.org,2002:merge"
_MARK = "\ufeff"  # with which some editors begin a text
_Tree = t.Any
"""A document as nested tuples: with tags and texts, as no reader's own rules change them."""


def documents(text: str, *, source: str) -> list[yaml.Node]:
    """Return the documents of a text; raises InputError for what is no YAML. SOURCE names the text in messages."""
    try:
        return all_nodes(text)
    except yaml.YAMLError as error:
        problem = " ".join(str(error).split())
        raise InputError(f"{source} is not YAML: {problem}.", fix="Correct it first.") from error


def member(node: yaml.Node | None, path: Path, *, source: str) -> tuple[yaml.Node, yaml.Node] | None:
    """Return the last key of a path with its value; None where it is not there.

    Raises InputError for what leaves a doubt: a key that is there twice, a merge key, a text for a mapping.
    """
    found: tuple[yaml.Node, yaml.Node] | None = None
    for depth, key in enumerate(path):
        if node is None or node.tag == _NULL:
            return None
        if not isinstance(node, yaml.MappingNode):
            place = f"at {'.'.join(path[:depth])}" if depth else "at its top"
            raise InputError(f"{source} has no mapping {place}.", fix="Write a mapping there, or remove it.")
        found = _pair(node, key, source)
        if found is None:
            return None
        node = found[1]
    return found


def _pair(node: yaml.MappingNode, key: str, source: str) -> tuple[yaml.Node, yaml.Node] | None:
    if any(name.tag == _MERGE for name, _value in node.value):
        raise InputError(f"{source} has a merge key (<<) next to {key}.", fix="Write out what it stands for.")
    pairs = [pair for pair in node.value if pair[0].value == key]
    if len(pairs) > 1:
        raise InputError(f"{source} has the key {key} twice in one mapping.", fix="Remove one of them.")
    return pairs[0] if pairs else None


def texts(node: yaml.Node, *, source: str, key: str) -> list[yaml.ScalarNode]:
    """Return the scalars of a value, which is one scalar or a list of them; none for null."""
    items = node.value if isinstance(node, yaml.SequenceNode) else [node]
    if not all(isinstance(item, yaml.ScalarNode) for item in items):
        raise InputError(f"{source} has at {key} neither a text nor a list of texts.", fix="Write texts there.")
    return [] if node.tag == _NULL else t.cast("list[yaml.ScalarNode]", list(items))


def is_empty(node: yaml.Node) -> bool:
    """Return whether nothing is there: null, or a mapping or list without members."""
    return node.tag == _NULL or (isinstance(node, yaml.CollectionNode) and not node.value)


def with_value(text: str, path: Path, value: Value | None, *, source: str, number: int = 0) -> str:
    """Return the text with a value at the end of a path; None removes its key.

    Of a list without numbers as many items stay as difflib finds equal in their order. Mappings on the way are made
    where there are none, and removed where nothing is left in them. NUMBER says which of the documents is changed.
    Raises InputError for a text that cannot be changed so without changing anything else.
    """
    if text.startswith(_MARK):
        return _MARK + with_value(text[1:], path, value, source=source, number=number)
    found = documents(text, source=source)
    root = found[number] if number < len(found) else None
    member(root, path, source=source)
    try:
        after = edited(text, _edits(text, root, path, value, source)) if root else _grown(text, path, value)
        same = _says(after, path, _texts_of(root, path, value, source), source, number) and _rest(
            after, path, number
        ) == _rest(text, path, number)
    except (InputError, yaml.YAMLError, KeyError, IndexError):
        same = False
    if not same:
        raise InputError(
            f"{source} is written so that {'.'.join(path)} cannot be changed alone (an anchor, a tag, or several "
            "entries in a line).",
            fix="Write it without them, one entry in a line.",
        )
    return after


def _edits(text: str, root: yaml.Node, path: Path, value: Value | None, source: str) -> list[Edit]:
    if not isinstance(root, yaml.MappingNode):
        raise InputError(f"{source} is no mapping.", fix="Write a mapping.")
    chain = _chain(root, path, source)
    if len(chain) == len(path):
        return _changed_member(text, chain, path[-1], value, source)
    return [] if value is None else _added(text, root, path, value, source)


def _chain(root: yaml.MappingNode, path: Path, source: str) -> list[yaml.MappingNode]:
    """Return the mappings that hold the path's keys, from the top, as far as there are such keys."""
    chain: list[yaml.MappingNode] = []
    for depth in range(len(path)):
        holder = root if not depth else member(root, path[:depth], source=source)
        node = holder[1] if isinstance(holder, tuple) else holder
        if not isinstance(node, yaml.MappingNode) or _pair(node, path[depth], source) is None:
            break
        chain.append(node)
    return chain


def _added(text: str, root: yaml.MappingNode, path: Path, value: Value, source: str) -> list[Edit]:
    """Return the edits that add what is missing of a path behind what is there."""
    depth = len(_chain(root, path, source))
    pair = member(root, path[:depth], source=source)
    node = pair[1] if pair else root
    if isinstance(node, yaml.MappingNode) and node.value:
        return changed(text, node, Changes(new={len(node.value): [_nested(path[depth:], value)]}))
    if pair is None:
        raise InputError(f"{source} is an empty mapping.", fix="Remove its braces.")
    above = member(root, path[: depth - 1], source=source)
    flow = bool(t.cast("yaml.MappingNode", above[1] if above else root).flow_style)
    return filled(text, *pair, _nested(path[depth:], value), flow=flow)


def _changed_member(text: str, chain: list[yaml.MappingNode], key: str, value: Value | None, source: str) -> list[Edit]:
    holder = chain[-1]
    number = next(at for at, (name, _value) in enumerate(holder.value) if name.value == key)
    name, node = holder.value[number]
    if value is None:
        return _removed(text, chain, number)
    if isinstance(value, str) and isinstance(node, yaml.ScalarNode) and node.tag != _NULL:
        return changed(text, holder, Changes(values={number: (node, value)})) if node.value != value else []
    if isinstance(value, list) and isinstance(node, yaml.SequenceNode) and node.value and value:
        return changed(text, node, _list_changes(node, value, source))
    if isinstance(value, list) and is_empty(node):
        return filled(text, name, node, t.cast("Content", value), flow=bool(holder.flow_style))
    return changed(text, holder, Changes(gone={number}, new={number: [_nested((key,), value)]}))


def _removed(text: str, chain: list[yaml.MappingNode], number: int) -> list[Edit]:
    """Return the edits that remove a key, and with it each mapping in which there is nothing else."""
    place, holder = number, chain[-1]
    for above in reversed(chain[:-1]):
        if len(holder.value) > 1:
            break
        place = next(at for at, (_key, value) in enumerate(above.value) if value is holder)
        holder = above
    return changed(text, holder, Changes(gone={place}))


def _list_changes(node: yaml.SequenceNode, value: t.Sequence[str | int], source: str) -> Changes:
    """Return what makes a list this one: what stays keeps its bytes."""
    items = texts(node, source=source, key="a list")
    changes = Changes()
    old, new = 0, 0
    for old_end, new_end in [*_staying(items, value), (len(items), len(value))]:
        both = min(old_end - old, new_end - new)
        changes.values.update({old + at: (items[old + at], str(value[new + at])) for at in range(both)})
        changes.gone.update(range(old + both, old_end))
        for content in value[new + both : new_end]:
            changes.insert(old_end, str(content))
        old, new = old_end + 1, new_end + 1
    return changes


def _staying(items: t.Sequence[yaml.ScalarNode], value: t.Sequence[str | int]) -> list[tuple[int, int]]:
    """Return the places of the items that stay, before and after."""
    numbers = [(each, at) for at, each in enumerate(value) if isinstance(each, int)]
    if numbers:
        return numbers
    matcher = difflib.SequenceMatcher(None, [item.value for item in items], value, autojunk=False)
    return [(block.a + at, block.b + at) for block in matcher.get_matching_blocks() for at in range(block.size)]


def _texts_of(root: yaml.Node | None, path: Path, value: Value | None, source: str) -> str | list[str] | None:
    """Return a value with the texts of the items that stay."""
    if value is None or isinstance(value, str):
        return value
    if not any(isinstance(each, int) for each in value):
        return [str(each) for each in value]
    pair = member(root, path, source=source)
    items = texts(pair[1], source=source, key=path[-1]) if pair else []
    return [each if isinstance(each, str) else str(items[each].value) for each in value]


def _nested(path: Path, value: Value) -> dict[str, Content]:
    content: Content = t.cast("Content", value)
    for key in reversed(path):
        content = {key: content}
    return t.cast("dict[str, Content]", content)


def _grown(text: str, path: Path, value: Value | None) -> str:
    """Return a text without a document with one: the comments in it stay."""
    if value is None:
        return text
    newline = "\r\n" if "\r\n" in text else "\n"
    end = "" if not text or text.endswith("\n") else newline
    return f"{text}{end}{rendered(_nested(path, value)).replace(chr(10), newline)}"


def _says(text: str, path: Path, value: str | list[str] | None, source: str, number: int) -> bool:
    found = documents(text, source=source)
    pair = member(found[number], path, source=source) if number < len(found) else None
    if pair is None or value is None:
        return pair is None and value is None
    if isinstance(value, list) != isinstance(pair[1], yaml.SequenceNode):
        return False
    written = texts(pair[1], source=source, key=path[-1])
    return [item.value for item in written] == (value if isinstance(value, list) else [value]) and all(
        item.tag == "tag:yaml.org,2002:str" or item.style for item in written
    )


def _rest(text: str, path: Path, number: int) -> _Tree:
    """Return all but what is at the path, and but the mappings that nothing else is in."""
    found = all_nodes(text)
    return [_tree(node, path if at == number else ()) for at, node in enumerate(found)] or [None]


def _tree(node: yaml.Node, path: Path = ()) -> _Tree:
    if isinstance(node, yaml.ScalarNode):
        return None if path and node.tag == _NULL else (node.tag, node.value, node.style in ("'", '"'))
    if isinstance(node, yaml.SequenceNode):
        return node.tag, [_tree(item) for item in node.value]
    members = []
    for key, value in node.value:
        own = bool(path) and key.value == path[0]
        tree = _tree(value, path[1:]) if own else _tree(value)
        if not (own and (len(path) == 1 or tree is None)):
            members.append((_tree(key), tree))
    return (node.tag, members) if members or not path else None


__all__: t.Final = ("Path", "Value", "documents", "is_empty", "member", "texts", "with_value")
