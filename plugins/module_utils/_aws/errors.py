# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What AWS refuses, as people read it. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import typing as t
from contextlib import contextmanager, suppress

from ansible_collections.onprem.irsa.plugins.module_utils._errors import IrsaError

with suppress(ImportError):  # AnsibleAWSModule names the missing library
    from botocore.exceptions import BotoCoreError, ClientError

_PERMISSION = "Allow this action to the identity that runs the play."
_CREDENTIALS = "Give valid credentials: by the environment, a profile, or the module's options."
_LATER = "AWS was asked again several times; run again later: what was done is kept."
_UNREACHABLE = (
    "AWS was asked again several times. Try `curl -v {url}` where the task runs: the name must resolve (a wrong region "
    "has none), and a firewall or the proxy (HTTPS_PROXY) must let it through. What was done is kept."
)
_UNTRUSTED = (
    "Try `curl -v {url}` where the task runs: where a proxy or an AWS of your own answers with a private authority's "
    "certificate, name that authority in AWS_CA_BUNDLE or aws_ca_bundle."
)

_FIXES = {
    "AccessDenied": _PERMISSION,
    "AccessDeniedException": _PERMISSION,
    "ConnectTimeoutError": _UNREACHABLE,
    "ConnectionClosedError": _UNREACHABLE,
    "DeleteConflict": "Remove what still uses it, then run again.",
    "EndpointConnectionError": _UNREACHABLE,
    "ExpiredToken": _CREDENTIALS,
    "InternalFailure": _LATER,
    "InvalidClientTokenId": _CREDENTIALS,
    "LimitExceeded": "Remove what is not needed, or ask AWS to raise the quota.",
    "MalformedPolicyDocument": "Correct the policy. A principal that it names must exist (AWS was asked again for as "
    "long as a new one takes to be known): remove one that is gone, also from the statements of others.",
    "NoCredentialsError": _CREDENTIALS,
    "OpenIdIdpCommunicationError": "Publish the issuer's documents first: IAM connects to their host over HTTPS.",
    "ProxyConnectionError": _UNREACHABLE,
    "ReadTimeoutError": _UNREACHABLE,
    "SSLError": _UNTRUSTED,
    "ServiceFailure": _LATER,
    "ServiceUnavailable": _LATER,
    "SignatureDoesNotMatch": _CREDENTIALS,
    "Throttling": _LATER,
}
_OTHER = "Correct what AWS names, then run again: what was done is kept."


class AwsError(IrsaError):
    """AWS refused a call or could not be reached; C(code) is AWS's error code, or the name of the SDK's exception."""

    def __init__(self, problem: str, *, code: str, url: str = "") -> None:
        """Take the problem, the code, which decides the fix, and the endpoint that was asked, where it is known."""
        super().__init__(problem, fix=_FIXES.get(code, _OTHER).format(url=url))
        self.code = code


@contextmanager
def asking(what: str) -> t.Iterator[None]:
    """Turn an error of the AWS SDK in the body into an AwsError; WHAT says what AWS was asked to do."""
    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", "Unknown"))
        message = error.response.get("Error", {}).get("Message") or str(error)
        raise AwsError(f"AWS did not {what}: {code}: {message.rstrip('.')}.", code=code) from None
    except BotoCoreError as error:
        # The attribute is there in every error of a connection; botocore's own types do not tell.
        url = str(getattr(error, "kwargs", {}).get("endpoint_url", "https://sts.amazonaws.com"))
        raise AwsError(f"AWS did not {what}: {str(error).rstrip('.')}.", code=type(error).__name__, url=url) from None


__all__: t.Final = ("AwsError", "asking")
