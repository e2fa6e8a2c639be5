# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.onprem.irsa.plugins.module_utils._documents.spki import kind_of
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.tests.unit.plugins.some_keys import CURVES, PublicKey, ec_key, rsa_public_key


def spki(key: PublicKey) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize("bits", [2048, 2049, 3072, 4096])
def test_rsa(bits: int) -> None:
    assert str(kind_of(spki(rsa_public_key(1, bits)), source="x")) == f"RSA {bits}"


@pytest.mark.parametrize("curve", CURVES)
def test_ec(curve: str) -> None:
    assert str(kind_of(spki(ec_key(1, curve).public_key()), source="x")) == f"EC {curve}"


def test_weak_rsa() -> None:
    with pytest.raises(InputError, match="x: the RSA key has 1024 bits"):
        kind_of(spki(rsa_public_key(1, 1024)), source="x")


@given(st.binary(max_size=60))
def test_any_bytes_are_a_key_or_refused(text: bytes) -> None:
    with pytest.raises(InputError, match=r"^x: the "):
        kind_of(text, source="x")


@given(st.integers(0, 90))
def test_a_key_that_is_cut_off_is_refused(length: int) -> None:
    with pytest.raises(InputError):
        kind_of(spki(ec_key(1).public_key())[:length], source="x")
