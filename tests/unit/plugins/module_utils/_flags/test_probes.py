# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._flags.probes import Probe, failing
from ansible_collections.onprem.irsa.plugins.module_utils._flags.static_pod_flags import parse

MANIFEST = """\
kind: Pod
metadata: {name: kube-apiserver}
spec:
  containers:
  - name: kube-apiserver
    command: [kube-apiserver, --secure-port=6443]
    livenessProbe: {httpGet: {host: 10.0.0.1, path: /livez, port: 6443, scheme: HTTPS}}
    readinessProbe:
      httpGet: {path: /readyz, port: api, httpHeaders: [{name: Authorization, value: Bearer x}]}
    startupProbe: {tcpSocket: {port: 6443}}
    ports: [{name: api, containerPort: 6443}]
"""
KUBEADM = (Probe("livenessProbe", "10.0.0.1", "6443", with_credentials=False),)
MANAGER = (Probe("livenessProbe", "127.0.0.1", "10257", with_credentials=False),)


def test_the_probes_of_a_manifest() -> None:
    assert parse(MANIFEST, "kube-apiserver", source="").probes == (
        Probe("startupProbe", "", "6443", with_credentials=True),
        *KUBEADM,
        Probe("readinessProbe", "", "6443", with_credentials=True),
    )


@pytest.mark.parametrize(
    ("after", "words"),
    [
        ({"secure-port": ["7443"]}, "--secure-port would be 7443, and the livenessProbe asks at port 6443"),
        ({"secure-port": ["6443", "0"]}, "--secure-port would be 0"),
        ({"bind-address": ["127.0.0.1"]}, "--bind-address would be 127.0.0.1, and the livenessProbe asks at 10.0.0.1"),
        ({"anonymous-auth": ["false"]}, "--anonymous-auth would be false, and the livenessProbe has no credentials"),
        ({"secure-port": ["6443"]}, ""),
        ({"bind-address": ["10.0.0.1"]}, ""),
        ({"bind-address": ["0.0.0.0"]}, ""),  # noqa: S104 -- a flag
        ({"anonymous-auth": ["true"]}, ""),
        ({"v": ["2"]}, ""),
    ],
)
def test_a_change_by_which_probes_fail_is_seen(after: dict[str, list[str]], words: str) -> None:
    found = failing(KUBEADM, "kube-apiserver", {}, after)
    assert (found.startswith(words), bool(found)) == (True, bool(words))


@pytest.mark.parametrize(
    ("after", "fails"),
    [
        ({"bind-address": ["0.0.0.0"]}, False),  # noqa: S104 -- as people set it for Prometheus
        ({"bind-address": ["10.0.0.1"]}, True),
        ({"secure-port": ["10259"]}, True),
    ],
)
def test_those_of_a_controller_manager(after: dict[str, list[str]], fails: bool) -> None:
    assert bool(failing(MANAGER, "kube-controller-manager", {"bind-address": ["127.0.0.1"]}, after)) == fails


@pytest.mark.parametrize("flags", [{"anonymous-auth": ["false"]}, {"secure-port": ["7443"]}])
def test_what_is_so_already_is_no_change(flags: dict[str, t.Any]) -> None:
    assert failing(KUBEADM, "kube-apiserver", flags, {**flags, "v": ["2"]}) == ""
