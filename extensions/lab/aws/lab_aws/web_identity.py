# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules by which STS accepts a token in AssumeRoleWithWebIdentity, on plain data.

Sources, by rule:

* signature algorithms RS256/384/512 and ES256/384/512, 4-20000 characters: STS API Reference,
  AssumeRoleWithWebIdentity;
* provider by ``iss``, discovery below it, keys behind ``jwks_uri``, both over https and within 5 seconds, at most 100
  RSA and 100 EC
  keys: IAM User Guide, "Create an OpenID Connect (OIDC) identity provider in IAM", and re:Post
      "iam-sts-invalididentitytoken";
* the discovery document's issuer is the provider's URL: OpenID Connect Discovery 1.0, section 4.3;
* audience among the provider's client ids, ``azp`` before ``aud`` and needed when there are several: IAM User Guide,
  "Available keys for AWS OIDC federation", and OpenID Connect Core 1.0, section 3.1.3.7;
* required claims and the texts of the refusals: as STS answers them (quoted in the issues of aws-sdk-ruby,
  configure-aws-credentials, aws-cli and others). A text that is not quoted anywhere keeps to the description of its
  error in the API Reference.
"""

from __future__ import annotations

import typing as t
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from jwcrypto import jwk, jws
from jwcrypto.common import JWException, base64url_decode

from . import documents
from .errors import AwsError, access_denied

if t.TYPE_CHECKING:
    from .documents import Json, JsonObject
    from .oidc_provider import Provider

ALGORITHMS = ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512")
MIN_TOKEN = 4
MAX_TOKEN = 20_000
MAX_KEYS_OF_A_TYPE = 100
CLOCK_SKEW = 300  # seconds by which nbf and iat may lie in the future: clocks differ
FETCH_SECONDS = 5.0

Fetch = Callable[[str], bytes]
"""Gets the body behind an https URL within FETCH_SECONDS; raises FetchError otherwise."""


class FetchError(Exception):
    """A document of the identity provider could not be had: why."""


@dataclass(frozen=True)
class Token:
    """A token taken apart, nothing verified."""

    text: str
    algorithm: str
    key_id: str | None
    claims: JsonObject


@dataclass(frozen=True)
class WebIdentity:
    """What a verified token says."""

    provider: Provider
    subject: str
    audience: str
    claims: JsonObject


def invalid(text: str) -> AwsError:
    """Return the refusal of a token that could not be validated (400)."""
    return AwsError("InvalidIdentityToken", text)


def _not_a_jwt() -> AwsError:
    return invalid("The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)")


def _no_key() -> AwsError:
    return invalid(
        "Couldn't retrieve verification key from your identity provider,"
        "  please reference AssumeRoleWithWebIdentity documentation for requirements"
    )


def parse(text: str) -> Token:
    """Take a compact JWS (RFC 7515, 7519) apart; refuse what is none, or is signed in a way that STS does not take."""
    if not MIN_TOKEN <= len(text) <= MAX_TOKEN:
        bound = (
            f"less than or equal to {MAX_TOKEN}" if len(text) > MAX_TOKEN else f"greater than or equal to {MIN_TOKEN}"
        )
        constraint = "Value at 'webIdentityToken' failed to satisfy constraint: Member must have length"
        raise AwsError("ValidationError", f"1 validation error detected: {constraint} {bound}")
    try:
        header_text, claims_text, _signature = text.split(".")
        header, claims = (documents.load(base64url_decode(part)) for part in (header_text, claims_text))
    except (ValueError, TypeError, RecursionError) as error:
        raise _not_a_jwt() from error
    if (
        not isinstance(header, dict)
        or not isinstance(claims, dict)
        or header.get("alg") not in ALGORITHMS
        or "crit" in header
    ):
        raise _not_a_jwt()
    key_id = header.get("kid")
    return Token(text, header["alg"], key_id if isinstance(key_id, str) else None, claims)


def provider_of(token: Token, providers: Iterable[Provider]) -> Provider:
    """Return the provider whose URL is the token's issuer, letter by letter."""
    issuer = token.claims.get("iss")
    if not isinstance(issuer, str) or not issuer:
        raise invalid("Missing a required claim: iss")
    for provider in providers:
        if provider.url == issuer:
            return provider
    raise invalid(f"No OpenIDConnect provider found in your account for {issuer}")


def _document(fetch: Fetch, url: str) -> JsonObject:
    if not url.startswith("https://"):
        raise FetchError(f"{url} is not https")
    try:
        document = documents.load(fetch(url))
    except (ValueError, RecursionError) as error:
        raise FetchError(f"{url} is not JSON") from error
    if not isinstance(document, dict):
        raise FetchError(f"{url} is not a JSON object")
    return document


def published_keys(issuer: str, fetch: Fetch) -> list[JsonObject]:
    """Return the keys that an issuer publishes.

    Raises:
        FetchError: a document cannot be had, names another issuer, or holds no keys or too many.
    """
    discovery = _document(fetch, f"{issuer.removesuffix('/')}/.well-known/openid-configuration")
    if discovery.get("issuer") != issuer:
        raise FetchError(f"the discovery document names the issuer {discovery.get('issuer')!r}, not {issuer!r}")
    keys = _document(fetch, str(discovery.get("jwks_uri"))).get("keys")
    if not isinstance(keys, list) or not keys:
        raise FetchError("the JWKS holds no keys")
    found: list[JsonObject] = [key for key in keys if isinstance(key, dict)]
    if any(sum(key.get("kty") == kind for key in found) > MAX_KEYS_OF_A_TYPE for kind in ("RSA", "EC")):
        raise FetchError(f"the JWKS holds more than {MAX_KEYS_OF_A_TYPE} keys of one type")
    return found


def verify_signature(token: Token, keys: Iterable[JsonObject]) -> None:
    """Refuse a token that the published key of its ``kid`` has not signed (RFC 7515, 5.2; RFC 7517, 4.5)."""
    key_type = {"R": "RSA", "E": "EC"}[token.algorithm[0]]
    named = [
        key
        for key in keys
        if token.key_id is not None and key.get("kid") == token.key_id and key.get("kty") == key_type
    ]
    if not named:
        raise _no_key()
    for key in named:
        if key.get("use", "sig") != "sig" or key.get("alg", token.algorithm) != token.algorithm:
            continue
        try:
            signed = jws.JWS()
            signed.allowed_algs = [token.algorithm]
            signed.deserialize(
                token.text, jwk.JWK(**{name: value for name, value in key.items() if isinstance(value, str)})
            )
        except JWException:
            continue
        return
    raise invalid("The web identity token that was passed could not be validated by AWS: its signature is not valid")


def _seconds(token: Token, claim: str) -> float | None:
    value = token.claims.get(claim)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise invalid(f"The claim {claim} is not a number of seconds")
    return value


def check_times(token: Token, now: float) -> None:
    """Refuse a token whose time is over (``exp``), or has not come (``nbf``, ``iat``)."""
    expires, issued, begins = (_seconds(token, claim) for claim in ("exp", "iat", "nbf"))
    for claim, value in (("exp", expires), ("iat", issued)):
        if value is None:
            raise invalid(f"Missing a required claim: {claim}")
    if now >= (expires or 0):
        text = (
            f"Token expired: current date/time {int(now)} must be before the expiration date/time {int(expires or 0)}"
        )
        raise AwsError("ExpiredTokenException", text)
    for claim, value in (("nbf", begins), ("iat", issued)):
        if value is not None and value > now + CLOCK_SKEW:
            raise invalid(f"The web identity token is not valid yet: its {claim} is {int(value)}, now is {int(now)}")


def audience_of(token: Token, provider: Provider) -> str:
    """Return the client id that a token is for: ``azp``, or else the only ``aud``; refuse all but the provider's."""
    claim = token.claims.get("aud")
    audiences = [claim] if isinstance(claim, str) else claim if isinstance(claim, list) else []
    party = token.claims.get("azp")
    if not audiences or not all(isinstance(item, str) and item for item in audiences):
        raise invalid("Missing a required claim: aud")
    if party is None and len(audiences) > 1:
        raise invalid("Incorrect token audience: the token has several audiences and no azp")
    audience = party if party is not None else audiences[0]
    if audience not in provider.client_ids:
        raise invalid("Incorrect token audience")
    return str(audience)


def verify(text: str, providers: Iterable[Provider], fetch: Fetch, now: float) -> WebIdentity:
    """Return what a token says when STS would accept it.

    Args:
        text: the token.
        providers: the OIDC providers of the role's account.
        fetch: gets the issuer's documents.
        now: the time, in seconds since 1970.

    Raises:
        AwsError: InvalidIdentityToken, ExpiredTokenException or IDPRejectedClaim, with STS's text.
    """
    token = parse(text)
    provider = provider_of(token, providers)
    try:
        keys = published_keys(provider.url, fetch)
    except FetchError as error:
        raise _no_key() from error
    verify_signature(token, keys)
    check_times(token, now)
    audience = audience_of(token, provider)
    subject = token.claims.get("sub")
    if not isinstance(subject, str) or not subject:
        raise invalid("Missing a required claim: sub")
    return WebIdentity(provider, subject, audience, token.claims)


def _values(claim: Json) -> tuple[str, ...] | None:
    items = claim if isinstance(claim, list) else [claim]
    return tuple(documents.strings(claim)) if all(isinstance(item, (str, int, float)) for item in items) else None


def condition_context(identity: WebIdentity, *, session_name: str) -> dict[str, tuple[str, ...]]:
    """Return the condition keys that a trust policy may test.

    Source: IAM User Guide, "Available keys for AWS OIDC federation": ``ISSUER:aud`` is ``azp`` where the token has one,
        and ``ISSUER:oaud`` is then the ``aud``; ``ISSUER:sub``, ``ISSUER:amr`` and ``ISSUER:email`` are the claims of
        these names.
    """
    prefix = identity.provider.key_prefix
    context: dict[str, tuple[str, ...]] = {f"{prefix}:aud": (identity.audience,), f"{prefix}:sub": (identity.subject,)}
    for claim, key in (("aud", "oaud"), ("amr", "amr"), ("email", "email")):
        values = _values(identity.claims.get(claim)) if claim in identity.claims else None
        if values is not None:
            context[f"{prefix}:{key}"] = values
    return context | {
        "sts:RoleSessionName": (session_name,),
        "aws:FederatedProvider": (identity.provider.arn,),
        "aws:SecureTransport": ("true",),
    }


def not_authorized() -> AwsError:
    """Return the refusal of an identity that the trust policy does not let in, or of a missing role (403)."""
    return access_denied("Not authorized to perform sts:AssumeRoleWithWebIdentity")
