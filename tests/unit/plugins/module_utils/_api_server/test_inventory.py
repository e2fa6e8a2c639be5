# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import itertools

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.inventory import (
    ambiguity,
    control_plane,
    control_planes,
    needs_hosts,
)

TWO = {"a1": "a", "a2": "a", "b1": "b", "bastion": ""}


@pytest.mark.parametrize(
    ("named", "default_members", "in_play", "groups"),
    [
        pytest.param({"cp1": "", "w1": ""}, ["cp1"], [], ["kube_control_plane"], id="nobody names one"),
        pytest.param({}, [], [], ["kube_control_plane"], id="no host"),
        pytest.param({"cp1": "masters", "w1": ""}, [], [], ["masters"], id="some name one"),
        pytest.param(
            {"cp1": "masters", "w1": ""}, ["w1"], [], ["kube_control_plane", "masters"], id="the default, too"
        ),
        pytest.param({"cp1": "masters"}, ["cp1"], [], ["masters"], id="a named one stands above the default"),
        pytest.param(TWO, [], [], ["a", "b"], id="two"),
        pytest.param(TWO, [], list(TWO), ["a", "b"], id="two, and all hosts in the play"),
        pytest.param(TWO, [], ["b1"], ["b"], id="the limit decides"),
        pytest.param(TWO, [], ["a2", "b1"], ["a", "b"], id="a limit to both"),
        pytest.param(TWO, [], ["bastion", "localhost"], ["a", "b"], id="a limit that means none"),
    ],
)
def test_which_control_planes_are_meant(
    named: dict[str, str], default_members: list[str], in_play: list[str], groups: list[str]
) -> None:
    for order in itertools.permutations(named.items()):  # Ansible gives hosts in any
        found = control_planes(dict(order), default_members, in_play)
        assert list(found) == groups
        assert bool(ambiguity(found)) == (len(groups) > 1)


def test_the_words_name_each_group_by_its_hosts() -> None:
    found = control_planes({f"b{number}": "b" for number in range(5)} | {"a1": "a"}, [])
    assert "irsa_control_plane_group: a by a1; b by b0, b1, b2 and 2 more." in ambiguity(found)
    assert "Choose one with -e irsa_control_plane_group=a, or " in ambiguity(found)


def test_the_control_plane_of_a_run() -> None:
    groups = {"kube_control_plane": ["k2", "k1"], "a": ["a1"]}
    found = control_plane({"k1": "", "k2": "", "w1": ""}, groups, ["k1", "k2", "w1"])
    assert (found.group, found.hosts, found.problem) == ("kube_control_plane", ["k2", "k1"], "")
    assert control_plane({"a1": "a", "k1": ""}, groups, ["a1", "k1"], chosen="a").hosts == ["a1"]
    assert "a by a1; kube_control_plane by k1" in control_plane({"a1": "a", "k1": ""}, groups, ["a1", "k1"]).problem


def test_a_control_plane_that_is_not_there_or_not_all_there() -> None:
    assert control_plane({}, {}, []).problem.splitlines() == [
        "The inventory has no host in the group kube_control_plane. Name the control-plane hosts in it, as in",
        "kube_control_plane: {hosts: {cp1.example.com: , cp2.example.com: , cp3.example.com: }}",
        "or name your own group in irsa_control_plane_group. Where nobody can log in to them, set irsa_issuer_keys to "
        "api, irsa_apiserver_flags to show, and irsa_kubeconfig_path.",
    ]
    groups = {"kube_control_plane": ["k2", "k1", "k3"]}
    named = {"k1": "", "k2": "", "k3": ""}
    assert control_plane(named, groups, ["k2"]).problem.startswith("k1, k3 of the control plane are not in this play.")
    assert control_plane(named, groups, ["k1", "k2"]).problem.startswith("k3 of the control plane is not in this play.")


def test_the_controller_alone_where_no_host_is_needed() -> None:
    found = control_plane({"localhost": ""}, {}, ["localhost"], without_hosts=True)
    assert (found.hosts, found.problem, found.is_controller) == (["localhost"], "", True)
    there = control_plane({"k1": ""}, {"kube_control_plane": ["k1"]}, ["k1", "localhost"], without_hosts=True)
    assert (there.hosts, there.is_controller) == (["k1"], False)
    assert control_plane({"w1": ""}, {}, ["w1"], without_hosts=True).problem  # --limit has left the controller out


@pytest.mark.parametrize(
    ("keys", "flags", "needed"),
    [
        (None, None, True),
        ("hosts", "show", True),
        ("api", "manage", True),
        ("api", None, False),
        ("api", "show", False),
        (["PEM"], "show", False),
    ],
)
def test_which_runs_need_hosts(keys: object, flags: object, *, needed: bool) -> None:
    assert needs_hosts(keys, flags) is needed
