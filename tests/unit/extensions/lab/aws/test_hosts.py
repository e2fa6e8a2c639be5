# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What host names stand for."""

from __future__ import annotations

import pytest

from lab_aws.hosts import Endpoint, certificate_names, endpoint_of, is_aws


@pytest.mark.parametrize(
    ("host", "endpoint"),
    [
        ("s3.amazonaws.com", Endpoint("s3", "us-east-1")),
        ("s3.us-east-1.amazonaws.com", Endpoint("s3", "us-east-1")),
        ("s3.eu-central-1.amazonaws.com", Endpoint("s3", "eu-central-1")),
        ("s3-eu-central-1.amazonaws.com", Endpoint("s3", "eu-central-1")),
        ("s3.dualstack.eu-central-1.amazonaws.com", Endpoint("s3", "eu-central-1")),
        ("S3.eu-central-1.amazonaws.com:443", Endpoint("s3", "eu-central-1")),
        ("acme-oidc.s3.amazonaws.com", Endpoint("s3", "us-east-1", "acme-oidc")),
        ("acme-oidc.s3.eu-central-1.amazonaws.com", Endpoint("s3", "eu-central-1", "acme-oidc")),
        ("acme-oidc.s3.dualstack.eu-central-1.amazonaws.com", Endpoint("s3", "eu-central-1", "acme-oidc")),
        ("a.b.s3.eu-central-1.amazonaws.com", Endpoint("s3", "eu-central-1", "a.b")),
        ("s3.s3.eu-central-1.amazonaws.com", Endpoint("s3", "eu-central-1", "s3")),
        ("x.s3.us-gov-west-1.amazonaws.com", Endpoint("s3", "us-gov-west-1", "x")),
        ("x.s3.cn-north-1.amazonaws.com.cn", Endpoint("s3", "cn-north-1", "x")),
        ("iam.amazonaws.com", Endpoint("iam", "us-east-1")),
        ("iam.us-gov.amazonaws.com", Endpoint("iam", "us-gov-west-1")),
        ("iam.cn-north-1.amazonaws.com.cn", Endpoint("iam", "cn-north-1")),
        ("sts.amazonaws.com", Endpoint("sts", "us-east-1")),
        ("sts.eu-central-1.amazonaws.com", Endpoint("sts", "eu-central-1")),
        ("sts.cn-northwest-1.amazonaws.com.cn", Endpoint("sts", "cn-northwest-1")),
        ("123456789012.s3-control.eu-central-1.amazonaws.com", Endpoint("s3control", "eu-central-1")),
        ("ec2.eu-central-1.amazonaws.com", None),
        ("amazonaws.com", None),
        ("s3.example.com", None),
        ("", None),
    ],
)
def test_endpoints(host: str, endpoint: Endpoint | None) -> None:
    assert endpoint_of(host) == endpoint


@pytest.mark.parametrize(
    ("region", "partition"),
    [("eu-central-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-east-1", "aws-us-gov")],
)
def test_partitions(region: str, partition: str) -> None:
    assert Endpoint("sts", region).partition == partition


def test_names_of_aws() -> None:
    assert is_aws("b.s3.eu-central-1.amazonaws.com.")
    assert is_aws("iam.cn-north-1.amazonaws.com.cn")
    assert not is_aws("amazonaws.com.example")
    assert not is_aws("notamazonaws.com")


def test_the_certificate_covers_every_form() -> None:
    names = certificate_names(["eu-central-1", "cn-north-1"])
    assert {"*.amazonaws.com", "*.s3.amazonaws.com", "*.eu-central-1.amazonaws.com"} <= set(names)
    assert {"*.s3.eu-central-1.amazonaws.com", "*.s3.cn-north-1.amazonaws.com.cn"} <= set(names)
    assert len(names) == len(set(names))
