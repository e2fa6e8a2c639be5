# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts with real key files, whose processes are told in files; see C(rotating_world) for what becomes of tokens."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
import typing as t
from pathlib import Path

from ansible_collections.onprem.irsa.plugins.module_utils._documents.pem import kid_from_public_pem
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._api_server.test_observation import FLAGS, observed
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._flags.test_static_pod_flags import KUBEADM
from ansible_collections.onprem.irsa.tests.unit.plugins.some_keys import private_pem, public_pem, rsa_key

from .cluster_of_files import Cluster
from .rotating_world import LIFETIME, World

Json = dict[str, t.Any]
ISSUER: t.Final = "https://oidc.example.com"
DAY: t.Final = 86400.0
USE: t.Final[Json] = {
    "lifetimes": [{"seconds": LIFETIME, "source": "pod apps/reports"}],
    "legacy_tokens": [],
    "copies_made": None,
    "stale_uses": {},
    "keepers": [],
}
_CONTROLLER = """
apiVersion: v1
kind: Pod
metadata: {name: kube-controller-manager, namespace: kube-system}
spec:
  containers:
  - name: kube-controller-manager
    command:
    - kube-controller-manager
    - --service-account-private-key-file=/etc/kubernetes/pki/sa.key
"""

# What every double begins with: the world, and the host's key files, read by the real code.
_HEAD = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from rotating_world import MAX_AGE, World
from ansible.module_utils import basic
from ansible.module_utils.basic import AnsibleModule

def look(file, run, openssl):
    from ansible_collections.onprem.irsa.plugins.module_utils._host.key_pair import Paths
    from ansible_collections.onprem.irsa.plugins.module_utils._host.key_rotation import KeyFiles
    pki = Path(f"{{file}}.pki")
    return KeyFiles(Paths(pki / "sa.key", pki / "sa.pub"), pki / "backup", run, openssl).look()
"""
# What becomes of a module that is the real one, but may be killed before and after it.
_KILLED = """
import json, os
real_main = main

def main():
    step = json.loads(basic._ANSIBLE_ARGS)["ANSIBLE_MODULE_ARGS"].get("step", "look")
    moment, world = f"{step} {Path(os.environ['HOST']).name}", World(Path(DIRECTORY))
    if step != "look":
        world.reach(f"before {moment}")
    try:
        real_main()
    finally:
        if step != "look":
            world.reach(f"after {moment}")
"""
_MAINS = {
    "control_plane_info": """
def main():
    import hashlib, json, os, time
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    file, component = Path(os.environ["HOST"]), module.params["component"]
    seen = look(file, module.run_command, module.get_bin_path("openssl"))
    state = json.loads(file.read_text())[component]
    private, public = f"{file}.pki/sa.key", f"{file}.pki/sa.pub"
    stale = [private] if state["signer"] != seen.own.kid else []
    if set(state["accepts"]) != {key.kid for key in seen.public}:
        stale.append(public)
    of_keys = {
        "public_keys": [{"file": public, "pem": "".join(key.pem for key in seen.public)}],
        "kids": [key.kid for key in seen.public],
        "loaded_kids": state["accepts"],
    }
    if component != "kube-apiserver":
        of_keys = {"public_keys": [], "kids": [], "loaded_kids": None}
    module.exit_json(changed=False, **{
        **state["observed"],
        **of_keys,
        "signing_key": {"file": private, "kid": seen.own.kid},
        "stale_key_files": stale,
        "started": state["started"],
        "digests": {name: hashlib.sha256(Path(name).read_bytes()).hexdigest() for name in module.params["files"]},
        "clock": time.time(),
        "kubeadm": None,
    })
""",
    "control_plane_flags_host": """
def main():
    import json, os
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    file, asked, world = Path(os.environ["HOST"]), module.params, World(Path(DIRECTORY))
    result = {"backup": None, "unavailable_seconds": 0.2, "put_back": False, "removed_sandboxes": [], "moved_away": []}
    broken = file.with_name(f"{file.name}.broken")
    if broken.exists():
        broken.unlink()
        module.fail_json(msg="It did not come up.", reason="broken", recovered=True, log=[], changed=False, **result)
    state = json.loads(file.read_text())
    observed = state[asked["component"]]["observed"]
    if asked["content"] == observed["manifests"][asked["path"]]:
        module.exit_json(changed=False, **result)  # the kubelet restarts nothing for that
    world.reach(f"before restart {asked['component']} {file.name}")
    observed["manifests"] = {asked["path"]: asked["content"]}
    world.put(file.name, state)
    world.reach(f"within restart {asked['component']} {file.name}")
    seen = look(file, module.run_command, module.get_bin_path("openssl"))
    world.restart(file.name, asked["component"], [key.kid for key in seen.public], seen.own.kid)
    world.reach(f"after restart {asked['component']} {file.name}")
    module.exit_json(changed=True, **result)
""",
    "issuer_info": """
def main():
    import time
    options = {name: {"type": "raw"} for name in ("issuer", "ca_path")}
    module = AnsibleModule(argument_spec=options, supports_check_mode=True)
    world, soon = World(Path(DIRECTORY)), Path(DIRECTORY) / "soon"
    if soon.exists():
        world.let_caches_end(float(soon.read_text()))
        soon.unlink()
    found = world.read("published")
    is_told = not (Path(DIRECTORY) / "untold").exists()
    module.exit_json(
        changed=False,
        served=True,
        kids=found["kids"],
        max_age=MAX_AGE,
        unchanged_for=time.time() - found["since"] if is_told else None,
    )
""",
    "s3_issuer": """
def main():
    import json
    names = ("bucket", "region", "cluster", "issuer", "discovery_document", "jwks", "retired_kids", "max_age", "adopt")
    module = AnsibleModule(argument_spec={name: {"type": "raw"} for name in names}, supports_check_mode=True)
    world = World(Path(DIRECTORY))
    before = world.read("published")["kids"]
    keys = json.loads(module.params["jwks"])["keys"]
    wanted = [key["kid"] for key in keys]
    kept = [kid for kid in before if kid not in wanted and kid not in module.params["retired_kids"]]
    kids, keys = wanted + kept, keys + [{"kid": kid} for kid in kept]
    if kids != before and not module.check_mode:
        world.reach("before publish")
        world.publish(kids)
        world.reach("after publish")
    module.exit_json(
        changed=kids != before,
        jwks_uri="https://oidc.example.com/openid/v1/jwks",
        jwks=json.dumps({"keys": keys}),
        kids=kids,
        kept_kids=kept,
        read_back=[],
    )
""",
    "signing_use_info": """
def main():
    names = ("kubeconfig", "max_expirations", "asked_directly", "servers")
    options = {name: {"type": "raw"} for name in names}
    module = AnsibleModule(argument_spec=options, supports_check_mode=True)
    module.exit_json(changed=False, **World(Path(DIRECTORY)).read("use"))
""",
    "token_secrets": """
def main():
    options = {name: {"type": "raw"} for name in ("kubeconfig", "secrets", "kid")}
    module = AnsibleModule(argument_spec=options, supports_check_mode=True)
    world = World(Path(DIRECTORY))
    (signer,) = {host["kube-controller-manager"]["signer"] for host in world.hosts()}
    use = world.read("use")
    for token in use["legacy_tokens"]:
        if token["secret"] in module.params["secrets"]:
            token["kid"] = signer
    world.put("use", use)
    module.exit_json(changed=True)
""",
}


class Rotating(Cluster):
    """Hosts that have signed with one RSA key for long."""

    def __init__(self, directory: Path, hosts: int) -> None:
        """Take the number of hosts."""
        names = [f"cp{number}" for number in range(1, hosts + 1)]
        super().__init__(directory, {name: {} for name in names})
        self.world = World(directory)
        self.kid = kid_from_public_pem(public_pem(rsa_key()), source="a test")
        for name in names:
            self._host(name)
        for module in ("sa_key_rotation", "sa_key_transport", *_MAINS):
            self._double(module)
        self.world.put("published", {"kids": [self.kid], "since": time.time() - DAY, "before": []})
        self.world.put("tokens", {})
        self.use()
        self._log_openssl()
        self.environment["ANSIBLE_PIPELINING"] = "1"  # a look is a dozen of modules

    def _double(self, module: str) -> None:
        file = self.directory / f"collections/ansible_collections/onprem/irsa/plugins/modules/{module}.py"
        main = _MAINS.get(module)
        text = file.read_text().replace("/var/lib/onprem-irsa", str(self.directory / "var"))
        head = text.partition("def main(" if main else 'if __name__ == "__main__"')[0]
        if "k8s_module" in head:  # of the collection that it needs there is a double, without all that it imports
            head = ""
        file.unlink()
        ending = 'if __name__ == "__main__":\n    main()\n'
        file.write_text(f"{head}\nDIRECTORY = {str(self.directory)!r}\n{_HEAD}\n{main or _KILLED}\n\n{ending}")

    def _host(self, name: str) -> None:
        pki = self.directory / f"{name}.pki"
        pki.mkdir()
        (pki / "sa.key").write_text(private_pem(rsa_key()))
        (pki / "sa.key").chmod(0o600)
        (pki / "sa.pub").write_text(public_pem(rsa_key()))
        for file in pki.iterdir():
            os.utime(file, (time.time() - 30 * DAY,) * 2)
        flags = {**FLAGS, "service-account-issuer": [ISSUER]}
        manifest = re.sub(r"--service-account-issuer=\S+", f"--service-account-issuer={ISSUER}", KUBEADM)
        server = observed(running_flags=flags, manifests={"/m/kube-apiserver.yaml": manifest})
        server["manifest"] = "/m/kube-apiserver.yaml"
        own = {"service-account-private-key-file": ["/etc/kubernetes/pki/sa.key"]}
        manifests = {"/m/kube-controller-manager.yaml": _CONTROLLER}
        controller = observed(component="kube-controller-manager", running_flags=own, manifests=manifests)
        controller["manifest"] = "/m/kube-controller-manager.yaml"
        process = {"accepts": [self.kid], "signer": self.kid, "started": time.time() - 30 * DAY}
        components = {"kube-apiserver": server, "kube-controller-manager": controller}
        self.world.put(name, {component: {"observed": seen, **process} for component, seen in components.items()})

    def join(self, name: str) -> None:
        """Let a host join with the key files that all had before the rotation."""
        self._write(name, {})
        self._host(name)
        self.hosts.append(name)

    def _log_openssl(self) -> None:
        """Write down what is among the arguments of openssl, which everybody on a host sees in C(ps)."""
        program = self.directory / "bin/openssl"
        program.parent.mkdir()
        log = self.directory / "arguments"
        program.write_text(f'#!/bin/sh\necho "$@" >> {log}\nexec {shutil.which("openssl")} "$@"\n')
        program.chmod(0o755)
        self.environment["PATH"] = f"{program.parent}:{os.environ['PATH']}"

    def use(self, **changed: object) -> None:
        """Let these tokens be in use."""
        self.world.put("use", {**USE, **changed})

    def pass_time(self, seconds: float) -> None:
        """Let everything that there is be older."""
        self.world.pass_time(seconds)
        for file in self.directory.glob("*.pki/*"):
            there = file.stat()
            os.utime(file, (there.st_atime - seconds, there.st_mtime - seconds))

    def end_soon(self, seconds: float) -> None:
        """Let the next run that looks at what is published see that caches end in some seconds, however slow it is."""
        (self.directory / "soon").write_text(str(seconds))

    def crash(self, name: str, *components: str) -> None:
        """Let processes of a host start again by themselves, by default all, which read the files as they are."""
        private, public = (self.directory / f"{name}.pki" / file for file in ("sa.key", "sa.pub"))
        signer = _kids(_public_half(private))[0]
        for component in components or self.world.read(name):
            self.world.restart(name, component, _kids(public.read_text()), signer)

    def rotate(self, *options: str, **variables: object) -> tuple[int, str]:
        """Run the role; return the exit code and what was printed."""
        tasks = [{"ansible.builtin.include_role": {"name": "onprem.irsa.irsa_rotate"}}]
        playbook = self.directory / "playbook.json"
        play = {"hosts": "all", "gather_facts": False, "any_errors_fatal": True, "tasks": tasks}  # as rotate_keys
        playbook.write_text(json.dumps([play]))
        return self.rotate_by(str(playbook), variables, *options)

    def rotate_by(self, playbook: str, variables: t.Mapping[str, object], *options: str) -> tuple[int, str]:
        """Run what plays the role, with variables in the inventory; return the exit code and what was printed."""
        given = {
            "irsa_issuer_url": ISSUER,
            "irsa_issuer_bucket": "acme",
            "irsa_region": "eu-central-1",
            "irsa_cluster": "prod",
            "irsa_rotate_pause": 0,
            "irsa_rotate_min_age": 3600,
        }
        return self.run(playbook, {**given, **variables}, *options)

    def refused(self) -> list[str]:
        """Return which tokens were refused, and by whom."""
        file = self.directory / "refused"
        return file.read_text().splitlines() if file.exists() else []

    def signers(self) -> set[str]:
        """Return the keys with which processes sign."""
        return {state[component]["signer"] for state in self.world.hosts() for component in state}

    def accepted(self) -> set[frozenset[str]]:
        """Return the keys that the API servers accept."""
        return {frozenset(state["kube-apiserver"]["accepts"]) for state in self.world.hosts()}

    def published(self) -> set[str]:
        """Return the keys that are published."""
        return {*self.world.read("published")["kids"]}

    def secrets(self) -> set[str]:
        """Return all private keys that the hosts have, in PEM."""
        return {file.read_text().strip() for file in self.directory.glob("*.pki/sa.key*")}

    def files(self) -> dict[str, bytes]:
        """Return the key files of all hosts, and what is published and runs."""
        paths = [*self.directory.glob("*.pki/**/*"), *self.directory.glob("cp[0-9]"), self.directory / "published"]
        return {str(path): path.read_bytes() for path in paths if path.is_file()}


def _public_half(private: Path) -> str:
    command = [str(shutil.which("openssl")), "pkey", "-in", str(private), "-pubout"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603 -- openssl


def _kids(pems: str) -> list[str]:
    ending = "-----END PUBLIC KEY-----\n"
    return [kid_from_public_pem(f"{pem}{ending}", source="a test") for pem in pems.split(ending) if pem.strip()]
