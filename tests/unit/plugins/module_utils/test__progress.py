# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import time

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._progress import Wait, telling, through


class Clock:
    """Time that passes by sleeping alone."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(time, "sleep", made.sleep)
    return made


def test_how_many_there_were_every_ten_seconds() -> None:
    said: list[str] = []
    seconds = iter(range(0, 10_000, 3))
    with telling(said.append):
        assert list(through("roles done", iter("abcdefghij"), 10, clock=lambda: next(seconds))) == list("abcdefghij")
    assert said == ["4 of 10 roles done", "8 of 10 roles done"]


def test_a_wait_says_what_for_how_long_so_far_and_how_long_at_most(clock: Clock) -> None:
    said: list[str] = []
    wait = Wait("the pod", 25, say=said.append, clock=clock)
    while wait.left:
        wait.pause(5)
    assert said == ["waits for the pod, 10 s so far, 25 s at most", "waits for the pod, 20 s so far, 25 s at most"]
    assert not wait.is_over
    wait.pause(1)
    assert wait.is_over


def test_one_long_pause_says_it_too(clock: Clock) -> None:
    said: list[str] = []
    Wait("", 25, say=said.append, clock=clock).pause(25)
    assert said == ["10 s so far, 25 s at most", "20 s so far, 25 s at most"]
    assert clock.now == 1025


def test_an_hour_is_a_line_a_minute(clock: Clock) -> None:
    said: list[str] = []
    Wait("", 3600, say=said.append, clock=clock).pause(3600)
    assert len(said) == 6 + 59
    assert said[5:8] == ["60 s so far, 60 min at most", "120 s so far, 60 min at most", "180 s so far, 60 min at most"]
    assert said[-1] == "60 min so far, 60 min at most"


def test_who_is_told_last_hears_it_and_nobody_after_that(clock: Clock) -> None:
    first: list[str] = []
    second: list[str] = []
    wait = Wait("x", 100, clock=clock)
    with telling(first.append):
        with telling(second.append):
            wait.pause(10)
        wait.pause(10)
    wait.pause(10)
    assert (len(first), len(second)) == (1, 1)


def test_a_short_wait_says_nothing(clock: Clock) -> None:
    wait = Wait("x", 9, say=pytest.fail, clock=clock)
    wait.pause(9.5)
    assert wait.is_over
    assert list(through("roles done", [1, 2], 2)) == [1, 2]
