# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys for tests: as many ECDSA and public RSA keys as wanted, and one RSA key pair, which takes its time."""

from __future__ import annotations

import functools
import typing as t
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

VECTORS: t.Final = Path(__file__).parent / "data" / "kube-apiserver-v1.34.4"
CURVES: t.Final[dict[str, ec.EllipticCurve]] = {
    "P-256": ec.SECP256R1(),
    "P-384": ec.SECP384R1(),
    "P-521": ec.SECP521R1(),
}

PublicKey = t.Union[rsa.RSAPublicKey, ec.EllipticCurvePublicKey]
PrivateKey = t.Union[rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey]


def ec_key(number: int, curve: str = "P-256") -> ec.EllipticCurvePrivateKey:
    """Return the private key with this number: the same one each time."""
    return ec.derive_private_key(number, CURVES[curve])


@functools.cache
def rsa_key() -> rsa.RSAPrivateKey:
    """Return an RSA key, which is made when first asked for."""
    return rsa.generate_private_key(65537, 2048)


def rsa_public_key(number: int, bits: int = 2048) -> rsa.RSAPublicKey:
    """Return a public key with this number in its modulus; nobody has its private key, if there is one."""
    return rsa.RSAPublicNumbers(65537, 1 << bits - 1 | number << 1 | 1).public_key()


def public_pem(key: PrivateKey | PublicKey) -> str:
    public = key if isinstance(key, (rsa.RSAPublicKey, ec.EllipticCurvePublicKey)) else key.public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def private_pem(key: PrivateKey, form: PrivateFormat = PrivateFormat.PKCS8) -> str:
    return key.private_bytes(Encoding.PEM, form, NoEncryption()).decode()
