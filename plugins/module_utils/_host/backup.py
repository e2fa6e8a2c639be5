# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Manifests that were replaced, kept on the host. PRIVATE to the collection: it may change without notice.

While a new manifest has not been seen running, the old one is kept under a name with the new one's digest: a run that
was cut off leaves behind what to go back to, and for which content; and in a file next to it, which process has to end.
Runs on managed hosts with the standard library alone.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
import typing as t
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError, IrsaError
from ansible_collections.onprem.irsa.plugins.module_utils._host.processes import PROC, process_of

if t.TYPE_CHECKING:
    from pathlib import Path

PRIVATE_DIRECTORY: t.Final = 0o700
PRIVATE_FILE: t.Final = 0o600

# Sums of a file's content and of its other attributes, which the kernel makes itself (Integrity Measurement
# Architecture): those of the old file would forbid to read the new one.
_SUMS = ("security.ima", "security.evm")

_PAUSE = 0.1  # seconds between two attempts to get the lock


@dataclass(frozen=True)
class Backups:
    """The replaced texts of one manifest, in a directory that only its owner reads."""

    directory: Path
    manifest: Path

    def for_replaced(self, content: str) -> Path:
        """Return where the text is kept that this content replaces, until it is seen running."""
        digest = hashlib.sha256(content.encode()).hexdigest()
        return self.directory / f"{self.manifest.name}.before-{digest[:16]}"

    def _mark_file(self, content: str) -> Path:
        kept = self.for_replaced(content)
        return kept.with_name(f"{kept.name}.process")

    def is_unconfirmed(self, content: str) -> bool:
        """Return whether this content came from here and has not been seen running yet."""
        return self.for_replaced(content).exists()

    def since(self, content: str) -> float | None:
        """Return for how many seconds this content has waited to be seen running; None for any other content."""
        kept = self.for_replaced(content)
        return time.time() - kept.stat().st_mtime if kept.exists() else None

    def mark_of_replaced(self, content: str) -> str | None:
        """Return the mark of the process that this content is to replace, empty where none ran.

        None where nothing is known of it: for any other content, and where an earlier version has kept the old text.
        """
        file = self._mark_file(content)
        return read_text(file) if self.is_unconfirmed(content) and file.exists() else None

    def last_good(self, content: str) -> str:
        """Return the text to go back to from this content: itself, unless it has not been seen running yet."""
        kept = self.for_replaced(content)
        return read_text(kept) if kept.exists() else content

    def keep(self, good: str, *, replaced_by: str, mark: str) -> Path:
        """Keep a good text until the one that replaces it has been seen running, and the mark of the old process."""
        kept = self.for_replaced(replaced_by)
        write_text(self._mark_file(replaced_by), mark, mode=PRIVATE_FILE)  # first: the text alone counts as a record
        write_text(kept, good, mode=PRIVATE_FILE)
        return kept

    def confirm(self, content: str) -> Path | None:
        """Note that this content runs: what it replaced goes under a name with the time; return that."""
        kept, dated = self.for_replaced(content), None
        if kept.exists():
            dated = self._dated(self.manifest)
            kept.rename(dated)
        self.forget()
        return dated

    def move_in(self, file: Path) -> Path:
        """Move another file with the same pod here, where no kubelet runs it."""
        moved = self._dated(file)
        write_text(moved, read_text(file), mode=PRIVATE_FILE)
        file.unlink()
        return moved

    def _dated(self, file: Path) -> Path:
        return self.directory / f"{file.name}.{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"

    def forget(self) -> None:
        """Remove what was kept for contents that no longer exist."""
        for kept in self.directory.glob(f"{self.manifest.name}.before-*"):
            kept.unlink()

    @contextmanager
    def locked(self, patience: float) -> t.Iterator[None]:
        """Make the directory, and let one run at a time change the manifest, for as long as the body lasts.

        A run whose controller is gone goes on to its end on the host; the next one waits for it here, for as many
        seconds as its patience lasts. Raises IrsaError after that.
        """
        if self.directory.resolve() == self.manifest.parent.resolve():
            raise InputError(
                f"The backup directory {self.directory} must not be the manifests directory: the kubelet runs every "
                "file in it (Kubernetes issue 136962).",
                fix="Name another directory.",
            )
        self.directory.mkdir(mode=PRIVATE_DIRECTORY, parents=True, exist_ok=True)
        self.directory.chmod(PRIVATE_DIRECTORY)
        with self._held(fcntl.LOCK_EX, patience):
            yield

    @contextmanager
    def still(self, patience: float) -> t.Iterator[None]:
        """Let no run change the manifest for as long as the body lasts: what is there during a change may not stay.

        Waits for one that does, as C(locked) does, and writes nothing.
        """
        with ExitStack() as stack:
            with suppress(FileNotFoundError):  # nothing was changed on this host yet
                stack.enter_context(self._held(fcntl.LOCK_SH, patience))
            yield

    @contextmanager
    def _held(self, lock: int, patience: float) -> t.Iterator[None]:
        descriptor = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            end = time.monotonic() + patience
            while not _taken(descriptor, lock):
                if time.monotonic() >= end:
                    raise self._busy(patience)
                time.sleep(_PAUSE)
            yield
        finally:
            os.close(descriptor)

    def _busy(self, patience: float) -> IrsaError:
        """Return what to tell when another run does not end."""
        locks = ""
        with suppress(OSError):
            locks = (PROC / "locks").read_text(encoding="ascii")
        there = [process for pid in holders(locks, self.directory.stat().st_ino) for process in [process_of(pid)]]
        pids = " ".join(str(process.pid) for process in there if process is not None)
        commands = "; ".join(" ".join(process.arguments) for process in there if process is not None)
        who = f"process {pids} ({commands})" if pids else f"it holds a lock on {self.directory}"
        look = f"ps -fp {pids}" if pids else f"fuser -v {self.directory}"
        return IrsaError(
            f"{os.uname().nodename}: another run that changes or reads {self.manifest} has not ended within "
            f"{patience:g} s: {who}.",
            fix=f"Check there with `{look}` what it does. When it has ended, or after `kill -9 {pids or 'PID'}` where "
            "it hangs, run the play again: it continues what was begun.",
        )


def _taken(descriptor: int, lock: int) -> bool:
    try:
        fcntl.flock(descriptor, lock | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def holders(locks: str, inode: int) -> list[int]:
    """Return the processes that hold a lock of flock(2) on a file, by the text of C(/proc/locks) (proc(5)).

    The number of its device is not compared: file systems with subvolumes show another one there than stat(2) does.
    """
    rows = [line.split() for line in locks.splitlines()]
    return [int(row[4]) for row in rows if row[1] == "FLOCK" and row[5].rpartition(":")[2] == str(inode)]


def read_text(path: Path) -> str:
    """Return a file's text with its line ends as they are."""
    try:
        return path.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 text.", fix="Write it in UTF-8, as the kubelet expects.") from error


def write_text(
    path: Path, text: str, *, mode: int, owner: tuple[int, int] | None = None, like: Path | None = None
) -> None:
    """Put a text in a file's place by rename, so that it is there whole or not at all, also after a power cut.

    like: a file whose extended attributes the new one gets, as far as they can be set: its SELinux label, its ACL.
    The draft next to it begins with a dot: the kubelet ignores only such names (Kubernetes, "Create static Pods").
    """
    draft = path.with_name(f".{path.name}.onprem-irsa")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, PRIVATE_FILE)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 -- from the descriptor of the exclusive create
            os.fchmod(descriptor, mode)
            if owner is not None:
                os.fchown(descriptor, *owner)
            if like is not None:
                copy_attributes(like, descriptor)
            file.write(text.encode())
            file.flush()
            os.fsync(descriptor)
    except OSError as error:
        with suppress(OSError):
            draft.unlink()
        raise OSError(error.errno, error.strerror, str(path)) from error  # writes do not name their file
    renamed(draft, path)


def copy_attributes(file: Path, other: Path | int) -> None:
    """Give a file the extended attributes of another one, as far as they can be set: its SELinux label, its ACL."""
    with suppress(OSError):  # a file system without any
        for name in set(os.listxattr(file)).difference(_SUMS):
            with suppress(OSError):  # one that the kernel alone sets
                os.setxattr(other, name, os.getxattr(file, name))


def renamed(file: Path, path: Path) -> None:
    """Put a file in another one's place, so that it is there after a power cut, too."""
    file.replace(path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


__all__: t.Final = ("Backups", "copy_attributes", "holders", "read_text", "renamed", "write_text")
