# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A CloudFront distribution in front of a bucket. PRIVATE to the collection: it may change without notice.

Pure: configurations come in and go out as the CloudFront API has them (CloudFront API reference, DistributionConfig).
"""

from __future__ import annotations

import json
import re
import typing as t
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from ansible_collections.onprem.irsa.plugins.module_utils import _publication
from ansible_collections.onprem.irsa.plugins.module_utils._aws.calls import Call
from ansible_collections.onprem.irsa.plugins.module_utils._aws.ownership import CLUSTER_TAG, owner
from ansible_collections.onprem.irsa.plugins.module_utils._bucket import Diff, compared
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._issuer import partition, s3_host

Config = dict[str, t.Any]

# Stands for an id that AWS assigns when the thing is made.
NEW: t.Final = "(new)"

# CloudFront developer guide, "Use managed cache policies", CachingOptimized: the Cache-Control of the object decides,
# from 1 second to a year; no query, header or cookie makes another copy.
CACHE_POLICY_ID: t.Final = "658327ea-f89d-4fab-a63d-7e88639e58f6"
# Amazon Route 53 API reference, AliasTarget, HostedZoneId: the one of every distribution.
ALIAS_ZONE_ID: t.Final = "Z2FDTNDATAQYW2"
ALIAS_TYPES: t.Final = ("A", "AAAA")

_OWN_DOMAIN = ".cloudfront.net"
_CERTIFICATE = re.compile(r"arn:aws:acm:us-east-1:[0-9]{12}:certificate/[0-9a-f-]+")


def is_own(host: str) -> bool:
    """Whether a host's name is one that CloudFront gives."""
    return host.endswith(_OWN_DOMAIN)


def origin_domain(bucket: str, region: str) -> str:
    """Return the name under which CloudFront asks the bucket."""
    return f"{bucket}.{s3_host(region)}"


@dataclass(frozen=True)
class Distribution:
    """What is there of a distribution; the defaults are those of one that is yet to be made."""

    id: str = NEW
    arn: str = f"arn:aws:cloudfront:::distribution/{NEW}"
    domain_name: str = f"{NEW}{_OWN_DOMAIN}"
    etag: str = ""
    config: Config | None = None
    tags: t.Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Wanted:
    """What a distribution is for."""

    bucket: str
    region: str
    cluster: str
    issuer: str = ""
    """Empty for the one on the host that CloudFront gives."""
    certificate_arn: str | None = None
    hosted_zone_id: str = ""

    @property
    def host(self) -> str:
        """The issuer's host; empty for the one that CloudFront gives."""
        return urlsplit(self.issuer).hostname or ""


def wanted(params: t.Mapping[str, t.Any], region: str) -> Wanted:
    """Return what the options of the module C(cloudfront_issuer) ask for, unchecked."""
    return Wanted(
        bucket=params["bucket"],
        region=region,
        cluster=params["cluster"],
        issuer=params["issuer"] or "",
        certificate_arn=params["certificate_arn"],
        hosted_zone_id=params["hosted_zone_id"] or "",
    )


def check_names(wanted: Wanted, *, requested: bool = False) -> None:
    """Raise InputError unless CloudFront can serve this host: a name of its own needs a certificate, and only that.

    The certificate may be missing where it is REQUESTED later.
    """
    region, host, certificate_arn = wanted.region, wanted.host, wanted.certificate_arn
    if partition(region).name != "aws":
        raise InputError(
            f"The region {region} is in the partition {partition(region).name}, where this module does not publish.",
            fix="Use onprem.irsa.s3_issuer there.",
        )
    if certificate_arn is not None and _CERTIFICATE.fullmatch(certificate_arn) is None:
        raise InputError(
            f"The certificate {certificate_arn!r} is none of AWS Certificate Manager in us-east-1, the only ones that "
            "CloudFront takes.",
            fix="Request or import the certificate in us-east-1, and give its ARN.",
        )
    own = not host or is_own(host)
    if own and certificate_arn is not None:
        raise InputError(
            f"There is a certificate, and the issuer's host is {host or 'the one that CloudFront gives'}.",
            fix="Give an issuer on the certificate's domain, or no certificate_arn.",
        )
    if not own and certificate_arn is None and not requested:
        raise InputError(
            f"The issuer's host {host} is not CloudFront's own, and no certificate is given.",
            fix=f"Give certificate_arn, a certificate for {host} in us-east-1.",
        )


def documents(params: t.Mapping[str, t.Any], region: str, distribution: Distribution | None) -> _publication.Target:
    """Check the options on documents, and return where these go: to a bucket that the distribution alone may read.

    Raises InputError as the module C(s3_issuer) does for its own.
    """
    there = distribution or Distribution()
    issuer = params["issuer"] or issuer_of(there).replace(NEW, "none")
    given = {**params, "endpoint_url": None, "adopt": False, "issuer": issuer}
    return replace(_publication.target(given, region), distribution_arn=there.arn)


def issuer_of(distribution: Distribution) -> str:
    """Return the issuer URL on the host that CloudFront gave."""
    return f"https://{distribution.domain_name}"


def check_owner(found: Distribution | None, cluster: str) -> None:
    """Raise InputError for a distribution that was not made for the cluster."""
    if found is not None and owner(found.tags) != cluster:
        raise InputError(
            f"The distribution {found.id} serves the bucket, and belongs to {owner(found.tags) or 'no cluster'} "
            f"(tag {CLUSTER_TAG}), not to {cluster!r}.",
            fix=f"Choose another bucket; or, if it is to be handed over, set its tag {CLUSTER_TAG} to {cluster}.",
        )


def plan(found: Distribution | None, wanted: Wanted, access_control_id: str) -> tuple[Call | None, list[Diff]]:
    """Return the call that brings the distribution to where it is to be, and what a person is shown of that.

    There is no call when it is so already.
    """
    before = found.config if found else None
    after = wanted_config(before, wanted, access_control_id)
    if before == after:
        return None, []
    texts = [json.dumps(config, indent=2, sort_keys=True) + "\n" if config else "" for config in (before, after)]
    call = creation(after, wanted.cluster)
    if found is not None:
        given = {"Id": found.id, "IfMatch": found.etag, "DistributionConfig": after}
        call = Call("update_distribution", given)
    return call, [compared(f"CloudFront distribution for s3://{wanted.bucket}", *texts)]


def creation(config: Config, cluster: str) -> Call:
    """Return the call that makes a distribution for a cluster."""
    tags = {"Items": [{"Key": CLUSTER_TAG, "Value": cluster}]}
    return Call(
        "create_distribution_with_tags", {"DistributionConfigWithTags": {"DistributionConfig": config, "Tags": tags}}
    )


def access_control_creation(name: str) -> Call:
    """Return the call that makes the origin access control, by which CloudFront signs its requests to the bucket."""
    config = {
        "Name": name,
        "Description": "Made by onprem.irsa",
        "SigningProtocol": "sigv4",
        "SigningBehavior": "always",
        "OriginAccessControlOriginType": "s3",
    }
    return Call("create_origin_access_control", {"OriginAccessControlConfig": config})


def wanted_config(current: Config | None, wanted: Wanted, access_control_id: str) -> Config:
    """Return the configuration as it is to be; of the current one, what nobody decides on here stays."""
    bucket, host = wanted.bucket, wanted.host
    custom = [] if not host or is_own(host) else [host]
    origin = {
        "Id": bucket,
        "DomainName": origin_domain(bucket, wanted.region),
        "OriginPath": "",
        "OriginAccessControlId": access_control_id,
        "S3OriginConfig": {"OriginAccessIdentity": ""},  # the legacy one
    }
    methods = {"Quantity": 2, "Items": ["GET", "HEAD"]}
    behavior = {
        "TargetOriginId": bucket,
        "ViewerProtocolPolicy": "https-only",
        "AllowedMethods": {**methods, "CachedMethods": methods},
        "CachePolicyId": CACHE_POLICY_ID,
        "Compress": True,
    }
    certificate: Config = {"CloudFrontDefaultCertificate": True}
    if custom:
        certificate = {
            "ACMCertificateArn": wanted.certificate_arn,
            "SSLSupportMethod": "sni-only",
            "MinimumProtocolVersion": "TLSv1.2_2021",
        }
    base = current or {"CallerReference": f"onprem.irsa/{bucket}", "Comment": f"Token issuer in {bucket}"}
    return {
        **base,
        "Enabled": True,
        "Origins": {"Quantity": 1, "Items": [_over(_first(base, "Origins"), origin)]},
        "DefaultCacheBehavior": _over(base.get("DefaultCacheBehavior", {}), behavior),
        "Aliases": {"Quantity": len(custom), "Items": custom} if custom else _no_items(base.get("Aliases")),
        "ViewerCertificate": _certificate(base.get("ViewerCertificate", {}), certificate),
    }


def _first(config: Config, name: str) -> Config:
    return next(iter(config.get(name, {}).get("Items", [])), {})


def _over(current: Config, wanted: Config) -> Config:
    """Return the current values with the wanted ones over them; lists that say the same in another order stay."""

    def same(name: str) -> bool:
        return bool(_unordered(current.get(name)) == _unordered(wanted[name]))

    return {**current, **{name: current[name] if same(name) else value for name, value in wanted.items()}}


def _unordered(value: t.Any) -> t.Any:  # noqa: ANN401 -- JSON
    if isinstance(value, dict):
        return {name: _unordered(inner) for name, inner in value.items()}
    return sorted(value) if isinstance(value, list) and all(isinstance(item, str) for item in value) else value


def _no_items(current: Config | None) -> Config:
    return current if current is not None and current.get("Quantity") == 0 else {"Quantity": 0}


def _certificate(current: Config, wanted: Config) -> Config:
    """Keep the current value where it says the same: CloudFront adds fields of its own to what it is given."""
    return current if all(current.get(name) == value for name, value in wanted.items()) else wanted


def dns_records(host: str, domain_name: str) -> list[dict[str, str]]:
    """Return the records that lead the issuer's host to the distribution, for any DNS provider."""
    return [] if not host or is_own(host) else [{"name": host, "type": "CNAME", "value": domain_name}]


def alias_changes(host: str, domain_name: str, found: t.Iterable[Config], *, zone_id: str) -> list[Config]:
    """Return the changes that lead a host to the distribution in a zone of Route 53 with these records.

    An alias may stand at a zone's apex. Raises InputError for a record that leads elsewhere.
    """
    there = {(record["Name"].rstrip("."), record["Type"]): record for record in found}
    target = {"HostedZoneId": ALIAS_ZONE_ID, "DNSName": domain_name, "EvaluateTargetHealth": False}
    changes = []
    for kind in ALIAS_TYPES:
        current = there.get((host, kind))
        if current is None:
            changes.append(
                {"Action": "UPSERT", "ResourceRecordSet": {"Name": host, "Type": kind, "AliasTarget": target}}
            )
        elif current.get("AliasTarget", {}).get("DNSName", "").rstrip(".") != domain_name:
            raise InputError(
                f"The record {host} {kind} in the zone {zone_id} leads elsewhere.",
                fix="Remove it if nobody needs it, then run again.",
            )
    return changes


def outcome(there: Distribution, wanted: Wanted) -> dict[str, t.Any]:
    """Return what a module says of a distribution."""
    return {
        "distribution_id": there.id,
        "domain_name": there.domain_name,
        "issuer": wanted.issuer or issuer_of(there),
        "dns_records": dns_records(wanted.host, there.domain_name),
    }


__all__: t.Final = (
    "ALIAS_TYPES",
    "ALIAS_ZONE_ID",
    "CACHE_POLICY_ID",
    "NEW",
    "Config",
    "Distribution",
    "Wanted",
    "access_control_creation",
    "alias_changes",
    "check_names",
    "check_owner",
    "creation",
    "dns_records",
    "documents",
    "is_own",
    "issuer_of",
    "origin_domain",
    "outcome",
    "plan",
    "wanted",
    "wanted_config",
)
