# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the collection knows of a distribution of Kubernetes. PRIVATE to the collection: it may change without notice.

A room is all that is known of one distribution: how a host shows it, where it keeps the API server's flags and how it
merges them, what to write to change them, and how the change comes into force. Rooms are pure. The host's part gathers
what they ask for, writes what they plan with a backup, restarts, watches the outcome, and puts back.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._flags.arguments import Flags, check_flags

ISSUER: t.Final = "service-account-issuer"
JWKS_URI: t.Final = "service-account-jwks-uri"
SIGNING_KEY: t.Final = "service-account-signing-key-file"
PUBLIC_KEYS: t.Final = "service-account-key-file"
AUDIENCES: t.Final = "api-audiences"

# What describes or makes the tokens that are signed, and so changes only when the new issuer signs.
_OF_SIGNING = (JWKS_URI, SIGNING_KEY)
_SCATTERED = 3
_RELEASE = re.compile(r"v?(\d+)\.(\d+)")
_SEVERAL_ISSUERS_FROM = (1, 22)  # kubernetes pull request 101155


@dataclass(frozen=True)
class Source:
    """Where a value was written; for the command line of a unit, the unit's file and the line of C(ExecStart)."""

    file: str
    line: int
    """1 for the first; 0 for what the distribution sets by itself, and FILE says what does."""

    def __str__(self) -> str:
        """Return it as messages name it."""
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True)
class Setting:
    """One value of a flag of kube-apiserver."""

    flag: str
    """Without dashes in front."""
    value: str
    source: Source


@dataclass(frozen=True)
class Process:
    """A process that may be, or have in it, the API server."""

    arguments: tuple[str, ...]
    """With the program first."""
    uid: int = 0
    unit: str = ""
    """The systemd unit that it belongs to, such as C(k3s.service); empty for none, as in a pod."""


@dataclass(frozen=True)
class UnitFile:
    """One file of a systemd unit: the unit itself or one of its drop-ins."""

    path: str
    text: str = field(repr=False)


@dataclass(frozen=True)
class Seen:
    """What a host shows, gathered by the host's part."""

    files: t.Mapping[str, str] = field(default_factory=dict, repr=False)
    """Texts by path, of the globs of the rooms and of the files that Room.named_files asked for."""
    unreadable: t.Mapping[str, str] = field(default_factory=dict)
    """Paths that are there and could not be read as UTF-8 text, and why: unreadable is not absent."""
    directories: frozenset[str] = frozenset()
    """Those of the rooms' directories that are there."""
    processes: tuple[Process, ...] = ()
    """Of the rooms' programs, in the host's own network; also those of users other than root."""
    units: t.Mapping[str, tuple[UnitFile, ...]] = field(default_factory=dict)
    """The files of each unit in the order in which systemd loads them: of the rooms' units, and of the processes."""
    version: str | None = None
    """Of the distribution or of Kubernetes, as C(v1.34.4+k3s1); None where nothing told it."""


@dataclass(frozen=True)
class Marks:
    """What the host's part looks for on every host, for one room; paths are absolute."""

    directories: tuple[str, ...] = ()
    """Directories that only this distribution makes on a control-plane host."""
    globs: tuple[str, ...] = ()
    """Files to read; shell wildcards in the last component (C(/etc/rancher/k3s/config.yaml.d/*.yaml))."""
    units: tuple[str, ...] = ()
    """Systemd units whose files to read (C(k3s.service))."""
    programs: tuple[str, ...] = ()
    """Names of programs whose processes may be the API server (the last component of the first argument)."""


@dataclass(frozen=True)
class Restart:
    """How a change comes into force."""

    kind: t.Literal["kubelet", "unit", "snap", "talosctl", "none"]
    """C(kubelet): the kubelet sees the changed manifest; C(unit): systemctl restart; C(snap): snap restart; C(none):
    the tool that writes the configuration has to run, or it happens by itself.
    """
    name: str
    """Of the unit or the snap's service; of the pod for the kubelet."""
    seconds: int
    """The longest that it usually takes until the API server is ready again."""
    meanwhile: str
    """What does not work until then: a sentence."""
    reload: bool = False
    """Whether C(systemctl daemon-reload) comes first, because a unit was changed."""

    @property
    def unit(self) -> str:
        """The systemd unit that is restarted; snapd names those of its services so."""
        return f"snap.{self.name}.service" if self.kind == "snap" else self.name


@dataclass(frozen=True)
class Edit:
    """A file before and after."""

    path: str
    before: str | None = field(repr=False)
    """The text that the plan was made on; None for a file that is not there."""
    after: str = field(repr=False)
    mode: int | None = None
    """Of a file that is new; None to keep that of the file that is there."""


@dataclass(frozen=True)
class Plan:
    """What gives one host the wanted flags."""

    edits: tuple[Edit, ...]
    """None where the files say already what is wanted."""
    restart: Restart
    """What to do where there are edits, or the process does not run with what the files say."""
    warnings: tuple[str, ...] = ()
    """What is odd and is left as it is: a sentence and its fix each."""


@dataclass(frozen=True)
class Places:
    """Where things are on a control-plane host, as the host names them; empty where the distribution has none."""

    signing_key: str
    """The private key that signs."""
    public_keys: tuple[str, ...]
    """The files with the keys by which tokens are accepted; a private key may be among them."""
    kubeconfig: str
    """Of an administrator."""
    api_url: str
    """Where the host's own API server answers."""
    component_user: str
    """Who the API server runs as, and who has to be able to read its key files."""
    client_cert: str = ""
    """The certificate of a client that may ask for everything."""
    client_key: str = ""
    authority: str = ""
    """By which the certificates of API servers are known."""


@dataclass(frozen=True)
class Upkeep:
    """What the distribution's own tooling does to the flags."""

    undone_by: str
    """What puts other flags in place of those that were set: a sentence; empty where nothing does."""
    put_instead: str
    """Where the flags have to be to survive it: a sentence; empty where a change by this collection survives."""


class Room(t.Protocol):
    """All that is known of one distribution. Its texts are plain, and its refusals name value, rule and fix."""

    @property
    def name(self) -> str:
        """The distribution as its own documentation writes it; tells rooms apart, whatever the case."""

    @property
    def special_form_of(self) -> str:
        """The name of the room whose marks this one's hosts show as well (kubespray: kubeadm); mostly empty.

        Where both detect a host, this one has it.
        """

    @property
    def marks(self) -> Marks:
        """What the host's part looks for."""

    def named_files(self, seen: Seen) -> tuple[str, ...]:
        """Return files to read besides, and globs, that what was read names (C(EnvironmentFile=), C(--config)).

        Asked again with what they hold, until it names nothing new.
        """

    def detect(self, seen: Seen) -> bool:
        """Return whether the host has a control plane of this distribution."""

    def settings(self, seen: Seen) -> list[Setting]:
        """Return the flags as kube-apiserver gets them from what is written, merged as that version merges, in order.

        Those that the distribution sets by itself are there as far as they are known. Raises InputError for a file
        that could not be read or parsed.
        """

    def plan(self, seen: Seen, wanted: Flags, *, disruptive: bool = False) -> Plan:
        """Return what gives the host these flags: values in their order, none to remove a flag.

        Only these flags change; every other byte of every file stays. disruptive: whether tokens in use may be refused
        for a while, where that version knows no other way. Raises InputError for what that version cannot do.
        """

    def places(self, seen: Seen) -> Places:
        """Return where key files, kubeconfig and API server are."""

    def upkeep(self, version: str | None) -> Upkeep:
        """Return what an upgrade or another run of the distribution's own tooling would undo."""

    def show(self, wanted: Flags, version: str | None) -> str:
        """Return a text for a person who sets the flags by hand, in two passes (see two_passes).

        It says what to put into which file in the distribution's own form, what to restart, and how to check.
        wanted: the flags in the end, with at least the new issuer and the one that signs now.
        """


def flags_in(settings: t.Iterable[Setting]) -> Flags:
    """Return the values of each flag, in the order in which they stand."""
    flags: Flags = {}
    for setting in settings:
        flags.setdefault(setting.flag, []).append(setting.value)
    return flags


def as_wanted(flags: Flags, wanted: Flags) -> bool:
    """Return whether flags have the wanted values, in their order; no values: the flag is not there."""
    return all(flags.get(name, []) == values for name, values in wanted.items())


def checked(wanted: t.Mapping[str, object], version: str | None = None) -> Flags:
    """Return the flags that a plan is made for; raises InputError for what kube-apiserver does not start with.

    version: of Kubernetes or of the distribution where it begins with it; None where it is not known.
    """
    flags = check_flags(wanted)
    issuers = flags.get(ISSUER, [])
    release = _RELEASE.match(version or "")
    if len(issuers) > 1 and release is not None and (int(release[1]), int(release[2])) < _SEVERAL_ISSUERS_FROM:
        raise InputError(
            f"Kubernetes {version} accepts one issuer, and {ISSUER} should be {', '.join(issuers)}: the tokens of the "
            "old one would be refused at once.",
            fix="Upgrade the cluster to 1.22 or newer first.",
        )
    for issuer in issuers:
        if issuers.count(issuer) > 1 or not issuer:
            raise InputError(
                f"The flag {ISSUER} has {f'{issuer} twice' if issuer else 'an empty value'}, and kube-apiserver does "
                "not start with that.",
                fix="Name each issuer once.",
            )
    return flags


def two_passes(wanted: Flags) -> tuple[Flags, Flags]:
    """Return the flags of both passes that lead to what is wanted: accepted everywhere first, then signing.

    In the first pass the issuer that should sign comes last, and what describes or makes its tokens is left out. All
    API servers get the first pass before any gets the second: a token that one signs is used at all of them.
    Raises InputError where the issuer that signs now is not among the wanted ones.
    """
    issuers = wanted.get(ISSUER, [])
    if len(issuers) < 2:  # noqa: PLR2004 -- the new one and the one before it
        raise InputError(
            f"The flag {ISSUER} should have the new issuer and behind it the one that signs now, and has "
            f"{', '.join(issuers) or 'no value'}: every token in use would be refused.",
            fix="Add what `kubectl get --raw /.well-known/openid-configuration` names as the issuer.",
        )
    first = {name: values for name, values in wanted.items() if name not in _OF_SIGNING}
    return {**first, ISSUER: [*issuers[1:], issuers[0]]}, dict(wanted)


def refuse_scattered(flag: str, settings: t.Iterable[Setting]) -> None:
    """Refuse to change a flag that has its values in three files or more, and say which of them counts."""
    own = [setting for setting in settings if setting.flag == flag and setting.source.line]
    if len({setting.source.file for setting in own}) < _SCATTERED:
        return
    wins = own[0] if flag == ISSUER else own[-1]
    raise InputError(
        f"The flag {flag} is set in {_listed(f'{setting.source} ({setting.value})' for setting in own)}. "
        f"{wins.source} {'signs' if flag == ISSUER else 'counts, where the flag has one value'}.",
        fix="Write all its values in one of these files, and run it again.",
    )


def _listed(words: t.Iterable[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last


def readable(seen: Seen, path: str) -> str | None:
    """Return a file's text; None where it is not there. Raises InputError where it is there and could not be read."""
    if path in seen.unreadable:
        raise InputError(
            f"{path}: {seen.unreadable[path]}; it may set flags of the API server.",
            fix="Make it a text that root can read.",
        )
    return seen.files.get(path)


__all__: t.Final = (
    "AUDIENCES",
    "ISSUER",
    "JWKS_URI",
    "PUBLIC_KEYS",
    "SIGNING_KEY",
    "Edit",
    "Flags",
    "Marks",
    "Places",
    "Plan",
    "Process",
    "Restart",
    "Room",
    "Seen",
    "Setting",
    "Source",
    "UnitFile",
    "Upkeep",
    "as_wanted",
    "checked",
    "flags_in",
    "readable",
    "refuse_scattered",
    "two_passes",
)
