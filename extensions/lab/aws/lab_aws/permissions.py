# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which permission a call needs, on which resource.

Source: Service Authorization Reference, "Actions, resources, and condition keys" for Amazon S3, CloudFront, IAM and
    STS. Where one is not named here, the action carries the operation's name.
"""

from __future__ import annotations

import re
import typing as t

from .policy import Request

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .messages import Call

_S3_ACTIONS = {
    "AbortMultipartUpload": "AbortMultipartUpload",
    "CompleteMultipartUpload": "PutObject",
    "CopyObject": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "DeleteBucketCors": "PutBucketCORS",
    "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "DeleteBucketLifecycle": "PutLifecycleConfiguration",
    "DeleteBucketOwnershipControls": "PutBucketOwnershipControls",
    "DeleteBucketTagging": "PutBucketTagging",
    "DeleteObjects": "DeleteObject",
    "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "HeadBucket": "ListBucket",
    "HeadObject": "GetObject",
    "ListBuckets": "ListAllMyBuckets",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListObjectVersions": "ListBucketVersions",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListParts": "ListMultipartUploadParts",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "UploadPart": "PutObject",
    "UploadPartCopy": "PutObject",
}
_ACCOUNT_BLOCK = {
    "GetPublicAccessBlock": "s3:GetAccountPublicAccessBlock",
    "PutPublicAccessBlock": "s3:PutAccountPublicAccessBlock",
    "DeletePublicAccessBlock": "s3:PutAccountPublicAccessBlock",
}
_CLOUDFRONT_ACTIONS = {"CreateDistributionWithTags": "CreateDistribution"}
_CLOUDFRONT_NAMED = re.compile(r"/(?P<kind>distribution|origin-access-control)/(?P<id>[^/]+)")
_UNRESOURCED = re.compile(r"List(Roles|Users|Policies|OpenIDConnectProviders|AccountAliases)|GetAccount.*|Simulate.*")


def _s3(call: Call) -> tuple[str, str]:
    action = f"s3:{_S3_ACTIONS.get(call.name, call.name)}"
    if call.bucket is None:
        return action, "*"
    key = "/*" if call.name == "DeleteObjects" else f"/{call.key}" if call.key is not None else ""
    return action, f"arn:{call.endpoint.partition}:s3:::{call.bucket}{key}"


def _cloudfront(call: Call, account: str) -> tuple[str, str]:
    found = _CLOUDFRONT_NAMED.search(call.http.path)
    arn = f"arn:aws:cloudfront::{account}:{found['kind']}/{found['id']}" if found else call.parameter("Resource")
    return f"cloudfront:{_CLOUDFRONT_ACTIONS.get(call.name, call.name)}", arn or "*"


def _iam_resource(call: Call, account: str, role_arn: Callable[[str], str | None]) -> str:
    if _UNRESOURCED.fullmatch(call.name):
        return "*"
    prefix, path = f"arn:{call.endpoint.partition}:iam::{account}", call.parameter("Path") or "/"
    role, user, name = (call.parameter(parameter) for parameter in ("RoleName", "UserName", "PolicyName"))
    url = call.parameter("Url").removeprefix("https://")
    candidates = (
        role and (role_arn(role) or f"{prefix}:role{path}{role}"),
        call.parameter("OpenIDConnectProviderArn"),
        url and f"{prefix}:oidc-provider/{url}",
        user and f"{prefix}:user{path}{user}",
        name and f"{prefix}:policy{path}{name}",
        call.parameter("PolicyArn"),
    )
    return next(filter(None, candidates), "*")


def _tags(call: Call) -> dict[str, tuple[str, ...]]:
    context: dict[str, tuple[str, ...]] = {}
    keys: list[str] = []
    while (key := call.parameter(f"Tags.member.{len(keys) + 1}.Key")) != "":
        keys.append(key)
        context[f"aws:RequestTag/{key}"] = (call.parameter(f"Tags.member.{len(keys)}.Value"),)
    names = (*keys, *call.members("TagKeys"))
    return context | ({"aws:TagKeys": names} if names else {})


def needed(
    call: Call,
    *,
    account: str,
    role_arn: Callable[[str], str | None],
    principals: tuple[str, ...] = (),
    provider_tags: Callable[[str], Mapping[str, str]] = lambda _arn: {},
) -> Request:
    """Return the permission that a call needs, as policies see it.

    Args:
        call: the call.
        account: the account's id.
        role_arn: finds a role's ARN by its name, for its path is part of the ARN.
        principals: the names that the caller answers to; none for an anonymous one.
        provider_tags: finds the tags of an OIDC provider by its ARN (``aws:ResourceTag``).
    """
    context: dict[str, tuple[str, ...]] = {
        "aws:SecureTransport": ("true",),
        "aws:RequestedRegion": (call.endpoint.region,),
    }
    if principals:
        context |= {"aws:PrincipalArn": (principals[0],), "aws:PrincipalAccount": (account,)}
    if call.service == "s3":
        action, resource = _s3(call)
    elif call.service == "s3control":
        action, resource = _ACCOUNT_BLOCK.get(call.name, f"s3:{call.name}"), "*"
    elif call.service == "cloudfront":
        action, resource = _cloudfront(call, account)
    elif call.service == "iam":
        action, resource = call.operation, _iam_resource(call, account, role_arn)
        context |= _tags(call)
        found = provider_tags(call.parameter("OpenIDConnectProviderArn"))
        context |= {f"aws:ResourceTag/{key}": (value,) for key, value in found.items()}
        if arn := call.parameter("PolicyArn"):
            context["iam:PolicyARN"] = (arn,)
        if boundary := call.parameter("PermissionsBoundary"):
            context["iam:PermissionsBoundary"] = (boundary,)
    else:
        action, resource = call.operation, call.parameter("RoleArn") or "*"
    return Request(action, resource, {"AWS": principals} if principals else {}, context)
