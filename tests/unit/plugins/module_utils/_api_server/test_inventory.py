# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import itertools

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.inventory import ambiguity, control_planes

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
