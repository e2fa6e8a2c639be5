# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which distribution a host has. PRIVATE to the collection: it may change without notice.

A distribution is added by one file with its room, its line in ROOMS, and a table of tests.
"""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.onprem.irsa.plugins.module_utils._distributions.k0s import K0S
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.k3s import K3S, RKE2
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.kind import KIND
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.kubeadm import KUBEADM
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.kubespray import KUBESPRAY
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.microk8s import MICROK8S
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.minikube import MINIKUBE
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.openshift import NAME as OPENSHIFT
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.systemd import SYSTEMD
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.talos import TALOS
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError, nearest

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._distributions.room import Room, Seen

ROOMS: t.Final[tuple[Room, ...]] = (
    KUBEADM,
    KUBESPRAY,
    KIND,
    MINIKUBE,
    K3S,
    RKE2,
    K0S,
    MICROK8S,
    SYSTEMD,
    TALOS,
)
"""The distributions whose flags the collection sets."""

OTHERS: t.Final[t.Mapping[str, str]] = {OPENSHIFT: "/etc/kubernetes/static-pod-resources"}
"""Distributions that have no room, and the directory by which each is told in messages."""

SHOW: t.Final = (
    "Set irsa_apiserver_flags: show, irsa_issuer_keys: api, and irsa_kubeconfig_path to a kubeconfig on the "
    "controller: the play then says which flags to set, for you to set them where this cluster keeps them, and goes on "
    "once the API servers have them."
)
"""The way out where the collection does not set the flags."""


def room_of(seen: Seen, rooms: t.Iterable[Room] = ROOMS) -> Room:
    """Return the room of the distribution that a host has.

    Raises InputError where there are two, which is named, and where there is none.
    """
    rooms = tuple(rooms)
    found = _certain(seen, [room for room in rooms if room.detect(seen)])
    general = {room.special_form_of for room in found}
    special = [room for room in found if room.name not in general]
    if not special:
        others = [name for name, directory in OTHERS.items() if directory in seen.directories]
        raise InputError(
            f"Its Kubernetes is {' and '.join(others)}, whose flags this collection does not set."
            if others
            else f"Its Kubernetes is none of {', '.join(room.name for room in rooms)}, as far as its files show.",
            fix=SHOW,
        )
    if len(special) > 1:
        raise InputError(
            f"It has {' and '.join(room.name for room in special)}, and which of them runs the API server is not "
            "certain.",
            fix="Uninstall the one that is not in use, with its directories and units. "
            f"They are told by {'; '.join(_told_by(room) for room in special)}.",
        )
    return special[0]


def _certain(seen: Seen, found: list[Room]) -> list[Room]:
    """Return the rooms that are found by more than a directory, which an uninstalled one may leave; all if none is."""
    without = replace(seen, directories=frozenset())
    certain = [room for room in found if room.detect(without)]
    special = [room for room in found if room.special_form_of in {each.name for each in certain}]
    return [room for room in found if room in certain or room in special] if certain else found


def _told_by(room: Room) -> str:
    marks = room.marks
    return f"{room.name}: {', '.join([*marks.directories, *marks.units, *marks.globs])}"


def room_named(name: str, rooms: t.Iterable[Room] = ROOMS) -> Room:
    """Return the room of a distribution that a user names, in capitals or not; raises InputError for another name."""
    known = {room.name: room for room in rooms}
    for room in known.values():
        if room.name.lower() == name.lower():
            return room
    raise InputError(
        f"{name!r} is no distribution that this collection knows: {', '.join(known)}.",
        fix=nearest(name, known)
        or "For a distribution that is not among these, leave the name out: the flags are then shown as kube-apiserver "
        "takes them.",
    )


def directories(rooms: t.Iterable[Room] = ROOMS) -> dict[str, tuple[str, ...]]:
    """Return the directories by which each distribution is told, those without a room among them."""
    own = {room.name: room.marks.directories for room in rooms if room.marks.directories}
    return {**own, **{name: (directory,) for name, directory in OTHERS.items()}}


__all__: t.Final = ("OTHERS", "ROOMS", "SHOW", "directories", "room_named", "room_of")
