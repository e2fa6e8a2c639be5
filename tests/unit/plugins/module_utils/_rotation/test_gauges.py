# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace

from ansible_collections.onprem.irsa.plugins.module_utils._rotation.gauges import LOOKED, MADE, PUBLISHED, SIGNS, gauges
from ansible_collections.onprem.irsa.plugins.module_utils._rotation.state import Publication
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._rotation.a_cluster import NOW, settled

A = "https://a"


def test_each_key_has_its_numbers() -> None:
    cluster = settled(2).written("cp1", signer="new", kids=("new", "old")).published(A, ("old", "new"))
    found = gauges(replace(cluster.observed(), made={"old": 7.9, "new": 8.0}))
    assert [(gauge["name"], gauge["labels"].get("kid"), gauge["value"]) for gauge in found] == [
        (LOOKED, None, int(NOW)),
        (MADE, "new", 8),
        (MADE, "old", 7),
        (SIGNS, "new", 1),  # by its files: after a restart
        (SIGNS, "old", 1),
        (PUBLISHED, "new", int(NOW)),
        (PUBLISHED, "old", int(NOW)),
    ]
    assert {gauge["labels"]["issuer"] for gauge in found if gauge["name"] == PUBLISHED} == {A}


def test_api_servers_that_publish_themselves_do_since_they_started() -> None:
    state = settled(1).observed()
    (server,) = state.servers
    served = Publication(A, ("old",), by_api_servers=True)
    found = gauges(replace(state, servers=(replace(server, since=5.0),), publications=(served,)))
    assert [gauge["value"] for gauge in found if gauge["name"] == PUBLISHED] == [5]
