# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is given to the roles, and what the rules for it look at. PRIVATE to the collection: it may change.

Variables come from the task, as it has them, or from a host of another play; what the controller has under a path is
looked up here, because rules are pure.
"""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

import yaml
from ansible.errors import AnsibleError, AnsibleUndefinedVariable, AnsibleValueOmittedError

from ansible_collections.onprem.irsa.plugins.module_utils._input.variables import differing, of_a_cluster, options_of
from ansible_collections.onprem.irsa.plugins.module_utils._rules.values import File

if t.TYPE_CHECKING:
    from ansible.template import Templar

    from ansible_collections.onprem.irsa.plugins.module_utils._rules.roles import Rules

Variables = dict[str, t.Any]

ROLES: t.Final = Path(__file__).parents[2] / "roles"
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where PyYAML was built with it


class OmittedError(KeyError):
    """A variable is omitted (C(omit)), which is as if it was not there."""


class Resolved(t.Mapping[str, t.Any]):
    """The values of variables, each rendered when it is asked for: what nobody asks for may have no value."""

    def __init__(self, templar: Templar, variables: Variables) -> None:
        """Take the variables as they are written, and Ansible's own means to render them."""
        self._templar = templar.copy_with_new_env(available_variables=variables)
        self._variables = variables
        self._known: Variables = {}

    def __getitem__(self, name: str) -> t.Any:  # noqa: ANN401 -- of any type
        """Return a value; raise KeyError where there is none, and AnsibleError where its template has none."""
        if name not in self._known:
            try:
                self._known[name] = self._templar.template(self._variables[name])
            except AnsibleValueOmittedError:
                raise OmittedError(name) from None
        return self._known[name]

    def __iter__(self) -> t.Iterator[str]:
        """Iterate over the names."""
        return iter(self._variables)

    def __len__(self) -> int:
        """Return how many there are, with those that are omitted."""
        return len(self._variables)

    def split(self, names: t.Iterable[str]) -> tuple[Variables, list[str]]:
        """Return the values of those that are there, and a sentence for each whose template has none."""
        values: Variables = {}
        problems: list[str] = []
        for name in names:
            problem = self._problem(name)
            problems += [problem] if problem else []
            values |= {name: self._known[name]} if name in self._known else {}
        return values, problems

    def _problem(self, name: str) -> str:
        try:
            self.get(name)
        except AnsibleError as error:
            return f"{name} has no value: {error}. Correct its template, or set what it names."
        return ""


def specifications() -> dict[str, Variables]:
    """Return what each role says of its variables, by its name: the content of C(meta/argument_specs.yml)."""
    return {
        path.parts[-3]: yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 -- a safe one
        for path in sorted(ROLES.glob("*/meta/argument_specs.yml"))
    }


def differing_variables(
    hostvars: t.Mapping[str, t.Mapping[str, t.Any]],
    hosts: t.Iterable[str],
    specs: t.Mapping[str, Variables] | None = None,
) -> list[str]:
    """Say which variables of the roles hosts of one control plane have differently; SPECS are specifications()."""
    names = of_a_cluster(map(options_of, (specs or specifications()).values()))
    return differing(
        {
            host: {str(name): _value_of(variables, name) for name in variables if name in names}
            for host in hosts
            for variables in [hostvars[host]]
        }
    )


def _value_of(variables: t.Mapping[str, t.Any], name: str) -> object:
    """Return a host's value, or why its template gives none: that is judged where the variable is used."""
    try:
        return variables[name]
    except (AnsibleError, AnsibleValueOmittedError):
        return "a template without a value"


def look(path: str) -> File:
    """Return what the controller has under a path, as a user writes it.

    One that is relative is so to the user's working directory: Ansible's own search goes by where the playbook is,
    which may be in a collection.
    """
    complete = Path(os.path.realpath(Path(path).expanduser()))
    is_readable = complete.is_file() and os.access(complete, os.R_OK)
    return File(
        path=str(complete),
        is_file=complete.is_file(),
        is_directory=complete.is_dir(),
        is_readable=is_readable,
        text=_text(complete) if is_readable else None,
    )


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def broken_rules(role: str, rules: Rules, values: Resolved, *, told: bool = False) -> list[str]:
    """Return what the rules of a role say; TOLD is whether something is known to be wrong that may be the cause."""
    try:
        return rules(values, look)
    except OmittedError as error:
        return [f"{error.args[0]} is omitted, and {role} needs it. Set it, or leave it out to have the default."]
    except AnsibleUndefinedVariable as error:
        return [] if told else [f"The variables of {role} cannot be checked: {error}. Set what is missing."]


__all__: t.Final = (
    "ROLES",
    "OmittedError",
    "Resolved",
    "Variables",
    "broken_rules",
    "differing_variables",
    "look",
    "specifications",
)
