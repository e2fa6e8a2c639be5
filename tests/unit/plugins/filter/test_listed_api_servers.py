# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.onprem.irsa.plugins.filter.listed_api_servers import FilterModule

listed_api_servers = FilterModule().filters()["listed_api_servers"]


def test_the_results_of_a_loop() -> None:
    results = [{"item": f"cp{n}", "running_flags": {"advertise-address": [f"10.0.0.{n}"]}} for n in (1, 2)]
    slices = [{"endpoints": [{"addresses": ["10.0.0.2"]}, {"addresses": ["10.0.0.4"]}]}]
    assert listed_api_servers(results, slices) == ["cp2"]
    assert listed_api_servers(results, []) == []
