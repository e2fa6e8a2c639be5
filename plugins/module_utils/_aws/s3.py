# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads and changes a bucket of documents on AWS. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import functools
import json
import time
import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._aws.errors import AwsError, asking
from ansible_collections.onprem.irsa.plugins.module_utils._aws.ownership import owner
from ansible_collections.onprem.irsa.plugins.module_utils._bucket import Bucket, Object
from ansible_collections.onprem.irsa.plugins.module_utils._errors import IrsaError

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
    from mypy_boto3_s3 import S3Client

    from ansible_collections.onprem.irsa.plugins.module_utils._aws.calls import Call
    from ansible_collections.onprem.irsa.plugins.module_utils._publication import Target

# Throttling and 5xx are met with exponential backoff and jitter (botocore, "Retries", mode standard).
_CLIENT_CONFIG = {"retries": {"mode": "standard", "total_max_attempts": 8}}

_MISSING = ("404", "NoSuchBucket", "NoSuchKey")
_SPREADING_SECONDS = 20.0
_SPREADING_PAUSE = 2.0


def s3_client(module: AnsibleAWSModule) -> S3Client:
    """Return a client that is patient; the module's O(aws_config) overrides how."""
    return t.cast("S3Client", module.client("s3", config=_CLIENT_CONFIG))


def _ask(client: S3Client, operation: str, *, none_for: Iterable[str] = (), **arguments: object) -> dict[str, t.Any]:
    """Return the answer to a read; an empty one when AWS has an error code for a thing that is not there."""
    try:
        with asking(operation.replace("_", " ")):
            return dict(getattr(client, operation)(**arguments))
    except AwsError as error:
        if error.code in none_for:
            return {}
        raise


def observe(client: S3Client, target: Target, *, contents_always: bool) -> Bucket | None:
    """Read what matters of a bucket, or None when it does not exist; nothing is written.

    What else is in it is read when it has no owner's tag, and when contents_always says so. Raises IrsaError for a
    bucket of somebody else, and for one in another region.
    """
    bucket = target.bucket
    if not _exists(client, bucket, target.region):
        return None
    ask = functools.partial(_ask, client, Bucket=bucket)
    tags = {tag["Key"]: tag["Value"] for tag in ask("get_bucket_tagging", none_for=["NoSuchTagSet"]).get("TagSet", [])}
    ownership = ask("get_bucket_ownership_controls", none_for=["OwnershipControlsNotFoundError"])
    block = ask("get_public_access_block", none_for=["NoSuchPublicAccessBlockConfiguration"])
    policy = ask("get_bucket_policy", none_for=["NoSuchBucketPolicy"])
    found = {key: ask("get_object", Key=key, none_for=_MISSING) for key in target.urls}
    return Bucket(
        tags=tags,
        ownership=next(
            (rule["ObjectOwnership"] for rule in ownership.get("OwnershipControls", {}).get("Rules", [])), None
        ),
        public_access_block=block.get("PublicAccessBlockConfiguration", {}),
        policy=json.loads(policy["Policy"]) if policy else None,
        objects={key: _object(answer) for key, answer in found.items() if answer},
        etags={key: answer["ETag"] for key, answer in found.items() if answer},
        contents=_contents(client, bucket) if contents_always or owner(tags) is None else (),
    )


def _exists(client: S3Client, bucket: str, region: str) -> bool:
    try:
        with asking(f"show the bucket {bucket}"):
            there = client.head_bucket(Bucket=bucket).get("BucketRegion", region)
    except AwsError as error:
        if error.code in _MISSING:
            return False
        if error.code != "403":
            raise
        raise IrsaError(
            f"The bucket {bucket} exists, and AWS does not show it: it belongs to another account, or the identity "
            "that runs the play lacks s3:ListBucket on it.",
            fix="Choose another name, which nobody else on AWS uses, or allow that action.",
        ) from error
    if there != region:
        raise IrsaError(
            f"The bucket {bucket} is in {there}, not in {region}.",
            fix=f"Use the region {there}, or another bucket: the region is part of the issuer's URL.",
        )
    return True


def _object(answer: t.Mapping[str, t.Any]) -> Object:
    with asking("send a document's content"):
        body = answer["Body"].read()
    return Object(
        body=body.decode("utf-8", "replace"),
        content_type=answer.get("ContentType", ""),
        cache_control=answer.get("CacheControl", ""),
    )


def _contents(client: S3Client, bucket: str) -> tuple[str, ...]:
    answer = _ask(client, "list_object_versions", Bucket=bucket)
    entries = [*answer.get("Versions", []), *answer.get("DeleteMarkers", [])]
    return tuple(
        entry["Key"] if entry["VersionId"] == "null" else f"{entry['Key']}?versionId={entry['VersionId']}"
        for entry in entries
    )


def apply(client: S3Client, calls: Iterable[Call]) -> None:
    """Make the writes one after the other; what fails says why, and running again goes on from there."""
    careful = {"create_bucket": _create, "put_bucket_policy": _when_spread, "put_object": _write}
    for call in calls:
        careful.get(call.operation, _make)(client, call)


def _make(client: S3Client, call: Call) -> None:
    call.make(client)


def _create(client: S3Client, call: Call) -> None:
    try:
        call.make(client)
    except AwsError as error:
        if error.code != "BucketAlreadyExists":
            raise
        raise IrsaError(
            f"The bucket name {call.arguments['Bucket']} is taken by another account: names are unique on all of AWS.",
            fix="Choose another name, for example one that begins with your organization's.",
        ) from error
    with asking("show the new bucket"):
        client.get_waiter("bucket_exists").wait(Bucket=call.arguments["Bucket"])


def _when_spread(client: S3Client, call: Call) -> None:
    """Set the policy; S3 refuses it for some seconds after the public-access block that forbade it was lifted."""
    deadline = time.monotonic() + _SPREADING_SECONDS
    while True:
        try:
            return call.make(client)
        except AwsError as error:
            if error.code != "AccessDenied":
                raise
            if time.monotonic() > deadline:
                raise IrsaError(
                    f"{error.problem} A public policy is refused where the account or the organization blocks public "
                    "access, whatever the bucket itself says.",
                    fix="Allow s3:PutBucketPolicy, and look at `aws s3control get-public-access-block --account-id ID` "
                    "and at the organization's policies; or publish on another HTTPS host.",
                ) from error
        time.sleep(_SPREADING_PAUSE)


def _write(client: S3Client, call: Call) -> None:
    """Write a document, on condition that nobody wrote it since it was read."""
    try:
        call.make(client)
    except AwsError as error:
        if error.code not in ("PreconditionFailed", "ConditionalRequestConflict"):
            raise
        # A request that AWS carried out and whose answer was lost is sent again, and then meets its own document.
        there = _ask(
            client, "get_object", Bucket=call.arguments["Bucket"], Key=call.arguments["Key"], none_for=_MISSING
        )
        if not there or there["Body"].read() != call.arguments["Body"]:
            raise IrsaError(
                f"Another run wrote s3://{call.arguments['Bucket']}/{call.arguments['Key']} at the same time.",
                fix="Run again when the other one has ended: it will start from what that one wrote.",
            ) from error


__all__: t.Final = ("apply", "observe", "s3_client")
