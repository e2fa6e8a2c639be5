# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import socket
import typing as t

import boto3
import pytest
from botocore import exceptions
from botocore.config import Config
from botocore.exceptions import ClientError, NoCredentialsError, ProxyConnectionError

from ansible_collections.onprem.irsa.plugins.module_utils._aws.errors import AwsError, asking, fix_of
from ansible_collections.onprem.irsa.tests.unit.plugins.relying_party_servers import (
    certificate,
    pages_handler,
    serving,
)

if t.TYPE_CHECKING:
    import ssl
    from pathlib import Path


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(key, "testing")


def refusal(error: Exception) -> AwsError:
    with pytest.raises(AwsError) as caught, asking("list the roles"):
        raise error
    return caught.value


def list_roles(url: str) -> AwsError:
    config = Config(connect_timeout=2, read_timeout=1, retries={"total_max_attempts": 1})
    client = boto3.client("iam", "eu-central-1", endpoint_url=url, config=config)
    with pytest.raises(AwsError) as caught, asking("list the roles"):
        client.list_roles()
    return caught.value


def test_nobody_listens() -> None:
    with socket.socket() as taken:  # bound, so nobody else takes it, and not listening
        taken.bind(("127.0.0.1", 0))
        url = f"https://127.0.0.1:{taken.getsockname()[1]}"
        error = list_roles(url)
    assert error.code == "EndpointConnectionError"
    assert f"Try `curl -v {url}/` where the task runs" in error.fix
    assert "HTTPS_PROXY" in error.fix


def test_a_connection_that_hangs() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        error = list_roles(url)
    assert error.code == "ReadTimeoutError"
    assert f"Try `curl -v {url}/`" in error.fix


def test_a_certificate_of_a_private_authority(tmp_path: Path) -> None:
    context: ssl.SSLContext = certificate(tmp_path)[0]
    with serving(pages_handler({}), context) as address:
        error = list_roles(f"https://{address}")
    assert error.code == "SSLError"
    assert f"Try `curl -v https://{address}/`" in error.fix
    assert "AWS_CA_BUNDLE" in error.fix


def test_a_proxy_that_is_not_there() -> None:
    error = refusal(ProxyConnectionError(proxy_url="http://proxy.example.com:3128"))
    assert "http://proxy.example.com:3128" in error.problem
    assert "`curl -v https://sts.amazonaws.com`" in error.fix


@pytest.mark.parametrize(
    ("error", "code", "fix"),
    [
        (NoCredentialsError(), "NoCredentialsError", "Give valid credentials"),
        (ClientError({"Error": {"Code": "AccessDenied", "Message": "No."}}, "x"), "AccessDenied", "Allow this action"),
        (ClientError({"Error": {"Code": "Odd {x}", "Message": "{y}"}}, "x"), "Odd {x}", "Correct what AWS names"),
        (ClientError({}, "x"), "Unknown", "Correct what AWS names"),
    ],
)
def test_the_code_decides_the_fix(error: Exception, code: str, fix: str) -> None:
    found = refusal(error)
    assert found.code == code
    assert found.problem.startswith("AWS did not list the roles: ")
    assert fix in found.fix


@pytest.mark.parametrize(
    ("code", "message", "fix"),
    [
        (
            "InvalidAccessKeyId",
            "The AWS Access Key Id you provided does not exist in our records.",
            "valid credentials",
        ),
        ("UnrecognizedClientException", "The security token included in the request is invalid.", "valid credentials"),
        ("AuthFailure", "AWS was not able to validate the provided access credentials", "valid credentials"),
        ("SignatureDoesNotMatch", "The request signature we calculated does not match", "valid credentials"),
        ("SignatureDoesNotMatch", "Signature expired: 20261129T000000Z is now earlier than 20261129T", "Set the clock"),
        ("SignatureDoesNotMatch", "Signature not yet current: 20261129T000000Z is still later", "Set the clock"),
        ("InvalidSignatureException", "Signature expired: 20261129T000000Z", "Set the clock"),
        ("RequestTimeTooSkewed", "The difference between the request time and the current time", "Set the clock"),
        ("RequestExpired", "Request has expired.", "Set the clock"),
        ("ExpiredToken", "The provided token has expired.", "aws sso login"),
        ("ExpiredTokenException", "The security token included in the request is expired", "aws sso login"),
        ("OperationAborted", "A conflicting conditional operation is in progress", "run again later"),
        ("SlowDown", "Please reduce your request rate.", "run again later"),
        ("ThrottlingException", "Rate exceeded", "run again later"),
        ("InvalidObjectState", "The operation is not valid for the object's storage class", "Restore it"),
        ("AccessDenied", "User is not authorized to perform: kms:Decrypt on this resource", "kms:Decrypt"),
        ("InvalidRequest", "The object was stored using a form of Server Side Encryption.", "SSE-C"),
        ("BucketNotEmpty", "The bucket you tried to delete is not empty", "older versions"),
        ("301", "Moved Permanently", "Set the region"),
        ("503", "Service Unavailable", "run again later"),
        ("LimitExceeded", "Cannot exceed quota for ACLSizePerRole: 2048", "trust_policy_limit"),
        ("LimitExceeded", "Cannot exceed quota for PoliciesPerRole: 10", "managed_policies_limit"),
        ("LimitExceeded", "Maximum policy size of 10240 bytes exceeded for role r", "does not raise"),
        ("LimitExceeded", "Cannot exceed quota for RolesPerAccount: 1000", "ask AWS to raise"),
        ("PolicyTooLarge", "Policy exceeds the maximum allowed document size.", "20 KB"),
        ("UnmodifiableEntity", "Cannot perform the operation on the protected role", "service-linked"),
        (
            "AccessDenied",
            "is not authorized to perform: iam:X with an explicit deny in a service control policy",
            "organ",
        ),
        ("AccessDenied", "not authorized: because no permissions boundary allows the iam:X action", "boundary of"),
        ("AccessDenied", "not authorized: because no session policy allows the iam:X action", "session policy"),
        ("AccessDenied", "is not authorized, with an explicit deny in an identity-based policy", "A Deny forbids"),
        ("CNAMEAlreadyExists", "One or more of the CNAMEs are already associated", "list-conflicting-aliases"),
        ("InvalidViewerCertificate", "The specified SSL certificate doesn't exist", "us-east-1"),
        ("TooManyDistributions", "You have exceeded the number of distributions", "raise the quota"),
        ("TooManyOriginAccessControls", "", "raise the quota"),
        ("PreconditionFailed", "The If-Match version is missing or not valid", "Somebody else changed"),
        ("NoSuchHostedZone", "No hosted zone found with ID: Z1", "list-hosted-zones"),
        ("AuthorizationHeaderMalformed", "the region 'us-east-1' is wrong", "region"),
    ],
)
def test_each_cause_has_a_fix_of_its_own(code: str, message: str, fix: str) -> None:
    found = refusal(ClientError({"Error": {"Code": code, "Message": message}}, "x"))
    assert fix in found.fix
    assert "{" not in found.fix


@pytest.mark.parametrize(
    "name", ["NoCredentialsError", "PartialCredentialsError", "TokenRetrievalError", "NoRegionError"]
)
def test_names_of_the_sdks_own_errors_are_real(name: str) -> None:
    assert hasattr(exceptions, name)
    assert fix_of(name, "") != fix_of("Unknown", "")
