# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every situation of three servers while keys and issuers change together.

Runs with these aims follow each other in any order, each cut off at any move, and processes start again by themselves.
Times are few here, so that there are few situations: what counts is which of them are longer than others.
"""

from __future__ import annotations

import typing as t
from dataclasses import replace

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._rotation.plan import Aim
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._rotation import a_cluster
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._rotation.a_cluster import KEYS, settled
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._rotation.test_plan import (
    FORWARD,
    MOVE,
    MOVE_BACK,
    A,
    B,
    situations,
)

pytestmark = pytest.mark.slow

GENERATIONS: t.Final = 2
LAST: t.Final = KEYS[GENERATIONS]
AWAY: t.Final = Aim(min_age=1.0, issuer=B, retired_issuers=frozenset({A}))
"""Move, retire the issuer from before, and replace no key meanwhile."""


@pytest.fixture(autouse=True)
def _few_times(monkeypatch: pytest.MonkeyPatch) -> None:
    shorter = a_cluster.LIFETIME - (a_cluster.MAX_AGE - 10.0)
    monkeypatch.setattr(a_cluster, "LIFETIME", a_cluster.LIFETIME - shorter)
    monkeypatch.setattr(a_cluster, "_FORGOTTEN", a_cluster._FORGOTTEN - shorter)


@pytest.mark.parametrize(
    "aims",
    [
        pytest.param([FORWARD, MOVE, AWAY], id="two other keys and another issuer, and the first one retired"),
        pytest.param([FORWARD, MOVE, MOVE_BACK], id="two other keys and another issuer, and back to the first one"),
    ],
)
def test_no_token_is_refused_in_any_situation(aims: list[Aim]) -> None:
    found = situations(replace(settled(3, published=[A, B]), generations=GENERATIONS), aims)
    assert len(found) > 5000
    for issuer in (A, B):
        assert any(all(server.signs_with(LAST, issuer) for server in cluster.servers) for cluster in found)
    away = [cluster for cluster in found if all(server.running.issuers == (B,) for server in cluster.servers)]
    assert bool(away) is (AWAY in aims)
