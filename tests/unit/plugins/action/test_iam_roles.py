# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t
from unittest import mock

from ansible_collections.onprem.irsa.plugins.action import iam_roles

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
