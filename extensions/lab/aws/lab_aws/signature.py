# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signature Version 4: who signed a request, and whether the signature is right.

Source: AWS General Reference, "Signature Version 4 signing process"; botocore computes the signature.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import typing as t
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from .errors import AwsError

if t.TYPE_CHECKING:
    from collections.abc import Mapping

MAX_SKEW = timedelta(minutes=15)
_HEADER = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[\w/+=.-]+)/(?P<date>\d{8})/(?P<region>[\w-]+)/(?P<service>[\w-]+)"
    r"/aws4_request,\s*SignedHeaders=(?P<headers>[\w;-]+),\s*Signature=(?P<signature>[0-9a-f]{64})"
)
_HEX_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Authorization:
    """The parts of an Authorization header."""

    access_key_id: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str


@dataclass(frozen=True)
class Message:
    """What is signed. Header names are in lower case; ``target`` is the path as sent, with its query."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


def parse(header: str) -> Authorization:
    """Take an Authorization header apart; refuse one that is not Signature Version 4."""
    found = _HEADER.fullmatch(header.strip())
    if not found:
        raise AwsError("IncompleteSignature", "The request signature does not conform to AWS standards.")
    return Authorization(
        found["key"], found["region"], found["service"], tuple(found["headers"].split(";")), found["signature"]
    )


def check_scope(authorization: Authorization, service: str, region: str) -> None:
    """Refuse (AwsError) a signature for another service or region than the one that is called.

    Sources: Amazon S3 API Reference, AuthorizationHeaderMalformed; IAM and STS answer SignatureDoesNotMatch.
    """
    signing_name = "s3" if service == "s3control" else service
    if (authorization.service, authorization.region) == (signing_name, region):
        return
    if signing_name == "s3":
        found = f"the region '{authorization.region}' is wrong; expecting '{region}'"
        raise AwsError("AuthorizationHeaderMalformed", f"The authorization header is malformed; {found}")
    if authorization.service != signing_name:
        raise AwsError("SignatureDoesNotMatch", f"Credential should be scoped to correct service: '{service}'.", 403)
    raise AwsError("SignatureDoesNotMatch", "Credential should be scoped to a valid region.", 403)


def _expected(message: Message, authorization: Authorization, secret: str, stamp: str) -> str:
    credentials = Credentials(authorization.access_key_id, secret)
    kind = S3SigV4Auth if authorization.service == "s3" else SigV4Auth
    auth = kind(credentials, authorization.service, authorization.region)
    headers = {name: message.headers.get(name, "") for name in authorization.signed_headers}
    request = AWSRequest(method=message.method, url=message.target, data=message.body, headers=headers)
    request.context["timestamp"] = stamp
    return str(auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request))


def _check_time(stamp: str, now: datetime, service: str) -> None:
    try:
        signed = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)
    except ValueError:
        raise AwsError("IncompleteSignature", f"Date must be in ISO-8601 'basic format'. Got '{stamp}'.") from None
    if abs(signed - now) <= MAX_SKEW:
        return
    if service == "s3":
        raise AwsError(
            "RequestTimeTooSkewed", "The difference between the request time and the current time is too large.", 403
        )
    text = "Signature expired" if signed < now else "Signature not yet current"
    raise AwsError("SignatureDoesNotMatch", f"{text}: {stamp} is not within 15 min. of {now:%Y%m%dT%H%M%SZ}", 403)


def check(message: Message, authorization: Authorization, secret: str, now: datetime) -> None:
    """Refuse (AwsError) a message that was not signed with this secret, or not now, or whose body is another."""
    stamp = message.headers.get("x-amz-date", "")
    _check_time(stamp, now, authorization.service)
    if not hmac.compare_digest(_expected(message, authorization, secret, stamp), authorization.signature):
        raise AwsError(
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided."
            " Check your key and signing method.",
            403,
        )
    digest = message.headers.get("x-amz-content-sha256", "")
    if _HEX_SHA256.fullmatch(digest) and digest != hashlib.sha256(message.body).hexdigest():
        raise AwsError(
            "XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed."
        )
