# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import hashlib
import re
import shutil
import subprocess
import typing as t

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PrivateFormat, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.onprem.irsa.plugins.module_utils._documents.pem import (
    der_of,
    kid_from_public_pem,
    kid_from_spki,
    pem_blocks,
    public_blocks,
)
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.tests.unit.plugins.some_keys import (
    CURVES,
    VECTORS,
    ec_key,
    private_pem,
    public_pem,
    rsa_key,
)

if t.TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec

PUBLIC = public_pem(ec_key(1))
PRIVATE = private_pem(ec_key(1))
PARAMETERS = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"

keys = st.builds(ec_key, st.integers(1, 2**200), st.sampled_from(sorted(CURVES)))


@given(keys)
def test_the_kid_is_the_hash_of_the_public_key(key: ec.EllipticCurvePrivateKey) -> None:
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    expected = base64.urlsafe_b64encode(hashlib.sha256(spki).digest()).decode().rstrip("=")
    assert kid_from_public_pem(public_pem(key), source="a test") == expected == kid_from_spki(spki)


def openssl(*words: str, data: bytes) -> bytes:
    command = [shutil.which("openssl") or "openssl", *words]
    return subprocess.run(command, input=data, capture_output=True, check=True).stdout  # noqa: S603 -- words of ours


def test_the_kid_is_what_openssl_computes() -> None:
    pem = (VECTORS / "3-p521.pub").read_bytes()
    digest = openssl("dgst", "-sha256", "-binary", data=openssl("pkey", "-pubin", "-outform", "DER", data=pem))
    expected = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    assert kid_from_public_pem(pem.decode(), source="a test") == expected


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_blocks_are_found_in_order_between_other_text(end: str) -> None:
    text = f"comment\n{PARAMETERS}{PRIVATE}more\n{PUBLIC}".replace("\n", end)
    blocks = pem_blocks(text)
    assert [block.label for block in blocks] == ["EC PARAMETERS", "PRIVATE KEY", "PUBLIC KEY"]
    assert [block.is_public for block in blocks] == [False, False, True]
    assert [block.is_private for block in blocks] == [False, True, False]
    assert kid_from_spki(der_of(blocks[2], source="a test")) == kid_from_public_pem(PUBLIC, source="a test")


def test_only_public_blocks_leave_a_text_with_private_ones() -> None:
    text = (
        PARAMETERS + PRIVATE + PUBLIC + private_pem(rsa_key(), PrivateFormat.TraditionalOpenSSL) + public_pem(rsa_key())
    )
    found = public_blocks(text, source="a test")
    assert [block.text for block in found] == [PUBLIC, public_pem(rsa_key())]


def test_a_private_block_does_not_show_itself() -> None:
    assert PRIVATE.splitlines()[1] not in repr(pem_blocks(PRIVATE))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no whole PEM block"),
        ("hello", "no whole PEM block"),
        (PRIVATE, "no whole PEM block"),
        (PUBLIC[:-10], "without its end"),
        (PUBLIC.replace("-----END PUBLIC KEY-----\n", "") + PUBLIC, "without its end"),
        (PUBLIC + PRIVATE[:-10], "without its end"),
        (PUBLIC.replace("M", "*"), "not base64"),
        (PUBLIC.replace("PUBLIC", "RSA PUBLIC"), "RSA PUBLIC KEY"),
        (PUBLIC + PRIVATE.replace("PRIVATE", "ENCRYPTED PRIVATE"), "ENCRYPTED PRIVATE KEY"),
    ],
)
def test_what_holds_no_public_key_is_refused_by_name(text: str, says: str) -> None:
    with pytest.raises(InputError, match=says) as refused:
        public_blocks(text, source="/etc/kubernetes/pki/sa.pub")
    assert "/etc/kubernetes/pki/sa.pub" in str(refused.value)
    assert refused.value.fix


def mutated(text: str) -> st.SearchStrategy[str]:
    """Texts near this one: a piece of it replaced by something else."""
    return st.tuples(st.integers(0, len(text)), st.integers(0, 40), st.text(max_size=20)).map(
        lambda cut: text[: cut[0]] + cut[2] + text[cut[0] + cut[1] :]
    )


@given(st.one_of(st.text(), mutated(PUBLIC), mutated(PRIVATE), mutated(PUBLIC + PRIVATE)))
def test_garbage_is_refused_without_quoting_it(text: str) -> None:
    try:
        blocks = public_blocks(text, source="FILE")
    except InputError as error:
        secrets = [word for word in re.split(r"[^A-Za-z0-9+/=]+", PRIVATE + PUBLIC) if len(word) > 20]
        assert not [word for word in secrets if word[:20] in str(error)]
    else:
        assert all(block.is_public and der_of(block, source="FILE") for block in blocks)


@pytest.mark.parametrize("text", [PUBLIC + PUBLIC, (VECTORS / "5-certificate.pem").read_text()])
def test_one_public_key_is_one(text: str) -> None:
    with pytest.raises(InputError, match="exactly one"):
        kid_from_public_pem(text, source="FILE")
