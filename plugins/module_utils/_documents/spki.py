# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Of which kind a public key is, with the standard library alone. PRIVATE: it may change without notice.

Pure. Reads the DER of a SubjectPublicKeyInfo (RFC 5280 section 4.1, RFC 8017 appendix A.1, RFC 5480 section 2.1.1) as
far as kube-apiserver cares: it signs with RSA, and with ECDSA on three curves (signerFromRSAPrivateKey and
signerFromECDSAPrivateKey in Kubernetes' pkg/serviceaccount/jwt.go). Runs on managed hosts.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError

_SEQUENCE, _INTEGER, _BITS, _OCTETS, _OID = 0x30, 0x02, 0x03, 0x04, 0x06
_UNCOMPRESSED = 0x04  # SEC 1 section 2.3.3
_RSA = bytes.fromhex("2a864886f70d010101")
_EC = bytes.fromhex("2a8648ce3d0201")
_CURVES: t.Final = {
    bytes.fromhex("2a8648ce3d030107"): "P-256",
    bytes.fromhex("2b81040022"): "P-384",
    bytes.fromhex("2b81040023"): "P-521",
}
_LONG_FORM = 0x80
_MIN_RSA_BITS = 2048  # RFC 7518 section 3.3


@dataclass(frozen=True)
class KeyKind:
    """The kind of a key: RSA with its bits, or EC with its curve."""

    type: t.Literal["RSA", "EC"]
    bits: int = 0
    curve: str = ""

    def __str__(self) -> str:
        """Return it as people name it."""
        return f"RSA {self.bits}" if self.type == "RSA" else f"EC {self.curve}"


def kind_of(spki: bytes, *, source: str) -> KeyKind:
    """Return the kind of a public key; source names it in messages.

    Raises InputError for what is no SubjectPublicKeyInfo, and for a kind that kube-apiserver does not sign with, or
    that is too weak: RS256 takes 2048 bits (RFC 7518 section 3.3).
    """
    try:
        kind = _kind(spki)
    except (IndexError, ValueError) as error:
        raise InputError(
            f"{source}: the bytes of the public key are not a plain SubjectPublicKeyInfo (RFC 5280), or its point is "
            "compressed, which kube-apiserver silently ignores.",
            fix="Restore the file from an intact copy, or write it with `openssl pkey -in PRIVATE_KEY -pubout`.",
        ) from error
    if kind is None:
        raise InputError(
            f"{source}: the key is neither RSA nor ECDSA on P-256, P-384 or P-521, the only kinds that kube-apiserver "
            "signs with.",
            fix="Use an RSA key of 2048 bits or more, or an ECDSA key on one of these curves.",
        )
    if kind.type == "RSA" and kind.bits < _MIN_RSA_BITS:
        raise InputError(
            f"{source}: the RSA key has {kind.bits} bits; RS256 asks for {_MIN_RSA_BITS} (RFC 7518).",
            fix="Use a key of 2048 bits or more.",
        )
    return kind


def _kind(spki: bytes) -> KeyKind | None:
    whole, rest = _take(spki, _SEQUENCE)
    if rest:
        raise ValueError("bytes after the key")
    algorithm, key = _take(whole, _SEQUENCE)
    name, parameters = _take(algorithm, _OID)
    bits, _rest = _take(key, _BITS)
    if name == _RSA:
        numbers, _rest = _take(bits[1:], _SEQUENCE)
        modulus, _exponent = _take(numbers, _INTEGER)
        return KeyKind("RSA", bits=int.from_bytes(modulus, "big").bit_length())
    if name == _EC and parameters[:1] == bytes([_OID]):
        curve, _rest = _take(parameters, _OID)
        if bits[1] != _UNCOMPRESSED:
            raise ValueError("a compressed point")
        return KeyKind("EC", curve=_CURVES[curve]) if curve in _CURVES else None
    return None


def check_private(der: bytes, *, pkcs8: bool, source: str) -> None:
    """Raise InputError for the bytes of an EC private key that openssl reads and Go does not (x509.ParseECPrivateKey).

    pkcs8: whether they are wrapped as RFC 5208 has it; or else they are as RFC 5915 has them.
    """
    try:
        content, _rest = _take(der, _SEQUENCE)
        if pkcs8:
            _version, content = _take(content, _INTEGER)
            algorithm, content = _take(content, _SEQUENCE)
            name, _parameters = _take(algorithm, _OID)
            if name != _EC:
                return
            wrapped, _rest = _take(content, _OCTETS)
            content, _rest = _take(wrapped, _SEQUENCE)
        version, _rest = _take(content, _INTEGER)
    except (IndexError, ValueError):
        version = b""
    if version != b"\1":
        raise InputError(
            f"{source}: the private key is not one of RFC 5915, whose version is 1: kube-apiserver does not start "
            "with it.",
            fix="Restore the file from an intact copy.",
        )


def _take(data: bytes, tag: int) -> tuple[bytes, bytes]:
    """Return the content of the element in front, which must have this tag, and what follows it (X.690 section 8.1)."""
    if data[0] != tag:
        raise ValueError(f"tag {data[0]:#x} where {tag:#x} is expected")
    length, start = data[1], 2
    if length & _LONG_FORM:
        start += length & ~_LONG_FORM
        length = int.from_bytes(data[2:start], "big")
    if start + length > len(data):
        raise ValueError("an element is cut off")
    return data[start : start + length], data[start + length :]


__all__: t.Final = ("KeyKind", "check_private", "kind_of")
