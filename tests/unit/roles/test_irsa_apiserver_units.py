# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role on hosts whose API server is a systemd unit."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._api_server.test_service import (
    NEW,
    OLD,
    UNIT,
    host,
)
from ansible_collections.onprem.irsa.tests.unit.roles.cluster_of_files import Cluster

if t.TYPE_CHECKING:
    from pathlib import Path

NAMES = ["cp1", "cp2", "cp3"]
VARIABLES = {"irsa_apiserver_issuer_url": NEW, "irsa_apiserver_pause": 0}


@pytest.mark.slow
def test_units_are_rolled_in_the_same_steps_and_nothing_is_asked_of_kubeadm(tmp_path: Path) -> None:
    hosts = Cluster(tmp_path, {name: host() for name in NAMES})
    hosts.cut_off("kubeadm")
    code, output = hosts.play("main", VARIABLES)
    assert code == 0, output
    assert [name for what, name in hosts.log() if what == "end"] == [*NAMES, *NAMES]  # all accept, then all sign
    assert hosts.issuers() == {name: [NEW, OLD] for name in NAMES}
    code, output = hosts.play("main", VARIABLES)
    assert code == 0, output
    assert len(hosts.log()) == 2 * 6, "a second run restarts nothing"


@pytest.mark.slow
@pytest.mark.parametrize("entry_point", ["keep", "keep_preflight"])
def test_what_another_role_sets_needs_no_keeper(tmp_path: Path, entry_point: str) -> None:
    hosts = Cluster(tmp_path, {name: host() for name in NAMES})
    hosts.cut_off("kubeadm")
    show = {"post_tasks": [{"ansible.builtin.debug": {"var": "irsa_apiserver_kept_report"}}]}
    code, output = hosts.play(entry_point, {**VARIABLES, "irsa_apiserver_kept_flags": {"v": ["2"]}}, **show)
    assert code == 0, output
    assert hosts.log() == []
    assert entry_point != "keep" or f"in {UNIT} on cp1, cp2, cp3" in output
