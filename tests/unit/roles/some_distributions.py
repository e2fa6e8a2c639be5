# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts of distributions as they are before anything is changed, for FakeHost."""

from __future__ import annotations

import typing as t

Json = dict[str, t.Any]

NEW = "https://new.example.com"
SECRET = "K10feedbeef::server:0123456789"  # noqa: S105 -- of nothing
_OWN = {"secure-port": ["6443"], "anonymous-auth": ["false"], "profiling": ["false"]}


def unit(command: str) -> str:
    return f"[Unit]\nDescription=A test\n\n[Service]\nType=notify\nExecStart={command}\n"


RKE2: Json = {
    "distribution": "RKE2",
    "version": "v1.34.1+rke2r1",
    "unit": "rke2-server.service",
    "main": ["/usr/local/bin/rke2 server"],
    "pod": True,
    "child": True,
    "own_flags": _OWN,
    "files": {
        "/etc/systemd/system/rke2-server.service": unit("/usr/local/bin/rke2 server"),
        "/etc/rancher/rke2/config.yaml": f"# by hand\ntoken: {SECRET}\nkube-apiserver-arg:\n- 'v=2' # loud\n",
    },
}
K0S: Json = {
    "distribution": "k0s",
    "version": "v1.34.4+k0s",
    "unit": "k0scontroller.service",
    "main": ["/usr/local/bin/k0s", "controller", "--config=/etc/k0s/k0s.yaml"],
    "pod": False,
    "child": True,
    "own_flags": _OWN,
    "files": {
        "/etc/systemd/system/k0scontroller.service": unit("/usr/local/bin/k0s controller --config=/etc/k0s/k0s.yaml"),
        "/etc/k0s/k0s.yaml": "# by hand\nspec:\n  api:\n    sans: [a.example.com]\n  network: {provider: calico}\n",
    },
}
K3S: Json = {
    "distribution": "K3s",
    "version": "v1.36.1+k3s1",
    "unit": "k3s.service",
    "main": ["/usr/local/bin/k3s server"],
    "pod": False,
    "child": False,
    "own_flags": _OWN,
    "files": {
        "/etc/systemd/system/k3s.service": unit("/usr/local/bin/k3s server"),
        "/etc/rancher/k3s/config.yaml": f"# by hand\ntoken: {SECRET}\nkube-apiserver-arg:\n- 'v=2' # loud\n",
    },
}
MICROK8S: Json = {
    "distribution": "MicroK8s",
    "version": "v1.36.1",
    "unit": "snap.microk8s.daemon-kubelite.service",
    "main": ["/snap/microk8s/1/kubelite", "--apiserver-args-file=/var/snap/microk8s/1/args/kube-apiserver"],
    "pod": False,
    "child": False,
    "own_flags": _OWN,
    "files": {
        "/etc/systemd/system/snap.microk8s.daemon-kubelite.service": unit("/usr/bin/snap run microk8s.daemon-kubelite"),
        "/var/snap/microk8s/current/args/kube-apiserver": (
            "# by hand\n--secure-port=16443\n--service-account-issuer='https://kubernetes.default.svc'\n"
            "--service-account-key-file=${SNAP_DATA}/certs/serviceaccount.key\n--event-ttl=5m\n"
        ),
    },
}
DISTRIBUTIONS: dict[str, Json] = {"RKE2": RKE2, "k0s": K0S, "K3s": K3S, "MicroK8s": MICROK8S}
OLD = {
    "RKE2": "https://kubernetes.default.svc.cluster.local",
    "k0s": "https://kubernetes.default.svc",
    "K3s": "https://kubernetes.default.svc.cluster.local",
    "MicroK8s": "https://kubernetes.default.svc",
}
"""The issuer that each sets by itself."""
FILE = {
    "RKE2": "/etc/rancher/rke2/config.yaml.d/90-onprem-irsa.yaml",
    "k0s": "/etc/k0s/k0s.yaml",
    "K3s": "/etc/rancher/k3s/config.yaml.d/90-onprem-irsa.yaml",
    "MicroK8s": "/var/snap/microk8s/current/args/kube-apiserver",
}
"""The file that gets the flags."""


def with_file(name: str, path: str, text: str) -> Json:
    """Return the files of a host of a distribution with another one among them."""
    return {**DISTRIBUTIONS[name]["files"], path: text}
