# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What S3 does that moto does not, or does otherwise."""

from __future__ import annotations

import typing as t
from dataclasses import replace
from http import HTTPStatus
from xml.etree import ElementTree

from . import auth, documents, s3_access
from .errors import AwsError, access_denied
from .handling import answer
from .messages import HttpResponse

if t.TYPE_CHECKING:
    from .engine import Engine
    from .handling import Context, Handler
    from .messages import Call

_GRANTS = "x-amz-grant-"


def check_bucket(call: Call, engine: Engine) -> None:
    """Refuse a call to a bucket that is not there, or that lives in another region.

    Source: Amazon S3 API Reference, "Error responses": NoSuchBucket, PermanentRedirect.
    """
    if call.bucket is None or call.name == "CreateBucket":
        return
    bucket = engine.bucket(call.bucket)
    if bucket is None:
        raise AwsError("NoSuchBucket", "The specified bucket does not exist", 404)
    if bucket.region != call.endpoint.region and call.name not in ("HeadBucket", "GetBucketLocation"):
        text = "The bucket you are attempting to access must be addressed using the specified endpoint."
        raise AwsError("PermanentRedirect", f"{text} Please send all future requests to this endpoint.", 301)


def _check_acl(context: Context) -> None:
    bucket = context.engine.bucket(context.call.bucket)
    if bucket is None:
        return
    headers = context.call.http.headers
    body_grants = context.call.name in ("PutBucketAcl", "PutObjectAcl") and "x-amz-acl" not in headers
    s3_access.check_acl(
        headers.get("x-amz-acl"),
        grants=body_grants or any(name.startswith(_GRANTS) for name in headers),
        bucket=bucket,
        account=context.engine.account_block(context.partition),
        caller=context.caller.arn,
    )


def with_acl(context: Context) -> HttpResponse:
    """Answer a call that may carry an access control list, which is refused where lists are disabled or blocked."""
    _check_acl(context)
    return answer(context)


def create_bucket(context: Context) -> HttpResponse:
    """Answer CreateBucket: a new bucket blocks public access and has access control lists disabled."""
    headers, name = context.call.http.headers, context.call.bucket or ""
    enforced = headers.get("x-amz-object-ownership", s3_access.ENFORCED) == s3_access.ENFORCED
    if enforced and headers.get("x-amz-acl", "private") != "private":
        text = "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting"
        raise AwsError("InvalidBucketAclWithObjectOwnership", text)
    existed = context.engine.bucket(name) is not None
    made = answer(context)
    if made.status == HTTPStatus.OK and not existed:
        context.engine.set_bucket_defaults(name)
    return made


def put_bucket_policy(context: Context) -> HttpResponse:
    """Answer PutBucketPolicy: S3 refuses what is no policy, and a public one where that is blocked."""
    try:
        document = documents.load(context.call.http.body)
    except ValueError as error:
        raise AwsError("MalformedPolicy", "Policies must be valid JSON and the first byte must be '{'") from error
    s3_access.check_document(document, context.call.bucket or "", context.partition)
    bucket = context.engine.bucket(context.call.bucket)
    if bucket is not None:
        s3_access.check_policy(document, bucket, context.engine.account_block(context.partition), context.caller.arn)
    made = answer(context)
    return HttpResponse(HTTPStatus.NO_CONTENT) if made.status == HTTPStatus.OK else made


def put_bucket_tagging(context: Context) -> HttpResponse:
    """Answer PutBucketTagging: S3 refuses tags that break its rules."""
    try:
        tags = ElementTree.fromstring(context.call.http.body).iter("{*}Tag")  # noqa: S314 -- the lab's own callers
    except ElementTree.ParseError as error:
        raise AwsError("MalformedXML", "The XML you provided was not well-formed") from error
    s3_access.check_tags([(tag.findtext("{*}Key", ""), tag.findtext("{*}Value", "")) for tag in tags])
    return answer(context)


def get_object(context: Context) -> HttpResponse:
    """Answer GetObject and HeadObject: who may not list the bucket does not learn what is missing (403 in place of
    404), and what a KMS key encrypts is for signed requests alone.

    Source: Amazon S3 API Reference, GetObject, "Permissions"; re:Post "s3-kms-signature-version-error".
    """
    call = context.call
    anonymous = context.caller.credentials is None and not context.caller.source_arn
    if anonymous and context.engine.under_kms(call.bucket or "", call.key or ""):
        text = "Requests specifying Server Side Encryption with AWS KMS managed keys require AWS Signature Version 4."
        raise AwsError("InvalidArgument", text)
    if not context.engine.has_object(call.bucket or "", call.key or ""):
        listing = replace(call, operation="s3:ListBucket", key=None)
        if not auth.allowed(context.caller, listing, context.engine):
            raise access_denied()
    return answer(context)


HANDLERS: dict[str, Handler] = {
    "s3:CopyObject": with_acl,
    "s3:CreateBucket": create_bucket,
    "s3:CreateMultipartUpload": with_acl,
    "s3:GetObject": get_object,
    "s3:HeadObject": get_object,
    "s3:PutBucketAcl": with_acl,
    "s3:PutBucketPolicy": put_bucket_policy,
    "s3:PutBucketTagging": put_bucket_tagging,
    "s3:PutObject": with_acl,
    "s3:PutObjectAcl": with_acl,
}
