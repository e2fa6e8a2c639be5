# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._review_files import bring

if t.TYPE_CHECKING:
    from pathlib import Path


FILES = {"a.yml": "a: 1\n", "calls/01-b.json": "{}\n"}
OWNED = ["calls/[0-9][0-9]-*.json"]


def test_files_are_written_once_and_not_in_check_mode(tmp_path: Path) -> None:
    where = tmp_path / "review"
    would = bring(str(where), FILES, owned=OWNED, check_mode=True)
    assert (would.changed, where.exists()) == (True, False)
    assert bring(str(where), FILES, owned=OWNED, check_mode=False) == would
    assert bring(str(where), FILES, owned=OWNED, check_mode=False) == (False, [])
    (where / "a.yml").write_bytes(b"\xff")
    again = bring(str(where), FILES, owned=OWNED, check_mode=False)
    assert [(each["before"], each["after"]) for each in again.diff] == [("\ufffd", "a: 1\n")]
    assert {name: (where / name).read_text() for name in FILES} == FILES


def test_what_is_no_longer_asked_for_is_removed_and_what_others_wrote_stays(tmp_path: Path) -> None:
    bring(str(tmp_path), FILES, owned=OWNED, check_mode=False)
    (tmp_path / "calls/notes.txt").write_text("mine")
    for check_mode in (True, False):
        found = bring(str(tmp_path), {"a.yml": "a: 1\n", "none.yml": ""}, owned=OWNED, check_mode=check_mode)
        assert [(each["before_header"], each["after_header"]) for each in found.diff] == [
            (str(tmp_path / "calls/01-b.json"), "/dev/null")
        ]
    assert sorted(path.name for path in tmp_path.rglob("*.*")) == ["a.yml", "notes.txt"]
    assert bring(str(tmp_path), {"a.yml": ""}, owned=(), check_mode=False).changed
    assert not (tmp_path / "a.yml").exists()


def test_where_nothing_can_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "review").write_text("mine")
    with pytest.raises(InputError, match=r"/review cannot be read or written: File exists\. Let /"):
        bring(str(tmp_path / "review"), FILES, owned=(), check_mode=False)
