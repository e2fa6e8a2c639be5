# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads and changes the distribution of an issuer. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.onprem.irsa.plugins.module_utils._aws.calls import Call
from ansible_collections.onprem.irsa.plugins.module_utils._aws.errors import asking
from ansible_collections.onprem.irsa.plugins.module_utils._aws.ownership import CLUSTER_TAG, owner
from ansible_collections.onprem.irsa.plugins.module_utils._distribution import Config, alias_changes, origin_domain
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError

if t.TYPE_CHECKING:
    from mypy_boto3_cloudfront.client import CloudFrontClient

# CloudFront and Route 53 have no region; their endpoints sign with this one.
REGION: t.Final = "us-east-1"
_NEW = "(new)"


@dataclass(frozen=True)
class Distribution:
    """What is there of a distribution."""

    id: str = _NEW
    arn: str = f"arn:aws:cloudfront:::distribution/{_NEW}"
    domain_name: str = f"{_NEW}.cloudfront.net"
    etag: str = ""
    config: Config | None = None
    tags: t.Mapping[str, str] = field(default_factory=dict)


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


def check_owner(found: Distribution | None, cluster: str) -> None:
    """Raise InputError for a distribution that was not made for the cluster."""
    if found is not None and owner(found.tags) != cluster:
        raise InputError(
            f"The distribution {found.id} serves the bucket, and belongs to {owner(found.tags) or 'no cluster'} "
            f"(tag {CLUSTER_TAG}), not to {cluster!r}.",
            fix=f"Choose another bucket; or, if it is to be handed over, set its tag {CLUSTER_TAG} to {cluster}.",
        )


def access_control(client: CloudFrontClient, name: str) -> str | None:
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


def make_access_control(client: CloudFrontClient, name: str) -> str:
    """Make the origin access control by which CloudFront signs its requests to the bucket; return its id."""
    with asking("create the origin access control"):
        answer = client.create_origin_access_control(
            OriginAccessControlConfig={
                "Name": name,
                "Description": "Made by onprem.irsa",
                "SigningProtocol": "sigv4",
                "SigningBehavior": "always",
                "OriginAccessControlOriginType": "s3",
            }
        )
    return str(answer["OriginAccessControl"]["Id"])


def write(client: CloudFrontClient, found: Distribution | None, config: Config, cluster: str) -> None:
    """Make the distribution, or give it another configuration."""
    given: t.Any = config
    if found is not None:
        arguments = {"Id": found.id, "IfMatch": found.etag, "DistributionConfig": given}
        return Call("update_distribution", arguments).make(client)
    tags = {"Items": [{"Key": CLUSTER_TAG, "Value": cluster}]}
    arguments = {"DistributionConfigWithTags": {"DistributionConfig": given, "Tags": tags}}
    return Call("create_distribution_with_tags", arguments).make(client)


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
    control = access_control(client, name)
    if control is not None:
        with asking("read the origin access control"):
            etag = client.get_origin_access_control(Id=control)["ETag"]
        Call("delete_origin_access_control", {"Id": control, "IfMatch": etag}).make(client)


def lead_here(client: t.Any, zone_id: str, host: str, domain_name: str, *, check_mode: bool) -> bool:  # noqa: ANN401 -- Route 53
    """Let a host's records in a hosted zone lead to the distribution; return whether that takes a change."""
    wanted = alias_changes(host, domain_name)
    todo = [change for change in wanted if not _there(client, zone_id, change["ResourceRecordSet"])]
    if todo and not check_mode:
        Call("change_resource_record_sets", {"HostedZoneId": zone_id, "ChangeBatch": {"Changes": todo}}).make(client)
    return bool(todo)


def _there(client: t.Any, zone_id: str, record: Config) -> bool:  # noqa: ANN401 -- Route 53
    start = {"StartRecordName": record["Name"], "StartRecordType": record["Type"], "MaxItems": "1"}
    with asking("list the records of the zone"):
        found = client.list_resource_record_sets(HostedZoneId=zone_id, **start)["ResourceRecordSets"]
    if not found or (found[0]["Name"].rstrip("."), found[0]["Type"]) != (record["Name"], record["Type"]):
        return False
    target = found[0].get("AliasTarget", {}).get("DNSName", "").rstrip(".")
    if target == record["AliasTarget"]["DNSName"]:
        return True
    raise InputError(
        f"The record {record['Name']} {record['Type']} in the zone {zone_id} leads elsewhere.",
        fix="Remove it if nobody needs it, then run again.",
    )


__all__: t.Final = (
    "REGION",
    "Distribution",
    "access_control",
    "check_owner",
    "find",
    "lead_here",
    "make_access_control",
    "remove",
    "write",
)
