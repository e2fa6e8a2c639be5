# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from unittest import mock

import pytest

from ansible_collections.onprem.irsa.plugins.action.role_annotations import ActionModule

ROLE = {
    "arn": "arn:aws:iam::123456789012:role/prod-reports",
    "state": "present",
    "service_accounts": ["apps/reports"],
    "audiences": ["sts.amazonaws.com"],
}


@pytest.mark.parametrize("check_mode", [False, True])
def test_a_plan_is_returned_and_nothing_is_done(check_mode: bool) -> None:
    arguments = {"roles": [ROLE], "audience": "sts.amazonaws.com", "namespaces": [], "service_accounts": []}
    task = mock.Mock(args={**arguments, "create": "yes"}, async_val=0, check_mode=check_mode)
    result = ActionModule(task, mock.Mock(), mock.Mock(), mock.Mock(), mock.Mock(), mock.Mock()).run(task_vars={})
    assert (result["changed"], result["report"]["changed"]) == (False, True)
    assert [item["metadata"]["name"] for item in result["namespaces"]] == ["apps"]
    assert [item["metadata"]["name"] for item in result["service_accounts"]] == ([] if check_mode else ["reports"])
