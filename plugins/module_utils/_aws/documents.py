# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Publishes the documents of an issuer for a module. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import functools
import typing as t

from ansible.module_utils.basic import missing_required_lib

from ansible_collections.onprem.irsa.plugins.module_utils import _bucket, _publication, _render
from ansible_collections.onprem.irsa.plugins.module_utils._aws import s3
from ansible_collections.onprem.irsa.plugins.module_utils._aws.trusted import refuse_trusted
from ansible_collections.onprem.irsa.plugins.module_utils._jwks import IMPORT_ERROR
from ansible_collections.onprem.irsa.plugins.module_utils._read_back import FAULT_SECONDS, read_back, seen, warnings

if t.TYPE_CHECKING:
    from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

    from ansible_collections.onprem.irsa.plugins.module_utils._proof import Document


def require_libraries(module: AnsibleAWSModule) -> None:
    """Fail where a library is missing or too old."""
    module.require_boto3_at_least("1.35.69", reason="to write on condition")
    if IMPORT_ERROR is not None:
        module.fail_json(msg=missing_required_lib("cryptography and jwcrypto"), exception=IMPORT_ERROR)


def publish(
    module: AnsibleAWSModule, wanted: _publication.Target, *, spreading_seconds: float, changed: bool = False
) -> dict[str, t.Any]:
    """Write the documents and read them back; return what the module says of them.

    Until a change, in the bucket or by the module before, is there for everybody takes up to so many seconds.
    """
    allowed = functools.cache(lambda: s3.refuse_blocked_account(module, wanted))

    def plan(before: _bucket.Bucket | None, target: _publication.Target) -> _bucket.Bucket:
        after = _publication.after_publishing(before, target)
        if _publication.opens(before, after, target):
            allowed()
        return after

    change = s3.reach(s3.s3_client(module), wanted, plan, check_mode=module.check_mode)
    changed = changed or change.changed
    result = _publication.outcome(change.target, change.before, t.cast("_bucket.Bucket", change.after))
    served = (
        [] if module.check_mode else _served(module, change, result, spreading_seconds if changed else FAULT_SECONDS)
    )
    for warning in warnings(served, wanted.kids):
        module.warn(warning)
    return {**result, "changed": changed, "read_back": [seen(document) for document in served]}


def _served(
    module: AnsibleAWSModule, change: s3.Change, result: t.Mapping[str, t.Any], seconds: float
) -> list[Document]:
    target, after = change.target, t.cast("_bucket.Bucket", change.after)
    return read_back(
        target.issuer,
        result["kids"],
        kept=result["kept_kids"],
        jwks_uri=target.jwks_uri,
        jwks=after.objects[target.jwks_key].body,
        ca_file=module.params["ca_path"],
        seconds=seconds,
    )


def render(
    module: AnsibleAWSModule, wanted: _publication.Target, steps: t.Callable[[_bucket.Bucket], t.Iterable[_render.Step]]
) -> dict[str, t.Any]:
    """Write the calls for review that bring a new bucket to where it is to be, in place of making them."""
    _render.check_state(module.params["state"])
    after = _publication.after_publishing(None, wanted)
    changed = _render.bring(module.params["render"], steps(after), check_mode=module.check_mode)
    result = _publication.outcome(wanted, None, after)
    return {**result, "changed": changed, "diff": result["diff"] if changed else [], "read_back": []}


def remove(module: AnsibleAWSModule, wanted: _publication.Target) -> dict[str, t.Any]:
    """Remove the documents, and the bucket when nothing else is in it, unless the account still trusts the issuer."""
    if not wanted.endpoint:
        refuse_trusted(module, wanted.issuer)
    change = s3.reach(s3.s3_client(module), wanted, _publication.after_removing, check_mode=module.check_mode)
    for left in _publication.left(change.before, change.after, change.target):
        module.warn(left)
    diff = _bucket.diff(wanted.bucket, change.before, change.after)
    return {"changed": change.changed, "diff": diff, "kids": [], "kept_kids": [], "read_back": []}


__all__: t.Final = ("publish", "remove", "render", "require_libraries")
