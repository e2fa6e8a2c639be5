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

_CLOCK = (
    "Set the clock where the task runs: AWS takes a signature for some minutes (`date -u`; `timedatectl` should say "
    "that it is synchronized). Where the clock is right, get new credentials."
)
_EXPIRED = "The session of these credentials has ended. Get new ones, for example with `aws sso login`, and run again."
_REGION = "Set the region with region, AWS_REGION or the profile, and turn it on for the account where it is off."
_KMS = (
    "The document is encrypted with a KMS key, which the identity that runs the play must be allowed to use "
    "(kms:Decrypt) so that keys in it are not lost; it is written without that key then."
)
_REMOVE_REST = "Remove what is left in it, older versions too, then run again."
_CHANGED = "Somebody else changed or removed it since it was read. Run again: it will start from what is there now."
_ORGANIZATION = "A policy of the organization forbids this: ask those who manage it."
_QUOTA = "Remove what is not needed, or ask AWS to raise the quota."
_POLICY_SIZE = "A bucket policy has at most 20 KB: ask the owners to merge their statements."

# IAM and STS API references, "Common errors"; S3 API reference, "Error responses"; EC2 API reference, "Error codes".
# Below, what botocore itself raises.
_FIXES = {
    "301": _REGION,
    "307": _LATER,
    "429": _LATER,
    "500": _LATER,
    "502": _LATER,
    "503": _LATER,
    "504": _LATER,
    "AccessDenied": _PERMISSION,
    "AccessDeniedException": _PERMISSION,
    "AccountProblem": "Ask AWS's support: something is wrong with the account itself.",
    "AllAccessDisabled": "Ask AWS's support: something is wrong with the account itself.",
    "AuthFailure": _CREDENTIALS,
    "AuthorizationHeaderMalformed": _REGION,
    "BucketNotEmpty": _REMOVE_REST,
    "CNAMEAlreadyExists": "Another distribution, perhaps of another account, has the issuer's host as an alias. Remove "
    "it there (`aws cloudfront list-conflicting-aliases` names it), or choose another host.",
    "ConcurrentModification": _LATER,
    "ConditionalRequestConflict": _LATER,
    "DeleteConflict": "Remove what still uses it, then run again.",
    "DistributionNotDisabled": _CHANGED,
    "EntityTemporarilyUnmodifiable": _LATER,
    "ExpiredToken": _EXPIRED,
    "ExpiredTokenException": _EXPIRED,
    "IllegalLocationConstraintException": _REGION,
    "IncompleteBody": _LATER,
    "IncompleteSignature": _CREDENTIALS,
    "InternalError": _LATER,
    "InternalFailure": _LATER,
    "InternalServerError": _LATER,
    "InvalidAccessKeyId": _CREDENTIALS,
    "InvalidChangeBatch": "Look at the host's records in the hosted zone: one of them excludes the new ones.",
    "InvalidClientTokenId": _CREDENTIALS,
    "InvalidIfMatchVersion": _CHANGED,
    "InvalidLocationConstraint": _REGION,
    "InvalidObjectState": "The document was moved to an archive, by a lifecycle rule for example. Restore it, leave it "
    "out of that rule, then run again.",
    "InvalidSecurity": _CREDENTIALS,
    "InvalidSignatureException": _CREDENTIALS,
    "InvalidToken": _EXPIRED,
    "InvalidViewerCertificate": "The certificate must be of us-east-1, issued, not expired, and for the issuer's host "
    "(`aws acm describe-certificate --region us-east-1`).",
    "KMS.DisabledException": _KMS,
    "KMS.InvalidStateException": _KMS,
    "KMS.NotFoundException": _KMS,
    "LimitExceeded": _QUOTA,
    "LimitExceededException": _QUOTA,
    "MalformedPolicy": "One wrong statement makes S3 refuse the whole policy: check that each principal and resource "
    "in it exists.",
    "MalformedPolicyDocument": "Correct the policy. A principal that it names must exist (AWS was asked again for as "
    "long as a new one takes to be known): remove one that is gone, also from the statements of others.",
    "MissingAuthenticationToken": _CREDENTIALS,
    "NoSuchBucket": _CHANGED,
    "NoSuchDistribution": _CHANGED,
    "NoSuchEntity": "Something that the call names does not exist (any longer), such as a managed policy that was "
    "deleted. Correct its name or ARN, then run again: what was done is kept.",
    "NoSuchHostedZone": "Give the id of a hosted zone of this account (`aws route53 list-hosted-zones`).",
    "NoSuchOriginAccessControl": _CHANGED,
    "NoSuchResource": _CHANGED,
    "NotSignedUp": "Sign up the account for this service, or use another account.",
    "OpenIdIdpCommunicationError": "Publish the issuer's documents first: IAM connects to their host over HTTPS.",
    "OperationAborted": _LATER,
    "OptInRequired": _REGION,
    "OriginAccessControlAlreadyExists": _CHANGED,
    "OriginAccessControlInUse": "Another distribution uses the origin access control: remove it from that one first.",
    "PermanentRedirect": _REGION,
    "PolicyNotAttachable": "The policy is one that only AWS attaches, for a service-linked role. Choose another one.",
    "PolicyTooLarge": _POLICY_SIZE,
    "PreconditionFailed": _CHANGED,
    "PriorRequestNotComplete": _LATER,
    "RequestExpired": _CLOCK,
    "RequestInTheFuture": _CLOCK,
    "RequestLimitExceeded": _LATER,
    "RequestThrottled": _LATER,
    "RequestThrottledException": _LATER,
    "RequestTimeout": _LATER,
    "RequestTimeoutException": _LATER,
    "RequestTimeTooSkewed": _CLOCK,
    "ResourceInUse": "Remove what still uses it, then run again.",
    "ServiceFailure": _LATER,
    "ServiceUnavailable": _LATER,
    "SignatureDoesNotMatch": _CREDENTIALS,
    "SlowDown": _LATER,
    "Throttling": _LATER,
    "ThrottlingException": _LATER,
    "TokenRefreshRequired": _EXPIRED,
    "TooManyBuckets": "Remove a bucket that is not needed, or ask AWS to raise the quota.",
    "TooManyRequestsException": _LATER,
    "UnmodifiableEntity": "The role is service-linked: its service alone changes it. Choose another name.",
    "UnrecognizedClientException": _CREDENTIALS,
    "ConnectTimeoutError": _UNREACHABLE,
    "ConnectionClosedError": _UNREACHABLE,
    "CredentialRetrievalError": _CREDENTIALS,
    "EndpointConnectionError": _UNREACHABLE,
    "NoCredentialsError": _CREDENTIALS,
    "NoRegionError": _REGION,
    "PartialCredentialsError": _CREDENTIALS,
    "ProfileNotFound": _CREDENTIALS,
    "ProxyConnectionError": _UNREACHABLE,
    "ReadTimeoutError": _UNREACHABLE,
    "SSLError": _UNTRUSTED,
    "SSOTokenLoadError": _EXPIRED,
    "TokenRetrievalError": _EXPIRED,
    "UnauthorizedSSOTokenError": _EXPIRED,
    "WaiterError": _LATER,
}
# One code may have several causes, which AWS's text tells apart: what helps then, by words of it.
_FIXES_BY_WORDS = (
    ("signature expired", _CLOCK),
    ("signature not yet current", _CLOCK),
    ("kms:", _KMS),
    (
        "server side encryption",
        "The document is encrypted with a key that each reader has to send (SSE-C). It cannot be read by its URL: "
        "remove it, then run again.",
    ),
    (
        "aclsizeperrole",
        "The trust policy is too long. Split the service accounts over several roles, or ask AWS to raise the quota "
        "(up to 4096) and set irsa_iam_trust_policy_limit (of the module iam_roles: trust_policy_limit).",
    ),
    (
        "policiesperrole",
        "Join some of the managed policies, or ask AWS to raise the quota and set irsa_iam_managed_policies_limit "
        "(of the module iam_roles: managed_policies_limit).",
    ),
    (
        "bytes exceeded for role",
        "The inline policies of a role have 10240 characters at most, which AWS does not raise. Make managed policies "
        "of them.",
    ),
    ("service control policy", _ORGANIZATION),
    ("resource control policy", _ORGANIZATION),
    (
        "permissions boundary",
        "The permissions boundary of the identity that runs the play must allow this action, too.",
    ),
    ("session policy", "The session policy of the credentials must allow this action, too. Get a session without it."),
    ("vpc endpoint policy", "The policy of the VPC endpoint through which AWS was asked must allow this action, too."),
    (
        "explicit deny",
        "A Deny forbids this action to the identity that runs the play. Remove it, or except the identity.",
    ),
)
_OTHER = "Correct what AWS names, then run again: what was done is kept."

# By these codes AWS refuses what it takes a moment later: a bucket is just being made, changed or deleted.
PASSING: t.Final = ("OperationAborted", "PriorRequestNotComplete")


def fix_of(code: str, problem: str) -> str:
    """Return what helps against an error, by AWS's code and text; C({url}) in it is the endpoint that was asked."""
    words = problem.lower()
    known = _FIXES.get(code) or (_QUOTA if code.startswith("TooMany") else _OTHER)
    return next((fix for clue, fix in _FIXES_BY_WORDS if clue in words), known)


class AwsError(IrsaError):
    """AWS refused a call or could not be reached; C(code) is AWS's error code, or the name of the SDK's exception."""

    def __init__(self, problem: str, *, code: str, url: str = "") -> None:
        """Take the problem, the code, which decides the fix, and the endpoint that was asked, where it is known."""
        super().__init__(problem, fix=fix_of(code, problem).format(url=url))
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


__all__: t.Final = ("PASSING", "AwsError", "asking", "fix_of")
