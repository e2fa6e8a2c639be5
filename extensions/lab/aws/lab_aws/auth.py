# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who calls, and whether policies let the call through."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace
from datetime import datetime, timezone

from . import permissions, policy, s3_access, signature
from .engine import ACCOUNT
from .errors import AwsError, access_denied

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from .engine import Credentials, Engine
    from .messages import Call

UNSIGNED = {"sts:AssumeRoleWithWebIdentity"}
ALWAYS_ALLOWED = {"sts:GetCallerIdentity", "sts:GetSessionToken"}  # no policy is needed: STS API Reference


@dataclass(frozen=True)
class Caller:
    """Who signed a call; nobody for an anonymous one.

    A service of AWS that calls for a resource names it by ``source_arn``.
    """

    arn: str = "*"
    credentials: Credentials | None = None
    source_arn: str = ""

    @property
    def principals(self) -> tuple[str, ...]:
        """The names that the caller answers to in a Principal element."""
        return self.credentials.principals if self.credentials else ()


def _unknown_key(service: str) -> AwsError:
    if service in ("cloudfront", "iam", "sts"):
        return AwsError("InvalidClientTokenId", "The security token included in the request is invalid.", 403)
    return AwsError("InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.", 403)


def _expired(service: str) -> AwsError:
    if service in ("cloudfront", "iam", "sts"):
        return AwsError("ExpiredToken", "The security token included in the request is expired", 403)
    return AwsError("ExpiredToken", "The provided token has expired.", 400)


def _invalid_token(service: str) -> AwsError:
    if service in ("cloudfront", "iam", "sts"):
        return _unknown_key(service)
    return AwsError("InvalidToken", "The provided token is malformed or otherwise invalid.", 400)


def authenticate(call: Call, engine: Engine) -> Caller:
    """Return who signed a call.

    Raises:
        AwsError: the signature is not right, its key is unknown or its time is over, or it is missing where S3 is not
            called.
    """
    header = call.http.headers.get("authorization")
    if header is None:
        if call.service in ("cloudfront", "iam", "sts", "s3control") and call.operation not in UNSIGNED:
            raise AwsError("MissingAuthenticationToken", "Request is missing Authentication Token", 403)
        return Caller()
    authorization = signature.parse(header)
    signature.check_scope(authorization, call.service, call.endpoint.region)
    found = engine.credentials(authorization.access_key_id, call.endpoint.partition)
    if found is None:
        raise _unknown_key(call.service)
    if call.http.headers.get("x-amz-security-token") != found.session_token:
        raise _invalid_token(call.service)
    if found.expires is not None and engine.now() >= found.expires:
        raise _expired(call.service)
    message = signature.Message(call.http.method, call.http.target, call.http.headers, call.http.body)
    signature.check(message, authorization, found.secret, datetime.now(timezone.utc))
    return Caller(found.arn, found)


def _identity_decision(credentials: Credentials, request: policy.Request) -> policy.Decision:
    decision = policy.evaluate(credentials.policies, request)
    if decision is policy.Decision.ALLOWED and credentials.boundary is not None:
        return policy.evaluate([credentials.boundary], request)
    return decision


def _may(caller: Caller, call: Call, request: policy.Request, engine: Engine) -> bool:
    """Whether the caller's own policies and, for S3, the bucket's let a request through.

    Source: IAM User Guide, "Policy evaluation logic": within one account an identity policy or a resource policy is
        enough; an explicit Deny of either wins.
    """
    bucket = engine.bucket(call.bucket) if call.service == "s3" else None
    account = engine.account_block(call.endpoint.partition)
    if caller.credentials is None:
        if bucket is None or s3_access.anonymous_may(bucket, account, request):
            return bucket is not None
        listed = engine.publicly_listed(call.bucket or "", call.key or "")
        return listed and s3_access.acl_lets_read(bucket, account, request)
    if call.operation in ALWAYS_ALLOWED:
        return True
    decisions = [_identity_decision(caller.credentials, request)]
    if bucket is not None and bucket.policy is not None:
        decisions.append(policy.evaluate([bucket.policy], request))
    return policy.Decision.DENIED not in decisions and policy.Decision.ALLOWED in decisions


def _needed(caller: Caller, call: Call, engine: Engine) -> policy.Request:
    def role_arn(name: str) -> str | None:
        return engine.role_arn(name, call.endpoint.partition)

    def provider_tags(arn: str) -> Mapping[str, str]:
        return engine.provider_tags(arn, call.endpoint.partition)

    request = permissions.needed(
        call, account=ACCOUNT, role_arn=role_arn, principals=caller.principals, provider_tags=provider_tags
    )
    if not caller.source_arn:
        return request
    # CloudFront Developer Guide, "Restrict access to an Amazon S3 origin".
    context = {**request.context, "aws:SourceArn": (caller.source_arn,), "aws:SourceAccount": (ACCOUNT,)}
    return replace(request, principals={"Service": (caller.arn,)}, context=context)


def allowed(caller: Caller, call: Call, engine: Engine) -> bool:
    """Whether policies let a call through."""
    return _may(caller, call, _needed(caller, call, engine), engine)


def authorize(caller: Caller, call: Call, engine: Engine) -> None:
    """Refuse (403) a call that no policy allows."""
    if call.operation in UNSIGNED or allowed(caller, call, engine):
        return
    if call.service == "s3":
        raise access_denied()
    request = _needed(caller, call, engine)
    raise access_denied(
        f"User: {caller.arn} is not authorized to perform: {request.action} on resource: {request.resource}"
    )
