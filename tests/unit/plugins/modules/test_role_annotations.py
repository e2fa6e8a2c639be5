# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import typing as t

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.onprem.irsa.plugins.modules import role_annotations

from ..fake_api_server import FakeApi, kubeconfig, served

Json = dict[str, t.Any]
ROLE: Json = {
    "arn": "arn:aws:iam::123456789012:role/prod-reports",
    "state": "present",
    "service_accounts": ["apps/reports"],
    "audiences": ["sts.amazonaws.com"],
}
pytestmark = pytest.mark.usefixtures("client_of_its_own")


def run(api: FakeApi, capsys: pytest.CaptureFixture[str], **options: object) -> Json:
    with served(api) as url:
        args = {"kubeconfig": kubeconfig(url), "roles": [ROLE], "audience": "sts.amazonaws.com", "create": True}
        with patch_module_args({**args, **options}), pytest.raises(SystemExit):
            role_annotations.main()
    result: Json = json.loads(capsys.readouterr().out)
    return result


@pytest.mark.parametrize("check_mode", [False, True])
def test_a_plan_is_returned_and_nothing_is_done(capsys: pytest.CaptureFixture[str], check_mode: bool) -> None:
    api = FakeApi()
    result = run(api, capsys, _ansible_check_mode=check_mode)
    assert (result["changed"], result["report"]["changed"], api.changes()) == (False, True, [])
    assert [item["metadata"]["name"] for item in result["namespaces"]] == ["apps"]
    assert [item["metadata"]["name"] for item in result["service_accounts"]] == ([] if check_mode else ["reports"])


def test_what_is_annotated_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    metadata = {"name": "reports", "namespace": "apps", "annotations": {"eks.amazonaws.com/role-arn": ROLE["arn"]}}
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "apps"}}
    result = run(FakeApi().put(space, account), capsys)
    assert (result["namespaces"], result["service_accounts"], result["report"]["changed"]) == ([], [], False)
