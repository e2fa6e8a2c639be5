# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role irsa_migrate refuses before it looks at anything."""

from __future__ import annotations

import json
import typing as t

import pytest

from .cluster_of_files import Cluster

if t.TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

FIRST = "https://acme-prod-oidc.s3.eu-central-1.amazonaws.com"
GIVEN: dict[str, t.Any] = {
    "irsa_cluster": "prod",
    "irsa_issuer_url": f"{FIRST}/two",
    "irsa_region": "eu-central-1",
    "irsa_issuer_bucket": "acme-prod-oidc",
    "irsa_migrate_from": {"irsa_issuer_bucket": "acme-prod-oidc"},
    "irsa_migrate_phase": "status",
}


def test_variables_that_would_count_for_both_issuers(tmp_path: Path) -> None:
    """Documents of the one would be taken for those of the other, and removed."""
    hosts = Cluster(tmp_path, {"cp1": {}})
    extra = {"irsa_issuer_url": f"{FIRST}/three", "irsa_issuer_bucket": "acme-prod-oidc", "irsa_migrate_wait": "true"}
    code, output = hosts.run(hosts.prepare("irsa_migrate", "main"), GIVEN, "-e", json.dumps(extra))
    assert code == 2, output
    assert "irsa_issuer_url: given with --extra-vars, which win over" in output
    assert "TASK [onprem.irsa.irsa_migrate : Note what both" not in output
