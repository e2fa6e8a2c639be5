# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._aws.patience import Patience, may_pass
from ansible_collections.onprem.irsa.plugins.module_utils._progress import Wait


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    found: list[float] = []
    monkeypatch.setattr(Wait, "pause", lambda _wait, seconds: found.append(seconds))
    return found


def test_each_call_waits_for_20_seconds(waited: list[float]) -> None:
    run = Patience()
    for _call in range(2):
        waited.clear()
        assert all(run.pauses())
        assert sum(waited) == 20
        assert waited == sorted(waited)


def test_a_run_waits_no_longer_than_it_can_afford(waited: list[float]) -> None:
    run = Patience(seconds=50)
    for _call in range(10):
        list(run.pauses())
    assert 45 <= sum(waited) <= 50


@pytest.mark.parametrize(
    ("code", "problem", "expected"),
    [
        ("NoSuchEntity", "", True),
        ("EntityAlreadyExists", "", True),
        ("MalformedPolicyDocument", 'Invalid principal in policy: "AWS":"arn"', True),
        ("MalformedPolicyDocument", "Syntax errors in policy", False),
        ("DeleteConflict", "Cannot delete entity, must detach all policies first.", True),
        ("DeleteConflict", "Cannot delete entity, must remove roles from instance profile first.", False),
        ("AccessDenied", "invalid principal", False),
        ("LimitExceeded", "", False),
    ],
)
def test_what_may_pass(code: str, problem: str, expected: bool) -> None:
    assert may_pass(code, problem) is expected
