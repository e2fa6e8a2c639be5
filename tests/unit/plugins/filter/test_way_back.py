# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import typing as t

from ansible_collections.onprem.irsa.plugins.filter.way_back import FilterModule
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._api_server.test_way_back import OWN, manifest
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._flags.test_static_pod_flags import NEW, OLD

way_back = FilterModule().filters()["way_back"]


def test_the_results_of_loops() -> None:
    flags = {"service-account-issuer": [NEW, OLD]}
    results: list[dict[str, t.Any]] = [{"item": "cp1", "running_flags": flags, "kids": [], "signing_key": None}]
    content = base64.b64encode(manifest(OLD, uri=OWN).encode()).decode()
    kept = [{"item": [{"item": "cp1"}, {"path": "/var/lib/x/kube-apiserver.yaml.2"}], "content": content}]
    assert way_back(results, NEW, kept=kept) == {"issuer": OLD, "jwks_uri": OWN, "problem": "", "notes": []}
    assert way_back(results, NEW)["jwks_uri"] == ""
