# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t
from contextlib import nullcontext
from copy import deepcopy

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.cloudfront.exceptions import CloudFrontException

from lab_aws import cloudfront, edge
from lab_aws.engine import Distribution
from lab_aws.messages import HttpRequest, HttpResponse

Config = dict[str, t.Any]

CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/12345678"
METHODS = {"Quantity": 2, "Items": ["GET", "HEAD"]}
CONFIG: Config = {
    "CallerReference": "a",
    "Comment": "",
    "Enabled": True,
    "Origins": {
        "Quantity": 1,
        "Items": [
            {"Id": "b", "DomainName": "b.s3.amazonaws.com", "S3OriginConfig": {"OriginAccessIdentity": ""}},
        ],
    },
    "DefaultCacheBehavior": {
        "TargetOriginId": "b",
        "ViewerProtocolPolicy": "https-only",
        "CachePolicyId": "c",
        "AllowedMethods": {**METHODS, "CachedMethods": METHODS},
    },
}
ALIAS = {
    "Aliases": {"Quantity": 1, "Items": ["a.example.com"]},
    "ViewerCertificate": {"ACMCertificateArn": CERTIFICATE, "SSLSupportMethod": "sni-only"},
}


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> t.Iterator[t.Any]:
    cloudfront.install(monkeypatch.setattr)
    with mock_aws():
        yield boto3.client("cloudfront", "us-east-1", aws_access_key_id="a", aws_secret_access_key="b")  # noqa: S106


def code(call: t.Callable[..., object], **arguments: object) -> str:
    with pytest.raises(ClientError) as refused:
        call(**arguments)
    return str(refused.value.response["Error"]["Code"])


def deployed(client: t.Any, identifier: str) -> str:  # noqa: ANN401 -- boto3's own
    client.get_waiter("distribution_deployed").wait(Id=identifier, WaiterConfig={"Delay": 0, "MaxAttempts": 9})
    return str(client.get_distribution(Id=identifier)["ETag"])


def test_a_configuration_comes_back_with_defaults_that_an_update_must_have(client: t.Any) -> None:  # noqa: ANN401
    made = client.create_distribution(DistributionConfig=deepcopy(CONFIG))["Distribution"]
    answer = client.get_distribution_config(Id=made["Id"])
    config = answer["DistributionConfig"]
    (origin,) = config["Origins"]["Items"]
    assert origin["S3OriginConfig"] == {"OriginAccessIdentity": "", "OriginReadTimeout": 30}
    assert (origin["ConnectionAttempts"], origin["CustomHeaders"]["Quantity"]) == (3, 0)
    assert config["DefaultCacheBehavior"]["AllowedMethods"]["Items"] == ["HEAD", "GET"]
    assert config["ViewerCertificate"]["CloudFrontDefaultCertificate"] is True
    for name in ("Logging", "Restrictions", "PriceClass"):
        less = {key: value for key, value in config.items() if key != name}
        update = {"Id": made["Id"], "IfMatch": answer["ETag"], "DistributionConfig": less}
        assert code(client.update_distribution, **update) == "IllegalUpdate"
    less = deepcopy(config)
    del less["Origins"]["Items"][0]["S3OriginConfig"]["OriginReadTimeout"]
    update = {"Id": made["Id"], "IfMatch": answer["ETag"], "DistributionConfig": less}
    assert code(client.update_distribution, **update) == "IllegalUpdate"
    assert client.update_distribution(**{**update, "DistributionConfig": config})["ETag"] != answer["ETag"]
    assert code(client.update_distribution, **{**update, "DistributionConfig": config}) == "PreconditionFailed"


def test_a_distribution_is_deleted_once_it_is_off_everywhere(client: t.Any) -> None:  # noqa: ANN401
    made = client.create_distribution(DistributionConfig=deepcopy(CONFIG))["Distribution"]
    assert made["Status"] == "InProgress"
    etag = deployed(client, made["Id"])
    assert code(client.delete_distribution, Id=made["Id"], IfMatch=etag) == "DistributionNotDisabled"
    off = {**client.get_distribution_config(Id=made["Id"])["DistributionConfig"], "Enabled": False}
    etag = client.update_distribution(Id=made["Id"], IfMatch=etag, DistributionConfig=off)["ETag"]
    assert code(client.delete_distribution, Id=made["Id"], IfMatch=etag) == "DistributionNotDisabled"
    client.delete_distribution(Id=made["Id"], IfMatch=deployed(client, made["Id"]))
    assert code(client.create_distribution, DistributionConfig=CONFIG) == "DistributionAlreadyExists"


def test_a_listing_has_a_new_distribution_later(client: t.Any) -> None:  # noqa: ANN401
    client.create_distribution(DistributionConfig=deepcopy(CONFIG))
    assert [client.list_distributions()["DistributionList"]["Quantity"] for _look in range(3)] == [0, 1, 1]


def test_an_origin_access_control_in_use_stays(client: t.Any) -> None:  # noqa: ANN401
    given: Config = {"Name": "b", "SigningProtocol": "sigv4", "SigningBehavior": "always"}
    given["OriginAccessControlOriginType"] = "s3"
    made = client.create_origin_access_control(OriginAccessControlConfig=given)
    again = code(client.create_origin_access_control, OriginAccessControlConfig=given)
    config = deepcopy(CONFIG)
    config["Origins"]["Items"][0]["OriginAccessControlId"] = made["OriginAccessControl"]["Id"]
    client.create_distribution(DistributionConfig=config)
    named = {"Id": made["OriginAccessControl"]["Id"], "IfMatch": made["ETag"]}
    assert (again, code(client.delete_origin_access_control, **named)) == (
        "OriginAccessControlAlreadyExists",
        "OriginAccessControlInUse",
    )
    assert code(client.delete_origin_access_control, **{**named, "IfMatch": "x"}) == "PreconditionFailed"


def changed(path: str, value: object) -> Config:
    config = {**deepcopy(CONFIG), **deepcopy(ALIAS)}
    *parents, last = path.split(".")
    place: t.Any = config
    for name in parents:
        place = place[int(name) if name.isdecimal() else name]
    place[last] = value
    return config


@pytest.mark.parametrize(
    ("path", "value", "refused"),
    [
        ("Comment", "b", None),
        ("Aliases", {"Quantity": 2, "Items": ["a.example.com"]}, "InconsistentQuantities"),
        ("DefaultCacheBehavior.TargetOriginId", "other", "NoSuchOrigin"),
        ("DefaultCacheBehavior.MinTTL", 1, "InvalidArgument"),
        ("CacheBehaviors", {"Quantity": 1, "Items": [{"TargetOriginId": "gone"}]}, "NoSuchOrigin"),
        ("ViewerCertificate", {"CloudFrontDefaultCertificate": True}, "InvalidViewerCertificate"),
        (
            "ViewerCertificate",
            {"ACMCertificateArn": CERTIFICATE.replace("us-east-1", "eu-west-1")},
            "InvalidViewerCertificate",
        ),
        ("Origins.Items.0.OriginAccessControlId", "EGONE", "InvalidOriginAccessControl"),
        ("Origins.Items.0.CustomOriginConfig", {"HTTPPort": 80}, "InvalidOrigin"),
    ],
)
def test_what_does_not_hold_together_is_refused(path: str, value: object, refused: str | None) -> None:
    with pytest.raises(CloudFrontException) if refused else nullcontext() as raised:
        cloudfront.check(changed(path, value), {})
    assert (raised.value.code if raised else None) == refused


def test_an_alias_leads_to_one_distribution(client: t.Any) -> None:  # noqa: ANN401
    client.create_distribution(DistributionConfig={**deepcopy(CONFIG), **deepcopy(ALIAS)})
    other = {**deepcopy(CONFIG), **deepcopy(ALIAS), "CallerReference": "b"}
    assert code(client.create_distribution, DistributionConfig=other) == "CNAMEAlreadyExists"


def test_edges_keep_a_document_until_it_is_old_or_forgotten() -> None:
    now, asked = [0.0], list[str]()
    cache = edge.Cache(clock=lambda: now[0])

    def origin(request: HttpRequest) -> HttpResponse:
        asked.append(request.target)
        return HttpResponse(200, {"cache-control": "public, max-age=300"}, str(len(asked)).encode())

    def get(*forgotten: tuple[str, ...]) -> bytes:
        there = Distribution("arn", "b.s3.amazonaws.com", signed=True, methods=("GET",), forgotten=forgotten)
        return edge.answer(there, HttpRequest("GET", "/a?b=1", {}), origin, cache).body

    assert [get(), get(), get(("/b",))] == [b"1"] * 3
    assert [get(("/b",), ("/a",)), get(("/b",), ("/a",))] == [b"2"] * 2
    assert get(("/b",), ("/a",), ("/*",)) == b"3"
    now[0] = 301
    assert get(("/b",), ("/a",), ("/*",)) == b"4"


def test_errors_are_asked_for_again() -> None:
    there = Distribution("arn", "b.s3.amazonaws.com", signed=True, methods=("GET",))
    answers, cache = iter([403, 404, 200, 500]), edge.Cache()

    def origin(_request: HttpRequest) -> HttpResponse:
        return HttpResponse(next(answers), {})

    seen = [edge.answer(there, HttpRequest("GET", "/a", {}), origin, cache).status for _look in range(4)]
    assert seen == [403, 404, 200, 200]
