# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""MicroK8s, which keeps the API server's arguments in a file, one in a line. PRIVATE to the collection.

The API server is part of the process kubelite, so that no process shows its flags: discovery and a token that is asked
for do. Source of the rules: MicroK8s' patches of Kubernetes 1.36 (cmd/kubelite/app/options, ReadArgsFromFile).
"""

from __future__ import annotations

import difflib
import re
import typing as t
from dataclasses import dataclass, field

from ansible_collections.onprem.irsa.plugins.module_utils._distributions.by_hand import (
    block,
    by_hand,
    without_values,
)
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.room import (
    PUBLIC_KEYS,
    SIGNING_KEY,
    Edit,
    Flags,
    Marks,
    Places,
    Plan,
    Restart,
    Seen,
    Setting,
    Source,
    Upkeep,
    as_wanted,
    checked,
    flags_in,
    readable,
)
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._flags.arguments import Flag, occurrences

DATA: t.Final = "/var/snap/microk8s/current"
ARGS: t.Final = f"{DATA}/args/kube-apiserver"
SERVICE: t.Final = "microk8s.daemon-kubelite"
# Of a node that joined as a worker: its kubelite starts no API server.
_WORKER = f"{DATA}/var/lock/clustered.lock"
_SNAP = {"SNAP_DATA": DATA, "SNAP_COMMON": "/var/snap/microk8s/common", "SNAP": "/snap/microk8s/current"}
_VARIABLE = re.compile(r"\$(?:\{(?P<braced>[A-Za-z_][A-Za-z0-9_]*)\}|(?P<plain>[A-Za-z_][A-Za-z0-9_]*))")
_UNWRITABLE = re.compile(r"[ \t\"'$]")
_SECONDS = 120
_PORT = "16443"


@dataclass(frozen=True)
class _Line:
    """A line of the file, of which the words are arguments; a comment or an empty line has none."""

    lead: str
    words: tuple[str, ...]
    tail: str
    """With the line break."""

    @classmethod
    def of(cls, text: str) -> _Line:
        """Return a line; at every space ends a word, whatever quotes are around it."""
        inner = text.strip()
        if not inner or inner.startswith("#"):
            return cls(text, (), "")
        lead, _inner, tail = text.partition(inner)
        return cls(lead, tuple(inner.split(" ")), tail)


@dataclass(frozen=True)
class _Word:
    """An argument as kubelite makes it of a word: without quotes, with the snap's variables."""

    line: int
    """Of the list of lines: 0 for the first."""
    first: bool
    """Whether it is the first of its line."""
    value: str


@dataclass(frozen=True)
class _Occurrence:
    flag: Flag
    numbers: range
    """Of the words."""


@dataclass
class _Changes:
    """What stands for each word that changes, and the lines that come above or below a line."""

    words: dict[int, list[str]] = field(default_factory=dict)
    above: dict[int, list[str]] = field(default_factory=dict)
    below: dict[int, list[str]] = field(default_factory=dict)


def _lines(text: str) -> list[_Line]:
    return [_Line.of(line) for line in re.findall(r"[^\n]*\n|[^\n]+", text)]


def _words(lines: t.Iterable[_Line]) -> list[_Word]:
    return [
        _Word(number, place == 0, _expanded(word.replace('"', "").replace("'", "")))
        for number, line in enumerate(lines)
        for place, word in enumerate(line.words)
    ]


def _expanded(value: str) -> str:
    """Return a value with the snap's own directories; other variables stay, as their values are not known here."""
    return _VARIABLE.sub(lambda found: _SNAP.get(found["braced"] or found["plain"], found[0]), value)


def _occurrences(words: t.Sequence[_Word]) -> list[_Occurrence]:
    return [_Occurrence(flag, range(flag.index, flag.end)) for flag in occurrences([word.value for word in words])]


def _with_flag(text: str, name: str, values: list[str]) -> str:
    """Return the text with the values of one flag: what stays the same keeps its line, the rest is put around it."""
    lines = _lines(text)
    words = _words(lines)
    own = [found for found in _occurrences(words) if found.flag.name == name]
    changes = _Changes()
    matcher = difflib.SequenceMatcher(None, [found.flag.value for found in own], values, autojunk=False)
    for tag, old, old_end, new, new_end in matcher.get_opcodes():
        if tag == "equal":
            continue
        written = [f"--{name}={value}" for value in values[new:new_end]]
        for found in own[old:old_end]:
            changes.words.update({number: [] for number in found.numbers})
            changes.words[found.numbers[0]] = written[:1]
            written = written[1:]
        if written and old_end < len(own):
            _put_before(changes, words, own[old_end].numbers[0], lines, written)
        elif written:
            changes.below[words[own[-1].numbers[-1]].line if own else len(lines) - 1] = written
    return _written(lines, changes, "\r\n" if "\r\n" in text else "\n")


def _put_before(
    changes: _Changes, words: t.Sequence[_Word], number: int, lines: t.Sequence[_Line], written: list[str]
) -> None:
    word = words[number]
    if word.first:
        changes.above[word.line] = written
    else:
        place = number - next(at for at, other in enumerate(words) if other.line == word.line)
        changes.words[number] = [*written, lines[word.line].words[place]]


def _written(lines: t.Sequence[_Line], changes: _Changes, newline: str) -> str:
    pieces = [f"{written}{newline}" for written in changes.below.get(-1, [])]
    first = 0
    for number, line in enumerate(lines):
        words = [word for place, old in enumerate(line.words, first) for word in changes.words.get(place, [old])]
        first += len(line.words)
        pieces += [f"{line.lead}{written}{newline}" for written in changes.above.get(number, [])]
        if words or not line.words:
            pieces.append(f"{line.lead}{' '.join(words)}{line.tail}")
        below = changes.below.get(number, [])
        if below and pieces and not pieces[-1].endswith("\n"):
            pieces[-1] += newline
        pieces += [f"{line.lead if line.words else ''}{written}{newline}" for written in below]
    return "".join(pieces)


def _require_writable(wanted: Flags) -> None:
    for name, values in wanted.items():
        for value in values:
            if _UNWRITABLE.search(value):
                raise InputError(
                    f"The value {value!r} of the flag {name} can't be written for MicroK8s, which drops quotes, ends "
                    "an argument at each space and replaces variables.",
                    fix="Choose a value without quotes, spaces and dollar signs.",
                )


@dataclass(frozen=True)
class MicroK8s:
    """MicroK8s from 1.21 on, in which kubelite runs the API server."""

    name: str = "MicroK8s"
    special_form_of: str = ""

    @property
    def marks(self) -> Marks:
        """What the host's part looks for."""
        return Marks(
            directories=(DATA,), globs=(ARGS, _WORKER), units=(f"snap.{SERVICE}.service",), programs=("kubelite",)
        )

    def named_files(self, seen: Seen) -> tuple[str, ...]:
        """Return no file besides."""
        return ()

    def detect(self, seen: Seen) -> bool:
        """Return whether the node runs a control plane, which one that joined as a worker does not."""
        there = {*seen.directories, *seen.files, *seen.unreadable}
        return bool(there & {DATA, ARGS}) and _WORKER not in there

    def settings(self, seen: Seen) -> list[Setting]:
        """Return the arguments of the file, in the order of their lines."""
        words = _words(_lines(self._text(seen)))
        return [
            Setting(found.flag.name, found.flag.value, Source(ARGS, words[found.numbers[0]].line + 1))
            for found in _occurrences(words)
        ]

    def plan(self, seen: Seen, wanted: Flags, *, disruptive: bool = False) -> Plan:
        """Return the file with the wanted flags; the issuer that should sign comes above the one that signs now."""
        wanted = checked(wanted)
        _require_writable(wanted)
        before = self._text(seen)
        restart = Restart(
            "snap",
            SERVICE,
            _SECONDS,
            "This node's API server, scheduler, controllers and kubelet are restarted together; its pods keep running.",
        )
        if as_wanted(flags_in(self.settings(seen)), wanted):
            return Plan((), restart)
        after = before
        for flag, values in wanted.items():
            after = _with_flag(after, flag, values)
        there = {flag: values for flag, values in wanted.items() if values}
        others = {flag: values for flag, values in flags_in(self.settings(seen)).items() if flag not in wanted}
        if flags_in(self.settings(Seen(files={ARGS: after}))) != {**others, **there}:
            raise InputError(
                f"{ARGS} is written so that {', '.join(wanted)} cannot be changed alone (an argument without a flag, "
                "or `--`).",
                fix="Write each argument in a line of its own, as --flag=value.",
            )
        return Plan((Edit(ARGS, before, after),), restart)

    def places(self, seen: Seen) -> Places:
        """Return where things are; MicroK8s accepts tokens by its private key."""
        flags = flags_in(self.settings(seen))
        own = f"{DATA}/certs/serviceaccount.key"
        return Places(
            signing_key=flags.get(SIGNING_KEY, [own])[-1],
            public_keys=tuple(flags.get(PUBLIC_KEYS, [own])),
            kubeconfig=f"{DATA}/credentials/client.config",
            api_url=f"https://127.0.0.1:{flags.get('secure-port', [_PORT])[-1]}",
            component_user="root",
            client_cert=flags.get("kubelet-client-certificate", [f"{DATA}/certs/apiserver-kubelet-client.crt"])[-1],
            client_key=flags.get("kubelet-client-key", [f"{DATA}/certs/apiserver-kubelet-client.key"])[-1],
            authority=f"{DATA}/certs/ca.crt",
        )

    def upkeep(self, version: str | None) -> Upkeep:
        """Return what MicroK8s does: a refresh of the snap copies the file, a node that joins has the defaults."""
        return Upkeep(
            undone_by="A node that joins gets the arguments that MicroK8s is delivered with, and `snap revert` brings "
            "back the file of the revision before.",
            put_instead="Run the role again after a node has joined, or name the flags in the node's launch "
            "configuration (extraKubeAPIServerArgs), which has room for one issuer, the one that signs.",
        )

    def show(self, wanted: Flags, version: str | None) -> str:
        """Return the lines for the file of arguments, in two passes."""
        wanted = checked(wanted)
        _require_writable(wanted)

        def steps(flags: Flags) -> str:
            lines = [f"--{name}={value}" for name, values in flags.items() for value in values]
            gone = without_values(flags)
            removed = f" Remove {gone}." if gone else ""
            return (
                f"On each node with a control plane, one after the other, write these lines to {ARGS} in place of all "
                f"of the same flags, in this order.{removed}\n\n{block(chr(10).join(lines))}\n\n"
                f"Then restart it, and wait for it:\n\n"
                f"{block(f'snap restart {SERVICE}{chr(10)}microk8s status --wait-ready')}"
            )

        about = (
            f"MicroK8s reads the flags of its API server from {ARGS}, one in a line. It drops quotes, and keeps "
            "repeated lines in their order: the first --service-account-issuer signs, all are accepted."
        )
        ask = "ask on each node with `microk8s kubectl get --raw /.well-known/openid-configuration`"
        return by_hand(wanted, about=about, steps=steps, ask=ask)

    def _text(self, seen: Seen) -> str:
        text = readable(seen, ARGS)
        if text is None:
            raise InputError(f"{ARGS} is not there.", fix="Look whether `microk8s status` says that it is installed.")
        return text


MICROK8S: t.Final = MicroK8s()

__all__: t.Final = ("ARGS", "DATA", "MICROK8S", "SERVICE", "MicroK8s")
