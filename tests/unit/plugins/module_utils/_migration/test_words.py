# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t
from dataclasses import replace
from datetime import timezone

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._migration import words
from ansible_collections.onprem.irsa.plugins.module_utils._migration.plan import PHASES, Step, Wait, plan

from .a_move import FORWARD, NEW, NOW, OLD, following, observed, start

UTC = timezone.utc  # NOW is midnight


@pytest.mark.parametrize(
    ("time", "says"),
    [(NOW + 3600, "01:00"), (NOW + 3601, "01:01"), (NOW + 86400, "2026-01-02 00:00"), (NOW + 59, "00:01")],
)
def test_a_time_as_people_read_it(time: float, says: str) -> None:
    assert words.at(time, NOW, UTC) == says


@pytest.mark.parametrize(
    ("seconds", "says"),
    [(59, "59 s"), (119, "119 s"), (300, "5 min"), (7199, "120 min"), (86400, "24 h"), (2e5, "2 d")],
)
def test_a_span_of_time_as_people_say_it(seconds: float, says: str) -> None:
    assert words.span(seconds) == says


def test_every_step_has_words_and_a_way_back() -> None:
    said = [words.says(Step(action, OLD if "retire" in action else NEW), FORWARD) for action in PHASES]
    assert len({*said}) == len(PHASES)
    assert all(OLD in line or NEW in line for line in said)
    for action in PHASES:
        assert words.way_back(Step(action, NEW), FORWARD).startswith("-e irsa_migrate_back=true ")
    assert words.says(Step("trust", NEW, ("a", "b")), FORWARD).endswith(", and of others' roles: a, b")


def test_when_to_run_again() -> None:
    wait = Wait(NOW + 300, "caches may keep it", "switch")
    assert words.run_again(wait, NOW, UTC) == "Run again after 00:05 (5 min): caches may keep it."
    untold = replace(wait, within_run=True)
    assert words.run_again(untold, NOW, UTC).startswith("Run again with irsa_migrate_wait=true, which waits for 5 min:")


def rows(steps: int) -> tuple[dict[str, str], dict[str, str]]:
    world = start(2)
    for _step in range(steps):
        world = following(world, FORWARD)[0]
    found = observed(world, FORWARD)
    old, new = words.issuers(found, FORWARD, plan(found, FORWARD), UTC)
    return old, new


def test_both_issuers_with_what_each_is_used_by() -> None:
    old, new = rows(0)
    assert (old["issuer"], old["signs"], old["accepted"], old["published"]) == (
        OLD,
        "everywhere",
        "everywhere",
        "kid-1",
    )
    assert old["roles"] == "1 of the inventory; of others: elsewhere"
    assert old["used_by"] == "it signs on cp1, cp2; the role elsewhere, which lacks the new one"
    assert (new["signs"], new["published"], new["provider"], new["used_by"]) == ("nowhere", "no", "no", "it will sign")


def test_a_former_issuer_says_until_when_there_are_tokens_of_it() -> None:
    world = start(2)
    while not all(own[0] == NEW for own in world.issuers):
        world = following(world, FORWARD)[-1]
    found = observed(world, FORWARD)
    old, new = words.issuers(found, FORWARD, plan(found, FORWARD), UTC)
    assert (old["signs"], old["used_by"]) == ("nowhere", "tokens until 01:01; the role elsewhere")
    assert (new["signs"], new["used_by"]) == ("everywhere", "it signs")
    gone: t.Any = replace(found, trust=replace(found.trust, roles=()), old=replace(found.old, kids=(), is_left=True))
    assert (
        words.issuers(gone, FORWARD, plan(replace(gone, now=NOW + 1e6), FORWARD))[0]["published"] == "removed in part"
    )
