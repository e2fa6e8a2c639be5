# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._flags.serving import Serving, advertised_url, serving


@pytest.mark.parametrize(
    ("flags", "url"),
    [
        ({}, "https://127.0.0.1:6443"),
        ({"advertise-address": ["10.0.0.1"], "secure-port": ["8443"]}, "https://10.0.0.1:8443"),
        ({"advertise-address": ["10.0.0.1"], "bind-address": ["0.0.0.0"]}, "https://10.0.0.1:6443"),  # noqa: S104 -- kubeadm writes it
        ({"advertise-address": ["10.0.0.1"], "bind-address": ["10.0.0.2"]}, "https://10.0.0.2:6443"),
        ({"advertise-address": ["fd00::1"], "bind-address": ["::"]}, "https://[fd00::1]:6443"),
        ({"secure-port": ["6443", "7443"]}, "https://127.0.0.1:7443"),
    ],
)
def test_where_a_server_with_these_flags_answers(flags: dict[str, list[str]], url: str) -> None:
    assert serving("kube-apiserver", flags) == Serving(url)


@pytest.mark.parametrize(
    ("flags", "url"),
    [
        ({}, "https://127.0.0.1:6443"),
        ({"bind-address": ["10.1.0.2"]}, "https://10.1.0.2:6443"),
        ({"bind-address": ["10.1.0.2"], "advertise-address": ["10.0.0.1"]}, "https://10.0.0.1:6443"),
        ({"bind-address": ["10.1.0.2"], "advertise-address": ["fd00::1"]}, "https://[fd00::1]:6443"),
        ({"bind-address": ["10.1.0.2"], "advertise-address": ["0.0.0.0"]}, "https://10.1.0.2:6443"),  # noqa: S104 -- a flag
        ({"advertise-address": ["10.0.0.1"], "secure-port": ["8443"]}, "https://10.0.0.1:8443"),
    ],
)
def test_where_others_reach_a_server_with_these_flags(flags: dict[str, list[str]], url: str) -> None:
    assert advertised_url(serving("kube-apiserver", flags).url, flags) == url


@pytest.mark.parametrize(
    ("flags", "url"),
    [
        ({}, "https://127.0.0.1:10257"),
        ({"bind-address": ["127.0.0.1"], "secure-port": ["1"]}, "https://127.0.0.1:1"),
        ({"bind-address": ["10.0.0.2"]}, "https://10.0.0.2:10257"),
    ],
)
def test_where_a_controller_manager_answers(flags: dict[str, list[str]], url: str) -> None:
    assert serving("kube-controller-manager", flags) == Serving(url, health="/healthz")
