# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Publishes the documents of an issuer for a module. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import functools
import typing as t

from ansible.module_utils.basic import missing_required_lib

from ansible_collections.onprem.irsa.plugins.module_utils._aws.rendering import OWNED, check_state, rendered
from ansible_collections.onprem.irsa.plugins.module_utils._documents.jwks import IMPORT_ERROR
from ansible_collections.onprem.irsa.plugins.module_utils._errors import IrsaError
from ansible_collections.onprem.irsa.plugins.module_utils._iam.trusted import refuse_trusted
from ansible_collections.onprem.irsa.plugins.module_utils._proof.read_back import (
    FAULT_SECONDS,
    look,
    read_back,
    seen,
    warnings,
)
from ansible_collections.onprem.irsa.plugins.module_utils._publication import bucket_plan, edge, s3_calls, wanted_bucket
from ansible_collections.onprem.irsa.plugins.module_utils._review_files import bring

if t.TYPE_CHECKING:
    from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
    from mypy_boto3_s3 import S3Client

    from ansible_collections.onprem.irsa.plugins.module_utils._aws.rendering import ScriptStep
    from ansible_collections.onprem.irsa.plugins.module_utils._proof.checks import Document

Forget = t.Callable[[t.Iterable[str]], None]


def require_libraries(module: AnsibleAWSModule) -> None:
    """Fail where a library is missing or too old."""
    module.require_boto3_at_least("1.35.69", reason="to write on condition")
    if IMPORT_ERROR is not None:
        module.fail_json(msg=missing_required_lib("cryptography and jwcrypto"), exception=IMPORT_ERROR)


def publish(
    module: AnsibleAWSModule,
    wanted: wanted_bucket.Target,
    *,
    spreading_seconds: float,
    changed: bool = False,
    forget: Forget | None = None,
) -> dict[str, t.Any]:
    """Write the documents and read them back; return what the module says of them.

    A change, of the bucket or made before by the module, may take SPREADING_SECONDS to be visible everywhere. FORGET
    clears some URLs from caches in front of the bucket. Whoever read the documents by another publisher still does
    until they are read by this one.
    """
    allowed = functools.cache(lambda: s3_calls.refuse_blocked_account(module, wanted))

    def plan(before: bucket_plan.Bucket | None, target: wanted_bucket.Target) -> bucket_plan.Bucket:
        after = wanted_bucket.while_moving(before, target)
        if wanted_bucket.opens(before, after, target):
            allowed()
        return after

    client = s3_calls.s3_client(module)
    change = s3_calls.reach(client, wanted, plan, check_mode=module.check_mode)
    stale = _stale(module, change) if forget else []
    if forget and stale and not module.check_mode:
        forget(stale)
    changed = changed or change.changed or bool(stale)
    seconds = spreading_seconds if changed else FAULT_SECONDS
    result = wanted_bucket.bucket_result(change.target, change.before, t.cast("bucket_plan.Bucket", change.after))

    read = functools.partial(_read, module, change, result)
    served = [] if module.check_mode else edge.without_retired(read, wanted.retired, seconds)
    for warning in warnings(served, wanted.kids):
        module.warn(warning)
    moved = _move(module, client, change, read, spreading_seconds)
    if moved is not None:
        diff = bucket_plan.diff(wanted.bucket, change.before, moved.after)
        result, changed = {**result, "diff": diff}, changed or moved.changed
    return {**result, "changed": changed, "read_back": [seen(document) for document in served]}


def _read(
    module: AnsibleAWSModule, change: s3_calls.BucketChange, result: t.Mapping[str, t.Any], seconds: float
) -> list[Document]:
    target, after = change.target, t.cast("bucket_plan.Bucket", change.after)
    return read_back(
        target.issuer,
        result["kids"],
        kept=result["kept_kids"],
        jwks_uri=target.jwks_uri,
        jwks=after.objects[target.jwks_key].body,
        ca_file=module.params["ca_path"],
        seconds=seconds,
    )


def _stale(module: AnsibleAWSModule, change: s3_calls.BucketChange) -> list[str]:
    """Return the URLs of which caches may keep what is no longer published: another text, or a retired key."""
    target = change.target
    before = change.before.objects if change.before else {}
    after = t.cast("bucket_plan.Bucket", change.after).objects
    rewritten = [url for key, url in target.urls.items() if before.get(key, after[key]) != after[key]]
    if rewritten or target.jwks_key not in before:
        return rewritten
    kept = edge.lingering(target.issuer, target.retired, module.params["ca_path"])
    return [target.jwks_uri] if kept else []


def _move(
    module: AnsibleAWSModule, client: S3Client, change: s3_calls.BucketChange, read: edge.Read, seconds: float
) -> s3_calls.BucketChange | None:
    """Close the bucket to those who read it by another publisher, once the issuer's host leads here; None for none.

    What is closed too early is opened again.
    """
    target, after = change.target, t.cast("bucket_plan.Bucket", change.after)
    if not wanted_bucket.former_readers(after, target):
        return None
    if not target.distribution_arn and edge.through_cloudfront(_look(module, target)):
        module.warn(
            f"{target.issuer} still points to CloudFront, which the bucket {target.bucket} lets in as before. Point "
            "its DNS record here, and run again after its TTL: the distribution can be deleted then."
        )
        return None
    if not module.check_mode and target.distribution_arn:
        edge.wait_for_distribution(read, seconds)
    closed = s3_calls.reach(client, target, wanted_bucket.after_publishing, check_mode=module.check_mode)
    if not module.check_mode:
        try:
            read(seconds)
        except IrsaError:
            s3_calls.reach(client, target, lambda now, _target: wanted_bucket.reopened(now, after))
            raise
    return closed


def _look(module: AnsibleAWSModule, target: wanted_bucket.Target) -> list[Document]:
    return look(target.issuer, ca_file=module.params["ca_path"])


def render(
    module: AnsibleAWSModule,
    wanted: wanted_bucket.Target,
    steps: t.Callable[[bucket_plan.Bucket], t.Iterable[ScriptStep]],
) -> dict[str, t.Any]:
    """Write the calls for review that bring a new bucket to where it should be, in place of making them."""
    check_state(module.params["state"])
    after = wanted_bucket.after_publishing(None, wanted)
    files = rendered([*steps(after)])
    brought = bring(module.params["render"], files, owned=OWNED, check_mode=module.check_mode)
    result = wanted_bucket.bucket_result(wanted, None, after)
    return {**result, **brought._asdict(), "read_back": []}


def remove(module: AnsibleAWSModule, wanted: wanted_bucket.Target) -> dict[str, t.Any]:
    """Remove the documents, and the bucket when nothing else is in it, unless the account still trusts the issuer."""
    if not wanted.endpoint:
        refuse_trusted(module, wanted.issuer)
    change = s3_calls.reach(
        s3_calls.s3_client(module), wanted, wanted_bucket.after_removing, check_mode=module.check_mode
    )
    for left in wanted_bucket.left(change.before, change.after, change.target):
        module.warn(left)
    diff = bucket_plan.diff(wanted.bucket, change.before, change.after)
    return {"changed": change.changed, "diff": diff, "kids": [], "kept_kids": [], "read_back": []}


__all__: t.Final = ("publish", "remove", "render", "require_libraries")
