# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks this host's systemd, and tells it. PRIVATE to the collection: it may change without notice.

Runs on managed hosts with the standard library and the host's C(systemctl) and C(journalctl).
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.onprem.irsa.plugins.module_utils._distributions.unit_files import (
    dropin_directories,
    load_order,
)

Run = t.Callable[[list[str]], tuple[int, str, str]]
"""Runs a command; returns its exit code, output and error output, as C(AnsibleModule.run_command) does."""

# systemd.unit(5), of the system's own manager; asked where systemctl does not tell.
_UNIT_PATH = (
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
)
_STATE = ("ActiveState", "SubState", "InvocationID", "NRestarts", "Job", "MainPID")
_LINES = 10
_LOOKED_THROUGH = 500  # lines of a unit that has several programs in it

# systemctl itself waits 25 s for an answer, and 180 s where systemd reads its units again (systemctl-daemon-reload.c);
# both hold once it has a connection.
_TO_ASK = 30  # seconds
_TO_TELL = 200  # seconds
_TOO_LATE = 124  # timeout(1), where it has ended what it ran


@dataclass(frozen=True)
class State:
    """Where a service stands (org.freedesktop.systemd1(5))."""

    active: str
    """C(active), C(activating), C(failed) and so on; empty where systemd does not tell."""
    sub: str
    invocation: str
    """Another one for each start."""
    restarts: int
    """How often systemd itself has started it again."""
    job: bool
    """Whether it is about to be started or stopped."""
    main_pid: int


@dataclass(frozen=True)
class Systemd:
    """The system's own manager."""

    run: Run
    systemctl: str
    """Its path; empty on a host without systemd."""
    journalctl: str = ""
    root: Path = Path("/")
    """Where the directories of units are looked for."""
    timeout: str = ""
    """The path of timeout(1), which ends a command that hangs; empty: nothing does."""

    def state(self, unit: str) -> State:
        """Return where a service stands."""
        found = self._show(unit, _STATE)
        return State(
            active=found.get("ActiveState", ""),
            sub=found.get("SubState", ""),
            invocation=found.get("InvocationID", ""),
            restarts=_number(found.get("NRestarts", "")),
            job=_number(found.get("Job", "")) > 0,
            main_pid=_number(found.get("MainPID", "")),
        )

    def unit_path(self) -> tuple[str, ...]:
        """Return the directories in which systemd looks for units, the first one first; none on a host without it."""
        if not self.systemctl:
            return ()
        return tuple(self._show("", ["UnitPath"]).get("UnitPath", "").split()) or _UNIT_PATH

    def files(self, unit: str, path: t.Sequence[str]) -> tuple[str, ...]:
        """Return the paths of a unit's files in the order in which systemd loads them; none where there is no unit.

        path: as C(unit_path) returns it.
        """
        directories = [self._here(directory) for directory in (*path, *dropin_directories(unit, path))]
        found = [
            file
            for directory in directories
            if directory.is_dir()
            for file in directory.iterdir()
            if file.is_file() or file.is_symlink()
        ]
        return load_order(unit, path, {f"/{file.relative_to(self.root)}" for file in found})

    def reload(self) -> str:
        """Let systemd read its units again; return why it did not, or nothing."""
        return self._done(["daemon-reload"])

    def restart(self, unit: str) -> str:
        """Begin to restart a service, and do not wait for it; return why systemd refuses, or nothing.

        Failures from before do not count against the new start (StartLimitBurst= in systemd.unit(5)).
        """
        self._done(["reset-failed", unit])
        return self._done(["restart", "--no-block", unit])

    def last_lines(self, unit: str, since: float, about: str = "") -> list[str]:
        """Return the last lines that a service wrote to the journal since a time, in seconds since the epoch.

        about: what the lines have in them, where any has.
        """
        if not self.journalctl:
            return []
        number = _LOOKED_THROUGH if about else _LINES
        command = [self.journalctl, "--no-pager", "--output=cat", f"--lines={number}", f"--since=@{int(since)}"]
        for whose in (f"_SYSTEMD_UNIT={unit}", f"--unit={unit}"):  # the journal may not know whose a last line was
            status, output, _error = self._ended([*command, whose], _TO_ASK)
            lines = [line for line in output.splitlines() if line.strip() and not line.startswith("-- ")]
            if status == 0 and lines:
                return ([line for line in lines if about in line] or lines)[-_LINES:]
        return []

    def _here(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def _show(self, unit: str, properties: t.Sequence[str]) -> dict[str, str]:
        if not self.systemctl:
            return {}
        command = [self.systemctl, "show", f"--property={','.join(properties)}", *([unit] if unit else [])]
        status, output, _error = self._ended(command, _TO_ASK)
        return dict(line.split("=", 1) for line in output.splitlines() if "=" in line) if status == 0 else {}

    def _done(self, arguments: list[str]) -> str:
        status, output, error = self._ended([self.systemctl, *arguments], _TO_TELL)
        if status == _TOO_LATE and self.timeout:
            return f"`systemctl {' '.join(arguments)}` has not ended within {_TO_TELL} s"
        said = [line.strip() for line in (error or output).splitlines() if line.strip()]
        return "" if status == 0 else (said or [f"systemctl ended with status {status}"])[0]

    def _ended(self, command: list[str], seconds: int) -> tuple[int, str, str]:
        return self.run([self.timeout, "--kill-after=5", str(seconds), *command] if self.timeout else command)


def of_host(run: Run, path_of: t.Callable[[str], str | None]) -> Systemd:
    """Return the host's systemd; path_of returns where a program is, and None where it is not there."""
    systemctl, journalctl, timeout = (path_of(name) or "" for name in ("systemctl", "journalctl", "timeout"))
    return Systemd(run, systemctl, journalctl, timeout=timeout)


def _number(text: str) -> int:
    digits = text.split(" ", 1)[0]
    return int(digits) if digits.isdigit() else 0


__all__: t.Final = ("Run", "State", "Systemd", "of_host")
