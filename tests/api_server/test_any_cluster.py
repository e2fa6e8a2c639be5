# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks on two real API servers none of whose hosts is known: make api-server.

The inventory has localhost alone. AWS is the lab's, which fetches the published documents and verifies the tokens.
"""

from __future__ import annotations

import json
import os
import subprocess
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.testing import patch_module_args
from cryptography.hazmat.primitives.serialization import PrivateFormat

from ansible_collections.onprem.irsa.plugins.module_utils._kube.kubeconfig import current_context
from ansible_collections.onprem.irsa.plugins.modules import api_servers_info
from ansible_collections.onprem.irsa.tests.unit.extensions.lab.aws.conftest import Lab, lab, server
from ansible_collections.onprem.irsa.tests.unit.plugins.some_keys import ec_key, private_pem, public_pem, rsa_key

from .some_servers import OLD, Servers, servers

__all__ = ["lab", "server"]  # fixtures

Json = dict[str, t.Any]
ROOT: t.Final = Path(__file__).parents[2]
NEW: t.Final = "https://acme-prod-oidc.s3.eu-central-1.amazonaws.com"
POLICY: t.Final = (
    "--feature-gates=MutatingAdmissionPolicy=true",
    "--runtime-config=admissionregistration.k8s.io/v1beta1=true",
)
VARIABLES: t.Final[Json] = {
    "irsa_cluster": "prod",
    "irsa_region": "eu-central-1",
    "irsa_issuer_bucket": "acme-prod-oidc",
    "irsa_issuer_keys": "api",
    "irsa_apiserver_flags": "show",
    "irsa_webhook_mode": "policy",
    "irsa_iam_roles": [
        {
            "name": "prod-reports",
            "service_accounts": ["apps/reports"],
            "managed_policies": ["arn:aws:iam::aws:policy/ReadOnlyAccess"],
        }
    ],
}


class Runs:
    """Runs of playbooks from an inventory that has only localhost."""

    def __init__(self, directory: Path, found: Lab, cluster: Servers, programs: Path | None = None) -> None:
        """Write inventory and kubeconfig; PROGRAMS is a directory that comes first on the path."""
        self.directory, self.lab = directory, found
        self.path = os.pathsep.join([*([str(programs)] if programs else []), os.environ["PATH"]])
        (directory / "kubeconfig").write_text(json.dumps(cluster.at(0).kubeconfig))
        known = {**VARIABLES, "irsa_kubeconfig_path": "kubeconfig", "irsa_issuer_ca_path": str(found.state / "ca.pem")}
        inventory = {"all": {"hosts": {"localhost": {}}, "vars": known}}
        (directory / "inventory.json").write_text(json.dumps(inventory))

    def name_hosts(self) -> None:
        """Let the inventory have hosts of a control plane that nobody reaches."""
        inventory = json.loads((self.directory / "inventory.json").read_text())
        del inventory["all"]["hosts"]
        hosts = {name: {"ansible_host": f"{name}.invalid"} for name in ("cp1", "cp2")}
        inventory["all"]["children"] = {"kube_control_plane": {"hosts": hosts}}
        (self.directory / "inventory.json").write_text(json.dumps(inventory))

    def run(self, playbook: str, *options: str, **variables: object) -> tuple[int, str]:
        """Return the exit code and what was printed."""
        command = ["ansible-playbook", "-i", "inventory.json", *options, f"onprem.irsa.{playbook}"]
        if variables:
            command += ["-e", json.dumps(variables)]
        names = {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".build"), "PATH": self.path}
        done = subprocess.run(  # noqa: S603 -- our own
            command,
            cwd=self.directory,
            env={**self.lab.environment(), **names},
            capture_output=True,
            text=True,
            check=False,
        )
        output = done.stdout + done.stderr
        (self.directory / f"{len([*self.directory.glob('*.log')])}-{playbook}.log").write_text(output)
        return done.returncode, output


def test_the_whole_chain_on_a_cluster_whose_hosts_are_not_known(tmp_path: Path, lab: Lab) -> None:
    (tmp_path / "cluster").mkdir()
    with servers(tmp_path / "cluster", 2, *POLICY) as cluster:
        runs = Runs(tmp_path, lab, cluster)
        code, output = runs.run("site")
        assert code == 2, output
        assert "Not every API server accepts" in output, output
        assert f"--service-account-issuer={NEW}" in output
        assert "First pass" in output

        cluster.restart_all([OLD, NEW])
        code, output = runs.run("site")
        assert (code, "First pass" in output, "Second pass" in output) == (2, False, True), output
        assert "the first pass is in force" in output

        cluster.restart(0, [NEW, OLD], f"--service-account-jwks-uri={NEW}/openid/v1/jwks")
        code, output = runs.run("site")
        assert (code, f"({cluster.address}:{cluster.ports[1]})" in output) == (2, True), output

        cluster.restart(1, [NEW, OLD])
        code, output = runs.run("site")
        assert (code, "the second pass is not complete" in output) == (2, True), output

        cluster.restart(1, [NEW, OLD], f"--service-account-jwks-uri={NEW}/openid/v1/jwks")
        code, output = runs.run("site")
        assert code == 0, output
        assert f"{NEW} signs; " in output, output
        assert "each of 2 API servers" in output, output

        code, output = runs.run("site")
        assert (code, "changed=0" in output) == (0, True), output
        for playbook in ("verify", "doctor"):
            code, output = runs.run(playbook)
            assert code == 0, output

        code, output = runs.run("teardown")
        assert (code, "The way back" in output, "pass" in output.lower()) == (2, True, False), output
        cluster.restart_all([OLD, NEW])
        code, output = runs.run("teardown")
        assert code == 0, output


def test_hosts_of_the_inventory_are_not_asked(tmp_path: Path, lab: Lab) -> None:
    """They are in it for other playbooks."""
    (tmp_path / "cluster").mkdir()
    with servers(tmp_path / "cluster", 1, *POLICY) as cluster:
        cluster.restart_all([NEW, OLD], f"--service-account-jwks-uri={NEW}/openid/v1/jwks")
        runs = Runs(tmp_path, lab, cluster)
        runs.name_hosts()
        for playbook in ("site", "verify", "doctor"):
            code, output = runs.run(playbook)
            assert (code, "unreachable=1" in output) == (0, False), output
        cluster.restart_all([OLD, NEW])
        code, output = runs.run("teardown")
        assert code == 0, output


def test_api_servers_with_keys_of_their_own(tmp_path: Path, lab: Lab) -> None:
    """They are refused before anything is published."""
    (tmp_path / "cluster").mkdir()
    with servers(tmp_path / "cluster", 2) as cluster:
        other = tmp_path / "cluster/other.key"
        other.write_text(private_pem(ec_key(1), PrivateFormat.TraditionalOpenSSL))
        keys = [f"--service-account-key-file={other}", f"--service-account-signing-key-file={other}"]
        cluster.restart_with(1, [*keys, f"--service-account-issuer={OLD}"])
        runs = Runs(tmp_path, lab, cluster)
        for options in ((), ("--tags", "publish")):
            code, output = runs.run("site", *options)
            assert (code, "does not accept tokens that another one signs with the key" in output) == (2, True), output
        assert lab.client("s3").list_buckets()["Buckets"] == []

        given = [public_pem(rsa_key().public_key()), public_pem(ec_key(1))]
        code, output = runs.run("site", "--tags", "publish", irsa_issuer_keys=given, irsa_kubeconfig_path="")
        assert (code, "2 public keys from irsa_issuer_keys" in output) == (0, True), output


def test_what_a_load_balancer_may_hide_is_told_once(tmp_path: Path, lab: Lab) -> None:
    (tmp_path / "cluster").mkdir()
    with servers(tmp_path / "cluster", 1, *POLICY) as cluster, cluster.balanced() as balancer:
        cluster.restart(0, [NEW, OLD], f"--service-account-jwks-uri={NEW}/openid/v1/jwks")
        cluster.name_addresses([("192.0.2.201", 6443), ("192.0.2.202", 6443)])  # RFC 5737: nobody has them
        runs = Runs(tmp_path, lab, cluster)
        (tmp_path / "kubeconfig").write_text(json.dumps(balancer.kubeconfig))
        code, output = runs.run("site", "--tags", "publish,apiserver")
        told = "API servers that the cluster names do not answer at their own address here"
        assert (code, output.count(told), "object at 0x" in output) == (0, 1, False), output


def asked(cluster: Servers, url: str, capsys: pytest.CaptureFixture[str]) -> Json:
    given = cluster.at(0).kubeconfig
    given["clusters"][0]["cluster"]["server"] = url
    with patch_module_args({"kubeconfig": current_context(given), "issuers": [NEW]}), pytest.raises(SystemExit):
        api_servers_info.main()
    result: Json = json.loads(capsys.readouterr().out)
    assert "failed" not in result, result
    return result


def test_api_servers_behind_a_load_balancer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with servers(tmp_path, 2) as cluster, cluster.balanced() as balancer:
        cluster.restart(1, [OLD, NEW])
        cluster.name_addresses([("192.0.2.201", 6443), ("192.0.2.202", 6443)])  # RFC 5737: nobody has them
        found = asked(cluster, balancer.url, capsys)
        assert (found["balanced"], found["issuers"]) == (balancer.url, [OLD])
        assert sorted(NEW in one["issuers"] for one in found["accepted"]) == [False, True]
        assert sorted(found["unreached"]) == ["https://192.0.2.201:6443", "https://192.0.2.202:6443"]

        cluster.name_addresses([(cluster.address, port) for port in cluster.ports])
        found = asked(cluster, balancer.url, capsys)
        assert (found["balanced"], found["unreached"], len(found["servers"])) == ("", {}, 2)
        assert {one["server"]: NEW in one["issuers"] for one in found["accepted"]} == {
            cluster.at(0).url: False,
            cluster.at(1).url: True,
        }
        assert [one["refused"] for one in found["accepted"]] == [[], []]

        cluster.restart(1, [NEW])
        found = asked(cluster, balancer.url, capsys)
        assert [len(one["refused"]) for one in found["accepted"]] == [1, 1]
