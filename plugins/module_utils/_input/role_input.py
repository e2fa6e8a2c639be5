# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables of roles as their argument specs have them. PRIVATE to the collection: it may change without notice.

Ansible validates the arguments of one role after the other, once for each host, and names neither the value nor what
to write in its place. Here all are looked at once, before any role begins.
"""

from __future__ import annotations

import json
import re
import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._documents.issuer import NO_ISSUER
from ansible_collections.onprem.irsa.plugins.module_utils._errors import nearest
from ansible_collections.onprem.irsa.plugins.module_utils._unquoted import is_unquoted, unquoted_problem

Json = t.Mapping[str, t.Any]

# What each type is called, and an example where it is not written as it is meant.
_MUST_BE: t.Final = {
    "str": "text",
    "path": "a path",
    "int": "a whole number",
    "bool": "true or false",
    "list": "a list",
    "dict": "a dictionary",
    "raw": "one of those that its description names",
}
# Where the cluster has no name, what depends on it can be checked with any.
STAND_INS: t.Final[Json] = {"irsa_cluster": "prod"}
_EXAMPLES: t.Final = {
    "irsa_cluster": "prod",
    "irsa_region": "eu-central-1",
    "irsa_migrate_from": "{irsa_issuer_bucket: acme-prod-oidc}",
    "name": "prod-reports",
}
# Ansible, check_type_bool: what it takes for a boolean, in any case.
_BOOLEANS: t.Final = frozenset({"y", "yes", "on", "1", "true", "t", "n", "no", "off", "0", "false", "f"})
_NOT_SET: t.Final = re.compile(r"(\w+) is not set[.,]")
_QUOTED: t.Final = re.compile(r"irsa_\w+ is ('[^']*')[.:,]")
# What the issuer is made of.
_OF_ISSUER: t.Final = frozenset({"irsa_issuer_url", "irsa_issuer_bucket", "irsa_region"})
_ROLE_FORM: t.Final = "[{name: prod-reports, service_accounts: [apps/reports]}]"


def missing(name: str, says: str = "") -> str:
    """Return the sentence for a variable that has to be set; SAYS is what it is."""
    example = _EXAMPLES.get(name)
    return " ".join(filter(None, [f"{name} is not set.", says, f"Set it, as in {name}: {example}" if example else ""]))


def as_yaml(value: object) -> str:
    """Return a value as a user would write it in YAML, in one line and at most 60 characters."""
    text = value if isinstance(value, str) and value else json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004 -- said above


def argument_problems(options: t.Mapping[str, Json], given: Json) -> list[str]:
    """Return a sentence for each of the options that is missing, or whose value is of a wrong type or no choice.

    OPTIONS are those of an entry point in C(meta/argument_specs.yml), GIVEN the values by their names. What is inside
    of dictionaries is left to who reads them.
    """
    problems = []
    for name, option in options.items():
        if name in given:
            problems += _value_problems(name, option, given[name])
        elif option.get("required"):
            description = option.get("description", "")
            first = description if isinstance(description, str) else description[0]
            problems.append(missing(name, first and f"{first.partition('. ')[0].rstrip('.')}."))
    return problems


def _value_problems(name: str, option: Json, value: object) -> list[str]:
    kind = option.get("type", "str")
    must = f"It must be {_MUST_BE.get(kind, kind)}"
    if value is None:
        return [f"{name} is null, which is what YAML makes of an empty value. {must}. Give it one, or leave it out."]
    problem = _TYPES[kind](name, value) if kind in _TYPES else ""
    if problem:
        return [problem]
    choices = option.get("choices")
    known = [*map(str, choices or ())]
    # With -e, Ansible hands numbers on as text.
    if known and (str(int(str(value))) if kind == "int" else str(value)) not in known:
        hint = nearest(str(value), known)
        return [" ".join(filter(None, [f"{name} is {value!r}. It must be one of {', '.join(known)}.", hint]))]
    if kind == "list" and isinstance(value, list):
        elements = {"type": option.get("elements", "str")}
        return [
            problem
            for number, element in enumerate(value, start=1)
            for problem in _value_problems(f"{name}, item {number},", elements, element)
        ]
    return []


def _text_problem(name: str, value: object) -> str:
    if is_unquoted(value):
        return unquoted_problem(name, value)
    if isinstance(value, (list, tuple, dict)):
        return f"{name} is {as_yaml(value)}. It must be text. Give a single value."
    if not isinstance(value, str):
        return f"{name} is {value}, which YAML reads as a date. It must be text. Write it in quotes."
    return ""


def _number_problem(name: str, value: object) -> str:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if whole or (isinstance(value, str) and value.strip().lstrip("+-").isdecimal()):
        return ""
    return f"{name} is {as_yaml(value)}. It must be a whole number. Write it in digits."


def _boolean_problem(name: str, value: object) -> str:
    if isinstance(value, bool) or str(value).lower() in _BOOLEANS:
        return ""
    return f"{name} is {as_yaml(value)}. It must be true or false. Write one of them."


def _list_problem(name: str, value: object) -> str:
    if isinstance(value, (list, tuple)):
        return ""
    if name == "irsa_iam_roles":
        return _roles_problem(value)
    right = json.dumps([value], default=str) if not isinstance(value, dict) else "[...]"
    return f"{name} is {as_yaml(value)}. It must be a list. Write it as {name}: {right}"


def _roles_problem(value: object) -> str:
    """Say how a list of roles is written; a dictionary with their names as keys is how other tools take them."""
    if not isinstance(value, dict):
        return (
            f"irsa_iam_roles is {as_yaml(value)}. It must be a list of roles. Write it as irsa_iam_roles: {_ROLE_FORM}"
        )
    if "name" in value:
        name = as_yaml(value["name"])
        return (
            f"irsa_iam_roles is one role, {name}, without a list around it. It must be a list of roles. Put a dash in "
            f"front of its first line, as in `- name: {name}`, and indent the others."
        )
    names = ", ".join(map(str, value)) or "nothing in it"
    first = next(iter(value), "prod-reports")
    return (
        f"irsa_iam_roles is a dictionary with {names}. It must be a list of roles. Make each key the name of an item, "
        f"in place of `{first}:` the line `- name: {first}`, with its options under it, as in {_ROLE_FORM}"
    )


def _dictionary_problem(name: str, value: object) -> str:
    if isinstance(value, dict):
        return ""
    if ", item " in name and name.startswith("irsa_iam_roles"):
        return f"{name} is {as_yaml(value)}. It must be a role. Write it as {_ROLE_FORM[1:-1]}"
    return f"{name} is {as_yaml(value)}. It must be a dictionary. Write it as {{key: value}}."


_TYPES: t.Final[dict[str, t.Callable[[str, object], str]]] = {
    "str": _text_problem,
    "path": _text_problem,
    "int": _number_problem,
    "bool": _boolean_problem,
    "list": _list_problem,
    "dict": _dictionary_problem,
}


def told_once(problems: t.Sequence[str], *, given: t.Collection[str] | None = None) -> list[str]:
    """Return the problems without those that follow from others: several roles read the same variable.

    That a variable is not set is told once, and where nothing else is told of it, such as another name that was meant
    for it; and that there is no issuer where nothing that it is made of is missing. Of variables that the user has not
    GIVEN, whose defaults come from others, nothing is told that is told of another one; without GIVEN all are the
    user's.
    """
    said = {problem.split()[0] for problem in problems if not _NOT_SET.match(problem)}
    said |= {name for problem in problems for name in re.findall(r"Did you mean (irsa_\w+)\?", problem)}
    unset = {match[1] for match in map(_NOT_SET.match, problems) if match}
    told: list[str] = []
    for problem in problems:
        match = _NOT_SET.match(problem)
        of_others = match is not None and match[1] in said
        of_parts = problem == NO_ISSUER and bool((said | unset) & _OF_ISSUER)
        if not (of_others or of_parts or any(problem in other or other in problem for other in told)):
            told.append(problem)
        said |= {match[1]} if match else set()
    others = [] if given is None else [problem for problem in told if _is_of_default(problem, told, given)]
    return [problem for problem in told if problem not in others]


def _is_of_default(problem: str, told: t.Iterable[str], given: t.Collection[str]) -> bool:
    """Tell whether a problem is one of a default, and the same is told of what that default comes from."""
    name, _space, sentence = problem.partition(" ")
    if not name.startswith("irsa_") or name.rstrip(",:") in given or _NOT_SET.match(problem):
        return False
    value = _QUOTED.match(problem)
    parts = [sentence, value[1]] if value else [sentence]
    sources = [
        other for other in told if other is not problem and (not other.startswith("irsa_") or other.split()[0] in given)
    ]
    return any(part in source for part in parts for source in sources)


__all__: t.Final = ("STAND_INS", "argument_problems", "as_yaml", "missing", "told_once")
