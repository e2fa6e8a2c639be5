# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The user of the scenario render writes what the file for review says, and leaves a run nothing to keep."""

from __future__ import annotations

import json
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
import yaml

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.by_hand import both_passes
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.kubeadm_sources import Sources, keeping
from ansible_collections.onprem.irsa.tests.unit.extensions.molecule.test_as_user import MANIFEST, NEW, OLD, URI

MOLECULE: t.Final = Path(__file__).parents[4] / "extensions/molecule"
TEXT: t.Final = "\n".join(both_passes(NEW, [[OLD]], jwks_uri=URI, distribution="kubeadm", version="v1.34.4"))
FLAGS: t.Final = {"service-account-issuer": [NEW, OLD], "service-account-jwks-uri": [URI]}
# As kubeadm init stores it, with something of the user's or without.
SERVER: t.Final = """\
apiServer:
  extraArgs:
  - name: service-account-issuer
    value: https://kubernetes.default.svc.cluster.local
  - name: v
    value: "2"
"""
CONFIGURATION: t.Final = f"""\
{SERVER}apiVersion: kubeadm.k8s.io/v1beta4
certificatesDir: /etc/kubernetes/pki
kind: ClusterConfiguration
kubernetesVersion: v1.34.4
"""


def run(script: str, *arguments: str, **given: str) -> str:
    command = [sys.executable, str(MOLECULE / script), *arguments]
    done = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True, check=False)  # noqa: S603 -- our own
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_each_pass_is_written_into_the_manifest() -> None:
    manifest = MANIFEST
    for which, issuers in (("First pass", [OLD, NEW]), ("Second pass", [NEW, OLD])):
        manifest = run("shared/files/as_user.py", which, shown=TEXT, manifest=manifest)
        flags = [line.strip("- ") for line in manifest.splitlines() if "- --service-account-issuer" in line]
        assert flags == [f"service-account-issuer={issuer}" for issuer in issuers]
    assert f"- --service-account-jwks-uri={URI}" in manifest


def kept(configuration: str) -> str:
    host: dict[str, t.Any] = {"version": "v1.34.4", "configuration": None, "patches": {}, "obstacle": ""}
    return keeping(Sources(configuration, {"cp1": host}, "/p", None), FLAGS, ["v1.34.4"], "kubeadm").configuration


@pytest.mark.parametrize("configuration", [CONFIGURATION, CONFIGURATION.replace(SERVER, "apiServer: {}\n")])
def test_the_entries_are_those_that_a_run_keeps(configuration: str) -> None:
    entered = run("render/files/kubeadm_entries.py", shown=TEXT, configuration=configuration)
    assert kept(configuration) != configuration
    assert kept(entered) == entered
    whole = yaml.safe_load(entered)
    assert whole["kubernetesVersion"] == "v1.34.4"
    assert [entry["value"] for entry in whole["apiServer"]["extraArgs"]][-3:] == [NEW, OLD, URI]
