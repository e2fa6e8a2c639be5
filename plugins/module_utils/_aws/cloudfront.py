# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads and changes the distribution of an issuer. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._aws.calls import Call
from ansible_collections.onprem.irsa.plugins.module_utils._aws.errors import asking
from ansible_collections.onprem.irsa.plugins.module_utils._distribution import (
    ALIAS_TYPES,
    NEW,
    Config,
    Distribution,
    Wanted,
    access_control_creation,
    alias_changes,
    check_owner,
    dns_records,
    origin_domain,
    plan,
)
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError

if t.TYPE_CHECKING:
    from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
    from mypy_boto3_cloudfront.client import CloudFrontClient

    from ansible_collections.onprem.irsa.plugins.module_utils._bucket import Diff


class Change(t.NamedTuple):
    """The distribution after a run, whether that took a write, and what a person is shown of it."""

    distribution: Distribution
    changed: bool
    diff: list[Diff]


def observe(module: AnsibleAWSModule, wanted: Wanted) -> tuple[CloudFrontClient, Distribution | None]:
    """Return a client, and the distribution of the bucket; raise InputError when it is another cluster's."""
    client = t.cast("CloudFrontClient", module.client("cloudfront"))
    there = find(client, wanted.bucket, wanted.region)
    check_owner(there, wanted.cluster)
    return client, there


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
            fix="Use a bucket that none or one of them serves.",
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


def reach(client: CloudFrontClient, found: Distribution | None, wanted: Wanted, *, check_mode: bool) -> Change:
    """Bring the distribution to where it is to be, with its origin access control; in check mode nothing is written."""
    control = _access_control(client, wanted.bucket)
    if control is None:
        control = NEW if check_mode else _make_access_control(client, wanted.bucket)
    call, diff = plan(found, wanted, control)
    if call is not None and not check_mode:
        call.make(client)
        found = find(client, wanted.bucket, wanted.region)
    return Change(found or Distribution(), call is not None, diff)


def _access_control(client: CloudFrontClient, name: str) -> str | None:
    """Return the id of the origin access control with this name."""
    marker: dict[str, t.Any] = {}
    while True:
        with asking("list the origin access controls"):
            answer: t.Any = client.list_origin_access_controls(**marker)["OriginAccessControlList"]
        for item in answer.get("Items", []):
            if item["Name"] == name:
                return str(item["Id"])
        if not answer.get("IsTruncated"):
            return None
        marker = {"Marker": answer["NextMarker"]}


def _make_access_control(client: CloudFrontClient, name: str) -> str:
    call = access_control_creation(name)
    with asking("create the origin access control"):
        answer = client.create_origin_access_control(**call.arguments)
    return str(answer["OriginAccessControl"]["Id"])


def remove(client: CloudFrontClient, found: Distribution, name: str) -> None:
    """Delete the distribution, which is off and everywhere off before, and its origin access control."""
    etag, config = found.etag, found.config or {}
    if config.get("Enabled"):
        with asking("disable the distribution"):
            given: t.Any = {**config, "Enabled": False}
            etag = client.update_distribution(Id=found.id, IfMatch=etag, DistributionConfig=given)["ETag"]
    with asking("wait until the distribution is off everywhere"):
        client.get_waiter("distribution_deployed").wait(Id=found.id)
    Call("delete_distribution", {"Id": found.id, "IfMatch": etag}).make(client)
    control = _access_control(client, name)
    if control is not None:
        with asking("read the origin access control"):
            etag = client.get_origin_access_control(Id=control)["ETag"]
        Call("delete_origin_access_control", {"Id": control, "IfMatch": etag}).make(client)


def lead_here(module: AnsibleAWSModule, wanted: Wanted, domain_name: str) -> bool:
    """Let the host's records in its hosted zone lead to the distribution; return whether that takes a change."""
    if not wanted.hosted_zone_id or not dns_records(wanted.host, domain_name):
        return False
    client, zone = module.client("route53"), {"HostedZoneId": wanted.hosted_zone_id}
    found = [record for kind in ALIAS_TYPES for record in _records(client, zone, wanted.host, kind)]
    todo = alias_changes(wanted.host, domain_name, found, zone_id=wanted.hosted_zone_id)
    if todo and not module.check_mode:
        Call("change_resource_record_sets", {**zone, "ChangeBatch": {"Changes": todo}}).make(client)
    return bool(todo)


def _records(client: t.Any, zone: Config, host: str, kind: str) -> list[Config]:  # noqa: ANN401 -- Route 53
    with asking("list the records of the zone"):
        answer = client.list_resource_record_sets(**zone, StartRecordName=host, StartRecordType=kind, MaxItems="1")
    return list(answer["ResourceRecordSets"])


__all__: t.Final = ("Change", "find", "lead_here", "observe", "reach", "remove")
