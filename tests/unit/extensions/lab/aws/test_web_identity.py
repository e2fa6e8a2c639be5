# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens that STS accepts, and tokens that it refuses."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
import typing as t

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab_aws import web_identity
from lab_aws.errors import AwsError
from lab_aws.oidc_provider import Provider
from lab_aws.web_identity import FetchError

from .conftest import AUDIENCE, FOREIGN_KEY, KEY, Issuer, new_key, sign

if t.TYPE_CHECKING:
    from jwcrypto.jwk import JWK

ISSUER = Issuer("https://acme-prod-oidc.s3.eu-central-1.amazonaws.com")
PATH_ISSUER = Issuer("https://s3.eu-central-1.amazonaws.com/acme-prod-oidc")
ARN = "arn:aws:iam::123456789012:oidc-provider/acme-prod-oidc.s3.eu-central-1.amazonaws.com"
NO_KEY = (
    "Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity"
    " documentation for requirements"
)
NOT_A_JWT = "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"
BAD_SIGNATURE = "The web identity token that was passed could not be validated by AWS: its signature is not valid"
EC_256 = new_key("ec-256", "EC", "ES256", crv="P-256")
EC_384 = new_key("ec-384", "EC", "ES384", crv="P-384")
EC_521 = new_key("ec-521", "EC", "ES512", crv="P-521")


def pages(changes: dict[str, str] | None = None, issuer: Issuer = ISSUER) -> dict[str, str]:
    documents = {
        f"{issuer.url}/.well-known/openid-configuration": issuer.discovery(),
        f"{issuer.url}/openid/v1/jwks": issuer.jwks(),
    }
    return documents | (changes or {})


def verify(
    token: str,
    *,
    issuer: Issuer = ISSUER,
    client_ids: tuple[str, ...] = (AUDIENCE,),
    published: dict[str, str] | None = None,
    now: float | None = None,
) -> web_identity.WebIdentity:
    documents = pages(issuer=issuer) if published is None else published

    def fetch(url: str) -> bytes:
        if url not in documents:
            raise FetchError(f"{url} answers 404")
        return documents[url].encode()

    providers = [Provider("arn:other", "https://other.example", (AUDIENCE,)), Provider(ARN, issuer.url, client_ids)]
    return web_identity.verify(token, providers, fetch, time.time() if now is None else now)


def refused(
    token: str,
    *,
    issuer: Issuer = ISSUER,
    client_ids: tuple[str, ...] = (AUDIENCE,),
    published: dict[str, str] | None = None,
    now: float | None = None,
) -> tuple[str, str]:
    with pytest.raises(AwsError) as caught:
        verify(token, issuer=issuer, client_ids=client_ids, published=published, now=now)
    assert caught.value.status == 400
    return caught.value.code, caught.value.message


def part(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def test_a_kubernetes_token_is_accepted() -> None:
    identity = verify(ISSUER.token())
    assert (identity.provider.arn, identity.subject, identity.audience) == (
        ARN,
        "system:serviceaccount:apps:reports",
        AUDIENCE,
    )


@pytest.mark.parametrize(
    "changes",
    [
        lambda _now: {"aud": AUDIENCE},
        lambda _now: {"sub": "system:serviceaccount:apps:reports.v1.2"},
        lambda _now: {"nbf": None},
        lambda now: {"nbf": int(now) + 200},
        lambda now: {"iat": int(now) + 200},
        lambda now: {"exp": now + 600.5},
        lambda _now: {"azp": AUDIENCE, "aud": ["one", "two"]},
        lambda _now: {"azp": AUDIENCE, "aud": "one"},
    ],
)
def test_more_good_tokens(changes: t.Callable[[float], dict[str, t.Any]]) -> None:
    assert verify(ISSUER.token(**changes(time.time()))).audience == AUDIENCE


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (KEY, "RS256"),
        (new_key("rs-384", algorithm="RS384"), "RS384"),
        (new_key("rs-512", algorithm="RS512"), "RS512"),
        (EC_256, "ES256"),
        (EC_384, "ES384"),
        (EC_521, "ES512"),
    ],
)
def test_algorithms(key: JWK, algorithm: str) -> None:
    issuer = Issuer(ISSUER.url, [key])
    assert verify(sign(issuer.claims(), key, {"alg": algorithm}), issuer=issuer)


def test_a_path_issuer_and_one_with_a_trailing_slash() -> None:
    assert verify(PATH_ISSUER.token(), issuer=PATH_ISSUER)
    slashed = Issuer("https://issuer.example/")
    documents = {
        "https://issuer.example/.well-known/openid-configuration": slashed.discovery(
            jwks_uri="https://issuer.example/k"
        ),
        "https://issuer.example/k": slashed.jwks(),
    }
    assert verify(slashed.token(), issuer=slashed, published=documents)


def test_the_key_is_chosen_by_its_id() -> None:
    issuer = Issuer(ISSUER.url, [FOREIGN_KEY, EC_256, new_key("new")])
    issuer.keys[0] = new_key("old")
    assert verify(sign(issuer.claims(), issuer.keys[2]), issuer=issuer)
    assert refused(sign(issuer.claims(), issuer.keys[2], {"kid": "old"}), issuer=issuer) == (
        "InvalidIdentityToken",
        BAD_SIGNATURE,
    )


def test_times_are_compared_with_now() -> None:
    token = ISSUER.token(exp=1_000_600, iat=1_000_000, nbf=1_000_000)
    assert verify(token, now=1_000_599.9)
    code, text = refused(token, now=1_000_600)
    assert code == "ExpiredTokenException"
    assert text == "Token expired: current date/time 1000600 must be before the expiration date/time 1000600"


@pytest.mark.parametrize(
    ("changes", "code", "text"),
    [
        ({"exp": 1_700_000_000}, "ExpiredTokenException", "Token expired"),
        ({"exp": None}, "InvalidIdentityToken", "Missing a required claim: exp"),
        ({"exp": "tomorrow"}, "InvalidIdentityToken", "exp is not a number"),
        ({"exp": True}, "InvalidIdentityToken", "exp is not a number"),
        ({"exp": float("nan")}, "InvalidIdentityToken", "not a valid JWT"),
        ({"exp": float("inf")}, "InvalidIdentityToken", "not a valid JWT"),
        ({"iat": None}, "InvalidIdentityToken", "Missing a required claim: iat"),
        ({"iat": int(time.time()) + 4000}, "InvalidIdentityToken", "not valid yet"),
        ({"nbf": int(time.time()) + 4000}, "InvalidIdentityToken", "not valid yet"),
        ({"sub": None}, "InvalidIdentityToken", "Missing a required claim: sub"),
        ({"sub": ""}, "InvalidIdentityToken", "Missing a required claim: sub"),
        ({"sub": ["system:serviceaccount:apps:reports"]}, "InvalidIdentityToken", "Missing a required claim: sub"),
        ({"aud": None}, "InvalidIdentityToken", "Missing a required claim: aud"),
        ({"aud": []}, "InvalidIdentityToken", "Missing a required claim: aud"),
        ({"aud": [1]}, "InvalidIdentityToken", "Missing a required claim: aud"),
        ({"aud": {"a": "b"}}, "InvalidIdentityToken", "Missing a required claim: aud"),
        ({"aud": ["https://kubernetes.default.svc"]}, "InvalidIdentityToken", "Incorrect token audience"),
        ({"aud": [AUDIENCE.upper()]}, "InvalidIdentityToken", "Incorrect token audience"),
        ({"aud": [AUDIENCE, "other"]}, "InvalidIdentityToken", "several audiences and no azp"),
        ({"azp": "other"}, "InvalidIdentityToken", "Incorrect token audience"),
        ({"azp": 1}, "InvalidIdentityToken", "Incorrect token audience"),
        ({"iss": None}, "InvalidIdentityToken", "Missing a required claim: iss"),
        ({"iss": 7}, "InvalidIdentityToken", "Missing a required claim: iss"),
        (
            {"iss": "https://nobody.example"},
            "InvalidIdentityToken",
            "No OpenIDConnect provider found in your account for https://nobody.example",
        ),
        ({"iss": ISSUER.url + "/"}, "InvalidIdentityToken", "No OpenIDConnect provider found"),
        ({"iss": ISSUER.url.upper()}, "InvalidIdentityToken", "No OpenIDConnect provider found"),
        ({"iss": ISSUER.url.replace("https", "http")}, "InvalidIdentityToken", "No OpenIDConnect provider found"),
        ({"iss": ISSUER.url.removeprefix("https://")}, "InvalidIdentityToken", "No OpenIDConnect provider found"),
        ({"iss": "kubernetes/serviceaccount"}, "InvalidIdentityToken", "No OpenIDConnect provider found"),
    ],
)
def test_bad_claims(changes: dict[str, t.Any], code: str, text: str) -> None:
    found_code, found_text = refused(ISSUER.token(**changes))
    assert found_code == code
    assert text in found_text


def test_an_empty_list_of_client_ids_takes_nobody() -> None:
    assert refused(ISSUER.token(), client_ids=()) == ("InvalidIdentityToken", "Incorrect token audience")


def test_a_foreign_key_with_the_same_id() -> None:
    assert refused(sign(ISSUER.claims(), FOREIGN_KEY)) == ("InvalidIdentityToken", BAD_SIGNATURE)


@pytest.mark.parametrize("header", [{"kid": "unknown"}, {"kid": None}, {"kid": ""}, {"kid": 1}])
def test_an_unpublished_key_id(header: dict[str, t.Any]) -> None:
    assert refused(sign(ISSUER.claims(), KEY, header)) == ("InvalidIdentityToken", NO_KEY)


def test_a_key_of_another_type_with_the_id() -> None:
    key = new_key("key-1", "EC", "ES256", crv="P-256")
    assert refused(sign(ISSUER.claims(), key)) == ("InvalidIdentityToken", NO_KEY)


def test_unsigned_tokens() -> None:
    for algorithm in ("none", "None", ""):
        token = f"{part({'alg': algorithm, 'kid': 'key-1'})}.{part(ISSUER.claims())}."
        assert refused(token) == ("InvalidIdentityToken", NOT_A_JWT)


def test_the_public_key_as_an_hmac_secret() -> None:
    signed = f"{part({'alg': 'HS256', 'kid': 'key-1'})}.{part(ISSUER.claims())}"
    digest = hmac.new(KEY.export_to_pem(), signed.encode(), hashlib.sha256).digest()
    assert refused(f"{signed}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}") == (
        "InvalidIdentityToken",
        NOT_A_JWT,
    )


@pytest.mark.parametrize(
    "header",
    [{"alg": "PS256"}, {"alg": "RS256", "crit": ["exp"], "exp": 1}],
)
def test_headers_that_are_not_taken(header: dict[str, t.Any]) -> None:
    token = f"{part({'kid': 'key-1'} | header)}.{part(ISSUER.claims())}.{ISSUER.token().split('.')[2]}"
    assert refused(token) == ("InvalidIdentityToken", NOT_A_JWT)


def test_a_key_inside_the_token_is_not_looked_at() -> None:
    header = {"jwk": json.loads(FOREIGN_KEY.export_public())}
    assert refused(sign(ISSUER.claims(), FOREIGN_KEY, header)) == ("InvalidIdentityToken", BAD_SIGNATURE)


def test_changed_claims_under_an_old_signature() -> None:
    header, _claims, signature = ISSUER.token().split(".")
    other = part(ISSUER.claims(sub="system:serviceaccount:kube-system:admin"))
    assert refused(f"{header}.{other}.{signature}") == ("InvalidIdentityToken", BAD_SIGNATURE)


@pytest.mark.parametrize(
    "text", ["aa.bb", "a.b.c.d", "....", "not a token", "e30.e30.e30", "W10.e30.x", "e30.W10.x", "é.é.é"]
)
def test_what_is_no_token(text: str) -> None:
    assert refused(text) == ("InvalidIdentityToken", NOT_A_JWT)


@pytest.mark.parametrize(
    ("text", "bound"), [("", "equal to 4"), ("abc", "equal to 4"), ("x" * 20_001, "equal to 20000")]
)
def test_lengths(text: str, bound: str) -> None:
    code, message = refused(text)
    assert code == "ValidationError"
    assert bound in message


@settings(deadline=None)  # the time an example takes says how busy the machine is
@given(st.text(max_size=300))
def test_no_text_is_accepted_by_chance(text: str) -> None:
    with pytest.raises(AwsError):
        verify(text)


@settings(deadline=None)  # the time an example takes says how busy the machine is
@given(
    st.dictionaries(
        st.sampled_from(["iss", "aud", "sub", "exp", "nbf", "iat", "azp"]),
        st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text()),
        min_size=1,
    )
)
def test_claims_of_any_type_are_answered_with_a_refusal_or_an_identity(changes: dict[str, t.Any]) -> None:
    try:
        verify(ISSUER.token(**changes))
    except AwsError as error:
        assert error.code in {"InvalidIdentityToken", "ExpiredTokenException"}


DISCOVERY, JWKS = (f"{ISSUER.url}/{path}" for path in (".well-known/openid-configuration", "openid/v1/jwks"))


@pytest.mark.parametrize(
    "published",
    [
        {},
        {DISCOVERY: ISSUER.discovery()},
        {JWKS: ISSUER.jwks()},
        pages({DISCOVERY: "<html>"}),
        pages({DISCOVERY: "[]"}),
        pages({DISCOVERY: "{}"}),
        pages({DISCOVERY: ISSUER.discovery(issuer="https://other.example")}),
        pages({DISCOVERY: ISSUER.discovery(issuer=ISSUER.url + "/")}),
        pages({DISCOVERY: ISSUER.discovery(jwks_uri=JWKS.replace("https", "http"))}),
        pages({DISCOVERY: ISSUER.discovery(jwks_uri=None)}),
        pages({JWKS: "{}"}),
        pages({JWKS: '{"keys": []}'}),
        pages({JWKS: '{"keys": {}}'}),
        pages({JWKS: '{"keys": [1, "x"]}'}),
        pages({JWKS: ""}),
        pages({JWKS: json.dumps({"keys": [json.loads(KEY.export_public())] * 101})}),
    ],
)
def test_documents_that_yield_no_key(published: dict[str, str]) -> None:
    assert refused(ISSUER.token(), published=published) == ("InvalidIdentityToken", NO_KEY)


def test_published_keys_that_cannot_verify() -> None:
    public = json.loads(KEY.export_public())
    for broken in (
        public | {"n": "!"},
        public | {"use": "enc"},
        public | {"alg": "RS384"},
        {"kid": "key-1", "kty": "RSA"},
    ):
        documents = pages({JWKS: json.dumps({"keys": [broken]})})
        assert refused(ISSUER.token(), published=documents) == ("InvalidIdentityToken", BAD_SIGNATURE)


def test_keys_with_the_fields_that_kubernetes_publishes() -> None:
    public = json.loads(KEY.export_public())
    only = {name: public[name] for name in ("use", "kty", "kid", "alg", "n", "e")}
    assert verify(ISSUER.token(), published=pages({JWKS: json.dumps({"keys": [only]})}))
    bare = {name: public[name] for name in ("kty", "kid", "n", "e")}
    assert verify(ISSUER.token(), published=pages({JWKS: json.dumps({"keys": [bare]})}))


def test_the_condition_keys() -> None:
    identity = verify(ISSUER.token(azp=AUDIENCE, aud=["one", "two"], amr=["mfa"], email="a@b", groups=["x"]))
    prefix = "acme-prod-oidc.s3.eu-central-1.amazonaws.com"
    assert web_identity.condition_context(identity, session_name="pod") == {
        f"{prefix}:aud": (AUDIENCE,),
        f"{prefix}:oaud": ("one", "two"),
        f"{prefix}:sub": ("system:serviceaccount:apps:reports",),
        f"{prefix}:amr": ("mfa",),
        f"{prefix}:email": ("a@b",),
        "sts:RoleSessionName": ("pod",),
        "aws:FederatedProvider": (ARN,),
        "aws:SecureTransport": ("true",),
    }


def test_a_nested_claim_is_no_condition_key() -> None:
    identity = verify(ISSUER.token(email={"a": "b"}))
    assert "email" not in " ".join(web_identity.condition_context(identity, session_name="pod"))
