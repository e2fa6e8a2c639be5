# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The user of the scenario any_cluster writes what kubeadm's room shows, as Ansible prints it."""

from __future__ import annotations

import json
import subprocess
import sys
import typing as t
from pathlib import Path

from ansible_collections.onprem.irsa.plugins.module_utils._distributions.registry import room_named

SCRIPT: t.Final = Path(__file__).parents[4] / "extensions/molecule/shared/files/as_user.py"
NEW, OLD = "https://oidc.example.com", "https://kubernetes.default.svc.cluster.local"
URI: t.Final = f"{NEW}/openid/v1/jwks"
MANIFEST: t.Final = f"""\
spec:
  containers:
  - command:
    - kube-apiserver
    - --secure-port=6443
    - --service-account-issuer={OLD}
    - --v=2
    image: kube-apiserver
"""


def edited(jwks_uri: list[str], manifest: str, which: str, issuers: list[str]) -> list[str]:
    wanted = {"service-account-issuer": issuers, "service-account-jwks-uri": jwks_uri}
    lines = room_named("kubeadm").show(wanted, "v1.34.4").splitlines()
    given = {"shown": json.dumps({"msg": lines}, indent=4), "manifest": manifest}
    done = subprocess.run(  # noqa: S603 -- our own
        [sys.executable, str(SCRIPT), which], input=json.dumps(given), capture_output=True, text=True, check=True
    )
    return [line.strip("- ") for line in done.stdout.splitlines() if "- -" in line]


def test_both_passes_and_the_way_back() -> None:
    first = edited([URI], MANIFEST, "First pass", [NEW, OLD])
    assert first == [f"service-account-issuer={OLD}", f"service-account-issuer={NEW}", "secure-port=6443", "v=2"]
    second = edited([URI], MANIFEST, "Second pass", [NEW, OLD])
    signing = [f"service-account-issuer={NEW}", f"service-account-issuer={OLD}", f"service-account-jwks-uri={URI}"]
    assert second == [*signing, "secure-port=6443", "v=2"]
    with_uri = MANIFEST.replace("    - --v=2", f"    - --service-account-jwks-uri={URI}\n    - --v=2")
    back = edited([], with_uri, "Second pass", [OLD, NEW])
    assert back == [f"service-account-issuer={OLD}", f"service-account-issuer={NEW}", "secure-port=6443", "v=2"]
