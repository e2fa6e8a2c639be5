# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The doctor on real API servers, and on the lab's AWS, which fetches the documents and verifies: make api-server."""

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.tests.unit.extensions.lab.aws.conftest import lab, server

from .some_servers import OLD, servers
from .test_any_cluster import NEW, POLICY, Runs

if t.TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.onprem.irsa.tests.unit.extensions.lab.aws.conftest import Lab

__all__ = ["lab", "server"]  # fixtures

Json = dict[str, t.Any]


def test_a_healthy_cluster(tmp_path: Path, lab: Lab) -> None:
    (tmp_path / "cluster").mkdir()
    with servers(tmp_path / "cluster", 2, *POLICY) as cluster:
        cluster.restart_all([NEW, OLD], f"--service-account-jwks-uri={NEW}/openid/v1/jwks")
        runs = Runs(tmp_path, lab, cluster)
        code, output = runs.run("site")
        assert code == 0, output
        code, output = runs.run("doctor")
        assert code == 0, output
