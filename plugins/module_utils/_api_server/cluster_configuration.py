# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The API server's C(extraArgs) in kubeadm's ClusterConfiguration, in the text itself. PRIVATE to the collection.

Pure, and for the controller alone. What kubeadm and operators wrote stays to the byte: kubeadm reads YAML by Go's rules
(C(12e4) is a number, null is an empty string), not by PyYAML's, so that a document that was read and written again as a
whole may say something else. kubeadm decodes one object, so only the first document is looked at.

Source of the forms: kubeadm's reference of C(v1beta3) (a map of strings) and C(v1beta4) (a list of names and values;
C(v1) of Kubernetes 1.37 is like it).
"""

from __future__ import annotations

import difflib
import typing as t
from contextlib import suppress
from dataclasses import dataclass, field

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._flags.manifest import first_node
from ansible_collections.onprem.irsa.plugins.module_utils._flags.members import (
    Changes,
    Content,
    Edit,
    changed,
    edited,
    filled,
)

with suppress(ImportError):  # ansible-core brings PyYAML to the controller, where alone this file is used
    import yaml

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._flags.arguments import Flags

MAP_VERSIONS: t.Final = ("kubeadm.k8s.io/v1beta2", "kubeadm.k8s.io/v1beta3")
LIST_VERSIONS: t.Final = ("kubeadm.k8s.io/v1beta4", "kubeadm.k8s.io/v1")

_SOURCE = "The ClusterConfiguration in the ConfigMap kube-system/kubeadm-config"
_FIX = "See it with `kubectl -n kube-system get configmap kubeadm-config -o yaml`, and correct it."
_NULL, _STRING, _MERGE = (f"tag:yaml.org,2002:{name}" for name in ("null", "str", "merge"))
_DNS_DOMAIN = "cluster.local"

_Tree = t.Any
"""A document as nested tuples: with tags and texts, as no reader's own rules change them."""


@dataclass(frozen=True)
class Entry:
    """One of the C(extraArgs): a flag with a value."""

    name: str
    """The flag, with dashes as pflag reads it."""
    value: str
    exact: bool
    """Whether it is written as kubeadm takes it and as it means this flag and value alone."""
    node: yaml.ScalarNode | None = field(repr=False)
    """The value's scalar; None where there is none that could be changed alone."""


@dataclass(frozen=True)
class ClusterConfiguration:
    """A ClusterConfiguration, as text and as what it says of the API server."""

    text: str = field(repr=False)
    api_version: str
    certificates_dir: str
    dns_domain: str
    entries: tuple[Entry, ...]

    @property
    def extra_args(self) -> Flags:
        """The values of each flag among the C(extraArgs), in their order."""
        flags: Flags = {}
        for entry in self.entries:
            flags.setdefault(entry.name, []).append(entry.value)
        return flags

    @property
    def default_issuer(self) -> str:
        """The issuer that kubeadm sets by itself (kubeadm, app/phases/controlplane/manifests.go)."""
        return f"https://kubernetes.default.svc.{self.dns_domain}"

    @property
    def holds_repeated_flags(self) -> bool:
        """Whether C(extraArgs) can give a flag several values."""
        return self.api_version in LIST_VERSIONS

    def with_extra_args(self, flags: Flags) -> str:
        """Return the text with each of these flags given its values in their order; [] removes a flag.

        Where C(extraArgs) are a map, a flag has one value at most. Every byte of what is not an entry of these flags
        stays. Raises InputError when the text can't be changed so without changing anything else.
        """
        wanted = {name: list(values) for name, values in flags.items()}
        if all(self._says(name, values) for name, values in wanted.items()):
            return self.text
        try:
            text = edited(self.text, self._edits(wanted))
            after = parse(text)
            same = _rest(text, wanted) == _rest(self.text, wanted)
            same = same and all(after._says(name, values) for name, values in wanted.items())
        except (InputError, yaml.YAMLError, KeyError):
            same = False
        if not same:
            raise InputError(
                f"{_SOURCE} is written so that {', '.join(wanted)} cannot be changed alone under apiServer.extraArgs "
                "(an anchor, a merge key, or several entries in a line).",
                fix="Write the extraArgs of the API server without them, one entry in a line.",
            )
        return text

    def _says(self, name: str, values: list[str]) -> bool:
        own = [entry for entry in self.entries if entry.name == name]
        return all(entry.exact for entry in own) and [entry.value for entry in own] == values

    def _edits(self, wanted: Flags) -> list[Edit]:
        root = _first_document(self.text)
        content = self._content(wanted)
        server = _pair(root, "apiServer")
        if server is None:
            return changed(self.text, root, _first({"apiServer": {"extraArgs": content}}))
        inside = _collection(server[1])
        if inside is None:
            return filled(self.text, *server, {"extraArgs": content}, flow=bool(root.flow_style))
        arguments = _pair(inside, "extraArgs")
        if arguments is None:
            return changed(self.text, inside, _first({"extraArgs": content}))
        entries = _collection(arguments[1])
        if entries is None:
            return filled(self.text, *arguments, content, flow=bool(inside.flow_style))
        return changed(self.text, entries, self._changes(wanted))

    def _content(self, wanted: Flags) -> Content:
        new = [self._new(name, value) for name, values in wanted.items() for value in values]
        if self.holds_repeated_flags:
            return t.cast("Content", new)
        return {name: value for entry in new for name, value in entry.items()}

    def _new(self, name: str, value: str) -> dict[str, Content]:
        return {"name": name, "value": value} if self.holds_repeated_flags else {name: value}

    def _changes(self, wanted: Flags) -> Changes:
        changes = Changes()
        for name, values in wanted.items():
            numbers = [number for number, entry in enumerate(self.entries) if entry.name == name]
            changes.gone.update(number for number in numbers if self.entries[number].node is None)
            self._change(changes, [number for number in numbers if number not in changes.gone], name, values)
        return changes

    def _change(self, changes: Changes, present: list[int], name: str, values: list[str]) -> None:
        """Note the least that gives a flag its values: what stays the same keeps its place."""
        own = [self.entries[number] for number in present]
        before = [entry.value if entry.exact else None for entry in own]
        places = [*present, present[-1] + 1 if present else len(self.entries)]
        matcher = difflib.SequenceMatcher(None, before, values, autojunk=False)
        for tag, old, old_end, new, new_end in matcher.get_opcodes():
            if tag == "equal":
                continue
            both = min(old_end - old, new_end - new)
            for number, value in zip(range(old, old + both), values[new : new + both]):
                changes.values[present[number]] = t.cast("yaml.ScalarNode", own[number].node), value
            changes.gone.update(present[old + both : old_end])
            for value in values[new + both : new_end]:
                changes.insert(places[old + both], self._new(name, value))


def parse(text: str) -> ClusterConfiguration:
    """Return a ClusterConfiguration, or raise InputError for a text that kubeadm does not read as one."""
    root = _first_document(text)
    kind, version = _text(root, "kind"), _text(root, "apiVersion")
    if kind not in ("", "ClusterConfiguration"):
        raise InputError(f"{_SOURCE} has the kind {kind!r}.", fix=_FIX)
    if version not in MAP_VERSIONS + LIST_VERSIONS:
        raise InputError(
            f"{_SOURCE} has the unknown apiVersion {version!r}.",
            fix="Bring it up to date with `kubeadm config migrate`.",
        )
    networking = _pair(root, "networking")
    return ClusterConfiguration(
        text=text,
        api_version=version,
        certificates_dir=_text(root, "certificatesDir"),
        dns_domain=(_text(networking[1], "dnsDomain") if networking else "") or _DNS_DOMAIN,
        entries=tuple(_entries(root, version)),
    )


def _first_document(text: str) -> yaml.MappingNode:
    try:
        document = first_node(text)
    except yaml.YAMLError as error:
        raise InputError(f"{_SOURCE} is not YAML: {' '.join(str(error).split())}.", fix=_FIX) from error
    if not isinstance(document, yaml.MappingNode):
        raise InputError(f"{_SOURCE} is no mapping.", fix=_FIX)
    return document


def _entries(root: yaml.MappingNode, version: str) -> t.Iterator[Entry]:
    server = _pair(root, "apiServer")
    inside = _collection(server[1]) if server else None
    arguments = _pair(inside, "extraArgs") if inside else None
    if arguments is None or arguments[1].tag == _NULL:
        return
    as_list = version in LIST_VERSIONS
    node = arguments[1]
    if not isinstance(node, yaml.SequenceNode if as_list else yaml.MappingNode):
        raise InputError(
            f"{_SOURCE} has apiServer.extraArgs that kubeadm can't read: in {version} they are "
            f"{'a list of names and values' if as_list else 'a map of names to values'}.",
            fix=_FIX,
        )
    for member in node.value:
        yield _of_item(member) if as_list else _of_pair(*member)
    _pair(node, "<<")


def _of_pair(key: yaml.Node, value: yaml.Node) -> Entry:
    name = _flag(key)
    return Entry(name, _word(value), exact=_is_string(value) and name == key.value, node=_alone(key, name, value))


def _of_item(item: yaml.Node) -> Entry:
    if not isinstance(item, yaml.MappingNode):
        raise InputError(f"{_SOURCE} has an entry of apiServer.extraArgs without a name.", fix=_FIX)
    key, value = _pair(item, "name"), _pair(item, "value")
    if key is None:
        raise InputError(f"{_SOURCE} has an entry of apiServer.extraArgs without a name.", fix=_FIX)
    name = _flag(key[1])
    if value is None or len(item.value) > len(
        ("name", "value")
    ):  # such as mergeMethod, by which others are joined to it
        return Entry(name, _word(value[1]) if value else "", exact=False, node=None)
    exact = _is_string(value[1]) and name == key[1].value
    return Entry(name, _word(value[1]), exact, node=_alone(key[1], name, value[1]))


def _flag(node: yaml.Node) -> str:
    """Return the flag that a name means: pflag takes C(_) for a dash, kubeadm does not."""
    return str(node.value).replace("_", "-") if isinstance(node, yaml.ScalarNode) else ""


def _alone(key: yaml.Node, name: str, value: yaml.Node) -> yaml.ScalarNode | None:
    return value if isinstance(value, yaml.ScalarNode) and name == key.value else None


def _word(node: yaml.Node) -> str:
    return str(node.value) if isinstance(node, yaml.ScalarNode) and node.tag != _NULL else ""


def _is_string(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag in (_STRING, _NULL)


def _text(node: yaml.Node, key: str) -> str:
    pair = _pair(node, key)
    return _word(pair[1]) if pair else ""


def _pair(node: yaml.Node, key: str) -> tuple[yaml.Node, yaml.Node] | None:
    """Return a key of a mapping with its value; None where there is none. What leaves a doubt is refused."""
    members = node.value if isinstance(node, yaml.MappingNode) else []
    if any(name.tag == _MERGE for name, _value in members):
        raise InputError(f"{_SOURCE} has a merge key (<<) next to {key}.", fix="Write out what it stands for.")
    pairs = [pair for pair in members if pair[0].value == key]
    if len(pairs) > 1:
        raise InputError(f"{_SOURCE} has the key {key} twice in one mapping.", fix="Remove one of them.")
    return pairs[0] if pairs else None


def _collection(node: yaml.Node) -> yaml.CollectionNode | None:
    """Return a mapping or list; None for an empty one and for null."""
    if isinstance(node, yaml.ScalarNode) and node.tag != _NULL:
        raise InputError(f"{_SOURCE} has {node.value!r} where kubeadm reads a mapping or a list.", fix=_FIX)
    return node if isinstance(node, yaml.CollectionNode) and node.value else None


def _first(content: Content) -> Changes:
    return Changes(new={0: [content]})


def _rest(text: str, names: t.Container[str]) -> _Tree:
    """Return all without the entries of these flags, and without what would be empty but for them.

    What stands behind the first document is not YAML to kubeadm, and is a text here.
    """
    document = _first_document(text)
    server = _pair(document, "apiServer")
    arguments = _pair(server[1], "extraArgs") if server else None
    entries = arguments[1].value if arguments and isinstance(arguments[1], yaml.CollectionNode) else []
    entries = [_tree(entry) for entry in entries if _name(entry) not in names]
    of_server = [*_members(server[1] if server else None, arguments), *([("extraArgs", entries)] if entries else [])]
    behind = text[document.end_mark.index :]
    return [*_members(document, server), *([("apiServer", of_server)] if of_server else [])], behind


def _members(node: yaml.Node | None, but: tuple[yaml.Node, yaml.Node] | None) -> list[_Tree]:
    members = node.value if isinstance(node, yaml.MappingNode) else []
    return [_tree(member) for member in members if but is None or member[0] is not but[0]]


def _name(member: yaml.Node | tuple[yaml.Node, yaml.Node]) -> str:
    if isinstance(member, tuple):
        return _flag(member[0])
    pair = _pair(member, "name")
    return _flag(pair[1]) if pair else ""


def _tree(node: yaml.Node | tuple[yaml.Node, yaml.Node]) -> _Tree:
    if isinstance(node, tuple):
        return _tree(node[0]), _tree(node[1])
    if isinstance(node, yaml.ScalarNode):
        return node.tag, node.value, node.style in ("'", '"')
    return node.tag, [_tree(member) for member in node.value]


__all__: t.Final = ("LIST_VERSIONS", "MAP_VERSIONS", "ClusterConfiguration", "Entry", "parse")
