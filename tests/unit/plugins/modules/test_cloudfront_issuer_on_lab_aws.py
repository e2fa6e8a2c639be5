# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module against a CloudFront that serves, from a bucket that only it may read, to relying parties that verify."""

from __future__ import annotations

import json
import time
import typing as t

import boto3
import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.onprem.irsa.plugins.module_utils._proof import read_back as reader
from ansible_collections.onprem.irsa.plugins.module_utils._publication import s3_calls as aws_s3
from ansible_collections.onprem.irsa.plugins.modules import cloudfront_issuer, operator_policy
from ansible_collections.onprem.irsa.tests.unit.extensions.lab.aws.conftest import (
    AUDIENCE,
    KEY,
    SESSION,
    Issuer,
    Lab,
    lab,
    new_key,
    publish,
    server,
)
from ansible_collections.onprem.irsa.tests.unit.plugins.aws_cli import run_script
from ansible_collections.onprem.irsa.tests.unit.plugins.readers_and_faults import Faults, Reader, struck_runs

if t.TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

__all__ = ["lab", "server"]  # fixtures

BUCKET, REGION, ACCOUNT = "acme-prod-oidc", "eu-central-1", "123456789012"
OWN_DOMAIN: t.Final = Issuer("https://oidc.example.com")
CERTIFICATE = f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/12345678-1234-1234-1234-123456789012"

Result = dict[str, t.Any]


class Run(t.Protocol):
    def __call__(self, **options: object) -> Result: ...


def documents(issuer: Issuer) -> dict[str, object]:
    return {"issuer": issuer.url, "discovery_document": issuer.discovery(), "jwks": issuer.jwks()}


def options(**given: object) -> dict[str, t.Any]:
    return {**documents(OWN_DOMAIN), "certificate_arn": CERTIFICATE, **given}


@pytest.fixture
def run(lab: Lab, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    for name, value in (("_SPREADING_SECONDS", 0), ("_SPREADING_PAUSE", 0), ("_LONGEST_PAUSE", 0.05)):
        monkeypatch.setattr(aws_s3, name, value)
    monkeypatch.setattr(reader, "_PAUSE", 0)
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    monkeypatch.setattr(boto3.session, "Session", lambda **_options: SESSION)
    given = lab.admin("/credentials")
    names = {
        "access_key": given["access_key_id"],
        "secret_key": given["secret_access_key"],
        "aws_ca_bundle": str(lab.state / "ca.pem"),
        "ca_path": str(lab.state / "ca.pem"),
        "aws_config": {"retries": {"total_max_attempts": 1}},
        "bucket": BUCKET,
        "region": REGION,
        "cluster": "prod",
        "timeout": 10,
    }

    def module(**asked: object) -> Result:
        with patch_module_args({**names, **asked}), pytest.raises(SystemExit):
            cloudfront_issuer.main()
        return t.cast("Result", json.loads(capsys.readouterr().out))

    return module


def take_role(lab: Lab, issuer: Issuer) -> str:
    """Exchange a token of the issuer for credentials; return the ARN that AWS then knows its bearer by."""
    host_path = issuer.url.removeprefix("https://")
    iam = lab.client("iam")
    provider = iam.create_open_id_connect_provider(Url=issuer.url, ClientIDList=[AUDIENCE])["OpenIDConnectProviderArn"]
    trust = {
        "Effect": "Allow",
        "Principal": {"Federated": provider},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {f"{host_path}:aud": AUDIENCE}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    arn = iam.create_role(RoleName="reports", AssumeRolePolicyDocument=policy)["Role"]["Arn"]
    answer = lab.unsigned("sts").assume_role_with_web_identity(
        RoleArn=arn, RoleSessionName="pod", WebIdentityToken=issuer.token()
    )
    return str(answer["AssumedRoleUser"]["Arn"])


def test_tokens_are_exchanged_while_nobody_else_reads_the_bucket(lab: Lab, run: Run) -> None:
    done = run(**options())
    assert done.get("msg") is None
    assert [seen["status"] for seen in done["read_back"]] == [200, 200]
    assert take_role(lab, OWN_DOMAIN).startswith(f"arn:aws:sts::{ACCOUNT}:assumed-role/reports/")
    for key in ("openid/v1/jwks", ".well-known/openid-configuration"):
        assert lab.get(f"{OWN_DOMAIN.url}/{key}")[0] == 200
        assert lab.get(f"https://{done['domain_name']}/{key}")[0] == 200
        assert lab.get(f"https://{BUCKET}.s3.{REGION}.amazonaws.com/{key}")[0] == 403
    lab.admin("/calls/reset", {})
    assert run(**options())["changed"] is False
    assert lab.admin("/calls")["writes"] == 0


def test_the_rendered_script_publishes_as_the_module_does(lab: Lab, run: Run, tmp_path: Path) -> None:
    lab.admin("/calls/reset", {})
    run(**options(render=str(tmp_path / "review")))
    assert lab.admin("/calls")["by_operation"] == {}
    ran = run_script(tmp_path / "review/publish.sh", lab.client, tmp_path / "bin")
    assert (ran.returncode, ran.stderr) == (0, "")
    lab.admin("/calls/reset", {})
    after = run(**options())
    assert (after.get("msg"), after["changed"], [seen["status"] for seen in after["read_back"]]) == (
        None,
        False,
        [200] * 2,
    )
    assert lab.admin("/calls")["writes"] == 0
    assert ":assumed-role/reports/" in take_role(lab, OWN_DOMAIN)


def test_the_host_that_cloudfront_gives(lab: Lab, run: Run) -> None:
    issuer = Issuer(run()["issuer"])
    assert [seen["status"] for seen in run(**documents(issuer))["read_back"]] == [200, 200]
    assert ":assumed-role/reports/" in take_role(lab, issuer)


@pytest.mark.parametrize("kind", ["throttle", "500", "timeout_after_write", "killed before", "killed after"])
def test_no_fault_at_any_call_harms_a_reader(lab: Lab, run: Run, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    faults = Faults(lab, kind, Reader(lab, OWN_DOMAIN.url))
    result = struck_runs(faults, run, options(), monkeypatch)
    assert len(result["kids"]) == 1
    assert run(**options())["changed"] is False
    Reader(lab, OWN_DOMAIN.url, live=result["kids"])()
    assert sorted(faults.struck_writes) == [
        "CreateBucket",
        "CreateDistributionWithTags",
        "CreateOriginAccessControl",
        "PutBucketPolicy",
        "PutBucketTagging",
        "PutObject",
        "PutObject",
    ]


def test_what_is_refused_writes_nothing(lab: Lab, run: Run) -> None:
    lab.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    lab.client("s3").put_object(Bucket=BUCKET, Key="invoices", Body=b"1")
    lab.admin("/calls/reset", {})
    for asked, says in (
        (options(), "holds 'invoices' and belongs to no cluster"),
        (options(certificate_arn=None), "no certificate is given"),
        (options(issuer="https://other.example.com"), "is that of the issuer"),
        (options(region="cn-north-1"), "the partition aws-cn"),
        (options(bucket="No_Bucket"), "No_Bucket"),
    ):
        assert says in run(**asked)["msg"]
    assert lab.admin("/calls")["writes"] == 0


def test_all_of_it_with_the_operators_policy_alone(lab: Lab, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    names = {"account": ACCOUNT, "region": REGION, "bucket": BUCKET, "issuer": OWN_DOMAIN.url, "cloudfront": True}
    with patch_module_args(names), pytest.raises(SystemExit):
        operator_policy.main()
    policy = json.loads(capsys.readouterr().out)["policy"]
    iam = lab.client("iam")
    iam.create_user(UserName="operator")
    iam.put_user_policy(UserName="operator", PolicyName="operator", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName="operator")["AccessKey"]
    access = {"access_key": key["AccessKeyId"], "secret_key": key["SecretAccessKey"]}
    assert run(**options(**access))["changed"] is True
    gone: dict[str, t.Any] = {"issuer": OWN_DOMAIN.url, "state": "absent", **access}
    assert run(**gone)["changed"] is True
    assert run(**gone)["changed"] is False
    assert lab.client("cloudfront").list_distributions()["DistributionList"]["Quantity"] == 0
    assert lab.client("s3").list_buckets()["Buckets"] == []
    # Without the distribution's part nothing of it is let through, and nothing is written.
    names["cloudfront"] = False
    with patch_module_args(names), pytest.raises(SystemExit):
        operator_policy.main()
    less = json.dumps(json.loads(capsys.readouterr().out)["policy"])
    iam.put_user_policy(UserName="operator", PolicyName="operator", PolicyDocument=less)
    lab.admin("/calls/reset", {})
    assert "AccessDenied" in run(**options(**access))["msg"]
    assert lab.admin("/calls")["writes"] == 0


@pytest.mark.parametrize("later", [True, False], ids=["the next run", "check mode between"])
def test_a_name_that_dns_does_not_know_yet(lab: Lab, run: Run, later: bool) -> None:
    lab.unknown_names.add("oidc.example.com")
    failed = run(**options(), timeout=0)
    (record,) = failed["dns_records"]
    assert f"oidc.example.com CNAME {record['value']}" in failed["msg"]
    looks = [lab.get(f"https://{record['value']}/openid/v1/jwks")[0] for _look in range(3)]
    assert looks[-1] == 200
    if not later:
        assert run(**options(_ansible_check_mode=True))["dns_records"] == [record]
    lab.unknown_names.clear()
    assert [seen["status"] for seen in run(**options())["read_back"]] == [200, 200]


def test_the_edges_forget_a_retired_key(lab: Lab, run: Run) -> None:
    both = Issuer(OWN_DOMAIN.url, [KEY, new_key("key-2")])
    run(**options(jwks=both.jwks()))
    keys = f"{OWN_DOMAIN.url}/openid/v1/jwks"
    assert b"key-2" in lab.get(keys)[2]
    assert run(**options(retired_kids=["key-2"]))["kids"] == ["key-1"]
    assert b"key-2" not in lab.get(keys)[2]


def test_a_public_issuer_moves_behind_cloudfront(lab: Lab, run: Run) -> None:
    bucket, s3 = "oidc.example.com", lab.client("s3")
    publish(lab, OWN_DOMAIN, bucket)
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "onprem.irsa/cluster", "Value": "prod"}]})
    policy = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
    names = ("openid/v1/jwks", ".well-known/openid-configuration")
    policy["Statement"][0] |= {
        "Sid": "OnpremIrsaIssuer",
        "Resource": [f"arn:aws:s3:::{bucket}/{name}" for name in names],
    }
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    with Reader(lab, OWN_DOMAIN.url, live=["key-1"]).polling():
        done = run(**options(bucket=bucket))
    assert (done.get("msg"), lab.get(f"{OWN_DOMAIN.url}/{names[0]}")[0]) == (None, 200)
    assert lab.get(f"https://s3.{REGION}.amazonaws.com/{bucket}/{names[0]}")[0] == 403
    assert run(**options(bucket=bucket))["changed"] is False
