# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import json
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jwcrypto.jwk import JWK

from ansible_collections.onprem.irsa.plugins.module_utils._documents.jwk_rules import (
    difference,
    is_same,
    jwk_problem,
    too_many,
)
from ansible_collections.onprem.irsa.plugins.module_utils._documents.jwks import jwks_from_pems
from ansible_collections.onprem.irsa.tests.unit.plugins.some_keys import VECTORS, ec_key, public_pem, rsa_public_key


def key(pem: str) -> dict[str, t.Any]:
    (found,) = jwks_from_pems([("FILE", pem)])
    return dict(found)


RSA = key(public_pem(rsa_public_key(1)))
EC = key(public_pem(ec_key(1)))


def octets(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def test_what_the_api_server_serves_breaks_no_rule() -> None:
    served = json.loads((VECTORS / "jwks.json").read_text())["keys"]
    assert [jwk_problem(item) for item in served] == [""] * len(served)
    assert {item["crv"] for item in served if item["kty"] == "EC"} == {"P-256", "P-384", "P-521"}


@pytest.mark.parametrize("change", [{"key_ops": ["verify"]}, {"kid": "by-hand"}, {"x5c": ["MII"]}, {"alg": "RS512"}])
def test_what_rfc_7517_leaves_open_breaks_no_rule(change: dict[str, t.Any]) -> None:
    assert jwk_problem({**RSA, **change}) == ""
    assert jwk_problem({name: value for name, value in RSA.items() if name not in ("use", "alg", "kid")}) == ""


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"n": text(b"\0" + octets(RSA["n"]))}, "zero octet in front of n (RFC 7518"),
        ({"e": text(b"\0\x01\0\x01")}, "zero octet in front of e"),
        ({"n": RSA["n"] + "=="}, "padding (=) in n (RFC 7515"),
        ({"e": "AQAB="}, "padding (=) in e"),
        ({"n": "+/" + RSA["n"][2:]}, "not base64url"),
        ({"n": RSA["n"][:64] + "\n" + RSA["n"][64:]}, "not base64url"),
        ({"e": "AQAC\n"}, "not base64url"),
        ({"e": "AQB"}, "not base64url"),  # bits behind the last octet
        ({"e": "A"}, "not base64url"),
        ({"n": ""}, "has no n"),
        ({"n": 65537}, "has no n as text, but 65537"),
        ({"e": ["AQAB"]}, "has no e as text, but ['AQAB']"),
        ({"n": text(b"\xff" * 255 + b"\xfe")}, "has an even n"),
        ({"n": text(b"\xff" * 128)}, "has 1024 bits"),
        ({"e": "Ag"}, "the exponent 2"),
        ({"e": "AQ"}, "the exponent 1"),
        ({"alg": "ES256"}, "alg 'ES256'"),
        ({"alg": "HS256"}, "alg 'HS256'"),
        ({"alg": None}, "alg None"),
        ({"use": "enc"}, "use 'enc'"),
        ({"key_ops": ["encrypt"]}, "key_ops ['encrypt']"),
        ({"key_ops": "verify-not"}, "key_ops"),
        ({"kty": "rsa"}, "kind 'rsa'"),
        ({"kty": "OKP"}, "kind 'OKP'"),
        ({"kty": None}, "kind None"),
        ({"d": "AQAB"}, "private part (d)"),
    ],
)
def test_a_key_of_rsa_is_judged_by_the_rules(change: dict[str, t.Any], says: str) -> None:
    assert says in jwk_problem({**RSA, **change})


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"x": text(b"\0" + octets(EC["x"]))}, "33 octets in x; on P-256 it is 32"),
        ({"y": text(octets(EC["y"])[1:])}, "31 octets in y"),
        ({"y": EC["x"]}, "not a point on its curve"),
        ({"crv": "P-384"}, "alg 'ES256'"),
        ({"crv": "secp256k1"}, "curve 'secp256k1'"),
        ({"crv": ["P-256"]}, "curve ['P-256']"),
        ({"crv": None}, "curve None"),
        ({"x": EC["x"] + "="}, "padding (=) in x"),
        ({"y": None}, "has no y"),
        ({"alg": "RS256"}, "alg 'RS256'"),
    ],
)
def test_a_key_on_a_curve_is_judged_by_the_rules(change: dict[str, t.Any], says: str) -> None:
    assert says in jwk_problem({**EC, **change})


@given(st.dictionaries(st.sampled_from(["kty", "n", "e", "crv", "x", "y", "alg", "use"]), st.text() | st.integers()))
def test_every_object_is_a_key_or_has_a_problem(found: dict[str, t.Any]) -> None:
    if not jwk_problem(found):
        JWK(**found).get_op_key("verify")


@pytest.mark.parametrize(("rsa", "ec", "says"), [(100, 100, ""), (101, 1, "101 RSA keys"), (0, 102, "102 EC keys")])
def test_aws_takes_a_hundred_keys_of_a_kind(rsa: int, ec: int, says: str) -> None:
    assert too_many([RSA] * rsa + [EC] * ec) == says


def test_one_key_is_the_same_whatever_it_is_for() -> None:
    assert is_same(RSA, {"kty": "RSA", "n": RSA["n"], "e": RSA["e"], "use": "enc"})
    assert not is_same(RSA, {**RSA, "e": "Aw"})
    assert not is_same(EC, {**EC, "crv": "P-384"})


@pytest.mark.parametrize(
    ("change", "says"),
    [({}, ""), ({"x5t": "a", "kid": "b"}, ""), ({"n": "AQAB"}, "n"), ({"alg": "RS512", "e": "Aw"}, "e, alg")],
)
def test_keys_of_one_id_are_compared_member_by_member(change: dict[str, t.Any], says: str) -> None:
    assert difference(RSA, {**RSA, **change}) == says
