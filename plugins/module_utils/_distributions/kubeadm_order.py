# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""In which order kubeadm writes the values of a flag. PRIVATE to the collection: it may change without notice.

C(extraArgs) replace every value that kubeadm itself gives a flag. As a map (v1beta3, kubeadm before 1.31) they hold one
value for a flag; as a list several, which older releases sort by value (kubernetes issue 135400), so that another
issuer may come first and sign. A JSON patch of the command is applied to what comes out, and keeps its order
everywhere. Pure.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._distributions.room import ISSUER
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._flags.arguments import Flags, flags_of

Operation = dict[str, str]
"""An operation of a JSON patch (RFC 6902)."""

# The first patch release of each minor one that was seen to keep the order.
_KEEPS_ORDER = {(1, 32): 13, (1, 33): 13, (1, 34): 4, (1, 35): 4}
_KEEPS_ORDER_FROM = (1, 36)
_LISTS_FROM = (1, 31)

_VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+).*")
_COMMAND = "/spec/containers/0/command/"


def keeps_order(version: str) -> bool:
    """Return whether this release of kubeadm keeps the order of repeated flags in C(extraArgs)."""
    major, minor, patch = _numbers(version)
    first = _KEEPS_ORDER.get((major, minor))
    return (major, minor) >= _KEEPS_ORDER_FROM if first is None else patch >= first


def sorting_after(version: str) -> str:
    """Return the releases of the next minor one that sort repeated flags; kubeadm upgrades to no later one at once."""
    major, minor, _patch = _numbers(version)
    first = _KEEPS_ORDER.get((major, minor + 1))
    return "" if first is None else f"{major}.{minor + 1}.0 to {major}.{minor + 1}.{first - 1}"


def command_patch(flags: Flags, own: Flags) -> list[Operation]:
    """Return the JSON patch that adds to the command what is not kubeadm's own value, in the order of the values.

    Of issuers the first signs, of most other flags the last counts: those come first, and these last.
    """
    first: list[Operation] = []
    last: list[Operation] = []
    for name, values in flags.items():
        added = [value for value in values if [value] != own[name]]
        place = values.index(own[name][0]) if own[name] and own[name][0] in values else len(values) * (name == ISSUER)
        first += [_added(name, value, "1") for value in reversed(added[:place])]
        last += [_added(name, value, "-") for value in added[place:]]
    return first + last


def generated(version: str, own: Flags, extra: Flags, patch: t.Iterable[Operation] = ()) -> Flags:
    """Return the flags of the manifest that a release of kubeadm writes.

    own: what kubeadm itself gives; extra: C(extraArgs), several values of a flag in their order.
    """
    major, minor, _patch = _numbers(version)
    if (major, minor) < _LISTS_FROM:
        extra = {name: values[-1:] for name, values in extra.items()}
    elif not keeps_order(version):
        extra = {name: sorted(values) for name, values in extra.items()}
    flags = {**own, **extra}
    command = ["kube-apiserver", *(f"--{name}={value}" for name in sorted(flags) for value in flags[name])]
    for operation in patch:
        place = operation["path"].removeprefix(_COMMAND)
        command.insert(len(command) if place == "-" else int(place), operation["value"])
    return flags_of(command[1:])


def _numbers(version: str) -> tuple[int, int, int]:
    match = _VERSION.fullmatch(version)
    if match is None:
        raise InputError(f"{version!r} is not a version of Kubernetes.", fix="Write it like v1.34.4.")
    major, minor, patch = (int(number) for number in match.groups())
    return major, minor, patch


def _added(name: str, value: str, place: str) -> Operation:
    return {"op": "add", "path": f"{_COMMAND}{place}", "value": f"--{name}={value}"}


__all__: t.Final = ("Operation", "command_patch", "generated", "keeps_order", "sorting_after")
