# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a change of several files replaces, kept on the host. PRIVATE to the collection: it may change without notice.

It is written before the first file is: a run that was cut off leaves behind what to go back to, and which process has
to end. Once the change has been seen running, it stays under a name with the time. Runs on managed hosts with the
standard library alone.
"""

from __future__ import annotations

import json
import time
import typing as t
from dataclasses import asdict, dataclass, field

from ansible_collections.onprem.irsa.plugins.module_utils._errors import IrsaError
from ansible_collections.onprem.irsa.plugins.module_utils._host.backup import PRIVATE_FILE, read_text, write_text

if t.TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.onprem.irsa.plugins.module_utils._flags.arguments import Flags


@dataclass(frozen=True)
class Replaced:
    """A file before a change and after it; None where there was none."""

    before: str | None = field(repr=False)
    after: str = field(repr=False)


@dataclass(frozen=True)
class Record:
    """A change that has begun."""

    unit: str
    mark: str
    """Of the process that has to end; empty where none ran."""
    flags: Flags
    """Those that the component had before."""
    files: t.Mapping[str, Replaced]


@dataclass(frozen=True)
class Records:
    """The changes of one component on this host, in a directory that only its owner reads."""

    directory: Path
    component: str

    @property
    def file(self) -> Path:
        """Where the change is kept that has not been seen running yet."""
        return self.directory / f"{self.component}.unit.before"

    def is_unconfirmed(self) -> bool:
        """Return whether a change has begun and has not been seen running yet."""
        return self.file.exists()

    def read(self) -> Record | None:
        """Return the change that has not been seen running; None without one. Raises IrsaError for another text."""
        if not self.file.exists():
            return None
        try:
            given = json.loads(read_text(self.file))
            files = {path: Replaced(**replaced) for path, replaced in given["files"].items()}
            return Record(given["unit"], given["mark"], given["flags"], files)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise IrsaError(
                f"{self.file}: does not say what a change has replaced.",
                fix="Compare the unit's files with those that you want, and remove it.",
            ) from error

    def text(self, record: Record) -> str:
        """Return what is kept of a change."""
        return json.dumps(asdict(record), indent=1, sort_keys=True)

    def keep(self, record: Record) -> None:
        """Keep what a change replaces until it has been seen running."""
        write_text(self.file, self.text(record), mode=PRIVATE_FILE)

    def confirm(self) -> Path | None:
        """Note that the change runs: what it replaced goes under a name with the time; return that."""
        if not self.file.exists():
            return None
        moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        return self.file.replace(self.file.with_suffix(f".{moment}"))

    def forget(self) -> None:
        """Remove what was kept: nothing is left of the change."""
        self.file.unlink(missing_ok=True)


__all__: t.Final = ("Record", "Records", "Replaced")
