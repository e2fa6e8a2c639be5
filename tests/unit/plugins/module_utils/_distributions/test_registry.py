# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks what holds for every room, and how a host finds its own among all."""

from __future__ import annotations

import itertools
import typing as t
from dataclasses import replace

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._distributions.kubeadm import MARK
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.registry import ROOMS, room_named, room_of
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.room import (
    ISSUER,
    JWKS_URI,
    Plan,
    Process,
    Seen,
    UnitFile,
    flags_in,
)
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._distributions.room import Room

A, B, C = "https://oidc.example.com", "https://kubernetes.default.svc.cluster.local", "https://kubernetes.default.svc"


def static_pod(keys: str) -> dict[str, str]:
    text = f"""\
apiVersion: v1
kind: Pod
metadata:
  annotations: {{{MARK}: "10.0.0.1:6443"}}
  name: kube-apiserver
spec:
  containers:
  - command:
    - kube-apiserver
    - --service-account-issuer={B}
    - --service-account-key-file={keys}/sa.pub
    - --service-account-signing-key-file={keys}/sa.key
"""
    return {"/etc/kubernetes/manifests/kube-apiserver.yaml": text}


def unit(name: str, start: str) -> dict[str, tuple[UnitFile, ...]]:
    return {name: (UnitFile(f"/etc/systemd/system/{name}", f"[Service]\nExecStart={start}\n"),)}


API_SERVER = Process(("kube-apiserver", f"--service-account-issuer={B}"))
HOSTS = {
    "kubeadm": Seen(files=static_pod("/etc/kubernetes/pki"), processes=(API_SERVER,)),
    "kubespray": Seen(
        files=static_pod("/etc/kubernetes/ssl"),
        processes=(API_SERVER,),
        directories=frozenset(["/etc/kubernetes/ssl"]),
    ),
    "kind": Seen(files=static_pod("/etc/kubernetes/pki"), processes=(API_SERVER,), directories=frozenset(["/kind"])),
    "minikube": Seen(
        files=static_pod("/var/lib/minikube/certs"),
        processes=(API_SERVER,),
        directories=frozenset(["/var/lib/minikube"]),
    ),
    "K3s": Seen(
        units=unit("k3s.service", "/usr/local/bin/k3s server"),
        processes=(Process(("/usr/local/bin/k3s server",), unit="k3s.service"),),
        directories=frozenset(["/var/lib/rancher/k3s/server"]),
        version="v1.36.0+k3s1",
    ),
    "RKE2": Seen(
        units=unit("rke2-server.service", "/usr/local/bin/rke2 server"),
        processes=(Process(("/usr/local/bin/rke2 server",), unit="rke2-server.service"), API_SERVER),
        directories=frozenset(["/var/lib/rancher/rke2/server"]),
        version="v1.36.0+rke2r1",
    ),
    "k0s": Seen(
        units=unit("k0scontroller.service", "/usr/local/bin/k0s controller"),
        files={"/etc/k0s/k0s.yaml": "apiVersion: k0s.k0sproject.io/v1beta1\nkind: ClusterConfig\n"},
        processes=(
            Process(("/usr/local/bin/k0s", "controller"), unit="k0scontroller.service"),
            replace(API_SERVER, uid=998, unit="k0scontroller.service"),
        ),
        directories=frozenset(["/var/lib/k0s/pki"]),
        version="v1.34.4+k0s.0",
    ),
    "MicroK8s": Seen(
        files={"/var/snap/microk8s/current/args/kube-apiserver": f"--service-account-issuer={B}\n"},
        processes=(Process(("/snap/microk8s/1/kubelite",), unit="snap.microk8s.daemon-kubelite.service"),),
        directories=frozenset(["/var/snap/microk8s/current"]),
        version="v1.34.4",
    ),
    "systemd": Seen(
        units=unit("kube-apiserver.service", f"/usr/local/bin/kube-apiserver --service-account-issuer={B}"),
        processes=(replace(API_SERVER, unit="kube-apiserver.service"),),
        version="v1.34.4",
    ),
}
# Every distribution that is not a special form of another one.
APART = ["kubeadm", "K3s", "RKE2", "k0s", "MicroK8s"]


@pytest.mark.parametrize("name", HOSTS)
def test_a_host_finds_its_room(name: str) -> None:
    assert room_of(HOSTS[name]).name == name


@pytest.mark.parametrize(("first", "second"), [*itertools.combinations(APART, 2)])
def test_two_on_one_host_are_refused_by_name(first: str, second: str) -> None:
    seen, other = HOSTS[first], HOSTS[second]
    both = replace(
        seen,
        files={**seen.files, **other.files},
        units={**seen.units, **other.units},
        processes=(*seen.processes, *other.processes),
    )
    with pytest.raises(InputError, match=f"It has {first} and {second}, and which of them"):
        room_of(both)


@pytest.mark.parametrize("name", HOSTS)
def test_a_directory_that_another_one_left_is_not_another_one(name: str) -> None:
    theirs = {directory for room in ROOMS for directory in room.marks.directories}
    of_special = {"/kind", "/etc/kubernetes/ssl", "/var/lib/minikube"}
    seen = HOSTS[name]
    assert room_of(replace(seen, directories=seen.directories | theirs - of_special)).name == name


def test_directories_alone_tell_something_where_nothing_else_does() -> None:
    alone = [room for room in ROOMS if room.detect(Seen(directories=frozenset(room.marks.directories)))]
    for room in alone:
        assert room_of(Seen(directories=frozenset(room.marks.directories))) is room


def test_names_are_told_apart_whatever_the_case() -> None:
    assert len({room.name.lower() for room in ROOMS}) == len(ROOMS)
    for room in ROOMS:
        assert room_named(room.name.upper()) is room
        assert not room.special_form_of or room_named(room.special_form_of).name == room.special_form_of


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_what_every_room_answers(room: Room) -> None:
    assert all(path.startswith("/") for path in (*room.marks.directories, *room.marks.globs))
    assert not any(set(path.rpartition("/")[0]) & set("*?[") for path in room.marks.globs)
    assert not room.detect(Seen())
    assert {*room.named_files(Seen())} <= {*room.marks.globs}
    upkeep = room.upkeep(None)
    assert upkeep.put_instead or not upkeep.undone_by
    for version in (None, "v1.36.3"):
        text = room.show({ISSUER: [A, C], JWKS_URI: [f"{A}/keys"]}, version)
        assert text.count("First pass") == text.count("Second pass") == 1
        assert text.index("\n\nFirst pass") < text.index("\n\nSecond pass")
        assert A in text
        assert text.endswith("\n")
    with pytest.raises(InputError, match="every token in use would be refused"):
        room.show({ISSUER: [A]}, None)


def applied(seen: Seen, plan: Plan) -> Seen:
    """Return a host after the edits; those of a unit are in its own files."""
    texts = {edit.path: edit.after for edit in plan.edits}
    units = {
        name: tuple(replace(file, text=texts.get(file.path, file.text)) for file in files)
        for name, files in seen.units.items()
    }
    own = {file.path for files in units.values() for file in files}
    files = {**seen.files, **{path: text for path, text in texts.items() if path not in own}}
    return replace(seen, files=files, units=units)


@pytest.mark.parametrize("name", HOSTS)
def test_a_plan_leads_to_what_is_wanted_and_then_there_is_none(name: str) -> None:
    seen = HOSTS[name]
    room = room_of(seen)
    for wanted in ([B, A], [A, B], [A]):
        plan = room.plan(seen, {ISSUER: wanted})
        assert plan.restart.seconds > 0
        assert plan.restart.meanwhile.endswith(".")
        seen = applied(seen, plan)
        assert flags_in(room.settings(seen))[ISSUER] == wanted
        assert room.plan(seen, {ISSUER: wanted}).edits == ()
