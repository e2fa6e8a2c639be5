# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The policy of whoever runs the collection, enforced by an AWS that evaluates policies while the modules run."""

from __future__ import annotations

import json
import re
import typing as t
from fnmatch import fnmatchcase
from pathlib import Path

import boto3
import pytest
from ansible.module_utils.testing import patch_module_args
from botocore.client import BaseClient

from ansible_collections.onprem.irsa.plugins.module_utils._documents.discovery import discovery_document
from ansible_collections.onprem.irsa.plugins.module_utils._documents.jwks import jwks_document, jwks_from_pems
from ansible_collections.onprem.irsa.plugins.module_utils._iam.operator_policy import actions
from ansible_collections.onprem.irsa.plugins.module_utils._publication import s3_calls as aws_s3
from ansible_collections.onprem.irsa.plugins.module_utils._trust.policy import Trust, build
from ansible_collections.onprem.irsa.plugins.modules import (
    iam_oidc_provider,
    iam_oidc_provider_info,
    iam_role_info,
    iam_roles,
    operator_policy,
    s3_issuer,
)
from ansible_collections.onprem.irsa.tests.unit.extensions.lab.aws.conftest import SESSION, Lab, lab, server
from ansible_collections.onprem.irsa.tests.unit.plugins.some_keys import ec_key, public_pem

__all__ = ["lab", "server"]  # fixtures

BUCKET, REGION, ACCOUNT = "acme-prod-oidc", "eu-central-1", "123456789012"
ISSUER = f"https://{BUCKET}.s3.{REGION}.amazonaws.com"
FORMER = "https://former.example.com"
ROOT = Path(__file__).parents[4]
TRUSTED = {"oidc_provider_arns": [f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER.removeprefix('https://')}"]}
ROLES: list[dict[str, t.Any]] = [{"name": "prod-reports", "service_accounts": ["apps/reports"]}]

Result = dict[str, t.Any]


class Call(t.Protocol):
    def __call__(self, module: t.Any, **options: object) -> Result: ...  # noqa: ANN401 -- a module has no type


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    monkeypatch.setattr(boto3.session, "Session", lambda **_options: SESSION)
    monkeypatch.setattr(aws_s3, "_SPREADING_SECONDS", 0)

    def run(module: t.Any, **options: object) -> Result:  # noqa: ANN401 -- a module has no type
        with patch_module_args(options), pytest.raises(SystemExit):
            module.main()
        return t.cast("Result", json.loads(capsys.readouterr().out))

    return run


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Every call to AWS, as the SDK has it."""
    calls: set[str] = set()
    send = vars(BaseClient)["_make_api_call"]

    def record(self: BaseClient, name: str, params: dict[str, t.Any]) -> t.Any:  # noqa: ANN401 -- as botocore
        calls.add(f"{self.meta.service_model.service_name}:{name}")
        return send(self, name, params)

    monkeypatch.setattr(BaseClient, "_make_api_call", record)
    return calls


def the_policy(call: Call, **options: object) -> dict[str, t.Any]:
    names = {"account": ACCOUNT, "region": REGION, "bucket": BUCKET, "roles": ["prod-*"]}
    return t.cast("dict[str, t.Any]", call(operator_policy, **{**names, **options})["policy"])


def operator(lab: Lab, policy: dict[str, t.Any]) -> dict[str, object]:
    """Make a user with this policy alone; return the options by which a module acts as it."""
    iam = lab.client("iam")
    iam.create_user(UserName="operator")
    iam.put_user_policy(UserName="operator", PolicyName="operator", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName="operator")["AccessKey"]
    access = {"access_key": key["AccessKeyId"], "secret_key": key["SecretAccessKey"]}
    ca_file = str(lab.state / "ca.pem")
    return {**access, "aws_ca_bundle": ca_file, "region": REGION, "cluster": "prod"}


def documents(*numbers: int) -> dict[str, object]:
    keys = jwks_from_pems([("FILE", "".join(public_pem(ec_key(number)) for number in numbers))])
    discovery = discovery_document(ISSUER, f"{ISSUER}/openid/v1/jwks", ["ES256"])
    return {"bucket": BUCKET, "issuer": ISSUER, "discovery_document": discovery, "jwks": jwks_document(keys)}


def moved_on(lab: Lab) -> None:
    """Leave a provider of a former issuer in the account, and a role that trusts it."""
    iam, tags = lab.client("iam"), [{"Key": "onprem.irsa/cluster", "Value": "prod"}]
    arn = iam.create_open_id_connect_provider(Url=FORMER, ThumbprintList=["0" * 40], Tags=tags)
    statements = [build(Trust.of(arn["OpenIDConnectProviderArn"], ["sts.amazonaws.com"], ["apps/reports"]))]
    trust = json.dumps({"Version": "2012-10-17", "Statement": statements})
    iam.create_role(RoleName="prod-reports", AssumeRolePolicyDocument=trust, Tags=tags)


@pytest.mark.parametrize("named", [{}, {"cluster": "prod"}], ids=["any cluster", "the cluster"])
def test_the_whole_runs_with_exactly_this_policy(
    lab: Lab, call: Call, made: set[str], monkeypatch: pytest.MonkeyPatch, named: dict[str, str]
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(lab.state / "ca.pem"))  # aws_ca_bundle is for calls alone
    policy = the_policy(call, **named)
    access = operator(lab, policy)
    moved_on(lab)
    made.clear()
    steps: tuple[tuple[t.Any, dict[str, t.Any]], ...] = (
        (s3_issuer, {**documents(1), "tags": {"team": "a"}, "versioning": False}),
        (s3_issuer, documents(1, 2)),
        (iam_oidc_provider, {"url": ISSUER}),
        (iam_roles, {**TRUSTED, "roles": ROLES}),
        (iam_roles, {**TRUSTED, "roles": [{**ROLES[0], "description": "Reports"}]}),
        (iam_role_info, {"name": "prod-reports"}),
        (iam_oidc_provider_info, {}),
        (iam_roles, {**TRUSTED, "roles": [], "purge_roles": True}),
        (iam_oidc_provider, {"url": FORMER, "state": "absent"}),
        (iam_oidc_provider, {"url": ISSUER, "state": "absent"}),
        (s3_issuer, {"bucket": BUCKET, "issuer": ISSUER, "state": "absent"}),
    )
    for module, options in steps:
        given = {key: value for key, value in access.items() if key != "cluster" or module is not iam_role_info}
        result = call(module, **given, **options)
        assert result.get("failed") is None, (module.__name__, result["msg"])
    allowed = {action for statement in policy["Statement"] for action in statement["Action"]}
    assert set(actions(made)) <= allowed


def test_the_provider_of_another_cluster_cannot_be_deleted(lab: Lab, call: Call) -> None:
    access = operator(lab, the_policy(call, cluster="dev"))
    moved_on(lab)
    result = call(iam_oidc_provider, **access, url=FORMER, state="absent", adopt=True)
    assert "AccessDenied" in result["msg"]


@pytest.mark.parametrize("name", ["irsa_iam", "irsa_issuer", "irsa_verify"])
def test_roles_ask_aws_by_modules_of_this_collection_alone(name: str) -> None:
    files = sorted((ROOT / "roles" / name / "tasks").glob("*.yml"))
    assert files
    assert [path.name for path in files if re.search(r"^\s*(amazon|community)\.aws\.", path.read_text(), re.M)] == []


@pytest.mark.parametrize("account", ["1402433619", "12345", "True", "1.1"])
def test_an_account_without_quotes_is_told_as_such(call: Call, account: str) -> None:
    message = call(operator_policy, account=account, region=REGION, bucket=BUCKET)["msg"]
    assert "must be 12 digits" in message
    assert "Write it in quotes" in message


def test_what_is_not_asked_for_is_not_allowed(call: Call) -> None:
    plain = the_policy(call)
    everything = [entry for statement in plain["Statement"] for entry in statement["Action"]]
    assert not [entry for entry in everything if entry.startswith(("cloudfront:", "route53:"))]
    assert not [entry for entry in everything if "*" in entry]
    resources = {statement["Sid"]: statement["Resource"] for statement in plain["Statement"]}
    assert resources["OnpremIrsaDocuments"] == [
        f"arn:aws:s3:::{BUCKET}/.well-known/openid-configuration",
        f"arn:aws:s3:::{BUCKET}/openid/v1/jwks",
    ]
    assert resources["OnpremIrsaRoles"] == [f"arn:aws:iam::{ACCOUNT}:role/prod-*"]
    more = the_policy(call, issuer="https://oidc.example.com", cloudfront=True, hosted_zone_id="Z1")
    names = {statement["Sid"] for statement in more["Statement"]} - set(resources)
    assert names == {"OnpremIrsaDistribution", "OnpremIrsaZone"}
    without = the_policy(call, bucket=None, issuer="https://oidc.example.com")
    assert not [s for s in without["Statement"] if fnmatchcase(s["Sid"], "OnpremIrsa[BD]*")]


def test_bad_values_are_refused(call: Call) -> None:
    good = {"account": ACCOUNT, "region": REGION, "bucket": BUCKET}
    assert "must be 12 digits" in call(operator_policy, **{**good, "account": "me"})["msg"]
    assert "must look like" in call(operator_policy, **{**good, "region": "x"})["msg"]
    assert "neither" in call(operator_policy, account=ACCOUNT, region=REGION)["msg"]


NAMES = ["prod-reports", "prod-*", "*", "irsa/prod-?", "irsa/team/a_b+c=d,e.f@g-h", "x" * 64, "a*/b"]


@pytest.mark.parametrize("name", NAMES)
def test_a_role_is_named_with_its_path_and_wildcards(call: Call, name: str) -> None:
    resources = {each["Sid"]: each["Resource"] for each in the_policy(call, roles=[name])["Statement"]}
    assert resources["OnpremIrsaRoles"] == [f"arn:aws:iam::{ACCOUNT}:role/{name}"]


@pytest.mark.parametrize(
    "name",
    [
        "arn:aws:iam::1:role/x",
        f"arn:aws:iam::{ACCOUNT}:role/prod-*",
        "arn:aws:iam::*",
        "bad role",
        "",
        "/irsa/prod",
        "irsa/",
        "größe",
        "prod;reports",
        "x" * 65,
        "a b/prod",
        "prod\n",
    ],
)
def test_what_no_role_can_be_called_is_refused(call: Call, name: str) -> None:
    message = call(operator_policy, account=ACCOUNT, region=REGION, bucket=BUCKET, roles=["prod-*", name])["msg"]
    assert f"{name!r} must be the name of a role" in message
    assert "'prod-*'" not in message


@pytest.mark.parametrize("name", ["a;b", "x" * 257])
def test_a_cluster_that_no_tag_can_name_is_refused(call: Call, name: str) -> None:
    message = call(operator_policy, account=ACCOUNT, region=REGION, bucket=BUCKET, cluster=name)["msg"]
    assert f"The cluster's name {name!r} must be 1 to 256" in message
