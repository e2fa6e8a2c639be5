# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Talos Linux, whose nodes are changed by their machine configuration alone. PRIVATE to the collection.

There is no shell on a node: the controller reads the configuration with C(talosctl get machineconfig v1alpha1 --output
jsonpath={.spec}), and gives it back with C(talosctl apply-config). Up to 1.12 a flag in C(extraArgs) has one value,
from 1.13 on it may have a list. In clusters made with 1.14 or newer, issuers and audiences are a document of their own;
those made before keep the form of 1.13. Source of the rules: Talos' tags v1.12.0, v1.13.9 and v1.14.1 (the static pods'
arguments in internal/app/machined, KubeServiceAccountConfig in pkg/machinery); C(make talos) tries them.
"""

from __future__ import annotations

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
from ansible_collections.onprem.irsa.plugins.module_utils._flags.manifest import scalar
from ansible_collections.onprem.irsa.plugins.module_utils._flags.members import rendered
from ansible_collections.onprem.irsa.plugins.module_utils._flags.tree import (
    Path,
    Value,
    documents,
    is_empty,
    member,
    texts,
    with_value,
)

with suppress(ImportError):  # ansible-core brings PyYAML to the controller, where alone this file is used
    import yaml

FILE: t.Final = "/system/state/config.yaml"
"""Where a node keeps its machine configuration, and under which path its text is seen and planned."""
APPLY: t.Final = "apply-config --mode=no-reboot --file=/dev/stdin"
"""The arguments of talosctl, behind C(--nodes), that take a whole configuration from the standard input."""

_SECRETS = "/system/secrets/kubernetes/kube-apiserver"
_SERVICE_ACCOUNT, _API_SERVER, _CLUSTER = "KubeServiceAccountConfig", "KubeAPIServerConfig", "KubeClusterConfig"
_OLD_KEY = ("cluster", "serviceAccount")
_ISSUER_URL: Path = ("issuer", "issuerURL")
_ACCEPTED: Path = ("accepted", "issuers")
_ACCEPTED_FOR: Path = ("accepted", "audiences")
_IN_DOCUMENT = (ISSUER, AUDIENCES)
_KEYS = (PUBLIC_KEYS, SIGNING_KEY)
_WITH_LISTS, _WITH_DOCUMENT = (1, 13), (1, 14)
_BY_TALOS = Source("Talos", 0)
_VERSION = re.compile(r"v?(\d+)\.(\d+)\b")
_SECONDS = 120
_READY = "kubectl --server=https://NODE:6443 get --raw /readyz"
_MEANWHILE = "This node's API server is down while Talos starts its pod again; pods keep running."


@dataclass(frozen=True)
class _Config:
    """A machine configuration: the documents by their kinds, the one without a kind by an empty one."""

    text: str
    numbers: t.Mapping[str, int]
    nodes: t.Mapping[str, yaml.Node]

    def value(self, kind: str, path: Path) -> tuple[yaml.Node, yaml.Node] | None:
        """Return the key and the value at a path; None where nothing is there."""
        pair = member(self.nodes.get(kind), path, source=FILE)
        return None if pair is None or is_empty(pair[1]) else pair

    def texts(self, kind: str, path: Path) -> list[tuple[str, Source]]:
        """Return the text at a path, or those of its list, with their places."""
        pair = self.value(kind, path)
        found = texts(pair[1], source=FILE, key=".".join(path)) if pair else []
        return [(str(item.value), Source(FILE, item.start_mark.line + 1)) for item in found]

    @property
    def extra_args(self) -> tuple[str, Path]:
        """The kind of the document, and the path in it, where the API server's further flags are."""
        return (
            (_API_SERVER, ("extraArgs",)) if _API_SERVER in self.nodes else ("", ("cluster", "apiServer", "extraArgs"))
        )

    @property
    def endpoint(self) -> list[tuple[str, Source]]:
        """The control plane's URL, which is the issuer unless something else is written."""
        return self.texts(_CLUSTER, ("endpoint",)) or self.texts("", ("cluster", "controlPlane", "endpoint"))

    def put(self, kind: str, path: Path, value: Value | None) -> _Config:
        """Return the configuration with a value; raises InputError where the document of that kind is not there."""
        if kind not in self.numbers:
            raise InputError(
                f"{FILE} has no document without a kind, which holds the flags of this node's API server.",
                fix="Give the node its whole machine configuration first.",
            )
        return _config(with_value(self.text, path, value, source=FILE, number=self.numbers[kind]))


def _config(text: str) -> _Config:
    nodes = documents(text, source=FILE)
    kinds = [scalar(node, "kind") for node in nodes]
    for kind in kinds:
        if kinds.count(kind) > 1 and kind in ("", _SERVICE_ACCOUNT, _API_SERVER, _CLUSTER):
            raise InputError(
                f"{FILE} has {f'the document {kind}' if kind else 'a document without a kind'} twice.",
                fix="Remove one of them.",
            )
    numbers = {kind: number for number, kind in enumerate(kinds)}
    return _Config(text, numbers, dict(zip(kinds, nodes)))


def _release(version: str | None) -> tuple[int, int] | None:
    found = _VERSION.search(version or "")
    return (int(found[1]), int(found[2])) if found else None


def _extra_args(config: _Config, version: str | None) -> dict[str, list[Setting]]:
    kind, path = config.extra_args
    pair = config.value(kind, path)
    if pair is None:
        return {}
    if not isinstance(pair[1], yaml.MappingNode):
        raise InputError(f"{FILE}: {'.'.join(path)} must be a map of flags to values.", fix="Correct it first.")
    flags = {}
    for key, value in pair[1].value:
        found = config.texts(kind, (*path, str(key.value)))
        if "_" in str(key.value):
            raise InputError(
                f"{FILE}: {'.'.join(path)}.{key.value} is a flag besides that of Talos, as it has no dashes.",
                fix=f"Write it as {str(key.value).replace('_', '-')}.",
            )
        if isinstance(value, yaml.SequenceNode) and (_release(version) or _WITH_LISTS) < _WITH_LISTS:
            raise InputError(
                f"{FILE}: {'.'.join(path)}.{key.value} is a list, which Talos {version} does not read; 1.13 is the "
                "first that does.",
                fix="Write one value.",
            )
        flags[str(key.value)] = [Setting(str(key.value), text, source) for text, source in found]
    return flags


def _settings(config: _Config, version: str | None) -> list[Setting]:
    """Return what Talos sets by itself, replaced by what is written; of its own flags those of service accounts."""
    endpoint = [text for text, _source in config.endpoint]
    own = {
        ISSUER: [Setting(ISSUER, text, source) for text, source in config.endpoint],
        PUBLIC_KEYS: [Setting(PUBLIC_KEYS, f"{_SECRETS}/service-account.pub", _BY_TALOS)],
        SIGNING_KEY: [Setting(SIGNING_KEY, f"{_SECRETS}/service-account.key", _BY_TALOS)],
        AUDIENCES: [Setting(AUDIENCES, text, _BY_TALOS) for text in endpoint],
    }
    if _API_SERVER not in config.nodes:  # with it, a KubeAuthenticationConfig says who may come without credentials
        own["anonymous-auth"] = [Setting("anonymous-auth", "false", _BY_TALOS)]
    extra = _extra_args(config, version)
    if _SERVICE_ACCOUNT in config.nodes:
        _refuse_conflicts(config, extra)
        issuers = [*config.texts(_SERVICE_ACCOUNT, _ISSUER_URL), *config.texts(_SERVICE_ACCOUNT, _ACCEPTED)]
        if not config.value(_SERVICE_ACCOUNT, _ISSUER_URL):
            raise InputError(
                f"{FILE}: the {_SERVICE_ACCOUNT} has no issuer.issuerURL, so that which issuer signs is not known.",
                fix="Write the issuer that signs now there.",
            )
        own[ISSUER] = [Setting(ISSUER, text, source) for text, source in issuers]
        audiences = config.texts(_SERVICE_ACCOUNT, _ACCEPTED_FOR) or issuers[:1]
        joined = ",".join(text for text, _source in audiences)
        own[AUDIENCES] = [Setting(AUDIENCES, joined, audiences[0][1])] if audiences else []
    return [setting for settings in {**own, **extra}.values() for setting in settings]


def _refuse_conflicts(config: _Config, extra: t.Container[str]) -> None:
    if config.value("", _OLD_KEY):
        raise InputError(
            f"{FILE}: .cluster.serviceAccount is set, and a {_SERVICE_ACCOUNT} is there, too, with which Talos refuses "
            "the configuration.",
            fix="Remove .cluster.serviceAccount; its key, decoded from base64, belongs to issuer.privateKey.",
        )
    for flag in _IN_DOCUMENT:
        if flag in extra:
            raise InputError(
                f"{FILE}: {'.'.join(config.extra_args[1])}.{flag} is set, and a {_SERVICE_ACCOUNT} says it, too.",
                fix=f"Remove it from extraArgs, which replaces it; the {_SERVICE_ACCOUNT} is its place.",
            )


def _require_possible(config: _Config, wanted: Flags, version: str | None) -> None:
    for flag in _KEYS:
        if flag in wanted:
            raise InputError(
                f"Talos sets {flag} by itself and refuses it in extraArgs.",
                fix="Leave it out: Talos signs with the key of its machine configuration.",
            )
    release = _release(version)
    if release is None:
        raise InputError(
            "Which version of Talos this is is not known, and with it the form of its configuration.",
            fix="See why `talosctl version` says nothing of the node.",
        )
    if release < _WITH_DOCUMENT and _SERVICE_ACCOUNT in config.nodes:
        raise InputError(
            f"{FILE} has a {_SERVICE_ACCOUNT}, which Talos {version} does not know; 1.14 is the first that does.",
            fix="Remove it, or update Talos.",
        )


def _refuse_loss(wanted: Flags, flags: Flags, version: str | None, *, disruptive: bool) -> tuple[Flags, list[str]]:
    """Return what a version without lists can hold of the wanted flags, with what that means."""
    replaced = wanted.get(ISSUER, [])[:1] not in ([], flags.get(ISSUER, [])[:1])
    repeated = [name for name, values in wanted.items() if len(values) > 1]
    if (_release(version) or _WITH_LISTS) >= _WITH_LISTS or not (repeated or replaced):
        return wanted, []
    lost = ", ".join(flags.get(ISSUER, []))
    if not disruptive:
        raise InputError(
            f"Talos {version} gives a flag one value, and 1.13 is the first that takes a list "
            f"({', '.join(repeated) or ISSUER}): a change would refuse every token of {lost} until it is renewed.",
            fix="Update Talos first.",
        )
    warning = f"Talos {version} holds one issuer: tokens of {lost} are refused until pods get new ones, within a day."
    return {name: values[:1] for name, values in wanted.items()}, [warning] if replaced else []


def _with_flag(config: _Config, name: str, values: list[str], flags: Flags) -> _Config:
    """Return the configuration with the values of a flag, where that configuration has it."""
    if _SERVICE_ACCOUNT in config.nodes and name == ISSUER:
        if not config.texts(_SERVICE_ACCOUNT, _ACCEPTED_FOR) and values[:1] != flags.get(ISSUER, [])[:1]:
            # Without a list, Talos would accept tokens for the new issuer alone.
            config = config.put(_SERVICE_ACCOUNT, _ACCEPTED_FOR, flags[AUDIENCES][0].split(","))
        config = config.put(_SERVICE_ACCOUNT, _ISSUER_URL, values[0])
        return config.put(_SERVICE_ACCOUNT, _ACCEPTED, values[1:] or None)
    if _SERVICE_ACCOUNT in config.nodes and name == AUDIENCES:
        return config.put(_SERVICE_ACCOUNT, _ACCEPTED_FOR, ",".join(values).split(","))
    kind, path = config.extra_args
    default = [text for text, _source in config.endpoint] if name in _IN_DOCUMENT else []
    value = None if values == default else values[0] if len(values) == 1 else values
    return config.put(kind, (*path, name), value or None)


@dataclass(frozen=True)
class Talos:
    """Talos Linux; what is seen of a node is its machine configuration, under the path that the node has it at."""

    name: str = "Talos"
    special_form_of: str = ""

    @property
    def marks(self) -> Marks:
        """What tells a node; no host can be looked at, so that the controller reads it with talosctl."""
        return Marks(globs=(FILE,))

    def named_files(self, seen: Seen) -> tuple[str, ...]:
        """Return no file besides."""
        return ()

    def detect(self, seen: Seen) -> bool:
        """Return whether there is a machine configuration, and not that of a worker."""
        text = seen.files.get(FILE)
        if text is None:
            return FILE in seen.unreadable
        try:
            return [value for value, _source in _config(text).texts("", ("machine", "type"))] != ["worker"]
        except InputError:  # which reading the flags will tell
            return True

    def settings(self, seen: Seen) -> list[Setting]:
        """Return Talos' own flags of service accounts and those of the configuration, which replace them."""
        return _settings(_config(self._text(seen)), seen.version)

    def plan(self, seen: Seen, wanted: Flags, *, disruptive: bool = False) -> Plan:
        """Return the machine configuration with the wanted flags; a flag that Talos sets by itself has its own value
        again for none.
        """
        config = _config(self._text(seen))
        flags = flags_in(_settings(config, seen.version))
        restart = Restart("talosctl", APPLY, _SECONDS, _MEANWHILE)
        own = {ISSUER, AUDIENCES} if _SERVICE_ACCOUNT not in config.nodes else set()
        wanted = {
            name: values or ([text for text, _source in config.endpoint] if name in own else [])
            for name, values in checked(wanted).items()
        }
        if as_wanted(flags, wanted):
            return Plan((), restart)
        _require_possible(config, wanted, seen.version)
        wanted, warnings = _refuse_loss(wanted, flags, seen.version, disruptive=disruptive)
        after = config
        for name, values in wanted.items():
            if flags.get(name, []) != values:
                after = self._checked(after, name, values, flags)
        if after.text == config.text:
            return Plan((), restart, tuple(warnings))
        there = {name: values for name, values in {**flags, **wanted}.items() if values}
        if flags_in(_settings(after, seen.version)) != there:
            raise InputError(
                f"{FILE} is written so that {', '.join(wanted)} cannot be changed alone.",
                fix="Write it without anchors and tags.",
            )
        return Plan((Edit(FILE, config.text, after.text),), restart, tuple(warnings))

    def places(self, seen: Seen) -> Places:
        """Return where things are; a node's own files cannot be reached, and talosctl writes a kubeconfig."""
        endpoint = _config(self._text(seen)).endpoint
        return Places(
            signing_key=f"{_SECRETS}/service-account.key",
            public_keys=(f"{_SECRETS}/service-account.pub",),
            kubeconfig="",
            api_url=endpoint[0][0] if endpoint else "",
            component_user="65534",
        )

    def upkeep(self, version: str | None) -> Upkeep:
        """Return what replaces a machine configuration; an update of Talos keeps it."""
        return Upkeep(
            undone_by="What made the machine configuration (talosctl gen config, talhelper, Terraform, Omni, Cluster "
            "API) gives each node its own again when it is applied.",
            put_instead="Put the same into the files or patches that the configurations are made of.",
        )

    def show(self, wanted: Flags, version: str | None) -> str:
        """Return what to write into the machine configuration, in two passes, in each form that it may have."""
        wanted = checked(wanted)
        release = _release(version)
        _refuse_loss(wanted, {ISSUER: wanted.get(ISSUER, [])[1:]}, version, disruptive=False)
        old = wanted.get(AUDIENCES) or wanted.get(ISSUER, [])[1:2]

        def steps(flags: Flags) -> str:
            lists = _as_lists(flags)
            if release is not None and release < _WITH_DOCUMENT:
                return lists
            return (
                f"Where the machine configuration has a {_SERVICE_ACCOUNT}, as in clusters made with Talos 1.14 or "
                f"newer:\n\n{_as_document(flags, old)}\n\nWhere it has none, as in clusters made before:\n\n{lists}"
            )

        about = (
            "Talos gives its API server the flags of the machine configuration. A list under extraArgs replaces what "
            "Talos sets by itself, from 1.13 on; in clusters made with 1.14 or newer, issuers and audiences are those "
            f"of a {_SERVICE_ACCOUNT}. The first issuer signs, all are accepted. {self.upkeep(version).put_instead}"
        )
        ask = "ask each node with `kubectl --server=https://NODE:6443 get --raw /.well-known/openid-configuration`"
        return by_hand(wanted, about=about, steps=steps, ask=ask)

    def _checked(self, config: _Config, name: str, values: list[str], flags: Flags) -> _Config:
        if not values and _SERVICE_ACCOUNT in config.nodes and name in _IN_DOCUMENT:
            raise InputError(
                f"The flag {name} has no value, and a {_SERVICE_ACCOUNT} has to say it.", fix="Give it a value."
            )
        return _with_flag(config, name, values, flags)

    def _text(self, seen: Seen) -> str:
        text = readable(seen, FILE)
        if text is None:
            raise InputError(
                "The machine configuration of this node was not read.",
                fix="See what `talosctl get machineconfig v1alpha1` says; it needs the role os:admin.",
            )
        return text


def _as_lists(flags: Flags) -> str:
    gone = without_values(flags, "")
    removed = (
        f" Remove {gone} from extraArgs with `talosctl --nodes NODE edit machineconfig --mode=no-reboot`: a patch "
        "removes nothing."
        if gone
        else ""
    )
    patch = rendered({"cluster": {"apiServer": {"extraArgs": _values(flags)}}})
    return (
        f"Write this patch to irsa.yaml:\n\n{block(patch)}\n\n"
        f"Give it to each control-plane node, one after the other.{removed} Talos starts the API server again by "
        "itself; wait until it says ok before you go to the next:\n\n"
        f"{block(f'talosctl --nodes NODE patch machineconfig --mode=no-reboot --patch @irsa.yaml{chr(10)}{_READY}')}"
    )


def _values(flags: Flags) -> dict[str, t.Any]:
    """Return flags as extraArgs have them."""
    return {name: values[0] if len(values) == 1 else list(values) for name, values in flags.items() if values}


def _as_document(flags: Flags, old: list[str]) -> str:
    issuers = flags.get(ISSUER, [])
    audiences = ",".join(flags.get(AUDIENCES) or old).split(",")
    document = f"apiVersion: v1alpha1\nkind: {_SERVICE_ACCOUNT}\n" + rendered(
        {
            "issuer": {"issuerURL": issuers[0]},
            "accepted": {"issuers": list(issuers[1:]), "audiences": list(audiences)},
        }
    )
    others = {name: values for name, values in flags.items() if name not in _IN_DOCUMENT}
    further = f"apiVersion: v1alpha1\nkind: {_API_SERVER}\n" + rendered({"extraArgs": _values(others)})
    # A document of its own in each block: what stands indented between documents does not divide them.
    documents = [document, further] if any(others.values()) else [document]
    gone = without_values(others, "")
    removed = f" Remove {gone} from the extraArgs of the {_API_SERVER}." if gone else ""
    return (
        "Give these documents of each control-plane node's machine configuration these values, one node after the "
        "other, and leave what else they have as it is, issuer.privateKey and accepted.publicKeys among it. Edit them: "
        f"a patch adds to lists and does not replace them.{removed}\n\n"
        + "\n\nand\n\n".join(map(block, documents))
        + "\n\n"
        "Talos starts the API server again by itself; wait until it says ok before you go to the next:\n\n"
        f"{block(f'talosctl --nodes NODE edit machineconfig --mode=no-reboot{chr(10)}{_READY}')}"
    )


TALOS: t.Final = Talos()

__all__: t.Final = ("APPLY", "FILE", "TALOS", "Talos")
