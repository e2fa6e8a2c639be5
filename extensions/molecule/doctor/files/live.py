# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts one fault after the other into a running cluster, asks the doctor, and follows what it prints as the fix.

    live.py HOST [FAULT ...]

HOST is a control-plane host of the inventory IRSA_INVENTORY, whose chain is healthy; FAULT the name of a function of
the tables, by default all. Where a fix is a command it is run as it is printed, but for `ssh`, which the inventory's
own connection takes the place of; otherwise the fault is taken back. That a fix has healed shows in the next run,
which should name the next fault alone. What the doctor says of the healthy cluster is not counted, and may be no more
than that clocks follow nothing: containers have that of the machine.

The last line is a JSON object: live_faults, named (those that were named, and alone), healed_by_command.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import typing as t
from pathlib import Path

import boto3
import yaml

from ansible_collections.onprem.irsa.tests.faults.chain_faults import ANNOTATION, Fault, fault
from ansible_collections.onprem.irsa.tests.faults.chain_faults import FAULTS as COMMON
from ansible_collections.onprem.irsa.tests.faults.chain_faults import Chain as AnyChain

Json = dict[str, t.Any]
INVENTORY: t.Final = os.environ["IRSA_INVENTORY"]
ACCOUNT: t.Final = "123456789012"  # of the lab's AWS
OWN: t.Final = "pod-identity-webhook"
CONFIGURATION: t.Final = "onprem-irsa-pod-identity-webhook"
PAUSE: t.Final = "localhost/onprem-irsa/pause:1"
PKI: t.Final = "/etc/kubernetes/pki"
MANIFEST: t.Final = "/etc/kubernetes/manifests/kube-apiserver.yaml"
HARMLESS: t.Final = frozenset({"clock.not-synchronised"})
FAULTS: t.Final[list[tuple[str, Fault[t.Any]]]] = [*COMMON]


class Chain(AnyChain):
    """The chain of the inventory's first role."""

    account = ACCOUNT

    def __init__(self, host: str, directory: Path) -> None:
        """Read the inventory; HOST is where things of the control plane are changed."""
        self.name, self.directory = host, directory
        known = yaml.safe_load(Path(INVENTORY).read_text())["kube_control_plane"]["vars"]
        own = known["irsa_iam_roles"][0]
        self.region, self.bucket = known["irsa_region"], known["irsa_issuer_bucket"]
        self.issuer = f"https://{self.bucket}.s3.{self.region}.amazonaws.com"
        self.role = f"arn:aws:iam::{ACCOUNT}:role/{own['name']}"
        self.namespace, self.service_account = own["service_accounts"][0].split("/")
        self.subject = f"system:serviceaccount:{self.namespace}:{self.service_account}"
        (directory / "inventory.yml").symlink_to(INVENTORY)

    def client(self, service: str) -> t.Any:  # noqa: ANN401 -- boto3's own
        """Return a client of the lab's administrator."""
        make: t.Any = boto3.client  # its stub wants the service's name written out
        return make(service, region_name=self.region)

    def annotate(self, key: str, value: str | None) -> str | None:
        """Set an annotation of the service account, None to remove it; return what it was."""
        found = json.loads(self.kubectl("get", "serviceaccount", self.service_account, "--output=json"))
        change = f"{key}-" if value is None else f"{key}={value}"
        self.kubectl("annotate", "--overwrite", "serviceaccount", self.service_account, change)
        before: str | None = (found["metadata"].get("annotations") or {}).get(key)
        return before

    @contextlib.contextmanager
    def without_pods(self) -> t.Iterator[None]:
        """None runs but those that a fault makes."""
        yield

    def kubectl(self, *arguments: str, namespace: str = "", text: str = "") -> str:
        """Run kubectl in a namespace, by default that of the service account."""
        return run(["kubectl", "--namespace", namespace or self.namespace, *arguments], text)

    def on_host(self, command: str) -> str:
        """Run a shell's command on the control-plane host."""
        module = ["--become", "--module-name", "ansible.builtin.shell", "--args", command]
        return run(["ansible", self.name, "--inventory", INVENTORY, *module])

    def pod(self, name: str, **container: t.Any) -> None:  # noqa: ANN401 -- JSON
        """Make a pod of the service account, and wait until it is stored."""
        spec = {
            "serviceAccountName": self.service_account,
            "terminationGracePeriodSeconds": 0,
            "tolerations": [{"operator": "Exists"}],
            "containers": [{"name": "main", "image": PAUSE, **container}],
        }
        manifest = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}
        self.kubectl("create", "--filename=-", text=json.dumps(manifest))

    def delete_pod(self, name: str) -> None:
        """Remove a pod, and wait until it is gone."""
        self.kubectl("delete", "pod", name, "--ignore-not-found", "--wait", "--timeout=60s")

    def site(self) -> None:
        """Set everything right that is not."""
        run(["ansible-playbook", "--inventory", INVENTORY, "onprem.irsa.site"])

    def diagnose(self) -> Json:
        """Ask the doctor."""
        found = self.directory / "diagnosis.json"
        variables = json.dumps({"irsa_doctor_fail": False, "irsa_doctor_json": str(found)})
        run(["ansible-playbook", "--inventory", INVENTORY, "onprem.irsa.doctor", "--extra-vars", variables])
        diagnosis: Json = json.loads(found.read_text())
        return diagnosis

    def follow(self, command: str) -> bool:
        """Run a command that was printed as a fix; return whether that could be done here."""
        words = shlex.split(command)
        if words[0] == "ssh":
            run(["ansible", words[1], "--inventory", INVENTORY, "--become", "--args", shlex.join(words[2:])])
            return True
        if shutil.which(words[0]) is None:
            return False
        run(["sh", "-c", command], where=self.directory)
        return True


def run(command: t.Sequence[str], text: str = "", where: Path | None = None) -> str:
    """Run a command and return what it printed; a failure ends everything with its output."""
    done = subprocess.run(  # noqa: S603 -- our own, and what the doctor has printed
        command,
        input=text,
        capture_output=True,
        text=True,
        check=False,
        cwd=where,
        env={"AWS_DEFAULT_REGION": "eu-central-1", **os.environ},
    )
    if done.returncode:
        sys.exit(f"{shlex.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout


# --- what needs a host, a kubelet or the role's own webhook


@fault("keys.mode", FAULTS)
def everybody_may_read_the_signing_key(chain: Chain) -> t.Iterator[None]:
    """As a copy by hand leaves it."""
    chain.on_host(f"chmod 0644 {PKI}/sa.key")
    yield
    chain.on_host(f"chmod 0600 {PKI}/sa.key")


@fault("keys.changed", FAULTS)
def a_key_is_added_without_a_restart(chain: Chain) -> t.Iterator[None]:
    """As a rotation that was broken off leaves it."""
    chain.on_host(
        f"cp --preserve {PKI}/sa.pub /var/tmp/sa.pub && openssl genrsa 2048 | openssl rsa -pubout >> {PKI}/sa.pub"
    )
    yield
    chain.on_host(f"cp --preserve /var/tmp/sa.pub {PKI}/sa.pub && rm /var/tmp/sa.pub")


_SWAP: t.Final = f"""
from pathlib import Path

path = Path("{MANIFEST}")
lines = path.read_text().splitlines()
found = [number for number, line in enumerate(lines) if "--service-account-issuer=" in line]
lines.insert(found[0], lines.pop(found[-1]))
new = path.with_name(".kube-apiserver")
new.write_text("\\n".join(lines) + "\\n")
new.replace(path)
"""


@fault("flags.not-signing", FAULTS)
def the_old_issuer_signs(chain: Chain) -> t.Iterator[None]:
    """As an upgrade by other tools leaves it."""
    # The last of the lines with this flag goes in front of the first.
    program = run(["base64", "--wrap=0"], _SWAP)
    chain.on_host(f"echo {program} | base64 --decode | python3 -")
    _until(lambda: _signing() not in ("", chain.issuer))
    yield
    chain.site()
    _until(lambda: _signing() == chain.issuer)


def _signing() -> str:
    """Return the issuer in the discovery document of the API server; empty while it does not answer."""
    command = ["kubectl", "get", "--raw", "/.well-known/openid-configuration"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 -- our own
    with contextlib.suppress(ValueError):
        return str(json.loads(done.stdout)["issuer"])
    return ""


def _until(holds: t.Callable[[], bool], seconds: float = 180.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            sys.exit("It took too long.")
        time.sleep(3)


@fault("injection.nothing", FAULTS)
def nothing_calls_the_webhook(chain: Chain) -> t.Iterator[None]:
    """As somebody leaves it who has it in the way."""
    chain.kubectl("delete", "mutatingwebhookconfiguration", CONFIGURATION)
    yield
    chain.site()


@fault("injection.authority", FAULTS)
def api_servers_trust_another_authority(chain: Chain) -> t.Iterator[None]:
    """As a certificate that was made again by hand leaves it."""
    other = run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "/dev/null", "-subj", "/CN=other"]
    )
    bundle = run(["base64", "--wrap=0"], other)
    found = json.loads(chain.kubectl("get", "mutatingwebhookconfiguration", CONFIGURATION, "--output=json"))
    patch = [
        {"op": "replace", "path": f"/webhooks/{number}/clientConfig/caBundle", "value": bundle}
        for number, _hook in enumerate(found["webhooks"])
    ]
    chain.kubectl("patch", "mutatingwebhookconfiguration", CONFIGURATION, "--type=json", f"--patch={json.dumps(patch)}")
    yield
    chain.site()


@fault("injection.pods", FAULTS)
def the_webhook_has_no_pods(chain: Chain) -> t.Iterator[None]:
    """As nodes without room leave it."""
    chain.kubectl("scale", "deployment", OWN, "--replicas=0", namespace=OWN)
    chain.kubectl("wait", "pods", "--all", "--for=delete", "--timeout=90s", namespace=OWN)
    yield
    chain.kubectl("scale", "deployment", OWN, "--replicas=2", namespace=OWN)
    chain.kubectl("rollout", "status", "deployment", OWN, "--timeout=120s", namespace=OWN)


@fault("pods.missed", FAULTS)
def a_pod_is_older_than_its_annotation(chain: Chain) -> t.Iterator[None]:
    """As each pod is that was there before."""
    before = chain.annotate(ANNOTATION, None)
    time.sleep(5)  # until the webhook has seen it
    chain.pod("older")
    chain.annotate(ANNOTATION, before)
    yield
    chain.delete_pod("older")


@fault("pods.own-credentials", FAULTS)
def a_pod_has_keys_of_its_own(chain: Chain) -> t.Iterator[None]:
    """As it had them before it got a role."""
    chain.pod("own", env=[{"name": name, "value": "x"} for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")])
    yield
    chain.delete_pod("own")


def roots(diagnosis: Json) -> set[str]:
    """Return the checks that found something, but for what follows from something else."""
    return {finding["check"] for finding in diagnosis["findings"] if not finding["follows"]}


def main(host: str, wanted: t.Collection[str]) -> int:
    """Go through the table."""
    named = healed = 0
    table = [(check, put) for check, put in FAULTS if not wanted or put.__name__ in wanted]
    with tempfile.TemporaryDirectory() as directory:
        chain = Chain(host, Path(directory))
        always = roots(chain.diagnose())
        if not always <= HARMLESS:
            sys.exit(f"The cluster is not healthy to begin with: {', '.join(sorted(always))}")
        for check, put in table:
            running = put(chain)
            try:
                next(running)
            except (Exception, SystemExit) as error:
                print(f"{put.__name__}: it could not be put in: {error}", flush=True)
                continue
            diagnosis = chain.diagnose()
            found = roots(diagnosis) - always
            commands = [each["command"] for each in diagnosis["findings"] if each["check"] == check and each["command"]]
            followed = bool(commands) and chain.follow(commands[0])
            if not followed:
                next(running, None)
            named += found == {check}
            healed += followed
            how = commands[0] if followed else "taken back"
            print(f"{put.__name__}: {', '.join(sorted(found)) or 'nothing'} for {check}; {how}", flush=True)
        left = roots(chain.diagnose()) - always
    if left:
        print(f"Left at the end: {', '.join(sorted(left))}")
    print(json.dumps({"live_faults": len(table), "named": named, "healed_by_command": healed}))
    return int(bool(left) or named != len(table))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
