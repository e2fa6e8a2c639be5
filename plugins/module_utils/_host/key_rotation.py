# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The key files of a cluster in use, while another key comes in. PRIVATE: it may change without notice.

Next to the private key that signs, the one that should sign next lies ready under the name C(.next), and the one that
signed before is kept under C(.previous), so that going back takes no more than going on. The file of public keys holds
several PEM blocks meanwhile. Every change is a rename, and whatever it needs is checked first: a file is there whole,
as it was or as it should be, wherever a run is killed. Runs on managed hosts with the standard library and the host's
C(openssl) command.
"""

from __future__ import annotations

import hashlib
import os
import time
import typing as t
from contextlib import contextmanager
from dataclasses import dataclass

from ansible_collections.onprem.irsa.plugins.module_utils._documents.pem import (
    CERTIFICATE,
    PRIVATE_LABELS,
    PUBLIC_KEY,
    der_of,
    kid_from_spki,
    pem_blocks,
    public_blocks,
)
from ansible_collections.onprem.irsa.plugins.module_utils._documents.spki import KeyKind, check_private, kind_of
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._host.backup import (
    PRIVATE_DIRECTORY,
    copy_attributes,
    renamed,
    write_text,
)
from ansible_collections.onprem.irsa.plugins.module_utils._host.key_pair import (
    PRIVATE_MODE,
    PUBLIC_MODE,
    Paths,
    Run,
    generate,
    genpkey,
    locked,
    public_half,
)

if t.TYPE_CHECKING:
    from pathlib import Path

Role = t.Literal["own", "next", "previous"]
_KEPT: t.Final[tuple[Role, ...]] = ("next", "previous")
_READABLE: t.Final = PRIVATE_MODE | 0o044


def private_mode(before: os.stat_result, users: t.Collection[int]) -> int:
    """Return the mode of a private key file that takes the place of one.

    Its owner and its group keep what they may read; root's group has nobody who would need it, and others neither.
    Where one of the users that run what signs is neither root nor the owner, everybody does, so that it starts.
    """
    if {*users} - {0, before.st_uid}:
        return before.st_mode & _READABLE or PRIVATE_MODE
    may_read = 0o040 if before.st_gid else 0
    return before.st_mode & (PRIVATE_MODE | may_read) or PRIVATE_MODE


@dataclass(frozen=True)
class Key:
    """A key by its public half, which may leave the host."""

    kid: str
    kind: KeyKind
    pem: str
    """The public half."""
    made: float = 0.0
    """When the file of the private key was written, in seconds since the epoch: a change of its name keeps that."""


@dataclass(frozen=True)
class Seen:
    """What the files hold; all of it is whole and of a kind that kube-apiserver signs with."""

    own: Key
    """The key that signs after a restart."""
    next: Key | None
    previous: Key | None
    public: tuple[Key, ...]
    """Those by which tokens are accepted, in their order."""

    @property
    def private(self) -> dict[Role, Key]:
        """The keys whose private halves are on the host, by the file in which they are."""
        found: dict[Role, Key | None] = {"own": self.own, "next": self.next, "previous": self.previous}
        return {role: key for role, key in found.items() if key is not None}


@dataclass(frozen=True)
class KeyFiles:
    """The key files of a host, and how to read them."""

    paths: Paths
    backup_directory: Path
    run: Run
    openssl: str
    users: frozenset[int] = frozenset()
    """The ids of the users that run API server and controller manager."""

    def path(self, role: Role) -> Path:
        """Return the file of a private key."""
        own = self.paths.private
        return own if role == "own" else own.with_name(f"{own.name}.{role}")

    @contextmanager
    def locked(self) -> t.Iterator[None]:
        """Keep other runs away for as long as the body lasts."""
        for path in self.paths:
            if not path.exists():
                raise InputError(
                    f"{path}: there is no such file.",
                    fix="Name the key files that the API server on this host runs with.",
                )
            if path.is_symlink():
                raise InputError(
                    f"{path}: is a symbolic link to {path.readlink()}, which a change would replace with a file; "
                    "nothing was touched.",
                    fix="Put the file itself there and run the play again.",
                )
        with locked(self.paths):
            for path in map(self.path, _KEPT):  # what a killed run left of one
                path.with_name(f".{path.name}.onprem-irsa").unlink(missing_ok=True)
            yield

    def look(self) -> Seen:
        """Return what the files hold, or raise InputError for a file that kube-apiserver would stumble over."""
        own = self._private("own")
        if own is None:
            raise InputError(
                f"{self.paths.private}: there is no such file.",
                fix="Name the key files that the API server on this host runs with.",
            )
        seen = Seen(own, self._private("next"), self._private("previous"), tuple(self._public()))
        if own.kid not in [key.kid for key in seen.public]:
            raise InputError(
                f"{self.paths.public} does not hold the public half of {self.paths.private}, whose key id is "
                f"{own.kid}; found are {', '.join(key.kid for key in seen.public)}.",
                fix="Put back the file that does not belong to the pair: the API server refuses its own tokens.",
            )
        return seen

    def read(self, role: Role) -> str:
        """Return the text of a private key; it must not leave the host but encrypted."""
        return self.path(role).read_text(encoding="ascii", errors="replace")

    def _private(self, role: Role) -> Key | None:
        path = self.path(role)
        if not path.exists():
            return None
        return self.checked(self.read(role), source=str(path), made=path.stat().st_mtime)

    def checked(self, private: str, *, source: str, made: float = 0.0) -> Key:
        """Return the key in the text of a private one, or raise InputError for what kube-apiserver does not take."""
        blocks = [block for block in pem_blocks(private) if block.label != "EC PARAMETERS"]
        if len(blocks) != 1 or private.count("-----BEGIN ") != len(pem_blocks(private)):
            raise InputError(
                f"{source}: holds {len(blocks)} whole PEM blocks where one private key is expected.",
                fix="Restore the file from an intact copy.",
            )
        if blocks[0].label not in PRIVATE_LABELS:
            raise InputError(
                f"{source}: holds a PEM block {blocks[0].label}, which is no unencrypted private key.",
                fix="Restore the file from an intact copy; kube-apiserver reads unencrypted PEM keys alone.",
            )
        if "Proc-Type: 4,ENCRYPTED" in blocks[0].text:  # RFC 1421, as openssl wrote it for long
            raise InputError(
                f"{source}: holds an encrypted private key, for which kube-apiserver takes no password.",
                fix="Restore the file from an intact copy; kube-apiserver reads unencrypted PEM keys alone.",
            )
        der, label = der_of(blocks[0], source=source), blocks[0].label
        if label != "RSA PRIVATE KEY":
            check_private(der, pkcs8=label == "PRIVATE KEY", source=source)
        public = public_half(self.run, self.openssl, private, source=source)
        key = self._key(public, source, made)
        status, _out, _complaint = self.run(
            [self.openssl, "pkey", "-noout", "-check", "-passin", "pass:"], data=private
        )
        if status != 0:
            raise InputError(
                f"{source}: the numbers of the private key do not belong together (openssl pkey -check).",
                fix="Restore the file from an intact copy.",
            )
        return key

    def _key(self, public: str, source: str, made: float = 0.0) -> Key:
        block = public_blocks(public, source=source)[0]
        der = der_of(block, source=source)
        return Key(kid_from_spki(der), kind_of(der, source=source), block.text, made)

    def _public(self) -> t.Iterator[Key]:
        path = self.paths.public
        text = path.read_text(encoding="ascii", errors="replace")
        yield from self.public_keys([text], source=str(path))

    def public_keys(self, texts: t.Iterable[str], *, source: str) -> list[Key]:
        """Return the keys in texts of public ones, each once, or raise InputError for one that cannot be taken."""
        found: dict[str, Key] = {}
        for text in texts:
            if any(block.is_private for block in pem_blocks(text)):
                raise InputError(
                    f"{source}: holds a private key among the public ones, which the file need not have.",
                    fix="Replace it with its public half, as `openssl pkey -pubout` prints it.",
                )
            for block in public_blocks(text, source=source):
                command = ["x509", "-pubkey", "-noout"] if block.label == CERTIFICATE else ["pkey", "-pubin", "-pubout"]
                status, public, _complaint = self.run([self.openssl, *command], data=block.text)
                if status != 0:
                    raise InputError(
                        f"{source}: holds a {block.label} block that openssl does not read.",
                        fix="Restore the file from an intact copy.",
                    )
                key = self._key(public, source)
                if block.label == PUBLIC_KEY and der_of(block, source=source) != der_of(
                    public_blocks(public, source=source)[0], source=source
                ):
                    raise InputError(
                        f"{source}: the public key {key.kid} is not in the plain encoding of RFC 5280, which "
                        "kube-apiserver silently ignores.",
                        fix="Write it again with `openssl pkey -in PRIVATE_KEY -pubout`.",
                    )
                found.setdefault(key.kid, key)
        return list(found.values())

    def make(self, seen: Seen, wanted: t.Mapping[str, t.Any]) -> Key:
        """Make a new key and lay it ready; one that lies there stays, of whatever kind it is."""
        if seen.next is not None:
            return seen.next
        private = generate(self.run, genpkey(self.openssl, wanted))
        return self.lay(private, source="the new key")

    def lay(self, private: str, *, source: str) -> Key:
        """Check a private key, and lay it ready to sign."""
        made = time.time()
        key = self.checked(private, source=source, made=made)
        self._write_private("next", f"{private.strip()}\n", made)
        return key

    def lay_again(self, seen: Seen) -> None:
        """Lay the key that signed before ready to sign."""
        if seen.previous is None:
            raise InputError(
                f"{self.path('previous')}: there is no such file: no key signed before.", fix="Name another key."
            )
        self._write_private("next", self.read("previous"), seen.previous.made)

    def put_aside(self, seen: Seen) -> None:
        """Keep the key that lies ready with those that go."""
        if seen.next is not None:
            renamed(self.path("next"), self.path("previous"))

    def write(self, seen: Seen, public: t.Sequence[Key], signer: str) -> bool:
        """Have the host accept tokens by these keys, in this order, and sign with one of them; return what changed.

        The key that signed before is accepted until another one signs, wherever this is cut off.
        """
        kids = [key.kid for key in public]
        if signer not in kids:
            raise InputError(
                f"The key {signer} can't sign without being accepted; accepted should be {', '.join(kids) or 'none'}.",
                fix="Add its public half.",
            )
        switches = seen.own.kid != signer
        if switches and (seen.next is None or seen.next.kid != signer):
            raise InputError(
                f"{self.path('next')} is {seen.next.kid if seen.next else 'not there'}, and {signer} should sign.",
                fix="Lay that key ready first.",
            )
        first = [*public, seen.own] if switches and seen.own.kid not in kids else public
        changed = self._write_public(seen, first)
        if switches:
            self._write_private("previous", self.read("own"), seen.own.made)
            own = self.paths.private.stat()
            os.chown(self.path("next"), own.st_uid, own.st_gid)
            # Not before it signs; the mode comes after it, because an ACL changes that.
            copy_attributes(self.paths.private, self.path("next"))
            self.path("next").chmod(private_mode(own, self.users))
            renamed(self.path("next"), self.paths.private)
        if first is not public:
            self._write_public(self.look(), public)
        return changed or switches

    def forget(self, seen: Seen, kids: t.Collection[str]) -> list[Role]:
        """Remove the files of private keys that should no longer be kept; never that of the one that signs."""
        gone: list[Role] = [role for role, key in seen.private.items() if role != "own" and key.kid in kids]
        for role in gone:
            self.path(role).unlink()
        return gone

    def _write_public(self, seen: Seen, wanted: t.Sequence[Key]) -> bool:
        """Write the public keys. The file keeps its time where no key comes or goes: that tells since when they do."""
        text = "".join(key.pem for key in wanted)
        path = self.paths.public
        before, there = path.read_text(encoding="ascii", errors="replace"), path.stat()
        if [key.kid for key in wanted] == [key.kid for key in seen.public]:
            return False
        self.backup_directory.mkdir(mode=PRIVATE_DIRECTORY, parents=True, exist_ok=True)
        digest = hashlib.sha256(before.encode()).hexdigest()
        dated = f"{path.name}.{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.{digest[:8]}"
        write_text(self.backup_directory / dated, before, mode=PRIVATE_MODE)
        mode = there.st_mode & 0o7777 or PUBLIC_MODE
        write_text(path, text, mode=mode, owner=(there.st_uid, there.st_gid), like=path)
        if {key.kid for key in wanted} == {key.kid for key in seen.public}:
            os.utime(path, ns=(there.st_atime_ns, there.st_mtime_ns))
        return True

    def _write_private(self, role: Role, text: str, made: float) -> None:
        own = self.paths.private.stat()
        path = self.path(role)
        write_text(path, text, mode=PRIVATE_MODE, owner=(own.st_uid, own.st_gid))
        os.utime(path, (made, made))


__all__: t.Final = ("Key", "KeyFiles", "Role", "Seen", "private_mode")
