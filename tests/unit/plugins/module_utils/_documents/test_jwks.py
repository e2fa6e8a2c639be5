# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from hypothesis import given, settings
from hypothesis import strategies as st
from jwcrypto.jwk import JWK

from ansible_collections.onprem.irsa.plugins.module_utils._documents.jwks import (
    check_published,
    go_json,
    jwks_document,
    jwks_from_pems,
    kept_keys,
    keys_of_document,
    kids_of_document,
)
from ansible_collections.onprem.irsa.plugins.module_utils._documents.pem import kid_from_public_pem
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.tests.unit.plugins.some_keys import (
    CURVES,
    VECTORS,
    ec_key,
    private_pem,
    public_pem,
    rsa_key,
    rsa_public_key,
)

numbers = st.integers(1, 2**250)
pems = st.one_of(st.builds(ec_key, numbers, st.sampled_from(sorted(CURVES))), st.builds(rsa_public_key, numbers)).map(
    public_pem
)
twice = st.sampled_from([public_pem(ec_key(1)), public_pem(rsa_public_key(1))])
files = st.lists(st.lists(pems | twice, min_size=1, max_size=3), min_size=1, max_size=3)


def test_equals_what_the_api_server_serves_byte_for_byte() -> None:
    files = sorted([*VECTORS.glob("*.pub"), *VECTORS.glob("*.pem")])
    keys = jwks_from_pems([(path.name, path.read_text()) for path in files])
    assert jwks_document(keys).encode() == (VECTORS / "jwks.json").read_bytes()


@settings(deadline=None)  # the time an example takes says how busy the machine is
@given(files)
def test_reading_the_document_gives_the_keys_back_in_order_and_once(files: list[list[str]]) -> None:
    wanted = list(dict.fromkeys(pem for file in files for pem in file))
    document = jwks_document(jwks_from_pems([("FILE", "".join(file)) for file in files]))
    assert [JWK(**key).export_to_pem().decode() for key in json.loads(document)["keys"]] == wanted
    assert kids_of_document(document) == [kid_from_public_pem(pem, source="FILE") for pem in wanted]


def test_private_keys_in_a_text_do_not_get_into_the_document() -> None:
    keys = jwks_from_pems([("FILE", private_pem(rsa_key()) + public_pem(rsa_key()))])
    assert [set(key) for key in keys] == [{"use", "kty", "kid", "alg", "n", "e"}]


def spki(key: dsa.DSAPublicKey | ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey) -> str:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


COMPRESSED = """-----BEGIN PUBLIC KEY-----
MDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgADaxfR8uEsQkf4vOblY6RA8ncDfYEt
6zOg9KE5RdiYwpY=
-----END PUBLIC KEY-----
"""


def test_the_compressed_key_is_a_key() -> None:
    assert load_pem_public_key(COMPRESSED.encode()) == ec_key(1).public_key()


@pytest.mark.parametrize(
    ("pem", "says"),
    [
        (spki(ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key()), "neither RSA nor ECDSA"),
        (spki(ec.derive_private_key(1, ec.SECP256K1()).public_key()), "secp256k1"),
        (public_pem(rsa_public_key(1, 1024)), "1024 bits"),
        (COMPRESSED, "plain encoding"),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "no public key that can be read"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "no public key that can be read"),
        (private_pem(rsa_key()).replace("PRIVATE", "PUBLIC"), "no public key that can be read"),
        (private_pem(rsa_key()), "no whole PEM block"),
    ],
)
def test_keys_that_nobody_takes_are_refused_by_name(pem: str, says: str) -> None:
    with pytest.raises(InputError, match=says) as refused:
        jwks_from_pems([("first", public_pem(ec_key(1))), ("/etc/kubernetes/pki/sa.pub", pem)])
    assert "/etc/kubernetes/pki/sa.pub" in refused.value.problem
    assert pem.splitlines()[1][:20] not in str(refused.value)


@given(st.integers(0, 600), st.integers(1, 8), st.text("AQz+/=\n-", max_size=8))
def test_damaged_keys_are_keys_or_refused(start: int, length: int, instead: str) -> None:
    pem = public_pem(rsa_public_key(2**2000 // 3))
    try:
        jwks_from_pems([("FILE", pem[:start] + instead + pem[start + length :])])
    except InputError as error:
        assert pem.splitlines()[1][:20] not in str(error)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": ["<a>", "&"], "a": 1}, r'{"b":["\u003ca\u003e","\u0026"],"a":1}'),
        ("\u2028é\n\x01", r'"\u2028é\n\u0001"'),
    ],
)
def test_writes_json_as_go_does(value: object, text: str) -> None:
    assert go_json(value) == text


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"keys":1}', '{"keys":[1]}', '{"keys":null}', "null"])
def test_what_is_no_key_set_has_no_kids(text: str) -> None:
    assert kids_of_document(text) == []


def test_a_key_without_kid_is_passed_over() -> None:
    assert kids_of_document('{"keys":[{"kty":"RSA"},{"kid":"a"}]}') == ["a"]


def one(number: int, **changed: object) -> dict[str, str]:
    (key,) = jwks_from_pems([("FILE", public_pem(rsa_public_key(number)))])
    return {**key, **changed}  # type: ignore[dict-item]  # what others publish


def text(*keys: object) -> str:
    return json.dumps({"keys": keys})


def test_published_keys_stay_as_they_are_in_their_order() -> None:
    others = [one(3, x5c=["abc"]), one(2), one(4, kid="by-hand")]
    assert kept_keys(text(one(1)), text(others[0], one(1), *others[1:]), []) == others
    assert kept_keys(text(one(1)), text(*others), [one(3)["kid"], "by-hand"]) == [one(2)]


def test_a_key_without_its_id_goes_by_the_one_that_it_would_have() -> None:
    nameless = {name: value for name, value in one(2).items() if name != "kid"}
    assert kept_keys(text(one(1)), text(one(1), one(1, kid="")), []) == []
    assert kept_keys(text(one(1)), text(nameless), []) == [nameless]
    assert kept_keys(text(one(1)), text(nameless), [one(2)["kid"]]) == []


@pytest.mark.parametrize("published", ["", "hello", "[]", '{"keys": 1}', '{"keys": [1, {"kty": "oct", "k": "s"}]}'])
def test_what_nobody_can_verify_with_does_not_stay(published: str) -> None:
    assert keys_of_document(published) == []
    assert kept_keys(text(one(1)), published, []) == []


def test_a_private_key_that_was_published_stays_as_its_public_half() -> None:
    assert kept_keys(text(one(1)), text(one(2, d="secret", p="secret")), []) == [one(2)]


@pytest.mark.parametrize(
    "published",
    [
        "",
        " \n",
        "\ufeff",
        "{}",
        '{"keys":[]}',
        '{"keys":null}',
        text(one(1), one(2, kid="by-hand")),
        "\ufeff" + text(one(1)),
    ],
)
def test_a_key_set_of_which_every_key_can_be_read(published: str) -> None:
    check_published(published, source="s3://bucket/keys.json")


@pytest.mark.parametrize(
    ("published", "says"),
    [
        ("hello", "not JSON"),
        (text(one(1))[:-20], "not JSON"),
        ("\x1f\ufffd\b\0", "not JSON"),
        ("<!DOCTYPE html><html><body>404</body></html>", "an HTML page"),
        (json.dumps([one(1)]), "not an object"),
        ('"keys"', "not an object"),
        ('{"keys":{"a":1}}', "no list"),
        ('{"keys":[],"keys":[]}', "'keys' appears twice"),
        ('{"keys":["a"]}', "its key 1 is not a JSON object"),
        (text(one(1), {"kty": "OKP", "crv": "Ed25519", "x": "AA", "kid": "ed"}), "its key ed is of the kind 'OKP'"),
        (text({"kty": "oct", "k": "secret"}), "its key 1 is of the kind 'oct'"),
        (text(one(1), {"kty": "RSA", "n": "AQAB"}), "its key 2 has no kid"),
        (text({"kty": "EC", "crv": "P-256", "x": 1, "y": 2}), "its key 1 has no kid"),
    ],
)
def test_a_key_set_of_which_a_key_cannot_be_read_is_refused(published: str, says: str) -> None:
    with pytest.raises(InputError, match=r"s3://bucket/keys\.json exists and cannot be read") as refused:
        check_published(published, source="s3://bucket/keys.json")
    assert says in refused.value.problem
    assert "secret" not in str(refused.value)


def test_a_key_that_cannot_be_read_can_be_retired() -> None:
    check_published(text({"kty": "OKP", "kid": "ed"}), source="FILE", retired=["ed"])
