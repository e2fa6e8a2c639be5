# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role irsa_rotate on hosts with real key files, whose processes are told in a file."""

from __future__ import annotations

import json
import re
import time
import typing as t

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._documents.pem import kid_from_public_pem
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._api_server.test_observation import FLAGS, observed
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._flags.test_static_pod_flags import KUBEADM
from ansible_collections.onprem.irsa.tests.unit.plugins.some_keys import ec_key, private_pem, public_pem

from .cluster_of_files import Cluster

if t.TYPE_CHECKING:
    from pathlib import Path

Json = dict[str, t.Any]
ISSUER = "https://oidc.example.com"
CONTROLLER = """
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

# What every double begins with: the host's key files, read by the real code.
_FILES = """
def look(file, run, openssl):
    from pathlib import Path
    from ansible_collections.onprem.irsa.plugins.module_utils._host.key_pair import Paths
    from ansible_collections.onprem.irsa.plugins.module_utils._host.key_rotation import KeyFiles
    pki = Path(f"{file}.pki")
    return KeyFiles(Paths(pki / "sa.key", pki / "sa.pub"), pki / "backup", run, openssl).look()
"""
_MAINS = {
    "control_plane_info": _FILES
    + """
def main():
    import hashlib, json, os, time
    from pathlib import Path
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
    "control_plane_flags_host": _FILES
    + """
def main():
    import json, os, time
    from pathlib import Path
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    file, asked = Path(os.environ["HOST"]), module.params
    state = json.loads(file.read_text())
    own = state[asked["component"]]
    broken = file.with_name(f"{file.name}.broken")
    result = {"backup": None, "unavailable_seconds": 0.2, "put_back": False, "removed_sandboxes": [], "moved_away": []}
    if broken.exists():
        broken.unlink()
        module.fail_json(msg="It did not come up.", reason="broken", recovered=True, log=[], changed=False, **result)
    changed = asked["content"] != own["observed"]["manifests"][asked["path"]]
    seen = look(file, module.run_command, module.get_bin_path("openssl"))
    own["observed"]["manifests"] = {asked["path"]: asked["content"]}
    own.update(accepts=[key.kid for key in seen.public], signer=seen.own.kid, started=time.time())
    file.write_text(json.dumps(state))
    with file.with_name("log").open("a") as log:
        log.write(f"{asked['component']} {file.name}\\n")
    hosts = [json.loads(path.read_text()) for path in file.parent.glob("cp[0-9]")]
    signing = {host[component]["signer"] for host in hosts for component in host}
    published = json.loads(file.with_name("published").read_text())["kids"]
    refused = [kid for kid in signing for host in hosts if kid not in host["kube-apiserver"]["accepts"]]
    unknown = [host["kube-apiserver"]["signer"] for host in hosts if host["kube-apiserver"]["signer"] not in published]
    if refused or unknown:
        with file.with_name("refused").open("a") as log:
            log.write(f"{refused} {unknown}\\n")
    module.exit_json(changed=changed, **result)
""",
    "issuer_info": """
def main():
    import json, time
    from pathlib import Path
    options = {name: {"type": "raw"} for name in ("issuer", "ca_path")}
    module = AnsibleModule(argument_spec=options, supports_check_mode=True)
    found = json.loads((Path(DIRECTORY) / "published").read_text())
    module.exit_json(
        changed=False, served=True, kids=found["kids"], max_age=300.0, unchanged_for=time.time() - found["since"]
    )
""",
    "s3_issuer": """
def main():
    import json, time
    from pathlib import Path
    names = ("bucket", "region", "cluster", "issuer", "discovery_document", "jwks", "retired_kids", "max_age", "adopt")
    module = AnsibleModule(argument_spec={name: {"type": "raw"} for name in names}, supports_check_mode=True)
    file = Path(DIRECTORY) / "published"
    before = json.loads(file.read_text())["kids"]
    wanted = [key["kid"] for key in json.loads(module.params["jwks"])["keys"]]
    kids = wanted + [kid for kid in before if kid not in wanted and kid not in module.params["retired_kids"]]
    if not module.check_mode:
        file.write_text(json.dumps({"kids": kids, "since": time.time()}))
    module.exit_json(changed=kids != before, jwks_uri="https://oidc.example.com/openid/v1/jwks")
""",
    "signing_use_info": """
def main():
    import json
    from pathlib import Path
    options = {name: {"type": "raw"} for name in ("kubeconfig", "max_expirations")}
    module = AnsibleModule(argument_spec=options, supports_check_mode=True)
    module.exit_json(changed=False, **json.loads((Path(DIRECTORY) / "use").read_text()))
""",
}
USE = {"lifetimes": [{"seconds": 86400.0, "source": "pod apps/reports"}], "legacy_tokens": [], "copies_made": None}
DAY = 86400.0


class Rotating(Cluster):
    """Hosts that have signed with one key for long."""

    def __init__(self, directory: Path, hosts: int) -> None:
        """Take the number of hosts."""
        names = [f"cp{number}" for number in range(1, hosts + 1)]
        super().__init__(directory, {name: {} for name in names})
        self.kid = ""
        for name in names:
            self._host(name)
        for module, main in _MAINS.items():
            file = directory / f"collections/ansible_collections/onprem/irsa/plugins/modules/{module}.py"
            head = file.read_text().partition("def main(")[0]
            # Of that collection there is a double, without all that the module imports.
            head = "" if "ansible_collections.kubernetes" in head else head
            head += "\nfrom ansible.module_utils.basic import AnsibleModule\n"
            file.unlink()
            ending = 'if __name__ == "__main__":\n    main()\n'
            file.write_text(f"{head}\nDIRECTORY = {str(directory)!r}\n{main}\n\n{ending}")
        self.put("published", {"kids": [self.kid], "since": time.time() - DAY})
        self.put("use", USE)

    def _host(self, name: str) -> None:
        pki = self.directory / f"{name}.pki"
        pki.mkdir()
        (pki / "sa.key").write_text(private_pem(ec_key(1)))
        (pki / "sa.pub").write_text(public_pem(ec_key(1)))
        flags = {**FLAGS, "service-account-issuer": [ISSUER]}
        server = observed(running_flags=flags, manifests={"/m/kube-apiserver.yaml": _with_issuer()})
        server["manifest"] = "/m/kube-apiserver.yaml"
        manifest = {"/m/kube-controller-manager.yaml": CONTROLLER}
        own = {"service-account-private-key-file": ["/etc/kubernetes/pki/sa.key"]}
        controller = observed(component="kube-controller-manager", running_flags=own, manifests=manifest)
        controller["manifest"] = "/m/kube-controller-manager.yaml"
        self.kid = _kid()
        process = {"accepts": [self.kid], "signer": self.kid, "started": time.time() - 30 * DAY}
        self.put(
            name,
            {
                "kube-apiserver": {"observed": server, **process},
                "kube-controller-manager": {"observed": controller, **process},
            },
        )

    def put(self, name: str, content: Json) -> None:
        (self.directory / name).write_text(json.dumps(content))

    def read(self, name: str) -> Json:
        found: Json = json.loads((self.directory / name).read_text())
        return found

    def pass_time(self, seconds: float) -> None:
        """Let what there is be older."""
        for name in self.hosts:
            state = self.read(name)
            for component in state.values():
                component["started"] -= seconds
            self.put(name, state)
        published = self.read("published")
        self.put("published", {**published, "since": published["since"] - seconds})

    def rotate(self, **variables: object) -> tuple[int, str]:
        given = {
            "irsa_issuer_url": ISSUER,
            "irsa_issuer_bucket": "acme",
            "irsa_region": "eu-central-1",
            "irsa_cluster": "prod",
            "irsa_rotate_pause": 0,
            "irsa_rotate_min_age": 3600,
        }
        return self.include("irsa_rotate", "main", {**given, **variables})

    def signers(self) -> set[str]:
        states = [self.read(name) for name in self.hosts]
        return {state[component]["signer"] for state in states for component in state}

    def accepted(self) -> set[tuple[str, ...]]:
        return {tuple(self.read(name)["kube-apiserver"]["accepts"]) for name in self.hosts}

    def secrets(self) -> set[str]:
        files = self.directory.glob("*.pki/sa.key*")
        return {line for file in files for line in file.read_text().splitlines()[1:-1]}


def _kid() -> str:
    return kid_from_public_pem(public_pem(ec_key(1)), source="a test")


def _with_issuer() -> str:
    return re.sub(r"--service-account-issuer=\S+", f"--service-account-issuer={ISSUER}", KUBEADM)


@pytest.mark.slow
def test_a_rotation_from_end_to_end(tmp_path: Path) -> None:
    hosts = Rotating(tmp_path, 2)
    old = hosts.kid

    code, output = hosts.rotate(irsa_rotate_phase="status")
    assert code == 0, output
    assert old in output
    assert hosts.log() == []

    code, output = hosts.rotate()  # the key is younger than an hour
    assert (code, hosts.log()) == (0, []), output
    assert "nothing is left to do" in output

    secrets = hosts.secrets()
    code, output = hosts.rotate(irsa_rotate_min_age=0, irsa_rotate_key_type="EC")
    secrets |= hosts.secrets()
    assert code == 0, output
    assert "Run again after" in output
    assert hosts.log() == [("kube-apiserver", "cp1"), ("kube-apiserver", "cp2")]
    (new,) = {kid for kid in hosts.read("published")["kids"] if kid != old}
    assert hosts.signers() == {old}
    assert {frozenset(kids) for kids in hosts.accepted()} == {frozenset({old, new})}

    hosts.pass_time(301)
    code, output = hosts.rotate()
    assert code == 0, output
    assert hosts.signers() == {new}
    assert "tokens live for up to 86400 s (pod apps/reports)" in output

    hosts.put("use", {**USE, "legacy_tokens": [{"secret": "ci/robot", "kid": old}]})
    code, output = hosts.rotate()
    assert code != 0
    assert "The token in the Secret ci/robot is signed with the key" in output

    hosts.put("use", USE)
    hosts.pass_time(DAY + 61)
    code, output = hosts.rotate()
    assert code == 0, output
    assert hosts.accepted() == {(new,)}
    assert hosts.read("published")["kids"] == [new]
    assert [*tmp_path.glob("*.pki/sa.key.*")] == []
    before = hosts.log()
    code, output = hosts.rotate()
    assert (code, hosts.log()) == (0, before), output
    assert not (tmp_path / "refused").exists()
    assert [secret for secret in secrets if secret in output] == []


@pytest.mark.slow
def test_a_host_that_does_not_come_up_gets_its_key_files_back(tmp_path: Path) -> None:
    hosts = Rotating(tmp_path, 2)
    before = (tmp_path / "cp1.pki/sa.pub").read_text()
    hosts.break_host("cp1")
    code, output = hosts.rotate(irsa_rotate_min_age=0, irsa_rotate_key_type="EC", irsa_rotate_phase="accept")
    assert code != 0
    assert "cp1: the key files were put back, and the hosts after it were left alone" in output
    assert (tmp_path / "cp1.pki/sa.pub").read_text() == before
    assert hosts.accepted() == {(hosts.kid,)}
