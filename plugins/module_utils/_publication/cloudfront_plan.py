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

from ansible_collections.onprem.irsa.plugins.module_utils._aws.calls import Call
from ansible_collections.onprem.irsa.plugins.module_utils._aws.ownership import CLUSTER_TAG, owner
from ansible_collections.onprem.irsa.plugins.module_utils._documents.issuer import partition, s3_host, s3_hosts
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._publication import wanted_bucket
from ansible_collections.onprem.irsa.plugins.module_utils._publication.bucket_plan import Diff, compared

Config = dict[str, t.Any]

# Stands for an id that AWS assigns when the thing is made.
NEW: t.Final = "(new)"

# CloudFront developer guide, "Use managed cache policies", CachingOptimized: the Cache-Control of the object decides,
# from 1 second to a year; no query, header or cookie makes another copy.
CACHE_POLICY_ID: t.Final = "658327ea-f89d-4fab-a63d-7e88639e58f6"
# CloudFront API reference, ViewerCertificate: what is at least as strict as what we ask for.
_STRICT_PROTOCOLS: t.Final = ("TLSv1.2_2021", "TLSv1.2_2025", "TLSv1.3_2025")
# CloudFront API reference, Origin and DefaultCacheBehavior: these exclude what we ask for.
_OTHER_ORIGINS: t.Final = ("CustomOriginConfig", "VpcOriginConfig")
_LEGACY_CACHING: t.Final = ("ForwardedValues", "MinTTL", "DefaultTTL", "MaxTTL")
_DESCRIPTION: t.Final = "Made by onprem.irsa"
_SIGNING: t.Final = {
    "SigningProtocol": "sigv4",
    "SigningBehavior": "always",
    "OriginAccessControlOriginType": "s3",
}
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
    """What is there of a distribution; the defaults are those of one that does not exist yet."""

    id: str = NEW
    arn: str = f"arn:aws:cloudfront:::distribution/{NEW}"
    domain_name: str = f"{NEW}{_OWN_DOMAIN}"
    etag: str = ""
    config: Config | None = None
    tags: t.Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class WantedDistribution:
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


def wanted(params: t.Mapping[str, t.Any], region: str) -> WantedDistribution:
    """Return what the options of the module C(cloudfront_issuer) ask for, unchecked."""
    return WantedDistribution(
        bucket=params["bucket"],
        region=region,
        cluster=params["cluster"],
        issuer=params["issuer"] or "",
        certificate_arn=params["certificate_arn"],
        hosted_zone_id=params["hosted_zone_id"] or "",
    )


def check_certificate(arn: str) -> str:
    """Return the ARN of a certificate as it is, or raise InputError unless CloudFront takes that certificate."""
    if _CERTIFICATE.fullmatch(arn) is None:
        raise InputError(
            f"The certificate {arn!r} is not one of AWS Certificate Manager in us-east-1, the only ones that "
            "CloudFront accepts.",
            fix="Request or import the certificate in us-east-1, and give its ARN.",
        )
    return arn


def check_names(wanted: WantedDistribution, *, requested: bool = False) -> None:
    """Raise InputError unless CloudFront can serve this host: a name of its own needs a certificate, and only that.

    The certificate may be missing where it is REQUESTED later.
    """
    region, host, certificate_arn = wanted.region, wanted.host, wanted.certificate_arn
    if partition(region).name != "aws":
        raise InputError(
            f"The region {region} is in the partition {partition(region).name}, where this module does not publish.",
            fix="Use onprem.irsa.s3_issuer there.",
        )
    if certificate_arn is not None:
        check_certificate(certificate_arn)
    if not requested and host.endswith(tuple(s3_hosts(region))):
        raise InputError(
            f"The issuer's host {host} is a name of S3, which no distribution can have.",
            fix="Give an issuer on a domain of your own, or use onprem.irsa.s3_issuer.",
        )
    own = not host or is_own(host)
    if own and certificate_arn is not None:
        raise InputError(
            f"There is a certificate, and the issuer's host is {host or 'the one that CloudFront gives'}.",
            fix="Give an issuer on the certificate's domain, or no irsa_issuer_certificate_arn (of the module: "
            "certificate_arn).",
        )
    if not own and certificate_arn is None and not requested:
        raise InputError(
            f"The issuer's host {host} is not CloudFront's own, and no certificate is given.",
            fix=f"Set irsa_issuer_certificate_arn (of the module: certificate_arn) to a certificate for {host} in "
            "us-east-1.",
        )


def documents(params: t.Mapping[str, t.Any], region: str, distribution: Distribution | None) -> wanted_bucket.Target:
    """Check the options on documents, and return where these go: to a bucket that the distribution alone may read.

    Raises InputError as the module C(s3_issuer) does for its own.
    """
    there = distribution or Distribution()
    issuer = params["issuer"] or issuer_of(there).replace(NEW, "none")
    given = {**params, "endpoint_url": None, "adopt": False, "issuer": issuer}
    return replace(wanted_bucket.target(given, region), distribution_arn=there.arn)


def issuer_of(distribution: Distribution) -> str:
    """Return the issuer URL on the host that CloudFront gave."""
    return f"https://{distribution.domain_name}"


def check_owner(found: Distribution | None, cluster: str) -> None:
    """Raise InputError for a distribution that was not made for the cluster."""
    if found is not None and owner(found.tags) != cluster:
        raise InputError(
            f"The distribution {found.id} serves the bucket, and belongs to {owner(found.tags) or 'no cluster'} "
            f"(tag {CLUSTER_TAG}), not to {cluster!r}.",
            fix=f"Choose another bucket; or, if it should be handed over, set its tag {CLUSTER_TAG} to {cluster}.",
        )


def plan(
    found: Distribution | None, wanted: WantedDistribution, access_control_id: str
) -> tuple[Call | None, list[Diff]]:
    """Return the call that brings the distribution to where it should be, and what a person is shown of that.

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
    config = {"Name": name, "Description": _DESCRIPTION, **_SIGNING}
    return Call("create_origin_access_control", {"OriginAccessControlConfig": config})


def made_here(control: t.Mapping[str, t.Any]) -> bool:
    """Whether an origin access control, as CloudFront lists it, was made by access_control_creation."""
    return control.get("Description") == _DESCRIPTION


def check_access_control(control: t.Mapping[str, t.Any]) -> None:
    """Raise InputError for an origin access control that does not sign every request to a bucket."""
    wrong = [f"{name} {control.get(name)}" for name, value in _SIGNING.items() if control.get(name) != value]
    if wrong:
        raise InputError(
            f"The origin access control {control['Name']} ({control['Id']}) is there with {', '.join(wrong)}, which "
            "keeps CloudFront from reading the bucket.",
            fix=f"Set {', '.join(map(' '.join, _SIGNING.items()))}, or delete it if nobody uses it.",
        )


def wanted_config(current: Config | None, wanted: WantedDistribution, access_control_id: str) -> Config:
    """Return the configuration as it should be; of the current one, what nobody decides on here stays.

    That is also what CloudFront adds, and the origins, behaviours and aliases of others. The caller reference is good
    for one distribution alone (CloudFront API reference, DistributionConfig): the origin access control, which is made
    and deleted with it, makes it so, and a request that is sent again meets its own distribution.
    """
    bucket, host = wanted.bucket, wanted.host
    base = current or {
        "CallerReference": f"onprem.irsa/{bucket}/{access_control_id}",
        "Comment": f"Token issuer in {bucket}",
    }
    origins, origin_id = _origins(base.get("Origins", {}), wanted, access_control_id)
    behavior = {
        name: value for name, value in base.get("DefaultCacheBehavior", {}).items() if name not in _LEGACY_CACHING
    }
    aliases, certificate = base.get("Aliases"), base.get("ViewerCertificate", {})
    if host and not is_own(host):
        aliases = _with_alias(aliases, host)
        certificate = _certificate(certificate, wanted.certificate_arn)
    elif not _items(aliases):
        aliases = aliases or {"Quantity": 0}
        certificate = certificate if certificate.get("CloudFrontDefaultCertificate") else _OWN_CERTIFICATE
    return {
        **base,
        "Enabled": True,
        "Origins": origins,
        "DefaultCacheBehavior": _over(behavior, _behavior(origin_id)),
        "Aliases": aliases,
        "ViewerCertificate": certificate,
    }


_OWN_CERTIFICATE: t.Final[Config] = {"CloudFrontDefaultCertificate": True}


def _items(listed: Config | None) -> list[t.Any]:
    """Return what a list of the CloudFront API holds: there are no C(Items) where C(Quantity) is 0."""
    return list((listed or {}).get("Items") or [])


def _origins(listed: Config, wanted: WantedDistribution, access_control_id: str) -> tuple[Config, str]:
    """Return the origins with the bucket among them, and its id there, by which behaviours name it."""
    domain = origin_domain(wanted.bucket, wanted.region)
    there = _items(listed)
    own = next((origin for origin in there if origin.get("DomainName") == domain), None)
    own = own or next((origin for origin in there if origin.get("Id") == wanted.bucket), None)
    origin = {
        "Id": (own or {}).get("Id", wanted.bucket),
        "DomainName": domain,
        "OriginPath": "",
        "OriginAccessControlId": access_control_id,
        "S3OriginConfig": {"OriginAccessIdentity": ""},  # the legacy one
    }
    kept = {name: value for name, value in (own or {}).items() if name not in _OTHER_ORIGINS}
    settled = _over(kept, origin)
    items = [settled if each is own else each for each in there] if own else [*there, settled]
    return {**listed, "Quantity": len(items), "Items": items}, origin["Id"]


def _behavior(origin_id: str) -> Config:
    methods = {"Quantity": 2, "Items": ["GET", "HEAD"]}
    return {
        "TargetOriginId": origin_id,
        "ViewerProtocolPolicy": "https-only",
        "AllowedMethods": {**methods, "CachedMethods": methods},
        "CachePolicyId": CACHE_POLICY_ID,
        "Compress": True,
    }


def _over(current: Config, wanted: Config) -> Config:
    """Return the current values with the wanted ones over them, at every depth.

    What is only in the current ones stays, for CloudFront adds fields of its own to what it is given; so do lists that
    say the same in another order.
    """

    def merged(name: str, value: t.Any) -> t.Any:  # noqa: ANN401 -- JSON
        there = current.get(name)
        if isinstance(there, dict) and isinstance(value, dict):
            return _over(there, value)
        return there if _unordered(there) == _unordered(value) else value

    return {**current, **{name: merged(name, value) for name, value in wanted.items()}}


def _unordered(value: t.Any) -> t.Any:  # noqa: ANN401 -- JSON
    return sorted(value) if isinstance(value, list) and all(isinstance(item, str) for item in value) else value


def _with_alias(listed: Config | None, host: str) -> Config:
    names = _items(listed)
    if host in names and listed is not None:
        return listed
    return {"Quantity": len(names) + 1, "Items": [*names, host]}


def _certificate(current: Config, arn: str | None) -> Config:
    """Keep the current value where it says the same, or is stricter: CloudFront adds fields of its own to it."""
    wanted = {"ACMCertificateArn": arn, "SSLSupportMethod": "sni-only"}
    same = all(current.get(name) == value for name, value in wanted.items())
    if same and current.get("MinimumProtocolVersion") in _STRICT_PROTOCOLS:
        return current
    return {**wanted, "MinimumProtocolVersion": _STRICT_PROTOCOLS[0]}


def invalidation(distribution: Distribution, urls: t.Iterable[str], reference: str) -> Call:
    """Return the call that clears these URLs from the caches of the edges.

    The REFERENCE must be another one for each call (CloudFront API reference, InvalidationBatch).
    """
    paths = sorted(urlsplit(url).path for url in urls)
    batch = {"Paths": {"Quantity": len(paths), "Items": paths}, "CallerReference": reference}
    return Call("create_invalidation", {"DistributionId": distribution.id, "InvalidationBatch": batch})


def dns_records(host: str, domain_name: str) -> list[dict[str, str]]:
    """Return the records that lead the issuer's host to the distribution, for any DNS provider.

    None for a distribution that does not exist yet: nobody knows its name.
    """
    if not host or is_own(host) or NEW in domain_name:
        return []
    return [{"name": host, "type": "CNAME", "value": domain_name}]


def records_to_make(host: str, domain_name: str) -> str:
    """Return a sentence that names those records; an empty text where there are none."""
    return " ".join(
        f"The host needs this record in DNS: {record['name']} {record['type']} {record['value']}."
        for record in dns_records(host, domain_name)
    )


def alias_changes(host: str, domain_name: str, found: t.Iterable[Config], *, zone_id: str) -> list[Config]:
    """Return the changes that lead a host to the distribution in a zone of Route 53 with these records.

    An alias may stand at a zone's apex. A CNAME that points to the distribution is as good, and Route 53 takes no other
    record in addition. Raises InputError for a record that points elsewhere.
    """
    there = {(record["Name"].rstrip(".").lower(), record["Type"]): record for record in found}
    target = {"HostedZoneId": ALIAS_ZONE_ID, "DNSName": domain_name, "EvaluateTargetHealth": False}
    changes = []
    for kind in ("CNAME", *ALIAS_TYPES):
        current = there.get((host, kind))
        if current is not None and _leads_to(current) != domain_name:
            raise InputError(
                f"The record {host} {kind} in the zone {zone_id} points elsewhere.",
                fix="Remove it if nobody needs it, then run again.",
            )
        if current is None and kind in ALIAS_TYPES:
            changes.append(
                {"Action": "UPSERT", "ResourceRecordSet": {"Name": host, "Type": kind, "AliasTarget": target}}
            )
    return [] if (host, "CNAME") in there else changes


def _leads_to(record: Config) -> str:
    values = [each["Value"] for each in record.get("ResourceRecords", [])] if record["Type"] == "CNAME" else []
    return str(record.get("AliasTarget", {}).get("DNSName") or ",".join(values)).rstrip(".").lower()


def distribution_result(there: Distribution, wanted: WantedDistribution) -> dict[str, t.Any]:
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
    "WantedDistribution",
    "access_control_creation",
    "alias_changes",
    "check_access_control",
    "check_names",
    "check_owner",
    "creation",
    "distribution_result",
    "dns_records",
    "documents",
    "invalidation",
    "is_own",
    "issuer_of",
    "made_here",
    "origin_domain",
    "plan",
    "records_to_make",
    "wanted",
    "wanted_config",
)
