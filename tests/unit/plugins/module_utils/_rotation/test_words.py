# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t
from dataclasses import replace
from datetime import timezone

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._in_use.state import Keeper, LegacyToken
from ansible_collections.onprem.irsa.plugins.module_utils._in_use.words import at
from ansible_collections.onprem.irsa.plugins.module_utils._rotation.plan import Action, Aim, Plan, Step, plan
from ansible_collections.onprem.irsa.plugins.module_utils._rotation.state import Config, RelyingParty
from ansible_collections.onprem.irsa.plugins.module_utils._rotation.words import breaks, issuers, keys, says
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._rotation.a_cluster import moves, settled


@pytest.mark.parametrize("action", t.get_args(Action))
def test_every_step_has_words(action: Action) -> None:
    config = Config(("new", "old"), "new")
    step = Step(action, "cp1", "new", "cp2", config, "https://a", ("new", "old"), ("old",), ("ci/robot",))
    assert says(step).startswith(("cp1: ", "https://a: ", "ci/robot: "))
    assert "None" not in says(step)


def half_way(action: str) -> tuple[object, Plan]:
    cluster, aim = settled(2), Aim(min_age=1.0)
    while (following := plan(cluster.observed(), aim)).step is None or following.step.action != action:
        cluster = moves(cluster, following)[-1]
    return cluster, following


def test_the_table_of_keys() -> None:
    cluster, following = half_way("switch")
    state = replace(
        cluster.observed(),  # type: ignore[attr-defined]
        legacy_tokens=(LegacyToken("ci/robot", "old"),),
        relying_parties=(RelyingParty("pool", ("old",)),),
        kinds={"old": "RSA"},
    )
    old, new = keys(state, following, timezone.utc)
    assert (old["kid"], old["accepted"], old["published"], old["kind"]) == ("old", "everywhere", "https://a", "RSA")
    assert (old["signs"].partition(",")[0], old["retire_at"]) == ("everywhere", "not while it signs")
    assert old["held_by"] == "signs on cp1, cp2; the Secret ci/robot; the copy of pool"
    assert (new["signs"], new["held_by"], new["retire_at"]) == ("no", "lies ready to sign", "not, as it will sign")


def test_the_old_key_after_the_switch() -> None:
    cluster, _following = half_way("switch")
    for _host in ("cp1", "cp2"):
        cluster = moves(cluster, plan(cluster.observed(), Aim(min_age=1.0)))[-1]  # type: ignore[attr-defined,arg-type]
    state = cluster.observed()  # type: ignore[attr-defined]
    rows = {row["kid"]: row for row in keys(state, plan(state, Aim(min_age=1.0)), timezone.utc)}
    assert rows["old"]["held_by"].startswith("tokens until ")
    assert rows["old"]["retire_at"] == at(state.now + 1060.0, state.now, timezone.utc)
    assert rows["new"]["held_by"] == "signs on cp1, cp2"
    kept = replace(state, stale_uses={"cp1": 3.0}, keepers=(Keeper("apps/web", 0.0), Keeper("apps/new", state.now + 1)))
    rows = {row["kid"]: row for row in keys(kept, plan(state, Aim(min_age=1.0)), timezone.utc)}
    assert "; a pod, of 1, that does not refresh its token" in rows["old"]["held_by"]


def test_the_table_of_issuers() -> None:
    rows = issuers(settled(2, issuers=("https://b", "https://a")).observed())
    assert rows == [
        {"issuer": "https://b", "accepted": "everywhere", "signs": "everywhere", "published": "no"},
        {"issuer": "https://a", "accepted": "everywhere", "signs": "no", "published": "old"},
    ]


def test_what_an_emergency_breaks() -> None:
    state = replace(settled(2).observed(), legacy_tokens=(LegacyToken("ci/robot", "old"),))
    said = breaks(state, plan(state, Aim(leaked=frozenset({"old"}))))
    assert "Every token that old has signed is refused at once" in said
    assert "stop for good: ci/robot" in said
