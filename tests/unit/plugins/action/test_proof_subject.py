# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from unittest import mock

from ansible_collections.onprem.irsa.plugins.action.proof_subject import ActionModule


def test_the_subject_is_returned() -> None:
    task = mock.Mock(args={"roles": [{"name": "prod-reports", "service_accounts": ["apps/reports"]}]}, async_val=0)
    action = ActionModule(task, mock.Mock(), mock.Mock(), mock.Mock(), mock.Mock(), mock.Mock())
    assert action.run(task_vars={}) == {
        "changed": False,
        "service_account": "apps/reports",
        "namespace": "apps",
        "name": "reports",
        "role": "prod-reports",
    }
