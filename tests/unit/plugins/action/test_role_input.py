# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t
from unittest import mock

from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from ansible_collections.onprem.irsa.plugins.action.role_input import ActionModule

Result = dict[str, t.Any]
ISSUER = {"irsa_apiserver_issuer_url": "https://oidc.example.com/"}


def run(variables: Result, **arguments: object) -> Result:
    task = mock.Mock(args=arguments, async_val=0, check_mode=True)
    action = ActionModule(task, mock.Mock(), mock.Mock(), DataLoader(), Templar(DataLoader()), mock.Mock())
    result: Result = action.run(task_vars=variables)
    return result


def test_the_variables_of_the_task_count() -> None:
    variables = {"irsa_kubeconfig_path": trust_as_template("{{ mine }}"), "mine": "/none"}
    result = run(variables, role="irsa_kubeconfig", heading="Nothing was touched.")
    assert (result["failed"], result["changed"]) == (True, False)
    assert result["msg"].startswith("Nothing was touched.\nirsa_kubeconfig_path names the file /none, which does not")
    good = run({**variables, "mine": ""}, role="irsa_kubeconfig", heading="Nothing was touched.")
    assert (good["failed"], good["msg"]) == (False, "")


def test_what_goes_has_rules_of_its_own() -> None:
    assert run(ISSUER, role="irsa_apiserver", entry_point="teardown")["msg"].startswith("The issuer 'https://oidc")


def test_hosts_of_one_control_plane_have_to_agree() -> None:
    hostvars = {name: {"irsa_region": name, "inventory_hostname": name} for name in ("cp1", "cp2")}
    assert "irsa_region differs" in run({"hostvars": hostvars}, hosts=["cp1", "cp2"])["msg"]
    assert not run({"hostvars": hostvars}, hosts=["cp1"])["failed"]
