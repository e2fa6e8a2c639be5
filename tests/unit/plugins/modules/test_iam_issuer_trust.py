# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import typing as t

import boto3
import pytest
from ansible.module_utils.testing import patch_module_args
from moto import mock_aws

from ansible_collections.onprem.irsa.plugins.module_utils._trust.policy import Trust, build
from ansible_collections.onprem.irsa.plugins.modules import iam_issuer_trust

if t.TYPE_CHECKING:
    from mypy_boto3_iam.client import IAMClient

Result = dict[str, t.Any]
ACCOUNT = "123456789012"
OLD, NEW = "acme-prod-oidc.s3.eu-central-1.amazonaws.com", "oidc.example.com"
OLD_ARN, NEW_ARN = (f"arn:aws:iam::{ACCOUNT}:oidc-provider/{host}" for host in (OLD, NEW))
EC2 = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}


def statement(arn: str) -> dict[str, t.Any]:
    return build(Trust.of(arn, ["sts.amazonaws.com"], ["apps/reports"]))


class Run(t.Protocol):
    def __call__(self, *, check: bool = ..., **options: object) -> Result: ...


@pytest.fixture
def iam(monkeypatch: pytest.MonkeyPatch) -> t.Iterator[IAMClient]:
    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(key, "testing")
    with mock_aws():
        client = boto3.client("iam", region_name="eu-central-1")
        client.create_open_id_connect_provider(Url=f"https://{OLD}", ClientIDList=["sts.amazonaws.com"])
        tags = [{"Key": "onprem.irsa/cluster", "Value": "prod"}]
        for name, statements, own in (
            ("prod-reports", [statement(OLD_ARN), statement(NEW_ARN)], tags),
            ("team-exports", [EC2, statement(OLD_ARN)], []),
            ("team-batch", [EC2], []),
            ("after", [statement(NEW_ARN)], []),
        ):
            policy = {"Version": "2012-10-17", "Statement": statements}
            client.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(policy), Tags=t.cast("t.Any", own))
        yield client


@pytest.fixture
def run(iam: IAMClient, capsys: pytest.CaptureFixture[str]) -> Run:
    def run_module(*, check: bool = False, **options: object) -> Result:
        arguments = {
            "region": "eu-central-1",
            "from_issuer": f"https://{OLD}",
            "to_issuer": f"https://{NEW}",
            "_ansible_check_mode": check,
            **options,
        }
        with patch_module_args(arguments), pytest.raises(SystemExit):
            iam_issuer_trust.main()
        result: Result = json.loads(capsys.readouterr().out)
        return result

    assert iam
    return run_module


def policy_of(iam: IAMClient, name: str) -> list[dict[str, t.Any]]:
    policy: t.Any = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    return t.cast("list[dict[str, t.Any]]", policy["Statement"])


def test_who_trusts_either_issuer(run: Run) -> None:
    result = run()
    assert not result["changed"]
    assert result["from_provider"] == {"arn": OLD_ARN, "exists": True, "audiences": ["sts.amazonaws.com"]}
    assert result["to_provider"] == {"arn": NEW_ARN, "exists": False, "audiences": []}
    names = ("name", "cluster", "trusts_from", "trusts_to", "has_own", "lacks_to")
    assert [tuple(role[name] for name in names) for role in result["roles"]] == [
        ("after", "", False, True, False, False),
        ("prod-reports", "prod", True, True, True, False),
        ("team-exports", "", True, False, True, True),
    ]


def test_how_long_a_trust_policy_becomes(run: Run, iam: IAMClient) -> None:
    (before,) = (role["length_with_to"] for role in run()["roles"] if role["name"] == "team-exports")
    run(action="copy", roles=["team-exports"])
    policy = {"Version": "2012-10-17", "Statement": policy_of(iam, "team-exports")}
    assert before == len(json.dumps(policy, separators=(",", ":")))
    (after,) = (role["length_with_to"] for role in run()["roles"] if role["name"] == "team-exports")
    assert after == before


def test_a_named_role_gets_the_same_for_the_new_issuer_and_loses_it_for_the_former_one(
    run: Run, iam: IAMClient
) -> None:
    before = policy_of(iam, "team-exports")
    for action, after in (("copy", [*before, statement(NEW_ARN)]), ("withdraw", [EC2, statement(NEW_ARN)])):
        was = policy_of(iam, "team-exports")
        for check in (True, False, True, False):
            is_left = policy_of(iam, "team-exports") != after
            result = run(action=action, roles=["Team-Exports"], check=check)
            assert (result["changed"], result["changed_roles"]) == (is_left, ["team-exports"] if is_left else [])
            assert policy_of(iam, "team-exports") == (was if check and is_left else after)
    assert policy_of(iam, "prod-reports") == [statement(OLD_ARN), statement(NEW_ARN)]


def test_what_was_not_copied_is_not_withdrawn(run: Run, iam: IAMClient) -> None:
    before = policy_of(iam, "team-exports")
    assert not run(action="withdraw", roles=["team-exports"])["changed"]
    assert policy_of(iam, "team-exports") == before


def test_a_policy_that_would_be_too_long_is_refused_before_any_is_changed(run: Run, iam: IAMClient) -> None:
    before = policy_of(iam, "team-exports")
    result = run(action="copy", roles=["team-exports"], trust_policy_limit=400)
    assert result["failed"]
    assert "more than 400 characters (IAM, role trust policy length)" in result["msg"]
    assert policy_of(iam, "team-exports") == before


def test_a_policy_that_shrinks_may_be_as_long_as_it_is(run: Run, iam: IAMClient) -> None:
    run(action="copy", roles=["team-exports"])
    assert run(action="withdraw", roles=["team-exports"], trust_policy_limit=10)["changed"]
    assert policy_of(iam, "team-exports") == [EC2, statement(NEW_ARN)]


def test_a_wrong_issuer_is_refused(run: Run) -> None:
    assert run(to_issuer="http://oidc.example.com")["failed"]
