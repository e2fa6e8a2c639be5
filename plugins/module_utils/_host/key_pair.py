# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The key pair that signs service-account tokens, as files. PRIVATE to the collection: it may change without notice.

Runs on managed hosts with the standard library and the host's C(openssl) command alone.
"""

from __future__ import annotations

import fcntl
import os
import typing as t
from contextlib import contextmanager

from ansible_collections.onprem.irsa.plugins.module_utils._documents.pem import (
    PUBLIC_KEY,
    der_of,
    kid_from_public_pem,
    kid_from_spki,
    public_blocks,
)
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError

if t.TYPE_CHECKING:
    from pathlib import Path

# (return code, standard output, standard error) of a command, as AnsibleModule.run_command gives them.
Run = t.Callable[..., tuple[int, str, str]]

PRIVATE_MODE: t.Final = 0o600
PUBLIC_MODE: t.Final = 0o644


class Paths(t.NamedTuple):
    """Where the two files of a pair stand."""

    private: Path
    public: Path


class Files(t.NamedTuple):
    """What stands on the host: the public half of the private key file, and the text of the public key file."""

    own: str | None
    public: str | None


def genpkey(openssl: str, wanted: t.Mapping[str, t.Any]) -> list[str]:
    """Return the command that prints a new private key: type RSA of size bits, or EC on a named curve."""
    options = {
        "RSA": [f"rsa_keygen_bits:{wanted['size']}"],
        "EC": [f"ec_paramgen_curve:{wanted['curve']}", "ec_param_enc:named_curve"],
    }[wanted["type"]]
    return [openssl, "genpkey", "-algorithm", wanted["type"], *(w for option in options for w in ("-pkeyopt", option))]


def generate(run: Run, command: list[str]) -> str:
    """Return the PEM text of a new private key, which exists nowhere but in this process yet."""
    status, private, complaint = run(command)
    if status != 0:
        raise InputError(
            f"openssl made no key: {complaint.strip()}.", fix=f"Run `{' '.join(command)} >/dev/null` on the host."
        )
    return private


def public_half(run: Run, openssl: str, private: str, *, source: str) -> str:
    """Return the PEM text of the public half of a private key; source names the key in messages."""
    # An empty passphrase makes an encrypted key fail instead of asking on a terminal.
    status, public, _complaint = run([openssl, "pkey", "-pubout", "-passin", "pass:"], data=private)
    if status != 0:
        raise InputError(
            f"{source}: is not an unencrypted private key that openssl can read.",
            fix="Restore the file from an intact copy; kube-apiserver reads unencrypted PEM keys alone.",
        )
    return public


def _text(path: Path) -> str | None:
    """Return what a file holds; None where there is none, which a link that leads nowhere is not."""
    if path.is_symlink() and not path.exists():
        raise InputError(
            f"{path}: is a symbolic link to {path.readlink()}, which does not exist; it was left as it is.",
            fix="Restore its target, or remove the link so that a new key pair is made.",
        )
    return path.read_text(encoding="ascii", errors="replace") if path.exists() else None


def observe(run: Run, openssl: str, paths: Paths) -> Files:
    """Read both files; the private key itself goes to openssl and no further."""
    private = _text(paths.private)
    own = None if private is None else public_half(run, openssl, private, source=str(paths.private))
    return Files(own=own, public=_text(paths.public))


def missing(files: Files, paths: Paths) -> list[Path]:
    """Return the files to write: both, none, or the public key file alone; never one that exists.

    Raises InputError for a pair that does not belong together, and for a public key file without its private key:
    both would end in tokens that nobody accepts.
    """
    if files.own is None and files.public is None:
        return [paths.private, paths.public]
    if files.own is None:
        raise InputError(
            f"{paths.public} exists without its private key {paths.private}.",
            fix=f"Put {paths.private} back, or move {paths.public} away if no cluster uses it.",
        )
    if files.public is None:
        return [paths.public]
    blocks = [block for block in public_blocks(files.public, source=str(paths.public)) if block.label == PUBLIC_KEY]
    kids = [kid_from_spki(der_of(block, source=str(paths.public))) for block in blocks]
    own_kid = kid_from_public_pem(files.own, source=str(paths.private))
    if own_kid not in kids:
        raise InputError(
            f"{paths.public} does not hold the public half of {paths.private}: its key id is {own_kid}, "
            f"and found are {', '.join(kids) or 'none'}.",
            fix="Put back the file that does not belong to the pair; neither is ever overwritten.",
        )
    return []


def diff(paths: Paths, written: t.Collection[Path]) -> dict[str, str]:
    """Return what a person is shown of a change: which files were there, and which are there now."""
    before = "".join(f"{path}\n" for path in paths if path not in written)
    return {"before": before, "after": "".join(f"{path}\n" for path in paths)}


def _draft(path: Path) -> Path:
    return path.with_name(f".{path.name}.onprem-irsa")


@contextmanager
def locked(paths: Paths) -> t.Iterator[None]:
    """Keep other runs away from a pair for as long as the body lasts, and remove what a killed one left next to it.

    Directories are made when they are missing.
    """
    for path in paths:
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    descriptor = os.open(paths.private.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        for path in paths:
            _draft(path).unlink(missing_ok=True)
        yield
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def place(path: Path, content: str, mode: int) -> None:
    """Write a new file so that it is there whole or not at all, and never readable to more people than its mode says.

    Call it inside C(locked). An existing file is left alone and raises FileExistsError.
    """
    draft = _draft(path)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, PRIVATE_MODE)
    with open(descriptor, "w", encoding="ascii") as file:  # noqa: PTH123 -- from the descriptor of the exclusive create
        os.fchmod(descriptor, mode)
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    try:
        os.link(draft, path)  # unlike a rename, never replaces
    finally:
        draft.unlink()


__all__: t.Final = (
    "PRIVATE_MODE",
    "PUBLIC_MODE",
    "Files",
    "Paths",
    "Run",
    "diff",
    "generate",
    "genpkey",
    "locked",
    "missing",
    "observe",
    "place",
    "public_half",
)
