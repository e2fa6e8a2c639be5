# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run shows of flags to set by hand: copied from the output of ansible-playbook, and pasted as it is."""

from __future__ import annotations

import json
import os
import re
import subprocess
import typing as t
from pathlib import Path

import pytest
import yaml

from ansible_collections.onprem.irsa.plugins.module_utils._api_server import answers
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.asking import ask
from ansible_collections.onprem.irsa.plugins.module_utils._distributions import k0s, k3s, microk8s, systemd, talos
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.registry import ROOMS
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.room import (
    ISSUER,
    JWKS_URI,
    Flags,
    Room,
    Seen,
    UnitFile,
    flags_in,
)
from ansible_collections.onprem.irsa.plugins.module_utils._flags.arguments import flags_of

from ..plugins.module_utils._api_server.some_answers import NEW, OLD, Client, One, cluster, sign

ROOT = Path(__file__).parents[3]
WANTED = {ISSUER: [NEW, OLD], JWKS_URI: [f"{NEW}/openid/v1/jwks"]}
CASES = {**{room.name: "" for room in ROOMS}, "Rancher": "", "Talos 1.14": "v1.14.1"}
ENDPOINT = "version: v1alpha1\ncluster:\n  controlPlane:\n    endpoint: https://cp.example.com:6443\n"


def answers_of(*servers: One, distribution: str, version: str = "v1.34.4", talos_version: str = "") -> dict[str, t.Any]:
    """Return what the module api_servers_info returns of API servers that are asked at their own addresses."""
    found = cluster(*servers)
    told = {"distribution": distribution, "version": version, "talos_version": talos_version}
    return {**answers.as_result(ask(Client(found), [*found], [NEW], sign)), **told}


def variables(name: str) -> dict[str, t.Any]:
    """Return those of a host that stands for a cluster of its own, whose API servers are ready for the second pass."""
    ready, talos_version = One([OLD, NEW]), CASES[name] or "v1.13.2"
    found = answers_of(ready, ready, distribution=name.partition(" ")[0], talos_version=talos_version)
    return {"irsa_apiserver_answers": found}


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the standard output of a run of the role for each distribution."""
    folder = tmp_path_factory.mktemp("shown")
    hosts = {name.replace(" ", "-"): variables(name) for name in CASES}
    given = {
        "ansible_connection": "local",
        "irsa_apiserver_flags": "show",
        "irsa_apiserver_issuer_url": NEW,
        "__irsa_apiserver_must_be_published": False,
    }
    role = {"ansible.builtin.include_role": {"name": "onprem.irsa.irsa_apiserver", "tasks_from": "show"}}
    block = {"block": [role], "rescue": [{"ansible.builtin.debug": {"msg": "ended"}}]}
    play = [{"hosts": "all", "gather_facts": False, "tasks": [block]}]
    (folder / "inventory.json").write_text(json.dumps({"all": {"hosts": hosts, "vars": given}}))
    (folder / "play.json").write_text(json.dumps(play))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    done = subprocess.run(  # noqa: S603 -- our own
        ["ansible-playbook", "-i", str(folder / "inventory.json"), "-f", "4", str(folder / "play.json")],  # noqa: S607 -- of the environment
        env={**environment, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def blocks(text: str) -> list[str]:
    """Return what is there to copy, with its indent and its line breaks."""
    return re.findall(r"(?:^    .*\n)+", text, re.MULTILINE)


def of_room(output: str, room: Room) -> list[list[str]]:
    """Return what is there to copy in each text of a room, which has the second pass alone."""
    about = room.show(WANTED, "v1.34.4").partition("First pass")[0]
    texts = output.split(f"\n{about}Second pass")[1:]
    return [blocks(text.partition("\nThe second pass is done when")[0]) for text in texts]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["kubeadm", "kubespray", "kind", "minikube"])
def test_lines_of_a_static_pod(output: str, name: str) -> None:
    [room] = [room for room in ROOMS if room.name == name]
    # The text of kubeadm and that of kubespray begin in the same way.
    found = [each for each in of_room(output, room) if ("kubeadm_patches" in each[2]) is (name == "kubespray")]
    [(lines, _ready, keeps)] = found
    head = "spec:\n  containers:\n  - name: kube-apiserver\n    command:\n    - kube-apiserver\n"
    pod = yaml.safe_load(f"{head}{lines}    - --v=2\n")
    assert flags_of(pod["spec"]["containers"][0]["command"][1:]) == {**WANTED, "v": ["2"]}
    if name == "kubeadm":
        entries = yaml.safe_load(keeps)["apiServer"]["extraArgs"]
        assert [(entry["name"], entry["value"]) for entry in entries] == [
            (flag, value) for flag, values in WANTED.items() for value in values
        ]
    if name == "kubespray":
        [patch] = yaml.safe_load(keeps)["kubeadm_patches"]
        assert f"--{ISSUER}={NEW}" in [operation["value"] for operation in patch["patch"]]
    if name == "minikube":
        script = f'minikube() {{ printf "%s\\n" "$@"; }}\n{keeps}'
        done = subprocess.run(["/bin/sh", "-euc", script], capture_output=True, text=True, check=True)  # noqa: S603 -- ours
        assert done.stdout.splitlines()[:2] == ["start", f"--extra-config=apiserver.{ISSUER}={NEW}"]


def unit(command: str) -> tuple[UnitFile, ...]:
    return (UnitFile("/etc/systemd/system/x.service", f"[Service]\nExecStart={command}\n"),)


def in_files(room: Room, pasted: list[str]) -> Flags:
    """Return the flags of a host into whose files the first block was pasted."""
    if isinstance(room, k3s.K3s):
        file = f"/etc/rancher/{room.program}/config.yaml.d/{k3s.DROP_IN}"
        return flags_in(room.settings(Seen({file: pasted[0]}, units={room.unit: unit(f"/bin/{room.program} server")})))
    if room is systemd.SYSTEMD:
        command = f"/usr/local/bin/kube-apiserver \\\n{pasted[0]}    --v=2"
        return flags_in(room.settings(Seen(units={systemd.UNIT: unit(command)})))
    file = {"k0s": k0s.FILE, "MicroK8s": microk8s.ARGS}[room.name]
    return flags_in(room.settings(Seen({file: pasted[0]})))


@pytest.mark.slow
@pytest.mark.parametrize(
    "room", [k3s.K3S, k3s.RKE2, k0s.K0S, microk8s.MICROK8S, systemd.SYSTEMD], ids=lambda room: room.name
)
def test_what_belongs_to_a_file(output: str, room: Room) -> None:
    [pasted] = of_room(output, room)
    assert in_files(room, pasted).items() >= WANTED.items()


@pytest.mark.slow
def test_talos(output: str) -> None:
    """By its own version: with Kubernetes 1.34 it is no Talos 1.34."""
    room = talos.TALOS
    lists, both = sorted(of_room(output, room), key=len)
    assert (len(lists), len(both)) == (2, 5)
    for patch in (lists[0], both[3]):
        extra = yaml.safe_load(patch)["cluster"]["apiServer"]["extraArgs"]
        assert extra == {ISSUER: [NEW, OLD], JWKS_URI: WANTED[JWKS_URI][0]}
    config = f"{ENDPOINT}---\n{both[0]}---\n{both[1]}"
    assert flags_in(room.settings(Seen({talos.FILE: config}, version="v1.14.1"))).items() >= WANTED.items()


@pytest.mark.slow
def test_a_distribution_whose_files_are_not_known(output: str) -> None:
    text = output.partition("\nPut the flags where Rancher keeps those of kube-apiserver")[2]
    assert flags_of(blocks(text)[0].split()) == WANTED


@pytest.mark.slow
def test_nothing_of_it_is_json(output: str) -> None:
    assert '\\"' not in output
    assert "\\\\" not in output
