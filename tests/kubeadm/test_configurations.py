# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the real kubeadm, the program that KUBEADM names, makes of configurations that were changed: make kubeadm."""

from __future__ import annotations

import json
import os
import subprocess
import typing as t

import pytest
import yaml

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.cluster_configuration import parse
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.kubeadm import Kept, kept, patched
from ansible_collections.onprem.irsa.plugins.module_utils._flags.arguments import flags_of

if t.TYPE_CHECKING:
    from pathlib import Path

NEW, OLD = "https://oidc.example.com/c1", "https://kubernetes.default.svc.cluster.local"
WANTED = {"service-account-issuer": [NEW, OLD], "service-account-jwks-uri": [f"{NEW}/openid/v1/jwks"]}
HEAD = "kind: ClusterConfiguration\nkubernetesVersion: v1.34.4\n"
LIST, MAP = (f"apiVersion: kubeadm.k8s.io/{version}\n{HEAD}" for version in ("v1beta4", "v1beta3"))
# With an address, for which the machine's would be taken otherwise.
INIT = """\
apiVersion: {version}
kind: InitConfiguration
localAPIEndpoint: {{advertiseAddress: 192.0.2.1}}
patches: {{directory: {patches}}}
---
"""
ODD_LIST = """\
# a comment
clusterName: "12e4"   # in quotes, or it is a number
apiServer:
    certSANs: ['a.example.com']
    extraArgs:
        - value: "1h0m0s"
          name: event-ttl
        - {name: feature-gates, value: }
        - name: audit-log-path
          value: ~
        - name: service-account-issuer   # one of the guides'
          value: |-
            https://another.example.com
        - name: max-requests-inflight
          value: >-
            400
networking: {dnsDomain: cluster.local}
"""
ODD_MAP = """\
clusterName: '0123'
apiServer:
  extraArgs:
    feature-gates:
    "event-ttl": '1h0m0s'
    audit-log-path: null # none
  certSANs:
  - "on"
"""
CONFIGURATIONS = {
    "bare": LIST,
    "empty": f"{LIST}apiServer: {{}}\n",
    "null": f"{LIST}apiServer:\n  extraArgs:\n",
    "odd": LIST + ODD_LIST,
    "with carriage returns": (LIST + ODD_LIST).replace("\n", "\r\n"),
    "without a last line end": (LIST + ODD_LIST).rstrip("\n"),
    "in one line": f"{LIST}apiServer: {{extraArgs: [{{name: event-ttl, value: 1h0m0s}}, {{name: v, value: '4'}}]}}\n",
    "with tabs": f"{LIST}clusterName:\ta\t# b\napiServer:\n  extraArgs:\n  - name: v\t# c\n    value: '4'\t\n",
    "below their dash": f"{LIST}apiServer:\n  extraArgs:\n  -\n    name: v\n    value: '4'\n",
    "JSON with tabs": json.dumps(yaml.safe_load(LIST), indent="\t"),
    "JSON": json.dumps(yaml.safe_load(LIST)),
    "a map": MAP + ODD_MAP,
    "a bare map": MAP,
    "a map in one line": f"{MAP}apiServer: {{extraArgs: {{event-ttl: 1h0m0s, feature-gates: }}}}\n",
}


def kubeadm(*arguments: str, **variables: str) -> None:
    command = [os.environ["KUBEADM"], *arguments]
    done = subprocess.run(  # noqa: S603 -- the lab's
        command, env={**os.environ, **variables}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def written(directory: Path, outcome: Kept) -> dict[str, list[str]]:
    """Return the flags that kubeadm gives the API server."""
    configuration, patches, out = directory / "configuration.yaml", directory / "patches", directory / "out"
    with configuration.open("w", newline="") as file:
        file.write(
            INIT.format(version=parse(outcome.configuration).api_version, patches=patches) + outcome.configuration
        )
    patches.mkdir(exist_ok=True)
    (patches / "kube-apiserver50onprem-irsa+json.yaml").write_text(yaml.safe_dump(list(outcome.patch)))
    out.mkdir(exist_ok=True)
    kubeadm("config", "validate", f"--config={configuration}")
    phase = [
        "init",
        "phase",
        "control-plane",
        "apiserver",
        "--dry-run",
        f"--config={configuration}",
    ]
    kubeadm(*phase, KUBEADM_INIT_DRYRUN_DIR=str(out))
    manifest = yaml.safe_load((out / "kube-apiserver.yaml").read_text())
    return flags_of(manifest["spec"]["containers"][0]["command"][1:])


@pytest.mark.parametrize("text", CONFIGURATIONS.values(), ids=CONFIGURATIONS.keys())
@pytest.mark.parametrize("versions", [["v1.34.4"], ["v1.34.4", "v1.34.3"]], ids=["in the list", "with a patch"])
def test_kubeadm_writes_the_flags_and_all_others_as_before(text: str, versions: list[str], tmp_path: Path) -> None:
    before = written(tmp_path, Kept(text, ()))
    after = written(tmp_path, kept(parse(text), WANTED, versions))
    assert {name: after[name] for name in WANTED} == WANTED
    assert {name: values for name, values in after.items() if name not in WANTED} == {
        name: values for name, values in before.items() if name not in WANTED
    }


@pytest.mark.parametrize("text", CONFIGURATIONS.values(), ids=CONFIGURATIONS.keys())
def test_with_what_kubespray_writes_the_patch_gives_the_same(text: str, tmp_path: Path) -> None:
    others = {**parse(text).extra_args}
    others.pop("service-account-issuer", None)
    stored = parse(parse(text).with_extra_args({"service-account-issuer": []}))
    after = written(tmp_path, patched(stored, WANTED, others))
    assert {name: after[name] for name in WANTED} == WANTED
