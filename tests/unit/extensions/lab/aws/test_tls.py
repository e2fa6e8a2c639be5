# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's certificates."""

from __future__ import annotations

import contextlib
import ssl
import stat
import typing as t

import pytest

from lab_aws import tls

if t.TYPE_CHECKING:
    from pathlib import Path

NAMES = ["*.amazonaws.com", "*.s3.eu-central-1.amazonaws.com"]
FILES = ("ca.pem", "ca.key", "server.pem", "server.key")


def contents(directory: Path) -> dict[str, bytes]:
    return {name: (directory / name).read_bytes() for name in FILES}


def handshake(directory: Path, name: str) -> None:
    """Let a client that trusts the lab's authority alone speak to the server, in memory."""
    client_context = ssl.create_default_context(cafile=str(directory / "ca.pem"))
    client_context.verify_flags |= ssl.VERIFY_X509_STRICT
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server, server_hostname=name)
    server = tls.server_context(directory).wrap_bio(to_server, to_client, server_side=True)
    for side in (client, server) * 3:
        with contextlib.suppress(ssl.SSLWantReadError):
            side.do_handshake()
    client.do_handshake()


def test_made_once_and_kept(tmp_path: Path) -> None:
    directory = tmp_path / "state"
    tls.ensure(directory, NAMES)
    made = contents(directory)
    tls.ensure(directory, NAMES)
    assert contents(directory) == made
    assert sorted(path.name for path in directory.iterdir()) == sorted(FILES)


def test_private_keys_are_private(tmp_path: Path) -> None:
    tls.ensure(tmp_path, NAMES)
    modes = {name: stat.S_IMODE((tmp_path / name).stat().st_mode) for name in FILES}
    assert modes == {"ca.pem": 0o644, "ca.key": 0o600, "server.pem": 0o644, "server.key": 0o600}


def test_the_names_are_verified(tmp_path: Path) -> None:
    tls.ensure(tmp_path, NAMES)
    handshake(tmp_path, "acme.s3.eu-central-1.amazonaws.com")
    for name in ("a.b.s3.eu-central-1.amazonaws.com", "issuer.example"):
        with pytest.raises(ssl.SSLCertVerificationError):
            handshake(tmp_path, name)


def test_other_names_make_another_certificate_of_the_same_authority(tmp_path: Path) -> None:
    tls.ensure(tmp_path, NAMES)
    before = contents(tmp_path)
    tls.ensure(tmp_path, [*NAMES, "*.s3.eu-west-1.amazonaws.com"])
    after = contents(tmp_path)
    assert (after["ca.pem"], after["ca.key"]) == (before["ca.pem"], before["ca.key"])
    assert after["server.pem"] != before["server.pem"]
    handshake(tmp_path, "acme.s3.eu-west-1.amazonaws.com")


def test_what_does_not_belong_together_is_made_anew(tmp_path: Path) -> None:
    tls.ensure(tmp_path / "one", NAMES)
    tls.ensure(tmp_path / "two", NAMES)
    (tmp_path / "one" / "ca.key").write_bytes((tmp_path / "two" / "ca.key").read_bytes())
    tls.ensure(tmp_path / "one", NAMES)
    handshake(tmp_path / "one", "sts.amazonaws.com")
    (tmp_path / "two" / "server.pem").write_text("nothing")
    tls.ensure(tmp_path / "two", NAMES)
    handshake(tmp_path / "two", "sts.amazonaws.com")
