# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import time
import typing as t

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._progress import PROGRESS_FILE
from ansible_collections.onprem.irsa.plugins.plugin_utils import _progress
from ansible_collections.onprem.irsa.plugins.plugin_utils._progress import showing

if t.TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_progress, "_LOOK_EVERY", 0.01)


def until(shown: list[str], count: int) -> None:
    deadline = time.monotonic() + 5
    while len(shown) < count and time.monotonic() < deadline:
        time.sleep(0.01)


def test_each_line_is_shown_once_and_while_the_body_runs(tmp_path: Path) -> None:
    shown: list[str] = []
    with showing(str(tmp_path), shown.append):
        for number in (1, 2):
            with (tmp_path / PROGRESS_FILE).open("a") as file:
                file.write(f"{number} of 2\n")
            until(shown, number)
            assert shown == ["1 of 2", "2 of 2"][:number]
    assert shown == ["1 of 2", "2 of 2"]


def test_the_body_may_fail(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="x"), showing(str(tmp_path), print):
        raise ValueError("x")


def test_nothing_to_show() -> None:
    with showing(None, pytest.fail):
        pass
