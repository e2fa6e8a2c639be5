# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's certificate authority and the server's certificate, kept in one directory and used again."""

from __future__ import annotations

import argparse
import os
import ssl
import typing as t
from datetime import datetime, timedelta, timezone
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from .hosts import certificate_names

if t.TYPE_CHECKING:
    from collections.abc import Sequence

CA_CERTIFICATE = "ca.pem"
CA_KEY = "ca.key"
CERTIFICATE = "server.pem"
KEY = "server.key"
_LIFETIME = timedelta(days=3650)
_RENEW_BEFORE = timedelta(days=30)


def _write(path: Path, content: bytes, mode: int) -> None:
    """Put a file in place whole: its mode holds from its first byte, and a reader never sees half of it."""
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
    part.replace(path)


def _key_bytes(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _builder(subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(timezone.utc)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _make_authority(directory: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, f"onprem.irsa lab CA {x509.random_serial_number():x}"[:64])]
    )
    certificate = (
        _builder(name, name, key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(authority=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    _write(directory / CA_KEY, _key_bytes(key), 0o600)
    _write(directory / CA_CERTIFICATE, certificate.public_bytes(serialization.Encoding.PEM), 0o644)
    return certificate, key


def _authority(directory: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    try:
        key = serialization.load_pem_private_key((directory / CA_KEY).read_bytes(), None)
        certificate = x509.load_pem_x509_certificate((directory / CA_CERTIFICATE).read_bytes())
    except (FileNotFoundError, ValueError):
        return _make_authority(directory)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        return _make_authority(directory)
    return certificate, key


def _is_current(directory: Path, names: Sequence[str], authority: x509.Certificate) -> bool:
    try:
        leaf = x509.load_pem_x509_certificate((directory / CERTIFICATE).read_bytes())
        leaf.verify_directly_issued_by(authority)
        found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (FileNotFoundError, ValueError, TypeError, x509.ExtensionNotFound):
        return False
    except Exception as error:  # cryptography raises InvalidSignature, which has no common root
        if type(error).__name__ != "InvalidSignature":
            raise
        return False
    fresh = leaf.not_valid_after_utc - datetime.now(timezone.utc) > _RENEW_BEFORE
    return fresh and found.get_values_for_type(x509.DNSName) == list(names) and (directory / KEY).exists()


def ensure(directory: Path, names: Sequence[str]) -> None:
    """Have a certificate authority and a server certificate for these DNS names in a directory.

    The files: ``ca.pem`` (0644), ``ca.key`` (0600), ``server.pem`` with its chain (0644), ``server.key`` (0600). What
    is there and still fits stays; the authority stays as long as its key and certificate belong together, so what
    trusts it goes on trusting it.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    authority, authority_key = _authority(directory)
    if _is_current(directory, names, authority):
        return
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    certificate = (
        _builder(subject, authority.subject, key.public_key())
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    _write(directory / KEY, _key_bytes(key), 0o600)
    chain = certificate.public_bytes(serialization.Encoding.PEM) + authority.public_bytes(serialization.Encoding.PEM)
    _write(directory / CERTIFICATE, chain, 0o644)


def server_context(directory: Path) -> ssl.SSLContext:
    """Return what the server speaks TLS with."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(directory / CERTIFICATE, directory / KEY)
    return context


def client_context(directory: Path) -> ssl.SSLContext:
    """Return what the server's own fetches trust: the system's authorities and the lab's."""
    context = ssl.create_default_context()
    context.load_verify_locations(directory / CA_CERTIFICATE)
    return context


def main() -> None:
    """``python -m lab_aws.tls``: make the files for the endpoints of one region, for another server."""
    parser = argparse.ArgumentParser(prog="lab_aws.tls", description="Make an authority and a server's certificate")
    parser.add_argument("--state", type=Path, required=True, help="directory of the files")
    parser.add_argument("--region", required=True, help="region whose endpoints the server has")
    arguments = parser.parse_args()
    ensure(arguments.state, certificate_names([arguments.region]))


if __name__ == "__main__":
    main()
