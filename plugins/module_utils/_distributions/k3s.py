# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""K3s and RKE2, which merge files and a command line in the same way. PRIVATE to the collection.

C(config.yaml), then the files of C(config.yaml.d) in the order of their names; a key with C(+) adds to the list before
it, one without takes its place; the command line comes behind (k3s, pkg/configfilearg/parser.go). Of the list
C(kube-apiserver-arg), C(k=v) takes the place of the built-in value and stands behind others of the same flag,
C(k+=v) stands behind both, and C(k-=v) in front of both (k3s, pkg/util/args.go). K3s' API server is a part of its own
process, which hides its arguments, so that the outcome alone tells; that of RKE2 is a static pod, which RKE2 writes
again at each start.

Pure, and for the controller alone: hosts need no YAML library.
"""

from __future__ import annotations

import difflib
import json
import posixpath
import typing as t
from contextlib import suppress
from dataclasses import dataclass, field, replace

from ansible_collections.onprem.irsa.plugins.module_utils._distributions.by_hand import (
    block,
    by_hand,
    without_values,
)
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.room import (
    AUDIENCES,
    ISSUER,
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
    UnitFile,
    Upkeep,
    as_wanted,
    checked,
    flags_in,
    readable,
    refuse_scattered,
)
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.unit_files import (
    command_of,
    environment_files,
)
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._flags.manifest import first_document, first_node
from ansible_collections.onprem.irsa.plugins.module_utils._flags.splice import Item, Slot, spliced

with suppress(ImportError):  # ansible-core brings PyYAML to the controller, where alone this file is used
    import yaml

DROP_IN: t.Final = "90-onprem-irsa.yaml"
"""The file of config.yaml.d that the collection writes."""

_KEY = "kube-apiserver-arg"
_NULL, _MERGE = "tag:yaml.org,2002:null", "tag:yaml.org,2002:merge"
_SHORT = {"c": "config", "d": "data-dir", "o": "write-kubeconfig"}
_SUFFIXES = (".yaml", ".yml")
_HEAD = "# Written by the Ansible collection onprem.irsa. The + keeps what the files before say.\n"
_DOMAIN, _PORT = "cluster.local", "6443"
_ANY_ADDRESS = ("", "0.0.0.0", "::")  # noqa: S104 -- what an option says, nothing is bound

_Entry = tuple[str, str]
"""The form (empty, C(+) or C(-)) and the value of an argument for a flag that is known."""


@dataclass(frozen=True)
class _Value:
    """A value of an option, and where it is written."""

    text: str
    source: Source
    item: Item | None = None
    """None on the command line, and for what is no member of a list."""


@dataclass(frozen=True)
class _Key:
    """A key of a configuration file: an option, and whether it adds to what the files before it say."""

    option: str
    adds: bool
    values: tuple[_Value, ...]
    source: Source
    node: yaml.Node = field(repr=False)
    value: yaml.Node = field(repr=False)


@dataclass(frozen=True)
class _Argument:
    """A member of kube-apiserver-arg."""

    flag: str
    """As it is written, without dashes in front and without its form."""
    entry: _Entry
    source: Source
    item: Item | None

    @property
    def name(self) -> str:
        """The flag as kube-apiserver names it."""
        return self.flag.replace("_", "-")


@dataclass(frozen=True)
class _Started:
    """How the server is started."""

    unit: str
    """Empty where no unit that was seen starts it."""
    options: t.Mapping[str, tuple[_Value, ...]]
    """Of the command line."""
    variables: t.Mapping[str, str]


@dataclass(frozen=True)
class _Configuration:
    """All that a server is configured with."""

    started: _Started
    file: str
    keys: tuple[_Key, ...]
    """Of all files, in the order in which they are read."""
    options: t.Mapping[str, tuple[_Value, ...]]
    """Merged, those of the command line behind those of files."""
    lost: tuple[tuple[_Key, _Key], ...]
    """Keys whose arguments of kube-apiserver are lost, and the one without C(+) that took their place."""

    @property
    def drop_in(self) -> str:
        """The file that the collection writes."""
        return f"{self.file}.d/{DROP_IN}"

    @property
    def arguments(self) -> list[_Argument]:
        """What is in force of kube-apiserver-arg, in its order."""
        return [_argument(value) for value in self.options.get(_KEY, ())]

    def last(self, option: str, variable: str = "", default: str = "") -> str:
        """Return the value of an option that has one; of a variable where no option is given."""
        values = self.options.get(option, ())
        return values[-1].text if values else self.started.variables.get(variable) or default


@dataclass(frozen=True)
class K3s:
    """K3s, or RKE2 with its own names."""

    name: str = "K3s"
    program: str = "k3s"
    unit: str = "k3s.service"
    seconds: int = 60
    meanwhile: str = "The API server of this host does not answer; its pods run on."
    kubectl: str = "k3s kubectl"
    """How a server's own API server is asked on its host."""
    special_form_of: str = ""

    @property
    def marks(self) -> Marks:
        """What the host's part looks for."""
        file = self._default_file
        service = self.unit.rpartition(".")[0]
        environments = [f"/etc/default/{service}", f"/etc/sysconfig/{service}", f"/etc/systemd/system/{self.unit}.env"]
        return Marks(
            directories=(f"/var/lib/rancher/{self.program}/server",),
            globs=(file, f"{file}.d/*", f"{file}.d/.*", *environments),
            units=(self.unit,),
            # It gives its process a title, which has the arguments in it no longer.
            programs=(self.program, f"{self.program} server", f"{self.program}-server"),
        )

    @property
    def _default_file(self) -> str:
        return f"/etc/rancher/{self.program}/config.yaml"

    @property
    def _default_data(self) -> str:
        return f"/var/lib/rancher/{self.program}"

    def named_files(self, seen: Seen) -> tuple[str, ...]:
        """Return the files with variables of the unit, and the configuration where it is elsewhere."""
        started = self._started(seen)
        if started is None:
            return ()
        files = environment_files(seen.units[started.unit], started.unit) if started.unit else ()
        file = self._file(started)
        return (*files, file, f"{file}.d/*", f"{file}.d/.*")

    def detect(self, seen: Seen) -> bool:
        """Return whether a unit or a process of the host is a server; agents have no control plane."""
        return self._started(seen) is not None

    def settings(self, seen: Seen) -> list[Setting]:
        """Return the flags as kube-apiserver gets them; of the built-in ones, those that concern tokens."""
        configuration = self._configuration(seen)
        return self._merged(configuration, configuration.arguments)

    def plan(self, seen: Seen, wanted: Flags, *, disruptive: bool = False) -> Plan:
        """Return what gives a server these flags: a file of its own for them, or the file that has them alone."""
        flags = checked(wanted, seen.version)
        configuration = self._configuration(seen)
        self._refuse(configuration, flags)
        settings = self.settings(seen)
        after = seen
        for flag, values in flags.items():
            if not as_wanted(flags_in(settings), {flag: values}):
                refuse_scattered(flag, settings)
                after = self._with_flag(after, flag, values)
        edits = tuple(
            Edit(path, seen.files.get(path), text, None if path in seen.files else 0o600)
            for path, text in after.files.items()
            if seen.files.get(path) != text
        )
        self._require_nothing_else(seen, after, flags)
        restart = Restart("unit", configuration.started.unit, self.seconds, self.meanwhile)
        return Plan(edits, restart, tuple(_loss(lost, by) for lost, by in configuration.lost))

    def places(self, seen: Seen) -> Places:
        """Return where key files, kubeconfig and API server are."""
        configuration = self._configuration(seen)
        flags = flags_in(self.settings(seen))
        address = configuration.last("bind-address")
        host = "127.0.0.1" if address in _ANY_ADDRESS else f"[{address}]" if ":" in address else address
        upper = self.program.upper()
        return Places(
            signing_key=flags[SIGNING_KEY][-1],
            public_keys=tuple(flags[PUBLIC_KEYS]),
            kubeconfig=configuration.last(
                "write-kubeconfig", f"{upper}_KUBECONFIG_OUTPUT", f"/etc/rancher/{self.program}/{self.program}.yaml"
            ),
            api_url=f"https://{host}:{configuration.last('https-listen-port', default=_PORT)}",
            component_user="root",
            client_cert=f"{self._keys(configuration)}/client-admin.crt",
            client_key=f"{self._keys(configuration)}/client-admin.key",
            authority=f"{self._keys(configuration)}/server-ca.crt",
        )

    def upkeep(self, version: str | None) -> Upkeep:
        """Return what a new server needs; upgrades leave the files alone."""
        return Upkeep(
            undone_by="",
            put_instead=f"A server that joins needs {self._default_file}.d/{DROP_IN} before its first start.",
        )

    def show(self, wanted: Flags, version: str | None) -> str:
        """Return how to set the flags by hand."""
        file, unit = self._default_file, self.unit.rpartition(".")[0]
        about = (
            f"{self.name} reads {file}, then the files of {file}.d in the order of their names. A key with + adds to "
            "the list of the files before; without it, their list is lost. The command line of the unit (`systemctl "
            f"cat {unit}`) comes last. Where any of them sets {ISSUER} already, remove it there before the restart: it "
            f"would stay in front, and the first issuer signs; an issuer that is there twice ends {self.name}."
        )
        path = f"{file}.d/{DROP_IN}"

        def steps(flags: Flags) -> str:
            lines, gone = _text_of(flags), without_values(flags, "")
            removed = f" Remove {gone} from {_KEY} wherever a file or the command line sets it." if gone else ""
            return (
                f"On each server, one after the other, write {path}.{removed}\n\n{block(lines)}\n\n"
                "Then restart it, and wait until it says ok before you go to the next:\n\n"
                f"{block(f'systemctl restart {unit}{chr(10)}{self.kubectl} get --raw /readyz')}\n\n"
                f"A server that joins later needs the same file before its first start."
            )

        ask = f"ask on each server with `{self.kubectl} get --raw /.well-known/openid-configuration`"
        return by_hand(wanted, about=about, steps=steps, ask=ask)

    def _started(self, seen: Seen) -> _Started | None:
        """Return how a server is started: by a unit, or else as a process shows it."""
        for name, files in seen.units.items():
            command = command_of(files, seen.files, unit=name) if self._is_named(files) else None
            if command is None or posixpath.basename(command.words[0].value) != self.program:
                continue
            words = [_Value(word.value, word.source) for word in command.words]
            if self._is_server(words):
                variables = {name: word.value for name, word in command.environment.items()}
                return _Started(name, _of_command_line(words), variables)
        for process in seen.processes:
            source = Source(f"the arguments of {self.name}'s process", 0)
            words = [_Value(word, source) for argument in process.arguments for word in argument.split() if word]
            if words and posixpath.basename(words[0].text) == self.program and self._is_server(words):
                return _Started("", _of_command_line(words), {})
        return None

    def _is_named(self, files: t.Iterable[UnitFile]) -> bool:
        return any(self.program in file.text for file in files)

    @staticmethod
    def _is_server(words: t.Sequence[_Value]) -> bool:
        return next((word.text for word in words if word.text in ("server", "agent")), "") == "server"

    def _file(self, started: _Started) -> str:
        named = started.options.get("config", ())
        default = named[0].text if named else self._default_file
        return started.variables.get(f"{self.program.upper()}_CONFIG_FILE") or default

    def _configuration(self, seen: Seen) -> _Configuration:
        started = self._started(seen)
        if started is None:
            raise InputError(
                f"No unit and no process of the host starts `{self.program} server`.",
                fix=f"Check that the host is a server of {self.name}, and that it runs.",
            )
        for path in environment_files(seen.units[started.unit], started.unit) if started.unit else ():
            readable(seen, path)
        file = self._file(started)
        if not file.startswith("/"):
            raise InputError(
                f"{self.name} reads its configuration from {file or 'nowhere'}, which is no absolute path of the host.",
                fix="Put it into a file, or set irsa_apiserver_flags to show, and set the flags there.",
            )
        keys = tuple(key for path in _read(seen, file) for key in _keys(readable(seen, path) or "", path))
        options, lost = _merge(keys)
        for option, values in started.options.items():
            options[option] = (*options.get(option, ()), *values)
        return _Configuration(started, file, keys, options, tuple(lost))

    def _merged(self, configuration: _Configuration, arguments: t.Iterable[_Argument]) -> list[Setting]:
        """Return what K3s passes to kube-apiserver: sorted by flag, with the order of each flag's values kept."""
        own = Source(self.name, 0)
        left = {flag: [Setting(flag, value, own)] for flag, value in self._built_in(configuration).items()}
        given: dict[str, list[Setting]] = {}
        for argument in arguments:
            form, value = argument.entry
            built_in = left.pop(argument.flag, [])
            so_far = [*(built_in if form else ()), *given.get(argument.flag, [])]
            added = [Setting(argument.name, value, argument.source)]
            given[argument.flag] = [*added, *so_far] if form == "-" else [*so_far, *added]
        merged = {**left, **given}
        return [setting for flag in sorted(merged) for setting in merged[flag]]

    def _built_in(self, configuration: _Configuration) -> dict[str, str]:
        issuer = f"https://kubernetes.default.svc.{configuration.last('cluster-domain', default=_DOMAIN)}"
        keys = self._keys(configuration)
        return {
            AUDIENCES: f"{issuer},{self.program}",
            ISSUER: issuer,
            PUBLIC_KEYS: f"{keys}/service.key",
            SIGNING_KEY: f"{keys}/service.current.key",
        }

    def _keys(self, configuration: _Configuration) -> str:
        data = configuration.last("data-dir", f"{self.program.upper()}_DATA_DIR", self._default_data)
        return posixpath.join(data, "server", "tls")

    def _refuse(self, configuration: _Configuration, wanted: Flags) -> None:
        """Refuse what cannot be known, and what K3s does not stand."""
        if not configuration.started.unit:
            raise InputError(
                f"No systemd unit starts `{self.program} server`, and its process hides the arguments that come "
                "behind those of all files.",
                fix="Set irsa_apiserver_flags to show, and set the flags where it is started.",
            )
        current = flags_in(self._merged(configuration, configuration.arguments))
        for flag in (SIGNING_KEY, PUBLIC_KEYS):
            if wanted.get(flag, current.get(flag, [])) != current.get(flag, []):
                raise InputError(
                    f"The flag {flag} must stay as it is: {self.name} keeps the keys in its datastore, and writes "
                    "their files itself.",
                    fix=f"Change the keys with `{self.program} certificate rotate-ca`.",
                )
        audiences = [audience for value in wanted.get(AUDIENCES) or [self.program] for audience in value.split(",")]
        if self.program not in audiences:
            raise InputError(
                f"The flag {AUDIENCES} must have {self.program}, by which {self.name}'s own components are accepted, "
                f"and has {', '.join(audiences)}.",
                fix="Add it.",
            )

    def _with_flag(self, seen: Seen, flag: str, values: list[str]) -> Seen:
        """Return a host whose files give the flag these values."""
        configuration = self._configuration(seen)
        drop_in = configuration.drop_in
        others = [argument for argument in configuration.arguments if argument.source.file != drop_in]
        mine = [argument for argument in others if argument.name == flag]
        files = {argument.source.file for argument in mine}
        base = flags_in(self._merged(configuration, others)).get(flag, [])
        candidates = [{drop_in: entries} for entries in _additions(base, values, alone=not mine)]
        if len(files) == 1 and all(argument.item is not None for argument in mine):
            candidates.append({files.pop(): [("", value) for value in values], drop_in: []})
        for candidate in candidates:
            after = seen
            for path, entries in candidate.items():
                text = _edited(after.files.get(path), path, flag, entries)
                if text is not None:
                    after = replace(after, files={**after.files, path: text})
            with suppress(InputError):  # a text that does not parse any more, as without an anchor that it names
                if flags_in(self.settings(after)).get(flag, []) == values:
                    return after
        raise self._impossible(configuration, flag, values)

    def _impossible(self, configuration: _Configuration, flag: str, values: list[str]) -> InputError:
        given = [argument for argument in configuration.arguments if argument.name == flag]
        asked = ", ".join(values) or "no value"
        files = {key.source.file for key in configuration.keys}
        fixed = [argument for argument in given if argument.source.file not in files]
        later = [key for key in configuration.keys if key.option == _KEY and key.source.file > configuration.drop_in]
        if fixed:
            found = ", ".join(f"{argument.source} ({argument.entry[1]})" for argument in fixed)
            return InputError(
                f"The flag {flag} is set in {found}, which {self.name} reads so that it cannot become {asked} by a "
                "file of configuration: the command line comes behind all files.",
                fix=f"Write it as a member of the list {_KEY} in {configuration.file}, take it away there, and run it "
                "again.",
            )
        if any(not key.adds for key in later):
            return InputError(
                f"{later[-1].source} has {_KEY} without +, so that what {configuration.drop_in} says would be lost.",
                fix=f"Write {_KEY}+ there; what the files before it say comes into force then, too.",
            )
        found = ", ".join(f"{argument.source} ({argument.entry[1]})" for argument in given)
        return InputError(
            f"The flag {flag} cannot become {asked} besides {found or f'what {self.name} sets itself'}.",
            fix=f"Write all its values in {configuration.file}, and run it again.",
        )

    def _require_nothing_else(self, before: Seen, after: Seen, wanted: Flags) -> None:
        """Read the new texts back: a YAML feature that a splice does not see ends here."""
        flags, now = flags_in(self.settings(before)), flags_in(self.settings(after))
        same = {name: values for name, values in {**flags, **wanted}.items() if values} == now
        try:
            for path, text in after.files.items():
                earlier = before.files.get(path, "")
                same = same and (earlier == text or _rest(earlier, path, wanted) == _rest(text, path, wanted))
        except yaml.YAMLError:  # of a tag that nobody knows
            same = False
        if not same:
            raise InputError(
                "The configuration is written so that the flags cannot be changed alone (an anchor or a tag).",
                fix=f"Write {_KEY} as a list with one text in a line.",
            )


def _of_command_line(words: t.Sequence[_Value]) -> dict[str, tuple[_Value, ...]]:
    """Return the options behind C(server), as Go's and urfave's parsers read them; a switch has the value C(true)."""
    start = [word.text for word in words].index("server") + 1
    options: dict[str, tuple[_Value, ...]] = {}
    index = start
    while index < len(words):
        word = words[index]
        index += 1
        name, sign, value = word.text.lstrip("-").partition("=")
        if not word.text.startswith("-"):
            continue
        if not sign:
            follows = index < len(words) and not words[index].text.startswith("-")
            value = words[index].text if follows else "true"
            index += follows
        name = _SHORT.get(name, name)
        options[name] = (*options.get(name, ()), _Value(value, word.source))
    return options


def _read(seen: Seen, file: str) -> list[str]:
    """Return the files of configuration that are there, in the order in which they are read."""
    there = {*seen.files, *seen.unreadable}
    own = sorted(path for path in there if posixpath.dirname(path) == f"{file}.d" and path.lower().endswith(_SUFFIXES))
    return [path for path in (file, *own) if path in there]


def _keys(text: str, path: str) -> list[_Key]:
    """Return the keys of a file in their order."""
    try:
        node = first_node(text)
    except yaml.YAMLError as error:
        problem = " ".join(str(error).split())
        raise InputError(f"{path}: is not YAML: {problem}.", fix="Correct it first.") from error
    if node is None or node.tag == _NULL:
        return []
    if not isinstance(node, yaml.MappingNode) or any(key.tag == _MERGE for key, _value in node.value):
        raise InputError(
            f"{path}: should be a mapping of options to values, without a merge key (<<).", fix="Correct it first."
        )
    return [_key(key, value, path) for key, value in node.value]


def _key(key: yaml.Node, value: yaml.Node, path: str) -> _Key:
    name = str(key.value)
    option = name[:-1] if name.endswith("+") else name
    source = Source(path, key.start_mark.line + 1)
    parts = value.value if isinstance(value, yaml.SequenceNode) else [value]
    if option == _KEY and not all(isinstance(part, yaml.ScalarNode) for part in parts):
        raise InputError(
            f"{source}: {_KEY} should be a list of texts.", fix='Write each one like "service-account-issuer=URL".'
        )
    if isinstance(value, yaml.SequenceNode):
        values = tuple(
            _Value(str(item.value), Source(path, item.start_mark.line + 1), Item.of(item, value))
            for item in value.value
            if isinstance(item, yaml.ScalarNode)
        )
    else:
        values = () if value.tag == _NULL else (_Value(str(value.value), Source(path, value.start_mark.line + 1)),)
    option = _SHORT.get(option, option)
    return _Key(option, name.endswith("+"), values, source, key, value)


def _merge(keys: t.Iterable[_Key]) -> tuple[dict[str, tuple[_Value, ...]], list[tuple[_Key, _Key]]]:
    """Return the values of each option, and what was lost of kube-apiserver's arguments, and to which key."""
    options: dict[str, tuple[_Value, ...]] = {}
    holding: list[_Key] = []
    lost: list[tuple[_Key, _Key]] = []
    for key in keys:
        if key.option == _KEY and key.value.tag == _NULL and not (key.adds and _KEY in options):
            raise InputError(
                f"{key.source}: {_KEY} is empty, which becomes an empty flag, with which kube-apiserver does not "
                "start.",
                fix="Remove it, or write [] behind it.",
            )
        if key.option == _KEY:
            if not key.adds:
                lost += [(earlier, key) for earlier in holding if earlier.values]
                holding = []
            holding.append(key)
        options[key.option] = (*(options.get(key.option, ()) if key.adds else ()), *key.values)
    return options, lost


def _argument(value: _Value) -> _Argument:
    text = value.text[2:] if value.text.startswith("--") else value.text
    written, sign, given = text.partition("=")
    if not written.rstrip("-+"):
        raise InputError(
            f"{value.source}: {value.text!r} names no flag, and kube-apiserver does not start with it.",
            fix="Write it like service-account-issuer=URL.",
        )
    form = written[-1] if written[-1] in "+-" else ""
    return _Argument(written.rstrip("-+"), (form, given if sign else "true"), value.source, value.item)


def _loss(lost: _Key, by: _Key) -> str:
    return (
        f"{by.source} has {by.option} without +, so that the {len(lost.values)} arguments of {lost.source} are lost. "
        f"Write {by.option}+ there if they should be in force."
    )


def _additions(base: list[str], values: list[str], *, alone: bool) -> t.Iterator[list[_Entry]]:
    """Yield what a file may say besides others so that a flag has these values, the plainest first.

    base: what others make of the flag; alone: whether that is the built-in value, or none.
    """
    if alone:
        yield [("", value) for value in values]
        return
    yield []
    size = len(base)
    for start in range(len(values) - size + 1):
        if values[start : start + size] == base:
            in_front, behind = values[:start], values[start + size :]
            yield [("", value) for value in in_front] + [("+", value) for value in behind]
            yield [("-", value) for value in reversed(in_front)] + [("+", value) for value in behind]


def _arguments_of(text: str, path: str) -> list[_Key]:
    return [key for key in _keys(text, path) if key.option == _KEY]


def _edited(text: str | None, path: str, flag: str, entries: list[_Entry]) -> str | None:
    """Return a file with these arguments for a flag in place of those that it has; None: there is no such file."""
    words = [f"{flag}{form}={value}" for form, value in entries]
    keys = _arguments_of(text or "", path)
    if text is None or not keys:
        return text if not words else _appended(text, words)
    first = max((number for number, key in enumerate(keys) if not key.adds), default=0)
    items = [value.item for key in keys[first:] for value in key.values if value.item is not None]
    arguments = [_argument(_Value(item.value, keys[-1].source)) for item in items]
    own = [number for number, argument in enumerate(arguments) if argument.name == flag]
    if not words and not own:
        return text
    if not items:
        return _with_value(text, keys[-1], json.dumps(words, ensure_ascii=False))
    slots = _slots(items, own, [arguments[number].entry for number in own], entries, words)
    try:
        after = spliced(text, items, slots)
    except InputError as error:
        raise InputError(f"{path}: {error.problem}", fix=error.fix) from None
    with suppress(InputError):  # what does not parse any more is found by who reads it back
        for before, now in reversed([*zip(keys, _arguments_of(after, path))]):
            if before.values and now.value.tag == _NULL:
                after = _with_value(after, now, "[]")
    return after


def _slots(
    items: t.Sequence[Item], own: list[int], old: list[_Entry], new: list[_Entry], words: list[str]
) -> list[Slot]:
    """Return the members of the list with the least change that gives a flag its new arguments."""
    kept: dict[int, str | None] = {number: item.value for number, item in enumerate(items)}
    come: dict[int, list[str]] = {}
    places = [*own, own[-1] + 1 if own else len(items)]
    for tag, start, end, new_start, new_end in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        both = min(end - start, new_end - new_start)
        kept.update(zip(own[start : start + both], words[new_start : new_start + both]))
        kept.update(dict.fromkeys(own[start + both : end]))
        if new_end > new_start + both:
            behind = own[end - 1] + 1 if end > start else places[start]
            come.setdefault(behind, []).extend(words[new_start + both : new_end])
    slots: list[Slot] = []
    for number in range(len(items) + 1):
        slots += [Slot(None, word) for word in come.get(number, [])]
        value = kept.get(number)
        slots += [Slot(number, value)] if value is not None else []
    return slots


def _with_value(text: str, key: _Key, value: str) -> str:
    """Return the text with a value behind a key that has an empty list or nothing."""
    if key.values and key.values[0].item is None:
        raise InputError(
            f"{key.source}: {_KEY} is a text, to which no second one can be added.", fix="Write it as a list."
        )
    colon = text.index(":", key.node.end_mark.index) + 1
    if isinstance(key.value, yaml.SequenceNode) and key.value.flow_style:
        return f"{text[:colon]} {value}{text[text.index(']', colon) + 1 :]}"
    return f"{text[:colon]} {value}{text[colon:]}"


def _appended(text: str | None, words: list[str]) -> str:
    """Return a text, or a new one, with a key for the arguments at its end."""
    lines = "".join(f"- {json.dumps(word, ensure_ascii=False)}\n" for word in words)
    head = _HEAD if text is None else text if not text or text.endswith("\n") else f"{text}\n"
    return f"{head}{_KEY}+:\n{lines}"


def _text_of(flags: Flags) -> str:
    return _appended("", [f"{flag}={value}" for flag, values in flags.items() for value in values])


def _rest(text: str, path: str, flags: Flags) -> list[tuple[str, object]]:
    """Return what a file says besides these flags."""
    document = first_document(text)
    rest: list[tuple[str, object]] = []
    for name, value in document.items() if isinstance(document, dict) else []:
        members = value
        if str(name).rstrip("+") == _KEY and isinstance(value, list):
            members = [each for each in value if _argument(_Value(str(each), Source(path, 1))).name not in flags]
            if not members:
                continue
        rest.append((str(name), members))
    return rest


K3S: t.Final = K3s()
RKE2: t.Final = K3s(
    name="RKE2",
    program="rke2",
    unit="rke2-server.service",
    seconds=180,
    meanwhile="The API server of this host does not answer, nor do its controller manager and its scheduler; its pods "
    "run on.",
    kubectl="/var/lib/rancher/rke2/bin/kubectl --kubeconfig /etc/rancher/rke2/rke2.yaml",
)

__all__: t.Final = ("DROP_IN", "K3S", "RKE2", "K3s")
