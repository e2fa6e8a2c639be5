# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What CreateOpenIDConnectProvider accepts."""

from __future__ import annotations

import pytest

from lab_aws import oidc_provider
from lab_aws.errors import AwsError
from lab_aws.oidc_provider import Provider


@pytest.mark.parametrize(
    "url",
    [
        "https://acme-prod-oidc.s3.eu-central-1.amazonaws.com",
        "https://s3.eu-central-1.amazonaws.com/acme-prod-oidc",
        "https://issuer.example/a/b",
        "https://issuer.example/",
        "https://issuer.example/" + "x" * (255 - len("https://issuer.example/")),
    ],
)
def test_good_urls(url: str) -> None:
    oidc_provider.check_url(url)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("", "ValidationError"),
        ("issuer.example", "ValidationError"),
        ("http://issuer.example", "InvalidInput"),
        ("HTTPS://issuer.example", "InvalidInput"),
        ("https://issuer.example:443", "InvalidInput"),
        ("https://issuer.example:6443/x", "InvalidInput"),
        ("https://issuer.example?a=b", "InvalidInput"),
        ("https://issuer.example/?", "InvalidInput"),
        ("https://issuer.example/#x", "InvalidInput"),
        ("https://user@issuer.example", "InvalidInput"),
        ("https://", "InvalidInput"),
        ("https://-x.example", "InvalidInput"),
        ("https://issuer..example", "InvalidInput"),
        ("https://issuer.example/" + "x" * 240, "ValidationError"),
    ],
)
def test_bad_urls(url: str, code: str) -> None:
    with pytest.raises(AwsError) as caught:
        oidc_provider.check_url(url)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("client_ids", "code"),
    [
        ([], None),
        (["x" * 255] * 100, None),
        (["x" * 256], "ValidationError"),
        ([""], "ValidationError"),
        (["x"] * 101, "LimitExceeded"),
    ],
)
def test_client_ids(client_ids: list[str], code: str | None) -> None:
    found = None
    try:
        oidc_provider.check_client_ids(client_ids)
    except AwsError as error:
        found = error.code
    assert found == code


@pytest.mark.parametrize(
    ("thumbprints", "good"),
    [([], True), (["aB" * 20] * 5, True), (["ab" * 20] * 6, False), (["ab" * 19], False), (["xy" * 20], False)],
)
def test_thumbprints(thumbprints: list[str], good: bool) -> None:
    if good:
        oidc_provider.check_thumbprints(thumbprints)
        return
    with pytest.raises(AwsError, match="humbprint"):
        oidc_provider.check_thumbprints(thumbprints)


def test_one_provider_a_url_and_a_hundred_an_account() -> None:
    known = [Provider("arn", f"https://issuer.example/{number}") for number in range(99)]
    oidc_provider.check_room("https://issuer.example", known)
    for url, providers, code in (
        ("https://issuer.example/7", known, "EntityAlreadyExists"),
        ("https://issuer.example", [*known, known[0]], "LimitExceeded"),
    ):
        with pytest.raises(AwsError) as caught:
            oidc_provider.check_room(url, providers)
        assert (caught.value.code, caught.value.status) == (code, 409)
