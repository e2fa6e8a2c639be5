# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import time
import typing as t
from unittest import mock

import pytest

from ansible_collections.onprem.irsa.plugins.action import iam_roles
from ansible_collections.onprem.irsa.plugins.module_utils._progress import PROGRESS_FILE
from ansible_collections.onprem.irsa.plugins.plugin_utils import _progress

if t.TYPE_CHECKING:
    from pathlib import Path

Result = dict[str, t.Any]
ACCOUNT = 0o12345670123
ROLE = {
    "name": "c",
    "tags": {"account": ACCOUNT},
    "conditions": {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
}


def test_what_yaml_has_read_otherwise_is_refused_before_the_module_runs() -> None:
    connection = mock.Mock(transport="local")
    task = mock.Mock(
        args={"roles": [{"name": 10}, {"name": "b", "tags": {"a": True}}, {"name": True}, ROLE]}, async_val=0
    )
    plugin = iam_roles.ActionModule(task, connection, mock.Mock(), mock.Mock(), mock.Mock(), mock.Mock())
    plugin._execute_module = mock.Mock(side_effect=AssertionError("the module ran"))  # type: ignore[method-assign]
    result = plugin.run(task_vars={})
    assert result["failed"]
    assert "Role 10: name must be a text, and YAML has read the number 10" in result["msg"]
    assert "Role True: name must be a text, and YAML has read the boolean true" in result["msg"]
    assert "Role 'c': tag account must be a text, and YAML has read the number 1402433619" in result["msg"]
    assert "aws:SourceAccount must be a text, and YAML has read the number 1402433619" in result["msg"]
    assert result["msg"].endswith("Nothing was changed.")


@pytest.mark.parametrize(
    ("transport", "seconds", "lines"),
    [("local", 0, ["  Make the roles: 3 of 9 roles done"]), ("ssh", 0, []), ("local", 60, [])],
    ids=["here", "elsewhere", "in the background"],
)
def test_a_line_is_shown_while_the_module_runs_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, transport: str, seconds: int, lines: list[str]
) -> None:
    shown: list[str] = []
    monkeypatch.setattr(_progress, "_LOOK_EVERY", 0.01)
    monkeypatch.setattr(iam_roles, "_display", mock.Mock(display=shown.append))
    connection = mock.Mock(transport=transport)
    connection._shell.tmpdir = str(tmp_path)
    task = mock.Mock(args={}, async_val=seconds, check_mode=False, get_name=lambda: "Make the roles")
    plugin = iam_roles.ActionModule(task, connection, mock.Mock(), mock.Mock(), mock.Mock(), mock.Mock())

    def execute_module(*, task_vars: Result, wrap_async: bool) -> Result:
        assert task_vars == {"a": 1}
        assert wrap_async is bool(seconds)
        (tmp_path / PROGRESS_FILE).write_text("3 of 9 roles done\n")
        deadline = time.monotonic() + (5 if lines else 0.1)
        while len(shown) < 1 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert shown == lines
        return {"changed": True}

    with mock.patch.object(plugin, "_execute_module", execute_module), mock.patch.object(plugin, "_make_tmp_path"):
        assert plugin.run(task_vars={"a": 1})["changed"]
    assert shown == lines
