# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.filter.control_planes import FilterModule

control_planes = FilterModule().filters()["control_planes"]
GROUPS = {"kube_control_plane": ["k1"], "a": ["a1"]}


def hosts(**named: str | None) -> list[dict[str, t.Any]]:
    return [
        {"inventory_hostname": name, **({} if group is None else {"irsa_control_plane_group": group})}
        for name, group in named.items()
    ]


def test_the_group_that_the_hosts_mean() -> None:
    assert control_planes(hosts(a1="a", w1=None), GROUPS) == {"group": "a", "problem": ""}
    assert control_planes(hosts(a1=None, w1=""), {}) == {"group": "kube_control_plane", "problem": ""}
    assert control_planes(hosts(a1="a", k1=None), GROUPS, ["k1"]) == {"group": "kube_control_plane", "problem": ""}


def test_several_groups_are_a_problem_unless_one_is_chosen() -> None:
    both = hosts(a1="a", k1=None)
    assert "a by a1; kube_control_plane by k1" in control_planes(both, GROUPS)["problem"]
    assert control_planes(both, GROUPS, ["a1", "k1"], chosen="a") == {"group": "a", "problem": ""}
