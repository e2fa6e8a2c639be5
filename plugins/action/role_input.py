# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All that is wrong with the variables of several roles, at once; it asks no host."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

from ansible.errors import AnsibleError, AnsibleUndefinedVariable
from ansible.plugins.action import ActionBase

from ansible_collections.onprem.irsa.plugins.module_utils._input.role_input import (
    STAND_INS,
    argument_problems,
    told_once,
)
from ansible_collections.onprem.irsa.plugins.module_utils._input.variables import SHARED
from ansible_collections.onprem.irsa.plugins.modules.role_input import ARGUMENT_SPEC

Result = dict[str, t.Any]

_ROLES: t.Final = Path(__file__).parents[2] / "roles"


class ActionModule(ActionBase):
    """Reads what the roles say of their variables, and applies it to those of one host."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: Result | None = None) -> Result:
        """Return what is wrong; the task fails when anything is."""
        result: Result = super().run(tmp, task_vars)
        _validated, arguments = ActionBase.validate_argument_spec(self, ARGUMENT_SPEC)
        given = self._variables(arguments["host"], task_vars or {})
        options = self._options([*arguments["roles"], *arguments["arguments_of"]])
        values, problems = self._resolved(options, given)
        problems += argument_problems(
            {name: options[name] for name in options if name not in given or name in values}, values
        )
        # What is wrong with a value by itself hides no rule that another value breaks.
        wrong = {name for name in options if any(re.match(rf"{name}\b", problem) for problem in problems)}
        good = {**STAND_INS, **{name: value for name, value in given.items() if name not in wrong}}
        for role in arguments["roles"]:
            problems += self._broken_rules(role, good, told=bool(problems))
        found = told_once([*arguments["problems"], *problems], given=given)
        return {**result, "changed": False, "failed": bool(found), "msg": "\n".join(found)}

    def _options(self, roles: t.Sequence[str]) -> Result:
        """Return the options of roles, and those of others that their defaults read, which need not be given."""
        specs = {
            path.parts[-3]: self._read(path)["argument_specs"]["main"]["options"]
            for path in sorted(_ROLES.glob("*/meta/argument_specs.yml"))
        }
        defaults = "".join((_ROLES / role / "defaults/main.yml").read_text() for role in roles)
        read = set(re.findall(r"irsa_\w+", defaults))
        others = {name: option for options in specs.values() for name, option in options.items() if name in read}
        of_others = {name: {**option, "required": False} for name, option in others.items()}
        of_roles = {name: option for role in roles for name, option in specs[role].items()}
        return {**{name: {"type": "str"} for name in SHARED}, **of_others, **of_roles}

    def _variables(self, host: str, task_vars: Result) -> Result:
        """Return the variables that a task on the host would have: its own, and above them those of the play."""
        hostvars = task_vars["hostvars"]
        of_play = {name: task_vars[name] for name in self._task.get_play().get_vars() if name in task_vars}
        around = {name: task_vars[name] for name in ("hostvars", "ansible_search_path") if name in task_vars}
        return {**around, "ansible_play_hosts_all": [host], **hostvars.raw_get(host), **of_play}

    def _resolved(self, options: t.Iterable[str], given: Result) -> tuple[Result, list[str]]:
        """Return the values of the variables that are given, and a sentence for each whose template has none."""
        templar = self._templar.copy_with_new_env(available_variables=given)
        values: Result = {}
        problems = []

        def resolve(name: str) -> None:
            try:
                values[name] = templar.template(given[name])
            except AnsibleError as error:
                problems.append(f"{name} has no value: {error}. Correct its template, or set what it names.")

        for name in options:
            if name in given:
                resolve(name)
        return values, problems

    def _broken_rules(self, role: str, given: Result, *, told: bool) -> list[str]:
        """Return what the role's own rules say; TOLD is whether something is wrong without them."""
        variables = {**self._read(_ROLES / role / "defaults/main.yml"), **given}
        for path in sorted((_ROLES / role / "vars").rglob("*.yml")):
            variables |= self._read(path)
        templar = self._templar.copy_with_new_env(available_variables=variables)
        try:
            return [str(problem) for problem in templar.template(variables[f"__{role}_input_problems"])]
        except AnsibleUndefinedVariable as error:
            return [] if told else [f"The variables of {role} cannot be checked: {error}. Set what is missing."]

    def _read(self, path: Path) -> Result:
        content: Result = self._loader.load_from_file(str(path), trusted_as_template=True) or {}
        return content
