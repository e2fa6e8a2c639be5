# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.onprem.irsa.plugins.module_utils._documents.issuer import (
    check_bucket_name,
    check_document_url,
    check_issuer_url,
    checked_s3_issuer_url,
    issuer_host_path,
    issuer_problems,
    partition,
)
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError

LONGEST = "https://oidc.example.com/" + "a" * (255 - len("https://oidc.example.com/"))


@pytest.mark.parametrize(
    "url",
    [
        "https://oidc.example.com",
        "https://acme-prod-oidc.s3.eu-central-1.amazonaws.com",
        "https://s3.eu-central-1.amazonaws.com/acme-prod-oidc",
        "https://oidc.example.com/clusters/prod_1/~a.b-c",
        "https://kubernetes.default.svc",
        LONGEST,
    ],
)
def test_good_issuers_stay_as_they_are(url: str) -> None:
    assert check_issuer_url(url) == url
    assert issuer_host_path(url) == url[8:]


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "printable ASCII"),
        (" https://oidc.example.com", "printable ASCII"),
        ("https://oidc.example.com\n", "printable ASCII"),
        ("https://öidc.example.com", "printable ASCII"),
        ("https://a.example.com,https://b.example.com", "one URL"),
        ("http://oidc.example.com", "begin with https://"),
        ("HTTPS://oidc.example.com", "begin with https://"),
        ("oidc.example.com", "begin with https://"),
        ("https://oidc.example.com?a=b", "no query"),
        ("https://oidc.example.com?", "no query"),
        ("https://oidc.example.com/x#y", "no fragment"),
        ("https://me@oidc.example.com", "no user"),
        ("https://me:secret@oidc.example.com:443/x", "no user"),
        ("https://oidc.example.com:443", "no port"),
        ("https://oidc.example.com:", "no port"),
        ("https://oidc.example.com:8443/x", "no port"),
        ("https://[2001:db8::1]:443", "no port"),
        ("https://oidc.example.com/", "slash"),
        ("https://oidc.example.com/x/", "slash"),
        ("https://Oidc.example.com", "lower case"),
        ("https://oidc", "fully qualified"),
        ("https://", "slash"),
        ("https:///x", "fully qualified"),
        ("https://-a.example.com", "fully qualified"),
        ("https://a..example.com", "fully qualified"),
        ("https://[2001:db8::1]", "fully qualified"),
        (f"https://{'a' * 64}.example.com", "fully qualified"),
        ("https://oidc.example.com/.well-known/openid-configuration", "discovery document"),
        ("https://oidc.example.com//x", "path"),
        ("https://oidc.example.com/x/../y", "path"),
        ("https://oidc.example.com/%41", "path"),
        ("https://oidc.example.com/a&b", "path"),
        (LONGEST + "a", "255 characters"),
    ],
)
def test_bad_issuers_are_refused_with_value_rule_and_fix(url: str, says: str) -> None:
    with pytest.raises(InputError, match=says) as refused:
        check_issuer_url(url)
    assert repr(url) in refused.value.problem
    assert refused.value.fix.endswith(".")


@pytest.mark.parametrize(
    ("url", "plain"),
    [
        ("https://oidc.example.com/", "https://oidc.example.com"),
        ("https://oidc.example.com/prod/", "https://oidc.example.com/prod"),
        ("https://OIDC.example.com/Prod", "https://oidc.example.com/Prod"),
        ("HTTPS://oidc.example.com", "https://oidc.example.com"),
        ("https://oidc.example.com:443", "https://oidc.example.com"),
        ("https://Oidc.example.com:443/a/", "https://oidc.example.com/a"),
    ],
)
def test_an_issuer_that_a_cluster_has_is_told_what_another_spelling_means(url: str, plain: str) -> None:
    with pytest.raises(InputError) as refused:
        check_issuer_url(url)
    assert f"If the cluster signs with {url!r} already, {plain} is another issuer" in refused.value.fix
    assert "AWS rejects tokens of the old one from the moment" in refused.value.fix


@pytest.mark.parametrize(
    "url", ["http://oidc.example.com", "https://oidc.example.com:6443", "https://oidc.example.com?a=b", "api", "a/b/"]
)
def test_an_issuer_that_aws_cannot_take_is_told_that_any_other_is_another(url: str) -> None:
    with pytest.raises(InputError) as refused:
        check_issuer_url(url)
    assert f"If the cluster signs with {url!r} already, one that keeps the rule is another issuer" in refused.value.fix
    assert "at one URL" not in refused.value.fix


def test_of_the_url_of_a_key_set_nothing_is_said_of_issuers() -> None:
    with pytest.raises(InputError) as refused:
        check_document_url("URL", "https://oidc.example.com/keys/")
    assert "another issuer" not in refused.value.fix


@given(st.one_of(st.text(), st.text().map("https://".__add__), st.from_regex(r"https://[a-z.]+[:/?#@a-zA-Z0-9.%-]*")))
def test_every_text_is_an_issuer_or_refused(url: str) -> None:
    try:
        check_issuer_url(url)
    except InputError as error:
        assert repr(url) in error.problem
        return
    parts = urlsplit(url)
    assert parts.scheme == "https"
    assert parts.hostname == parts.netloc
    assert (parts.query, parts.fragment, parts.port, parts.username) == ("", "", None, None)
    assert len(url) <= 255
    assert not url.endswith("/")


@pytest.mark.parametrize("name", ["abc", "acme-prod-oidc", "0a9", "a" * 63])
def test_good_bucket_names_stay_as_they_are(name: str) -> None:
    assert check_bucket_name(name) == name


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("", "3 to 63"),
        ("ab", "3 to 63"),
        ("a" * 64, "3 to 63"),
        ("acme.prod", "no dots"),
        ("192.168.5.4", "no dots"),
        ("Acme", "lower-case"),
        ("acme_prod", "lower-case"),
        ("-acme", "lower-case"),
        ("acme-", "lower-case"),
        ("acme prod", "lower-case"),
        ("acmé", "lower-case"),
        ("acme\n", "lower-case"),
        ("xn--acme", "xn--"),
        ("sthree-acme", "sthree-"),
        ("acme-s3alias", "-s3alias"),
        ("acme--x-s3", "--x-s3"),
    ],
)
def test_bad_bucket_names_are_refused_with_value_rule_and_fix(name: str, says: str) -> None:
    with pytest.raises(InputError, match=says) as refused:
        check_bucket_name(name)
    assert repr(name) in refused.value.problem
    assert refused.value.fix.endswith(".")


@pytest.mark.parametrize(
    ("region", "name", "host"),
    [
        ("eu-central-1", "aws", "s3.eu-central-1.amazonaws.com"),
        ("us-east-1", "aws", "s3.us-east-1.amazonaws.com"),
        ("us-gov-west-1", "aws-us-gov", "s3.us-gov-west-1.amazonaws.com"),
        ("cn-north-1", "aws-cn", "s3.cn-north-1.amazonaws.com.cn"),
        ("eusc-de-east-1", "aws-eusc", "s3.eusc-de-east-1.amazonaws.eu"),
        ("us-isob-east-1", "aws-iso-b", "s3.us-isob-east-1.sc2s.sgov.gov"),
    ],
)
def test_the_region_decides_partition_and_host(region: str, name: str, host: str) -> None:
    assert partition(region).name == name
    assert checked_s3_issuer_url("acme-prod-oidc", region) == f"https://acme-prod-oidc.{host}"


@pytest.mark.parametrize(
    "region", ["", "eu", "EU-central-1", "eu-central-1.evil.example", "eu_central_1", "eu-central-1\n"]
)
def test_what_is_no_region_is_refused(region: str) -> None:
    with pytest.raises(InputError, match="must look like") as refused:
        checked_s3_issuer_url("acme-prod-oidc", region)
    assert repr(region) in refused.value.problem


def test_an_unknown_region_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(
        InputError, match=r"botocore does not know the region 'eu-cental-1'. Did you mean eu-central-1\?"
    ):
        partition("eu-cental-1")
    with pytest.raises(InputError, match="botocore does not know") as refused:
        partition("aws-global-1")
    assert "botocore" in refused.value.fix


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS"])
def test_regions_of_an_endpoint_of_ones_own_are_free(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "https://s3.example.com")
    assert partition("my-place-1").name == "aws"


@given(st.from_regex(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", fullmatch=True))
def test_every_good_bucket_makes_a_good_issuer(name: str) -> None:
    try:
        check_bucket_name(name)
    except InputError:
        return
    assert checked_s3_issuer_url(name, "eu-central-1").startswith(f"https://{name}.s3.")


@pytest.mark.parametrize(
    ("zone", "region"),
    [
        ("eu-central-1a", "eu-central-1"),
        ("us-gov-west-1b", "us-gov-west-1"),
        ("us-west-2-lax-1a", "us-west-2"),
        ("us-east-1-wl1-bos-wlz-1", ""),
        ("ap-southeast-2c", "ap-southeast-2"),
    ],
)
def test_an_availability_zone_is_told_from_a_region(zone: str, region: str) -> None:
    [problem] = issuer_problems("https://oidc.example.com", region=zone)
    assert (f"is an availability zone of {region}, and must be a region. Write {region}." in problem) == bool(region)


@pytest.mark.parametrize("region", ["EU-Central-1", "eu-central-1 ", "eu_central_1"])
def test_the_region_that_was_meant_is_named(region: str) -> None:
    [problem] = issuer_problems("https://oidc.example.com", region=region)
    assert "Did you mean eu-central-1?" in problem


@pytest.mark.parametrize("name", ["Acme_Prod", "acme_prod", "-acme", "ACME"])
def test_a_bucket_whose_name_becomes_a_hosts_is_offered_no_dots(name: str) -> None:
    [problem] = issuer_problems(f"https://{name}.s3.eu-central-1.amazonaws.com", bucket=name)
    assert "hyphens" in problem
    assert "dots" not in problem


@pytest.mark.parametrize(
    ("url", "bucket", "region"),
    [
        ("https://acme-prod-oidc.s3.eu-central-1.amazonaws.com", "acme-prod-oidc", "eu-central-1"),
        ("https://oidc.example.com", "acme.prod", "eu-central-1"),
        ("https://s3.eu-central-1.amazonaws.com/acme.prod", "acme.prod", "eu-central-1"),
        ("https://oidc.example.com", "", ""),
    ],
)
def test_nothing_is_wrong_with_an_issuer_its_bucket_and_region(url: str, bucket: str, region: str) -> None:
    assert issuer_problems(url, bucket=bucket, region=region) == []


@pytest.mark.parametrize(
    ("url", "bucket", "region", "says"),
    [
        ("http://oidc.example.com", "", "", ["must begin with https://"]),
        ("", "", "eu-central-1", ["Set irsa_issuer_bucket"]),
        (
            "https://acme.prod.s3.eu-central-1.amazonaws.com",
            "acme.prod",
            "eu-central-1",
            ["'acme.prod' must have no dots"],
        ),
        ("https://acme.prod.s3.eu-central-1.amazonaws.com", "", "", ["must name a bucket without dots"]),
        (
            "https://Acme.s3.eu-cental-1.amazonaws.com",
            "Acme",
            "eu-cental-1",
            ["lower-case", "Did you mean eu-central-1?"],
        ),
    ],
)
def test_what_is_wrong_with_the_issuer_is_said_at_once(url: str, bucket: str, region: str, says: list[str]) -> None:
    found = issuer_problems(url, bucket=bucket, region=region)
    assert [text for text, line in zip(says, found, strict=True) if text not in line] == [], found
