# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logs of a static pod's containers on this host. PRIVATE to the collection: it may change without notice.

The kubelet makes a file C(NAMESPACE_NAME_UID/CONTAINER/ATTEMPT.log) as it starts a container, so the names alone tell
how often one was started. Runs on managed hosts with the standard library alone.
"""

from __future__ import annotations

import re
import typing as t
from collections import Counter
from contextlib import suppress
from pathlib import Path

POD_LOGS: t.Final = Path("/var/log/pods")

_LINES = 10
# CRI's log format: time, stream, a tag for partial lines, and the line.
_CRI = re.compile(r"\S+ (?:stdout|stderr) [FP](?::\S+)? ?")
# klog's header: level and day, time, process, place.
_KLOG = re.compile(r"[IWEF]\d{4} [\d:.]+ +\d+ [^\]]+\] ")
_ERROR = re.compile(r"[EF]\d{4} |Error: |panic: |fatal error: ")


def log_files(component: str, root: Path = POD_LOGS) -> frozenset[Path]:
    """Return the log file of each attempt to run the component's static pod on this host."""
    return frozenset(root.glob(f"kube-system_{component}-*/{component}/[0-9]*.log"))


def attempts_of_one_pod(files: t.Iterable[Path]) -> int:
    """Return how often the pod was started that was started most: another manifest's attempts are not this one's."""
    return max(Counter(file.parent for file in files).values(), default=0)


def last_lines(files: t.Iterable[Path]) -> list[str]:
    """Return the last lines of the newest of some log files, without the log format's own columns."""
    for file in sorted(files, key=_modified, reverse=True):
        with suppress(OSError):
            lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
            if lines:
                return [_CRI.sub("", line, count=1) for line in lines[-_LINES:]]
    return []


def reason(lines: t.Sequence[str]) -> str:
    """Return what a component said last about its end: the last error among its lines, or else the last line."""
    errors = [line for line in lines if _ERROR.match(line)]
    return _KLOG.sub("", (errors or [*lines] or [""])[-1]).strip()


def _modified(file: Path) -> float:
    with suppress(OSError):
        return file.stat().st_mtime
    return 0.0


__all__: t.Final = ("POD_LOGS", "attempts_of_one_pod", "last_lines", "log_files", "reason")
