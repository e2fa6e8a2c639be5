# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps the flags at upgrades and joins: looked at before the first restart, and told after the last."""

from __future__ import annotations

import typing as t

import pytest
import yaml

from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._api_server.test_observation import observed
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._flags.test_static_pod_flags import NEW, OLD

from .cluster_of_files import Cluster
from .test_irsa_apiserver import NAMES, cluster, signing

if t.TYPE_CHECKING:
    from pathlib import Path

VARIABLES = {"irsa_apiserver_issuer_url": NEW}
CONFIGURATION = """\
# by hand
apiServer:
  extraArgs:
  - name: feature-gates
    value:
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
certificatesDir: /etc/kubernetes/pki
clusterName: "12e4"
"""
ENTRIES = f"""\
  - name: service-account-issuer
    value: {NEW}
  - name: service-account-issuer
    value: {OLD}
  - name: service-account-jwks-uri
    value: {NEW}/openid/v1/jwks
"""
TOLD = CONFIGURATION.replace("    value:\n", f"    value:\n{ENTRIES}")
KUBESPRAY = CONFIGURATION.replace("/pki", "/ssl")
PATCH = "/etc/kubernetes/patches/kube-apiserver50issuer+json.yaml"
ADDED = f"- {{op: add, path: /spec/containers/0/command/1, value: '--service-account-issuer={OLD}'}}\n"


@pytest.mark.slow
def test_kubeadm_is_told_at_the_end_and_a_second_run_tells_nothing(tmp_path: Path) -> None:
    hosts = cluster(tmp_path)
    hosts.store(CONFIGURATION)
    code, output = hosts.play("main", VARIABLES)
    assert (code, len(hosts.log()), hosts.stored()) == (0, 12, TOLD), output
    code, output = hosts.play("main", VARIABLES)
    assert (code, len(hosts.log()), "changed=0" in output) == (0, 12, True), output


def _forbidden(hosts: Cluster) -> None:
    hosts.store(CONFIGURATION)
    hosts.forbid_writing()


def _patched(hosts: Cluster) -> None:
    hosts.store(CONFIGURATION)
    hosts.tell_of_kubeadm("cp3", patches={PATCH: ADDED})


def _cut_off(hosts: Cluster) -> None:
    hosts.cut_off("kubeadm")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda hosts: hosts.store(None), "no ConfigMap kube-system/kubeadm-config"),
        (lambda hosts: hosts.store(KUBESPRAY), "Set irsa_apiserver_kept_by to kubespray"),
        (_forbidden, 'nothing was touched: configmaps "kubeadm-config" is forbidden'),
        (_patched, f"cp3: {PATCH} gives kube-apiserver --service-account-issuer, too"),
        (_cut_off, "Upgrades and joins: the ConfigMap kube-system/kubeadm-config cannot be read"),
    ],
)
def test_what_would_fail_at_the_end_is_refused_at_the_beginning(
    make: t.Callable[[Cluster], None], says: str, tmp_path: Path
) -> None:
    hosts = cluster(tmp_path)
    make(hosts)
    code, output = hosts.play("main", VARIABLES)
    assert (code != 0, says in output, hosts.log()) == (True, True, []), output
    if says.startswith("no ConfigMap"):
        code, output = hosts.play("main", {**VARIABLES, "irsa_apiserver_kept_by": "none"})
        assert (code, len(hosts.log())) == (0, 12), output


@pytest.mark.slow
def test_a_teardown_of_what_is_not_there_asks_for_nothing_that_keeps_it(tmp_path: Path) -> None:
    hosts = cluster(tmp_path)
    hosts.store(None)
    code, output = hosts.play("teardown", VARIABLES)
    assert (code, hosts.log()) == (0, []), output


@pytest.mark.slow
def test_an_api_that_is_not_reached_is_told_with_link_cause_and_fix(tmp_path: Path) -> None:
    hosts = cluster(tmp_path)
    hosts.cut_off("slices")
    code, output = hosts.play("preflight", {**VARIABLES, "irsa_apiserver_kept_by": "none"})
    said = " ".join(output.split())
    assert code != 0
    assert "API-server flags: the cluster cannot be asked" in said
    assert "No route to host. The controller must reach https://10.0.0.1:6443" in said
    assert "name a kubeconfig that works on it in irsa_kubeconfig_path" in said


@pytest.mark.slow
@pytest.mark.parametrize(
    "before",
    [
        pytest.param(KUBESPRAY, id="as kubespray wrote it"),
        pytest.param(TOLD.replace("/pki", "/ssl"), id="told before", marks=pytest.mark.long),
    ],
)
def test_kubespray_gets_a_patch_on_what_it_writes_and_the_rest_goes(before: str, tmp_path: Path) -> None:
    hosts = cluster(tmp_path, **signing(NEW, OLD))
    hosts.store(before)
    own = tmp_path / "patches/kube-apiserver50onprem-irsa+json.yaml"
    own.parent.mkdir()
    own.write_text(ADDED)
    hosts.tell_of_kubeadm("cp2", patches={str(own): ADDED}, configuration=KUBESPRAY)
    file = tmp_path / "kubespray.yml"
    variables = {"irsa_apiserver_kept_by": "kubespray", "irsa_apiserver_kubespray_file": str(file)}
    arguments = {"irsa_apiserver_patches_directory": str(own.parent)}
    code, output = hosts.play("main", {**VARIABLES, **variables, **arguments})
    assert (code, hosts.stored(), own.exists()) == (0, KUBESPRAY, False), output
    (patch,) = yaml.safe_load(file.read_text())["kubeadm_patches"]
    assert [(operation["path"][-1], operation["value"]) for operation in patch["patch"]] == [
        ("1", f"--service-account-issuer={NEW}"),
        ("-", f"--service-account-jwks-uri={NEW}/openid/v1/jwks"),
    ]


@pytest.mark.slow
def test_with_kubespray_s_own_inventory_its_arguments_count(tmp_path: Path) -> None:
    hosts = cluster(tmp_path, **signing(NEW, OLD))
    hosts.store(KUBESPRAY)
    file = tmp_path / "kubespray.yml"
    variables = {"irsa_apiserver_kept_by": "kubespray", "irsa_apiserver_kubespray_file": str(file)}
    arguments = {"kube_kubeadm_apiserver_extra_args": {"service-account-issuer": NEW}}
    code, output = hosts.play("main", {**VARIABLES, **variables, **arguments})
    assert code == 0, output
    (patch,) = yaml.safe_load(file.read_text())["kubeadm_patches"]
    assert [operation["value"] for operation in patch["patch"]] == [
        f"--service-account-issuer={OLD}",
        f"--service-account-jwks-uri={NEW}/openid/v1/jwks",
    ]


@pytest.mark.slow
def test_an_older_kubeadm_on_one_host_gets_the_patch_on_all(tmp_path: Path) -> None:
    hosts = cluster(tmp_path, **signing(NEW, OLD))
    hosts.store(CONFIGURATION)
    hosts.tell_of_kubeadm("cp3", version="v1.34.3")
    directory = tmp_path / "patches"
    variables = {**VARIABLES, "irsa_apiserver_patches_directory": str(directory)}
    code, output = hosts.play("main", variables, check_mode=True)
    assert (code, directory.exists()) == (0, False), output
    code, output = hosts.play("main", variables)
    assert code == 0, output
    (written,) = directory.iterdir()
    assert [item["value"] for item in yaml.safe_load(written.read_text())] == [f"--service-account-issuer={NEW}"]
    assert "service-account-issuer" not in hosts.stored()
    assert {*NAMES} == {*hosts.hosts}


@pytest.mark.slow
@pytest.mark.parametrize("entry_point", ["keep", "keep_preflight"])
def test_in_the_middle_of_a_rollout_nothing_is_kept(entry_point: str, tmp_path: Path) -> None:
    """Which of two issuers that sign is meant to, the first host does not say."""
    servers = {name: observed(**signing(*([NEW, OLD] if name == "cp1" else [OLD, NEW]))) for name in NAMES}
    hosts = Cluster(tmp_path, servers)
    hosts.store(CONFIGURATION)
    code, output = hosts.play(entry_point, {**VARIABLES, "irsa_apiserver_kept_flags": {"feature-gates": ["A=true"]}})
    assert (code != 0, f"sign with {NEW}, {OLD}, {OLD}" in output, hosts.stored()) == (True, True, CONFIGURATION), (
        output
    )


@pytest.mark.slow
@pytest.mark.parametrize(("forbidden", "says"), [(True, "is forbidden"), (False, "")])
def test_whether_flags_of_another_role_can_be_kept_is_known_before_they_are_set(
    tmp_path: Path, says: str, *, forbidden: bool
) -> None:
    hosts = cluster(tmp_path, **signing(NEW, OLD))
    hosts.store(CONFIGURATION)
    if forbidden:
        hosts.forbid_writing()
    flags = {"irsa_apiserver_kept_flags": {"feature-gates": ["A=true"]}}
    code, output = hosts.play("keep_preflight", {**VARIABLES, **flags})
    assert (code != 0, says in output, hosts.stored()) == (forbidden, True, CONFIGURATION), output
