# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import time
from unittest import mock

import pytest
from ansible import constants

from ansible_collections.onprem.irsa.plugins.module_utils._progress import Wait
from ansible_collections.onprem.irsa.plugins.plugin_utils import _progress
from ansible_collections.onprem.irsa.plugins.plugin_utils._progress import shown_by, ticking


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_progress, "_LOOK_EVERY", 0.01)


def test_it_is_said_while_the_body_runs() -> None:
    said: list[str] = []
    minutes = iter(range(0, 10**9, 60))
    with ticking(Wait("cp1", 600, say=said.append, clock=lambda: next(minutes))):
        deadline = time.monotonic() + 5
        while len(said) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert said[0].startswith("waits for cp1, ")
        assert len(said) >= 2
    after = len(said)
    time.sleep(0.05)
    assert len(said) == after


def test_the_body_may_fail() -> None:
    with pytest.raises(ValueError, match="x"), ticking(Wait("cp1", 600)):
        raise ValueError("x")


@pytest.mark.parametrize(
    ("callback", "lines"),
    [
        ("default", ["  Make the roles: 3 of 9"]),
        ("ansible.builtin.default", ["  Make the roles: 3 of 9"]),
        ("ansible.posix.json", []),
        ("ansible.posix.jsonl", []),
    ],
)
def test_a_line_stands_under_its_task_and_never_in_json(
    monkeypatch: pytest.MonkeyPatch, callback: str, lines: list[str]
) -> None:
    shown: list[str] = []
    monkeypatch.setattr(_progress, "_display", mock.Mock(display=shown.append))
    monkeypatch.setattr(constants.config, "get_config_value", lambda _name: callback)
    shown_by(mock.Mock(_task=mock.Mock(get_name=lambda: "Make the roles")))("3 of 9")
    assert shown == lines
