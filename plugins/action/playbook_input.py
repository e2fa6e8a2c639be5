# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control plane that a run is for, and all that is wrong with the variables of several roles; no host is
contacted."""

from __future__ import annotations

import re
import typing as t

from ansible.plugins.action import ActionBase

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.inventory import (
    CONTROLLER,
    ControlPlane,
    control_plane,
    needs_hosts,
)
from ansible_collections.onprem.irsa.plugins.module_utils._input.role_input import (
    STAND_INS,
    argument_problems,
    told_once,
)
from ansible_collections.onprem.irsa.plugins.module_utils._input.run_options import chosen_tags
from ansible_collections.onprem.irsa.plugins.module_utils._input.variables import SHARED, options_of, unknown
from ansible_collections.onprem.irsa.plugins.module_utils._rules import render
from ansible_collections.onprem.irsa.plugins.module_utils._rules.roles import RULES
from ansible_collections.onprem.irsa.plugins.modules.playbook_input import ARGUMENT_SPEC
from ansible_collections.onprem.irsa.plugins.plugin_utils._arguments import arguments_of
from ansible_collections.onprem.irsa.plugins.plugin_utils._variables import (
    ROLES,
    Resolved,
    broken_rules,
    differing_variables,
    look,
    specifications,
)

Result = dict[str, t.Any]

_GROUP: t.Final = "irsa_control_plane_group"
# What may be one of ours, with its prefix misspelt.
_OURS: t.Final = re.compile("[A-Za-z]{3,5}[_-]")


class ActionModule(ActionBase):
    """Reads what the roles say of their variables, and applies it to those of the first host of the control plane."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: Result | None = None) -> Result:
        """Return the control plane, or what is wrong; the task fails when anything is."""
        result: Result = {**super().run(tmp, task_vars), "changed": False}
        arguments = arguments_of(self, ARGUMENT_SPEC)
        around = task_vars or {}
        plane = self._control_plane(arguments, around)
        found = [plane.problem] if plane.problem else self._problems(plane, arguments, around)
        if found:
            return {**result, "failed": True, "msg": "\n".join(found)}
        return {**result, "hosts": list(plane.hosts), "is_controller": plane.is_controller}

    def _control_plane(self, arguments: Result, around: Result) -> ControlPlane:
        hostvars, groups = around["hostvars"], around["groups"]
        chosen = str(arguments["group"])
        # An importer's that takes a variable of the inventory counts where the host has none of its own.
        if not chosen and _GROUP in around and _GROUP not in hostvars[around["inventory_hostname"]]:
            chosen = str(Resolved(self._templar, around).get(_GROUP) or "")
        named = {} if chosen else {host: str(hostvars[host].get(_GROUP) or "") for host in groups["all"]}
        alone = arguments["hosts_optional"] or not self._needs_hosts(around)
        return control_plane(named, groups, around["ansible_play_hosts_all"], chosen=chosen, without_hosts=alone)

    def _needs_hosts(self, around: Result) -> bool:
        """Tell whether a run by the controller alone would lack hosts, by the variables that it has."""
        if CONTROLLER not in around["ansible_play_hosts_all"]:
            return True
        own = Resolved(self._templar, self._given(around["hostvars"].raw_get(CONTROLLER), around, CONTROLLER))
        values, _problems = own.split(name for name in ("irsa_issuer_keys", "irsa_apiserver_flags") if name in own)
        # An empty value is told as that, not as the lack of hosts that it would need.
        keys = values.get("irsa_issuer_keys", "hosts")
        keys = "" if keys is None else keys
        return needs_hosts(keys, values.get("irsa_apiserver_flags"), renders=render.NAME in own)

    def _problems(self, plane: ControlPlane, arguments: Result, around: Result) -> list[str]:
        """Return a sentence for everything that is wrong, with the variables that hosts of the control plane have."""
        hostvars, specs = around["hostvars"], specifications()
        own = {host: hostvars.raw_get(host) for host in plane.hosts}
        names = {name for variables in own.values() for name in variables} | {*filter(_OURS.match, around)}
        problems = unknown(map(str, names), {role: options_of(spec) for role, spec in specs.items()})
        problems += differing_variables(hostvars, plane.hosts, specs)
        given = self._given(own[plane.hosts[0]], around, plane.hosts[0])
        given |= {name: around[short] for short, name in arguments["called"].items() if short in around}
        problems += self._render_problems(arguments, given)
        left_alone = self._left_alone(arguments, given, around)
        arguments = {**arguments, "roles": [role for role in arguments["roles"] if role not in left_alone]}
        return told_once([*problems, *self._role_problems(arguments, specs, given)], given=given)

    def _render_problems(self, arguments: Result, given: Result) -> list[str]:
        """Return why files cannot be written in place of acting, where that is asked for."""
        if render.NAME not in given:
            return []
        values, _problems = Resolved(self._templar, given).split(
            name for name in (render.NAME, render.VERSION) if name in given
        )
        return [*(render.problems(values, look) if arguments["renders"] else render.acting_problems(values))]

    def _left_alone(self, arguments: Result, given: Result, around: Result) -> set[str]:
        """Return the roles of which this run needs nothing, by its tags and by where the keys come from."""
        values, _problems = Resolved(self._templar, given).split(
            name for name in ("irsa_issuer_keys", "irsa_issuer_publisher") if name in given
        )
        running = chosen_tags(
            arguments["tags"], wanted=around.get("ansible_run_tags", ()), skipped=around.get("ansible_skip_tags", ())
        )
        keys = values.get("irsa_issuer_keys")
        if render.NAME in given:  # API servers are asked for their keys alone
            asks_api, makes_roles = keys == "api", bool({"iam", "inject"} & {*running})
        else:
            alone = bool(running) and {*running} <= {*arguments["tags_without_api"]}
            publishes = values.get("irsa_issuer_publisher") == "apiserver"
            asks_api, makes_roles = publishes or not (alone and isinstance(keys, (list, tuple))), True
        needed = {"irsa_kubeconfig": asks_api, "irsa_iam": makes_roles}
        return {role for role, is_needed in needed.items() if not is_needed}

    def _given(self, own: Result, around: Result, host: str) -> Result:
        """Return the variables that a task on the host would have: its own, and above them those of the play."""
        of_play = {name: around[name] for name in self._task.get_play().get_vars() if name in around}
        magic = {name: around[name] for name in ("groups", "hostvars", "ansible_search_path") if name in around}
        return {**magic, "ansible_play_hosts_all": [host], **own, **of_play}

    def _role_problems(self, arguments: Result, specs: t.Mapping[str, Result], given: Result) -> list[str]:
        roles = arguments["roles"]
        defaults = {role: self._defaults(role) for role in [*roles, *arguments["arguments_of"]]}
        options = _options(specs, defaults)
        values, problems = Resolved(self._templar, given).split(name for name in options if name in given)
        problems += argument_problems(
            {name: options[name] for name in options if name not in given or name in values}, values
        )
        # What is wrong with a value by itself hides no rule that another value breaks.
        wrong = {name for name in options if any(re.match(rf"{name}\b", problem) for problem in problems)}
        good = {**STAND_INS, **{name: value for name, value in given.items() if name not in wrong}}
        for role in roles:
            resolved = Resolved(self._templar, {**defaults[role], **good})
            problems += broken_rules(role, RULES[role], resolved, told=bool(problems))
        return problems

    def _defaults(self, role: str) -> Result:
        path = str(ROLES / role / "defaults/main.yml")
        content: Result = self._loader.load_from_file(path, trusted_as_template=True)
        return content


def _options(specs: t.Mapping[str, Result], defaults: t.Mapping[str, Result]) -> Result:
    """Return the options of roles, and those of others that their DEFAULTS read, which need not be given."""
    of = {role: spec["argument_specs"]["main"]["options"] for role, spec in specs.items()}
    read = set(re.findall(r"irsa_\w+", str(defaults)))
    others = {name: option for options in of.values() for name, option in options.items() if name in read}
    of_others = {name: {**option, "required": False} for name, option in others.items()}
    of_roles = {name: option for role in defaults for name, option in of[role].items()}
    return {**SHARED, **of_others, **of_roles}
