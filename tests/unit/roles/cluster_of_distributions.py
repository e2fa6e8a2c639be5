# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A control plane of hosts that have a distribution: each is a directory of files and a service that reads them."""

from __future__ import annotations

import json
import os
import sys
import typing as t

from ansible_collections.onprem.irsa.tests.unit.roles import distribution_host
from ansible_collections.onprem.irsa.tests.unit.roles.cluster_of_files import ROOT, Cluster, stand_in

if t.TYPE_CHECKING:
    from pathlib import Path

Json = dict[str, t.Any]

# Stands in the place of a module's own main(): the host's part of the test does the work, with the same arguments.
_MAIN = """
def main():
    import json, os, subprocess
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    assert not module.check_mode, "nothing is changed in check mode"
    command = [PYTHON, "-m", PROGRAM, WHAT, os.environ["HOST"]]
    path = {**os.environ, "PYTHONPATH": PATH}
    done = subprocess.run(command, input=json.dumps(module.params), env=path, capture_output=True, text=True)
    result = json.loads(done.stdout) if done.returncode == 0 else {"failed": True, "msg": done.stderr, "changed": False}
    module.fail_json(**result) if result.pop("failed", False) else module.exit_json(**result)
"""
_PARTS = {"control_plane_info": "info", "control_plane_edits_host": "change"}


class Distributions(Cluster):
    """Hosts by their names, which run."""

    def __init__(self, directory: Path, hosts: t.Mapping[str, Json]) -> None:
        """Take a directory for everything, and the state of each host with the files that it begins with."""
        super().__init__(directory, hosts)
        for name in hosts:
            self.host(name).boot()
        path = os.pathsep.join([str(ROOT / ".build"), *sys.path])
        for module, what in _PARTS.items():
            names = {"PYTHON": sys.executable, "PROGRAM": distribution_host.__name__, "WHAT": what, "PATH": path}
            self.replace(module, stand_in(module, "".join(f"{n} = {value!r}\n" for n, value in names.items()) + _MAIN))
        self.cut_off("kubeadm")

    def host(self, name: str) -> distribution_host.FakeHost:
        """Return a host as it is now."""
        return distribution_host.FakeHost(self.directory / name)

    def issuers(self) -> dict[str, list[str]]:
        """Return the issuers of each host's API server."""
        return {name: self.running(name).get("service-account-issuer", []) for name in self.hosts}

    def running(self, name: str) -> dict[str, list[str]]:
        """Return the flags of a host's API server."""
        flags: dict[str, list[str]] = self.host(name).state["flags"]
        return flags

    def text(self, name: str, path: str) -> str:
        """Return a file of a host."""
        return (self.host(name).root / path.lstrip("/")).read_text()

    def files(self, name: str) -> dict[str, str]:
        """Return the files of a host's configuration."""
        root = self.host(name).root
        texts = (file for place in ("etc", "var/snap") for file in (root / place).rglob("*") if file.is_file())
        return {f"/{file.relative_to(root)}": file.read_text() for file in texts}

    def restarts(self) -> list[str]:
        """Return the hosts in the order in which their services were restarted."""
        return [name for what, name in self.log() if what == "restart"]

    def kill(self, name: str, renames: int) -> None:
        """Let the next change of a host be killed, after so many files were renamed."""
        (self.directory / f"{name}.kill").write_text(str(renames))

    def kept(self, name: str) -> list[Json]:
        """Return what a host has kept of changes."""
        directory = self.host(name).root / distribution_host.BACKUP
        return [json.loads(file.read_text()) for file in sorted(directory.glob("kube-apiserver.unit.*"))]
