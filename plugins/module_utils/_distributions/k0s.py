# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""k0s, whose controller starts kube-apiserver by its own configuration. PRIVATE to the collection.

Source of the rules: k0s' pkg/component/controller/apiserver.go. The arguments are a map, in which C(spec.api.extraArgs)
replace what k0s sets by itself, in another order at each start; behind it come C(spec.api.rawArgs), a list, which k0s
has since v1.34.1+k0s. So the first value of a flag belongs to the map, and all others to the list.
"""

from __future__ import annotations

import posixpath
import re
import typing as t
from contextlib import suppress
from dataclasses import dataclass

from ansible_collections.onprem.irsa.plugins.module_utils._distributions.by_hand import (
    block,
    by_hand,
    without_values,
)
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.room import (
    AUDIENCES,
    ISSUER,
    JWKS_URI,
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
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.unit_files import command_of, environment_files
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._flags.arguments import occurrences
from ansible_collections.onprem.irsa.plugins.module_utils._flags.manifest import scalar
from ansible_collections.onprem.irsa.plugins.module_utils._flags.tree import (
    documents,
    is_empty,
    member,
    texts,
    with_value,
)

with suppress(ImportError):  # ansible-core brings PyYAML to the controller, where alone this file is used
    import yaml

UNIT: t.Final = "k0scontroller.service"
FILE: t.Final = "/etc/k0s/k0s.yaml"
DATA: t.Final = "/var/lib/k0s"
DEFAULT_ISSUER: t.Final = "https://kubernetes.default.svc"

_API = ("spec", "api")
_EXTRA, _RAW = (*_API, "extraArgs"), (*_API, "rawArgs")
_BY_K0S = Source("k0s", 0)
_FIRST_WITH_RAW_ARGS = (1, 34, 1)
_NEW_FILE = "apiVersion: k0s.k0sproject.io/v1beta1\nkind: ClusterConfig\nmetadata:\n  name: k0s\n"
_OF_K0SCTL = "generated-by-k0sctl"
_VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+)")
_SECONDS = 180
_MEANWHILE = (
    "This controller's API server and etcd member are down, and konnectivity's tunnels to it; pods keep running, and "
    "the other controllers answer."
)


@dataclass(frozen=True)
class _Controller:
    """How k0s is started on a host."""

    unit: str
    file: str
    """Of the configuration."""
    named: bool
    """Whether the command line names that file; without, k0s takes its own defaults where there is none."""
    data: str
    konnectivity: bool
    started: bool
    """Whether a unit starts it, which can be restarted."""

    def defaults(self) -> Flags:
        """Return the flags of service accounts that k0s sets by itself."""
        audiences = [DEFAULT_ISSUER, "system:konnectivity-server"] if self.konnectivity else [DEFAULT_ISSUER]
        return {
            ISSUER: [DEFAULT_ISSUER],
            JWKS_URI: [f"{DEFAULT_ISSUER}/openid/v1/jwks"],
            PUBLIC_KEYS: [f"{self.data}/pki/sa.pub"],
            SIGNING_KEY: [f"{self.data}/pki/sa.key"],
            AUDIENCES: [",".join(audiences)],
            "anonymous-auth": ["false"],
        }


@dataclass(frozen=True)
class _Written:
    """What the configuration says of the API server's flags."""

    extra: tuple[Setting, ...]
    raw: tuple[tuple[str, Source], ...]
    """Each item of C(rawArgs)."""

    @property
    def raw_settings(self) -> list[Setting]:
        """The flags among C(rawArgs), which may be written over two items."""
        found = occurrences([item for item, _source in self.raw])
        return [Setting(flag.name, flag.value, self.raw[flag.index][1]) for flag in found]


def _controller(seen: Seen) -> _Controller:
    running = next((each for each in seen.processes if _is_controller(each.arguments)), None)
    unit = running.unit if running and running.unit else UNIT
    files = seen.units.get(unit, ())
    command = command_of(files, seen.files, unit=unit)
    arguments = command.arguments if command else list(running.arguments) if running else []
    flags: Flags = {}
    for flag in occurrences(arguments, start=1):
        flags.setdefault({"c": "config"}.get(flag.name, flag.name), []).append(flag.value)
    file = flags.get("config", [""])[-1]
    disabled = ",".join(flags.get("disable-components", [])).split(",")
    return _Controller(
        unit=unit,
        file=file or FILE,
        named=bool(file),
        data=flags.get("data-dir", [DATA])[-1],
        konnectivity="konnectivity-server" not in disabled and flags.get("single", ["false"])[-1] != "true",
        started=bool(files) or bool(running and running.unit),
    )


def _is_controller(arguments: t.Sequence[str]) -> bool:
    return posixpath.basename(arguments[0] if arguments else "") == "k0s" and "controller" in arguments[1:]


def _has_raw_args(version: str | None) -> bool | None:
    """Return whether that version has C(rawArgs); None where the version is not known."""
    found = _VERSION.match(version or "")
    return tuple(map(int, found.groups())) >= _FIRST_WITH_RAW_ARGS if found else None


def _written(text: str, file: str, *, raw: bool) -> _Written:
    root = next(iter(documents(text, source=file)), None)  # k0s reads the first document alone
    _refuse_other_case(root, file)
    extra, arguments = (_there(root, path, file) for path in (_EXTRA, _RAW))
    if extra and not isinstance(extra, yaml.MappingNode):
        raise InputError(f"{file}: spec.api.extraArgs must be a map of flags to values.", fix="Correct it first.")
    if arguments and not isinstance(arguments, yaml.SequenceNode):
        raise InputError(f"{file}: spec.api.rawArgs must be a list of arguments.", fix="Correct it first.")
    items = texts(arguments, source=file, key="spec.api.rawArgs") if arguments and raw else []
    return _Written(
        tuple(_of_map(root, key, file) for key, _value in (extra.value if extra else [])),
        tuple((str(item.value), Source(file, item.start_mark.line + 1)) for item in items),
    )


def _refuse_other_case(root: yaml.Node | None, file: str) -> None:
    """Refuse keys that differ from those of flags in capitals alone: Go's reader of JSON takes them for the same."""
    own = {path[-1].lower(): path[-1] for path in (_EXTRA, _RAW)}
    pair = member(root, _API, source=file)
    keys = [str(key.value) for key, _value in pair[1].value] if pair and isinstance(pair[1], yaml.MappingNode) else []
    for key in keys:
        name = own.get(key.lower(), key)
        if key != name:
            raise InputError(
                f"{file} has spec.api.{key}, which k0s reads as {name}, and beside which another {name} would count "
                "or not.",
                fix=f"Write it as {name}.",
            )


def _there(root: yaml.Node | None, path: tuple[str, ...], file: str) -> yaml.Node | None:
    pair = member(root, path, source=file)
    return None if pair is None or is_empty(pair[1]) else pair[1]


def _of_map(root: yaml.Node | None, key: yaml.Node, file: str) -> Setting:
    pair = member(root, (*_EXTRA, str(key.value)), source=file)
    value = pair[1] if pair else key
    if isinstance(value, yaml.CollectionNode):
        raise InputError(
            f"{file}: spec.api.extraArgs.{key.value} is a list or a map, and k0s reads one text there.",
            fix="Write the first value there, and each further one in spec.api.rawArgs.",
        )
    found = texts(value, source=file, key=str(key.value))
    return Setting(str(key.value), str(found[0].value) if found else "", Source(file, key.start_mark.line + 1))


def _merged(defaults: Flags, written: _Written, file: str) -> list[Setting]:
    """Return what kube-apiserver gets: the map, in which each flag is there once, and the list behind it."""
    by_flag = {name: Setting(name, value, _BY_K0S) for name, [value] in defaults.items()}
    by_flag.update({setting.flag: setting for setting in written.extra})
    for name in by_flag:
        spelled = name.replace("_", "-")
        if spelled != name and spelled in by_flag:
            raise InputError(
                f"{file}: spec.api.extraArgs.{name} is the flag {spelled}, which k0s gives the API server besides, in "
                "another order at each start.",
                fix=f"Write it as {spelled}.",
            )
    flags = [Setting(setting.flag.replace("_", "-"), setting.value, setting.source) for setting in by_flag.values()]
    return [*flags, *written.raw_settings]


def _with_flag(text: str, file: str, name: str, values: list[str], defaults: Flags) -> str:
    """Return the configuration with the values of a flag: the first in the map, the others in the list behind it."""
    written = _written(text, file, raw=True)
    own = next((setting for setting in written.extra if setting.flag == name), None)
    default = defaults.get(name, [""])[0]
    only_raw = own is None and not default and any(setting.flag == name for setting in written.raw_settings)
    first, rest = ([], values) if only_raw else (values[:1], values[1:])
    if own is not None or first not in ([], [default]):
        value = first[0] if first and first[0] != default else None
        text = with_value(text, (*_EXTRA, name), value, source=file)
    return _with_raw(text, file, name, rest)


def _with_raw(text: str, file: str, name: str, values: list[str]) -> str:
    items = [item for item, _source in _written(text, file, raw=True).raw]
    own = [flag for flag in occurrences(items) if flag.name == name]
    if [flag.value for flag in own] == values:
        return text
    own_items = {index for flag in own for index in range(flag.index, flag.end)}
    left, placed = [f"--{name}={value}" for value in values], list[t.Union[str, int]]()
    for index, item in enumerate(items):
        if index not in own_items:
            placed.append(index)
        elif left and any(flag.index == index for flag in own):  # what stands between its values keeps its place
            placed.append(index if item == left[0] else left[0])
            left = left[1:]
        if own and index == own[-1].end - 1:
            placed, left = [*placed, *left], []
    return with_value(text, _RAW, [*placed, *left] or None, source=file)


def _require_rest(wanted: Flags, flags: Flags, version: str | None, *, disruptive: bool) -> tuple[Flags, list[str]]:
    """Return what that version can hold of the wanted flags, with what that means; refuses what loses an issuer."""
    raw = _has_raw_args(version)
    repeated = [name for name, values in wanted.items() if len(values) > 1]
    replaced = wanted.get(ISSUER, [])[:1] not in ([], flags.get(ISSUER, [])[:1])
    if raw or not (repeated or (raw is False and replaced)):
        return wanted, []
    if raw is None:
        raise InputError(
            f"Which version of k0s this is is not known, and {', '.join(repeated)} should have several values, which "
            "k0s can hold since v1.34.1+k0s.",
            fix="See why `k0s version` says nothing.",
        )
    lost = ", ".join(flags.get(ISSUER, []))
    if not disruptive:
        raise InputError(
            f"k0s {version} gives a flag one value, and v1.34.1+k0s is the first that can hold several "
            f"({', '.join(repeated) or ISSUER}): a change would refuse every token of {lost} until it is renewed.",
            fix="Update k0s first.",
        )
    left = {name: values[:1] for name, values in wanted.items()}
    return left, [
        f"k0s {version} holds one issuer: tokens of {lost} are refused until pods get new ones, within a day."
    ] if replaced else []


@dataclass(frozen=True)
class K0s:
    """k0s, started by k0scontroller or in another way."""

    name: str = "k0s"
    special_form_of: str = ""

    @property
    def marks(self) -> Marks:
        """What the host's part looks for; kube-apiserver runs as a user of its own."""
        return Marks(directories=(f"{DATA}/pki",), globs=(FILE,), units=(UNIT,), programs=("k0s", "kube-apiserver"))

    def named_files(self, seen: Seen) -> tuple[str, ...]:
        """Return the configuration that the command line names, and the files with the unit's variables."""
        controller = _controller(seen)
        return (*environment_files(seen.units.get(controller.unit, ()), controller.unit), controller.file)

    def detect(self, seen: Seen) -> bool:
        """Return whether the host has a controller; a worker has none of its marks."""
        there = f"{DATA}/pki" in seen.directories or bool(seen.units.get(UNIT))
        return there or any(_is_controller(process.arguments) for process in seen.processes)

    def settings(self, seen: Seen) -> list[Setting]:
        """Return the flags of the map, then those of the list; of k0s' own flags those of service accounts."""
        controller = _controller(seen)
        text = self._text(seen, controller) or ""
        written = _written(text, controller.file, raw=_has_raw_args(seen.version) is not False)
        return _merged(controller.defaults(), written, controller.file)

    def plan(self, seen: Seen, wanted: Flags, *, disruptive: bool = False) -> Plan:
        """Return the configuration with the wanted flags; a flag that k0s sets by itself has its own value again for
        none.
        """
        controller = _controller(seen)
        before = self._text(seen, controller)
        flags, defaults = flags_in(self.settings(seen)), controller.defaults()
        restart = Restart("unit", controller.unit, _SECONDS, _MEANWHILE)
        wanted, warnings = _require_rest(checked(wanted), flags, seen.version, disruptive=disruptive)
        wanted = {name: values or defaults.get(name, []) for name, values in wanted.items()}
        if before is not None and _OF_K0SCTL in before:
            warnings.append(f"k0sctl writes {controller.file} at each apply. {self.upkeep(None).put_instead}")
        if as_wanted(flags, wanted):
            return Plan((), restart, tuple(warnings))
        if not controller.started:
            raise InputError(
                "No systemd unit starts k0s on this host, so that it cannot be restarted.",
                fix=f"Let {UNIT} start it (`k0s install controller`), or set irsa_apiserver_flags to show.",
            )
        after = _NEW_FILE if before is None else before
        for name, values in wanted.items():
            if flags.get(name, []) != values:
                after = _with_flag(after, controller.file, name, values, defaults)
        there = {name: values for name, values in {**flags, **wanted}.items() if values}
        written = _written(after, controller.file, raw=_has_raw_args(seen.version) is not False)
        if flags_in(_merged(defaults, written, controller.file)) != there:
            raise InputError(
                f"{controller.file} is written so that {', '.join(wanted)} cannot be changed alone (an argument "
                "without a flag, or `--`, in spec.api.rawArgs).",
                fix="Write each argument as --flag=value.",
            )
        mode = 0o600 if before is None else None
        return Plan((Edit(controller.file, before, after, mode),), restart, tuple(warnings))

    def places(self, seen: Seen) -> Places:
        """Return where things are; kube-apiserver runs as the user that the configuration names, or as root."""
        controller = _controller(seen)
        flags = flags_in(self.settings(seen))
        root = next(iter(documents(self._text(seen, controller) or "", source=controller.file)), None)
        api, users = (
            pair[1] if (pair := member(root, path, source=controller.file)) else None
            for path in (_API, ("spec", "installConfig", "users"))
        )
        running = [each for each in seen.processes if posixpath.basename(each.arguments[0]) == "kube-apiserver"]
        user = "root" if running and not running[0].uid else scalar(users, "kubeAPIserverUser") or "kube-apiserver"
        bound = scalar(api, "onlyBindToAddress") == "true" and scalar(api, "address")
        return Places(
            signing_key=flags[SIGNING_KEY][-1],
            public_keys=tuple(flags[PUBLIC_KEYS]),
            kubeconfig=f"{controller.data}/pki/admin.conf",
            api_url=f"https://{bound or 'localhost'}:{scalar(api, 'port') or '6443'}",
            component_user=user,
            client_cert=f"{controller.data}/pki/apiserver-kubelet-client.crt",
            client_key=f"{controller.data}/pki/apiserver-kubelet-client.key",
            authority=f"{controller.data}/pki/ca.crt",
        )

    def upkeep(self, version: str | None) -> Upkeep:
        """Return what k0sctl does; an update of k0s itself keeps the configuration."""
        return Upkeep(
            undone_by="k0sctl writes the configuration of every controller at each `k0sctl apply`.",
            put_instead="Where k0sctl is in use, put extraArgs and rawArgs below spec.k0s.config.spec.api in its "
            "configuration, too.",
        )

    def show(self, wanted: Flags, version: str | None) -> str:
        """Return what to write into the configuration, in two passes; refuses a version that holds one issuer."""
        controller = _controller(Seen())
        defaults = controller.defaults()
        wanted, _warnings = _require_rest(checked(wanted), defaults, version or "1.34.1", disruptive=False)

        def steps(flags: Flags) -> str:
            text = ""
            for name, values in flags.items():
                text = _with_flag(text, FILE, name, values or defaults.get(name, []), defaults)
            own = {name: [] if values == defaults.get(name) else values for name, values in flags.items()}
            gone = without_values(own, "")
            removed = f" Remove {gone} from extraArgs and rawArgs." if gone else ""
            return (
                f"On each controller, one after the other, write this into {FILE}, next to what is there, in place of "
                f"other values of these flags.{removed}\n\n{block(text)}\n\n"
                "Then restart it, and wait until it says ok:\n\n"
                f"{block('systemctl restart k0scontroller' + chr(10) + 'k0s kubectl get --raw /readyz')}"
            )

        about = (
            f"k0s starts its API server by {FILE}, or by the file that the unit k0scontroller names with --config. "
            "extraArgs is a map with one value for each flag, in place of that of k0s; what rawArgs lists comes behind "
            "it, from v1.34.1+k0s on. The first service-account-issuer signs, all are accepted, and one that is there "
            f"twice ends the API server. {self.upkeep(version).put_instead}"
        )
        return by_hand(
            wanted,
            about=about,
            steps=steps,
            ask="ask on each controller with `k0s kubectl get --raw /.well-known/openid-configuration`",
        )

    def _text(self, seen: Seen, controller: _Controller) -> str | None:
        if not posixpath.isabs(controller.file):
            raise InputError(
                f"The unit {controller.unit} starts k0s with --config={controller.file}, and the configuration has to "
                "be in a file that can be found again.",
                fix=f"Name a file, such as {FILE}.",
            )
        text = readable(seen, controller.file)
        if text is None and controller.named:
            raise InputError(
                f"{controller.file} is not there, and the unit {controller.unit} names it with --config.",
                fix="Put it back, or correct the unit.",
            )
        return text


K0S: t.Final = K0s()

__all__: t.Final = ("DATA", "DEFAULT_ISSUER", "FILE", "K0S", "UNIT", "K0s")
