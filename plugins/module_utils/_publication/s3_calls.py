# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads and changes a bucket of documents on AWS. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import functools
import gzip
import json
import random
import time
import typing as t
import zlib
from contextlib import contextmanager, suppress
from dataclasses import replace

from ansible_collections.onprem.irsa.plugins.module_utils._aws.errors import PASSING, AwsError, asking
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError, IrsaError, PublicAccessError
from ansible_collections.onprem.irsa.plugins.module_utils._progress import Wait
from ansible_collections.onprem.irsa.plugins.module_utils._publication.bucket_plan import (
    BLOCKS,
    ENFORCED,
    SSE_S3,
    Bucket,
    Object,
    calls,
)
from ansible_collections.onprem.irsa.plugins.module_utils._publication.wanted_bucket import (
    has_place,
    located,
    others_in_policy,
)

with suppress(ImportError):  # AnsibleAWSModule names the missing library
    from botocore.config import Config

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
    from mypy_boto3_s3 import S3Client

    from ansible_collections.onprem.irsa.plugins.module_utils._aws.calls import Call
    from ansible_collections.onprem.irsa.plugins.module_utils._publication.wanted_bucket import Target

# Throttling and 5xx are met with exponential backoff and jitter (botocore, "Retries", mode standard).
_CLIENT_CONFIG = {"retries": {"mode": "standard", "total_max_attempts": 8}, "connect_timeout": 5, "read_timeout": 30}

_HIDDEN = ("400", "403")
_UNSEEN = ("AccessDenied", "AccessDeniedException", "ConnectTimeoutError", "EndpointConnectionError")
_MISSING = ("404", "NoSuchBucket", "NoSuchKey")
# Content encodings that leave a body as it is; the first one is of a way to upload, and some stores keep it.
_PLAIN = {"", "aws-chunked", "identity"}
_CONFLICTS = ("PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey")
_UNKNOWN = ("NotImplemented", "MethodNotAllowed", "XNotImplemented")
_SPREADING_SECONDS = 20.0
_SPREADING_PAUSE = 2.0
_BUSY_SECONDS = 60.0
_ROUNDS = 8
_LONGEST_PAUSE = 1.0

Plan = t.Callable[["Bucket | None", "Target"], "Bucket | None"]


class ConflictError(IrsaError):
    """Somebody else wrote a document between our reading and our writing it."""


class HiddenBucketError(IrsaError):
    """S3 refuses to show a bucket and does not say why: the answer to HeadBucket has no body."""


class BlockedAccountError(IrsaError):
    """The account blocks public access, whatever its buckets say."""


class BucketChange(t.NamedTuple):
    """What a run found, what it should be, and whether that took a write."""

    before: Bucket | None
    after: Bucket | None
    target: Target
    changed: bool


@contextmanager
def explaining(module: AnsibleAWSModule, *, public: bool) -> t.Iterator[None]:
    """Add to an error of the body what only other calls can tell: why S3 shows a bucket or its documents to nobody.

    PUBLIC says whether the bucket is one that everybody may read.
    """
    try:
        yield
    except PublicAccessError as error:
        raise (explained(error, module) if public else error) from error
    except HiddenBucketError as error:
        raise _unhidden(error, module) from error


def _unhidden(error: HiddenBucketError, module: AnsibleAWSModule) -> IrsaError:
    """Return the error with whom S3 refuses; raise AwsError where it refuses the credentials themselves."""
    if module.params["endpoint_url"]:
        with asking("list the bucket"):
            s3_client(module).list_objects_v2(Bucket=module.params["bucket"], MaxKeys=1)
        return error
    with asking("say whose credentials these are"):
        identity = module.client("sts", config=_CLIENT_CONFIG).get_caller_identity()["Arn"]
    return IrsaError(f"{error.problem} The call was made by {identity}.", fix=error.fix)


def explained(error: PublicAccessError, module: AnsibleAWSModule) -> IrsaError:
    """Return the error with what overrides the bucket, as far as the identity that runs the play may see it."""
    if module.params["endpoint_url"]:
        return error
    if _readers_pay(module):
        return IrsaError(
            f"{error.problem} The bucket {module.params['bucket']} makes readers pay (Requester Pays), which "
            "anonymous readers cannot.",
            fix=f"Turn that off: `aws s3api put-bucket-request-payment --bucket {module.params['bucket']} "
            "--request-payment-configuration Payer=BucketOwner`.",
        )
    try:
        account, closed = _account_block(module)
    except AwsError as refused:
        return PublicAccessError(
            f"{error.problem} Whether the account itself blocks public access cannot be seen: {refused.problem}",
            fix=f"Look at `aws s3control get-public-access-block --account-id ID`. {error.fix}",
        )
    if closed:
        return _blocked(account, closed, error)
    return PublicAccessError(
        f"{error.problem} The account {account} does not block public access, so a policy of the organization (SCP or "
        "RCP) does, or a Deny in the bucket policy.",
        fix=f"Ask those who manage the organization. {error.fix}",
    )


def _readers_pay(module: AnsibleAWSModule) -> bool:
    try:
        answer = _ask(s3_client(module), "get_bucket_request_payment", Bucket=module.params["bucket"])
    except AwsError:
        return False
    return bool(answer.get("Payer") == "Requester")


def account_block(module: AnsibleAWSModule) -> tuple[str, dict[str, bool]]:
    """Return the account of the credentials, and its own settings of public access; raises AwsError."""
    with asking("show the account's public-access block"):
        account = str(module.client("sts", config=_CLIENT_CONFIG).get_caller_identity()["Account"])
        control = module.client("s3control", config=_CLIENT_CONFIG)
    name = "PublicAccessBlockConfiguration"
    found = _ask(control, "get_public_access_block", AccountId=account, none_for=[f"NoSuch{name}"]).get(name, {})
    return account, dict(found)


def _account_block(module: AnsibleAWSModule) -> tuple[str, list[str]]:
    """Return the account, and which of its settings close buckets whose policies are public."""
    account, found = account_block(module)
    return account, [setting for setting in BLOCKS[2:] if found.get(setting)]


def _blocked(account: str, closed: t.Sequence[str], error: IrsaError) -> BlockedAccountError:
    return BlockedAccountError(
        f"{error.problem} The account {account} has S3 Block Public Access on ({', '.join(closed)}), which stands "
        "above every bucket's own.",
        fix=f"Turn these off for the account, or publish with onprem.irsa.cloudfront_issuer. {error.fix}",
    )


def refuse_blocked_account(module: AnsibleAWSModule, wanted: Target) -> None:
    """Raise BlockedAccountError where the account would refuse the bucket policy, or close what it opens.

    Who may not see it, or cannot reach that endpoint, need not stop: reading back the documents tells.
    """
    try:
        account, closed = _account_block(module)
    except AwsError as error:
        if error.code not in _UNSEEN:
            raise
        return
    if "BlockPublicPolicy" in closed or (closed and wanted.of_s3):
        problem = f"The documents in the bucket {wanted.bucket} cannot be public, and nothing was changed."
        raise _blocked(account, closed, IrsaError(problem, fix="Or publish on another HTTPS host."))


def s3_client(module: AnsibleAWSModule) -> S3Client:
    """Return a client that is patient; the module's O(aws_config) overrides how."""
    config = _compatible_config() if module.params["endpoint_url"] else _CLIENT_CONFIG
    return t.cast("S3Client", module.client("s3", config=config))


def _compatible_config() -> dict[str, t.Any]:
    """Return how S3-compatible stores are called.

    Every one serves https://HOST/BUCKET; names of buckets in front of the host need DNS and certificate. Several refuse
    the checksums that botocore adds from 1.36 on, which make a body of chunks with a trailer (boto3, "Data integrity
    protections for Amazon S3"); older ones have no such option.
    """
    names = ("request_checksum_calculation", "response_checksum_validation")
    plain = {name: "when_required" for name in names if name in Config.OPTION_DEFAULTS}
    return {**_CLIENT_CONFIG, **plain, "s3": {"addressing_style": "path"}}


def reach(client: S3Client, wanted: Target, plan: Plan, *, check_mode: bool = False) -> BucketChange:
    """Bring the bucket to where the plan wants it, and begin again from what others wrote in between.

    So of runs at the same time each adds its keys to those of the others. In check mode nothing is written.
    """
    first, target = observe(client, wanted, contents_always=not wanted.jwks)
    seen, changed = first, False
    for round_number in range(1, _ROUNDS + 1):
        after = plan(seen, target)
        todo = calls(target.bucket, target.region, seen, after)
        if check_mode or not todo:
            return BucketChange(first, after, target, changed or bool(todo))
        changed = True
        # What a new bucket of another store is like shows only when it is there.
        step = todo[:1] if target.endpoint and seen is None else todo
        try:
            apply(client, step)
        except ConflictError:
            if round_number == _ROUNDS:
                raise
            time.sleep(random.uniform(0, _LONGEST_PAUSE))  # noqa: S311 -- parts two runs, and is no secret
        else:
            if step == todo:
                break
        seen, target = observe(client, wanted, contents_always=not wanted.jwks)
    return BucketChange(first, after, target, changed)


def _ask(client: S3Client, operation: str, *, none_for: Iterable[str] = (), **arguments: object) -> dict[str, t.Any]:
    """Return the answer to a read; an empty one when AWS has an error code for a thing that is not there."""
    try:
        with asking(operation.replace("_", " ")):
            return dict(getattr(client, operation)(**arguments))
    except AwsError as error:
        if error.code in none_for:
            return {}
        raise


def observe(client: S3Client, wanted: Target, *, contents_always: bool) -> tuple[Bucket | None, Target]:
    """Read what matters of a bucket, or None when it does not exist, and where its key set is; nothing is written.

    What else is in it is read when it has no place for the cluster, and when contents_always says so. Raises IrsaError
    for a bucket of another account, for one in another region, and for the documents of another issuer.
    """
    if not _exists(client, wanted):
        return None, wanted
    ask = functools.partial(_ask, client, Bucket=wanted.bucket)
    discovery = ask("get_object", Key=wanted.discovery_key, none_for=_MISSING)
    found = {wanted.discovery_key: _object(discovery, wanted, wanted.discovery_key)} if discovery else {}
    target = located(wanted, found[wanted.discovery_key].body if found else None)
    keys = ask("get_object", Key=target.jwks_key, none_for=_MISSING)
    objects = {**({target.jwks_key: _object(keys, target, target.jwks_key)} if keys else {}), **found}
    answers = ((target.jwks_key, keys), (target.discovery_key, discovery))
    policy = _policy(client, target)
    bucket = Bucket(
        tags=_tags(client, target),
        versioning=ask("get_bucket_versioning").get("Status") if target.versioning is not None else None,
        policy=policy,
        objects=objects,
        etags={key: answer["ETag"] for key, answer in answers if answer},
        **_access(client, target),
    )
    if contents_always or not has_place(bucket, target):
        # The tag is read once more: whoever wrote in between tagged the bucket before that.
        contents = _contents(client, target.bucket)
        bucket = replace(bucket, contents=contents, tags=_tags(client, target) if contents else bucket.tags)
    return bucket, target


def _policy(client: S3Client, target: Target) -> dict[str, t.Any] | None:
    try:
        found = _ask(client, "get_bucket_policy", Bucket=target.bucket, none_for=["NoSuchBucketPolicy"])
    except AwsError as error:
        if error.code != "MethodNotAllowed" or target.endpoint:
            raise
        # S3 API reference, GetBucketPolicy: so it answers whoever has the permission in another account.
        raise IrsaError(
            f"The bucket {target.bucket} belongs to another account, which lets this one in.",
            fix="Use credentials of that account, or choose another name, which nobody else on AWS uses.",
        ) from error
    try:
        return json.loads(found["Policy"]) if found else None
    except ValueError as error:
        raise IrsaError(
            f"The policy of the bucket {target.bucket} is not JSON: {error}.",
            fix="Look at what answers for the store: `aws s3api get-bucket-policy`. Nothing was changed.",
        ) from error


def _tags(client: S3Client, target: Target) -> dict[str, str]:
    found = _ask(client, "get_bucket_tagging", Bucket=target.bucket, none_for=["NoSuchTagSet"])
    return {tag["Key"]: tag["Value"] for tag in found.get("TagSet", [])}


def _access(client: S3Client, target: Target) -> dict[str, t.Any]:
    """Read what decides on ACLs; other stores than S3 have no object ownership, and some no public-access block."""
    ask = functools.partial(_ask, client, Bucket=target.bucket)
    name = "PublicAccessBlockConfiguration"
    try:
        block = ask("get_public_access_block", none_for=[f"NoSuch{name}"]).get(name, {})
    except AwsError as error:
        if not target.endpoint or error.code not in _UNKNOWN:
            raise
        block = None
    if target.endpoint:
        return {"public_access_block": block}
    ownership = ask("get_bucket_ownership_controls", none_for=["OwnershipControlsNotFoundError"])
    rules = ownership.get("OwnershipControls", {}).get("Rules", [])
    mode = next((rule["ObjectOwnership"] for rule in rules), None)
    grants = [] if mode == ENFORCED else ask("get_bucket_acl")["Grants"]
    own = [grant for grant in grants if grant["Grantee"]["Type"] == "CanonicalUser"]
    return {"public_access_block": block, "ownership": mode, "acl_grants": len(own) < len(grants) or len(own) > 1}


def _exists(client: S3Client, wanted: Target) -> bool:
    bucket, region = wanted.bucket, wanted.region
    try:
        with asking(f"show the bucket {bucket}"):
            there = client.head_bucket(Bucket=bucket).get("BucketRegion", region)
    except AwsError as error:
        if error.code in _MISSING:
            return False
        if error.code not in _HIDDEN:
            raise
        raise HiddenBucketError(
            f"The bucket {bucket} exists, and AWS does not show it: it belongs to another account, or the identity "
            "that runs the play lacks s3:ListBucket on it.",
            fix="Choose another name, which nobody else on AWS uses, or allow that action.",
        ) from error
    if there != region and not wanted.endpoint:
        raise IrsaError(
            f"The bucket {bucket} is in {there}, not in {region}.",
            fix=f"Use the region {there}, or another bucket: the region is part of the issuer's URL.",
        )
    return True


def _object(answer: t.Mapping[str, t.Any], target: Target, key: str) -> Object:
    with asking("send a document's content"):
        body = answer["Body"].read()
    encoding = ",".join(set(answer.get("ContentEncoding", "").lower().replace(" ", "").split(",")) - _PLAIN)
    # Objects of before January 2023 may have no encryption: everybody reads them as well.
    encryption = "" if target.endpoint else answer.get("ServerSideEncryption") or SSE_S3
    return Object(
        body=_unpacked(body, encoding, f"s3://{target.bucket}/{key}").decode("utf-8", "replace"),
        content_type=answer.get("ContentType", ""),
        cache_control=answer.get("CacheControl", ""),
        encryption=encryption,
        encoding=encoding,
    )


def _unpacked(body: bytes, encoding: str, source: str) -> bytes:
    """Return a body as it was before it was stored with this Content-Encoding (RFC 9110 section 8.4)."""
    try:
        if encoding in ("gzip", "x-gzip"):
            return gzip.decompress(body)
        if encoding == "deflate":
            return zlib.decompress(body)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(
            f"{source} is stored with the Content-Encoding {encoding} and cannot be unpacked: {error}.",
            fix="Restore an intact copy, or remove it if nobody uses it any longer: its keys would be lost.",
        ) from error
    if encoding:
        raise InputError(
            f"{source} is stored with the Content-Encoding {encoding}, which cannot be read here.",
            fix="Store it without one: its keys would be lost.",
        )
    return body


def _contents(client: S3Client, bucket: str) -> tuple[str, ...]:
    answer = _ask(client, "list_object_versions", Bucket=bucket)
    entries = [*answer.get("Versions", []), *answer.get("DeleteMarkers", [])]
    return tuple(
        entry["Key"] if entry["VersionId"] == "null" else f"{entry['Key']}?versionId={entry['VersionId']}"
        for entry in entries
    )


def apply(client: S3Client, calls: Sequence[Call]) -> None:
    """Make the writes one after the other; what fails says why, and running again goes on from there.

    Raises ConflictError when somebody else wrote a document since it was read.
    """
    careful = {"create_bucket": _create, "put_bucket_policy": _when_spread, "put_object": _write}
    admitted = False
    for call in calls:
        if admitted and call.operation != "put_object":
            # What shuts off ACLs waits: the policy that takes their place is there for everybody only after a while
            # (S3 user guide, "Data consistency model").
            Wait("the bucket's policy to be there for everybody", _SPREADING_SECONDS).pause(_SPREADING_SECONDS)
            admitted = False
        _when_free(careful.get(call.operation, _make), client, call)
        admitted = admitted or call.operation == "put_bucket_policy"


def _when_free(make: t.Callable[[S3Client, Call], None], client: S3Client, call: Call) -> None:
    """Make a call; S3 refuses those about a bucket that it is still busy with, for less than a minute mostly."""
    wait = Wait(f"S3 to be no longer busy with the bucket, to {call.operation}", _BUSY_SECONDS)
    while True:
        try:
            return make(client, call)
        except AwsError as error:
            if error.code not in PASSING or wait.is_over:
                raise
        wait.pause(_SPREADING_PAUSE)


def _make(client: S3Client, call: Call) -> None:
    call.make(client)


def _create(client: S3Client, call: Call) -> None:
    try:
        call.make(client)
    except AwsError as error:
        # Another run made it, or this one did, and the answer was lost.
        if error.code == "BucketAlreadyOwnedByYou":
            return
        if error.code != "BucketAlreadyExists":
            raise
        raise IrsaError(
            f"The bucket name {call.arguments['Bucket']} is taken by another account: names are unique on all of AWS.",
            fix="Choose another name, for example one that begins with your organization's.",
        ) from error
    _wait_until_there(client, call.arguments["Bucket"])


def _wait_until_there(client: S3Client, bucket: str) -> None:
    wait = Wait(f"the new bucket {bucket}", _BUSY_SECONDS)
    while True:
        try:
            with asking("show the new bucket"):
                client.head_bucket(Bucket=bucket)
        except AwsError as error:
            if error.code in _HIDDEN:  # it is there
                return
            if error.code not in _MISSING or wait.is_over:
                raise
        else:
            return
        wait.pause(_SPREADING_PAUSE)


def _when_spread(client: S3Client, call: Call) -> None:
    """Set the policy; S3 refuses it for some seconds after the public-access block that forbade it was lifted."""
    wait = Wait("S3 to take the bucket's policy", _SPREADING_SECONDS)
    while True:
        try:
            return call.make(client)
        except AwsError as error:
            if error.code == "MalformedPolicy":
                raise _named_others(error, call) from error
            if error.code != "AccessDenied":
                raise
            if wait.is_over:
                raise PublicAccessError(
                    f"{error.problem} A public policy is refused where the account or the organization blocks public "
                    "access, whatever the bucket itself says.",
                    fix="Allow s3:PutBucketPolicy; or publish on another HTTPS host.",
                ) from error
        wait.pause(_SPREADING_PAUSE)


def _named_others(error: AwsError, call: Call) -> IrsaError:
    """Return the refusal of a policy with the statements of others in it: the collection's own is well formed."""
    others = others_in_policy(json.loads(call.arguments["Policy"]))
    if not others:
        return error
    return IrsaError(
        f"{error.problem} In the policy of the bucket {call.arguments['Bucket']} are statements of others: "
        f"{'; '.join(others)}.",
        fix="S3 refuses the whole policy for one wrong statement. Ask their owners to correct it, or remove the "
        "principal or resource that is gone; then run again: what was done is kept.",
    )


def _write(client: S3Client, call: Call) -> None:
    """Write a document, on condition that nobody wrote it since it was read.

    A request that was carried out and whose answer was lost is sent again, and then meets its own document: that looks
    like a conflict, and ends well when the document is read again.
    """
    try:
        call.make(client)
    except AwsError as error:
        if error.code not in _CONFLICTS:
            raise
        raise ConflictError(
            f"Other runs keep writing s3://{call.arguments['Bucket']}/{call.arguments['Key']}.",
            fix="Run again when they have ended: it will start from what they wrote.",
        ) from error


__all__: t.Final = (
    "BlockedAccountError",
    "BucketChange",
    "ConflictError",
    "HiddenBucketError",
    "account_block",
    "apply",
    "explained",
    "explaining",
    "observe",
    "reach",
    "refuse_blocked_account",
    "s3_client",
)
