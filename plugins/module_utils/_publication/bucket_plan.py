# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bucket of documents, and the calls that change it. PRIVATE to the collection: it may change without notice.

Pure: both ends of a change are data, and so are the calls between them.
"""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass, field

from ansible_collections.onprem.irsa.plugins.module_utils._aws.calls import Call
from ansible_collections.onprem.irsa.plugins.module_utils._documents.jwks import go_json

Policy = dict[str, t.Any]
Diff = dict[str, str]

ENFORCED: t.Final = "BucketOwnerEnforced"
# S3 user guide, "Using server-side encryption with Amazon S3 managed keys": named at an object it overrides the
# bucket's default. What a KMS key encrypts, nobody reads without a signature.
SSE_S3: t.Final = "AES256"
BLOCKS: t.Final = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


class Object(t.NamedTuple):
    """One published document."""

    body: str
    content_type: str
    cache_control: str
    encryption: str = ""
    """C(AES256), C(aws:kms) or C(aws:kms:dsse), as S3 has it; none where nobody asks for it."""
    encoding: str = ""
    """C(gzip) for a body that was stored compressed; the text here is unpacked."""


@dataclass(frozen=True)
class Bucket:
    """What matters of a bucket; the defaults are those of a new one.

    S3 user guide, "Default settings for new S3 buckets": since April 2023 public access is blocked, and ACLs are off.
    """

    tags: t.Mapping[str, str] = field(default_factory=dict)
    versioning: str | None = None
    """C(Enabled) or C(Suspended); None for neither, and where nobody asks for it."""
    ownership: str | None = ENFORCED
    acl_grants: bool = False
    """Whether the bucket's own ACL grants somebody else something: S3 does not turn off ACLs over it."""
    public_access_block: t.Mapping[str, bool] | None = field(default_factory=lambda: dict.fromkeys(BLOCKS, True))
    """None for a store that has no such thing."""
    policy: Policy | None = None
    objects: t.Mapping[str, Object] = field(default_factory=dict)
    """The documents by their keys, in the order in which they are written; they are removed the other way round."""
    etags: t.Mapping[str, str] = field(default_factory=dict)
    """The ETags of the documents, by their keys."""
    contents: tuple[str, ...] = ()
    """Some of the keys in it, read where they decide; an older version as C(KEY?versionId=ID)."""


def calls(bucket: str, region: str, before: Bucket | None, after: Bucket | None) -> list[Call]:
    """Return the writes that lead from one state to the other; None stands for no bucket.

    Readers never meet half of a change: access comes before documents, and what is named before what names it. ACLs,
    by which some guides publish, are turned off last, when the policy lets everybody read.
    """

    def call(operation: str, **arguments: t.Any) -> Call:  # noqa: ANN401 -- as boto3 takes them
        return Call(operation, {"Bucket": bucket, **arguments})

    if before is None and after is None:
        return []
    old, new = before or Bucket(), after or Bucket()
    removed = [call("delete_object", Key=key) for key in reversed(list(old.objects)) if key not in new.objects]
    if after is None:
        return [*removed, call("delete_bucket")]
    made = [] if before else [call("create_bucket", ObjectOwnership=ENFORCED, **_location(region))]
    settings = [call(operation, **arguments) for operation, arguments in _settings(old, new)]
    written = [
        call("put_object", Key=key, **_content(document), **_condition(key, old))
        for key, document in new.objects.items()
        if old.objects.get(key) != document
    ]
    return [*made, *removed, *settings, *written, *(call(operation, **given) for operation, given in _closed(old, new))]


def _location(region: str) -> dict[str, t.Any]:
    """S3 API reference, CreateBucket: the constraint is left out for us-east-1, and only there."""
    return {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}


def _settings(old: Bucket, new: Bucket) -> t.Iterator[tuple[str, dict[str, t.Any]]]:
    if old.tags != new.tags:
        tags = [{"Key": key, "Value": value} for key, value in new.tags.items()]
        yield "put_bucket_tagging", {"Tagging": {"TagSet": tags}}
    if old.versioning != new.versioning:
        yield "put_bucket_versioning", {"VersioningConfiguration": {"Status": new.versioning}}
    if old.public_access_block is not None and old.public_access_block != _opened(old, new):
        yield "put_public_access_block", {"PublicAccessBlockConfiguration": _opened(old, new)}
    if old.policy != new.policy and new.policy is None:
        yield "delete_bucket_policy", {}
    elif old.policy != new.policy:
        yield "put_bucket_policy", {"Policy": json.dumps(new.policy)}


def _opened(old: Bucket, new: Bucket) -> t.Mapping[str, bool]:
    """Return the public-access block that lets the new policy in and still leaves to ACLs what they had."""
    had, wanted = old.public_access_block or {}, new.public_access_block or {}
    opened = {**dict.fromkeys(BLOCKS, False), **had, **{name: wanted.get(name, False) for name in BLOCKS[2:]}}
    return had if all(had.get(name, False) == value for name, value in opened.items()) else opened


def _closed(old: Bucket, new: Bucket) -> t.Iterator[tuple[str, dict[str, t.Any]]]:
    if old.ownership != new.ownership:
        if old.acl_grants:
            yield "put_bucket_acl", {"ACL": "private"}
        yield "put_bucket_ownership_controls", {"OwnershipControls": {"Rules": [{"ObjectOwnership": new.ownership}]}}
    if new.public_access_block is not None and new.public_access_block != _opened(old, new):
        yield "put_public_access_block", {"PublicAccessBlockConfiguration": dict(new.public_access_block)}


def _content(document: Object) -> dict[str, t.Any]:
    content = {
        "Body": document.body.encode("utf-8"),
        "ContentType": document.content_type,
        "CacheControl": document.cache_control,
    }
    return {**content, "ServerSideEncryption": document.encryption} if document.encryption else content


def _condition(key: str, old: Bucket) -> dict[str, str]:
    """S3 user guide, "Conditional writes": another run's write in between makes this one fail instead of undoing it."""
    return {"IfMatch": old.etags[key]} if key in old.etags else {"IfNoneMatch": "*"}


def diff(bucket: str, before: Bucket | None, after: Bucket | None) -> list[Diff]:
    """Return what a person is shown of a change: the bucket's settings and each document, where they differ."""
    parts = [compared(f"s3://{bucket} (settings)", _settings_text(before), _settings_text(after))]
    keys = list({**(before.objects if before else {}), **(after.objects if after else {})})
    parts += [compared(f"s3://{bucket}/{key}", _text(key, before), _text(key, after)) for key in keys]
    return [part for part in parts if part["before"] != part["after"]]


def compared(name: str, before: str, after: str) -> Diff:
    """Return what Ansible shows of the change of one thing with this name."""
    return {"before_header": name, "after_header": name, "before": before, "after": after}


def _settings_text(bucket: Bucket | None) -> str:
    if bucket is None:
        return ""
    settings = {
        "tags": dict(bucket.tags),
        "versioning": bucket.versioning,
        "object_ownership": bucket.ownership,
        "public_access_block": bucket.public_access_block and dict(bucket.public_access_block),
        "policy": bucket.policy,
    }
    return json.dumps(settings, indent=2) + "\n"


def _text(key: str, bucket: Bucket | None) -> str:
    document = bucket.objects.get(key) if bucket else None
    if document is None:
        return ""
    head = f"Content-Type: {document.content_type}\nCache-Control: {document.cache_control}\n"
    head += f"Content-Encoding: {document.encoding}\n" if document.encoding else ""
    head += f"Server-Side-Encryption: {document.encryption}\n\n" if document.encryption else "\n"
    try:
        content = json.loads(document.body)
    except ValueError:
        return f"{head}{document.body}\n"
    # Laid out for people where nothing but the layout is lost by it.
    return f"{head}{json.dumps(content, indent=2) if go_json(content) == document.body else document.body}\n"


__all__: t.Final = ("BLOCKS", "ENFORCED", "SSE_S3", "Bucket", "Diff", "Object", "Policy", "calls", "compared", "diff")
