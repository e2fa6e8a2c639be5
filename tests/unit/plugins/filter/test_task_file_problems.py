# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.filter.task_file_problems import FilterModule

if t.TYPE_CHECKING:
    from pathlib import Path

task_file_problems = FilterModule().filters()["task_file_problems"]


def test_files_are_read_and_judged(tmp_path: Path) -> None:
    file = tmp_path / "tasks.yml"
    assert task_file_problems({"a": "", "b": ""}) == []
    assert task_file_problems({"a": str(file)})[0].endswith("Name a file of tasks.")
    assert task_file_problems({"a": str(tmp_path), "b": str(file)})[1].startswith(f"b is {file}, which")
    file.write_text("- ansible.builtin.debug:\n")
    assert task_file_problems({"a": str(file)}) == []
    file.write_bytes(b"\xff")
    assert len(task_file_problems({"a": str(file)})) == 1
