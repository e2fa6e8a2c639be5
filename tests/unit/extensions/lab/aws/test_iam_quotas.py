# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What IAM refuses of roles: quotas, keys of tags that are one, roles that are in use."""

from __future__ import annotations

import json
import typing as t

import pytest
from botocore.exceptions import ClientError

if t.TYPE_CHECKING:
    from .conftest import Lab

pytestmark = pytest.mark.slow

EC2 = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
TRUST = json.dumps({"Version": "2012-10-17", "Statement": [EC2]})


@pytest.fixture
def iam(lab: Lab) -> t.Any:  # noqa: ANN401 -- boto3's own
    client = lab.client("iam")
    client.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST, Tags=[{"Key": "Team", "Value": "a"}])
    return client


def refused(call: t.Callable[..., object], **arguments: object) -> str:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return str(caught.value)


def document(size: int, **changes: object) -> str:
    statement = {"Sid": "x" * size, "Effect": "Allow", "Action": "s3:*", "Resource": "*", **changes}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, indent=4)


def test_ten_managed_policies(iam: t.Any) -> None:  # noqa: ANN401 -- boto3's own
    arns = [iam.create_policy(PolicyName=f"p{n}", PolicyDocument=document(1))["Policy"]["Arn"] for n in range(11)]
    for arn in [*arns[:10], arns[0]]:
        iam.attach_role_policy(RoleName="r", PolicyArn=arn)
    assert "LimitExceeded" in refused(iam.attach_role_policy, RoleName="r", PolicyArn=arns[10])
    iam.detach_role_policy(RoleName="r", PolicyArn=arns[0])
    iam.attach_role_policy(RoleName="r", PolicyArn=arns[10])


def test_the_inline_policies_together(iam: t.Any) -> None:  # noqa: ANN401 -- boto3's own
    iam.put_role_policy(RoleName="r", PolicyName="a", PolicyDocument=document(9000))
    said = refused(iam.put_role_policy, RoleName="r", PolicyName="b", PolicyDocument=document(1200))
    assert "Maximum policy size of 10240 bytes exceeded for role r" in said
    iam.put_role_policy(RoleName="r", PolicyName="a", PolicyDocument=document(8000))
    iam.put_role_policy(RoleName="r", PolicyName="b", PolicyDocument=document(1200))


@pytest.mark.parametrize("changes", [{"Effect": "Permit"}, {"Action": None}, {"Principal": "*"}, {"Acton": "s3:*"}])
def test_an_inline_policy_that_is_none(iam: t.Any, changes: dict[str, object]) -> None:  # noqa: ANN401 -- boto3's own
    said = refused(iam.put_role_policy, RoleName="r", PolicyName="a", PolicyDocument=document(1, **changes))
    assert "MalformedPolicyDocument" in said


def test_keys_of_tags_are_one_whatever_their_case(iam: t.Any) -> None:  # noqa: ANN401 -- boto3's own
    twice = [{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}]
    assert "Duplicate" in refused(iam.tag_role, RoleName="r", Tags=twice)
    assert "Duplicate" in refused(iam.create_role, RoleName="s", AssumeRolePolicyDocument=TRUST, Tags=twice)
    iam.tag_role(RoleName="r", Tags=[{"Key": "team", "Value": "b"}])
    assert iam.list_role_tags(RoleName="r")["Tags"] == [{"Key": "team", "Value": "b"}]
    iam.untag_role(RoleName="r", TagKeys=["TEAM"])
    assert iam.list_role_tags(RoleName="r")["Tags"] == []
    assert "NoSuchEntity" in refused(iam.untag_role, RoleName="s", TagKeys=["a"])


def test_what_is_in_use_or_not_there_is_not_deleted(iam: t.Any) -> None:  # noqa: ANN401 -- boto3's own
    iam.create_instance_profile(InstanceProfileName="node")
    iam.add_role_to_instance_profile(InstanceProfileName="node", RoleName="r")
    assert "must remove roles from instance profile first" in refused(iam.delete_role, RoleName="r")
    arn = "arn:aws:iam::123456789012:oidc-provider/gone.example.com"
    assert "NoSuchEntity" in refused(iam.delete_open_id_connect_provider, OpenIDConnectProviderArn=arn)
