# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role on hosts of distributions that keep the flags in files of their own."""

from __future__ import annotations

import copy
import typing as t

import pytest

from ansible_collections.onprem.irsa.tests.unit.roles.cluster_of_distributions import Distributions
from ansible_collections.onprem.irsa.tests.unit.roles.distribution_host import REFUSED
from ansible_collections.onprem.irsa.tests.unit.roles.some_distributions import (
    DISTRIBUTIONS,
    FILE,
    NEW,
    OLD,
    SECRET,
    with_file,
)

if t.TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

NAMES = ["cp1", "cp2"]
VARIABLES = {"irsa_apiserver_issuer_url": NEW, "irsa_apiserver_pause": 0, "irsa_apiserver_timeout": 60}


def all_but_long(*long: str) -> list[t.Any]:
    """Return the distributions as parameters; those that are named are not in make test."""
    return [pytest.param(name, marks=pytest.mark.long) if name in long else name for name in DISTRIBUTIONS]


def hosts(tmp_path: Path, name: str, number: int = 2) -> Distributions:
    return Distributions(tmp_path, {host: copy.deepcopy(DISTRIBUTIONS[name]) for host in NAMES[:number]})


@pytest.mark.parametrize("name", all_but_long("k0s", "MicroK8s"))
def test_all_accept_then_all_sign_and_a_second_run_restarts_nothing(tmp_path: Path, name: str) -> None:
    cluster = hosts(tmp_path, name)
    before = cluster.files("cp1")
    code, output = cluster.play("main", VARIABLES)
    assert code == 0, output
    assert cluster.restarts() == [*NAMES, *NAMES]
    assert list(cluster.issuers().values()) == [[NEW, OLD[name]]] * 2
    assert [cluster.running(host)["service-account-jwks-uri"] for host in NAMES] == [[f"{NEW}/openid/v1/jwks"]] * 2
    after = cluster.files("cp1")
    assert {path for path in after if after[path] != before.get(path)} == {FILE[name]}
    lines = after[FILE[name]].splitlines()
    assert [line for line in before.get(FILE[name], "").splitlines() if line not in lines] == []
    assert SECRET not in output
    code, output = cluster.play("main", VARIABLES)
    assert code == 0, output
    assert cluster.restarts() == [*NAMES, *NAMES]
    assert cluster.files("cp1") == after


def test_secrets_of_files_are_not_shown_over_ssh(tmp_path: Path) -> None:
    """With -vvv, Ansible's connection shows what commands print."""
    secret_file = with_file("K3s", "/etc/rancher/k3s/config.yaml", f"token: {SECRET}\nkube-apiserver-arg: [v=2]\n")
    cluster = Distributions(tmp_path, {"cp1": {**copy.deepcopy(DISTRIBUTIONS["K3s"]), "files": secret_file}})
    ssh = tmp_path / "ssh"
    ssh.write_text(
        "#!/bin/sh\nfor last; do :; done\n"
        '[ ! -e "$0.gone" ] || { echo "cp1: Name or service not known" >&2; exit 255; }\nexec sh -c "$last"\n'
    )
    ssh.chmod(0o755)
    cluster.own["cp1"] = {"ansible_connection": "ssh", "ansible_ssh_executable": str(ssh), "ansible_pipelining": True}
    gone = ssh.with_name("ssh.gone")
    gone.touch()
    code, output = cluster.play("main", VARIABLES)
    assert (code != 0, "Name or service not known" in output, "censored" in output) == (True, True, False), output

    gone.unlink()
    wanted = {**VARIABLES, "irsa_apiserver_extra_flags": {"v": ["4"]}}
    code, output = cluster.run(str(tmp_path / "playbook.json"), wanted, "-vvv", "--diff")
    assert code == 0, output
    assert SECRET not in output
    assert "stdout and stderr censored" in output


@pytest.mark.parametrize("name", all_but_long("K3s", "RKE2"))
def test_a_flag_that_is_refused_is_put_back_and_the_host_after_it_is_left_alone(tmp_path: Path, name: str) -> None:
    cluster = hosts(tmp_path, name)
    before = cluster.files("cp1")
    flags = {REFUSED: ["/no-such-policy.yaml"]}
    code, output = cluster.play("main", {**VARIABLES, "irsa_apiserver_extra_flags": flags})
    assert code != 0
    assert f"--{REFUSED}=/no-such-policy.yaml" in output, output
    assert "no such file" in output, output
    assert "old files were put back, and it is ready again" in output, output
    assert cluster.files("cp1") == before
    assert list(cluster.issuers().values()) == [[OLD[name]]] * 2
    assert {*cluster.restarts()} == {"cp1"}
    assert cluster.kept("cp1") == []


def test_a_run_that_is_killed_is_ended_by_the_next(tmp_path: Path) -> None:
    cluster = hosts(tmp_path, "k0s", 1)
    cluster.kill("cp1", 2)
    assert cluster.play("main", VARIABLES)[0] != 0
    assert ("killed", "cp1") in cluster.log()
    code, output = cluster.play("main", VARIABLES)
    assert code == 0, output
    assert cluster.issuers() == {"cp1": [NEW, OLD["k0s"]]}
