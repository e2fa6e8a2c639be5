# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._input.task_files import problem


@pytest.mark.parametrize(
    "text", ["- ansible.builtin.debug:\n    msg: !vault x\n", "[]", "---\n# none\n- {meta: noop}\n"]
)
def test_files_of_tasks(text: str) -> None:
    assert problem("irsa_x", "wait.yml", text) == ""


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "does not have, or can't read"),
        ("", "is not a list of tasks"),
        ("hosts: all\n", "is not a list of tasks"),
        ("- hosts: all\n  tasks: []\n", "not as a playbook"),
        ("- a\n- b\n", "is not a list of tasks"),
        ("- {", "is not a list of tasks"),
    ],
)
def test_what_is_no_file_of_tasks(text: str | None, says: str) -> None:
    found = problem("irsa_apiserver_after_host_tasks", "wait.yml", text)
    assert found.startswith("irsa_apiserver_after_host_tasks is wait.yml, which ")
    assert says in found
