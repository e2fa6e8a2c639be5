# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._host.pod_logs import last_lines, log_files, reason

if TYPE_CHECKING:
    from pathlib import Path

# What kube-apiserver 1.34 writes: klog's header, and cobra's words for a flag that it does not know.
KLOG = 'E1122 02:12:35.123456       1 run.go:72] "command failed" err="service-account-max-token-expiration is low"'


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], ""),
        (
            ["I1122 02:12:35.123456       1 options.go:249] external host was not specified"],
            "external host was not specified",
        ),
        (
            ["I1122 02:12:35.1       1 a.go:1] begin", KLOG, "I1122 02:12:36.1       1 a.go:2] end"],
            KLOG.partition("] ")[2],
        ),
        (["Error: unknown flag: --no-such-flag"], "Error: unknown flag: --no-such-flag"),
        (["panic: runtime error", "", "goroutine 1 [running]:"], "panic: runtime error"),
        (["the last", "word"], "word"),
    ],
)
def test_the_reason_is_the_last_error_or_the_last_line(lines: list[str], expected: str) -> None:
    assert reason(lines) == expected


def test_the_newest_log_is_read_without_its_columns(tmp_path: Path) -> None:
    logs = tmp_path / "kube-system_kube-apiserver-cp1_1" / "kube-apiserver"
    logs.mkdir(parents=True)
    for age, name in enumerate(["0.log", "1.log", "0.log.20260101-000000.gz", "2.log"]):
        (logs / name).write_text(f"2026-01-02T03:04:05.678901234Z stderr F line of {name}\n")
        os.utime(logs / name, (age, age))
    (logs / "2.log").write_text("")
    other = tmp_path / "kube-system_kube-controller-manager-cp1_2" / "kube-controller-manager"
    other.mkdir(parents=True)
    (other / "0.log").touch()
    files = log_files("kube-apiserver", tmp_path)
    assert {file.name for file in files} == {"0.log", "1.log", "2.log"}
    assert last_lines(files) == ["line of 1.log"]
    assert last_lines([]) == []
    assert last_lines([tmp_path / "gone.log"]) == []
