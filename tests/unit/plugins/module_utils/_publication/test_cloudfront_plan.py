# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t
from contextlib import nullcontext
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._publication.cloudfront_plan import (
    Config,
    Distribution,
    WantedDistribution,
    alias_changes,
    check_names,
    check_owner,
    distribution_result,
    dns_records,
    documents,
    plan,
    wanted_config,
)

CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"
OWN = WantedDistribution("acme-oidc", "eu-central-1", "prod", "https://oidc.example.com", CERTIFICATE)
GIVEN = WantedDistribution("acme-oidc", "eu-central-1", "prod")
THERE = Distribution(
    "E1",
    "arn:aws:cloudfront::123456789012:distribution/E1",
    "d1.cloudfront.net",
    "tag",
    tags={"onprem.irsa/cluster": "a"},
)

wants = st.sampled_from([OWN, GIVEN, replace(GIVEN, issuer="https://d1.cloudfront.net")])
ids = st.sampled_from(["ETAVG", "EOTHER"])
# What others may have set, and what CloudFront adds by itself.
configs: st.SearchStrategy[Config] = st.fixed_dictionaries(
    {"CallerReference": st.just("a"), "Comment": st.text(max_size=3)},
    optional={
        "Enabled": st.booleans(),
        "PriceClass": st.sampled_from(["PriceClass_100", "PriceClass_All"]),
        "WebACLId": st.just("acl"),
        "Aliases": st.sampled_from(
            [{"Quantity": 0}, {"Quantity": 0, "Items": []}, {"Quantity": 1, "Items": ["old.example.com"]}]
        ),
        "Origins": st.just({"Quantity": 1, "Items": [{"Id": "acme-oidc", "ConnectionTimeout": 9, "OriginPath": "/x"}]}),
        "DefaultCacheBehavior": st.sampled_from(
            [
                {"Compress": False, "SmoothStreaming": False},
                {"AllowedMethods": {"Quantity": 2, "Items": ["HEAD", "GET"]}, "ViewerProtocolPolicy": "allow-all"},
            ]
        ),
        "ViewerCertificate": st.sampled_from(
            [{"CloudFrontDefaultCertificate": True, "MinimumProtocolVersion": "TLSv1"}, {"ACMCertificateArn": "other"}]
        ),
    },
)


@given(st.none() | configs, wants, ids)
def test_a_plan_once_carried_out_has_no_call_left(
    current: Config | None, wanted: WantedDistribution, control: str
) -> None:
    after = wanted_config(current, wanted, control)
    assert wanted_config(after, wanted, control) == after
    assert plan(replace(THERE, config=after), wanted, control) == (None, [])


@given(configs, wants, ids)
def test_what_nobody_decides_on_stays(current: Config, wanted: WantedDistribution, control: str) -> None:
    after = wanted_config(current, wanted, control)
    decided = {"Enabled", "Origins", "DefaultCacheBehavior", "Aliases", "ViewerCertificate"}
    assert {name: after[name] for name in after if name not in decided} == {
        name: current[name] for name in current if name not in decided
    }
    (origin,) = after["Origins"]["Items"]
    assert origin.get("ConnectionTimeout") == (9 if "Origins" in current else None)
    assert (origin["OriginPath"], origin["OriginAccessControlId"]) == ("", control)
    assert after["DefaultCacheBehavior"].get("SmoothStreaming") == current.get("DefaultCacheBehavior", {}).get(
        "SmoothStreaming"
    )


def as_cloudfront_shows(config: Config) -> Config:
    """Return a configuration with what CloudFront adds, at every depth, and lists in an order of its own."""
    (origin,) = config["Origins"]["Items"]
    behavior = config["DefaultCacheBehavior"]
    methods = {"Quantity": 2, "Items": ["HEAD", "GET"]}
    return {
        **config,
        "Origins": {
            "Quantity": 1,
            "Items": [
                {
                    **origin,
                    "ConnectionTimeout": 10,
                    "OriginShield": {"Enabled": False},
                    "S3OriginConfig": {"OriginAccessIdentity": "", "OriginReadTimeout": 30},
                }
            ],
        },
        "DefaultCacheBehavior": {
            **behavior,
            "GrpcConfig": {"Enabled": False},
            "AllowedMethods": {**methods, "CachedMethods": {**methods, "AddedLater": True}, "AddedLater": 1},
        },
        "ViewerCertificate": {**config["ViewerCertificate"], "CertificateSource": "acm", "AddedLater": {}},
        "AddedLater": {"Enabled": False},
    }


@pytest.mark.parametrize("wanted", [OWN, GIVEN])
def test_what_cloudfront_adds_is_no_drift(wanted: WantedDistribution) -> None:
    shown = as_cloudfront_shows(wanted_config(None, wanted, "ETAVG"))
    assert plan(replace(THERE, config=shown), wanted, "ETAVG") == (None, [])
    call, _diff = plan(replace(THERE, config={**shown, "Enabled": False}), wanted, "ETAVG")
    assert call is not None
    assert call.arguments["DistributionConfig"] == shown


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("first", [True, False])
def test_what_others_add_stays_whole(first: bool, enabled: bool) -> None:
    config = wanted_config(None, OWN, "ETAVG")
    (own,) = config["Origins"]["Items"]
    other = {"Id": "website", "DomainName": "www.example.com", "CustomOriginConfig": {"HTTPPort": 80}}
    behavior = {"PathPattern": "/www/*", "TargetOriginId": "website"}
    group = {"Id": "both", "Members": {"Quantity": 2, "Items": [{"OriginId": "mine"}, {"OriginId": "website"}]}}
    mine = {**own, "Id": "mine"}
    there = {
        **config,
        "Enabled": enabled,
        "Origins": {"Quantity": 2, "Items": [other, mine] if first else [mine, other]},
        "CacheBehaviors": {"Quantity": 1, "Items": [behavior]},
        "OriginGroups": {"Quantity": 1, "Items": [group]},
        "DefaultCacheBehavior": {**config["DefaultCacheBehavior"], "TargetOriginId": "mine"},
        "Aliases": {"Quantity": 2, "Items": ["www.example.com", "oidc.example.com"]},
    }
    assert wanted_config(there, OWN, "ETAVG") == {**there, "Enabled": True}


@pytest.mark.parametrize("wanted", [OWN, GIVEN])
def test_an_alias_of_others_stays_beside_the_issuers(wanted: WantedDistribution) -> None:
    other = {"ACMCertificateArn": CERTIFICATE, "SSLSupportMethod": "sni-only", "MinimumProtocolVersion": "TLSv1.2_2021"}
    there = {
        **wanted_config(None, GIVEN, "ETAVG"),
        "Aliases": {"Quantity": 1, "Items": ["www.example.com"]},
        "ViewerCertificate": other,
    }
    after = wanted_config(there, wanted, "ETAVG")
    names = ["www.example.com", *([wanted.host] if wanted.host else [])]
    assert (after["Aliases"], after["ViewerCertificate"]) == ({"Quantity": len(names), "Items": names}, other)


@pytest.mark.parametrize(
    ("protocol", "after"),
    [
        ("TLSv1", "TLSv1.2_2021"),
        ("TLSv1.2_2019", "TLSv1.2_2021"),
        ("TLSv1.2_2021", "TLSv1.2_2021"),
        ("TLSv1.3_2025", "TLSv1.3_2025"),
    ],
)
def test_viewers_speak_tls_1_2_or_what_somebody_made_stricter(protocol: str, after: str) -> None:
    config = wanted_config(None, OWN, "ETAVG")
    assert config["ViewerCertificate"]["MinimumProtocolVersion"] == "TLSv1.2_2021"
    config["ViewerCertificate"]["MinimumProtocolVersion"] = protocol
    assert wanted_config(config, OWN, "ETAVG")["ViewerCertificate"]["MinimumProtocolVersion"] == after


def test_what_excludes_what_we_ask_for_goes() -> None:
    config = wanted_config(None, OWN, "ETAVG")
    (own,) = config["Origins"]["Items"]
    legacy = {"ForwardedValues": {"QueryString": False}, "MinTTL": 0, "DefaultTTL": 1, "MaxTTL": 2}
    there = {
        **config,
        "Origins": {"Quantity": 1, "Items": [{**own, "CustomOriginConfig": {"HTTPPort": 80}}]},
        "DefaultCacheBehavior": {**config["DefaultCacheBehavior"], **legacy},
    }
    assert wanted_config(there, OWN, "ETAVG") == config


def test_a_caller_reference_is_good_for_one_distribution() -> None:
    first, again, other = (wanted_config(None, OWN, control)["CallerReference"] for control in ("E1", "E1", "E2"))
    assert (first == again, first == other) == (True, False)


def test_a_new_distribution_is_made_and_one_that_is_there_updated() -> None:
    call, diff = plan(None, OWN, "ETAVG")
    assert call is not None
    made = call.arguments["DistributionConfigWithTags"]
    assert call.operation == "create_distribution_with_tags"
    assert made["Tags"] == {"Items": [{"Key": "onprem.irsa/cluster", "Value": "prod"}]}
    assert [(part["before"], part["before_header"]) for part in diff] == [
        ("", "CloudFront distribution for s3://acme-oidc")
    ]
    off = {**made["DistributionConfig"], "Enabled": False}
    call, diff = plan(replace(THERE, config=off), OWN, "ETAVG")
    assert call is not None
    assert (call.operation, call.arguments["Id"], call.arguments["IfMatch"]) == ("update_distribution", "E1", "tag")
    assert call.arguments["DistributionConfig"] == made["DistributionConfig"]
    assert '"Enabled": false' in diff[0]["before"]


@pytest.mark.parametrize(
    ("wanted", "requested", "says"),
    [
        (OWN, False, None),
        (GIVEN, False, None),
        (replace(OWN, certificate_arn=None), True, None),
        (replace(OWN, certificate_arn=None), False, "no certificate is given"),
        (replace(GIVEN, certificate_arn=CERTIFICATE), False, "There is a certificate"),
        (replace(GIVEN, certificate_arn=CERTIFICATE), True, "There is a certificate"),
        (replace(OWN, issuer="https://d1.cloudfront.net"), False, "There is a certificate"),
        (replace(OWN, certificate_arn=CERTIFICATE.replace("us-east-1", "eu-west-1")), False, "in us-east-1"),
        (replace(OWN, region="cn-north-1"), False, "the partition aws-cn"),
    ],
)
def test_names_that_cloudfront_cannot_serve_are_refused(
    wanted: WantedDistribution,
    requested: bool,
    says: str | None,
) -> None:
    with pytest.raises(InputError, match=says) if says else nullcontext():
        check_names(wanted, requested=requested)


@pytest.mark.parametrize(
    ("tags", "says"),
    [
        ({}, "belongs to no cluster"),
        ({"onprem.irsa/cluster": "b"}, "belongs to b"),
        ({"onprem.irsa/cluster": "a"}, None),
    ],
)
def test_a_distribution_has_one_cluster(tags: dict[str, str], says: str | None) -> None:
    check_owner(None, "a")
    with pytest.raises(InputError, match=says) if says else nullcontext():
        check_owner(replace(THERE, tags=tags), "a")


def alias(kind: str, target: str = "d1.cloudfront.net.", name: str = "oidc.example.com.") -> Config:
    return {"Name": name, "Type": kind, "AliasTarget": {"DNSName": target}}


def cname(target: str) -> Config:
    return {"Name": "oidc.example.com.", "Type": "CNAME", "ResourceRecords": [{"Value": target}]}


@pytest.mark.parametrize(
    ("found", "todo"),
    [
        ([], ["A", "AAAA"]),
        ([alias("A")], ["AAAA"]),
        ([alias("A"), alias("AAAA")], []),
        ([alias("A", name="pki.example.com."), {"Name": "oidc.example.com.", "Type": "TXT"}], ["A", "AAAA"]),
        ([cname("d1.cloudfront.net")], []),
        ([cname("D1.CloudFront.net.")], []),
        ([cname("d2.cloudfront.net")], None),
        ([cname("www.example.com")], None),
        ([alias("A"), alias("AAAA", "d2.cloudfront.net.")], None),
        ([{"Name": "oidc.example.com.", "Type": "A", "ResourceRecords": [{"Value": "192.0.2.1"}]}], None),
    ],
)
def test_records_are_made_where_none_are_and_never_bent(found: list[Config], todo: list[str] | None) -> None:
    if todo is None:
        with pytest.raises(InputError, match="in the zone Z1 points elsewhere"):
            alias_changes(OWN.host, "d1.cloudfront.net", found, zone_id="Z1")
        return
    changes = alias_changes(OWN.host, "d1.cloudfront.net", found, zone_id="Z1")
    assert [change["ResourceRecordSet"]["Type"] for change in changes] == todo


@pytest.mark.parametrize(
    ("wanted", "there", "issuer", "records"),
    [
        (OWN, THERE, "https://oidc.example.com", ["d1.cloudfront.net"]),
        (OWN, Distribution(), "https://oidc.example.com", []),
        (GIVEN, THERE, "https://d1.cloudfront.net", []),
        (replace(GIVEN, issuer="https://d1.cloudfront.net"), THERE, "https://d1.cloudfront.net", []),
    ],
)
def test_what_is_said_of_a_distribution(
    wanted: WantedDistribution, there: Distribution, issuer: str, records: list[str]
) -> None:
    said = distribution_result(there, wanted)
    assert (said["issuer"], [record["value"] for record in said["dns_records"]]) == (issuer, records)
    assert said["dns_records"] == dns_records(wanted.host, there.domain_name)
    assert said["distribution_id"] == there.id


def test_documents_go_where_the_distribution_alone_reads_them() -> None:
    params: dict[str, t.Any] = {
        "bucket": "acme-oidc",
        "cluster": "prod",
        "issuer": None,
        "discovery_document": None,
        "jwks": None,
        "max_age": 300,
        "retired_kids": [],
        "tags": {"team": "a"},
        "purge_tags": True,
        "versioning": None,
    }
    target = documents(params, "eu-central-1", THERE)
    assert (target.issuer, target.distribution_arn) == ("https://d1.cloudfront.net", THERE.arn)
    assert target.tags == {"team": "a"}
    assert documents({**params, "issuer": "https://oidc.example.com"}, "eu-central-1", THERE).issuer == OWN.issuer
