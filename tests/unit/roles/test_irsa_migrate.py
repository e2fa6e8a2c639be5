# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role irsa_migrate on hosts that are told in files, with documents in a file and the IAM of moto."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
import typing as t

import boto3
import pytest
from moto.server import ThreadedMotoServer

from ansible_collections.onprem.irsa.plugins.module_utils._documents.pem import kid_from_public_pem
from ansible_collections.onprem.irsa.plugins.module_utils._migration.plan import PHASES
from ansible_collections.onprem.irsa.plugins.module_utils._trust.policy import Trust, build
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._api_server.test_observation import (
    FLAGS,
    PATH,
    observed,
)
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._flags.test_static_pod_flags import KUBEADM
from ansible_collections.onprem.irsa.tests.unit.plugins.some_keys import ec_key, public_pem

from .cluster_of_files import Cluster

if t.TYPE_CHECKING:
    from pathlib import Path

    from mypy_boto3_iam.client import IAMClient

Json = dict[str, t.Any]
FIRST = "https://acme-prod-oidc.s3.eu-central-1.amazonaws.com/one"
SECOND = "https://acme-prod-oidc.s3.eu-central-1.amazonaws.com/two"
THIRD = "https://oidc.example.com"
ACCOUNT = "123456789012"
DAY = 86400.0
USE = {
    "lifetimes": [{"seconds": DAY, "source": "pod apps/reports"}],
    "audience_users": [],
    "stale_uses": {},
    "keepers": [],
}
MODULES = {
    "control_plane_flags_host": """
def main():
    import json, os, time
    from pathlib import Path
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    file, asked = Path(os.environ["HOST"]), module.params
    state = json.loads(file.read_text())
    changed = asked["content"] != state["manifests"][asked["path"]]
    state.update(manifests={asked["path"]: asked["content"]}, running_flags=asked["flags"], started=time.time())
    file.with_name(f".{file.name}").write_text(json.dumps(state))
    file.with_name(f".{file.name}").rename(file)
    with file.with_name("log").open("a") as log:
        log.write(f"restart {file.name}\\n")
    hosts = [json.loads(path.read_text()) for path in file.parent.glob("cp[0-9]")]
    issuers = [host["running_flags"]["service-account-issuer"] for host in hosts]
    published = json.loads(file.with_name("published").read_text())
    for signing in {own[0] for own in issuers}:
        known = published.get(signing, {"kids": []})["kids"]
        if not all(signing in own for own in issuers) or state["kids"][0] not in known:
            with file.with_name("refused").open("a") as log:
                log.write(f"{signing} {issuers}\\n")
    result = {"backup": None, "unavailable_seconds": 0.2, "put_back": False, "removed_sandboxes": [], "moved_away": []}
    module.exit_json(changed=changed, **result)
""",
    "issuer_info": """
def main():
    import json, time
    from pathlib import Path
    options = {name: {"type": "raw"} for name in ("issuer", "ca_path")}
    module = AnsibleModule(argument_spec=options, supports_check_mode=True)
    issuer = module.params["issuer"]
    found = json.loads((Path(DIRECTORY) / "published").read_text()).get(issuer)
    said = {"max_age": 300.0, "unchanged_for": time.time() - found["since"]} if found else {}
    module.exit_json(
        changed=False,
        served=found is not None,
        kids=found["kids"] if found else [],
        jwks_uri=f"{issuer}/openid/v1/jwks" if found else "",
        **{"max_age": None, "unchanged_for": None, **said},
    )
""",
    "signing_use_info": """
def main():
    import json
    from pathlib import Path
    options = {name: {"type": "raw"} for name in ("kubeconfig", "max_expirations", "servers", "audience")}
    module = AnsibleModule(argument_spec=options, supports_check_mode=True)
    module.exit_json(changed=False, **json.loads((Path(DIRECTORY) / "use").read_text()))
""",
}
# As both publishing modules do, they remove nothing while IAM trusts the issuer.
PUBLISHER = """
def main():
    import json, os, time
    import boto3
    from pathlib import Path
    names = "bucket region cluster issuer discovery_document jwks retired_kids max_age adopt certificate_arn state"
    module = AnsibleModule(argument_spec={name: {"type": "raw"} for name in names.split()}, supports_check_mode=True)
    file, asked = Path(DIRECTORY) / "published", module.params
    before = json.loads(file.read_text())
    after = {issuer: found for issuer, found in before.items() if issuer != asked["issuer"]}
    providers = boto3.client("iam", region_name="eu-central-1").list_open_id_connect_providers()
    trusted = [each["Arn"] for each in providers["OpenIDConnectProviderList"]]
    if asked["state"] == "absent":
        if any(arn.endswith(asked["issuer"][7:]) for arn in trusted) and not module.check_mode:
            module.fail_json(msg="The account still trusts the issuer.")
    elif asked["jwks"]:
        assert json.loads(asked["discovery_document"])["issuer"] == asked["issuer"]
        kids = [key["kid"] for key in json.loads(asked["jwks"])["keys"]]
        found = before.get(asked["issuer"], {"kids": [], "since": time.time()})
        after[asked["issuer"]] = found if found["kids"] == kids else {"kids": kids, "since": time.time()}
    else:
        after = before
    if not module.check_mode:
        file.with_name(".published").write_text(json.dumps(after))
        file.with_name(".published").rename(file)
    module.exit_json(changed=after != before, jwks_uri=f"{asked['issuer']}/openid/v1/jwks", dns_records=[])
"""
STATEMENT = build(
    Trust.of(f"arn:aws:iam::{ACCOUNT}:oidc-provider/{FIRST[8:]}", ["sts.amazonaws.com"], ["apps/reports"])
)


@pytest.fixture
def iam(monkeypatch: pytest.MonkeyPatch) -> t.Iterator[IAMClient]:
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    client = boto3.client("iam", region_name="eu-central-1")
    client.create_open_id_connect_provider(
        Url=FIRST, ClientIDList=["sts.amazonaws.com"], Tags=[{"Key": "onprem.irsa/cluster", "Value": "prod"}]
    )
    for name, tags in (("prod-reports", [{"Key": "onprem.irsa/cluster", "Value": "prod"}]), ("team-exports", [])):
        policy = json.dumps({"Version": "2012-10-17", "Statement": [STATEMENT]})
        client.create_role(RoleName=name, AssumeRolePolicyDocument=policy, Tags=t.cast("t.Any", tags))
    yield client
    server.stop()


class Moving(Cluster):
    """Hosts that have signed with one issuer for long."""

    def __init__(self, directory: Path, hosts: int) -> None:
        """Take the number of hosts."""
        pem = public_pem(ec_key(1))
        self.kid = kid_from_public_pem(pem, source="a test")
        flags = {**FLAGS, "service-account-issuer": [FIRST]}
        state = observed(
            running_flags=flags,
            manifests={PATH: re.sub(r"--service-account-issuer=\S+", f"--service-account-issuer={FIRST}", KUBEADM)},
            kids=[self.kid],
            public_keys=[{"file": "/etc/kubernetes/pki/sa.pub", "pem": pem}],
            signing_key={"file": "/etc/kubernetes/pki/sa.key", "kid": self.kid},
            started=time.time() - 30 * DAY,
        )
        super().__init__(directory, {f"cp{number}": state for number in range(1, hosts + 1)})
        modules = directory / "collections/ansible_collections/onprem/irsa/plugins/modules"
        for name, main in {**MODULES, "s3_issuer": PUBLISHER, "cloudfront_issuer": PUBLISHER}.items():
            head = (modules / f"{name}.py").read_text().partition("def main(")[0]
            # Of that collection there is a double, without all that the module imports.
            head = "" if "_kube.api" in head else head
            head += f"\nfrom ansible.module_utils.basic import AnsibleModule\n\nDIRECTORY = {str(directory)!r}\n"
            self.replace(name, f'{head}{main}\n\nif __name__ == "__main__":\n    main()\n')
        self.put("published", {FIRST: {"kids": [self.kid], "since": time.time() - DAY}})
        self.put("use", USE)

    def put(self, name: str, content: Json) -> None:
        (self.directory / name).write_text(json.dumps(content))

    def read(self, name: str) -> Json:
        found: Json = json.loads((self.directory / name).read_text())
        return found

    def pass_time(self, seconds: float) -> None:
        """Let what there is be older."""
        for name in self.hosts:
            state = self.read(name)
            self.put(name, {**state, "started": state["started"] - seconds})
        published = self.read("published")
        self.put("published", {issuer: {**at, "since": at["since"] - seconds} for issuer, at in published.items()})

    def move(self, **variables: object) -> tuple[int, str]:
        return self.include("irsa_migrate", "main", {**VARIABLES, **variables})

    def killed(self, variables: Json, tasks: int) -> str:
        """Move until some tasks after the first step has begun, and kill that; return what was printed."""
        command, environment = self.command(self.prepare("irsa_migrate", "main"), {**VARIABLES, **variables})
        process = subprocess.Popen(  # noqa: S603 -- our own
            command,
            cwd=self.directory,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        assert process.stdout is not None
        printed, left = "", -1
        for line in process.stdout:
            printed += line
            if line.startswith("TASK ["):
                left = tasks if ": Act on " in line and left < 0 else left - 1 if left > 0 else left
            if left == 0:
                os.killpg(process.pid, signal.SIGKILL)
                break
        process.wait()
        return printed

    def restarts(self) -> list[str]:
        return [host for _what, host in self.log()]


VARIABLES: Json = {
    "irsa_cluster": "prod",
    "irsa_region": "eu-central-1",
    "irsa_issuer_url": SECOND,
    "irsa_issuer_bucket": "acme-prod-oidc",
    "irsa_iam_roles": [{"name": "prod-reports", "service_accounts": ["apps/reports"]}],
    "irsa_apiserver_kept_by": "none",
    "irsa_apiserver_pause": 0,
    "irsa_migrate_from": {"irsa_issuer_url": FIRST, "irsa_issuer_bucket": "acme-prod-oidc"},
    "irsa_migrate_other_roles": "leave",
}
TO_DOMAIN: Json = {
    "irsa_issuer_url": THIRD,
    "irsa_issuer_publisher": "cloudfront",
    "irsa_issuer_bucket": "acme-prod-private",
    "irsa_issuer_certificate_arn": f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/12345678-1234-1234-1234-123456789012",
    "irsa_migrate_other_roles": "change",
}


def trusted(iam: IAMClient, role: str) -> set[str]:
    policy: t.Any = iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
    return {"https://" + statement["Principal"]["Federated"].partition("/")[2] for statement in policy["Statement"]}


def providers(iam: IAMClient) -> set[str]:
    found = iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]
    return {"https://" + each["Arn"].partition("/")[2] for each in found}


@pytest.mark.slow
def test_from_prefix_to_prefix_to_domain(tmp_path: Path, iam: IAMClient) -> None:
    hosts = Moving(tmp_path, 2)

    code, output = hosts.move(irsa_migrate_phase="status")
    assert (code, hosts.log()) == (0, []), output
    assert "team-exports" in output
    assert providers(iam) == {FIRST}

    code, output = hosts.move(irsa_migrate_phase="trust")
    assert (code, hosts.log()) == (0, []), output
    assert (trusted(iam, "prod-reports"), trusted(iam, "team-exports")) == ({FIRST, SECOND}, {FIRST})
    assert [*hosts.read("published")] == [FIRST, SECOND]

    code, output = hosts.move(irsa_migrate_other_roles="hold")
    assert (code, hosts.restarts()) == (2, ["cp1", "cp2"]), output
    assert "The role arn:aws:iam::123456789012:role/team-exports trusts tokens of" in output

    code, output = hosts.move()
    assert (code, hosts.restarts()) == (0, ["cp1", "cp2"]), output
    assert "Run again after" in output
    assert {tuple(own) for own in hosts.issuers().values()} == {(FIRST, SECOND)}

    hosts.pass_time(301)
    code, output = hosts.move()
    assert code == 0, output
    assert {tuple(own) for own in hosts.issuers().values()} == {(SECOND, FIRST)}
    assert "tokens live for up to 86400 s (pod apps/reports)" in output

    code, output = hosts.move(irsa_migrate_back=True, irsa_migrate_phase="switch")
    assert code == 0, output
    assert {tuple(own) for own in hosts.issuers().values()} == {(FIRST, SECOND)}
    code, output = hosts.move()
    assert code == 0, output
    assert {tuple(own) for own in hosts.issuers().values()} == {(SECOND, FIRST)}

    hosts.pass_time(DAY + 61)
    code, output = hosts.move()  # somebody else's role is left, and the provider with it
    assert code == 2, output
    assert "team-exports trusts tokens of" in output
    assert (trusted(iam, "prod-reports"), trusted(iam, "team-exports")) == ({SECOND}, {FIRST})
    assert providers(iam) == {FIRST, SECOND}

    iam.delete_role(RoleName="team-exports")
    code, output = hosts.move()
    assert code == 0, output
    assert f"{SECOND} signs, and nothing is left of {FIRST}" in output
    assert (providers(iam), [*hosts.read("published")]) == ({SECOND}, [SECOND])
    assert hosts.running("cp1")["service-account-issuer"] == [SECOND]
    assert "api-audiences" not in hosts.running("cp1")

    before = hosts.log()
    code, output = hosts.move()
    assert (code, hosts.log()) == (0, before), output
    assert re.search(r"changed=0 .*failed=0", output), output

    assert not (tmp_path / "refused").exists()


@pytest.mark.slow
def test_a_run_that_is_killed_in_each_step_goes_on_with_the_same_command(tmp_path: Path, iam: IAMClient) -> None:
    """From a bucket to a domain behind CloudFront, with a role of somebody else that is changed, too."""
    hosts = Moving(tmp_path, 2)
    given = {**TO_DOMAIN, "irsa_migrate_settle": 0}
    killed: list[str] = []
    for tasks in [2, 8, 16, 30] * 10:  # after how many tasks from the beginning of a step a run is killed
        output = hosts.killed(given, tasks)
        killed.append(output)
        assert not (tmp_path / "refused").exists(), output
        for issuers in hosts.issuers().values():  # what an API server signs is taken by the roles, too
            assert issuers[0] in trusted(iam, "prod-reports") & trusted(iam, "team-exports") & providers(iam)
        if f"{THIRD} signs, and nothing is left of {FIRST}" in output:
            break
        if "caches may keep" in output:
            hosts.pass_time(301)
    assert len(killed) > len(PHASES)
    assert (providers(iam), [*hosts.read("published")]) == ({THIRD}, [THIRD])
    assert (trusted(iam, "prod-reports"), trusted(iam, "team-exports")) == ({THIRD}, {THIRD})
    assert {tuple(own) for own in hosts.issuers().values()} == {(THIRD,)}


@pytest.mark.slow
def test_one_run_goes_to_the_end_where_nothing_has_to_pass(tmp_path: Path, iam: IAMClient) -> None:
    hosts = Moving(tmp_path, 1)
    iam.delete_role(RoleName="team-exports")
    published = hosts.read("published")
    hosts.put("published", {**published, SECOND: published[FIRST]})
    code, output = hosts.move(irsa_migrate_settle=0)
    assert code == 0, output
    assert f"{SECOND} signs, and nothing is left of {FIRST}" in output
    assert (providers(iam), [*hosts.read("published")]) == ({SECOND}, [SECOND])
    assert hosts.running("cp1")["service-account-issuer"] == [SECOND]
    assert "api-audiences" not in hosts.running("cp1")
    before = hosts.log()
    code, output = hosts.move(irsa_migrate_settle=0)
    assert (code, hosts.log()) == (0, before), output
    assert re.search(r"changed=0 .*failed=0", output), output
