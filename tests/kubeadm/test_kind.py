# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the real kubeadm, the program that KUBEADM names, makes of what kind writes with our patches: make kubeadm."""

from __future__ import annotations

import typing as t

import pytest
import yaml

from ansible_collections.onprem.irsa.plugins.module_utils._distributions.kind_config import PATCH_NAME, kind_config
from ansible_collections.onprem.irsa.tests.kubeadm.test_configurations import kubeadm
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._distributions.kind_model import kubeadm_conf

if t.TYPE_CHECKING:
    from pathlib import Path

ISSUER = "https://oidc.example.com"


@pytest.mark.parametrize("kubernetes", [(1, 35), (1, 36)], ids=["v1beta3", "v1beta4"])
def test_the_issuer_signs_and_the_default_one_is_accepted(kubernetes: tuple[int, int], tmp_path: Path) -> None:
    made = kind_config("", ISSUER, "", str(tmp_path / "patch.yaml"))
    documents = kubeadm_conf(made.config, 0, (0, 33), kubernetes)[:2]
    documents[0]["kubernetesVersion"] = "v1.34.4"  # asked for on the internet otherwise
    documents[1]["localAPIEndpoint"] = {"advertiseAddress": "192.0.2.1"}
    documents[1]["patches"]["directory"] = str(tmp_path / "patches")  # as the node has it
    (tmp_path / "patches").mkdir()
    (tmp_path / "patches" / PATCH_NAME).write_text(made.patch)
    configuration = tmp_path / "kubeadm.conf"
    configuration.write_text(yaml.safe_dump_all(documents))
    phase = ["init", "phase", "control-plane", "apiserver", "--dry-run", f"--config={configuration}"]
    kubeadm(*phase, KUBEADM_INIT_DRYRUN_DIR=str(tmp_path))
    manifest = yaml.safe_load((tmp_path / "kube-apiserver.yaml").read_text())
    flags = [text.partition("=") for text in manifest["spec"]["containers"][0]["command"]]
    assert [value for name, _is, value in flags if name == "--service-account-issuer"] == list(made.issuers)
    assert [value for name, _is, value in flags if name == "--service-account-jwks-uri"] == [f"{ISSUER}/openid/v1/jwks"]
