# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A static pod's manifest as the kubelet reads it. PRIVATE to the collection: it may change without notice.

The kubelet (pkg/kubelet/config/common.go, tryDecodeSinglePod) turns a file into JSON with sigs.k8s.io/yaml: the first
document counts, whatever stands behind it, and the last of equal keys. Of PyYAML's two parsers, its own one tells
places exactly; that of libyaml, which Go's is a translation of, accepts what Go's accepts, such as tabs. Pure; for the
controller, and for hosts that have a YAML library.
"""

from __future__ import annotations

import hashlib
import typing as t
from contextlib import suppress

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError

READS_YAML = False
"""Whether this machine has a YAML library; without one, nothing here can be called."""

with suppress(ImportError):  # ansible-core brings PyYAML to the controller; a host may have it
    import yaml

    READS_YAML = True

_NULL = "tag:yaml.org,2002:null"
_MERGE = "tag:yaml.org,2002:merge"
# What PyYAML makes objects of, by rules of its own, and fails at: the 30th of February is a text to Go.
_OBJECTS = ("int", "float", "timestamp", "value")


def digest(text: str) -> str:
    """Return the SHA-256 digest (hex) by which a manifest is told from another."""
    return hashlib.sha256(text.encode()).hexdigest()


def pod_of(text: str, *, source: str) -> yaml.MappingNode:
    """Return the pod in a text, with the places of its parts; source names the text in messages.

    Raises InputError when the first document can't be read, or is not a pod.
    """
    try:
        return _pod(first_node(text), source)
    except yaml.YAMLError as error:
        problem = " ".join(str(error).split())
        raise InputError(f"{source}: is not one YAML document: {problem}.", fix="Correct it first.") from error


def pod_key(text: str, *, source: str = "") -> tuple[str, str] | None:
    """Return namespace and name of the pod in a text, as the kubelet reads it; None where there is no pod."""
    try:
        pod = _pod(next(yaml.compose_all(text, Loader=_go_like()), None), source)
    except (InputError, yaml.YAMLError):
        return None
    if scalar(pod, "apiVersion") not in ("", "v1"):  # the kubelet ignores it
        return None
    metadata = child(pod, "metadata")
    return scalar(metadata, "namespace") or "default", scalar(metadata)


def _pod(node: yaml.Node | None, source: str) -> yaml.MappingNode:
    if not isinstance(node, yaml.MappingNode) or scalar(node, "kind") != "Pod":
        raise InputError(f"{source}: holds no pod (kind: Pod).", fix="Name the manifest of a static pod.")
    return node


def first_node(text: str) -> yaml.Node | None:
    """Return the first document of a text, with the places of its parts; raises yaml.YAMLError."""
    return t.cast("yaml.Node | None", _first(yaml.compose_all, text))


def all_nodes(text: str) -> list[yaml.Node]:
    """Return every document of a text that has one, with the places of its parts; raises yaml.YAMLError."""
    return [node for node in _read(lambda loader: list(yaml.compose_all(text, Loader=loader))) if node is not None]


def first_document(text: str) -> t.Any:  # noqa: ANN401 -- whatever YAML holds
    """Return the first document of a text as plain data, numbers and dates as texts; raises yaml.YAMLError."""
    return _first(yaml.load_all, text)


def _first(read: t.Callable[..., t.Iterator[t.Any]], text: str) -> t.Any:  # noqa: ANN401 -- whatever is read
    return _read(lambda loader: next(read(text, Loader=loader), None))


def _read(read: t.Callable[[type[yaml.SafeLoader]], t.Any]) -> t.Any:  # noqa: ANN401 -- whatever is read
    try:
        return read(_with_texts(yaml.SafeLoader))
    except yaml.YAMLError:
        with suppress(yaml.YAMLError):
            return read(_with_texts(_go_like()))
        raise


def _go_like() -> type[yaml.SafeLoader]:
    return t.cast("type[yaml.SafeLoader]", getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def _text(_loader: yaml.SafeLoader, node: yaml.Node) -> str:
    return str(node.value)


def _with_texts(base: type[yaml.SafeLoader]) -> type[yaml.SafeLoader]:
    loader = t.cast("type[yaml.SafeLoader]", type("Texts", (base,), {}))
    for name in _OBJECTS:
        loader.add_constructor(f"tag:yaml.org,2002:{name}", _text)
    return loader


def child(node: yaml.Node | None, key: str) -> yaml.Node | None:
    """Return the value of a mapping's key, the last of several; None where there is none, or where null stands."""
    if not isinstance(node, yaml.MappingNode):
        return None
    values = [value for name, value in node.value if name.value == key]
    if not values:
        return next(filter(None, [child(merged, key) for merged in _merged(node)]), None)
    return values[-1] if values[-1].tag != _NULL else None


def _merged(node: yaml.MappingNode) -> t.Iterator[yaml.Node]:
    for name, value in node.value:
        if name.tag == _MERGE:
            yield from value.value if isinstance(value, yaml.SequenceNode) else [value]


def scalar(node: yaml.Node | None, key: str = "name") -> str:
    """Return the text of a mapping's key; empty where there is none."""
    value = child(node, key)
    return str(value.value) if isinstance(value, yaml.ScalarNode) else ""


def elements(node: yaml.Node | None, key: str) -> list[yaml.Node]:
    """Return the elements of the list at a mapping's key; none where there is no list."""
    value = child(node, key)
    return list(value.value) if isinstance(value, yaml.SequenceNode) else []


__all__: t.Final = (
    "READS_YAML",
    "all_nodes",
    "child",
    "digest",
    "elements",
    "first_document",
    "first_node",
    "pod_key",
    "pod_of",
    "scalar",
)
