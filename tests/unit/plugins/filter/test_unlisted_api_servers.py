# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.onprem.irsa.plugins.filter.unlisted_api_servers import FilterModule

unlisted_api_servers = FilterModule().filters()["unlisted_api_servers"]


def test_the_results_of_a_loop() -> None:
    results = [{"item": "cp1", "running_flags": {"advertise-address": ["10.0.0.1"]}}]
    slices = [{"endpoints": [{"addresses": ["10.0.0.1"]}, {"addresses": ["10.0.0.4"]}]}]
    assert unlisted_api_servers(results, slices) == ["10.0.0.4"]
    assert unlisted_api_servers(results, slices[:0]) == []
