# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which permission a call needs."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from lab_aws import permissions
from lab_aws.hosts import Endpoint
from lab_aws.messages import Call, HttpRequest

ACCOUNT = "arn:aws:iam::123456789012"
PROVIDER = f"{ACCOUNT}:oidc-provider/issuer.example"


def needed(
    operation: str, bucket: str | None = None, key: str | None = None, **parameters: str
) -> tuple[str, str | None]:
    http = HttpRequest("POST", f"/?{urlencode(parameters)}", {})
    call = Call(operation, Endpoint(operation.partition(":")[0], "eu-central-1"), http, bucket, key)
    known = {"known": f"{ACCOUNT}:role/team/known"}
    request = permissions.needed(call, account="123456789012", role_arn=known.get)
    return request.action, request.resource


@pytest.mark.parametrize(
    ("operation", "bucket", "key", "action", "resource"),
    [
        ("s3:ListBuckets", None, None, "s3:ListAllMyBuckets", "*"),
        ("s3:HeadBucket", "b", None, "s3:ListBucket", "arn:aws:s3:::b"),
        ("s3:CreateBucket", "b", None, "s3:CreateBucket", "arn:aws:s3:::b"),
        ("s3:PutPublicAccessBlock", "b", None, "s3:PutBucketPublicAccessBlock", "arn:aws:s3:::b"),
        ("s3:HeadObject", "b", "k/x", "s3:GetObject", "arn:aws:s3:::b/k/x"),
        ("s3:PutObject", "b", "k/x", "s3:PutObject", "arn:aws:s3:::b/k/x"),
        ("s3:DeleteObjects", "b", None, "s3:DeleteObject", "arn:aws:s3:::b/*"),
        ("s3control:PutPublicAccessBlock", None, None, "s3:PutAccountPublicAccessBlock", "*"),
    ],
)
def test_s3(operation: str, bucket: str | None, key: str | None, action: str, resource: str) -> None:
    assert needed(operation, bucket, key) == (action, resource)


@pytest.mark.parametrize(
    ("name", "parameters", "resource"),
    [
        ("ListRoles", {"PathPrefix": "/"}, "*"),
        ("GetAccountAuthorizationDetails", {}, "*"),
        ("CreateRole", {"RoleName": "new"}, f"{ACCOUNT}:role/new"),
        ("CreateRole", {"RoleName": "new", "Path": "/team/"}, f"{ACCOUNT}:role/team/new"),
        ("AttachRolePolicy", {"RoleName": "known", "PolicyArn": "arn:p"}, f"{ACCOUNT}:role/team/known"),
        ("GetOpenIDConnectProvider", {"OpenIDConnectProviderArn": PROVIDER}, PROVIDER),
        ("CreateOpenIDConnectProvider", {"Url": "https://issuer.example"}, PROVIDER),
        ("GetUser", {"UserName": "me"}, f"{ACCOUNT}:user/me"),
        ("CreatePolicy", {"PolicyName": "p", "Path": "/x/"}, f"{ACCOUNT}:policy/x/p"),
        ("GetPolicy", {"PolicyArn": "arn:p"}, "arn:p"),
    ],
)
def test_iam(name: str, parameters: dict[str, str], resource: str) -> None:
    assert needed(f"iam:{name}", **parameters) == (f"iam:{name}", resource)


def test_the_context() -> None:
    parameters = {
        "RoleName": "new",
        "PolicyArn": "arn:p",
        "PermissionsBoundary": "arn:b",
        "Tags.member.1.Key": "onprem.irsa/cluster",
        "Tags.member.1.Value": "prod",
    }
    http = HttpRequest(
        "POST", "/", {"content-type": "application/x-www-form-urlencoded"}, urlencode(parameters).encode()
    )
    call = Call("iam:CreateRole", Endpoint("iam", "us-east-1"), http)
    request = permissions.needed(call, account="123456789012", role_arn=lambda _name: None, principals=("arn:me",))
    assert request.principals == {"AWS": ("arn:me",)}
    assert request.context == {
        "aws:SecureTransport": ("true",),
        "aws:RequestedRegion": ("us-east-1",),
        "aws:PrincipalArn": ("arn:me",),
        "aws:PrincipalAccount": ("123456789012",),
        "aws:RequestTag/onprem.irsa/cluster": ("prod",),
        "aws:TagKeys": ("onprem.irsa/cluster",),
        "iam:PolicyARN": ("arn:p",),
        "iam:PermissionsBoundary": ("arn:b",),
    }
