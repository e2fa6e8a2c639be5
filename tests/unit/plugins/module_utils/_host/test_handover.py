# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import shutil
import time
import typing as t

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._host.handover import Handover
from ansible_collections.onprem.irsa.plugins.module_utils._host.processes import Process
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._host.test_processes import fake, host

if t.TYPE_CHECKING:
    from pathlib import Path

OLD = Process(pid=10, start_ticks=5, arguments=("kube-apiserver",))
NEW = Process(pid=11, start_ticks=9, arguments=("kube-apiserver",))


def run(proc: Path, process: Process) -> None:
    """Let a process run, as far as its directory tells."""
    fake(proc, process.pid, [*process.arguments], ticks=process.start_ticks)


@pytest.mark.parametrize(
    ("process", "age", "delay", "written"),
    [
        pytest.param(None, 1.0, 0.0, 1, id="the old one is gone in time"),
        pytest.param(None, 1.0, 60.0, 0, id="its pod is not gone yet"),
        pytest.param(None, 11.0, 0.0, 0, id="the kubelet may start the forerunner now"),
        pytest.param(OLD, 1.0, 0.0, 0, id="the old one runs"),
        pytest.param(NEW, 1.0, 0.0, 0, id="the forerunner runs"),
    ],
)
def test_the_wanted_manifest_is_written_once_and_only_while_nothing_can_run(
    tmp_path: Path, process: Process | None, age: float, delay: float, written: int
) -> None:
    host(tmp_path)
    if process is not None:
        run(tmp_path, process)
    times: list[float] = []
    handover = Handover(
        "kube-apiserver",
        OLD,
        lambda: times.append(time.monotonic()),
        tmp_path,
        delay=delay,
        since=time.monotonic() - age,
    )
    for _look in range(3):
        handover.go_on()
    assert len(times) == written


def test_after_the_forerunner_was_seen_nothing_is_written(tmp_path: Path) -> None:
    host(tmp_path)
    times: list[float] = []
    handover = Handover("kube-apiserver", OLD, lambda: times.append(time.monotonic()), tmp_path, delay=0.0)
    run(tmp_path, NEW)
    handover.go_on()
    shutil.rmtree(tmp_path / str(NEW.pid))
    handover.go_on()
    assert times == []
