# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file from before a change, made ready to go back to. PRIVATE to the collection: it may change without notice.

A disk may fill up, or turn read-only for writers, while a new manifest or unit is tried. So the old one is written next
to it first, and to go back is a rename, which needs no space. Runs on managed hosts with the standard library alone.
"""

from __future__ import annotations

import os
import typing as t
from dataclasses import dataclass

from ansible_collections.onprem.irsa.plugins.module_utils._errors import IrsaError
from ansible_collections.onprem.irsa.plugins.module_utils._host.backup import read_text, renamed, write_text

if t.TYPE_CHECKING:
    from pathlib import Path

_MARGIN = 2  # times what is written: the file system keeps notes of its own


@dataclass(frozen=True)
class PreviousFile:
    """A file to go back to, next to the one in use, under a name that the kubelet and systemd ignore."""

    used: Path

    @property
    def file(self) -> Path:
        """Where the file to go back to is kept."""
        return self.used.with_name(f".{self.used.name}.onprem-irsa-back")

    def prepare(self, text: str) -> None:
        """Write the file to go back to, with owner and mode of the one that is there."""
        if not (self.file.exists() and read_text(self.file) == text):
            there = self.used.stat()
            owner = (there.st_uid, there.st_gid)
            write_text(self.file, text, mode=there.st_mode & 0o7777, owner=owner, like=self.used)

    def take(self, text: str) -> None:
        """Put it in place of the one in use; it is written again only where a run that was cut off has left none."""
        self.prepare(text)
        renamed(self.file, self.used)

    def remove(self) -> None:
        """Remove it where there is no longer anything to go back from."""
        self.file.unlink(missing_ok=True)


def require_space(texts: t.Iterable[tuple[Path, str]]) -> None:
    """Raise IrsaError where texts do not fit into the file systems of the directories that they go to.

    By what is free for every user (statvfs(3), f_bavail): root's reserve is left to others that must not stop.
    """
    wanted: dict[int, tuple[Path, list[str]]] = {}
    for directory, text in texts:
        wanted.setdefault(directory.stat().st_dev, (directory, []))[1].append(text)
    for directory, contents in wanted.values():
        system = os.statvfs(directory)
        blocks = sum(len(text.encode()) // system.f_frsize + 1 for text in contents) * _MARGIN
        files = len(contents) * _MARGIN
        if system.f_bavail < blocks or (system.f_files and system.f_favail < files):
            raise IrsaError(
                f"{directory}: its file system has {system.f_bavail * system.f_frsize // 1024} KiB and "
                f"{system.f_favail} inodes free, and a change with its rollback takes "
                f"{blocks * system.f_frsize // 1024} KiB and {files} inodes; nothing was touched.",
                fix=f"Free space on {os.uname().nodename} (`df -h {directory}; df -i {directory}`), and run the play "
                "again.",
            )


__all__: t.Final = ("PreviousFile", "require_space")
