# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t
from unittest import mock

from ansible_collections.onprem.irsa.plugins.action.proof_plan import ActionModule

ARN = "arn:aws:iam::123456789012:role/prod-reports"


def run(role_arn: str) -> dict[str, t.Any]:
    arguments = {"service_account": "apps/reports", "role_arn": role_arn, "audience": "sts.amazonaws.com"}
    task = mock.Mock(args={**arguments, "found": {"arn": role_arn}}, async_val=0)
    action = ActionModule(task, mock.Mock(), mock.Mock(), mock.Mock(), mock.Mock(), mock.Mock())
    result: dict[str, t.Any] = action.run(task_vars={})
    return result


def test_the_plan_is_returned() -> None:
    assert run(ARN) == {
        "changed": False,
        "trust": {"policy": {}, "error": "", "service_accounts": []},
        "untrusted": "apps/default",
        "other_audience": "",
    }


def test_a_service_account_without_a_role_is_refused() -> None:
    result = run("")
    assert (result["failed"], result["msg"].startswith("apps/reports has no role")) == (True, True)
