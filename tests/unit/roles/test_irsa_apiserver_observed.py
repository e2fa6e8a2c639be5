# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control plane is looked at on all hosts at once, once for a run, and never by what was seen before a change."""

from __future__ import annotations

import json
import typing as t

import pytest

from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._api_server.test_observation import observed

from .test_irsa_apiserver import NAMES, VARIABLES, cluster
from .test_irsa_apiserver_kept import CONFIGURATION

if t.TYPE_CHECKING:
    from pathlib import Path

    from .cluster_of_files import Cluster

Json = dict[str, t.Any]


def entry(tasks_from: str, **variables: object) -> Json:
    role = {"name": "onprem.irsa.irsa_apiserver", "tasks_from": tasks_from}
    return {"ansible.builtin.include_role": role, "vars": variables}


def first(*tasks: Json) -> Json:
    return {"block": list(tasks), "when": "inventory_hostname == ansible_play_hosts_all | first"}


def played(hosts: Cluster, *plays: Json) -> tuple[int, str]:
    playbook = hosts.directory / "plays.json"
    playbook.write_text(json.dumps([{"hosts": "all", "gather_facts": False, **play} for play in plays]))
    return hosts.run(str(playbook), VARIABLES)


def drifting(hosts: Cluster, name: str) -> Json:
    """Return a task after which a host's process does not run with what its manifest says."""
    content = json.dumps(observed(running_flags={"v": ["9"]}))
    copy = {"content": f"{{% raw %}}{content}{{% endraw %}}", "dest": str(hosts.directory / name)}
    return {"ansible.builtin.copy": copy, "run_once": True, "delegate_to": "localhost"}


@pytest.mark.slow
def test_links_of_one_run_share_what_was_seen(tmp_path: Path) -> None:
    hosts = cluster(tmp_path)
    code, output = played(hosts, {"tasks": [entry("observe"), first(entry("check"), entry("check"))]})
    assert (code, sorted(hosts.looks())) == (0, NAMES), output


@pytest.mark.slow
def test_hosts_that_are_not_in_the_play_are_looked_at_too(tmp_path: Path) -> None:
    hosts = cluster(tmp_path)
    show = {
        "ansible.builtin.debug": {"msg": "{{ irsa_apiserver_observed | dict2items | map(attribute='value.host') }}"}
    }
    code, output = played(hosts, {"hosts": "cp1", "tasks": [entry("observe"), show]})
    assert (code, sorted(hosts.looks())) == (0, NAMES), output
    assert all(f'"{name}"' in output for name in NAMES)


@pytest.mark.slow
@pytest.mark.parametrize(
    "play",
    [
        pytest.param({}, marks=pytest.mark.long),
        {"serial": 1},
        pytest.param({"strategy": "free"}, marks=pytest.mark.long),
    ],
    ids=str,
)
def test_what_was_seen_before_is_not_taken_for_what_is_there(tmp_path: Path, play: Json) -> None:
    """In batches, the hosts after the first have looked at themselves in a play before, and not yet in this one."""
    hosts = cluster(tmp_path)
    again = {**play, "tasks": [entry("preflight")]}
    code, output = played(hosts, {"tasks": [entry("observe"), drifting(hosts, "cp3")]}, again)
    assert (code != 0, "cp3: kube-apiserver does not run with what" in output) == (True, True), output


@pytest.mark.slow
def test_after_the_roll_the_links_see_what_came_out(tmp_path: Path) -> None:
    hosts = cluster(tmp_path)
    issuers = "item.value.running_flags['service-account-issuer'] | length == 2"
    check = {"ansible.builtin.assert": {"that": issuers}, "loop": "{{ irsa_apiserver_observed | dict2items }}"}
    code, output = played(hosts, {"tasks": [entry("main"), first(check)]})
    assert (code, len(hosts.log())) == (0, 12), output


@pytest.mark.slow
@pytest.mark.parametrize("entry_point", ["check", "cluster"])
def test_another_role_s_look_without_kubeadm_is_not_taken_for_a_full_one(tmp_path: Path, entry_point: str) -> None:
    """In check mode no restart comes before the flags are stored, after which the hosts are looked at again."""
    hosts = cluster(tmp_path)
    hosts.store(CONFIGURATION)
    without = entry("look", irsa_apiserver_kept_by="none")
    tasks = [without, entry("check")] if entry_point == "check" else [entry("check"), without, entry("cluster")]
    hosts.tell_of_kubeadm("cp3", version="v1.34.3")
    variables = {**VARIABLES, "irsa_apiserver_kept_by": "kubeadm", "irsa_apiserver_patches_directory": str(tmp_path)}
    play = {"hosts": "all", "gather_facts": False, "check_mode": True, "tasks": [first(*tasks)]}
    playbook = tmp_path / "plays.json"
    playbook.write_text(json.dumps([play]))
    code, output = hosts.run(str(playbook), variables)
    assert (code, "cannot hold" in output) == (0, entry_point == "cluster"), output
