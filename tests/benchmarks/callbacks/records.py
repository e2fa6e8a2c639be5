# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes a line of JSON for each task that a run starts and for each result, with the Unix time in seconds."""

from __future__ import annotations

import json
import os
import time
import typing as t
from pathlib import Path

from ansible.plugins.callback import CallbackBase

if t.TYPE_CHECKING:
    from ansible.executor.task_result import CallbackTaskResult
    from ansible.playbook.included_file import IncludedFile
    from ansible.playbook.task import Task

DOCUMENTATION = """
name: records
type: aggregate
short_description: writes tasks and results to the file that BENCH_RECORDS names
description: [For tests/benchmarks/quiet_site.py.]
"""


class CallbackModule(CallbackBase):
    """Writes each line at once, so that the times are those of the run."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "records"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._file = Path(os.environ["BENCH_RECORDS"]).open("a", buffering=1, encoding="utf-8")  # noqa: SIM115 -- for the run

    def _write(self, event: str, **values: object) -> None:
        self._file.write(json.dumps({"at": time.time(), "event": event, **values}) + "\n")

    def _result(self, outcome: str, *, changed: bool = False) -> None:
        self._write("result", outcome=outcome, changed=changed)

    def v2_playbook_on_task_start(self, task: Task, is_conditional: bool) -> None:  # noqa: ARG002 -- Ansible's
        role = task._role.get_name() if task._role else ""
        self._write("task", name=task.get_name(), role=role, file=task.get_path().rpartition(":")[0])

    def v2_playbook_on_handler_task_start(self, task: Task) -> None:
        self.v2_playbook_on_task_start(task, is_conditional=False)

    def v2_playbook_on_include(self, included_file: IncludedFile) -> None:  # noqa: ARG002 -- Ansible's
        self._result("ok")  # an include that is not skipped has no other result

    def v2_runner_on_ok(self, result: CallbackTaskResult) -> None:
        self._result("ok", changed=result.is_changed())

    def v2_runner_on_failed(self, result: CallbackTaskResult, ignore_errors: bool = False) -> None:  # noqa: ARG002 -- Ansible's
        self._result("failed", changed=result.is_changed())

    def v2_runner_on_unreachable(self, result: CallbackTaskResult) -> None:  # noqa: ARG002 -- Ansible's
        self._result("unreachable")

    def v2_runner_on_skipped(self, result: CallbackTaskResult) -> None:  # noqa: ARG002 -- Ansible's
        self._result("skipped")

    def v2_playbook_on_stats(self, stats: object) -> None:  # noqa: ARG002 -- Ansible's
        self._write("end")
