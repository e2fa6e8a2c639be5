# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server, end to end, as boto3 and plain HTTPS see it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import typing as t
import urllib.error

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from .conftest import AUDIENCE, FOREIGN_KEY, PACKAGE, REGION, Issuer, Lab, new_key, sign

BUCKET = "acme-prod-oidc"
DOCUMENTS = (".well-known/openid-configuration", "openid/v1/jwks")
OPEN = {"BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": False, "RestrictPublicBuckets": False}
CLOSED = dict.fromkeys(OPEN, True)
ROLE = "arn:aws:iam::123456789012:role/prod-reports"
READ_ONLY = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"


def refusal(call: t.Callable[..., object], **arguments: object) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def public_policy(bucket: str = BUCKET, *more: t.Mapping[str, object]) -> str:
    statement = {
        "Sid": "PublishedDocuments",
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": [f"arn:aws:s3:::{bucket}/{key}" for key in DOCUMENTS],
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement, *more]})


def create_bucket(lab: Lab, bucket: str = BUCKET) -> t.Any:  # noqa: ANN401 -- boto3's own
    s3 = lab.client("s3")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    return s3


def publish(lab: Lab, issuer: Issuer) -> t.Any:  # noqa: ANN401 -- boto3's own
    s3 = create_bucket(lab)
    s3.put_public_access_block(Bucket=BUCKET, PublicAccessBlockConfiguration=OPEN)
    s3.put_bucket_policy(Bucket=BUCKET, Policy=public_policy())
    for key, body in zip(DOCUMENTS, (issuer.discovery(), issuer.jwks()), strict=True):
        options = {"ContentType": "application/json", "CacheControl": "max-age=300"}
        s3.put_object(Bucket=BUCKET, Key=key, Body=body.encode(), **options)
    return s3


def trust(issuer: Issuer, subject: str = "system:serviceaccount:apps:reports") -> str:
    host = issuer.url.removeprefix("https://")
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": f"arn:aws:iam::123456789012:oidc-provider/{host}"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {f"{host}:aud": AUDIENCE, f"{host}:sub": subject}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture
def issuer(lab: Lab) -> Issuer:
    """An issuer with published documents, a provider, and the role prod-reports that trusts it."""
    found = Issuer(f"https://{BUCKET}.s3.{REGION}.amazonaws.com")
    publish(lab, found)
    iam = lab.client("iam")
    iam.create_open_id_connect_provider(Url=found.url, ClientIDList=[AUDIENCE])
    iam.create_role(RoleName="prod-reports", AssumeRolePolicyDocument=trust(found))
    iam.attach_role_policy(RoleName="prod-reports", PolicyArn=READ_ONLY)
    return found


def assume(lab: Lab, token: str, **options: object) -> t.Any:  # noqa: ANN401 -- boto3's own
    sts = lab.unsigned("sts")
    given = {"RoleArn": ROLE, "RoleSessionName": "pod", "WebIdentityToken": token}
    return sts.assume_role_with_web_identity(**given | options)


def session(credentials: dict[str, str]) -> dict[str, str]:
    names = {
        "aws_access_key_id": "AccessKeyId",
        "aws_secret_access_key": "SecretAccessKey",
        "aws_session_token": "SessionToken",
    }
    return {option: credentials[name] for option, name in names.items()}


# web identities ------------------------------------------------------------------------------------------------------


def test_a_token_becomes_a_role(lab: Lab, issuer: Issuer) -> None:
    answer = assume(lab, issuer.token())
    assert answer["AssumedRoleUser"]["Arn"] == "arn:aws:sts::123456789012:assumed-role/prod-reports/pod"
    assert answer["SubjectFromWebIdentityToken"] == "system:serviceaccount:apps:reports"
    assert answer["Audience"] == AUDIENCE
    assert answer["Provider"].endswith(f":oidc-provider/{BUCKET}.s3.{REGION}.amazonaws.com")
    keys = session(answer["Credentials"])
    identity = lab.client("sts", **keys).get_caller_identity()
    assert (identity["Account"], identity["Arn"]) == ("123456789012", answer["AssumedRoleUser"]["Arn"])


def test_the_role_s_policies_hold_for_its_session(lab: Lab, issuer: Issuer) -> None:
    keys = session(assume(lab, issuer.token())["Credentials"])
    s3 = lab.client("s3", **keys)
    assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == [BUCKET]
    assert refusal(s3.put_object, Bucket=BUCKET, Key="x", Body=b"") == ("AccessDenied", 403)
    assert refusal(lab.client("iam", **keys).list_roles) == ("AccessDenied", 403)
    lab.client("iam").detach_role_policy(RoleName="prod-reports", PolicyArn=READ_ONLY)
    assert refusal(s3.list_buckets) == ("AccessDenied", 403)


def test_a_session_is_bound_to_its_token_and_its_boundary(lab: Lab, issuer: Issuer) -> None:
    keys = session(assume(lab, issuer.token())["Credentials"])
    for wrong in ({"aws_session_token": "other"}, {"aws_session_token": None}):
        assert refusal(lab.client("sts", **keys | wrong).get_caller_identity) == ("InvalidClientTokenId", 403)
    boundary = "arn:aws:iam::aws:policy/IAMReadOnlyAccess"
    lab.client("iam").put_role_permissions_boundary(RoleName="prod-reports", PermissionsBoundary=boundary)
    assert refusal(lab.client("s3", **keys).list_buckets) == ("AccessDenied", 403)


def test_a_foreign_key_is_refused(lab: Lab, issuer: Issuer) -> None:
    assert refusal(assume, lab=lab, token=sign(issuer.claims(), FOREIGN_KEY)) == ("InvalidIdentityToken", 400)


@pytest.mark.parametrize(
    ("changes", "code", "status"),
    [
        ({"sub": "system:serviceaccount:apps:other"}, "AccessDenied", 403),
        ({"aud": ["https://kubernetes.default.svc"]}, "InvalidIdentityToken", 400),
        ({"iss": "https://kubernetes.default.svc.cluster.local"}, "InvalidIdentityToken", 400),
        ({"exp": 1_700_000_000}, "ExpiredTokenException", 400),
    ],
)
def test_wrong_claims_are_refused(lab: Lab, issuer: Issuer, changes: dict[str, object], code: str, status: int) -> None:
    assert refusal(assume, lab=lab, token=issuer.token(**changes)) == (code, status)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"RoleArn": "arn:aws:iam::123456789012:role/nobody"}, "AccessDenied"),
        ({"RoleArn": "arn:aws:iam::210987654321:role/prod-reports"}, "AccessDenied"),
        ({"RoleSessionName": "two words"}, "ValidationError"),
        ({"DurationSeconds": 899}, "ValidationError"),
        ({"DurationSeconds": 43201}, "ValidationError"),
        ({"DurationSeconds": 3601}, "ValidationError"),
    ],
)
def test_wrong_parameters_are_refused(lab: Lab, issuer: Issuer, options: dict[str, object], code: str) -> None:
    assert refusal(assume, lab=lab, token=issuer.token(), **options)[0] == code


def test_a_changed_key_set_counts_at_once(lab: Lab, issuer: Issuer) -> None:
    rotated = Issuer(issuer.url, [new_key("next"), *issuer.keys])
    assert refusal(assume, lab=lab, token=rotated.token()) == ("InvalidIdentityToken", 400)
    lab.client("s3").put_object(Bucket=BUCKET, Key=DOCUMENTS[1], Body=rotated.jwks().encode())
    assert assume(lab, rotated.token())
    assert assume(lab, issuer.token())


@pytest.mark.parametrize("key", DOCUMENTS)
def test_documents_that_are_gone_or_closed(lab: Lab, issuer: Issuer, key: str) -> None:
    s3 = lab.client("s3")
    s3.delete_object(Bucket=BUCKET, Key=key)
    assert refusal(assume, lab=lab, token=issuer.token()) == ("InvalidIdentityToken", 400)
    s3.put_object(Bucket=BUCKET, Key=key, Body=(issuer.discovery() if key == DOCUMENTS[0] else issuer.jwks()).encode())
    assert assume(lab, issuer.token())
    s3.put_public_access_block(Bucket=BUCKET, PublicAccessBlockConfiguration=CLOSED)
    assert refusal(assume, lab=lab, token=issuer.token()) == ("InvalidIdentityToken", 400)


def test_the_global_endpoint_and_a_get_work_too(lab: Lab, issuer: Issuer) -> None:
    sts = lab.unsigned("sts", "us-east-1")
    given = {"RoleArn": ROLE, "RoleSessionName": "pod", "WebIdentityToken": issuer.token()}
    assert sts.assume_role_with_web_identity(**given)
    query = f"Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn={ROLE}&RoleSessionName=p-1"
    status, _headers, body = lab.get(f"https://sts.amazonaws.com/?{query}&WebIdentityToken={issuer.token()}")
    assert status == 200
    assert b"assumed-role/prod-reports/p-1" in body


def test_a_china_region_is_a_partition_of_its_own(lab: Lab) -> None:
    region = "cn-north-1"
    s3 = lab.client("s3", region)
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": region})
    s3.put_public_access_block(Bucket=BUCKET, PublicAccessBlockConfiguration=OPEN)
    s3.put_bucket_policy(Bucket=BUCKET, Policy=public_policy().replace("arn:aws:", "arn:aws-cn:"))
    issuer = Issuer(f"https://{BUCKET}.s3.{region}.amazonaws.com.cn")
    for key, body in zip(DOCUMENTS, (issuer.discovery(), issuer.jwks()), strict=True):
        s3.put_object(Bucket=BUCKET, Key=key, Body=body.encode())
    iam = lab.client("iam", region)
    made = iam.create_open_id_connect_provider(Url=issuer.url, ClientIDList=[AUDIENCE])
    assert made["OpenIDConnectProviderArn"].startswith("arn:aws-cn:iam::")
    iam.create_role(RoleName="reports", AssumeRolePolicyDocument=trust(issuer).replace("arn:aws:", "arn:aws-cn:"))
    sts = lab.unsigned("sts", region)
    given = {"RoleArn": "arn:aws-cn:iam::123456789012:role/reports", "RoleSessionName": "pod"}
    answer = sts.assume_role_with_web_identity(WebIdentityToken=issuer.token(), **given)
    assert answer["AssumedRoleUser"]["Arn"] == "arn:aws-cn:sts::123456789012:assumed-role/reports/pod"
    keys = session(answer["Credentials"])
    assert lab.client("sts", region, **keys).get_caller_identity()["Arn"] == answer["AssumedRoleUser"]["Arn"]


# IAM -----------------------------------------------------------------------------------------------------------------


def test_a_provider_s_life(lab: Lab) -> None:
    issuer = Issuer(f"https://{BUCKET}.s3.{REGION}.amazonaws.com")
    iam = lab.client("iam")
    assert refusal(iam.create_open_id_connect_provider, Url=issuer.url)[0] == "OpenIdIdpCommunicationError"
    publish(lab, issuer)
    tags = [{"Key": "onprem.irsa/cluster", "Value": "prod"}]
    arn = iam.create_open_id_connect_provider(Url=issuer.url, Tags=tags)["OpenIDConnectProviderArn"]
    assert arn == f"arn:aws:iam::123456789012:oidc-provider/{BUCKET}.s3.{REGION}.amazonaws.com"
    assert refusal(iam.create_open_id_connect_provider, Url=issuer.url) == ("EntityAlreadyExists", 409)
    for _twice in range(2):
        iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID=AUDIENCE)
    found = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert (found["ClientIDList"], found["Tags"]) == ([AUDIENCE], tags)
    assert found["Url"] == issuer.url.removeprefix("https://")
    for _twice in range(2):
        iam.remove_client_id_from_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID=AUDIENCE)
    assert iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn).get("ClientIDList", []) == []
    iam.update_open_id_connect_provider_thumbprint(OpenIDConnectProviderArn=arn, ThumbprintList=["ab" * 20])
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    for call in (iam.delete_open_id_connect_provider, iam.get_open_id_connect_provider):
        assert refusal(call, OpenIDConnectProviderArn=arn) == ("NoSuchEntity", 404)
    missing = {"OpenIDConnectProviderArn": arn, "ClientID": AUDIENCE}
    assert refusal(iam.add_client_id_to_open_id_connect_provider, **missing) == ("NoSuchEntity", 404)
    assert refusal(iam.remove_client_id_from_open_id_connect_provider, **missing) == ("NoSuchEntity", 404)


def test_a_thumbprint_spares_the_visit(lab: Lab) -> None:
    lab.client("iam").create_open_id_connect_provider(Url="https://issuer.invalid", ThumbprintList=["ab" * 20])


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://issuer.example", "InvalidInput"),
        ("https://issuer.example:8443", "InvalidInput"),
        ("https://issuer.example?x=y", "InvalidInput"),
        ("https://issuer.example/" + "x" * 240, "ValidationError"),
        ("issuer.example", "ValidationError"),
    ],
)
def test_wrong_urls_of_providers(lab: Lab, url: str, code: str) -> None:
    iam = lab.client("iam", config=Config(parameter_validation=False))
    assert refusal(iam.create_open_id_connect_provider, Url=url, ThumbprintList=["ab" * 20]) == (code, 400)


def test_malformed_trust_policies(lab: Lab, issuer: Issuer) -> None:
    iam = lab.client("iam")
    for document in ("{", "{}", trust(issuer).replace("sts:AssumeRoleWithWebIdentity", "s3:GetObject")):
        made = {"RoleName": "other", "AssumeRolePolicyDocument": document}
        assert refusal(iam.create_role, **made) == ("MalformedPolicyDocument", 400)
        changed = {"RoleName": "prod-reports", "PolicyDocument": document}
        assert refusal(iam.update_assume_role_policy, **changed) == ("MalformedPolicyDocument", 400)
    missing = {"RoleName": "nobody", "PolicyDocument": trust(issuer)}
    assert refusal(iam.update_assume_role_policy, **missing) == ("NoSuchEntity", 404)
    other = trust(issuer, "system:serviceaccount:apps:other")
    iam.update_assume_role_policy(RoleName="prod-reports", PolicyDocument=other)
    assert iam.get_role(RoleName="prod-reports")["Role"]["AssumeRolePolicyDocument"] == json.loads(other)
    assert refusal(assume, lab=lab, token=issuer.token()) == ("AccessDenied", 403)


def test_roles_are_listed_with_everything_about_them(lab: Lab, issuer: Issuer) -> None:
    iam = lab.client("iam")
    iam.put_role_policy(
        RoleName="prod-reports", PolicyName="inline", PolicyDocument=public_policy().replace('"Principal": "*", ', "")
    )
    iam.tag_role(RoleName="prod-reports", Tags=[{"Key": "onprem.irsa/cluster", "Value": "prod"}])
    [role] = iam.get_account_authorization_details(Filter=["Role"])["RoleDetailList"]
    assert role["AssumeRolePolicyDocument"] == json.loads(trust(issuer))
    assert role["AttachedManagedPolicies"] == [{"PolicyName": "AmazonS3ReadOnlyAccess", "PolicyArn": READ_ONLY}]
    assert [policy["PolicyName"] for policy in role["RolePolicyList"]] == ["inline"]
    assert role["Tags"] == [{"Key": "onprem.irsa/cluster", "Value": "prod"}]


def test_missing_and_wrong_keys(lab: Lab) -> None:
    assert refusal(lab.unsigned("iam").list_roles) == (
        "MissingAuthenticationToken",
        403,
    )
    assert refusal(lab.client("iam", aws_secret_access_key="x" * 40).list_roles) == ("SignatureDoesNotMatch", 403)
    assert refusal(lab.client("iam", aws_access_key_id="AKIAX").list_roles) == ("InvalidClientTokenId", 403)
    assert refusal(lab.client("s3", aws_access_key_id="AKIAX").list_buckets) == ("InvalidAccessKeyId", 403)


def test_a_user_s_policies_hold(lab: Lab) -> None:
    iam = lab.client("iam")
    iam.create_user(UserName="operator")
    made = iam.create_access_key(UserName="operator")["AccessKey"]
    keys = {"aws_access_key_id": made["AccessKeyId"], "aws_secret_access_key": made["SecretAccessKey"]}
    operator = lab.client("iam", **keys)
    assert refusal(operator.list_roles) == ("AccessDenied", 403)
    statement = {
        "Effect": "Allow",
        "Action": "iam:CreateRole",
        "Resource": "arn:aws:iam::123456789012:role/prod-*",
        "Condition": {"StringEquals": {"aws:RequestTag/onprem.irsa/cluster": "prod"}},
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    iam.put_user_policy(UserName="operator", PolicyName="roles", PolicyDocument=json.dumps(policy))
    document = trust(Issuer("https://issuer.example"))
    tags = [{"Key": "onprem.irsa/cluster", "Value": "prod"}]
    operator.create_role(RoleName="prod-one", AssumeRolePolicyDocument=document, Tags=tags)
    for options in ({"RoleName": "prod-two"}, {"RoleName": "other", "Tags": tags}):
        assert refusal(operator.create_role, AssumeRolePolicyDocument=document, **options) == ("AccessDenied", 403)


# S3 ------------------------------------------------------------------------------------------------------------------


def test_a_new_bucket_is_closed(lab: Lab) -> None:
    s3 = create_bucket(lab)
    assert s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"] == CLOSED
    rules = s3.get_bucket_ownership_controls(Bucket=BUCKET)["OwnershipControls"]["Rules"]
    assert rules == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert refusal(s3.put_bucket_policy, Bucket=BUCKET, Policy=public_policy()) == ("AccessDenied", 403)
    assert refusal(s3.put_object, Bucket=BUCKET, Key="x", Body=b"", ACL="public-read") == (
        "AccessControlListNotSupported",
        400,
    )
    assert refusal(s3.put_bucket_acl, Bucket=BUCKET, ACL="public-read")[0] == "AccessControlListNotSupported"
    options = {"CreateBucketConfiguration": {"LocationConstraint": REGION}, "ACL": "public-read"}
    assert refusal(s3.create_bucket, Bucket="another", **options)[0] == "InvalidBucketAclWithObjectOwnership"


def test_creating_a_bucket_twice_does_not_close_it_again(lab: Lab) -> None:
    s3 = lab.client("s3", "us-east-1")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_public_access_block(Bucket=BUCKET, PublicAccessBlockConfiguration=OPEN)
    s3.create_bucket(Bucket=BUCKET)
    assert s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"] == OPEN
    assert refusal(create_bucket, lab=lab)[0] in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("host", [f"{BUCKET}.s3.{REGION}.amazonaws.com", f"s3.{REGION}.amazonaws.com/{BUCKET}"])
def test_anybody_reads_the_two_documents_alone(lab: Lab, issuer: Issuer, host: str, method: str) -> None:
    for key, content in zip(DOCUMENTS, (issuer.discovery(), issuer.jwks()), strict=True):
        status, headers, body = lab.get(f"https://{host}/{key}", method)
        assert (status, body) == (200, content.encode() if method == "GET" else b"")
        assert headers["content-length"] == str(len(content))
        assert (headers["content-type"], headers["cache-control"]) == ("application/json", "max-age=300")
    lab.client("s3").put_object(Bucket=BUCKET, Key="private", Body=b"x")
    for path in ("private", "missing", "", "?list-type=2", "?policy"):
        assert lab.get(f"https://{host}/{path}", method)[0] == 403, path
    assert lab.get(f"https://{host}/{DOCUMENTS[1]}?acl")[0] == 403


def test_an_access_control_list_lets_everybody_read_until_it_has_no_effect(lab: Lab) -> None:
    s3 = lab.client("s3")
    location = {"LocationConstraint": REGION}
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=location, ObjectOwnership="ObjectWriter")
    s3.delete_public_access_block(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="listed", Body=b"x", ACL="public-read")
    s3.put_object(Bucket=BUCKET, Key="private", Body=b"x")
    url = f"https://{BUCKET}.s3.{REGION}.amazonaws.com"
    assert [lab.get(f"{url}/{key}")[0] for key in ("listed", "private")] == [200, 403]
    s3.put_public_access_block(Bucket=BUCKET, PublicAccessBlockConfiguration={"IgnorePublicAcls": True})
    assert lab.get(f"{url}/listed")[0] == 403
    s3.delete_public_access_block(Bucket=BUCKET)
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{BUCKET}/*"}
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps({"Version": "2012-10-17", "Statement": [deny]}))
    assert lab.get(f"{url}/listed")[0] == 403
    s3.delete_bucket_policy(Bucket=BUCKET)
    enforced: t.Any = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    s3.put_bucket_ownership_controls(Bucket=BUCKET, OwnershipControls=enforced)
    assert lab.get(f"{url}/listed")[0] == 403


def test_anybody_may_not_write(lab: Lab, issuer: Issuer) -> None:
    for method in ("PUT", "DELETE", "POST"):
        assert lab.get(f"{issuer.url}/{DOCUMENTS[1]}", method)[0] in (403, 405)
    assert lab.get(issuer.url, "DELETE")[0] == 403
    assert lab.get(f"https://s3.{REGION}.amazonaws.com/")[0] == 403
    assert lab.get(f"{issuer.url}/{DOCUMENTS[1]}")[2] == issuer.jwks().encode()


def test_a_missing_document_is_not_found_by_who_may_list(lab: Lab, issuer: Issuer) -> None:
    s3 = lab.client("s3")
    assert refusal(s3.get_object, Bucket=BUCKET, Key="missing") == ("NoSuchKey", 404)
    assert refusal(s3.head_object, Bucket=BUCKET, Key="missing") == ("404", 404)
    s3.delete_object(Bucket=BUCKET, Key=DOCUMENTS[0])
    assert lab.get(f"{issuer.url}/{DOCUMENTS[0]}")[0] == 403


def test_blocks_of_bucket_and_account_close_a_public_bucket(lab: Lab, issuer: Issuer) -> None:
    url = f"{issuer.url}/{DOCUMENTS[0]}"
    s3, control = lab.client("s3"), lab.client("s3control")
    s3.put_public_access_block(Bucket=BUCKET, PublicAccessBlockConfiguration=OPEN | {"RestrictPublicBuckets": True})
    assert lab.get(url)[0] == 403
    s3.put_public_access_block(Bucket=BUCKET, PublicAccessBlockConfiguration=OPEN)
    assert lab.get(url)[0] == 200
    control.put_public_access_block(AccountId="123456789012", PublicAccessBlockConfiguration=CLOSED)
    assert lab.get(url)[0] == 403
    assert refusal(s3.put_bucket_policy, Bucket=BUCKET, Policy=public_policy()) == ("AccessDenied", 403)
    control.delete_public_access_block(AccountId="123456789012")
    assert lab.get(url)[0] == 200


def test_conditions_of_a_bucket_policy_are_evaluated(lab: Lab, issuer: Issuer) -> None:
    arns = [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"]
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": arns}
    plain = deny | {"Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    s3 = lab.client("s3")
    s3.put_bucket_policy(Bucket=BUCKET, Policy=public_policy(BUCKET, plain))
    assert lab.get(f"{issuer.url}/{DOCUMENTS[0]}")[0] == 200
    s3.put_object(Bucket=BUCKET, Key="x", Body=b"")
    s3.put_bucket_policy(Bucket=BUCKET, Policy=public_policy(BUCKET, deny | {"Action": "s3:PutObject"}))
    assert refusal(s3.put_object, Bucket=BUCKET, Key="x", Body=b"") == ("AccessDenied", 403)


def test_malformed_bucket_policies(lab: Lab) -> None:
    s3 = create_bucket(lab)
    s3.put_public_access_block(Bucket=BUCKET, PublicAccessBlockConfiguration=OPEN)
    for document in ("{", "{}", public_policy("other")):
        assert refusal(s3.put_bucket_policy, Bucket=BUCKET, Policy=document) == ("MalformedPolicy", 400)
    assert refusal(s3.get_bucket_policy, Bucket=BUCKET) == ("NoSuchBucketPolicy", 404)
    s3.put_bucket_policy(Bucket=BUCKET, Policy=public_policy())
    assert json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"]) == json.loads(public_policy())
    assert s3.get_bucket_policy_status(Bucket=BUCKET)["PolicyStatus"]["IsPublic"]
    s3.delete_bucket_policy(Bucket=BUCKET)


def test_conditional_writes(lab: Lab) -> None:
    s3 = create_bucket(lab)
    first = s3.put_object(Bucket=BUCKET, Key="x", Body=b"1", IfNoneMatch="*")["ETag"]
    assert refusal(s3.put_object, Bucket=BUCKET, Key="x", Body=b"2", IfNoneMatch="*") == ("PreconditionFailed", 412)
    s3.put_object(Bucket=BUCKET, Key="x", Body=b"2", IfMatch=first)
    assert refusal(s3.put_object, Bucket=BUCKET, Key="x", Body=b"3", IfMatch=first) == ("PreconditionFailed", 412)
    assert refusal(s3.put_object, Bucket=BUCKET, Key="y", Body=b"3", IfMatch=first) == ("NoSuchKey", 404)
    assert s3.get_object(Bucket=BUCKET, Key="x")["Body"].read() == b"2"


def test_a_bucket_s_region(lab: Lab) -> None:
    create_bucket(lab)
    elsewhere = lab.client("s3", "us-west-2", config=Config(s3={"us_east_1_regional_endpoint": "regional"}))
    assert elsewhere.head_bucket(Bucket=BUCKET)["BucketRegion"] == REGION
    assert lab.client("s3").get_bucket_location(Bucket=BUCKET)["LocationConstraint"] == REGION
    assert lab.get(f"https://{BUCKET}.s3.us-west-2.amazonaws.com/x")[0] == 301
    assert lab.get(f"https://missing.s3.{REGION}.amazonaws.com/x")[0] == 404
    wrong = {"Bucket": "another", "CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}}
    assert refusal(lab.client("s3").create_bucket, **wrong)[0] == "IllegalLocationConstraintException"


def test_a_bucket_s_end(lab: Lab, issuer: Issuer) -> None:
    s3 = lab.client("s3")
    assert refusal(s3.delete_bucket, Bucket=BUCKET) == ("BucketNotEmpty", 409)
    s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": key} for key in DOCUMENTS]})
    s3.delete_bucket(Bucket=BUCKET)
    assert refusal(s3.head_bucket, Bucket=BUCKET) == ("404", 404)
    assert lab.get(f"{issuer.url}/{DOCUMENTS[0]}")[0] == 404


def test_an_unknown_host(lab: Lab) -> None:
    assert lab.get("https://ec2.amazonaws.com/")[0] == 404


# the admin port ------------------------------------------------------------------------------------------------------


def test_calls_are_counted(lab: Lab, issuer: Issuer) -> None:
    lab.admin("/calls/reset", {})
    assume(lab, issuer.token())
    lab.client("iam").create_user(UserName="x")
    counted = {"iam:CreateUser": 1, "s3:GetObject": 2, "sts:AssumeRoleWithWebIdentity": 1}
    assert lab.admin("/calls") == {"reads": 3, "writes": 1, "by_operation": counted}


def test_latency(lab: Lab) -> None:
    iam = lab.client("iam")
    iam.list_roles()
    lab.admin("/latency", {"seconds": 0.3})
    begun = time.monotonic()
    iam.list_roles()
    assert time.monotonic() - begun >= 0.3


def test_faults(lab: Lab) -> None:
    s3 = create_bucket(lab)
    rules = [
        {"operation": "iam:*", "kind": "throttle", "first": 1},
        {"operation": "s3:PutObject", "kind": "500", "every": 2, "times": 1},
        {"operation": "s3:DeleteObject", "kind": "throttle", "first": 1},
    ]
    assert [rule["hit"] for rule in lab.admin("/faults", {"rules": rules})["rules"]] == [0, 0, 0]
    assert refusal(lab.client("iam").list_roles) == ("Throttling", 400)
    lab.client("iam").list_roles()
    s3.put_object(Bucket=BUCKET, Key="x", Body=b"1")
    assert refusal(s3.put_object, Bucket=BUCKET, Key="x", Body=b"2") == ("InternalError", 500)
    assert refusal(s3.delete_object, Bucket=BUCKET, Key="x") == ("SlowDown", 503)
    for body in (b"3", b"4"):
        s3.put_object(Bucket=BUCKET, Key="x", Body=body)
    assert [rule["hit"] for rule in lab.admin("/faults")["rules"]] == [1, 1, 1]


def test_an_answer_that_never_comes_after_the_write(lab: Lab) -> None:
    iam = lab.client("iam")
    lab.admin("/faults", {"rules": [{"operation": "iam:CreateUser", "kind": "timeout_after_write", "first": 1}]})
    with pytest.raises(ConnectionClosedError):
        iam.create_user(UserName="x")
    assert refusal(iam.create_user, UserName="x") == ("EntityAlreadyExists", 409)
    rule = {"operation": "iam:CreateUser", "kind": "timeout_after_write", "first": 1, "seconds": 2}
    lab.admin("/faults", {"rules": [rule]})
    impatient = lab.client("iam", config=Config(read_timeout=0.5, retries={"total_max_attempts": 1}))
    with pytest.raises(ReadTimeoutError):
        impatient.create_user(UserName="y")
    assert iam.get_user(UserName="y")


@pytest.mark.parametrize(
    ("path", "content", "status"),
    [
        ("/nothing", None, 404),
        ("/calls", {}, 404),
        ("/latency", {}, 400),
        ("/latency", {"seconds": 1000}, 400),
        ("/faults", {"rules": [{"operation": "*", "kind": "500"}]}, 400),
        ("/faults", {"rules": [{"unknown": 1}]}, 400),
    ],
)
def test_wrong_questions(lab: Lab, path: str, content: object, status: int) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        lab.admin(path, content)
    with caught.value as answer:
        assert answer.code == status
        assert json.load(answer)["error"]


def test_a_fresh_account_has_the_same_administrator(lab: Lab) -> None:
    before = lab.admin("/credentials")
    create_bucket(lab)
    lab.admin("/reset", {})
    assert lab.admin("/credentials") == before
    assert lab.client("s3").list_buckets()["Buckets"] == []


def test_it_ends_when_told(lab: Lab) -> None:
    command = [sys.executable, "-m", "lab_aws", "--port", "0", "--admin-port", "0", "--state", str(lab.state)]
    with subprocess.Popen(command, cwd=PACKAGE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 -- our own
        assert process.stdout
        assert process.stdout.readline().startswith("ready: https://127.0.0.1:")
        process.send_signal(signal.SIGTERM)
        assert process.wait(1) == 0
