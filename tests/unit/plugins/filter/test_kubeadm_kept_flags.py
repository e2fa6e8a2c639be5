# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import subprocess
import typing as t

import pytest
import yaml
from ansible.errors import AnsibleFilterError

from ansible_collections.onprem.irsa.plugins.filter.kubeadm_kept_flags import FilterModule

kept_flags = FilterModule().filters()["kubeadm_kept_flags"]
DEFAULT = "https://kubernetes.default.svc.cluster.local"
CONFIGURATION = "apiServer: {}\napiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n"


def observed(version: str, *issuers: str) -> list[dict[str, t.Any]]:
    flags = {"service-account-issuer": list(issuers)}
    return [
        {"item": host, "kids": [], "signing_key": None, "running_flags": flags, "version": version}
        for host in ("cp1", "cp2")
    ]


def test_before_the_rollout_the_configuration_is_that_of_its_end() -> None:
    before = kept_flags(observed("v1.34.4", DEFAULT), "https://new", configuration=CONFIGURATION)
    after = kept_flags(observed("v1.34.4", "https://new", DEFAULT), "https://new", configuration=CONFIGURATION)
    assert before == after
    assert yaml.safe_load(before["configuration"])["apiServer"]["extraArgs"] == [
        {"name": "service-account-issuer", "value": "https://new"},
        {"name": "service-account-issuer", "value": DEFAULT},
    ]


def test_a_configuration_that_says_so_already_stays_to_the_byte() -> None:
    done = kept_flags(observed("v1.34.4", DEFAULT), "https://new", configuration=CONFIGURATION)
    text = "# a comment\n" + done["configuration"]
    assert kept_flags(observed("v1.34.4", DEFAULT), "https://new", configuration=text)["configuration"] == text


def test_releases_that_would_let_another_issuer_sign_are_named() -> None:
    done = kept_flags(observed("v1.34.4", DEFAULT), "https://new", configuration=CONFIGURATION)
    assert done["avoid"] == "1.35.0 to 1.35.3"


def test_for_kubespray_a_patch_does_it_all() -> None:
    done = kept_flags(observed("v1.34.4", DEFAULT), "https://new", configuration=CONFIGURATION, by_patch=True)
    assert done["configuration"] == CONFIGURATION
    assert [operation["value"] for operation in done["patch"]] == ["--service-account-issuer=https://new"]


def test_in_a_template() -> None:
    """Ansible hands filters strings of its own kind, which PyYAML does not write."""
    variables = {"observed": observed("v1.34.4", DEFAULT), "text": CONFIGURATION}
    message = "msg={{ observed | onprem.irsa.kubeadm_kept_flags('https://new', configuration=text) }}"
    command = ["ansible", "localhost", "-e", json.dumps(variables), "-m", "ansible.builtin.debug", "-a", message]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 -- this environment's
    assert done.returncode == 0, done.stdout + done.stderr
    assert "value: https://new" in done.stdout


def test_bad_input_fails_with_its_message() -> None:
    with pytest.raises(AnsibleFilterError, match="kubeadm config migrate"):
        kept_flags(observed("v1.34.4", DEFAULT), "https://new", configuration="kind: ClusterConfiguration\n")
