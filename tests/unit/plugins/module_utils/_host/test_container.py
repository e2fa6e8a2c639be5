# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._host import container as module
from ansible_collections.onprem.irsa.plugins.module_utils._host.container import Container, File
from ansible_collections.onprem.irsa.plugins.module_utils._host.processes import Process

if t.TYPE_CHECKING:
    from pathlib import Path

PROCESS = Process(9, 0, ("kube-apiserver", "--a=$(NODE)", "--b=cp1"))
MANIFEST = """\
kind: Pod
metadata: {{name: kube-apiserver}}
spec:
  containers:
  - name: kube-apiserver
    command: [kube-apiserver, --a=$$(NODE), --b=$(NODE)]
    env: [{{name: NODE, valueFrom: {{fieldRef: {{fieldPath: spec.nodeName}}}}}}]
    volumeMounts:
    - {{name: keys, mountPath: /keys}}
    - {{name: keys, mountPath: /own, subPathExpr: $(NODE)}}
  volumes:
  - {{name: keys, hostPath: {{path: {keys}}}}}
"""


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """Return a /proc in which the process has a root directory of its own."""
    (tmp_path / "root" / "image").mkdir(parents=True)
    (tmp_path / "9").mkdir()
    (tmp_path / "9" / "root").symlink_to(tmp_path / "root")
    return tmp_path


def of(proc: Path, text: str = MANIFEST) -> Container:
    return Container.of(PROCESS, text.format(keys=proc / "keys"), "kube-apiserver", proc)


def test_by_the_volumes_of_the_manifest(proc: Path) -> None:
    assert of(proc).file("/keys/sa.pub") == File(f"{proc}/keys/sa.pub", proc / "keys" / "sa.pub")
    assert of(proc).file("/own/sa.pub").path == proc / "keys" / "cp1" / "sa.pub"


def test_by_the_root_of_the_process_where_nothing_of_the_host_is_mounted(proc: Path) -> None:
    assert of(proc).file("/image/sa.pub") == File("/image/sa.pub", proc / "9" / "root" / "image" / "sa.pub")
    assert of(proc, "kind: Service").file("/keys/sa.pub").path == proc / "9" / "root" / "keys" / "sa.pub"


def test_a_host_without_a_yaml_library(proc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "READS_YAML", False)
    assert of(proc).file("/keys/sa.pub").path == proc / "9" / "root" / "keys" / "sa.pub"


def test_a_process_that_is_gone_has_the_paths_of_its_flags(proc: Path) -> None:
    (proc / "9" / "root").unlink()
    assert of(proc, "kind: Service").file("/keys/sa.pub") == File("/keys/sa.pub", proc.__class__("/keys/sa.pub"))


@pytest.mark.parametrize("target", ["v2/sa.pub", "/keys/v2/sa.pub"])
def test_a_link_is_followed_as_the_container_sees_it(proc: Path, target: str) -> None:
    (proc / "keys" / "v2").mkdir(parents=True)
    (proc / "keys" / "v2" / "sa.pub").write_text("key")
    (proc / "keys" / "sa.pub").symlink_to(target)
    file = of(proc).file("/keys/sa.pub")
    assert (file.name, file.path.read_text()) == (f"{proc}/keys/sa.pub", "key")


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("keys/current", "/keys/v2"),  # on the way to the file
        ("keys/current", "v2"),
        ("keys/current", "../own/../keys/v2"),
        ("root/image/current", "/keys/v2"),  # in the image, to a volume
    ],
)
def test_links_on_the_way_are_followed_as_the_container_sees_them(proc: Path, link: str, target: str) -> None:
    (proc / "keys" / "v2").mkdir(parents=True)
    (proc / "keys" / "v2" / "sa.pub").write_text("key")
    (proc / link).symlink_to(target)
    flag = f"/{link.removeprefix('root/')}/sa.pub"
    assert of(proc).file(flag).path.read_text() == "key"


@pytest.mark.parametrize("mount", ["mountPath: /one/sa.pub", "mountPath: /one, subPath: ''"])
def test_links_of_the_host_in_the_path_of_a_volume_are_its_own(proc: Path, mount: str) -> None:
    (proc / "srv").mkdir()
    (proc / "srv" / "sa.pub").write_text("key")
    is_file = "sa.pub" in mount
    (proc / "keys").symlink_to(proc / "srv" / "sa.pub" if is_file else proc / "srv")
    text = MANIFEST.replace("mountPath: /keys", mount)
    assert of(proc, text).file("/one/sa.pub").path.read_text() == "key"


def test_links_in_a_circle_end(proc: Path) -> None:
    (proc / "keys").mkdir()
    (proc / "keys" / "a").symlink_to("/keys/b")
    (proc / "keys" / "b").symlink_to("/keys/a")
    assert of(proc).file("/keys/a").name == f"{proc}/keys/a"
