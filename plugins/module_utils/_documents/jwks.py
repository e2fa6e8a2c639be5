# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Public keys as a JSON Web Key Set. PRIVATE to the collection: it may change without notice.

The set equals, byte for byte, what kube-apiserver serves for the same keys in the same order (C(openIDKeysetJSON) in
Kubernetes' C(pkg/serviceaccount/openidmetadata.go)), so that a difference between the two is a difference of keys.
"""

from __future__ import annotations

import json
import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._documents.jwk_rules import PRIVATE_MEMBERS, jwk_problem
from ansible_collections.onprem.irsa.plugins.module_utils._documents.pem import (
    PUBLIC_KEY,
    PemBlock,
    der_of,
    kid_from_spki,
    public_blocks,
)
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError

try:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
    from jwcrypto.common import JWException
    from jwcrypto.jwk import JWK
except ImportError as error:
    IMPORT_ERROR: ImportError | None = error
else:
    IMPORT_ERROR = None

# A public JSON Web Key (RFC 7517): strings alone, in the order in which the API server writes them.
Jwk = dict[str, str]

_FIELDS = ("use", "kty", "kid", "crv", "alg", "x", "y", "n", "e")  # go-jose, rawJSONWebKey
_CURVE_ALGORITHMS = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}  # RFC 7518 section 3.4
_MIN_RSA_BITS = 2048  # RFC 7518 section 3.3


def go_json(value: object) -> str:
    r"""Return the JSON that Go's C(json.Marshal) makes of a value: compact, with <, > and & as C(\u003c) and so on."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _load(block: PemBlock, source: str) -> rsa.RSAPublicKey | ec.EllipticCurvePublicKey:
    text = block.text.encode("utf-8")
    try:
        if block.label == PUBLIC_KEY:
            key: t.Any = load_pem_public_key(text)
        else:
            key = x509.load_pem_x509_certificate(text).public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InputError(
            f"{source}: a {block.label} block holds no public key that can be read.",
            fix="Restore the file from an intact copy.",
        ) from error
    if not isinstance(key, (rsa.RSAPublicKey, ec.EllipticCurvePublicKey)):
        raise InputError(
            f"{source}: the key is neither RSA nor ECDSA, the only kinds that kube-apiserver signs with.",
            fix="Use an RSA key of 2048 bits or more, or an ECDSA key on P-256, P-384 or P-521.",
        )
    return key


def _refuse_weak(jwk: Jwk, key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey, source: str) -> None:
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < _MIN_RSA_BITS:
        raise InputError(
            f"{source}: the RSA key {jwk['kid']} has {key.key_size} bits; RS256 asks for {_MIN_RSA_BITS} (RFC 7518).",
            fix="Rotate the cluster's service-account key to one of 2048 bits or more.",
        )
    if isinstance(key, ec.EllipticCurvePublicKey) and jwk["alg"] == "":
        raise InputError(
            f"{source}: the ECDSA key {jwk['kid']} is on the curve {key.curve.name}; kube-apiserver accepts P-256, "
            "P-384 and P-521.",
            fix="Rotate the cluster's service-account key to one on P-256, or to RSA.",
        )


def _jwk(block: PemBlock, source: str) -> Jwk:
    key = _load(block, source)
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if block.label == PUBLIC_KEY and spki != der_of(block, source=source):
        raise InputError(
            f"{source}: the public key is not in the plain encoding of RFC 5280 (RSA-PSS, or a compressed point), "
            "which kube-apiserver silently ignores.",
            fix="Write the public key again with `openssl pkey -in PRIVATE_KEY -pubout`.",
        )
    parts: Jwk = json.loads(JWK.from_pyca(key).export_public())
    algorithm = "RS256" if isinstance(key, rsa.RSAPublicKey) else _CURVE_ALGORITHMS.get(parts["crv"], "")
    parts = {**parts, "use": "sig", "kid": kid_from_spki(spki), "alg": algorithm}
    _refuse_weak(parts, key, source)
    return {name: parts[name] for name in _FIELDS if name in parts}


def jwks_from_pems(pems: t.Iterable[tuple[str, str]]) -> list[Jwk]:
    """Return the public keys of PEM texts as JWKs, each key once, in the order in which the texts hold them.

    Each text comes with a name for messages, and may hold several public keys and X.509 certificates. Raises
    InputError for a text without one, for one that does not parse, and for a key that kube-apiserver or a relying
    party does not take: other kinds than RSA and ECDSA, RSA under 2048 bits, curves besides P-256, P-384 and P-521.
    """
    keys: dict[str, Jwk] = {}
    for source, text in pems:
        for block in public_blocks(text, source=source):
            jwk = _jwk(block, source)
            keys.setdefault(jwk["kid"], jwk)
    return list(keys.values())


def served_keys(keys: t.Iterable[t.Mapping[str, t.Any]]) -> list[Jwk]:
    """Return keys as an API server serves them, as they are, with the algorithm of their kind where they name none.

    Their ids are its own: with an external signer they are not those that Kubernetes makes of a key. Raises InputError
    for a key without an id, or one that AWS does not take.
    """
    found = []
    for key in keys:
        problem = jwk_problem(key) if key.get("kid") else "has no kid, by which tokens name it"
        if problem:
            raise InputError(
                f"The key {key.get('kid', '')} that the API server serves {problem}.".replace("  ", " "),
                fix="Rotate the cluster's service-account key to one that AWS takes: RSA of 2048 bits or more, or "
                "ECDSA on P-256.",
            )
        algorithm = "RS256" if key["kty"] == "RSA" else _CURVE_ALGORITHMS[key["crv"]]
        found.append({"alg": algorithm, **key} if "alg" not in key else {**key})
    return found


def jwks_document(keys: t.Sequence[Jwk]) -> str:
    """Return the JWKS document of keys: one line of JSON without a line end, as the API server serves it."""
    return go_json({"keys": list(keys)})


def kids_of_document(text: str) -> list[str]:
    """Return the key ids that a JWKS document holds, in order; none for a text that is not a JWKS, as a reader sees
    it."""
    try:
        keys = json.loads(text.removeprefix("\ufeff"))["keys"]
        return [key["kid"] for key in keys if isinstance(key.get("kid"), str)]
    except (ValueError, TypeError, KeyError, AttributeError):
        return []


def is_key_set(text: str) -> bool:
    """Tell whether a text is a JWKS document, also one without any key."""
    try:
        return isinstance(json.loads(text.removeprefix("\ufeff"))["keys"], list)
    except (ValueError, TypeError, KeyError):
        return False


def keys_of_document(text: str) -> list[Jwk]:
    """Return the public keys that a JWKS document holds, as they are; none for a text that is not a JWKS.

    What a relying party cannot verify with is left out, and so are the private parts of a key (RFC 7518 section 6).
    """
    try:
        found = json.loads(text.removeprefix("\ufeff"))["keys"]
        keys = [key for key in found if isinstance(key, dict) and key.get("kty") in ("RSA", "EC")]
    except (ValueError, TypeError, KeyError):
        return []
    return [{name: value for name, value in key.items() if name not in PRIVATE_MEMBERS} for key in keys]


def _name(key: Jwk) -> str:
    """Return the key id, which for a key without one is what the API server would call it."""
    if isinstance(key.get("kid"), str) and key["kid"]:
        return key["kid"]
    try:
        public = load_pem_public_key(JWK(**key).export_to_pem())
        return kid_from_spki(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    except (ValueError, TypeError, JWException):
        return ""


def check_published(text: str, *, source: str, retired: t.Collection[str] = ()) -> None:
    """Raise InputError for a published JWKS document of which not every key can be read: it must not be written over.

    An empty text, an object without keys and an empty list hold none. A key can be read when it has an id, or is one
    of RSA or EC that gives it one; RETIRED are the ids of those that need not be.
    """
    document = published_object(text, source=source)
    found = document.get("keys")
    if not isinstance(found, list) and found is not None:
        raise _unreadable(source, "its keys are no list")
    for number, key in enumerate(found or [], start=1):
        if not isinstance(key, dict):
            raise _unreadable(source, f"its key {number} is not a JSON object")
        name = _name(key)
        if name in retired:
            continue
        if key.get("kty") not in ("RSA", "EC"):
            raise _unreadable(source, f"its key {name or number} is of the kind {key.get('kty')!r}, not RSA or EC")
        if not name:
            raise _unreadable(source, f"its key {number} has no kid, and does not make a public key either")


def published_object(text: str, *, source: str) -> dict[str, t.Any]:
    """Return the JSON object of a published document, which SOURCE names; an empty one for an empty text.

    A byte-order mark in front is ignored (RFC 8259 section 8.1). Raises InputError for what cannot be read: AWS
    may read it, or somebody is just writing it.
    """
    if not text.strip("\ufeff \t\r\n"):
        return {}
    try:
        document = json.loads(text.removeprefix("\ufeff"), object_pairs_hook=_once)
    except ValueError as error:
        page = "it is an HTML page" if "<html" in text[:1000].lower() else f"it is not JSON: {error}"
        raise _unreadable(source, page) from error
    if not isinstance(document, dict):
        raise _unreadable(source, "it is JSON, but not an object")
    return document


def _once(pairs: list[tuple[str, t.Any]]) -> dict[str, t.Any]:
    names = [name for name, _value in pairs]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ValueError(f"{twice[0]!r} appears twice in one object")
    return dict(pairs)


def _unreadable(source: str, why: str) -> InputError:
    return InputError(
        f"{source} exists and cannot be read: {why}. Keys in it would be lost, so it is not overwritten.",
        fix="Correct it, retire the key by its id, or, if nobody uses the document any longer, remove it. A host "
        "that answers every path with a page must answer 404 here until the documents are there.",
    )


def kept_keys(wanted: str, published: str, retired: t.Collection[str]) -> list[Jwk]:
    """Return the keys of a published JWKS document that stay in addition to those of the wanted one, in their order.

    All do that are not retired by their key ids. Some guides publish a key twice, once without its id: it is the same.
    """
    gone = {"", *retired, *map(_name, keys_of_document(wanted))}
    return [key for key in keys_of_document(published) if _name(key) not in gone]


__all__: t.Final = (
    "IMPORT_ERROR",
    "Jwk",
    "check_published",
    "go_json",
    "is_key_set",
    "jwks_document",
    "jwks_from_pems",
    "kept_keys",
    "keys_of_document",
    "kids_of_document",
    "published_object",
    "served_keys",
)
