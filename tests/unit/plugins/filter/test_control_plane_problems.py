# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.onprem.irsa.plugins.filter.control_plane_problems import FilterModule
from ansible_collections.onprem.irsa.plugins.filter.control_plane_warnings import FilterModule as Warnings
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._api_server.test_observation import seen


def test_the_results_of_a_loop_are_judged_by_their_hosts() -> None:
    control_plane_problems = FilterModule().filters()["control_plane_problems"]
    healthy, late = {"item": "cp1", **seen()}, {"item": "cp2", **seen(clock=2000.0)}
    assert control_plane_problems([healthy]) == []
    [problem] = control_plane_problems([healthy, late])
    assert problem.startswith("cp2: its clock is +1000 s off")


def test_what_is_odd_is_told_of_its_host() -> None:
    control_plane_warnings = Warnings().filters()["control_plane_warnings"]
    assert control_plane_warnings([{"item": "cp1", **seen()}]) == []
    [warning] = control_plane_warnings([{"item": "cp2", **seen(stale_key_files=["/sa.pub"])}])
    assert warning.startswith("cp2: /sa.pub was written, or got another owner or mode, after kube-apiserver started")
