# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._progress import PROGRESS_FILE, Progress

if t.TYPE_CHECKING:
    from pathlib import Path


def test_a_line_every_ten_seconds(tmp_path: Path) -> None:
    seconds = iter(range(0, 10_000, 3))
    progress = Progress(str(tmp_path), clock=lambda: next(seconds))
    assert list(progress.through("roles done", iter("abcdefghij"), 10)) == list("abcdefghij")
    assert (tmp_path / PROGRESS_FILE).read_text().splitlines() == ["4 of 10 roles done", "8 of 10 roles done"]


def test_a_short_run_says_nothing(tmp_path: Path) -> None:
    assert list(Progress(str(tmp_path)).through("roles done", [1, 2], 2)) == [1, 2]
    assert list(tmp_path.iterdir()) == []


def test_the_work_goes_on_without_the_file(tmp_path: Path) -> None:
    seconds = iter(range(0, 10_000, 60))
    progress = Progress(str(tmp_path / "missing"), clock=lambda: next(seconds))
    assert list(progress.through("roles done", [1, 2], 2)) == [1, 2]
