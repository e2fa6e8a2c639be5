# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace
from datetime import timezone

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._in_use.state import Wait
from ansible_collections.onprem.irsa.plugins.module_utils._in_use.words import at, run_again, span, where

NOON = 1767268800.0  # 2026-01-01 12:00 UTC


@pytest.mark.parametrize(
    ("time", "shown"),
    [
        (NOON, "12:00"),
        (NOON + 1.5, "12:01"),
        (NOON + 3600.0, "13:00"),
        (NOON + 43200.0, "2026-01-02 00:00"),
        (NOON + 43199.0, "2026-01-02 00:00"),
    ],
)
def test_times_are_rounded_up(time: float, shown: str) -> None:
    assert at(time, NOON, timezone.utc) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "120 min"), (7200, "2 h"), (86400, "24 h"), (172800, "2 d")],
)
def test_spans(seconds: float, shown: str) -> None:
    assert span(seconds) == shown


def test_when_to_run_again() -> None:
    wait = Wait(NOON + 300.0, "caches", "switch")
    assert run_again(wait, NOON, "irsa_x_wait", timezone.utc) == "Run again after 12:05 (5 min): caches."


def test_a_wait_that_another_run_would_begin_again() -> None:
    wait = replace(Wait(NOON + 300.0, "caches", "switch"), within_run=True)
    assert run_again(wait, NOON, "irsa_x_wait").startswith("Run again with irsa_x_wait=true, which waits for 5 min: ")


@pytest.mark.parametrize(("hosts", "shown"), [([], "nowhere"), (["a"], "a"), (["a", "b"], "everywhere")])
def test_where_something_is(hosts: list[str], shown: str) -> None:
    assert where(hosts, 2) == shown
