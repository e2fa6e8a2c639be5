# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

from ansible.errors import AnsibleUndefinedVariable

from ansible_collections.onprem.irsa.plugins.filter.differing_variables import FilterModule

differing_variables = FilterModule().filters()["differing_variables"]


class Lazy(dict[str, t.Any]):
    """Variables of which one is a template of another that is not there."""

    def __getitem__(self, name: str) -> object:
        if name == "irsa_issuer_url":
            raise AnsibleUndefinedVariable("'domain' is undefined")
        return super().__getitem__(name)


def test_what_the_roles_take_differs_and_what_they_set_or_is_the_users_may() -> None:
    hosts = [
        {"inventory_hostname": "cp1", "irsa_region": "eu-west-1", "irsa_iam_report": [1], "irsa_mine": 1},
        {"inventory_hostname": "cp2", "irsa_region": "eu-west-2", "irsa_own": 2},
    ]
    (line,) = differing_variables(hosts)
    assert line.startswith("irsa_region differs between hosts of one control plane")
    assert differing_variables(hosts[:1]) == []


def test_a_template_without_a_value_is_judged_where_it_is_used() -> None:
    hosts = [Lazy(inventory_hostname=name, irsa_issuer_url="{{ domain }}") for name in ("cp1", "cp2")]
    assert differing_variables(hosts) == []
