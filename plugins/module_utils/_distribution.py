# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A CloudFront distribution in front of a bucket. PRIVATE to the collection: it may change without notice.

Pure: configurations come in and go out as the CloudFront API has them (CloudFront API reference, DistributionConfig).
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._issuer import partition, s3_host

Config = dict[str, t.Any]

# CloudFront developer guide, "Use managed cache policies", CachingOptimized: the Cache-Control of the object decides,
# from 1 second to a year; no query, header or cookie makes another copy.
CACHE_POLICY_ID: t.Final = "658327ea-f89d-4fab-a63d-7e88639e58f6"
# Amazon Route 53 API reference, AliasTarget, HostedZoneId: the one of every distribution.
ALIAS_ZONE_ID: t.Final = "Z2FDTNDATAQYW2"

_OWN_DOMAIN = ".cloudfront.net"
_CERTIFICATE = re.compile(r"arn:aws:acm:us-east-1:[0-9]{12}:certificate/[0-9a-f-]+")


def is_own(host: str) -> bool:
    """Whether a host's name is one that CloudFront gives."""
    return host.endswith(_OWN_DOMAIN)


def check_names(region: str, host: str, certificate_arn: str | None) -> None:
    """Raise InputError unless CloudFront can serve this host: a name of its own needs a certificate, and only that."""
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
    if not own and certificate_arn is None:
        raise InputError(
            f"The issuer's host {host} is not CloudFront's own, and no certificate is given.",
            fix=f"Give certificate_arn, a certificate for {host} in us-east-1.",
        )


def origin_domain(bucket: str, region: str) -> str:
    """Return the name under which CloudFront asks the bucket."""
    return f"{bucket}.{s3_host(region)}"


class Wanted(t.NamedTuple):
    """What a distribution is for."""

    bucket: str
    region: str
    host: str
    """The issuer's; empty for the one that CloudFront gives."""
    certificate_arn: str | None
    access_control_id: str


def wanted_config(current: Config | None, wanted: Wanted) -> Config:
    """Return the configuration as it is to be; of the current one, what nobody decides on here stays."""
    bucket, host = wanted.bucket, wanted.host
    custom = [] if not host or is_own(host) else [host]
    origin = {
        "Id": bucket,
        "DomainName": origin_domain(bucket, wanted.region),
        "OriginPath": "",
        "OriginAccessControlId": wanted.access_control_id,
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


def alias_changes(host: str, domain_name: str) -> list[Config]:
    """Return the changes that lead a host to the distribution in Route 53; an alias may stand at a zone's apex."""
    target = {"HostedZoneId": ALIAS_ZONE_ID, "DNSName": domain_name, "EvaluateTargetHealth": False}
    return [
        {"Action": "UPSERT", "ResourceRecordSet": {"Name": host, "Type": kind, "AliasTarget": target}}
        for kind in ("A", "AAAA")
    ]


__all__: t.Final = (
    "ALIAS_ZONE_ID",
    "CACHE_POLICY_ID",
    "Config",
    "Wanted",
    "alias_changes",
    "check_names",
    "dns_records",
    "is_own",
    "origin_domain",
    "wanted_config",
)
