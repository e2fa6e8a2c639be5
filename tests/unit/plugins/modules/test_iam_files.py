# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is written for review makes what the modules would have made."""

from __future__ import annotations

import json
import re
import typing as t

import boto3
import pytest
from ansible.module_utils.testing import patch_module_args
from botocore.client import BaseClient
from moto import mock_aws

from ansible_collections.onprem.irsa.plugins.modules import iam_files, iam_oidc_provider, iam_roles
from ansible_collections.onprem.irsa.tests.unit.plugins.aws_cli import run_script

if t.TYPE_CHECKING:
    from pathlib import Path

    from mypy_boto3_iam.client import IAMClient

ACCOUNT, REGION = "123456789012", "eu-central-1"
URL = "https://acme-prod-oidc.s3.eu-central-1.amazonaws.com"
PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{URL.removeprefix('https://')}"
READ = f"arn:aws:iam::{ACCOUNT}:policy/read"
QUEUE = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}]}
ROLES: list[dict[str, t.Any]] = [
    {"name": "prod-reports", "service_accounts": ["apps/reports"], "managed_policies": [READ], "tags": {"team": "a"}},
    {
        "name": "prod-dns",
        "service_accounts": ["dns/external-dns"],
        "policy": "external_dns",
        "policy_variables": {"zones": ["Z0123456789ABC"]},
    },
    {
        "name": "prod-preview",
        "service_accounts": ["preview-*/web", "apps/web"],
        "allow_wildcards": True,
        "inline_policies": {"queue": QUEUE},
        "audiences": ["https://vault.example.com"],
        "description": "previews",
        "max_session_duration": 7200,
    },
]
COMMON = {"cluster": "prod", "region": REGION}
Result = dict[str, t.Any]


class Run(t.Protocol):
    def __call__(self, module: t.Any = ..., *, check: bool = ..., **options: object) -> Result: ...  # noqa: ANN401


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def run_module(module: t.Any = iam_files, *, check: bool = False, **options: object) -> Result:  # noqa: ANN401
        own = {"directory": str(tmp_path / "review"), "account": ACCOUNT, "url": URL, "roles": ROLES}
        given = {**(own if module is iam_files else {}), **COMMON, "_ansible_check_mode": check, **options}
        with patch_module_args(given), pytest.raises(SystemExit):
            module.main()
        return t.cast("Result", json.loads(capsys.readouterr().out))

    return run_module


@pytest.fixture
def iam(monkeypatch: pytest.MonkeyPatch) -> t.Iterator[IAMClient]:
    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(key, "testing")
    with mock_aws():
        client = boto3.client("iam", region_name=REGION)
        client.create_policy(PolicyName="read", PolicyDocument=json.dumps(QUEUE))
        yield client


def test_nothing_is_called_and_check_mode_writes_nothing(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object) -> t.NoReturn:
        raise AssertionError

    monkeypatch.setattr(BaseClient, "_make_api_call", refuse)
    would = run(check=True)
    assert (would["changed"], (tmp_path / "review").exists()) == (True, False)
    assert run() == would
    assert run()["changed"] is False
    made = {role["name"]: (role["arn"], role["audiences"]) for role in run()["roles"]}
    assert made["prod-dns"] == (f"arn:aws:iam::{ACCOUNT}:role/prod-dns", ["sts.amazonaws.com"])


def test_the_script_makes_what_the_modules_would(run: Run, iam: IAMClient, tmp_path: Path) -> None:
    run()
    ran = run_script(tmp_path / "review/publish.sh", lambda *_names: iam, tmp_path / "bin")
    assert (ran.returncode, ran.stderr) == (0, "")
    audiences = ["sts.amazonaws.com", "https://vault.example.com"]
    assert run(iam_oidc_provider, url=URL, audiences=audiences, check=True)["changed"] is False
    found = run(iam_roles, oidc_provider_arns=[PROVIDER], roles=ROLES, check=True)
    assert found["changed"] is False, found


def test_all_roles_are_there_before_the_first_gets_a_policy(run: Run, tmp_path: Path) -> None:
    run()
    calls = re.findall(r"^aws iam (\S+)", (tmp_path / "review/publish.sh").read_text(), re.MULTILINE)
    assert calls[0] == "create-open-id-connect-provider"
    assert calls[1:4] == ["create-role"] * 3
    assert set(calls[4:]) == {"attach-role-policy", "put-role-policy"}


def test_service_accounts_name_their_roles(run: Run) -> None:
    returned = run(roles=[*ROLES, {"name": "of-default", "service_accounts": ["default/app"]}])
    listed = [*returned["namespaces"], *returned["service_accounts"]]
    found = {(each["kind"], each["metadata"]["name"]): each["metadata"].get("annotations") for each in listed}
    assert found == {
        ("Namespace", "apps"): None,
        ("Namespace", "dns"): None,
        ("ServiceAccount", "reports"): {"eks.amazonaws.com/role-arn": f"arn:aws:iam::{ACCOUNT}:role/prod-reports"},
        ("ServiceAccount", "external-dns"): {"eks.amazonaws.com/role-arn": f"arn:aws:iam::{ACCOUNT}:role/prod-dns"},
        ("ServiceAccount", "web"): {
            "eks.amazonaws.com/role-arn": f"arn:aws:iam::{ACCOUNT}:role/prod-preview",
            "eks.amazonaws.com/audience": "https://vault.example.com",
        },
        ("ServiceAccount", "app"): {"eks.amazonaws.com/role-arn": f"arn:aws:iam::{ACCOUNT}:role/of-default"},
    }


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"account": "12345"}, "The account '12345' must be 12 digits."),
        ({"roles": [{"name": "old", "state": "absent"}]}, "no calls to review that remove old"),
        ({"roles": [{"name": "a b", "service_accounts": ["apps/a"]}]}, "'a b' must be 1 to 64"),
        ({"url": "http://oidc.example.com"}, "https://"),
    ],
)
def test_what_is_wrong_is_refused(run: Run, tmp_path: Path, options: dict[str, t.Any], says: str) -> None:
    refused = run(**options)
    assert refused["failed"] is True
    assert says in refused["msg"]
    assert not (tmp_path / "review").exists()


def test_a_role_that_is_taken_off_leaves_no_call(run: Run, tmp_path: Path) -> None:
    run()
    run(roles=ROLES[:1])
    text = "".join(path.read_text() for path in (tmp_path / "review/calls").iterdir())
    assert "prod-dns" not in text
