# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._flags.mounts import Mount, on_host
from ansible_collections.onprem.irsa.plugins.module_utils._flags.static_pod_flags import parse

MANIFEST = """\
kind: Pod
metadata: {name: kube-apiserver}
spec:
  containers:
  - name: kube-apiserver
    command: [kube-apiserver]
    workingDir: /keys
    env:
    - {name: CLUSTER, value: prod}
    volumeMounts:
    - {name: keys, mountPath: /keys}
    - {name: keys, mountPath: keys/old/, subPath: before/2025}
    - {name: keys, mountPath: /by-name, subPathExpr: $(CLUSTER)/pki}
    - {name: one, mountPath: /run/sa.pub, readOnly: true}
    - {name: scratch, mountPath: /keys/scratch}
    - {name: nowhere, mountPath: /nowhere}
  volumes:
  - {name: keys, hostPath: {path: /srv/keys/, type: Directory}}
  - {name: one, hostPath: {path: /etc/irsa/public.pem, type: File}}
  - {name: scratch, emptyDir: {}}
"""


@pytest.mark.parametrize(
    ("file", "there"),
    [
        ("/keys/sa.pub", "/srv/keys/sa.pub"),
        ("/keys/a/../sa.pub", "/srv/keys/sa.pub"),
        ("/keys", "/srv/keys"),
        ("/keys/old/sa.pub", "/srv/keys/before/2025/sa.pub"),
        ("/keys/older/sa.pub", "/srv/keys/older/sa.pub"),
        ("/keys-of-others/sa.pub", None),
        ("/by-name/sa.pub", "/srv/keys/prod/pki/sa.pub"),
        ("/run/sa.pub", "/etc/irsa/public.pem"),
        ("/keys/scratch/sa.pub", None),
        ("/nowhere/sa.pub", None),
        ("sa.pub", "/srv/keys/sa.pub"),
        ("/etc/sa.pub", None),
    ],
)
def test_where_the_host_has_a_file(file: str, there: str | None) -> None:
    pod = parse(MANIFEST, "kube-apiserver", source="")
    assert on_host(file, pod.mounts, working_directory=pod.working_directory) == there
    assert pod.on_host(file) == (there or file)


def test_the_deepest_mount_counts_whatever_their_order() -> None:
    mounts = [Mount("/", "/host"), Mount("/a/b", "/deep"), Mount("/a", "/shallow")]
    assert on_host("/a/b/c", mounts) == on_host("/a/b/c", reversed(mounts)) == "/deep/c"
    assert on_host("/x", mounts) == "/host/x"
