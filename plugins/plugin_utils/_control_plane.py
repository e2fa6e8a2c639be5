# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the actions on control-plane hosts share. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import re
import shlex
import time
import typing as t
from contextlib import contextmanager

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.observation import described
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.service import within_of
from ansible_collections.onprem.irsa.plugins.module_utils._progress import Wait
from ansible_collections.onprem.irsa.plugins.module_utils._python import OLDEST, require_python
from ansible_collections.onprem.irsa.plugins.plugin_utils._progress import shown_by, ticking

Result = dict[str, t.Any]


class HostModuleFailed(Exception):  # noqa: N818 -- carries a result, as it is, to the one place that returns it
    """A module failed on the host; result is what it returned."""

    def __init__(self, result: Result) -> None:
        """Take the module's result."""
        super().__init__(result.get("msg", ""))
        self.result = result


class ControlPlaneAction(ActionBase):
    """An action that looks at a control-plane host with a module there, and makes sense of it on the controller."""

    def host(self, task_vars: Result) -> str:
        """Return the name of the host that the task is for, as the inventory has it."""
        return str(self._task.delegate_to or task_vars.get("inventory_hostname", ""))

    def execute(self, module: str, arguments: Result, task_vars: Result) -> Result:
        """Return what a module returned on the host, or raise HostModuleFailed."""
        try:
            with self._unshown():  # files of the host, which may hold secrets, are in what it prints
                result: Result = self._execute_module(
                    f"onprem.irsa.{module}", module_args=arguments, task_vars=task_vars
                )
        except AnsibleConnectionFailure:
            # Its words were not shown either: whatever comes next says why the host cannot be reached.
            ActionBase._low_level_execute_command(self, "true")  # through its class, as in _arguments
            raise
        if result.get("failed"):
            raise HostModuleFailed({**result, **self._of_old_python(result)})
        return result

    def watched(self, module: str, arguments: Result, task_vars: Result, what: str, at_most: float) -> Result:
        """Return what a module returned that waits on the host for WHAT, and say meanwhile how long it takes."""
        with ticking(Wait(what, at_most, say=shown_by(self))):
            return t.cast(
                "Result",
                self._execute_module(f"onprem.irsa.{module}", module_args=arguments, task_vars=task_vars),
            )

    @contextmanager
    def _unshown(self) -> t.Iterator[None]:
        """Keep what commands print out of C(-vvv), as C(no_log) of a task does, and the task's result in it."""
        context = self._connection._play_context
        before, context.no_log = context.no_log, True
        try:
            yield
        finally:
            context.no_log = before

    def _of_old_python(self, result: Result) -> Result:
        """Return what a module's failure means that gave no result: a Python that cannot read it cannot say so."""
        python = str(getattr(self, "_used_interpreter", None) or "").lstrip("#!")
        if not python or not result.get("module_stderr"):
            return {}
        told = ActionBase._low_level_execute_command(self, f"{shlex.quote(python)} --version")  # as above
        found = re.search(r"Python ([0-9]+)\.([0-9]+)(?:\.([0-9]+))?", f"{told.get('stdout')} {told.get('stderr')}")
        try:
            require_python(tuple(int(number) for number in found.groups(default="0")) if found else OLDEST, python)
        except RuntimeError as error:
            return {"msg": str(error)}
        return {}

    def observe(self, arguments: Result, task_vars: Result) -> tuple[Result, Result]:
        """Return an observation as C(control_plane_info) documents it, and the host's own, which has the texts."""
        began = time.time()
        result = self.execute("control_plane_info", arguments, task_vars)
        within = within_of(result)
        if within is not None:
            result = self.execute("control_plane_info", {**arguments, "within": within}, task_vars)
        now = (began + time.time()) / 2
        host = self.host(task_vars)
        kubeadm = {**result["kubeadm"], "host": host} if result.get("kubeadm") else None
        seen = {**described(result, now=now), "host": host, "seen_at": now, "kubeadm": kubeadm}
        return seen, result
