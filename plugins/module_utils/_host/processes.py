# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes of a control-plane component on this host. PRIVATE to the collection: it may change without notice.

Reads C(/proc) (Linux, proc(5)); runs on managed hosts with the standard library alone.
"""

from __future__ import annotations

import os
import re
import stat
import time
import typing as t
from dataclasses import dataclass
from pathlib import Path, PurePath

from ansible_collections.onprem.irsa.plugins.module_utils._flags.arguments import Flags, flags_of

PROC: t.Final = Path("/proc")

_SERVICE = re.compile(r"/([^/]+\.service)(?:/|$)")

_START_TIME = 19  # field 22 of /proc/PID/stat, counted from behind the command's name, which may hold blanks


@dataclass(frozen=True)
class Process:
    """A process: its arguments, and when it started, which tells it from a later one with the same id."""

    pid: int
    start_ticks: int
    """Clock ticks from the boot to the start of the process."""
    arguments: tuple[str, ...]

    @property
    def identity(self) -> tuple[int, int]:
        """What tells this process from every other one since the boot."""
        return self.pid, self.start_ticks

    def mark(self, proc: Path = PROC) -> str:
        """Return what tells this process from every other one, those before a reboot among them."""
        boot = (proc / "sys" / "kernel" / "random" / "boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {self.pid} {self.start_ticks}"

    @property
    def flags(self) -> Flags:
        """The values of each flag that it runs with, in their order."""
        return flags_of(self.arguments[1:])

    @property
    def age(self) -> float:
        """Return for how many seconds it has run."""
        return time.clock_gettime(time.CLOCK_BOOTTIME) - self.start_ticks / os.sysconf("SC_CLK_TCK")

    def started(self, proc: Path = PROC) -> float:
        """Return when it started, in seconds since the epoch."""
        lines = (proc / "stat").read_text(encoding="ascii").splitlines()
        boot = next(int(line.split()[1]) for line in lines if line.startswith("btime "))
        return boot + self.start_ticks / os.sysconf("SC_CLK_TCK")


def find(component: str, proc: Path = PROC, *, units: t.Collection[str] = ()) -> Process | None:
    """Return the newest process of this host's own component; None when none runs.

    Components of other clusters, which run in pods on this host, have a network of their own: they are ignored. So
    is what another user has started: anybody may give a process that name, and flags that name a key file.
    units: systemd's units whose processes are the host's own, whatever user they run as.
    """
    found = [
        _read(directory, arguments)
        for directory, arguments in _named((component,), proc)
        if _on_host_network(directory) and (_is_trusted(directory) or (units and unit_of(directory) in units))
    ]
    return max(filter(None, found), key=lambda process: process.start_ticks, default=None)


@dataclass(frozen=True)
class Candidate:
    """A process in the host's own network that has the name of a program, whoever has started it."""

    process: Process
    uid: int
    unit: str
    """The unit of the system's own systemd that it is in, such as C(k3s.service); empty for none, as in a pod."""
    parent: int


def candidates(programs: t.Collection[str], proc: Path = PROC) -> list[Candidate]:
    """Return the processes in the host's own network whose programs have these names, the oldest first."""
    found = [
        Candidate(process, uid, unit_of(directory), parent)
        for directory, arguments in _named(programs, proc)
        if _on_host_network(directory)
        for process, status in [(_read(directory, arguments), _status(directory))]
        if process is not None and status
        for uid, parent in [(int(status["Uid"].split()[0]), int(status["PPid"]))]
    ]
    return sorted(found, key=lambda candidate: candidate.process.start_ticks)


def unit_of(directory: Path) -> str:
    """Return the service of the system's own systemd that a process is in, by its directory in /proc; empty for none.

    Users' own services are none of the system's, and neither is what a pod calls a service.
    """
    try:
        lines = (directory / "cgroup").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    for line in lines:
        path = line.split(":", 2)[-1]
        match = None if "user.slice" in path or "kubepods" in path else _SERVICE.search(path)
        if match is not None:
            return match[1]
    return ""


def _named(programs: t.Collection[str], proc: Path) -> t.Iterator[tuple[Path, tuple[str, ...]]]:
    for directory in proc.iterdir():
        arguments = _arguments(directory) if directory.name.isdigit() else ()
        if arguments and PurePath(arguments[0]).name in programs:
            yield directory, arguments


def _status(directory: Path) -> dict[str, str]:
    try:
        lines = (directory / "status").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    return {name: value.strip() for name, _colon, value in (line.partition(":") for line in lines)}


def process_of(pid: int, proc: Path = PROC) -> Process | None:
    """Return the process that has this id now; None when none has."""
    return _read(proc / str(pid), _arguments(proc / str(pid)))


def _arguments(directory: Path) -> tuple[str, ...]:
    try:
        text = (directory / "cmdline").read_bytes().decode("utf-8", "surrogateescape")
    except OSError:  # it ended in the meantime
        return ()
    return tuple(text.split("\0")[:-1])


def _read(directory: Path, arguments: tuple[str, ...]) -> Process | None:
    try:
        fields = (directory / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return Process(int(directory.name), int(fields[_START_TIME]), arguments)


def _on_host_network(directory: Path) -> bool:
    own = directory.parent / "self" / "ns" / "net"
    try:
        return (directory / "ns" / "net").readlink() == own.readlink()
    except OSError:
        return False


def _is_trusted(directory: Path) -> bool:
    """Return whether root, who looks here, or the kubelet has started it, whose pods may run as another user.

    A program with the set-user-ID bit may be anybody's who called it by this name: it has root as its effective user,
    and sudo as its real one, too. Below user.slice systemd lets users make groups of any name.
    """
    try:
        status = (directory / "status").read_text(encoding="utf-8", errors="replace").splitlines()
        cgroup = (directory / "cgroup").read_text(encoding="utf-8", errors="replace")
        program = (directory / "exe").stat()
    except OSError:
        return False
    if program.st_mode & stat.S_ISUID:
        return False
    real = next(int(line.split()[1]) for line in status if line.startswith("Uid:"))
    return real in (0, os.getuid()) or ("kubepods" in cgroup and "user.slice" not in cgroup)


__all__: t.Final = ("PROC", "Candidate", "Process", "candidates", "find", "process_of", "unit_of")
