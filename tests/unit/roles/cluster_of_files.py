# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A control plane of which each host is a file: the roles and actions are the real ones, the modules on hosts are not.

Each host's file has its manifest and the flags that its API server runs with; C(log) says when each change of one began
and ended.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import typing as t
from pathlib import Path

ROOT = Path(__file__).parents[3]
MODULES = "ansible_collections.onprem.irsa.plugins.modules"
Json = dict[str, t.Any]

# What stands in the place of each module's own main(); HOST is set by the host's interpreter.
_MAINS = {
    "control_plane_info": """
def main():
    import json, os, time
    from pathlib import Path
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    file = Path(os.environ["HOST"])
    with file.with_name("looks").open("a") as looks:
        looks.write(f"{file.name}\\n")
    told, kubeadm = file.with_name(f"{file.name}.kubeadm"), None
    if module.params["kubeadm"]:
        kubeadm = {"version": None, "configuration": None, "patches_directories": [], "patches": {}, "obstacle": ""}
        kubeadm.update(json.loads(told.read_text()) if told.exists() else {})
    module.exit_json(changed=False, **{**json.loads(file.read_text()), "clock": time.time(), "kubeadm": kubeadm})
""",
    "control_plane_flags_host": """
def main():
    import json, os, time
    from pathlib import Path
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    file, asked = Path(os.environ["HOST"]), module.params
    def note(what):
        with file.with_name("log").open("a") as log:
            log.write(f"{what} {file.name}\\n")
    note("begin")
    time.sleep(0.2)  # long enough for another host's to begin, were there one
    state = json.loads(file.read_text())
    result = {"backup": None, "unavailable_seconds": 0.2, "put_back": False, "removed_sandboxes": [], "moved_away": []}
    if file.with_name(f"{file.name}.broken").exists():
        note("fail")
        module.fail_json(msg="It did not come up.", reason="broken", recovered=True, log=[], changed=False, **result)
    changed = asked["content"] != state["manifests"][asked["path"]]
    state.update(manifests={asked["path"]: asked["content"]}, running_flags=asked["flags"], unconfirmed=False)
    file.write_text(json.dumps(state))
    note("end")
    late = file.with_name("late")
    if late.exists():
        file.with_name("unlisted").write_text(late.read_text())
    module.exit_json(changed=changed, **result)
""",
    "control_plane_edits_host": """
def main():
    import json, os
    from pathlib import Path
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    file, asked = Path(os.environ["HOST"]), module.params
    def note(what):
        with file.with_name("log").open("a") as log:
            log.write(f"{what} {file.name}\\n")
    note("begin")
    state = json.loads(file.read_text())
    for unit in state["seen"]["units"].values():
        for text in unit:
            for edit in asked["edits"]:
                if edit["path"] == text[0]:
                    assert text[1] == edit["before"]
                    text[1] = edit["after"]
    state.update(running_flags=asked["flags"], unconfirmed=False)
    file.write_text(json.dumps(state))
    note("end")
    module.exit_json(changed=bool(asked["edits"]), backup=None, unavailable_seconds=0.2, put_back=False)
""",
    "verify": """
def main():
    options = {name: {"type": "raw"} for name in ("issuer", "kids")}
    AnsibleModule(argument_spec=options, supports_check_mode=True).exit_json(changed=False)
""",
}


# Stand in the place of the whole collection kubernetes.core; SLICES and others are set to files.
_K8S_CLUSTER_INFO = """
from ansible.module_utils.basic import AnsibleModule

AnsibleModule(argument_spec={"kubeconfig": {"type": "raw"}}, supports_check_mode=True).exit_json(changed=False, apis={})
"""
# Stands in the place of the module objects_info of this collection.
_OBJECTS_INFO = """
import json
from pathlib import Path
from ansible.module_utils.basic import AnsibleModule

def main():
    names = ("kubeconfig", "path", "name", "labels")
    module = AnsibleModule(argument_spec={name: {"type": "raw"} for name in names}, supports_check_mode=True)
    asked = module.params["path"].rpartition("/")[2]
    slices = json.loads(Path(SLICES).read_text())
    unlisted = Path(SLICES).with_name("unlisted")
    if asked == "endpointslices" and unlisted.exists() and int(unlisted.read_text()) > 0:
        unlisted.write_text(str(int(unlisted.read_text()) - 1))
        slices = []
        with Path(SLICES).with_name("log").open("a") as log:
            log.write("unlisted api\\n")
    found = {
        "endpointslices": slices,
        "configmaps": [{"data": {"ClusterConfiguration": "apiVersion: kubeadm.k8s.io/v1beta4"}}],
    }
    if Path(KUBEADM).exists():
        found["configmaps"] = json.loads(Path(KUBEADM).read_text())
    if found[asked] is None:
        module.fail_json(msg="No route to host")
    module.exit_json(changed=False, resources=found[asked])

if __name__ == "__main__":
    main()
"""

# A connection to a host that is lost once another one was changed; LOST is set to a directory.
_LOSSY = """
from pathlib import Path
from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.connection.local import Connection as Local

DOCUMENTATION = "name: lossy\\nshort_description: One that breaks\\nauthor: nobody\\ndescription: Breaks.\\noptions: {}"

class Connection(Local):
    transport = "lossy"

    def exec_command(self, *args, **kwargs):
        file = Path(LOST) / "log"
        if file.exists() and AFTER in file.read_text():
            raise AnsibleConnectionFailure("Connection refused")
        return super().exec_command(*args, **kwargs)
"""

# As the API server: it refuses who may not write, and an object that somebody else has written since it was read.
_K8S = """
import json
from pathlib import Path
from ansible.module_utils.basic import AnsibleModule

names = ("kubeconfig", "state", "kind", "namespace", "name", "definition")
module = AnsibleModule(argument_spec={name: {"type": "raw"} for name in names}, supports_check_mode=True)
if Path(KUBEADM + ".forbidden").exists():
    module.fail_json(msg='configmaps "kubeadm-config" is forbidden: User "reader" cannot patch resource "configmaps"')
(stored,) = json.loads(Path(KUBEADM).read_text())
definition = module.params["definition"]
if definition["metadata"]["resourceVersion"] != stored["metadata"]["resourceVersion"]:
    module.fail_json(msg="the object has been modified")
changed = definition["data"] != stored["data"]
if changed and not module.check_mode:
    version = str(int(stored["metadata"]["resourceVersion"]) + 1)
    Path(KUBEADM).write_text(json.dumps([{"metadata": {"resourceVersion": version}, "data": definition["data"]}]))
module.exit_json(changed=changed)
"""


def stand_in(module: str, main: str) -> str:
    """Return a module of this collection with the same arguments and another main().

    What the real one imports takes each host half a second, and is not needed.
    """
    spec = getattr(importlib.import_module(f"{MODULES}.{module}"), "ARGUMENT_SPEC", {})
    head = "from ansible.module_utils.basic import AnsibleModule"
    return f'{head}\n\nARGUMENT_SPEC = {spec!r}\n\n{main}\n\nif __name__ == "__main__":\n    main()\n'


class Cluster:
    """Hosts by their names."""

    def __init__(self, directory: Path, hosts: t.Mapping[str, Json]) -> None:
        """Take a directory for everything, and what is observed on each host."""
        self.directory, self.hosts = directory, list(hosts)
        self.own: dict[str, Json] = {}
        """Variables of single hosts."""
        self.environment: dict[str, str] = {}
        """What the environment of ansible-playbook has in addition."""
        self._collection(directory / "collections/ansible_collections/onprem/irsa")
        self._api(directory / "collections/ansible_collections/kubernetes/core/plugins/modules")
        self.serve()
        for name, state in hosts.items():
            self._write(name, state)

    def _write(self, name: str, state: Json) -> None:
        """Write the files of a host."""
        (self.directory / name).write_text(json.dumps(state))
        interpreter = self.directory / f"python-{name}"
        interpreter.write_text(f'#!/bin/sh\nHOST={self.directory / name} exec {sys.executable} "$@"\n')
        interpreter.chmod(0o755)

    @staticmethod
    def _collection(tree: Path) -> None:
        modules = tree / "plugins/modules"
        modules.mkdir(parents=True)
        for source in [*ROOT.glob("[!.]*"), *(ROOT / "plugins").iterdir(), *(ROOT / "plugins/modules").glob("*.py")]:
            link = tree / source.relative_to(ROOT)
            if not link.exists():
                link.symlink_to(source)
        for name, main in _MAINS.items():
            link = modules / f"{name}.py"
            link.unlink()
            link.write_text(stand_in(name, main))

    def _api(self, modules: Path) -> None:
        modules.mkdir(parents=True)
        files = "".join(f"{name.upper()} = {str(self.directory / name)!r}\n" for name in ("slices", "kubeadm"))
        self.replace("objects_info", f"{files}{_OBJECTS_INFO}")
        (modules / "k8s.py").write_text(f"{files}{_K8S}")
        (modules / "k8s_cluster_info.py").write_text(_K8S_CLUSTER_INFO)
        context = {"cluster": "prod", "user": "admin"}
        kubeconfig = {
            "clusters": [{"name": "prod", "cluster": {"server": "https://10.0.0.1:6443"}}],
            "users": [{"name": "admin", "user": {}}],
            "contexts": [{"name": "admin@prod", "context": context}],
            "current-context": "admin@prod",
        }
        (self.directory / "kubeconfig").write_text(json.dumps(kubeconfig))

    def replace(self, module: str, text: str) -> None:
        """Let a module of this collection be another text."""
        file = self.directory / "collections/ansible_collections/onprem/irsa/plugins/modules" / f"{module}.py"
        file.unlink()
        file.write_text(text)

    def restore(self, module: str) -> None:
        """Let a module of this collection be the real one again."""
        self.replace(module, (ROOT / f"plugins/modules/{module}.py").read_text())

    def serve(self, *addresses: str) -> None:
        """Let the cluster name these as the addresses of its API servers."""
        endpoints = [{"addresses": [address]} for address in addresses]
        ports = [{"name": "https", "port": 6443}]
        (self.directory / "slices").write_text(json.dumps([{"endpoints": endpoints, "ports": ports}]))

    def store(self, configuration: str | None) -> None:
        """Let the cluster have this ClusterConfiguration in its ConfigMap; None for no such ConfigMap."""
        found = [{"metadata": {"resourceVersion": "7"}, "data": {"ClusterConfiguration": configuration}}]
        (self.directory / "kubeadm").write_text(json.dumps([] if configuration is None else found))

    def stored(self) -> str:
        """Return the ClusterConfiguration in the cluster."""
        (found,) = json.loads((self.directory / "kubeadm").read_text())
        return t.cast("str", found["data"]["ClusterConfiguration"])

    def forbid_writing(self) -> None:
        """Let the API refuse every write, in a dry run, too."""
        (self.directory / "kubeadm.forbidden").touch()

    def cut_off(self, name: str) -> None:
        """Let the API not be reached for what is in a file: slices or kubeadm."""
        (self.directory / name).write_text("null")

    def tell_of_kubeadm(self, name: str, **found: object) -> None:
        """Let this be found of kubeadm on a host."""
        (self.directory / f"{name}.kubeadm").write_text(json.dumps(found))

    def list_late(self, answers: int) -> None:
        """Let the cluster name no API server after each restart for as many answers."""
        (self.directory / "late").write_text(str(answers))

    def play(self, tasks_from: str, variables: t.Mapping[str, object], **play: object) -> tuple[int, str]:
        """Run an entry point of the role irsa_apiserver on all hosts; return the exit code and what was printed."""
        return self.include("irsa_apiserver", tasks_from, variables, **play)

    def include(self, role: str, tasks_from: str, variables: t.Mapping[str, object], **play: object) -> tuple[int, str]:
        """Run tasks of a role on all hosts; return the exit code and what was printed."""
        return self.run(self.prepare(role, tasks_from, **play), variables)

    def prepare(self, role: str, tasks_from: str, **play: object) -> str:
        """Write a playbook that runs tasks of a role on all hosts; return its path."""
        tasks = [{"ansible.builtin.include_role": {"name": f"onprem.irsa.{role}", "tasks_from": tasks_from}}]
        playbook = self.directory / "playbook.json"
        playbook.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks, **play}]))
        return str(playbook)

    def run(self, playbook: str, variables: t.Mapping[str, object], *options: str) -> tuple[int, str]:
        """Run a playbook on the hosts as its control plane; return the exit code and what was printed."""
        command, environment = self.command(playbook, variables, *options)
        with subprocess.Popen(  # noqa: S603 -- our own
            command, cwd=self.directory, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as play:
            (self.directory / "run.pid").write_text(str(play.pid))
            output, complaints = play.communicate()
        return play.returncode, output + complaints

    def command(
        self, playbook: str, variables: t.Mapping[str, object], *options: str
    ) -> tuple[list[str], dict[str, str]]:
        """Return the command that runs a playbook on the hosts, and its environment."""
        inventory = self.directory / "inventory.json"
        hosts = {
            name: {"ansible_python_interpreter": str(self.directory / f"python-{name}"), **self.own.get(name, {})}
            for name in self.hosts
        }
        local = {"ansible_connection": "local", "ansible_become": False}
        local["irsa_kubeconfig_path"] = str(self.directory / "kubeconfig")
        inventory.write_text(json.dumps({"kube_control_plane": {"hosts": hosts, "vars": {**local, **variables}}}))
        command = ["ansible-playbook", "--inventory", str(inventory), *options, playbook]
        names = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
        names |= {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}  # nothing answers to them
        names["ANSIBLE_COLLECTIONS_PATH"] = str(self.directory / "collections")
        return command, names | self.environment

    def log(self) -> list[tuple[str, str]]:
        """Return what began and ended on which host, in order."""
        file = self.directory / "log"
        lines = file.read_text().splitlines() if file.exists() else []
        return [(what, host) for what, _space, host in (line.partition(" ") for line in lines)]

    def looks(self) -> list[str]:
        """Return the hosts in the order in which their API servers were looked at."""
        file = self.directory / "looks"
        return file.read_text().split() if file.exists() else []

    def issuers(self) -> dict[str, list[str]]:
        """Return the issuers of each host's API server."""
        found = {name: json.loads((self.directory / name).read_text()) for name in self.hosts}
        return {name: state["running_flags"]["service-account-issuer"] for name, state in found.items()}

    def running(self, name: str) -> dict[str, list[str]]:
        """Return the flags of a host's API server."""
        flags: dict[str, list[str]] = json.loads((self.directory / name).read_text())["running_flags"]
        return flags

    def break_host(self, name: str) -> None:
        """Let changes of a host fail."""
        (self.directory / f"{name}.broken").touch()

    def lose_host(self, name: str, *, after: str, what: str = "end") -> None:
        """Let a host be unreachable once this line is in the log: WHAT has happened to the host AFTER."""
        plugins, line = self.directory / "connection_plugins", f"{what} {after}\n"
        plugins.mkdir()
        (plugins / "lossy.py").write_text(f"LOST, AFTER = {str(self.directory)!r}, {line!r}\n{_LOSSY}")
        self.own[name] = {"ansible_connection": "lossy"}
