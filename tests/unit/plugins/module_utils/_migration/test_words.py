# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t
from dataclasses import replace
from datetime import timezone

from ansible_collections.onprem.irsa.plugins.module_utils._migration import words
from ansible_collections.onprem.irsa.plugins.module_utils._migration.plan import PHASES, Step, plan

from .a_move import FORWARD, NEW, NOW, OLD, following, observed, start

UTC = timezone.utc  # NOW is midnight


def test_every_step_has_words_and_a_way_back() -> None:
    said = [words.says(Step(action, OLD if "retire" in action else NEW), FORWARD) for action in PHASES]
    assert len({*said}) == len(PHASES)
    assert all(OLD in line or NEW in line for line in said)
    for action in PHASES:
        assert words.way_back(Step(action, NEW), FORWARD).startswith("-e irsa_migrate_back=true ")
    assert words.says(Step("trust", NEW, ("a", "b")), FORWARD).endswith(", and of others' roles: a, b")


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
