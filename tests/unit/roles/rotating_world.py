# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens to tokens while the doubles of C(rotating_hosts) restart processes and publish key sets.

Processes sign all the time, with the key that they have read as they started. Each token lives for LIFETIME and is
shown to every API server, by what that has read as it started, and to AWS, by what is published and by what a cache
may still have of it. Whoever refuses one is written down. With the standard library alone: the doubles run this, too.
"""

from __future__ import annotations

import json
import os
import signal
import time
import typing as t

if t.TYPE_CHECKING:
    from pathlib import Path

LIFETIME: t.Final = 86400.0
MAX_AGE: t.Final = 300.0
NEXT_KILLS: t.Final = 3
LEEWAY: t.Final = 60.0  # for which kube-apiserver takes a token longer than it says

Json = dict[str, t.Any]


class World:
    """Everything is in files of a directory; NAMES are those of its hosts."""

    def __init__(self, directory: Path) -> None:
        """Take the directory."""
        self.directory = directory

    def read(self, name: str) -> Json:
        """Return what a file has."""
        found: Json = json.loads((self.directory / name).read_text())
        return found

    def put(self, name: str, content: Json) -> None:
        """Write a file as a whole: who writes may be killed at any moment."""
        draft = self.directory / f".{name}.draft"
        draft.write_text(json.dumps(content))
        draft.replace(self.directory / name)

    def hosts(self) -> list[Json]:
        """Return what each host's processes have read."""
        return [self.read(path.name) for path in sorted(self.directory.glob("cp[0-9]"))]

    def sign(self) -> None:
        """Let every process sign at this moment."""
        tokens = self.read("tokens")
        tokens.update({host["kube-apiserver"]["signer"]: time.time() for host in self.hosts()})
        self.put("tokens", tokens)

    def show(self, what: str) -> None:
        """Show each token that lives to everybody; WHAT has happened right before."""
        self.sign()
        now, hosts = time.time(), self.hosts()
        living = {kid for kid, signed in self.read("tokens").items() if now - signed < LIFETIME + LEEWAY}
        of_secrets = {host["kube-controller-manager"]["signer"] for host in hosts}
        versions = [kids for kids, until in self.read("published")["before"] if until + MAX_AGE > now]
        refused = [
            f"{kid} by an API server that accepts {host['kube-apiserver']['accepts']}"
            for kid in sorted(living | of_secrets)
            for host in hosts
            if kid not in host["kube-apiserver"]["accepts"]
        ] + [
            f"{kid} by AWS, which has {kids}"
            for kid in sorted(living)
            for kids in (self.read("published")["kids"], *versions)
            if kid not in kids
        ]
        for line in refused:
            self.note("refused", f"after {what}: {line}")

    def publish(self, kids: list[str]) -> None:
        """Publish another key set."""
        found = self.read("published")
        before = [*found["before"], [found["kids"], time.time()]]
        self.put("published", {"kids": kids, "since": time.time(), "before": before})
        self.show("publish")

    def restart(self, name: str, component: str, accepts: list[str], signer: str) -> None:
        """Start a process again, which reads these keys."""
        self.sign()
        state = self.read(name)
        state[component].update(accepts=accepts, signer=signer, started=time.time())
        self.put(name, state)
        self.note("log", f"{component} {name}")
        self.show(f"{name} {component}")

    def pass_time(self, seconds: float) -> None:
        """Let everything that there is be older."""
        self.sign()
        for path in self.directory.glob("cp[0-9]"):
            state = self.read(path.name)
            for component in state.values():
                component["started"] -= seconds
            self.put(path.name, state)
        found = self.read("published")
        before = [[kids, until - seconds] for kids, until in found["before"]]
        self.put("published", {**found, "since": found["since"] - seconds, "before": before})
        self.put("tokens", {kid: signed - seconds for kid, signed in self.read("tokens").items()})
        self.show("time")

    def let_caches_end(self, seconds: float) -> None:
        """Let the time for which caches keep an older version be over in some seconds."""
        found = self.read("published")
        passed = found["since"] - (time.time() - MAX_AGE + seconds)
        before = [[kids, until - passed] for kids, until in found["before"]]
        self.put("published", {**found, "since": found["since"] - passed, "before": before})

    def note(self, name: str, line: str) -> None:
        """Add a line to a file."""
        with (self.directory / name).open("a") as file:
            file.write(f"{line}\n")

    def reach(self, moment: str) -> None:
        """Kill the run, and the process that comes here, where this is one of the next moments to do so.

        Of several: which host a run goes on with after a kill is the planner's choice.
        """
        self.note("moments", moment)
        file = self.directory / "kills"
        kills = file.read_text().splitlines() if file.exists() else []
        if moment not in kills[:NEXT_KILLS]:
            return
        kills.remove(moment)
        file.write_text("".join(f"{line}\n" for line in kills))
        os.kill(int((self.directory / "run.pid").read_text()), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)
