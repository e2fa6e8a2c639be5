# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A systemd small enough for unit tests, with one service of real processes; it refuses what the real one refuses."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import typing as t
import uuid

from ansible_collections.onprem.irsa.plugins.module_utils._distributions.room import UnitFile
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.unit_files import (
    Command,
    command_of,
    environment_files,
    load_order,
    required_files,
)
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._flags.arguments import flags_of
from ansible_collections.onprem.irsa.plugins.module_utils._host.systemd import Systemd
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._host.fake_kubelet import SERVER, free_port

if t.TYPE_CHECKING:
    from pathlib import Path

_START_LIMIT = 5  # StartLimitBurst=
_RESTART = 0.2  # RestartSec=


class FakeSystemd:
    """Runs one unit, with Restart=on-failure, as systemd does: it reads files when it is told to, and at each start."""

    def __init__(self, root: Path, component: str, certificate: Path) -> None:
        self.root, self.component = root, component
        self.unit = f"{component}.service"
        self.path = root / "etc/systemd/system" / self.unit
        self.variables = root / "etc/variables"
        self.path.parent.mkdir(parents=True)
        self.script = root / "server.py"
        self.script.write_text(SERVER)
        self.program = root / component
        self.port = free_port()
        self.base = f"{self.program} --secure-port={self.port} --tls-cert-file={certificate}"
        self.restart = "on-failure"
        self.deaf = False
        self.hangs = False
        self.told: list[str] = []
        self.log: list[tuple[float, str]] = []
        self._loaded: Command | None = None
        self._error = ""
        self._loaded_texts: dict[str, str] = {}
        self._child: subprocess.Popen[str] | None = None
        self._active, self._invocation = "inactive", ""
        self._restarts, self._starts, self._due = 0, 0, 0.0
        self._job = False
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._reload()

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        return self._child.pid if self._child is not None and self._child.poll() is None else 0

    def content(self, *arguments: str, dash: str = "-") -> str:
        """Return a unit whose process gets these arguments, in lines of their own."""
        words = " \\\n  ".join((self.base, *arguments))
        variables = f"EnvironmentFile={dash}{self.variables}"
        return f"[Unit]\nDescription=A test\n\n[Service]\n{variables}\nExecStart={words} $MORE\n"

    def flags(self) -> dict[str, list[str]]:
        """Return the flags that the files say now."""
        command, _texts = self._read()
        assert command is not None
        return flags_of(command.arguments[1:])

    def systemd(self) -> Systemd:
        return Systemd(self.run, "systemctl", "journalctl", self.root, "timeout")

    def start(self) -> None:
        self._thread.start()
        assert self.systemd().reload() == ""
        assert self.systemd().restart(self.unit) == ""

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()
        self._end()

    def boot(self) -> None:
        """Lose what runs, as in a power cut, and start what the files say."""
        with self._lock:
            if self._child is not None:
                self._child.kill()
                self._child.wait()
            self._job, self._restarts, self._starts = False, 0, 0
            self._reload()
            self._start()

    def run(self, command: list[str]) -> tuple[int, str, str]:
        """Do what systemctl and journalctl do, called by timeout(1)."""
        timeout, _kill_after, seconds, program, *arguments = command
        assert (timeout, int(seconds) > 0) == ("timeout", True)
        if self.hangs:
            return 124, "", ""
        if program == "journalctl":
            since = next(float(each.partition("@")[2]) for each in arguments if each.startswith("--since="))
            lines = [line for moment, line in self.log if moment >= since - 1]
            return 0, "\n".join(lines[-10:]) + "\n", ""
        with self._lock:
            return self._systemctl(*arguments)

    def _systemctl(self, verb: str, *rest: str) -> tuple[int, str, str]:
        self.told.append(verb)
        if verb == "show":
            return 0, self._shown(*rest), ""
        if verb == "daemon-reload":
            self._reload()
            return 0, "", ""
        if rest[-1] != self.unit:
            return 5, "", f"Failed to {verb} {rest[-1]}: Unit {rest[-1]} not found."
        if verb == "reset-failed":
            self._starts, self._restarts = 0, 0
            return 0, "", ""
        assert (verb, rest[0]) == ("restart", "--no-block"), (verb, rest)
        return self._restarted()

    def _shown(self, what: str, unit: str = "") -> str:
        if (what, unit) == ("--property=UnitPath", ""):
            return "UnitPath=/etc/systemd/system /usr/lib/systemd/system\n"
        if unit != self.unit:  # of a unit that is not there
            return "ActiveState=inactive\nSubState=dead\nInvocationID=\nNRestarts=0\nJob=\nMainPID=0\n"
        values = {
            "ActiveState": self._active,
            "SubState": "running" if self._active == "active" else "auto-restart",
            "InvocationID": self._invocation,
            "NRestarts": str(self._restarts),
            "Job": "17" if self._job else "",
            "MainPID": str(self.pid),
        }
        names = what.partition("=")[2].split(",")
        return "".join(f"{name}={values[name]}\n" for name in names)

    def _read(self) -> tuple[Command | None, dict[str, str]]:
        found = [f"/{file.relative_to(self.root)}" for file in self.path.parent.rglob("*") if file.is_file()]
        paths = load_order(self.unit, ("/etc/systemd/system",), found)
        files = [UnitFile(path, (self.root / path[1:]).read_text()) for path in paths]
        texts = {file.path: file.text for file in files}
        variables = {path: self.variables.read_text() for path in environment_files(files) if self.variables.exists()}
        return command_of(files, variables, unit=self.unit), texts

    def _reload(self) -> None:
        try:
            self._loaded, self._loaded_texts = self._read() if self.path.exists() else (None, {})
            self._error = "" if self._loaded else f"Unit {self.unit} not found."
        except InputError:
            self._error = f"Failed to restart {self.unit}: Unit {self.unit} has a bad unit file setting."

    def _restarted(self) -> tuple[int, str, str]:
        if self._error:
            return 1, "", f"{self._error}\nSee system logs and 'systemctl status {self.unit}' for details."
        self._job = True
        return 0, "", ""

    def _work(self) -> None:
        while not self._stop.wait(0.02):
            with self._lock:
                if not self.deaf:
                    self._sync()

    def _sync(self) -> None:
        if self._job:
            self._end()
            self._job = False
            self._start()
        elif self._active == "active" and self._child is not None and self._child.poll() is not None:
            self._gone(self._child.returncode)
        elif self._active == "activating" and time.monotonic() >= self._due:
            self._restarts += 1
            self._start()

    def _gone(self, status: int) -> None:
        """Note that the process has ended, and whether another one is due (systemd.service(5), Restart=)."""
        if self.restart == "always" or (self.restart == "on-failure" and status != 0):
            self._active, self._due = "activating", time.monotonic() + _RESTART
        else:
            self._active = "failed" if status else "inactive"

    def _start(self) -> None:
        self._starts += 1
        self._invocation = uuid.uuid4().hex
        if self._starts > _START_LIMIT:
            self._active = "failed"
            return
        # systemd starts what it has loaded, with the files of variables as they are now.
        files = [UnitFile(path, text) for path, text in self._loaded_texts.items()]
        variables = {path: self.variables.read_text() for path in environment_files(files) if self.variables.exists()}
        for path in required_files(files):
            if path not in variables:
                self.log.append((time.time(), f"{self.unit}: Failed to load environment files: No such file"))
                self._gone(1)
                return
        command = command_of(files, variables, unit=self.unit)
        assert command is not None
        self._active = "active"
        self._child = subprocess.Popen(  # noqa: S603 -- the script above, called as the component is
            [command.words[0].value, str(self.script), *command.arguments[1:]],
            executable=sys.executable,
            env={**os.environ, "PYTHONHOME": sys.base_prefix},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        threading.Thread(target=self._listen, args=(self._child,), daemon=True).start()

    def _listen(self, child: subprocess.Popen[str]) -> None:
        for line in t.cast("t.IO[str]", child.stdout):
            self.log.append((time.time(), line.rstrip("\n")))

    def _end(self) -> None:
        if self._child is not None:
            self._child.terminate()
            try:
                self._child.wait(1.0)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()
