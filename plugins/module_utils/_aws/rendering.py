# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls to AWS as files that people review and run. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import json
import shlex
import typing as t
from dataclasses import dataclass, field

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ansible_collections.onprem.irsa.plugins.module_utils._aws.calls import Call

OWNED: t.Final = ("calls/[0-9][0-9]-*.json", "documents/**/*")
"""What rendered() names its files, but the script: patterns below their directory."""

_HEAD = """\
#!/bin/sh
# Makes the calls below in their order, which readers need; calls/ has the arguments of each.
# It is for what is not there yet: it stops at the first error, and overwrites nothing.
"""
_CAPTURES = """\
# ${NAME} in the arguments stands for what AWS assigns, which an earlier call's answer has.
"""
_BEGIN = """\
set -eu
cd "$(dirname "$0")"
export AWS_PAGER= # or version 2 shows each answer with a pager
"""


@dataclass(frozen=True)
class ScriptStep:
    """One call of the script."""

    service: str
    """As the AWS CLI has it."""
    region: str
    call: Call
    captures: Mapping[str, str] = field(default_factory=dict)
    """Shell variables that later steps use, with the JMESPath of each in the answer; a read is repeated for them."""
    says: str = ""
    """What people are told after it, in which C(${NAME}) stands for a variable."""


def check_state(state: str) -> None:
    """Raise InputError when something should be removed: which calls that takes shows only by others."""
    if state != "present":
        raise InputError(
            f"There are no calls to review for state {state}: which ones it takes depends on what is there.",
            fix="Leave out render, and review what check mode and --diff show.",
        )


def rendered(steps: Sequence[ScriptStep]) -> dict[str, str]:
    """Return the files for calls to AWS, by their paths: documents, arguments and a script.

    Source of the form: AWS CLI user guide, C(--cli-input-json); contents are files of their own there.
    """
    files, lines, known = dict[str, str](), list[str](), list[str]()
    for number, step in enumerate(steps, start=1):
        command = step.call.operation.replace("_", "-")
        arguments, body = dict(step.call.arguments), ""
        if "Body" in arguments:
            path = f"documents/{arguments['Key']}"
            files[path] = arguments.pop("Body").decode("utf-8")
            body = f" --body {shlex.quote(path)}"
        name = f"calls/{number:02d}-{step.service}-{command.replace(' ', '-')}.json"
        files[name] = json.dumps(arguments, indent=2) + "\n"
        given = _given(name, [variable for variable in known if f"${{{variable}}}" in files[name]])
        made = f"aws {step.service} {command} --region {shlex.quote(step.region)} --cli-input-json {given}{body}"
        lines.append(_captured(made, step) + (f'echo "{step.says}"\n' if step.says else ""))
        known += step.captures
    return {**files, "publish.sh": "".join([_HEAD, _CAPTURES if known else "", _BEGIN, *lines])}


def _given(name: str, variables: Sequence[str]) -> str:
    """Return the arguments in a file as the AWS CLI takes them, with the variables filled in."""
    if not variables:
        return f"file://{name}"
    filled = " ".join(f'-e "s|\\${{{variable}}}|${variable}|g"' for variable in variables)
    return f'"$(sed {filled} {name})"'


def _captured(made: str, step: ScriptStep) -> str:
    """Return the lines that make a call and keep what should be captured.

    The AWS CLI prints C(None) for what an answer does not have; a read shows some things only after a while.
    """
    if not step.captures:
        return f"{made}\n"
    names, paths = " ".join(step.captures), ", ".join(step.captures.values())
    several = len(step.captures) > 1
    kept, query = ("answer", f"[{paths}]") if several else (names, paths)
    line = f"{kept}=$({made} --query {shlex.quote(query)} --output text)"
    if step.call.operation.startswith("describe_"):
        line = f'while {line} || exit; [ "${{{kept}#None}}" != "${kept}" ]; do sleep 5; done'
    return f"{line}\nread -r {names} <<END\n$answer\nEND\n" if several else f"{line}\n"


__all__: t.Final = ("OWNED", "ScriptStep", "check_state", "rendered")
