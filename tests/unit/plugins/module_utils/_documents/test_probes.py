# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a probe takes for the documents that were published; `make alerts` asks the exporter itself."""

from __future__ import annotations

import json
import re
import typing as t

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._documents.discovery import discovery_document
from ansible_collections.onprem.irsa.plugins.module_utils._documents.jwks import jwks_document, jwks_from_pems
from ansible_collections.onprem.irsa.plugins.module_utils._documents.probes import probes
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.tests.unit.plugins.some_keys import ec_key, public_pem, rsa_public_key

Json = dict[str, t.Any]
ISSUER = "https://oidc.example.com/prod"
URI = f"{ISSUER}/keys.json"
PEMS = [public_pem(rsa_public_key(1)), public_pem(ec_key(2)), public_pem(rsa_public_key(3, 4096))]
FIRST, SECOND, OTHER = jwks_from_pems([(str(number), pem) for number, pem in enumerate(PEMS)])
KEYS = jwks_document([FIRST, SECOND])
DISCOVERY = discovery_document(ISSUER, URI, ["RS256", "ES256"])


def taken(module: Json, body: str) -> bool:
    """Tell whether the exporter takes a body, as C(matchRegularExpressions) of its prober/http.go does."""
    http = module["http"]
    fails = any(re.search(expression, body) for expression in http["fail_if_body_matches_regexp"])
    return not fails and all(re.search(expression, body) for expression in http["fail_if_body_not_matches_regexp"])


def test_a_module_has_the_name_of_its_url() -> None:
    discovery, keys = probes(ISSUER, URI, KEYS)
    assert [discovery.url, keys.url] == [f"{ISSUER}/.well-known/openid-configuration", URI]
    for probe in (discovery, keys):
        assert (probe.module["prober"], probe.module["timeout"]) == ("http", "5s")
        assert probe.module["http"]["follow_redirects"] is False


@pytest.mark.parametrize(
    ("body", "is_taken"),
    [
        (KEYS, True),
        (f"\ufeff{KEYS}\n", True),
        (json.dumps(json.loads(KEYS), indent=2), True),
        (jwks_document([SECOND, FIRST]), True),
        (jwks_document([FIRST, FIRST, SECOND]), True),
        (jwks_document([FIRST]), False),
        (jwks_document([FIRST, SECOND, OTHER]), False),
        (jwks_document([OTHER, SECOND, FIRST]), False),
        (jwks_document([FIRST, {**SECOND, "x": OTHER["n"]}]), False),
        (jwks_document([FIRST, SECOND, {**OTHER, "kid": FIRST["kid"]}]), False),
        (jwks_document([]), False),
        (f'{{"keys":[{json.dumps(OTHER)}],{KEYS[1:]}', False),
        (f'{{"a":1,{KEYS[1:-1]},"b":2}}', True),
        ("", False),
        ("<html>No keys here.</html>", False),
        (DISCOVERY, False),
    ],
)
def test_what_is_taken_for_the_key_set(body: str, is_taken: bool) -> None:
    _discovery, keys = probes(ISSUER, URI, KEYS)
    assert taken(keys.module, body) is is_taken


@pytest.mark.parametrize(
    ("body", "is_taken"),
    [
        (DISCOVERY, True),
        (json.dumps(json.loads(DISCOVERY), indent=2), True),
        (json.dumps({"claims_supported": ["issuer"], **json.loads(DISCOVERY)}), True),
        (discovery_document(f"{ISSUER}/x", URI, ["RS256"]), False),
        (discovery_document(ISSUER, f"{URI}x", ["RS256"]), False),
        (discovery_document(ISSUER.replace(".", "-", 1), URI, ["RS256"]), False),
        (f'{DISCOVERY[:-1]},"jwks_uri":"https://evil.example.com/keys"}}', False),
        (f'{DISCOVERY[:-1]},\n"issuer" : "https://evil.example.com"}}', False),
        ("", False),
    ],
)
def test_what_is_taken_for_the_discovery_document(body: str, is_taken: bool) -> None:
    discovery, _keys = probes(ISSUER, URI, KEYS)
    assert taken(discovery.module, body) is is_taken


@pytest.mark.parametrize(("body", "is_taken"), [(KEYS, True), (jwks_document([OTHER]), True), ('{"keys":[]}', False)])
def test_any_keys_are_taken_where_none_are_known(body: str, is_taken: bool) -> None:
    _discovery, keys = probes(ISSUER, URI, "")
    assert taken(keys.module, body) is is_taken


def test_as_many_keys_as_aws_takes() -> None:
    many = jwks_from_pems([(str(number), public_pem(rsa_public_key(number))) for number in range(1, 101)])
    _discovery, keys = probes(ISSUER, URI, jwks_document(many))
    assert taken(keys.module, jwks_document(many[::-1]))
    assert not taken(keys.module, jwks_document(many[1:]))


def test_what_is_no_key_set_is_refused() -> None:
    with pytest.raises(InputError, match="jwks exists and cannot be read"):
        probes(ISSUER, URI, "<html>")
