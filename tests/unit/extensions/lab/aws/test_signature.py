# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signature Version 4, as botocore makes it."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from lab_aws import signature
from lab_aws.errors import AwsError
from lab_aws.signature import Message

SECRET = "x" * 40


def signed(
    service: str = "sts", url: str = "https://sts.amazonaws.com/", body: bytes = b"Action=X", **headers: str
) -> Message:
    request = AWSRequest("POST", url, data=body, headers={"Host": url.split("/")[2], **headers})
    auth = S3SigV4Auth if service == "s3" else SigV4Auth
    auth(Credentials("AKIDEXAMPLE", SECRET), service, "us-east-1").add_auth(request)
    target = "/" + url.split("/", 3)[3]
    return Message("POST", target, {name.lower(): str(value) for name, value in request.headers.items()}, body)


def check(message: Message, secret: str = SECRET, skew: timedelta = timedelta()) -> None:
    now = datetime.now(timezone.utc) + skew
    signature.check(message, signature.parse(message.headers["authorization"]), secret, now)


def refusal(message: Message, secret: str = SECRET, skew: timedelta = timedelta()) -> str:
    with pytest.raises(AwsError) as caught:
        check(message, secret, skew)
    return caught.value.code


def test_good_signatures() -> None:
    key, unsigned = "https://b.s3.amazonaws.com/key", {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}
    check(signed())
    check(signed(url="https://sts.amazonaws.com/?b=2&a=1%20x"))
    check(signed("s3", "https://b.s3.amazonaws.com/a//b/%C3%A9%2Fx?list-type=2&prefix=a%2Fb"))
    check(signed("s3", key, b""))
    check(signed("s3", key, b"x", **unsigned))


def test_what_was_changed_afterwards_is_refused() -> None:
    message = signed("s3", "https://b.s3.amazonaws.com/key?x=1", b"body")
    assert refusal(message, secret=SECRET.upper()) == "SignatureDoesNotMatch"
    assert refusal(replace(message, method="PUT")) == "SignatureDoesNotMatch"
    assert refusal(replace(message, target="/key?x=2")) == "SignatureDoesNotMatch"
    assert (
        refusal(replace(message, headers={**message.headers, "host": "c.s3.amazonaws.com"})) == "SignatureDoesNotMatch"
    )
    assert refusal(replace(message, body=b"other")) == "XAmzContentSHA256Mismatch"
    assert refusal(replace(signed(), body=b"Action=Y")) == "SignatureDoesNotMatch"
    assert (
        signed("s3", "https://b.s3.amazonaws.com/k", b"x").headers["x-amz-content-sha256"]
        == hashlib.sha256(b"x").hexdigest()
    )


@pytest.mark.parametrize(("service", "code"), [("sts", "SignatureDoesNotMatch"), ("s3", "RequestTimeTooSkewed")])
@pytest.mark.parametrize("skew", [timedelta(hours=-1), timedelta(hours=1)])
def test_a_wrong_clock(service: str, code: str, skew: timedelta) -> None:
    assert refusal(signed(service), skew=skew) == code


@pytest.mark.parametrize(
    "header",
    ["", "Bearer x", "AWS AKID:sig", "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/sts/aws4_request"],
)
def test_what_is_no_signature(header: str) -> None:
    with pytest.raises(AwsError, match="IncompleteSignature"):
        signature.parse(header)


def test_a_missing_date() -> None:
    message = signed()
    headers = {name: value for name, value in message.headers.items() if name != "x-amz-date"}
    assert refusal(replace(message, headers=headers)) == "IncompleteSignature"


@pytest.mark.parametrize(
    ("service", "called", "region", "code"),
    [
        ("s3", "s3", "us-east-1", None),
        ("s3", "s3control", "us-east-1", None),
        ("s3", "s3", "eu-central-1", "AuthorizationHeaderMalformed"),
        ("sts", "sts", "us-east-1", None),
        ("sts", "sts", "eu-central-1", "SignatureDoesNotMatch"),
        ("sts", "iam", "us-east-1", "SignatureDoesNotMatch"),
    ],
)
def test_the_scope_of_a_signature(service: str, called: str, region: str, code: str | None) -> None:
    found = None
    try:
        signature.check_scope(signature.parse(signed(service).headers["authorization"]), called, region)
    except AwsError as error:
        found = error.code
    assert found == code
