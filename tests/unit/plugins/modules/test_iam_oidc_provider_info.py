# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import typing as t

import boto3
import pytest
from ansible.module_utils.testing import patch_module_args
from moto import mock_aws

from ansible_collections.onprem.irsa.plugins.modules import iam_oidc_provider_info

if t.TYPE_CHECKING:
    from mypy_boto3_iam.client import IAMClient

ACCOUNT = "arn:aws:iam::123456789012:oidc-provider"
THUMBPRINT = "990f4193972f2becf12ddeda5237f9c952f20d9e"
PROD = {
    "arn": f"{ACCOUNT}/oidc.example.com/prod",
    "audiences": ["sts.amazonaws.com", "vault"],
    "thumbprints": [THUMBPRINT],
    "tags": {"onprem.irsa/cluster": "prod"},
}
DEV = {"arn": f"{ACCOUNT}/oidc.example.com/dev", "audiences": [], "thumbprints": [], "tags": {}}

Show = t.Callable[..., dict[str, t.Any]]


@pytest.fixture
def show(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> t.Iterator[Show]:
    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(key, "testing")

    def run(*, check: bool = False, **options: object) -> dict[str, t.Any]:
        arguments = {"region": "eu-central-1", "_ansible_check_mode": check, **options}
        with patch_module_args(arguments), pytest.raises(SystemExit):
            iam_oidc_provider_info.main()
        result: dict[str, t.Any] = json.loads(capsys.readouterr().out)
        result.pop("invocation", None)
        return result

    with mock_aws():
        client: IAMClient = boto3.client("iam", region_name="eu-central-1")
        client.create_open_id_connect_provider(
            Url="https://oidc.example.com/prod",
            ClientIDList=["sts.amazonaws.com", "vault"],
            ThumbprintList=[THUMBPRINT.upper()],
            Tags=[{"Key": "onprem.irsa/cluster", "Value": "prod"}],
        )
        client.create_open_id_connect_provider(Url="https://oidc.example.com/dev")
        yield run


@pytest.mark.parametrize("check", [True, False])
def test_all_providers(show: Show, check: bool) -> None:
    assert show(check=check) == {"changed": False, "providers": [DEV, PROD]}


@pytest.mark.parametrize("check", [True, False])
def test_the_provider_of_an_issuer(show: Show, check: bool) -> None:
    found = show(url="https://oidc.example.com/prod", check=check)
    assert found == {"changed": False, "arn": PROD["arn"], "providers": [PROD]}


def test_an_issuer_without_a_provider(show: Show) -> None:
    found = show(url="https://oidc.example.com/new")
    assert found == {"changed": False, "arn": f"{ACCOUNT}/oidc.example.com/new", "providers": []}


def test_no_issuer(show: Show) -> None:
    result = show(url="https://oidc.example.com/")
    assert result["failed"]
    assert "slash" in result["msg"]
