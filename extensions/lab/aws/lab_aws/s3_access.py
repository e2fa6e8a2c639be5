# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Public access to S3: Block Public Access, Object Ownership, and what of a bucket's policy is public.

Source: Amazon S3 User Guide, "Blocking public access to your Amazon S3 storage" (its four settings; "The meaning of
    public"; the most restrictive combination of the account's and the bucket's settings applies) and "Controlling
    ownership of objects and disabling ACLs".
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import documents, policy
from .errors import AwsError, access_denied

if TYPE_CHECKING:
    from .documents import Json

ENFORCED = "BucketOwnerEnforced"
OWNER_ACLS = ("bucket-owner-full-control",)
PUBLIC_ACLS = ("public-read", "public-read-write", "authenticated-read")
_FIXING_KEYS = {
    name.lower()
    for name in (
        "aws:PrincipalAccount",
        "aws:PrincipalArn",
        "aws:PrincipalOrgID",
        "aws:PrincipalOrgPaths",
        "aws:SourceAccount",
        "aws:SourceArn",
        "aws:SourceOrgID",
        "aws:SourceOwner",
        "aws:SourceVpc",
        "aws:SourceVpce",
        "aws:userid",
        "s3:DataAccessPointAccount",
        "s3:DataAccessPointArn",
        "s3:x-amz-server-side-encryption-aws-kms-key-id",
    )
}
_FIXING_OPERATORS = re.compile(r"(ForAnyValue:)?(StringEquals|StringEqualsIgnoreCase|StringLike|ArnEquals|ArnLike)")
_UNIQUE_ID = re.compile(r"A[A-Z]{2}A[A-Z0-9]{12,}")
_TAG_KEY = re.compile(r"[\w .:/=+@-]{1,128}")
_TAG_VALUE = re.compile(r"[\w .:/=+@-]{0,256}")
_MAX_TAGS = 50
_WIDEST = {4: 8, 6: 32}  # a wider range of addresses counts as public


@dataclass(frozen=True)
class PublicAccessBlock:
    """The four settings; nothing is blocked where none were made."""

    block_public_acls: bool = False
    ignore_public_acls: bool = False
    block_public_policy: bool = False
    restrict_public_buckets: bool = False

    def __or__(self, other: PublicAccessBlock) -> PublicAccessBlock:
        """Return the most restrictive combination."""
        return PublicAccessBlock(
            self.block_public_acls or other.block_public_acls,
            self.ignore_public_acls or other.ignore_public_acls,
            self.block_public_policy or other.block_public_policy,
            self.restrict_public_buckets or other.restrict_public_buckets,
        )


@dataclass(frozen=True)
class Bucket:
    """What decides on the access to a bucket. ``policy`` is the parsed bucket policy."""

    name: str
    region: str
    block: PublicAccessBlock
    ownership: str
    policy: Json = None

    @property
    def acls_disabled(self) -> bool:
        """Whether access control lists have no effect here."""
        return self.ownership == ENFORCED


def _narrows_address(value: str) -> bool:
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        return False
    return network.prefixlen >= _WIDEST[network.version]


def _narrows(operator: str, key: str, wanted: Json) -> bool:
    values = documents.strings(wanted)
    if operator == "IpAddress" and key.lower() == "aws:sourceip":
        return all(map(_narrows_address, values))
    fixed = not any(char in value for value in values for char in "*?") and not any("${" in value for value in values)
    return bool(_FIXING_OPERATORS.fullmatch(operator)) and key.lower() in _FIXING_KEYS and fixed


def _is_public(statement: policy.Statement) -> bool:
    if statement.get("Effect") != "Allow":
        return False
    principal = statement.get("Principal")
    names = (
        documents.strings(principal.get("AWS", [])) if isinstance(principal, Mapping) else documents.strings(principal)
    )
    if "NotPrincipal" not in statement and not any("*" in name for name in names):
        return False
    block = statement.get("Condition") or {}
    return not any(_narrows(operator, key, wanted) for operator, keys in block.items() for key, wanted in keys.items())


def is_public(document: Json) -> bool:
    """Whether a parsed bucket policy grants access to the public, as S3 understands it."""
    return any(map(_is_public, policy.statements(document)))


def _aws_principals(statement: policy.Statement) -> list[str]:
    named = statement.get("Principal", statement.get("NotPrincipal"))
    return documents.strings(named.get("AWS", [])) if isinstance(named, Mapping) else []


def check_document(document: Json, bucket: str, partition: str) -> None:
    """Refuse what S3 does not take as the policy of a bucket.

    Source: Amazon S3 User Guide, "Policies and permissions in Amazon S3", and "Principals for bucket policies": a
        unique id stands for a user or role that was deleted.
    """
    found = policy.statements(document)
    if not isinstance(document, dict) or not found:
        raise AwsError("MalformedPolicy", "Missing required field Statement")
    arn = f"arn:{partition}:s3:::{bucket}"
    for statement in found:
        if statement.get("Effect") not in ("Allow", "Deny"):
            raise AwsError("MalformedPolicy", "Missing required field Effect")
        if "Principal" not in statement and "NotPrincipal" not in statement:
            raise AwsError("MalformedPolicy", "Missing required field Principal")
        if any(map(_UNIQUE_ID.fullmatch, _aws_principals(statement))):
            raise AwsError("MalformedPolicy", "Invalid principal in policy")
        if "Action" not in statement and "NotAction" not in statement:
            raise AwsError("MalformedPolicy", "Missing required field Action")
        resources = documents.strings(statement.get("Resource", statement.get("NotResource", [])))
        if not resources:
            raise AwsError("MalformedPolicy", "Missing required field Resource")
        if not all(resource == arn or resource.startswith(f"{arn}/") for resource in resources):
            raise AwsError("MalformedPolicy", "Policy has invalid resource")


def check_tags(tags: list[tuple[str, str]]) -> None:
    """Refuse what S3 does not take as the tags of a bucket.

    Source: Amazon S3 User Guide, "Using cost allocation S3 bucket tags": 50 tags, keys of 128 characters, values of
        256, letters, digits, blanks and ``+ - = . _ : / @``.
    """
    for key, value in tags:
        if _TAG_KEY.fullmatch(key) is None:
            raise AwsError("InvalidTag", "The TagKey you have provided is invalid")
        if _TAG_VALUE.fullmatch(value) is None:
            raise AwsError("InvalidTag", "The TagValue you have provided is invalid")
    if len(tags) > _MAX_TAGS:
        raise AwsError("BadRequest", "Bucket tag count cannot be greater than 50")


def anonymous_may(bucket: Bucket, account: PublicAccessBlock, request: policy.Request) -> bool:
    """Whether an unsigned request is let in by the bucket's policy."""
    if bucket.policy is None or ((bucket.block | account).restrict_public_buckets and is_public(bucket.policy)):
        return False
    return policy.evaluate([bucket.policy], request) is policy.Decision.ALLOWED


def acl_lets_read(bucket: Bucket, account: PublicAccessBlock, request: policy.Request) -> bool:
    """Whether an unsigned request for an object with a public access control list is let in by that list."""
    if request.action != "s3:GetObject" or bucket.acls_disabled or (bucket.block | account).ignore_public_acls:
        return False
    return bucket.policy is None or policy.evaluate([bucket.policy], request) is not policy.Decision.DENIED


def check_policy(document: Json, bucket: Bucket, account: PublicAccessBlock, caller: str) -> None:
    """Refuse (403) a public policy where BlockPublicPolicy is on."""
    if (bucket.block | account).block_public_policy and is_public(document):
        raise access_denied(
            f'User: {caller} is not authorized to perform: s3:PutBucketPolicy on resource: "arn:aws:s3:::{bucket.name}"'
            " because public policies are blocked by the BlockPublicPolicy block public access setting."
        )


def check_acl(acl: str | None, *, grants: bool, bucket: Bucket, account: PublicAccessBlock, caller: str) -> None:
    """Refuse an access control list where lists are disabled, or a public one where BlockPublicAcls is on.

    Args:
        acl: the canned list asked for, if any.
        grants: whether grants are given by header or body.
        bucket: the bucket.
        account: the account's settings.
        caller: ARN of the caller, for the text.
    """
    if acl is None and not grants:
        return
    if bucket.acls_disabled and acl not in OWNER_ACLS:
        raise AwsError("AccessControlListNotSupported", "The bucket does not allow ACLs")
    if acl in PUBLIC_ACLS and (bucket.block | account).block_public_acls:
        raise access_denied(
            f'User: {caller} is not authorized to perform: s3:PutBucketAcl on resource: "arn:aws:s3:::{bucket.name}"'
            " because public access control lists (ACLs) are blocked by the BlockPublicAcls block public access"
            " setting."
        )
