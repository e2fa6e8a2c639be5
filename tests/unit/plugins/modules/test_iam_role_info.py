# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import typing as t

import boto3
import pytest
from ansible.module_utils.testing import patch_module_args
from botocore.client import BaseClient
from moto import mock_aws

from ansible_collections.onprem.irsa.plugins.modules import iam_role_info

TRUST: t.Final = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


@pytest.mark.parametrize(("name", "path"), [("prod-reports", "/"), ("prod-mail", "/team/"), ("nobody", None)])
def test_arn_and_trust_policy_by_one_call(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, path: str | None
) -> None:
    send, made = vars(BaseClient)["_make_api_call"], list[str]()

    def record(self: BaseClient, operation: str, params: dict[str, t.Any]) -> t.Any:  # noqa: ANN401 -- as botocore
        made.append(operation)
        return send(self, operation, params)

    with mock_aws():
        session = boto3.session.Session("testing", "testing", "testing", region_name="eu-central-1")
        monkeypatch.setattr(boto3.session, "Session", lambda **_options: session)
        if path:
            policy = json.dumps(TRUST)
            session.client("iam").create_role(RoleName=name, Path=path, AssumeRolePolicyDocument=policy)
        monkeypatch.setattr(BaseClient, "_make_api_call", record)
        with patch_module_args({"name": name, "region": "eu-central-1"}), pytest.raises(SystemExit):
            iam_role_info.main()
    found = json.loads(capsys.readouterr().out)
    arn = f"arn:aws:iam::123456789012:role{path}{name}" if path else ""
    assert (found["arn"], found["trust_policy"], made) == (arn, TRUST if path else {}, ["GetRole"])
