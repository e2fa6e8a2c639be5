# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which service, region and bucket a host name under amazonaws.com stands for, and the names a certificate must carry.

Source: AWS General Reference, "Service endpoints"; Amazon S3 User Guide, "Virtual hosting of buckets".
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from botocore.session import Session

if t.TYPE_CHECKING:
    from collections.abc import Iterable

PARTITIONS = ("aws", "aws-cn", "aws-us-gov")
SUFFIXES = ("amazonaws.com", "amazonaws.com.cn")
DISTRIBUTIONS = "cloudfront.net"
OWN_NAMES = "example.com"  # the domain of whoever uses this AWS: its certificates are not AWS's
_HOME_REGION = {"us-gov": "us-gov-west-1"}  # iam.us-gov.amazonaws.com
_S3 = re.compile(r"(?:(?P<bucket>.+)\.)?s3(?:[.-](?:dualstack\.)?(?P<region>[a-z]{2}(?:-[a-z]+)+-\d))?")
_OTHER = re.compile(r"(?:\d{12}\.)?(?P<service>cloudfront|iam|sts|s3-control)(?:\.(?P<region>[a-z0-9-]+))?")
_SERVICES = {"s3-control": "s3control"}


@dataclass(frozen=True)
class Endpoint:
    """What a host name stands for."""

    service: str
    region: str
    bucket: str | None = None

    @property
    def partition(self) -> str:
        """The partition of the region: aws, aws-cn or aws-us-gov."""
        return partition_of(self.region)


def partition_of(region: str) -> str:
    """Return the partition that a region belongs to."""
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


def is_aws(host: str) -> bool:
    """Whether a host name lies under AWS's own domains."""
    return host.lower().rstrip(".").endswith(tuple(f".{suffix}" for suffix in (*SUFFIXES, DISTRIBUTIONS)))


def without_port(host: str) -> str:
    """Return the name in a Host header."""
    return re.sub(r":\d+$", "", host.lower())


def endpoint_of(host: str) -> Endpoint | None:
    """Return what a Host header stands for, or None when it is no endpoint of an API that is served here."""
    name = without_port(host)
    for suffix in SUFFIXES:
        if not name.endswith(f".{suffix}"):
            continue
        prefix = name.removesuffix(f".{suffix}")
        default = "cn-north-1" if suffix.endswith(".cn") else "us-east-1"
        if found := _OTHER.fullmatch(prefix):
            region = found["region"] or default
            service = _SERVICES.get(found["service"], found["service"])
            return Endpoint(service, _HOME_REGION.get(region, region))
        if found := _S3.fullmatch(prefix):
            return Endpoint("s3", found["region"] or default, found["bucket"])
    return None


def regions() -> list[str]:
    """Return the regions of the partitions that are served, as botocore knows them."""
    session = Session()
    return [
        region
        for partition in PARTITIONS
        for region in session.get_available_regions("sts", partition_name=partition)
        if region != "aws-global"
    ]


def certificate_names(regions: Iterable[str]) -> list[str]:
    """Return the names of the certificate: global endpoints, each region's with a label for the bucket, the edge's."""
    names = ["*.amazonaws.com", "*.s3.amazonaws.com", "*.us-gov.amazonaws.com", f"*.{DISTRIBUTIONS}", f"*.{OWN_NAMES}"]
    for region in sorted(regions):
        suffix = SUFFIXES[1] if region.startswith("cn-") else SUFFIXES[0]
        names += [
            f"{label}.{region}.{suffix}" for label in ("*", "*.s3", "*.s3-control", "s3.dualstack", "*.s3.dualstack")
        ]
    return list(dict.fromkeys(names))
