# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Publishes the documents of an issuer behind CloudFront for a module. PRIVATE: it may change without notice."""

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._errors import IrsaError
from ansible_collections.onprem.irsa.plugins.module_utils._publication import (
    cloudfront_calls,
    cloudfront_plan,
    cloudfront_steps,
    publish_s3,
    s3_calls,
    wanted_bucket,
)

if t.TYPE_CHECKING:
    from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
    from mypy_boto3_cloudfront.client import CloudFrontClient

_NO_DOCUMENTS: t.Final[dict[str, t.Any]] = {
    "diff": [],
    "jwks_uri": "",
    "jwks": "",
    "kids": [],
    "kept_kids": [],
    "read_back": [],
}


def publish(module: AnsibleAWSModule, wanted: cloudfront_plan.WantedDistribution) -> dict[str, t.Any]:
    """Make the distribution and, where there are any, publish the documents; return what the module says of both.

    What fails after the distribution is there says what it is, too: the documents may wait for a record in DNS that
    leads to it.
    """
    params = module.params
    cloudfront_plan.check_names(wanted)
    client, found = cloudfront_calls.observe(module, wanted)
    if wanted.issuer:
        # Refuses what cannot be, in the input and in the bucket, before anything is changed.
        checked = cloudfront_plan.documents(params, wanted.region, found)
        if params["jwks"]:
            s3_calls.reach(s3_calls.s3_client(module), checked, wanted_bucket.while_moving, check_mode=True)
    change = cloudfront_calls.reach(client, found, wanted, check_mode=module.check_mode)
    said = cloudfront_plan.distribution_result(change.distribution, wanted)
    try:
        result = _behind(module, wanted, client, change)
    except IrsaError as error:
        record = "" if wanted.hosted_zone_id else cloudfront_plan.records_to_make(wanted.host, said["domain_name"])
        error.add(record, {**said, "changed": change.changed})
        raise
    return {**result, **said, "diff": [*change.diff, *result["diff"]]}


def _behind(
    module: AnsibleAWSModule,
    wanted: cloudfront_plan.WantedDistribution,
    client: CloudFrontClient,
    change: cloudfront_calls.DistributionChange,
) -> dict[str, t.Any]:
    """Lead the host to the distribution, and publish the documents behind it."""
    there = change.distribution
    moved = cloudfront_calls.lead_here(module, wanted, there.domain_name)
    if not module.params["jwks"]:
        return {**_NO_DOCUMENTS, "changed": change.changed or moved}
    return publish_s3.publish(
        module,
        cloudfront_plan.documents(module.params, wanted.region, there),
        spreading_seconds=module.params["timeout"],
        changed=change.changed or moved,
        forget=lambda urls: cloudfront_calls.invalidate(client, there, urls),
    )


def render(module: AnsibleAWSModule, wanted: cloudfront_plan.WantedDistribution) -> dict[str, t.Any]:
    """Write the calls that publish from nothing for review, in place of making them."""
    cloudfront_plan.check_names(wanted, requested=True)
    cloudfront_steps.check_from_nothing(wanted)
    target = cloudfront_plan.documents(module.params, wanted.region, None)
    result = publish_s3.render(module, target, lambda _bucket: cloudfront_steps.steps(wanted, target))
    return {**result, **cloudfront_plan.distribution_result(cloudfront_plan.Distribution(), wanted)}


def remove(module: AnsibleAWSModule, wanted: cloudfront_plan.WantedDistribution) -> dict[str, t.Any]:
    """Remove the documents, and the distribution after them; also what an earlier run left behind."""
    client, found = cloudfront_calls.observe(module, wanted)
    control = cloudfront_calls.left(client, wanted.bucket)
    there = found or cloudfront_plan.Distribution()
    nothing = {**module.params, "discovery_document": None, "jwks": None}
    result = publish_s3.remove(module, cloudfront_plan.documents(nothing, wanted.region, found))
    if not module.check_mode:
        cloudfront_calls.remove(client, found, control)
    named = {**cloudfront_plan.distribution_result(there, wanted), "dns_records": []}
    changed = result["changed"] or found is not None or control is not None
    return {**_NO_DOCUMENTS, **result, **named, "changed": changed}


__all__: t.Final = ("publish", "remove", "render")
