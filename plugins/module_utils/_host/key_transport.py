# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a private key gets from one control-plane host to another. PRIVATE: it may change without notice.

The controller carries it, and cannot read it: the receiver makes a key pair that is thrown away afterwards, and the
sender encrypts to that. What is carried is CMS (RFC 5652) with AES-256 and RSA-OAEP, which every C(openssl) from 1.1.1
on makes and reads, in FIPS mode, too; its authenticated form (RFC 5083) takes 3.0. So the sender also says the SHA-256
of what it has encrypted, and the receiver takes nothing else, and nothing whose public half is not the one that is
asked for: whoever changes a bit on the way is noticed. The private half of the pair never leaves the receiver, and is
removed there: who has recorded all of it can decrypt nothing later. Runs on managed hosts with the standard library and
the host's C(openssl) command; no secret is in the arguments of a command.
"""

from __future__ import annotations

import hashlib
import shutil
import typing as t
from dataclasses import dataclass

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError, IrsaError
from ansible_collections.onprem.irsa.plugins.module_utils._host.backup import (
    PRIVATE_DIRECTORY,
    PRIVATE_FILE,
    write_text,
)

if t.TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.onprem.irsa.plugins.module_utils._host.key_pair import Run

_BITS = 3072  # as strong as AES-128 (NIST SP 800-57 part 1, table 2), and the least that FIPS 186-5 leaves for long
_CONFIGURATION = "[req]\nprompt = no\ndistinguished_name = name\n[name]\nCN = onprem-irsa-transport\n"
_UMASK = 0o077
_OAEP = ("-keyopt", "rsa_padding_mode:oaep", "-keyopt", "rsa_oaep_md:sha256")


@dataclass(frozen=True)
class Sealed:
    """A private key that one host alone can read."""

    text: str
    """CMS in PEM."""
    digest: str
    """SHA-256 (hex) of the private key's text."""


@dataclass(frozen=True)
class Transport:
    """One end of the transport, in a directory that only root reads."""

    directory: Path
    run: Run
    openssl: str

    def ask(self) -> str:
        """Make the pair to encrypt to, in place of an earlier one; return its certificate in PEM."""
        self.end()
        self.directory.mkdir(mode=PRIVATE_DIRECTORY, parents=True)
        write_text(self._file("conf"), _CONFIGURATION, mode=PRIVATE_FILE)
        self._do(
            [
                "req",
                "-x509",
                "-new",
                "-newkey",
                f"rsa:{_BITS}",
                "-nodes",
                "-sha256",
                "-days",
                "2",
                "-config",
                str(self._file("conf")),
                "-keyout",
                str(self._file("key")),
                "-out",
                str(self._file("crt")),
            ],
            "made no pair to encrypt to",
        )
        return self._file("crt").read_text(encoding="ascii")

    def seal(self, private: str, certificate: str) -> Sealed:
        """Encrypt a private key to who has made this certificate."""
        self.directory.mkdir(mode=PRIVATE_DIRECTORY, parents=True, exist_ok=True)
        recipient = self._file("recipient")
        write_text(recipient, certificate, mode=PRIVATE_FILE)
        try:
            text = self._do(
                ["cms", "-encrypt", "-binary", "-aes-256-cbc", "-outform", "PEM", "-recip", str(recipient), *_OAEP],
                "encrypted nothing",
                data=private,
            )
        finally:
            recipient.unlink()
        return Sealed(text, digest_of(private))

    def open(self, sealed: Sealed) -> str:
        """Return the private key that was encrypted to this host, or raise IrsaError for anything else."""
        if not self._file("key").exists():
            raise InputError(
                f"{self._file('key')}: there is no such file: nothing was asked for, or it was received before.",
                fix="Run the play again.",
            )
        private = self._do(
            [
                "cms",
                "-decrypt",
                "-binary",
                "-inform",
                "PEM",
                "-inkey",
                str(self._file("key")),
                "-recip",
                str(self._file("crt")),
            ],
            "cannot decrypt what came",
            data=sealed.text,
        )
        if digest_of(private) != sealed.digest:
            raise IrsaError(
                "What came is not what was sent: their SHA-256 digests differ. Nothing was written.",
                fix="Run the play again; if it stays so, find out who is between the controller and the hosts.",
            )
        return private

    def end(self) -> None:
        """Throw the pair away."""
        if self.directory.exists():
            shutil.rmtree(self.directory)

    def _file(self, name: str) -> Path:
        return self.directory / f"transport.{name}"

    def _do(self, arguments: t.Sequence[str], what: str, *, data: str | None = None) -> str:
        status, out, complaint = self.run([self.openssl, *arguments], data=data, umask=_UMASK)
        if status != 0:
            raise IrsaError(
                f"openssl {what}: {' '.join(complaint.split()) or f'exit status {status}'}.",
                fix="Check `openssl version` on the host, which must be 1.1.1 or newer, and run the play again.",
            )
        return out


def digest_of(private: str) -> str:
    """Return the SHA-256 (hex) of a private key's text, whatever line ends stand behind it."""
    return hashlib.sha256(private.replace("\r\n", "\n").strip().encode("utf-8", "surrogateescape")).hexdigest()


__all__: t.Final = ("Sealed", "Transport", "digest_of")
