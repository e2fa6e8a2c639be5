# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Adds a distribution in one file: what a room has to answer, and how a host finds its way to it."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._distributions.registry import (
    OTHERS,
    ROOMS,
    directories,
    room_named,
    room_of,
)
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.room import (
    ISSUER,
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
    readable,
    two_passes,
)
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._distributions.room import Room

FLAGS = "/etc/toy/flags"
MARKS = Marks(directories=("/var/lib/toy",), globs=(FLAGS,), units=("toy.service",), programs=("toyd",))


@dataclass(frozen=True)
class Toy:
    """A distribution that keeps one flag in each line of one file."""

    name: str = "Toy"
    special_form_of: str = ""
    marks: Marks = MARKS

    def named_files(self, seen: Seen) -> tuple[str, ...]:
        return ()

    def detect(self, seen: Seen) -> bool:
        return "/var/lib/toy" in seen.directories

    def settings(self, seen: Seen) -> list[Setting]:
        lines = (readable(seen, FLAGS) or "").splitlines()
        return [
            Setting(name, value, Source(FLAGS, number))
            for number, line in enumerate(lines, 1)
            for name, _sign, value in [line.partition("=")]
        ]

    def plan(self, seen: Seen, wanted: Flags, *, disruptive: bool = False) -> Plan:
        before = readable(seen, FLAGS) or ""
        kept = [line for line in before.splitlines(keepends=True) if line.partition("=")[0] not in wanted]
        after = "".join(kept) + "".join(f"{name}={value}\n" for name, values in wanted.items() for value in values)
        edits = () if after == before else (Edit(FLAGS, seen.files.get(FLAGS), after, 0o600),)
        return Plan(edits, Restart("unit", "toy.service", 5, "Nothing works."))

    def places(self, seen: Seen) -> Places:
        return Places("/var/lib/toy/sa.key", ("/var/lib/toy/sa.pub",), "/etc/toy/admin", "https://127.0.0.1:1", "toy")

    def upkeep(self, version: str | None) -> Upkeep:
        return Upkeep("", "")

    def show(self, wanted: Flags, version: str | None) -> str:
        return "\n".join(f"Pass {number}: {flags}" for number, flags in enumerate(two_passes(wanted), 1))


WITH_TOY: tuple[Room, ...] = (*ROOMS, Toy())
SEEN = Seen(files={FLAGS: f"{ISSUER}=https://old\nv=2\n"}, directories=frozenset(["/var/lib/toy"]))


def test_a_host_finds_the_room_that_was_added() -> None:
    room = room_of(SEEN, rooms=WITH_TOY)
    assert room.name == "Toy"
    assert room_named("TOY", WITH_TOY) is room
    wanted = {ISSUER: ["https://new", "https://old"]}
    [edit] = room.plan(SEEN, wanted).edits
    after = Seen(files={edit.path: edit.after}, directories=SEEN.directories)
    assert [setting.value for setting in room.settings(after)] == ["2", "https://new", "https://old"]
    assert room.plan(after, wanted).edits == ()


def test_two_distributions_on_one_host_are_refused_by_name() -> None:
    twin = Toy(name="Twin", marks=Marks(directories=("/var/lib/twin",)))
    with pytest.raises(InputError, match=r"It has Toy and Twin.*Twin: /var/lib/twin"):
        room_of(SEEN, rooms=(*WITH_TOY, twin))


def test_a_special_form_has_the_host_that_the_general_one_detects_too() -> None:
    special = Toy(name="Special", special_form_of="Toy")
    assert room_of(SEEN, rooms=(*WITH_TOY, special)) is special
    assert room_of(SEEN, rooms=(special, *WITH_TOY)) is special


def test_a_host_without_a_known_distribution_is_refused_with_the_way_out() -> None:
    with pytest.raises(InputError, match=r"none of .*Toy.* irsa_apiserver_flags: show"):
        room_of(Seen(), rooms=WITH_TOY)


@pytest.mark.parametrize("name", OTHERS)
def test_a_distribution_without_a_room_is_named(name: str) -> None:
    with pytest.raises(InputError, match=f"Its Kubernetes is {name}"):
        room_of(Seen(directories=frozenset([OTHERS[name]])), rooms=WITH_TOY)


def test_a_name_that_no_distribution_has_is_refused() -> None:
    with pytest.raises(InputError, match=r"'Toi' is no distribution.*Toy"):
        room_named("Toi", WITH_TOY)


def test_the_directories_of_all_are_known() -> None:
    assert directories(WITH_TOY)["Toy"] == ("/var/lib/toy",)
    assert directories(WITH_TOY).keys() >= OTHERS.keys()
