# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that are told in files and move to another issuer, with the AWS on the machine, which verifies tokens.

The modules that publish and those for IAM are the real ones; a run may be killed before and after each.
"""

from __future__ import annotations

import json
import re
import threading
import time
import typing as t
from pathlib import Path

from botocore.exceptions import ClientError
from jwcrypto import jwk

from ansible_collections.onprem.irsa.plugins.module_utils._documents.pem import kid_from_public_pem
from ansible_collections.onprem.irsa.tests.unit.extensions.lab.aws.conftest import Issuer, Lab, sign
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._api_server.test_observation import (
    FLAGS,
    PATH,
    observed,
)
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._flags.test_static_pod_flags import KUBEADM
from ansible_collections.onprem.irsa.tests.unit.plugins.some_keys import ec_key, private_pem, public_pem
from ansible_collections.onprem.irsa.tests.unit.roles import rotating_world
from ansible_collections.onprem.irsa.tests.unit.roles.cluster_of_files import ROOT, Cluster

Json = dict[str, t.Any]
BUCKET = "acme-prod-oidc"
FIRST = f"https://{BUCKET}.s3.eu-central-1.amazonaws.com"
SECOND = f"{FIRST}/two"
THIRD = "https://oidc.example.com"
ACCOUNT = "123456789012"
DAY = 86400.0
OWN, OTHER = "prod-reports", "team-exports"
_PAUSE = 1.5  # seconds between two rounds of the load, each of which has AWS fetch the documents for every token
USE: Json = {
    "lifetimes": [{"seconds": DAY, "source": "pod apps/reports"}],
    "audience_users": [],
    "stale_uses": {},
    "keepers": [],
}
SHARED: Json = {
    "irsa_cluster": "prod",
    "irsa_region": "eu-central-1",
    "irsa_issuer_bucket": BUCKET,
    "irsa_iam_roles": [{"name": OWN, "service_accounts": ["apps/reports"]}],
    "irsa_iam_service_accounts": "none",
    "irsa_apiserver_kept_by": "none",
    "irsa_apiserver_pause": 0,
}

_WORLD = f"""
import sys
sys.path.insert(0, {str(Path(rotating_world.__file__).parent)!r})
from pathlib import Path
from rotating_world import World
"""
_MAINS = {
    "control_plane_flags_host": """
def main():
    import json, os, time
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    name, asked, world = Path(os.environ["HOST"]).name, module.params, World(Path(DIRECTORY))
    state = world.read(name)
    changed = asked["content"] != state["manifests"][asked["path"]]
    if changed or state["unconfirmed"]:
        state.update(manifests={asked["path"]: asked["content"]}, unconfirmed=True)
        world.put(name, state)
        world.reach(f"within restart {name}")
        state.update(running_flags=asked["flags"], started=time.time(), unconfirmed=False)
        world.put(name, state)
        world.note("log", f"restart {name}")
        world.reach(f"after restart {name}")
    result = {"backup": None, "unavailable_seconds": 0.2, "put_back": False, "removed_sandboxes": [], "moved_away": []}
    module.exit_json(changed=changed, **result)
""",
    "signing_use_info": """
from ansible.module_utils.basic import AnsibleModule

def main():
    options = {name: {"type": "raw"} for name in ("kubeconfig", "max_expirations", "servers", "audience")}
    module = AnsibleModule(argument_spec=options, supports_check_mode=True)
    module.exit_json(changed=False, **World(Path(DIRECTORY)).read("use"))
""",
}
# Time passes for what is published, too.
_AGED = """
real_info = info

def info(params):
    import time
    found = real_info(params)
    if found["unchanged_for"] is not None:
        since = time.time() - found["unchanged_for"]
        passed = World(Path(DIRECTORY)).read("passed")["times"]
        found["unchanged_for"] += sum(seconds for when, seconds in passed if when > since)
    return found
"""
# What becomes of a module that is the real one, but may be killed before and after it.
_KILLED = """
real_main = main

def main():
    import json
    from ansible.module_utils import basic
    asked = json.loads(basic._ANSIBLE_ARGS)["ANSIBLE_MODULE_ARGS"]
    what = asked.get("action") or asked.get("state") or ("documents" if asked.get("jwks") else "made")
    if asked.get("_ansible_check_mode"):
        return real_main()
    World(Path(DIRECTORY)).reach(f"before {NAME} {what}")
    try:
        real_main()
    finally:
        World(Path(DIRECTORY)).reach(f"after {NAME} {what}")
"""
_STRUCK = ("s3_issuer", "cloudfront_issuer", "iam_oidc_provider", "iam_roles", "iam_issuer_trust")


class Moving(Cluster):
    """Hosts that have signed with one issuer for long, and whose documents and roles this collection has made."""

    def __init__(self, directory: Path, lab: Lab, hosts: int) -> None:
        """Take the directory, the AWS, and the number of hosts."""
        self.kid = kid_from_public_pem(public_pem(ec_key(1)), source="a test")
        flags = {**FLAGS, "service-account-issuer": [FIRST]}
        state = observed(
            running_flags=flags,
            manifests={PATH: re.sub(r"--service-account-issuer=\S+", f"--service-account-issuer={FIRST}", KUBEADM)},
            kids=[self.kid],
            public_keys=[{"file": "/etc/kubernetes/pki/sa.pub", "pem": public_pem(ec_key(1))}],
            signing_key={"file": "/etc/kubernetes/pki/sa.key", "kid": self.kid},
            started=time.time() - 30 * DAY,
        )
        super().__init__(directory, {f"cp{number}": state for number in range(1, hosts + 1)})
        self.lab, self.world = lab, rotating_world.World(directory)
        self.environment |= {**lab.environment(), "ANSIBLE_PIPELINING": "true"}
        for module, main in _MAINS.items():
            self._double(module, main)
        for module in _STRUCK:
            self._double(module, _KILLED)
        self._double("issuer_info", _AGED)
        self._real("verify")
        self.world.put("use", USE)
        self.world.put("passed", {"times": []})
        self._set_up()

    def _file(self, module: str) -> Path:
        return self.directory / f"collections/ansible_collections/onprem/irsa/plugins/modules/{module}.py"

    def _double(self, module: str, more: str) -> None:
        text = self._file(module).read_text()
        head = text.partition("def main(" if module in _MAINS else 'if __name__ == "__main__"')[0]
        # Of the collection that it needs there is a double, without all that it imports.
        head = "" if "_kube.api" in head else head
        names = f"\nDIRECTORY, NAME = {str(self.directory)!r}, {module!r}\n{_WORLD}\n"
        self.replace(module, f'{head}{names}{more}\n\nif __name__ == "__main__":\n    main()\n')

    def _real(self, module: str) -> None:
        self._file(module).unlink()
        self._file(module).symlink_to(ROOT / f"plugins/modules/{module}.py")

    def _set_up(self) -> None:
        roles = [
            {"ansible.builtin.include_role": {"name": f"onprem.irsa.{role}"}} for role in ("irsa_issuer", "irsa_iam")
        ]
        playbook = self.directory / "set-up.json"
        playbook.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": roles}]))
        code, output = self.run(str(playbook), {**SHARED, "irsa_issuer_url": FIRST})
        assert code == 0, output
        iam = self.lab.client("iam")
        policy = json.dumps(iam.get_role(RoleName=OWN)["Role"]["AssumeRolePolicyDocument"])
        iam.create_role(RoleName=OTHER, AssumeRolePolicyDocument=policy)

    def move(self, *options: str, **variables: object) -> tuple[int, str]:
        """Run the role; return the exit code and what was printed."""
        given = {**SHARED, "irsa_migrate_from": {"irsa_issuer_bucket": BUCKET}, "irsa_issuer_url": SECOND, **variables}
        return self.run(self.prepare("irsa_migrate", "main"), given, *options)

    def pass_time(self, seconds: float) -> None:
        """Let what there is be older."""
        for name in self.hosts:
            state = self.world.read(name)
            self.world.put(name, {**state, "started": state["started"] - seconds})
        self.world.put("passed", {"times": [*self.world.read("passed")["times"], [time.time(), seconds]]})

    def restarts(self) -> list[str]:
        """Return the hosts in the order in which their API servers were restarted."""
        return [host for what, host in self.log() if what == "restart"]

    def trusted(self, role: str) -> set[str]:
        """Return the issuers that a role trusts."""
        policy = self.lab.client("iam").get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
        return {"https://" + each["Principal"]["Federated"].partition("/")[2] for each in policy["Statement"]}

    def providers(self) -> set[str]:
        """Return the issuers that IAM has a provider for."""
        found = self.lab.client("iam").list_open_id_connect_providers()["OpenIDConnectProviderList"]
        return {"https://" + each["Arn"].partition("/")[2] for each in found}

    def published(self) -> set[str]:
        """Return the issuers whose two documents everybody can fetch."""
        paths = ("/.well-known/openid-configuration", "/openid/v1/jwks")
        return {url for url in (FIRST, SECOND, THIRD) if all(self._status(url + path) == 200 for path in paths)}

    def _status(self, url: str) -> int:
        try:
            return self.lab.get(url)[0]
        except OSError:  # no certificate for a host that no distribution has
            return 0

    def is_left_of(self, issuer: str) -> bool:
        """Return whether anything of an issuer is left."""
        named = any(issuer in own for own in self.issuers().values())
        return named or issuer in self.providers() | self.published() | self.trusted(OWN)


class Load:
    """Shows tokens to every API server and to STS, all the time, for as long as such tokens live."""

    def __init__(self, hosts: Moving, roles: t.Sequence[str], lifetime: float) -> None:
        """Take what signs, the roles that tokens are exchanged for, and the seconds for which tokens live."""
        self.hosts, self.roles, self.lifetime = hosts, roles, lifetime
        self.uses, self.refused = 0, [""]
        self.refused.clear()
        self._signed: dict[str, float] = {}
        key = jwk.JWK.from_pem(private_pem(ec_key(1)).encode())
        header = {"alg": "ES256", "kid": hosts.kid}
        self._tokens = {url: sign(Issuer(url).claims(), key, header) for url in (FIRST, SECOND, THIRD)}
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._loop, daemon=True)

    def __enter__(self) -> t.Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_raised: object) -> None:
        """End."""
        self._stop.set()
        self._thread.join()

    def pass_time(self, seconds: float) -> None:
        """Let everything that there is be older."""
        with self._lock:
            self.hosts.pass_time(seconds)
            self._signed = {issuer: when - seconds for issuer, when in self._signed.items()}

    def _loop(self) -> None:
        while not self._stop.wait(_PAUSE):
            with self._lock:
                for issuer in self._living():
                    for refusal in self._refusals(issuer):
                        if issuer in self._living():  # it may have ended in between
                            self.refused.append(refusal)

    def _living(self) -> set[str]:
        now = time.time()
        self._signed |= {own[0]: now for own in self.hosts.issuers().values()}
        return {issuer for issuer, when in self._signed.items() if now - when <= self.lifetime}

    def _refusals(self, issuer: str) -> t.Iterator[str]:
        for host, own in self.hosts.issuers().items():
            self.uses += 1
            if issuer not in own:
                yield f"{host} refuses {issuer}"
        sts = self.hosts.lab.unsigned("sts")
        for role in self.roles:
            self.uses += 1
            arn = f"arn:aws:iam::{ACCOUNT}:role/{role}"
            try:
                sts.assume_role_with_web_identity(
                    RoleArn=arn, RoleSessionName="load", WebIdentityToken=self._tokens[issuer]
                )
            except ClientError as error:
                yield f"STS refuses {issuer} for {role}: {error}"
