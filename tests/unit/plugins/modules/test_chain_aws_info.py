# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module on an AWS that verifies permissions, as an identity that has the printed policy and nothing else."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible.module_utils.testing import patch_module_args
from botocore.config import Config

from ansible_collections.onprem.irsa.plugins.module_utils._doctor import gather_aws
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.codec import of_json
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.rights import CALLS, aws_policy, refused_call
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.snapshot import Bucket, NotLooked, Roles, Snapshot
from ansible_collections.onprem.irsa.plugins.module_utils._errors import IrsaError
from ansible_collections.onprem.irsa.plugins.modules import chain_aws_info
from ansible_collections.onprem.irsa.tests.unit.extensions.lab.aws.conftest import Issuer, Lab, lab, publish, server

pytestmark = pytest.mark.slow

if t.TYPE_CHECKING:
    from pathlib import Path

__all__ = ["lab", "server"]  # fixtures

Json = dict[str, t.Any]
BUCKET: t.Final = "acme-prod-oidc"
REGION: t.Final = "eu-central-1"
ISSUER: t.Final = f"https://{BUCKET}.s3.{REGION}.amazonaws.com"
KEYS: t.Final = (".well-known/openid-configuration", "openid/v1/jwks")
ACCOUNT: t.Final = "123456789012"
BOUNDARY: t.Final = f"arn:aws:iam::{ACCOUNT}:policy/boundary"
ALL: t.Final = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}]}


def arn(name: str, account: str = ACCOUNT) -> str:
    return f"arn:aws:iam::{account}:role/{name}"


@pytest.fixture
def account(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """An account with a published issuer, its provider, and roles."""
    publish(lab, Issuer(ISSUER), BUCKET)
    iam = lab.client("iam")
    iam.create_open_id_connect_provider(Url=ISSUER, ClientIDList=["sts.amazonaws.com"])
    trust = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    iam.create_policy(PolicyName="boundary", PolicyDocument=json.dumps(ALL))
    for name in ("prod-reports", "unnamed"):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=document, PermissionsBoundary=BOUNDARY)
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=json.dumps(ALL))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_CA_BUNDLE"):
        monkeypatch.setenv(name, lab.environment()[name])
    return lab


def become(lab: Lab, monkeypatch: pytest.MonkeyPatch, *policies: Json) -> None:
    """Make a user with these policies, and let the module be that user."""
    iam = lab.client("iam")
    iam.create_user(UserName="reader")
    for number, policy in enumerate(policies):
        iam.put_user_policy(UserName="reader", PolicyName=f"p{number}", PolicyDocument=json.dumps(policy))
    made = iam.create_access_key(UserName="reader")["AccessKey"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", made["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", made["SecretAccessKey"])


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The calls that were made, as SERVICE:Operation."""
    made: set[str] = set()

    def noted(service: str, operation: str) -> str:
        made.add(f"{service}:{operation}")
        return refused_call(service, operation)

    monkeypatch.setattr(gather_aws, "refused_call", noted)
    return made


def look(capsys: pytest.CaptureFixture[str], **options: object) -> Snapshot:
    own = {"issuer": ISSUER, "role_arns": [arn("prod-reports")], "region": REGION, "told_region": REGION}
    with patch_module_args({**own, **options}), pytest.raises(SystemExit):
        chain_aws_info.main()
    result: Json = json.loads(capsys.readouterr().out)
    assert not result.get("failed"), result
    return of_json(result["seen"], source="seen")


def test_the_printed_policy_is_exactly_what_is_called(
    account: Lab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], calls: set[str]
) -> None:
    denied = {"Effect": "Deny", "Action": "iam:GetAccountAuthorizationDetails", "Resource": "*"}
    policy = aws_policy(BUCKET, KEYS)
    become(account, monkeypatch, policy)
    account.admin("/calls/reset", {})
    seen = [look(capsys)]
    account.client("iam").put_user_policy(
        UserName="reader",
        PolicyName="listing",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [denied]}),
    )
    seen.append(look(capsys))
    assert account.admin("/calls")["writes"] == 1  # the policy of this test
    assert calls == CALLS
    for snapshot in seen:
        assert [
            name for name in ("bucket", "providers", "roles") if isinstance(getattr(snapshot, name), NotLooked)
        ] == []
        assert isinstance(snapshot.roles, Roles)
        assert [(role.arn, role.boundary_exists, role.inline) for role in snapshot.roles.found] == [
            (arn("prod-reports"), True, ("own",))
        ]
        assert snapshot.roles.unreadable == {}
    assert isinstance(seen[0].roles, Roles)
    assert arn("unnamed") in seen[0].roles.others


def test_roles_that_trust_the_issuer_are_looked_at_by_whatever_they_are_named(
    account: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    provider = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER.removeprefix('https://')}"
    for name, trusted in (("of-a-secret", provider), ("of-others", f"{provider}/other")):
        statement = {
            "Effect": "Allow",
            "Principal": {"Federated": trusted},
            "Action": "sts:AssumeRoleWithWebIdentity",
        }
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        account.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=document)
    roles = look(capsys).roles
    assert isinstance(roles, Roles)
    assert {role.arn for role in roles.found} == {arn("prod-reports"), arn("of-a-secret")}
    assert {arn("of-others"), arn("unnamed")} <= {*roles.others}


def test_a_right_that_is_missing_hides_its_own_part_alone(
    account: Lab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    policy = aws_policy(BUCKET, KEYS)
    policy["Statement"] = [part for part in policy["Statement"] if "Bucket" not in part["Sid"]]
    become(account, monkeypatch, policy)
    seen = look(capsys)
    assert isinstance(seen.bucket, NotLooked)
    assert BUCKET in seen.bucket.reason
    assert isinstance(seen.roles, Roles)


def test_without_credentials(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    seen = look(capsys)
    for part in (seen.bucket, seen.providers, seen.roles):
        assert part == NotLooked("there are no AWS credentials")


@pytest.mark.usefixtures("account")
def test_documents_of_an_issuer_that_nobody_knows(capsys: pytest.CaptureFixture[str]) -> None:
    unknown, elsewhere = (look(capsys, issuer=issuer).bucket for issuer in ("", "https://oidc.example.com"))
    assert unknown == NotLooked("the issuer is not known (irsa_doctor_issuer_url)")
    assert elsewhere is None


def test_what_is_gone_and_what_is_of_others(account: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    account.client("s3").delete_object(Bucket=BUCKET, Key=KEYS[1])
    named = [arn("gone"), arn("prod-reports", "999999999999")]
    seen = look(capsys, role_arns=named)
    assert isinstance(seen.roles, Roles)
    assert (seen.roles.missing, seen.roles.found) == ((arn("gone"),), ())
    assert isinstance(seen.bucket, Bucket)
    assert [(each.key, each.exists) for each in seen.bucket.objects] == [(KEYS[0], True), (KEYS[1], False)]
    missing = look(capsys, issuer=f"https://gone-oidc.s3.{REGION}.amazonaws.com").bucket
    assert missing == Bucket("gone-oidc", exists=False)


def test_no_client_makes_another_call(account: Lab) -> None:
    class Module:
        params: t.ClassVar[Json] = {}

        def client(self, service: str, **_options: object) -> t.Any:  # noqa: ANN401 -- boto3's own
            return account.client(service, config=Config(retries={"total_max_attempts": 1}))

    iam = gather_aws.Reading(t.cast("t.Any", Module())).client("iam")
    with pytest.raises(IrsaError, match="iam:DeleteRole is no call"):
        iam.delete_role(RoleName="prod-reports")
    assert account.client("iam").get_role(RoleName="prod-reports")
