# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host whose distribution is small enough for unit tests: a directory of files, and what its service makes of them.

It reads its files at each start and never in between, merges them as its room's tables say, and refuses what the real
one refuses: a file that does not parse, and what kube-apiserver does not start with. What looks at it and changes it is
the collection's own code; this is the operating system below. Run as a program by the modules that stand in for those
of a host, with the module's arguments on the standard input.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import typing as t
from dataclasses import replace
from pathlib import Path

from ansible_collections.onprem.irsa.plugins.module_utils._distributions.outcome import Outcome
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.registry import room_named
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.room import Edit, UnitFile, flags_in
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.unit_files import command_of
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError, IrsaError
from ansible_collections.onprem.irsa.plugins.module_utils._host import backup, edits, observe
from ansible_collections.onprem.irsa.plugins.module_utils._host.gather import Place, gather
from ansible_collections.onprem.irsa.plugins.module_utils._host.outcome import OutcomeApi
from ansible_collections.onprem.irsa.plugins.module_utils._host.record import Records
from ansible_collections.onprem.irsa.plugins.module_utils._host.systemd import Systemd
from ansible_collections.onprem.irsa.plugins.modules import control_plane_edits_host, control_plane_info

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._flags.arguments import Flags
    from ansible_collections.onprem.irsa.plugins.module_utils._host.unit_watch import UnitWatch

Json = dict[str, t.Any]

ISSUER: t.Final = "service-account-issuer"
REFUSED: t.Final = "audit-policy-file"
"""A flag with which no API server here starts: its file is not there."""
SECRET: t.Final = "a.token.of-the-cluster"  # noqa: S105 -- of nothing
BACKUP: t.Final = "var/lib/onprem-irsa/backup"
_CERTIFICATE = {"kubelet-client-certificate": ["/client.crt"], "kubelet-client-key": ["/client.key"]}


class FakeHost:
    """One host; its state is a file, so that each module's process finds it as the last one has left it."""

    def __init__(self, file: Path) -> None:
        """Take the file with the state, next to which is the directory with the host's files."""
        self.file = file
        self.root = file.with_name(f"{file.name}.root")
        self.proc = self.root / "proc"
        self.state: Json = json.loads(file.read_text())
        self.room = room_named(self.state["distribution"])

    @property
    def unit(self) -> str:
        return str(self.state["unit"])

    def save(self) -> None:
        self.file.write_text(json.dumps(self.state))

    def note(self, what: str) -> None:
        with self.file.with_name("log").open("a") as log:
            log.write(f"{what} {self.file.name}\n")

    def boot(self) -> None:
        """Make the files of a host that has none yet, and start what it runs."""
        for path, text in self.state.pop("files").items():
            file = self.root / path.lstrip("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        (self.proc / "self/ns").mkdir(parents=True)
        (self.proc / "self/ns/net").symlink_to("net:[1]")
        (self.proc / "sys/kernel/random").mkdir(parents=True)
        (self.proc / "sys/kernel/random/boot_id").write_text("boot\n")
        (self.proc / "stat").write_text("cpu 1\nbtime 1000\n")
        self.state |= {"pid": 1000, "starts": 0, "restarts": 0, "failing": "", "flags": {}, "active": "active"}
        self.start()
        assert not self.state["failing"], self.state["failing"]
        self.save()

    def systemd(self) -> Systemd:
        return Systemd(self.run, "systemctl", "journalctl", root=self.root)

    def run(self, command: list[str]) -> tuple[int, str, str]:
        """Do what systemctl and journalctl do."""
        program, verb, *rest = command
        if program == "journalctl":
            journal = self.root / "journal"
            return 0, journal.read_text() if journal.exists() else "", ""
        if verb == "show" and rest == ["--property=UnitPath"]:
            return 0, "UnitPath=/etc/systemd/system\n", ""
        if verb == "show":
            return 0, self.shown(rest[-1]), ""
        if verb in ("daemon-reload", "reset-failed"):
            return 0, "", ""
        assert (verb, rest) == ("restart", ["--no-block", self.unit]), command
        self.note("restart")
        self.start()
        self.save()
        return 0, "", ""

    def shown(self, unit: str) -> str:
        if unit != self.unit:
            return "ActiveState=inactive\nSubState=dead\nInvocationID=\nNRestarts=0\nJob=\nMainPID=0\n"
        if self.state["failing"]:
            self.start(again=True)
            self.save()
        return (
            f"ActiveState={self.state['active']}\nSubState=running\nInvocationID={self.state['starts']}\n"
            f"NRestarts={self.state['restarts']}\nJob=\nMainPID={self.state['pid']}\n"
        )

    def flags(self) -> Flags:
        """Return the flags that the files say now; raises InputError where the distribution would not start."""
        systemd, place = self.systemd(), Place(self.systemd(), self.proc, self.root)
        files = [
            UnitFile(path, (self.root / path[1:]).read_text())
            for path in systemd.files(self.unit, ["/etc/systemd/system"])
        ]
        assert command_of(files, {}, unit=self.unit) is not None
        seen = replace(gather(place, []), version=self.state["version"])
        return flags_in(self.room.settings(seen))

    def start(self, *, again: bool = False) -> None:
        """Start the service as its files say, or once more after it has ended by itself."""
        why = ""
        try:
            flags = self.flags()
            issuers = flags.get(ISSUER, [])
            if REFUSED in flags:
                why = f"Error: loading audit policy file: {flags[REFUSED][0]}: no such file or directory"
            elif len({*issuers}) < len(issuers) or not issuers:
                why = "Error: found duplicate issuers"
        except InputError as error:
            flags, why = {}, str(error)
        own = not flags or bool(why and not self.state["child"])  # the service itself ends
        self.state["pid"] += 2
        if again:
            self.state["restarts"] += own
        else:
            self.state["starts"] += 1
        self.state |= {"failing": why, "flags": {} if why else {**self.state["own_flags"], **_CERTIFICATE, **flags}}
        self.state["active"] = "activating" if own or (why and self.state["pod"]) else "active"
        self.processes(flags, why)

    def processes(self, flags: Flags, why: str) -> None:
        """Let /proc have what runs: the service's main process, and the API server where it has one of its own."""
        for directory in self.proc.glob("[0-9]*"):
            shutil.rmtree(directory)
        pid = self.state["pid"]
        self.process(pid, self.state["main"], cgroup=f"system.slice/{self.unit}", parent=1)
        if why and not self.state["pod"]:
            (self.root / "journal").write_text(f"starting\n{why} component=kube-apiserver\nanother line\n")
        if why and self.state["pod"]:
            log = self.root / "var/log/pods/kube-system_kube-apiserver-h_1/kube-apiserver" / f"{pid}.log"
            log.parent.mkdir(parents=True, exist_ok=True)
            log.write_text(f"2026-01-01T00:00:00Z stderr F {why}\n")
        if not self.state["child"] or not flags or (why and self.state["pod"]):
            return
        words = [f"--{name}={value}" for name, values in (self.state["flags"] or flags).items() for value in values]
        cgroup = "kubepods.slice/a.scope" if self.state["pod"] else f"system.slice/{self.unit}"
        uid = 0 if self.state["pod"] else 998
        self.process(pid + 1, ["kube-apiserver", *words], cgroup=cgroup, parent=pid, uid=uid)

    def process(self, pid: int, arguments: list[str], *, cgroup: str, parent: int, uid: int = 0) -> None:
        directory = self.proc / str(pid)
        (directory / "ns").mkdir(parents=True)
        (directory / "ns/net").symlink_to("net:[1]")
        (directory / "cmdline").write_bytes(b"".join(argument.encode() + b"\0" for argument in arguments))
        (directory / "stat").write_text(f"{pid} (a) S {' '.join(['0'] * 18)} {pid} 0 0\n")
        (directory / "status").write_text(f"Name:\ta\nUid:\t{uid} {uid} {uid} {uid}\nPPid:\t{parent}\n")
        (directory / "cgroup").write_text(f"0::/{cgroup}\n")
        (directory / "exe").touch()


def fake_api(host: FakeHost) -> type[OutcomeApi]:
    """Return what asks the API server of this host, to which a client has to show its certificate."""

    class FakeApi(OutcomeApi):
        def outcome(self, issuers: t.Iterable[str]) -> Outcome | None:
            """Show what the flags of the process make, whatever the files say by now."""
            if not self.ready():
                return None
            flags = host.state["flags"]
            own = flags[ISSUER]
            audiences = ",".join(flags.get("api-audiences", own)).split(",")
            uri = flags.get("service-account-jwks-uri", ["https://10.0.0.1:6443/openid/v1/jwks"])[-1]
            known = [name for name in dict.fromkeys([own[0], *issuers]) if name in own]
            return Outcome(own[0], tuple(audiences), tuple(known), uri, token=SECRET)

        def refusing(self, outcome: Outcome) -> list[str]:
            """Let other servers refuse what they are told to refuse."""
            assert outcome.token == SECRET
            return [url for url in host.state.get("refusing", {}) if outcome.issuer in host.state["refusing"][url]]

        def ready(self) -> bool:
            assert self.client_cert, "anonymous requests are off"
            return not host.state["failing"]

        def version(self) -> str | None:
            return str(host.state["version"]) if self.ready() else None

        def kids(self) -> list[str] | None:
            return ["k"] if self.ready() else None

        def begin(self, path: str) -> None:
            """Serve no profile."""

    return FakeApi


def info(host: FakeHost, asked: Json) -> Json:
    """Do what control_plane_info does on a host."""
    control_plane_info.OutcomeApi = fake_api(host)  # type: ignore[attr-defined]
    keys = {"public_keys": [], "kids": ["k"], "signing_key": {"file": "/sa.key", "kid": "k"}}
    stand_ins = {"Api": fake_api(host), "_stale_key_files": lambda _of: [], "_keys": lambda _host, _of: keys}
    for name, stand_in in stand_ins.items():
        setattr(observe, name, stand_in)
    there = observe.Host(
        component=asked["component"],
        manifest=host.root / "etc/kubernetes/manifests/kube-apiserver.yaml",
        backup_directory=host.root / BACKUP,
        run=lambda *_arguments, **_named: (1, "", ""),
        openssl="openssl",
        systemd=host.systemd(),
        proc=host.proc,
        root=host.root,
        within=control_plane_info.within_of(asked["within"]) if asked.get("within") else None,
    )
    kubeadm: Json = {"version": None, "configuration": None, "patches_directories": [], "patches": {}, "obstacle": ""}
    return {**observe.observe(there), "kubeadm": kubeadm if asked["kubeadm"] else None, "changed": False}


def change(host: FakeHost, asked: Json) -> Json:
    """Do what control_plane_edits_host does on a host."""
    host.note("begin")
    changes = tuple(Edit(**{**edit, "path": f"{host.root}{edit['path']}"}) for edit in asked["edits"])
    names = ("flags", "flags_before", "whole", "timeout", "restart")
    wanted = edits.Change(
        Records(host.root / BACKUP, asked["component"]), changes, **{name: asked[name] for name in names}
    )
    for name in ("Api", "OutcomeApi"):
        setattr(control_plane_edits_host, name, fake_api(host))
    watch: UnitWatch = control_plane_edits_host.watch_of({**asked, "health": "/readyz"}, host.systemd())
    watch.proc, watch.interval, watch.logs = host.proc, 0.01, host.root / "var/log/pods"
    kill_in_time(host)
    result = edits.reported_outcome(edits.apply(wanted, watch), watch)
    host.note("fail" if "reason" in result else "end")
    return {**result, "failed": "reason" in result}


def kill_in_time(host: FakeHost) -> None:
    """Kill this run, and the module that has started it, if one has, before it renames the file that it is told to."""
    told = host.file.with_name(f"{host.file.name}.kill")
    if not told.exists():
        return
    left = [int(told.read_text())]
    there = backup.renamed

    def renamed(*arguments: t.Any, **named: t.Any) -> t.Any:  # noqa: ANN401 -- those of the function
        if left[0] == 0:
            told.unlink()
            host.note("killed")
            if os.environ.get("HOST"):
                os.kill(os.getppid(), signal.SIGKILL)
            os.kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1
        return there(*arguments, **named)

    backup.renamed = renamed


def done(what: str, file: str, asked: Json) -> str:
    """Do a part of a module, and return its result as JSON."""
    try:
        return json.dumps({"info": info, "change": change}[what](FakeHost(Path(file)), asked))
    except IrsaError as error:
        return json.dumps({"failed": True, "msg": str(error), "changed": False})


def serve() -> None:
    """Do one part after another, each in a process of its own, as each module on a host has; a line for each."""
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            os.environ.pop("HOST", None)
            print(done(*json.loads(line)), flush=True)
            os._exit(0)
        status = os.waitpid(pid, 0)[1]
        if status:
            print("{}" if os.WIFSIGNALED(status) else json.dumps({"crashed": status}), flush=True)


def main() -> None:
    if sys.argv[1:] == ["serve"]:
        serve()
        return
    what, file = sys.argv[1:]
    print(done(what, file, json.load(sys.stdin)))


if __name__ == "__main__":
    main()
