# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a module in the worker of its task. PRIVATE to the collection: it may change without notice.

On the controller, Ansible packs a module and what it imports into an archive, and starts a Python that compiles all of
it and loads boto3 or the Kubernetes client: about a second for each task. The strategies load an action before they
fork the worker of its task, so that what the action imports is there already. The same way is gone by
ansible.netcommon's direct execution, which ansible-core has a hook for (AnsibleModule._record_module_result).
"""

from __future__ import annotations

import atexit
import functools
import inspect
import io
import json
import os
import sys
import typing as t
from contextlib import redirect_stdout, suppress
from multiprocessing.util import Finalize

from ansible.module_utils import basic
from ansible.module_utils.common.json import Direction, get_module_encoder
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.onprem.irsa.plugins.module_utils._progress import Wait, telling
from ansible_collections.onprem.irsa.plugins.plugin_utils._progress import shown_by

Result = dict[str, t.Any]
_display = Display()

_RETRIES = 3  # what ansible-core takes for C(until) without C(retries)
PROFILE: t.Final = "legacy"  # how ansible-core serializes for modules of collections


class InProcessAction(ActionBase):
    """Runs its module in the worker where a new process would have the same Python, user and machine."""

    TRANSFERS_FILES = False
    _supports_async = True

    main: t.ClassVar[t.Callable[[], None]]
    """The module's main()."""

    def run(self, tmp: str | None = None, task_vars: Result | None = None) -> Result:
        """Return the module's result."""
        result: Result = super().run(tmp, task_vars)
        return {**result, **self.module_result(task_vars or {})}

    def module_result(self, task_vars: Result) -> Result:
        """Return what the module returns for the task's arguments; of a task with C(until), say how long it takes."""
        if self._task.until:
            _attempts_of(self).tell()
        in_background = bool(self._task.async_val)
        if in_background or not self._is_here(task_vars):
            return t.cast("Result", self._execute_module(task_vars=task_vars, wrap_async=in_background))
        return self._run_here(task_vars)

    def _is_here(self, task_vars: Result) -> bool:
        of_host = task_vars.get("ansible_delegated_vars", {}).get(self._task.delegate_to, task_vars)
        return (
            self._connection.transport == "local"
            and self._connection.become is None
            and self._templar.template(of_host.get("ansible_python_interpreter")) == sys.executable
        )

    def _run_here(self, task_vars: Result) -> Result:
        arguments: Result = dict(self._task.args)
        environment: dict[str, object] = {}
        self._update_module_args(self._task.action, arguments, task_vars)
        # Called through its class: by that name it counts among the functions that are known to be untyped.
        ActionBase._compute_environment_string(self, environment)
        _display.vvv(f"Running module file {inspect.getfile(type(self).main)} in this process")
        # As a process of the module's own finds it all: paths start at the playbook. The worker ends with its task.
        encoder = get_module_encoder(PROFILE, Direction.CONTROLLER_TO_MODULE)
        basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": arguments}, cls=encoder).encode()
        basic._ANSIBLE_PROFILE = PROFILE
        os.environ.update({name: str(value) for name, value in environment.items()})
        os.chdir(self._loader.get_basedir())
        _leave_tidy()
        printed = io.StringIO()
        with redirect_stdout(printed), telling(shown_by(self)), suppress(SystemExit):  # exit_json and fail_json end so
            type(self).main()
        parsed: t.Any = self._parse_returned_data({"stdout": printed.getvalue(), "stderr": ""}, PROFILE)
        # An object of ansible-core's own since 2.21, which its _execute_module turns into a mapping so.
        result: Result = parsed if isinstance(parsed, dict) else parsed.as_result_dict(for_round_trip=True)
        return result


class _Attempts:
    """The wait of the task that this worker does; ansible-core makes an action for each of its attempts."""

    of: t.ClassVar[tuple[object, Wait] | None] = None


def _attempts_of(action: ActionBase) -> Wait:
    """Return the wait of all attempts at an action's task; the items of a loop are tasks of their own."""
    task = action._task
    if _Attempts.of is None or _Attempts.of[0] is not task:
        at_most = (task.retries or _RETRIES) * task.delay
        _Attempts.of = task, Wait("", at_most, say=shown_by(action))
    return _Attempts.of[1]


@functools.cache  # once for the items of a loop
def _leave_tidy() -> None:
    """Have the worker do at its end what libraries have registered for the end of the process, which it leaves out.

    The Kubernetes client removes the files with the client's key and certificate so. Not before: kubernetes.core keeps
    its clients for the items of a loop and for further attempts, which run in the same worker.
    """
    atexit._clear()  # what the parent has registered is the parent's to do
    Finalize(None, atexit._run_exitfuncs, exitpriority=0)


__all__: t.Final = ("InProcessAction",)
