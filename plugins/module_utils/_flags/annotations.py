# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An annotation of a pod in its manifest's text. PRIVATE to the collection: it may change without notice.

Pure, and for the controller alone. The kubelet starts a static pod again when anything in it changes, an annotation,
too: that is how a component comes to read files whose content alone has changed. The caller reads the result back.
"""

from __future__ import annotations

import json
import typing as t
from contextlib import suppress

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError

with suppress(ImportError):  # ansible-core brings PyYAML to the controller, where alone this file is used
    import yaml


def with_annotation(text: str, metadata: yaml.Node | None, name: str, value: str) -> str:
    """Return the text with an annotation in this node of a pod's metadata; every other byte stays."""
    if not isinstance(metadata, yaml.MappingNode) or not metadata.value:
        raise InputError("The pod has no metadata.", fix="Restore the manifest from a backup.")
    annotations = _value(metadata, "annotations")
    if annotations is None:
        return _inserted(text, metadata, "annotations", {name: value})
    if not annotations.value or annotations.tag == "tag:yaml.org,2002:null":
        return _replaced(text, annotations, {name: value})
    if not isinstance(annotations, yaml.MappingNode):
        raise InputError("The annotations are not a mapping.", fix="Restore the manifest from a backup.")
    there = _value(annotations, name)
    return _inserted(text, annotations, name, value) if there is None else _replaced(text, there, value)


def _value(mapping: yaml.MappingNode, name: str) -> yaml.Node | None:
    """Return the value of a key, the last of several: that one counts for the kubelet."""
    return next((value for key, value in reversed(mapping.value) if key.value == name), None)


def _replaced(text: str, node: yaml.Node, value: object) -> str:
    """Put a value in a node's place; an empty one stands right behind its colon."""
    start, end = node.start_mark.index, node.end_mark.index
    gap = "" if text[start - 1].isspace() or start != end else " "
    return f"{text[:start]}{gap}{json.dumps(value)}{text[end:]}"


def _inserted(text: str, mapping: yaml.MappingNode, name: str, value: object) -> str:
    """Put a key before the first one of a mapping, in its style."""
    start = mapping.value[0][0].start_mark.index
    if mapping.flow_style:
        return f"{text[:start]}{json.dumps(name)}: {json.dumps(value)}, {text[start:]}"
    line = text.rfind("\n", 0, start) + 1
    newline = "\r\n" if "\r\n" in text else "\n"
    return f"{text[:start]}{name}: {json.dumps(value)}{newline}{' ' * (start - line)}{text[start:]}"


__all__: t.Final = ("with_annotation",)
