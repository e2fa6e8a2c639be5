# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flags of a component in its static pod's manifest. PRIVATE to the collection: it may change without notice.

Pure, and for the controller alone: hosts need no YAML library. Changes are spliced into the text at the places that
the YAML parser reports, so that comments, quotes, order and every other byte stay as they are.
"""

from __future__ import annotations

import difflib
import typing as t
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import PurePath

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._flags.annotations import with_annotation
from ansible_collections.onprem.irsa.plugins.module_utils._flags.arguments import (
    Flag,
    Flags,
    check_flags,
    occurrences,
    values_by_name,
)
from ansible_collections.onprem.irsa.plugins.module_utils._flags.environment import Environment, environment_of
from ansible_collections.onprem.irsa.plugins.module_utils._flags.manifest import (
    child,
    elements,
    first_document,
    pod_key,
    pod_of,
    scalar,
)
from ansible_collections.onprem.irsa.plugins.module_utils._flags.mounts import Mount, mounts_of, on_host
from ansible_collections.onprem.irsa.plugins.module_utils._flags.probes import Probe, probes_of
from ansible_collections.onprem.irsa.plugins.module_utils._flags.splice import Item, Slot, spliced

with suppress(ImportError):  # ansible-core brings PyYAML to the controller, where alone this file is used
    import yaml

_TEXT = "tag:yaml.org,2002:str"

_FIX = "Write the container's command as a list that names the program first, then its flags, one string each."


@dataclass(frozen=True)
class StaticPod:
    """A component's container in the manifest of its static pod: who the pod is, and the arguments it starts with."""

    source: str
    text: str = field(repr=False)
    component: str
    container: int
    items: tuple[Item, ...] = field(repr=False)
    program: int
    """Index among items of the program's name; -1 when the image's entry point is the program."""
    environment: Environment = field(default_factory=Environment, repr=False)
    mounts: tuple[Mount, ...] = ()
    probes: tuple[Probe, ...] = ()
    working_directory: str = ""
    shown: t.Mapping[str, str] = field(default_factory=dict, repr=False)
    """The values of variables that the kubelet alone knows, as far as a running process shows them."""

    @property
    def arguments(self) -> list[str]:
        """The items of C(command) and C(args), one behind the other, as the kubelet passes them to the program.

        C($(NAME)) stands there for the value of a variable that the kubelet alone knows.
        """
        return [self.environment.expanded(item.value) for item in self.items]

    @property
    def flags(self) -> Flags:
        """The values of each flag as the program gets them, in their order."""
        return values_by_name(occurrences(self.arguments, start=self.program + 1))

    @property
    def hidden(self) -> tuple[str, ...]:
        """The variables among the arguments whose values the kubelet alone knows."""
        return tuple(dict.fromkeys(name for item in self.items for name in self.environment.unknown(item.value)))

    def on_host(self, file: str) -> str:
        """Return where the host has a file that a flag names; the same path where nothing of the host is mounted."""
        return on_host(file, self.mounts, working_directory=self.working_directory) or file

    def with_flags(self, flags: t.Mapping[str, object]) -> str:
        """Return the manifest's text with each of these flags set to its values in their order; [] removes a flag.

        The values are those that the program should get: a dollar sign that the kubelet would change is written twice.
        Flags that are not named stay. A flag that was not there comes right behind the program's name.
        Raises InputError when the text can't be changed so without changing anything else.
        """
        wanted = check_flags(flags)
        slots = [Slot(index, item.value) for index, item in enumerate(self.items)]
        for name, values in wanted.items():
            slots = _with_flag(slots, self, name, values)
        try:
            text = spliced(self.text, self.items, slots)
        except InputError as error:
            raise InputError(f"{self.source}: {error.problem}", fix=error.fix) from None
        self._require_nothing_else(text, {name: values for name, values in {**self.flags, **wanted}.items() if values})
        return text

    def _require_nothing_else(self, text: str, flags: Flags) -> None:
        """Read the new text back: a YAML feature that a splice does not see (an alias, a tag) ends here."""
        try:
            after = parse(text, self.component, source=self.source, shown=self.shown)
            same = after.flags == flags and _without_arguments(after) == _without_arguments(self)
        except (InputError, yaml.YAMLError):
            same = False
        if not same:
            raise InputError(
                f"{self.source}: is written so that the flags cannot be changed alone (an anchor, a tag or a stray "
                "word among the arguments).",
                fix=_FIX,
            )


def parse(text: str, component: str, *, source: str, shown: t.Mapping[str, str] | None = None) -> StaticPod:
    """Return the component's container of a static pod's manifest; source names the text in messages.

    shown: the values of variables that the kubelet alone knows, as far as they are known.
    Raises InputError when the text holds no pod, when no container runs the component by its own name, or several do.
    """
    pod = pod_of(text, source=source)
    if not isinstance(child(child(pod, "spec"), "containers"), yaml.SequenceNode):
        raise InputError(f"{source}: spec.containers must be a list.", fix="Restore the manifest from a backup.")
    found = []
    for number, container in enumerate(elements(child(pod, "spec"), "containers")):
        items = tuple(_items(container, "command", source) + _items(container, "args", source))
        environment = environment_of(container, shown or {})
        names = [environment.expanded(item.value) for item in items]
        program = _program(names, component, entry_point=child(container, "command") is None)
        if program is not None and (program >= 0 or scalar(container) == component):
            found.append(
                StaticPod(
                    source,
                    text,
                    component,
                    number,
                    items,
                    program,
                    environment,
                    mounts_of(pod, container, environment),
                    probes_of(container),
                    scalar(container, "workingDir"),
                    shown or {},
                )
            )
    if len(found) != 1:
        raise InputError(
            f"{source}: {len(found)} containers start the program {component}, where exactly one is expected"
            f"{'' if found else ' (a shell or another wrapper in front of it hides its flags)'}.",
            fix=_FIX,
        )
    return found[0]


def annotated(pod: StaticPod, name: str, value: str) -> str:
    """Return a pod's manifest with this annotation; every other byte stays.

    Raises InputError when the text can't be changed so without changing anything else.
    """
    with suppress(InputError, yaml.YAMLError):
        text = with_annotation(pod.text, child(pod_of(pod.text, source=pod.source), "metadata"), name, value)
        if first_document(text) == _with(pod.text, name, value):
            return text
    raise InputError(
        f"{pod.source}: is written so that one annotation cannot be changed alone (an anchor or a tag).",
        fix="Write metadata.annotations as a mapping of plain keys and values.",
    )


def _with(text: str, name: str, value: str) -> object:
    document = first_document(text)
    document["metadata"]["annotations"] = {**(document["metadata"].get("annotations") or {}), name: value}
    return document


def same_pod(manifests: t.Mapping[str, str], path: str) -> list[str]:
    """Return the other files of a manifests directory that hold the pod of the file at path.

    The kubelet runs one of them and does not say which (Kubernetes issue 136962).
    """
    key = pod_key(manifests[path], source=path)
    return sorted(
        other
        for other, text in manifests.items()
        if other != path and key is not None and pod_key(text, source=other) == key
    )


def _items(container: yaml.Node, key: str, source: str) -> list[Item]:
    node = child(container, key)
    if node is None:
        return []
    if not isinstance(node, yaml.SequenceNode) or any(item.tag != _TEXT for item in node.value):
        raise InputError(f"{source}: {key} of a container must be a list of strings.", fix=_FIX)
    return [Item.of(item, node) for item in node.value]


def _program(arguments: t.Sequence[str], component: str, *, entry_point: bool) -> int | None:
    """Return the index of the program's name in front of the flags; -1: the entry point; None: something else runs."""
    for index, argument in enumerate(arguments):
        if PurePath(argument).name == component:
            return index
        if argument.startswith("-"):
            break
    return -1 if entry_point else None


def _without_arguments(pod: StaticPod) -> object:
    document = first_document(pod.text)
    for key in ("command", "args"):
        document["spec"]["containers"][pod.container].pop(key, None)
    return document


def _with_flag(slots: list[Slot], pod: StaticPod, name: str, values: list[str]) -> list[Slot]:
    """Return the slots with a flag's values changed where they stand; what stays the same keeps its place."""
    arguments = [pod.environment.expanded(slot.value) for slot in slots]
    present = [flag for flag in occurrences(arguments, start=pod.program + 1) if flag.name == name]
    places = [flag.index for flag in present] + [present[-1].end if present else pod.program + 1]
    after = list(slots)
    matcher = difflib.SequenceMatcher(None, [flag.value for flag in present], values, autojunk=False)
    for tag, old, old_end, new, new_end in reversed(matcher.get_opcodes()):
        if tag == "equal":
            continue
        gone, come = present[old:old_end], values[new:new_end]
        place = gone[-1].end if gone else places[old]
        after[place:place] = [Slot(None, pod.environment.escaped(f"--{name}={value}")) for value in come[len(gone) :]]
        for flag, value in reversed([*zip_longest(gone, come[: len(gone)])]):
            after[flag.index : flag.end] = _rewritten(slots[flag.index : flag.end], flag, value, pod.environment)
    return after


def _rewritten(slots: list[Slot], flag: Flag, value: str | None, environment: Environment) -> list[Slot]:
    """Return the items of one occurrence with another value, in the form in which they were written; None: none."""
    first = slots[0]
    if value is None:
        return []
    if flag.length > 1 and not value.startswith("-"):
        return [first, Slot(slots[1].source, environment.escaped(value))]
    written = environment.expanded(first.value)
    name = written if flag.bare or flag.length > 1 else written[: len(written) - len(flag.value)]
    return [Slot(first.source, environment.escaped(f"{name}{'' if name.endswith('=') else '='}{value}"))]


__all__: t.Final = ("StaticPod", "annotated", "parse", "pod_key", "same_pod")
