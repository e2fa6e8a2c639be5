# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Talos nodes whose flags talosctl sets, with real API servers: make api-server.

There is no Talos here. What stands for talosctl and the nodes takes and refuses configurations as the real ones do; the
collection's model of Talos says which flags kube-apiserver gets of them, and real API servers run with exactly these.
"""

from __future__ import annotations

import json
import subprocess
import threading
import typing as t
from contextlib import contextmanager, suppress

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.onprem.irsa.plugins.module_utils._distributions.room import ISSUER, JWKS_URI, Seen, flags_in
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.talos import FILE, TALOS
from ansible_collections.onprem.irsa.plugins.module_utils._kube.kubeconfig import current_context
from ansible_collections.onprem.irsa.plugins.modules import talos_flags
from ansible_collections.onprem.irsa.tests.unit.extensions.lab.aws.conftest import Lab, lab, server
from ansible_collections.onprem.irsa.tests.unit.plugins.fake_talosctl import FakeNode, program
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._distributions.test_talos import (
    BASE,
    HOSTNAME,
    OLD_KEY,
    SERVER,
    B,
)

from .some_servers import Servers, servers
from .test_any_cluster import NEW, POLICY, Runs

if t.TYPE_CHECKING:
    from pathlib import Path

__all__ = ["lab", "server"]  # fixtures

Json = dict[str, t.Any]
TEXT: t.Final = BASE + OLD_KEY + SERVER + HOSTNAME
SECRETS: t.Final = ("abc.def", "QQ==")
REFUSED: t.Final = "audit-policy-file"


class Nodes:
    """Control-plane nodes, each with a real API server that follows its machine configuration."""

    def __init__(self, directory: Path, cluster: Servers, names: t.Sequence[str]) -> None:
        """Start the API servers as Talos does by itself."""
        self.directory, self.cluster = directory, cluster
        directory.mkdir()
        self.nodes = [FakeNode.made(directory / name, "v1.13.9", TEXT) for name in names]
        self.running = ["" for _name in names]
        self._end = threading.Event()
        for one in range(len(names)):
            self.follow(one)

    def flags(self, one: int) -> dict[str, list[str]]:
        node = self.nodes[one]
        return flags_in(TALOS.settings(Seen(files={FILE: node.configuration()}, version=node.version)))

    def follow(self, one: int) -> None:
        """Start an API server again where its node's configuration has changed."""
        text = self.nodes[one].configuration()
        if text == self.running[one]:
            return
        self.running[one] = text
        key = str(self.cluster.directory / "sa.key")
        flags = [(name, value) for name, values in self.flags(one).items() for value in values]
        with suppress(AssertionError, OSError):  # of flags with which it ends
            self.cluster.restart_with(
                one, [f"--{name}={key if '/system/secrets' in value else value}" for name, value in flags], seconds=8
            )

    @contextmanager
    def followed(self) -> t.Iterator[None]:
        """Let the kubelets of the nodes work."""

        def work() -> None:
            while not self._end.wait(0.5):
                for one in range(len(self.nodes)):
                    self.follow(one)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            self._end.set()
            thread.join()


def test_the_whole_chain_by_talosctl(tmp_path: Path, lab: Lab) -> None:
    (tmp_path / "cluster").mkdir()
    (tmp_path / "bin").mkdir()
    with servers(tmp_path / "cluster", 1, *POLICY) as cluster:
        nodes = Nodes(tmp_path / "nodes", cluster, [cluster.address])
        runs = Runs(tmp_path, lab, cluster, tmp_path / "bin")
        given: Json = {"irsa_apiserver_flags": "talosctl", "irsa_apiserver_timeout": 90}
        code, output = runs.run("site", **given)
        assert (code, "no program talosctl in its PATH" in output) == (2, True), output

        program(tmp_path / "bin", nodes.directory)
        cluster.name_addresses([(cluster.address, cluster.ports[0]), ("192.0.2.201", 6443)])  # RFC 5737: nobody has it
        code, output = runs.run("site", **given)
        assert (code, "not every API server answers at its own address here" in output) == (2, True), output
        cluster.name_addresses([(cluster.address, cluster.ports[0])])

        code, output = runs.run("site", "--check", **given)
        assert (code, nodes.nodes[0].configuration("persistent")) == (0, TEXT), output
        with nodes.followed():
            code, output = runs.run("site", "--diff", "-vvv", **given)
            assert code == 0, output
            assert f"{NEW} signs; " in output
            assert (nodes.flags(0)[ISSUER], nodes.flags(0)[JWKS_URI]) == ([NEW, B], [f"{NEW}/openid/v1/jwks"])
            assert [secret for secret in SECRETS if secret in output] == []
            kept = nodes.nodes[0].configuration("persistent")
            assert [line for line in TEXT.splitlines() if line not in kept.splitlines()] == []

            code, output = runs.run("site", **given)
            assert (code, "changed=0" in output) == (0, True), output
            code, output = runs.run("verify", **given)
            assert code == 0, output
            code, output = runs.run("teardown", **given)
            assert code == 0, output
            assert (nodes.flags(0)[ISSUER], JWKS_URI in nodes.flags(0)) == ([B, NEW], False)


def given_to(cluster: Servers, one: int, flags: Json, capsys: pytest.CaptureFixture[str], timeout: int = 60) -> Json:
    """Run the module for a node."""
    urls = [cluster.at(number).url for number in range(len(cluster.ports))]
    options = {"node": f"node{one}", "server": urls[one], "servers": urls, "flags": flags, "timeout": timeout}
    given = {"kubeconfig": current_context(cluster.at(0).kubeconfig), **options}
    with patch_module_args(given), pytest.raises(SystemExit):
        talos_flags.main()
    result: Json = json.loads(capsys.readouterr().out)
    return result


def test_two_nodes_and_one_that_does_not_come_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cluster").mkdir()
    with servers(tmp_path / "cluster", 2) as cluster:
        nodes = Nodes(tmp_path / "nodes", cluster, ["node0", "node1"])
        monkeypatch.setenv("PATH", f"{program(tmp_path, nodes.directory).parent}:/usr/bin:/bin")
        with nodes.followed():
            for one in range(2):
                result = given_to(cluster, one, {ISSUER: [B, NEW]}, capsys)
                assert (result["changed"], result["after"]) == (True, {ISSUER: [B, NEW]}), result

            refused = {ISSUER: [NEW, B], REFUSED: ["/no-such-policy.yaml"]}
            result = given_to(cluster, 0, refused, capsys, timeout=25)
            assert result["failed"]
            assert "Its old configuration was put back, and its API server is as before." in result["msg"]
            assert nodes.flags(0)[ISSUER] == [B, NEW]
            assert nodes.nodes[0].configuration("persistent") == nodes.nodes[1].configuration("persistent")

            for one in range(2):
                result = given_to(cluster, one, {ISSUER: [NEW, B]}, capsys)
                assert result["changed"], result
            assert not given_to(cluster, 0, {ISSUER: [NEW, B]}, capsys)["changed"]


def test_the_double_is_run_as_a_program(tmp_path: Path) -> None:
    FakeNode.made(tmp_path / "nodes/a", "v1.13.9", TEXT)
    command = [str(program(tmp_path, tmp_path / "nodes")), "--nodes=a", "get", "machineconfig", "v1alpha1"]
    done = subprocess.run([*command, "--output=jsonpath={.spec}"], capture_output=True, text=True, check=True)  # noqa: S603 -- our own
    assert done.stdout == f"{TEXT}\n"
    assert subprocess.run([*command, "--output=yaml"], capture_output=True, check=False).returncode == 1  # noqa: S603 -- our own
