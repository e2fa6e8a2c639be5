# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ansible_collections.onprem.irsa.plugins.module_utils._host.processes import Process, find

if TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._host.fake_kubelet import FakeKubelet


def fake(  # noqa: PLR0913 -- what tells processes apart
    proc: Path,
    pid: int,
    arguments: list[str],
    *,
    ticks: int = 0,
    network: str = "net:[1]",
    users: str = "0 0 0 0",
    cgroup: str = "user.slice/session-1.scope",
    mode: int = 0o755,
) -> None:
    """Make a process in a fake /proc; its command's name has a blank and a bracket, as any user may choose."""
    directory = proc / str(pid)
    (directory / "ns").mkdir(parents=True)
    (directory / "ns" / "net").symlink_to(network)
    (directory / "cmdline").write_bytes(b"".join(argument.encode() + b"\0" for argument in arguments))
    (directory / "stat").write_text(f"{pid} (a) b) S {' '.join(['0'] * 18)} {ticks} 0 0\n")
    (directory / "status").write_text(f"Name:\ta\nUid:\t{users}\n")
    (directory / "cgroup").write_text(f"0::/{cgroup}\n")
    (directory / "exe").touch()
    (directory / "exe").chmod(mode)


def host(proc: Path) -> None:
    (proc / "self" / "ns").mkdir(parents=True)
    (proc / "self" / "ns" / "net").symlink_to("net:[1]")
    (proc / "stat").write_text("cpu 1\nbtime 1000\n")
    (proc / "uptime").touch()


def test_the_newest_process_of_the_hosts_own_component_is_found(tmp_path: Path) -> None:
    host(tmp_path)
    fake(tmp_path, 1, ["/sbin/init"])
    fake(tmp_path, 2, [])
    fake(tmp_path, 3, ["kube-apiserver", "--a=old"], ticks=100)
    fake(tmp_path, 4, ["/usr/local/bin/kube-apiserver", "--a=new"], ticks=200)
    fake(tmp_path, 5, ["kube-apiserver", "--a=a cluster in a pod"], ticks=300, network="net:[2]")
    fake(tmp_path, 6, ["vi", "kube-apiserver"], ticks=400)
    (tmp_path / "7").mkdir()
    process = find("kube-apiserver", tmp_path)
    assert process is not None
    assert (process.pid, process.start_ticks, process.flags) == (4, 200, {"a": ["new"]})
    assert process.started(tmp_path) > 1000
    assert find("etcd", tmp_path) is None


def test_a_process_of_another_user_is_not_the_component(tmp_path: Path) -> None:
    host(tmp_path)
    pod = "kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/cri-containerd-2.scope"
    fake(tmp_path, 1, ["kube-apiserver", "--a=root"], ticks=100)
    fake(tmp_path, 2, ["kube-apiserver", "--a=other"], ticks=200, users="1000 1000 1000 1000")
    fake(tmp_path, 3, ["kube-apiserver", "--a=passwd"], ticks=300, users="1000 0 0 0")
    fake(tmp_path, 6, ["kube-apiserver", "--a=sudo"], ticks=600, mode=0o4755)
    found = find("kube-apiserver", tmp_path)
    assert found is not None
    assert found.pid == 1
    own = "user.slice/user-1000.slice/user@1000.service/kubepods.slice/run-1.scope"
    fake(tmp_path, 5, ["kube-apiserver", "--a=other"], ticks=500, users="1000 1000 1000 1000", cgroup=own)
    fake(tmp_path, 4, ["kube-apiserver", "--a=rootless"], ticks=400, users="1000 1000 1000 1000", cgroup=pod)
    found = find("kube-apiserver", tmp_path)
    assert found is not None
    assert found.pid == 4


def test_a_process_is_told_from_one_before_a_reboot(tmp_path: Path) -> None:
    process, boot = Process(7, 100, ()), tmp_path / "sys/kernel/random/boot_id"
    boot.parent.mkdir(parents=True)
    boot.write_text("one\n")
    mark = process.mark(tmp_path)
    assert (mark, Process(8, 100, ()).mark(tmp_path) == mark) == ("one 7 100", False)
    boot.write_text("two\n")
    assert process.mark(tmp_path) != mark


def test_a_real_process(kubelet: FakeKubelet) -> None:
    process = find(kubelet.component)
    assert process is not None
    assert process.pid == kubelet.pid
    assert abs(process.started() - time.time()) < 60
    assert process.flags == kubelet.flags("--issuer=old")
