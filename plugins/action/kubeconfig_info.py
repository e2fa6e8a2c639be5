# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A kubeconfig in memory. What it returns is hidden in every output, and why it fails is not: that quotes no file."""

from __future__ import annotations

import base64
import posixpath
import re
import typing as t

import yaml
from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._kube.kubeconfig import current_context, refuse_loopback
from ansible_collections.onprem.irsa.plugins.module_utils._rules.values import missing_file
from ansible_collections.onprem.irsa.plugins.modules.kubeconfig_info import ARGUMENT_SPEC
from ansible_collections.onprem.irsa.plugins.plugin_utils._arguments import arguments_of
from ansible_collections.onprem.irsa.plugins.plugin_utils._variables import look

Result = dict[str, t.Any]
_QUOTING: t.Final = re.compile(r"""['"](?!<)[^'"]{3}""")


class ActionModule(ActionBase):
    """Reads the file on the controller or on the host, and reduces it."""

    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: Result | None = None) -> Result:
        """Return the kubeconfig, or why there is none that can be used."""
        result: Result = super().run(tmp, task_vars)
        arguments = arguments_of(self, ARGUMENT_SPEC)
        variables = task_vars or {}
        missing = missing_file({"irsa_kubeconfig_path": arguments["path"]}, "irsa_kubeconfig_path", look)
        if missing:
            return {**result, "failed": True, "msg": "\n".join(missing)}
        try:
            if arguments["path"]:
                return {**result, **_hidden(self._of_controller(arguments["path"]))}
            return {**result, **self._of_host(arguments["admin_path"], variables)}
        except InputError as error:
            return {**result, "failed": True, "msg": str(error)}

    def _of_controller(self, path: str) -> Result:
        complete, there = look(path).path, f"{path} on the controller"
        try:
            text = self._loader.get_text_file_contents(complete)  # also where it is encrypted
        except AnsibleError:
            raise _unusable(there, "cannot be read, or not be decrypted with the passwords that were given") from None
        return _reduced(text, there, posixpath.dirname(complete))

    def _of_host(self, path: str, variables: Result) -> Result:
        """Return the kubeconfig of a host, or how the host could not be asked for it."""
        host = self._task.delegate_to or variables["inventory_hostname"]
        there = f"{path} on {host}"
        slurped = self._call("slurp", {"src": path}, variables)
        if "content" in slurped:
            kubeconfig = _reduced(base64.b64decode(slurped["content"]), there, None)
            refuse_loopback(kubeconfig, there)
            return _hidden(kubeconfig)
        plain = {"path": path, "get_checksum": False, "get_mime": False, "get_attributes": False}
        seen = self._call("stat", plain, variables)
        if "stat" not in seen:
            return seen
        if seen["stat"]["exists"]:
            raise _unusable(there, "cannot be read by the user of the connection, also with become")
        raise InputError(
            f"{host} has no {path}, which kubeadm writes on every control-plane host.",
            fix="Name a kubeconfig that works on the controller in irsa_kubeconfig_path.",
        )

    def _call(self, module: str, arguments: Result, variables: Result) -> Result:
        result: Result = self._execute_module(f"ansible.legacy.{module}", module_args=arguments, task_vars=variables)
        return result


def _hidden(kubeconfig: Result) -> Result:
    return {"kubeconfig": kubeconfig, "_ansible_no_log": True}


def _reduced(text: str | bytes, where: str, directory: str | None) -> Result:
    """Return the current context of what was read; what a parser says is shown only where it quotes nothing of it."""
    try:
        found = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        raise _unusable(where, f"is not YAML{_place(error)}") from None
    except (yaml.YAMLError, ValueError, TypeError, RecursionError):
        raise _unusable(where, "holds characters or values that YAML does not have") from None
    try:
        return current_context(found, directory, where)
    except (TypeError, AttributeError, KeyError, ValueError):
        raise _unusable(where, "has entries that no kubeconfig has") from None


def _place(error: yaml.MarkedYAMLError) -> str:
    """Return where a text is no YAML, and why where that quotes no more than a character of it."""
    mark, problem = error.problem_mark or error.context_mark, str(error.problem or "")
    line = f" in line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    return f"{line}: {problem}" if problem and not _QUOTING.search(problem) else line


def _unusable(where: str, wrong: str) -> InputError:
    return InputError(
        f"{where} cannot be read as a kubeconfig: it {wrong}.",
        fix="Name a working one in irsa_kubeconfig_path (`kubectl --kubeconfig FILE get nodes` must answer on the "
        "controller).",
    )
