# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action alone; C(tests/unit/playbooks) has what it says of variables in a run."""

from __future__ import annotations

import typing as t
from unittest import mock

from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from ansible_collections.onprem.irsa.plugins.action.playbook_input import ActionModule

Result = dict[str, t.Any]
GROUP = "irsa_control_plane_group"


class HostVars(dict[str, Result]):
    """Variables by their hosts, as Ansible gives them."""

    def raw_get(self, host: str) -> Result:
        return self[host]


def run(
    hosts: dict[str, Result], groups: dict[str, list[str]], own: Result | None = None, **arguments: object
) -> Result:
    task = mock.Mock(args=arguments, async_val=0, check_mode=True)
    task.get_play.return_value.get_vars.return_value = own or {}
    variables = {
        "hostvars": HostVars(hosts),
        "groups": {"all": [*hosts], **groups},
        "inventory_hostname": next(iter(hosts)),
        "ansible_play_hosts_all": [*hosts],
        **(own or {}),
    }
    action = ActionModule(task, mock.Mock(), mock.Mock(), DataLoader(), Templar(DataLoader()), mock.Mock())
    result: Result = action.run(task_vars=variables)
    return result


TWO: dict[str, Result] = {"a1": {GROUP: "a"}, "b1": {GROUP: "b"}}
GROUPS = {"a": ["a1"], "b": ["b1"], "kube_control_plane": ["k1"]}


def test_the_hosts_of_the_group_that_is_meant() -> None:
    assert run({"k1": {}, "w1": {}}, GROUPS)["hosts"] == ["k1"]
    assert run(TWO, GROUPS, group="b")["hosts"] == ["b1"]
    assert run({"a1": {}, "b1": {}}, GROUPS, {GROUP: "b"})["hosts"] == ["b1"]  # named by who imports the playbook
    assert "a by a1; b by b1" in run(TWO, GROUPS)["msg"]
    assert run({"w1": {}}, {})["msg"].startswith("The inventory has no host in the group kube_control_plane.")


def test_types_are_checked_where_rules_are_not() -> None:
    host: Result = {"irsa_kubeconfig_path": "/none", "irsa_webhook_mode": "webhok"}
    result = run({"k1": host}, GROUPS, arguments_of=["irsa_kubeconfig", "irsa_webhook"])
    assert result["msg"] == (
        "irsa_webhook_mode is 'webhok'. It must be one of webhook, policy, foreign, none. Did you mean webhook?"
    )
    assert "/none, which does not exist" in run({"k1": host}, GROUPS, roles=["irsa_kubeconfig"])["msg"]


def test_what_the_play_has_stands_above_what_the_host_has() -> None:
    host = {"irsa_kubeconfig_path": "/none"}
    assert run({"k1": host}, GROUPS, {"irsa_kubeconfig_path": ""}, roles=["irsa_kubeconfig"])["hosts"] == ["k1"]


def test_names_are_checked_wherever_they_stand() -> None:
    lines = run({"k1": {"irsa_rejion": "a"}}, GROUPS, {"isra_region": "a"})["msg"].splitlines()
    assert [line.partition(" is a variable that no role knows.")[2] for line in lines] == [
        " Did you mean irsa_region?"
    ] * 2


def test_the_controller_alone_is_enough_without_flags_to_set() -> None:
    own: Result = {"irsa_issuer_keys": "api", "irsa_kubeconfig_path": ""}
    found = run({"localhost": own}, {}, roles=["irsa_kubeconfig"])
    assert found["msg"].startswith("irsa_kubeconfig_path is not set, and there is no control-plane host")
    found = run({"localhost": {"irsa_issuer_keys": "{{ where }}", "where": "api"}}, {})
    assert (found["hosts"], found["is_controller"]) == (["localhost"], True)
    managed = run({"localhost": {"irsa_issuer_keys": "api", "irsa_apiserver_flags": "manage"}}, {})
    assert managed["msg"].startswith("The inventory has no host in the group kube_control_plane.")
    assert run({"localhost": own, "k1": {}}, {**GROUPS, "kube_control_plane": ["k1"]})["hosts"] == ["k1"]


def test_a_private_key_that_differs_between_hosts_is_not_shown() -> None:
    keys = {host: {"irsa_issuer_keys": [f"-----BEGIN PRIVATE KEY-----\n{host}secret"]} for host in ("k1", "k2")}
    found = run(dict(keys), {"kube_control_plane": ["k1", "k2"]})["msg"]
    assert "a private key, which is not shown for k1" in found
    assert "secret" not in found
