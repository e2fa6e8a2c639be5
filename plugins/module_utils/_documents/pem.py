# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""PEM texts and key ids, with the standard library alone. PRIVATE to the collection: it may change without notice.

Runs on managed hosts, which need no cryptography library. No message of this file ever quotes what a PEM block holds.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import typing as t
from dataclasses import dataclass, field

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError

# The SHA-256 of a public key in base64url without padding (keyIDFromPublicKey in pkg/serviceaccount of Kubernetes).
KEY_ID: t.Final = re.compile("[A-Za-z0-9_-]{43}")
# RFC 7468 section 2, with the line ends of any platform and the headers of RFC 1421 that old encrypted keys carry.
_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----[ \t]*\r?\n(.*?)-----END \1-----", re.DOTALL)

PUBLIC_KEY = "PUBLIC KEY"
CERTIFICATE = "CERTIFICATE"
PUBLIC_LABELS = (PUBLIC_KEY, CERTIFICATE)
PRIVATE_LABELS = ("PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY")
_HARMLESS_LABELS = ("EC PARAMETERS",)  # what `openssl ecparam -genkey` writes in front of a key


@dataclass(frozen=True)
class PemBlock:
    """One PEM block: its label (C(PUBLIC KEY)) and its text, which C(repr) hides because it may be private."""

    label: str
    text: str = field(repr=False)

    @property
    def is_public(self) -> bool:
        """Whether the block holds a public key or a certificate and may leave the host."""
        return self.label in PUBLIC_LABELS

    @property
    def is_private(self) -> bool:
        """Whether the block holds an unencrypted private key of a kind that the API server reads."""
        return self.label in PRIVATE_LABELS


def pem_blocks(text: str) -> list[PemBlock]:
    """Return the PEM blocks of a text in their order; what stands between them is not part of them (RFC 7468)."""
    return [PemBlock(label=found[1], text=found[0] + "\n") for found in _BLOCK.finditer(text)]


def der_of(block: PemBlock, *, source: str) -> bytes:
    """Return the bytes that a block encodes; source names the text in the InputError for a broken one."""
    lines = block.text.splitlines()[1:-1]
    try:
        return base64.b64decode("".join("".join(lines).split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InputError(
            f"{source}: a {block.label} block is not base64 inside, as a PEM block must be (RFC 7468).",
            fix="Restore the file from an intact copy.",
        ) from error


def public_blocks(text: str, *, source: str) -> list[PemBlock]:
    """Return the public keys and certificates of a text, in order; source names the text in messages.

    Raises InputError when there is none, or when one of them is broken: kube-apiserver ignores a broken block
    without a word, and tokens signed by its key would be refused.
    """
    every = pem_blocks(text)
    for block in every:
        if block.label not in (*PUBLIC_LABELS, *PRIVATE_LABELS, *_HARMLESS_LABELS):
            raise InputError(
                f"{source}: holds a PEM block {block.label}, whose form Kubernetes has to guess.",
                fix=f"Convert it to {PUBLIC_KEY}, for example with `openssl rsa -RSAPublicKey_in -in FILE -pubout`.",
            )
    if text.count("-----BEGIN ") != len(every):
        raise InputError(f"{source}: holds a PEM block without its end.", fix="Restore the file from an intact copy.")
    blocks = [block for block in every if block.is_public]
    if not blocks:
        raise InputError(
            f"{source}: holds no whole PEM block of a public key ({' or '.join(PUBLIC_LABELS)}).",
            fix="Name a file that `openssl pkey -pubin -in FILE -noout` or `openssl x509 -in FILE -noout` reads.",
        )
    for block in blocks:
        der_of(block, source=source)
    return blocks


def kid_from_spki(der: bytes) -> str:
    """Return the key id of a public key (DER of its SubjectPublicKeyInfo) as Kubernetes computes it.

    The unpadded base64url of the SHA-256 of the DER: C(keyIDFromPublicKey) in Kubernetes' C(pkg/serviceaccount/jwt.go).
    """
    return base64.urlsafe_b64encode(hashlib.sha256(der).digest()).rstrip(b"=").decode("ascii")


def kid_from_public_pem(text: str, *, source: str) -> str:
    """Return the key id of the one C(PUBLIC KEY) block in a text, such as C(openssl pkey -pubout) prints."""
    blocks = [block for block in public_blocks(text, source=source) if block.label == PUBLIC_KEY]
    if len(blocks) != 1:
        raise InputError(
            f"{source}: holds {len(blocks)} {PUBLIC_KEY} blocks where exactly one is expected.",
            fix="Name a file with one public key.",
        )
    return kid_from_spki(der_of(blocks[0], source=source))


__all__: t.Final = (
    "CERTIFICATE",
    "KEY_ID",
    "PRIVATE_LABELS",
    "PUBLIC_KEY",
    "PUBLIC_LABELS",
    "PemBlock",
    "der_of",
    "kid_from_public_pem",
    "kid_from_spki",
    "pem_blocks",
    "public_blocks",
)
