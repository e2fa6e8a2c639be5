# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of a published key. PRIVATE to the collection: it may change without notice.

Pure. Libraries take many keys that break them, and AWS STS does not: its tokens are refused (InvalidIdentityToken).
Sources: RFC 7517 section 4 (JWK), RFC 7518 section 6 (RSA and EC keys), RFC 7515 section 2 (base64url).
"""

from __future__ import annotations

import base64
import re
import typing as t

try:
    from jwcrypto.common import JWException
    from jwcrypto.jwk import JWK
except ImportError as error:
    IMPORT_ERROR: ImportError | None = error
else:
    IMPORT_ERROR = None

Key = t.Mapping[str, t.Any]

# The members that make a key, and those that say what it is for.
_MATERIAL = ("kty", "n", "e", "crv", "x", "y")
MEMBERS: t.Final = (*_MATERIAL, "alg", "use", "key_ops")
# IAM User Guide, "Create an OpenID Connect (OIDC) identity provider".
MAX_KEYS_OF_A_KIND: t.Final = 100

PRIVATE_MEMBERS: t.Final = ("d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv")
_MIN_RSA_BITS = 2048  # RFC 7518 section 3.3
_RSA_ALGORITHMS = ("RS256", "RS384", "RS512")
_CURVES = {"P-256": (32, "ES256"), "P-384": (48, "ES384"), "P-521": (66, "ES512")}  # RFC 7518 sections 3.4, 6.2.1
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+")


def jwk_problem(key: Key) -> str:
    """Return the first rule that a published key breaks, to follow its name; an empty text for a good one."""
    return next((problem for problem in (_purpose(key), _kind(key)) if problem), "")


def private_values(keys: t.Iterable[Key]) -> set[str]:
    """Return what is private in keys, for who shows what it was given: nobody should find it there."""
    return {str(key[name]) for key in keys for name in PRIVATE_MEMBERS if key.get(name)}


def _purpose(key: Key) -> str:
    private = [name for name in PRIVATE_MEMBERS if name in key]
    if private:
        return f"is published with its private part ({', '.join(private)}): everybody can sign with it"
    if key.get("use", "sig") != "sig":
        return f"has the use {key['use']!r}; a signing key has sig or none (RFC 7517 section 4.2)"
    operations = key.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        return f"has the key_ops {operations!r}, without verify (RFC 7517 section 4.3)"
    return ""


def _kind(key: Key) -> str:
    kind = key.get("kty")
    if kind == "RSA":
        return _algorithm(key, _RSA_ALGORITHMS) or _modulus(key.get("n")) or _exponent(key.get("e"))
    if kind == "EC":
        return _point(key)
    return f"is of the kind {kind!r}; AWS accepts RSA and EC"


def _algorithm(key: Key, known: t.Collection[str]) -> str:
    if key.get("alg", next(iter(known))) in known:
        return ""
    return f"has the alg {key['alg']!r}; of a key of its kind that is {' or '.join(known)} (RFC 7518 section 3.1)"


def _encoding(name: str, value: object) -> str:
    """Say how a value breaks the rules of base64url without padding."""
    if value is None or value == "":
        return f"has no {name}"
    if not isinstance(value, str):
        return f"has no {name} as text, but {value!r} (RFC 7515 section 2: base64url)"
    if value.endswith("="):
        return f"has padding (=) in {name} (RFC 7515 section 2: base64url without it)"
    if _BASE64URL.fullmatch(value) is None or base64.urlsafe_b64encode(_octets(value)).rstrip(b"=").decode() != value:
        return f"has characters in {name} that are not base64url (RFC 7515 section 2: letters, digits, - and _)"
    return ""


def _octets(value: str) -> bytes:
    """Return what a base64url text encodes; none of it for a length that no text has."""
    return b"" if len(value) % 4 == 1 else base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))


def _number(name: str, value: object) -> str:
    """Say how a value breaks the rules of Base64urlUInt (RFC 7518 section 2)."""
    problem = _encoding(name, value)
    if not problem and _octets(str(value)).startswith(b"\0"):
        problem = (
            f"has a zero octet in front of {name} (RFC 7518 section 6.3.1: the fewest octets; Java's "
            "BigInteger.toByteArray() adds one)"
        )
    return problem


def _modulus(value: object) -> str:
    problem = _number("n", value)
    if problem:
        return problem
    number = int.from_bytes(_octets(str(value)), "big")
    if number.bit_length() < _MIN_RSA_BITS:
        return f"has {number.bit_length()} bits; RS256 asks for {_MIN_RSA_BITS} (RFC 7518 section 3.3)"
    return "" if number % 2 else "has an even n, which no RSA key has: another encoding than base64url, such as hex"


def _exponent(value: object) -> str:
    problem = _number("e", value)
    if problem:
        return problem
    number = int.from_bytes(_octets(str(value)), "big")
    return "" if number > 1 and number % 2 else f"has the exponent {number}, which no RSA key has"


def _point(key: Key) -> str:
    curve = key.get("crv")
    if not isinstance(curve, str) or curve not in _CURVES:
        return f"has the curve {curve!r}; AWS accepts {', '.join(_CURVES)} (RFC 7518 section 6.2.1.1)"
    octets, algorithm = _CURVES[curve]
    problem = _algorithm(key, (algorithm,)) or _encoding("x", key.get("x")) or _encoding("y", key.get("y"))
    if problem:
        return problem
    for name in "xy":
        found = len(_octets(key[name]))
        if found != octets:
            return (
                f"has {found} octets in {name}; on {curve} it is {octets}, with zeros in front (RFC 7518 section 6.2.1)"
            )
    try:
        JWK(kty="EC", crv=curve, x=key["x"], y=key["y"]).get_op_key("verify")
    except (JWException, ValueError):
        return f"is not a point on its curve {curve}"
    return ""


def too_many(keys: t.Iterable[Key]) -> str:
    """Say of which kind there are more keys in a set than AWS takes; an empty text for a set that it takes."""
    kinds = [key.get("kty") for key in keys]
    counts = {kind: kinds.count(kind) for kind in ("RSA", "EC")}
    return ", ".join(f"{count} {kind} keys" for kind, count in counts.items() if count > MAX_KEYS_OF_A_KIND)


def is_same(key: Key, other: Key) -> bool:
    """Tell whether two keys are one, whatever is said of what they are for."""
    return all(key.get(name) == other.get(name) for name in _MATERIAL)


def difference(key: Key, other: Key) -> str:
    """Return the members in which two keys of one id differ, separated by commas; an empty text for equal ones."""
    return ", ".join(name for name in MEMBERS if key.get(name) != other.get(name))


__all__: t.Final = (
    "IMPORT_ERROR",
    "MAX_KEYS_OF_A_KIND",
    "MEMBERS",
    "PRIVATE_MEMBERS",
    "difference",
    "is_same",
    "jwk_problem",
    "private_values",
    "too_many",
)
