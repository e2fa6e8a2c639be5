# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads and changes the distribution of an issuer. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import copy
import time
import typing as t
import uuid
from dataclasses import replace

from ansible_collections.onprem.irsa.plugins.module_utils._aws.calls import Call
from ansible_collections.onprem.irsa.plugins.module_utils._aws.errors import AwsError, asking
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError, IrsaError
from ansible_collections.onprem.irsa.plugins.module_utils._progress import Wait
from ansible_collections.onprem.irsa.plugins.module_utils._publication.cloudfront_plan import (
    NEW,
    Config,
    Distribution,
    WantedDistribution,
    access_control_creation,
    alias_changes,
    check_access_control,
    check_owner,
    dns_records,
    invalidation,
    made_here,
    origin_domain,
    plan,
)

if t.TYPE_CHECKING:
    from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
    from mypy_boto3_cloudfront.client import CloudFrontClient

    from ansible_collections.onprem.irsa.plugins.module_utils._publication.bucket_plan import Diff


# How long a listing may take to have a distribution that was just made, in seconds.
_LISTING_PAUSES: t.Final = (1, 2, 3, 4)
# A change of a distribution takes minutes; as long and as often as boto's own waiter looks (distribution_deployed).
_OFF_SECONDS = 2100.0
_OFF_PAUSE = 60.0
_DEPLOYED = "Deployed"


class DistributionChange(t.NamedTuple):
    """The distribution after a run, whether that took a write, and what a person is shown of it."""

    distribution: Distribution
    changed: bool
    diff: list[Diff]


def observe(module: AnsibleAWSModule, wanted: WantedDistribution) -> tuple[CloudFrontClient, Distribution | None]:
    """Return a client, and the distribution of the bucket; raise InputError when it is another cluster's.

    Where its origin access control is there and the distribution is not, that may be because a listing does not have
    a new one at once.
    """
    client = t.cast("CloudFrontClient", module.client("cloudfront"))
    there = find(client, wanted.bucket, wanted.region)
    if there is None and access_control(client, wanted.bucket) is not None:
        there = _find_later(client, wanted)
    check_owner(there, wanted.cluster)
    return client, there


def _find_later(client: CloudFrontClient, wanted: WantedDistribution) -> Distribution | None:
    for pause in _LISTING_PAUSES:
        time.sleep(pause)
        there = find(client, wanted.bucket, wanted.region)
        if there is not None:
            return there
    return None


def find(client: CloudFrontClient, bucket: str, region: str) -> Distribution | None:
    """Return the distribution whose origin is the bucket; raise InputError when there are several."""
    with asking("list the distributions"):
        pages = client.get_paginator("list_distributions").paginate()
        listed = [item for page in pages for item in page["DistributionList"].get("Items", [])]
    domain = origin_domain(bucket, region)
    found = [item for item in listed if domain in [origin["DomainName"] for origin in item["Origins"]["Items"]]]
    if len(found) > 1:
        raise InputError(
            f"The distributions {', '.join(item['Id'] for item in found)} all serve the bucket {bucket}.",
            fix="Use a bucket that at most one of them serves.",
        )
    if not found:
        return None
    item = found[0]
    with asking("read the distribution"):
        answer: t.Any = client.get_distribution_config(Id=item["Id"])
        tags = client.list_tags_for_resource(Resource=item["ARN"])["Tags"].get("Items", [])
    return Distribution(
        id=item["Id"],
        arn=item["ARN"],
        domain_name=item["DomainName"],
        etag=answer["ETag"],
        config=answer["DistributionConfig"],
        tags={tag["Key"]: tag.get("Value", "") for tag in tags},
    )


def reach(
    client: CloudFrontClient, found: Distribution | None, wanted: WantedDistribution, *, check_mode: bool
) -> DistributionChange:
    """Bring the distribution to where it should be, with its origin access control; check mode writes nothing."""
    control = access_control(client, wanted.bucket)
    if control is not None:
        check_access_control(control)
    identifier = str(control["Id"]) if control else NEW
    if control is None and not check_mode:
        identifier = _make_access_control(client, wanted.bucket)
    call, diff = plan(found, wanted, identifier)
    if call is None or check_mode:
        return DistributionChange(found or Distribution(), call is not None, diff)
    made = _updated(client, call, found) if found else _created(client, call, wanted)
    return DistributionChange(made, changed=True, diff=diff)


def _answer(client: CloudFrontClient, call: Call) -> t.Any:  # noqa: ANN401 -- boto3's own
    """Make a call, and return what AWS answers: ids and versions."""
    with asking(call.operation.replace("_", " ")):
        return getattr(client, call.operation)(**call.arguments)


def _updated(client: CloudFrontClient, call: Call, found: Distribution) -> Distribution:
    answer = _answer(client, call)
    return replace(found, etag=answer["ETag"], config=answer["Distribution"]["DistributionConfig"])


def _created(client: CloudFrontClient, call: Call, wanted: WantedDistribution) -> Distribution:
    """Make the distribution, and return what CloudFront answers: a listing may not have it yet.

    A caller reference that is known is that of an earlier attempt, whose answer was lost or which the listing did not
    show; or that of a distribution that is gone, and then another one is needed.
    """
    try:
        answer = _answer(client, call)
    except AwsError as error:
        if error.code != "DistributionAlreadyExists":
            raise
        there = _find_later(client, wanted)
        if there is not None:
            check_owner(there, wanted.cluster)
            return there
        answer = _answer(client, _with_another_reference(call))
    made = answer["Distribution"]
    return Distribution(made["Id"], made["ARN"], made["DomainName"], answer["ETag"], made["DistributionConfig"])


def _with_another_reference(call: Call) -> Call:
    given = copy.deepcopy(dict(call.arguments))
    given["DistributionConfigWithTags"]["DistributionConfig"]["CallerReference"] += f"/{uuid.uuid4().hex}"
    return Call(call.operation, given)


def access_control(client: CloudFrontClient, name: str) -> Config | None:
    """Return the origin access control with this name, as CloudFront lists it; an account has one of a name."""
    marker: dict[str, t.Any] = {}
    while True:
        with asking("list the origin access controls"):
            answer: t.Any = client.list_origin_access_controls(**marker)["OriginAccessControlList"]
        for item in answer.get("Items", []):
            if item["Name"] == name:
                return dict(item)
        if not answer.get("IsTruncated"):
            return None
        marker = {"Marker": answer["NextMarker"]}


def _make_access_control(client: CloudFrontClient, name: str) -> str:
    return str(_answer(client, access_control_creation(name))["OriginAccessControl"]["Id"])


def left(client: CloudFrontClient, name: str) -> Config | None:
    """Return the origin access control that removing the distribution of a bucket takes with it: one of our own."""
    control = access_control(client, name)
    return control if control is not None and made_here(control) else None


def remove(client: CloudFrontClient, found: Distribution | None, control: Config | None) -> None:
    """Delete the distribution, once it is off everywhere, and the origin access control, as far as they are there."""
    if found is not None:
        etag = found.etag
        if (found.config or {}).get("Enabled"):
            with asking("disable the distribution"):
                given: t.Any = {**(found.config or {}), "Enabled": False}
                etag = client.update_distribution(Id=found.id, IfMatch=etag, DistributionConfig=given)["ETag"]
        _wait_until_off(client, found.id)
        Call("delete_distribution", {"Id": found.id, "IfMatch": etag}).make(client)
    if control is not None:
        with asking("read the origin access control"):
            etag = client.get_origin_access_control(Id=control["Id"])["ETag"]
        Call("delete_origin_access_control", {"Id": control["Id"], "IfMatch": etag}).make(client)


def _wait_until_off(client: CloudFrontClient, identifier: str) -> None:
    wait = Wait(f"the distribution {identifier} to be off everywhere", _OFF_SECONDS)
    while True:
        with asking("read the distribution"):
            status = client.get_distribution(Id=identifier)["Distribution"]["Status"]
        if status == _DEPLOYED:
            return
        if wait.is_over:
            raise IrsaError(
                f"The distribution {identifier} was disabled, and is not off everywhere after {_OFF_SECONDS / 60:.0f} "
                "minutes.",
                fix="Run again later: it is deleted then.",
            )
        wait.pause(_OFF_PAUSE)


def invalidate(client: CloudFrontClient, distribution: Distribution, urls: t.Iterable[str]) -> None:
    """Let the edges forget what they keep of these URLs."""
    invalidation(distribution, urls, f"onprem.irsa/{uuid.uuid4().hex}").make(client)


def lead_here(module: AnsibleAWSModule, wanted: WantedDistribution, domain_name: str) -> bool:
    """Let the host's records in its hosted zone lead to the distribution; return whether that takes a change."""
    if not wanted.hosted_zone_id or not dns_records(wanted.host, domain_name):
        return False
    client, zone = module.client("route53"), {"HostedZoneId": wanted.hosted_zone_id}
    found = _records(client, zone, wanted.host)
    todo = alias_changes(wanted.host, domain_name, found, zone_id=wanted.hosted_zone_id)
    if todo and not module.check_mode:
        Call("change_resource_record_sets", {**zone, "ChangeBatch": {"Changes": todo}}).make(client)
    return bool(todo)


def _records(client: t.Any, zone: Config, host: str) -> list[Config]:  # noqa: ANN401 -- Route 53
    """Return the records of the host of every type: a zone's are listed in the order of their names."""
    with asking("list the records of the zone"):
        answer = client.list_resource_record_sets(**zone, StartRecordName=host)
    return [record for record in answer["ResourceRecordSets"] if record["Name"].rstrip(".").lower() == host]


__all__: t.Final = (
    "DistributionChange",
    "access_control",
    "find",
    "invalidate",
    "lead_here",
    "left",
    "observe",
    "reach",
    "remove",
)
