# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._documents.discovery import (
    discovery_document,
    parse_discovery,
)
from ansible_collections.onprem.irsa.plugins.module_utils._documents.paths import JWKS_PATH
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.tests.unit.plugins.some_keys import VECTORS

ISSUER = "https://oidc.example.com/a"


def test_equals_what_the_api_server_serves_byte_for_byte() -> None:
    algs = ["RS256", "ES256", "ES384", "ES512", "ES256", "RS256"]
    document = discovery_document(ISSUER, ISSUER + JWKS_PATH, algs)
    assert document.encode() == (VECTORS / "openid-configuration.json").read_bytes()


def test_reading_it_gives_the_urls_back() -> None:
    assert parse_discovery(discovery_document(ISSUER, ISSUER + "/keys.json", ["RS256"])) == (
        ISSUER,
        ISSUER + "/keys.json",
    )


@pytest.mark.parametrize(
    ("issuer", "jwks_uri", "says"),
    [
        ("http://oidc.example.com", ISSUER + JWKS_PATH, "'http://oidc.example.com' must begin"),
        (ISSUER, "http://oidc.example.com/keys", "As jwks_uri .*'http://oidc.example.com/keys' must begin"),
    ],
)
def test_urls_that_break_a_rule_are_refused(issuer: str, jwks_uri: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        discovery_document(issuer, jwks_uri, ["RS256"])


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"issuer":"https://a.example.com"}'])
def test_what_is_no_discovery_document_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="issuer and jwks_uri"):
        parse_discovery(text)
