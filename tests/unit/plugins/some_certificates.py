# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates for tests, and Secrets that hold them."""

from __future__ import annotations

import functools
import typing as t
from base64 import b64encode
from datetime import datetime, timedelta, timezone

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from .some_keys import ec_key

NOW: t.Final = datetime(2026, 1, 31, 12, tzinfo=timezone.utc)
HOST: t.Final = "pod-identity-webhook.pod-identity-webhook.svc"


def _builder(name: str, key: int, begin: datetime, days: float) -> x509.CertificateBuilder:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(ec_key(key).public_key())
        .serial_number(1000 + key)
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=days))
    )


@functools.cache  # an ECDSA signature is another each time
def authority(
    key: int = 1, *, begin: datetime = NOW, days: float = 3650, signer: int | None = None
) -> x509.Certificate:
    """Return a certificate authority with this key, signed by itself or the key SIGNER; all have the same name."""
    made = _builder("CA", key, begin, days).issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "CA")]))
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=0 if signer else 1), critical=True)
    return made.sign(ec_key(signer or key), hashes.SHA256())


def leaf(
    signer: int = 1, key: int = 11, *, begin: datetime = NOW, days: float = 365, host: str = HOST
) -> x509.Certificate:
    """Return a certificate for a host, signed by the authority with the key SIGNER."""
    made = _builder("leaf", key, begin, days).issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "CA")]))
    if host:
        made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
    return made.sign(ec_key(signer), hashes.SHA256())


def pem(certificate: x509.Certificate) -> str:
    """Return a certificate as PEM."""
    return certificate.public_bytes(Encoding.PEM).decode()


def encoded(*certificates: x509.Certificate) -> str:
    """Return certificates as a caBundle."""
    return b64encode("".join(map(pem, certificates)).encode()).decode()


def secret(certificate: x509.Certificate, key: int, *authorities: x509.Certificate) -> dict[str, str]:
    """Return the data of a Secret with a certificate and the private key with this number."""
    private = ec_key(key).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    data = {"tls.crt": encoded(certificate), "tls.key": b64encode(private).decode()}
    return {**data, "ca.crt": encoded(*authorities)} if authorities else data
