# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks the walks through the code in CONTRIBUTING.md: the files are there, and lead from one to the next."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_TEXT = (ROOT / "CONTRIBUTING.md").read_text()
_SECTION = _TEXT.split("\n## Follow one thing through the code\n")[1].split("\n## ")[0]
WALKS = [re.findall(r"^[0-9]+\. `([^`]+)`", walk, re.MULTILINE) for walk in _SECTION.split("\nHow ")[1:]]
# What Ansible, or a playbook of the collection, begins with.
BEGINNINGS = ("defaults/main.yml", "tasks/cluster.yml")


def test_no_file_of_a_walk_is_overlooked() -> None:
    assert [len(walk) for walk in WALKS] == [9, 15]


@pytest.mark.parametrize("walk", WALKS, ids=lambda walk: Path(walk[-1]).stem)
def test_each_file_is_there_and_named_by_one_before_it(walk: list[str]) -> None:
    read = ""
    for path in walk:
        name = Path(path).name.removesuffix(".py")
        assert path.endswith(BEGINNINGS) or re.search(rf"\b{re.escape(name)}\b", read), path
        read += (ROOT / path).read_text()
