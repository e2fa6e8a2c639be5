# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Publishes the documents of an issuer behind CloudFront for a module. PRIVATE: it may change without notice."""

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils import _distribution, _distribution_steps, _publication
from ansible_collections.onprem.irsa.plugins.module_utils._aws import cloudfront, documents, s3

if t.TYPE_CHECKING:
    from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

_NO_DOCUMENTS: t.Final[dict[str, t.Any]] = {"diff": [], "jwks_uri": "", "kids": [], "kept_kids": [], "read_back": []}


def publish(module: AnsibleAWSModule, wanted: _distribution.Wanted) -> dict[str, t.Any]:
    """Make the distribution and, where there are any, publish the documents; return what the module says of both."""
    params = module.params
    _distribution.check_names(wanted)
    client, found = cloudfront.observe(module, wanted)
    if wanted.issuer:
        # Refuses what cannot be, in the input and in the bucket, before anything is changed.
        checked = _distribution.documents(params, wanted.region, found)
        if params["jwks"]:
            s3.reach(s3.s3_client(module), checked, _publication.after_publishing, check_mode=True)
    change = cloudfront.reach(client, found, wanted, check_mode=module.check_mode)
    moved = cloudfront.lead_here(module, wanted, change.distribution.domain_name)
    result = {**_NO_DOCUMENTS, "changed": change.changed or moved}
    if params["jwks"]:
        target = _distribution.documents(params, wanted.region, change.distribution)
        spreading: t.Any = {"spreading_seconds": params["timeout"], "changed": result["changed"]}
        result = documents.publish(module, target, **spreading)
    diff = [*change.diff, *result["diff"]]
    return {**result, **_distribution.outcome(change.distribution, wanted), "diff": diff}


def render(module: AnsibleAWSModule, wanted: _distribution.Wanted) -> dict[str, t.Any]:
    """Write the calls that publish from nothing for review, in place of making them."""
    _distribution.check_names(wanted, requested=True)
    _distribution_steps.check_from_nothing(wanted)
    target = _distribution.documents(module.params, wanted.region, None)
    result = documents.render(module, target, lambda _bucket: _distribution_steps.steps(wanted, target))
    return {**result, **_distribution.outcome(_distribution.Distribution(), wanted)}


def remove(module: AnsibleAWSModule, wanted: _distribution.Wanted) -> dict[str, t.Any]:
    """Remove the documents, and the distribution after them."""
    client, found = cloudfront.observe(module, wanted)
    there = found or _distribution.Distribution()
    nothing = {**module.params, "discovery_document": None, "jwks": None}
    result = documents.remove(module, _distribution.documents(nothing, wanted.region, found))
    if found is not None and not module.check_mode:
        cloudfront.remove(client, found, wanted.bucket)
    named = {**_distribution.outcome(there, wanted), "dns_records": []}
    return {**_NO_DOCUMENTS, **result, **named, "changed": result["changed"] or found is not None}


__all__: t.Final = ("publish", "remove", "render")
