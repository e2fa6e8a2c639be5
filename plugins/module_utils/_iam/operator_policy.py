# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the identity that runs the collection must be allowed. PRIVATE to the collection: it may change without notice.

Pure. Each call that the modules make stands here with the action that it needs (Service Authorization Reference); a
test runs the modules and compares.
"""

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._aws.ownership import CLUSTER_TAG

Policy = dict[str, t.Any]

# Calls whose action has another name; all others have the operation's own.
_RENAMED: t.Final = {
    "s3:HeadBucket": "s3:ListBucket",
    "s3:HeadObject": "s3:GetObject",
    "s3:ListObjectVersions": "s3:ListBucketVersions",
    "s3:GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "s3:PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
    "s3control:GetPublicAccessBlock": "s3:GetAccountPublicAccessBlock",
    "cloudfront:CreateDistributionWithTags": "cloudfront:CreateDistribution",
}
# Calls that need an action besides their own.
_BESIDE: t.Final = {
    "iam:CreateOpenIDConnectProvider": ["iam:TagOpenIDConnectProvider"],
    "iam:CreateRole": ["iam:TagRole"],
    "cloudfront:CreateDistributionWithTags": ["cloudfront:TagResource"],
}

BUCKET_CALLS: t.Final = (
    "s3:HeadBucket",
    "s3:GetBucketTagging",
    "s3:GetBucketPolicy",
    "s3:GetBucketVersioning",
    "s3:GetPublicAccessBlock",
    "s3:GetBucketAcl",
    "s3:GetBucketOwnershipControls",
    "s3:GetBucketRequestPayment",
    "s3:ListObjectVersions",
    "s3:CreateBucket",
    "s3:PutBucketTagging",
    "s3:PutBucketPolicy",
    "s3:PutBucketVersioning",
    "s3:PutPublicAccessBlock",
    "s3:PutBucketOwnershipControls",
    "s3:PutBucketAcl",
    "s3:DeleteBucketPolicy",
    "s3:DeleteBucket",
)
OBJECT_CALLS: t.Final = ("s3:GetObject", "s3:PutObject", "s3:DeleteObject")
ACCOUNT_CALLS: t.Final = ("sts:GetCallerIdentity", "s3control:GetPublicAccessBlock")
CLOUDFRONT_CALLS: t.Final = (
    "cloudfront:ListDistributions",
    "cloudfront:GetDistribution",
    "cloudfront:GetDistributionConfig",
    "cloudfront:ListTagsForResource",
    "cloudfront:ListOriginAccessControls",
    "cloudfront:GetOriginAccessControl",
    "cloudfront:CreateOriginAccessControl",
    "cloudfront:CreateDistributionWithTags",
    "cloudfront:UpdateDistribution",
    "cloudfront:CreateInvalidation",
    "cloudfront:DeleteDistribution",
    "cloudfront:DeleteOriginAccessControl",
)
ZONE_CALLS: t.Final = ("route53:ListResourceRecordSets", "route53:ChangeResourceRecordSets")
PROVIDER_CALLS: t.Final = (
    "iam:GetOpenIDConnectProvider",
    "iam:CreateOpenIDConnectProvider",
    "iam:TagOpenIDConnectProvider",
    "iam:UntagOpenIDConnectProvider",
    "iam:DeleteOpenIDConnectProvider",
    "iam:AddClientIDToOpenIDConnectProvider",
    "iam:RemoveClientIDFromOpenIDConnectProvider",
    "iam:UpdateOpenIDConnectProviderThumbprint",
)
LISTING_CALLS: t.Final = (
    "iam:GetAccountAuthorizationDetails",
    "iam:ListRoles",
    "iam:ListOpenIDConnectProviders",
)
# Of the providers of former issuers, and to see whose the others are that roles trust.
READ_PROVIDER_CALLS: t.Final = ("iam:GetOpenIDConnectProvider",)
FORMER_PROVIDER_CALLS: t.Final = ("iam:DeleteOpenIDConnectProvider",)
ROLE_CALLS: t.Final = (
    "iam:GetRole",
    "iam:ListAttachedRolePolicies",
    "iam:ListRolePolicies",
    "iam:GetRolePolicy",
    "iam:ListInstanceProfilesForRole",
    "iam:CreateRole",
    "iam:TagRole",
    "iam:UntagRole",
    "iam:UpdateRole",
    "iam:UpdateAssumeRolePolicy",
    "iam:PutRolePermissionsBoundary",
    "iam:DeleteRolePermissionsBoundary",
    "iam:PutRolePolicy",
    "iam:DeleteRolePolicy",
    "iam:AttachRolePolicy",
    "iam:DetachRolePolicy",
    "iam:DeleteRole",
)


def actions(calls: t.Iterable[str]) -> list[str]:
    """Return the actions that calls need, sorted; a call is SERVICE:Operation, as the SDK has it."""
    found = {action for call in calls for action in [_RENAMED.get(call, call), *_BESIDE.get(call, [])]}
    return sorted(found)


class Scope(t.NamedTuple):
    """What the policy is for; an empty value leaves out what it names."""

    partition: str
    account: str
    bucket: str
    object_keys: tuple[str, ...]
    issuer_path: str
    """The issuer without https://; none where the identity provider and the roles are somebody else's."""
    roles: tuple[str, ...]
    """Names of roles, with their path and wildcards."""
    cloudfront: bool = False
    hosted_zone_id: str = ""
    cluster: str = ""
    """The value of the ownership tag of former issuers' providers; none for whatever the collection has made."""


def operator_policy(scope: Scope) -> Policy:
    """Return the IAM policy that allows the calls of the collection on these resources, and nothing else."""
    bucket, iam = f"arn:{scope.partition}:s3:::{scope.bucket}", f"arn:{scope.partition}:iam::{scope.account}"
    provider = [f"{iam}:oidc-provider/{scope.issuer_path}"] if scope.issuer_path else []
    any_provider = [f"{iam}:oidc-provider/*"] if scope.issuer_path else []
    rows: list[tuple[str, t.Iterable[str], list[str]]] = [
        ("Bucket", BUCKET_CALLS, [bucket] if scope.bucket else []),
        ("Documents", OBJECT_CALLS, [f"{bucket}/{key}" for key in scope.object_keys] if scope.bucket else []),
        ("Account", ACCOUNT_CALLS, ["*"]),
        ("Distribution", CLOUDFRONT_CALLS, ["*"] if scope.cloudfront else []),
        ("Zone", ZONE_CALLS, [f"arn:{scope.partition}:route53:::hostedzone/{scope.hosted_zone_id}"]),
        ("Provider", PROVIDER_CALLS, provider),
        ("Providers", READ_PROVIDER_CALLS, any_provider),
        ("FormerProviders", FORMER_PROVIDER_CALLS, any_provider),
        ("Listing", LISTING_CALLS, ["*"] if provider else []),
        ("Roles", ROLE_CALLS, [f"{iam}:role/{name}" for name in scope.roles] if provider else []),
    ]
    if not scope.hosted_zone_id:
        rows = [row for row in rows if row[0] != "Zone"]
    tag = f"aws:ResourceTag/{CLUSTER_TAG}"
    tagged = {"StringEquals": {tag: scope.cluster}} if scope.cluster else {"Null": {tag: "false"}}
    conditions = {"FormerProviders": {"Condition": tagged}}
    statements = [
        {
            "Sid": f"OnpremIrsa{name}",
            "Effect": "Allow",
            "Action": actions(calls),
            "Resource": resources,
            **conditions.get(name, {}),
        }
        for name, calls, resources in rows
        if resources
    ]
    return {"Version": "2012-10-17", "Statement": statements}


__all__: t.Final = ("Policy", "Scope", "actions", "operator_policy")
