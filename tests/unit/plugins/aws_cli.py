# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs rendered scripts with the shell: their C(aws) hands each call to a boto3 client of the test."""

from __future__ import annotations

import json
import typing as t

import jmespath  # type: ignore[import-untyped]  # what boto3 and the AWS CLI have

from .scripts import run_with

if t.TYPE_CHECKING:
    import subprocess
    from pathlib import Path

Client = t.Callable[..., t.Any]

_SERVICES = {"s3api": "s3"}


def call(words: t.Sequence[str], directory: Path, client: Client) -> str:
    """Make one call as the AWS CLI does; return what it prints."""
    service, command, *options = words
    named = options[1:] if command == "wait" else options
    given = dict(zip(named[::2], named[1::2]))
    text = given.pop("--cli-input-json")
    if text.startswith("file://"):
        text = (directory / text.removeprefix("file://")).read_text()
    arguments = json.loads(text)
    if "--body" in given:
        arguments["Body"] = (directory / given.pop("--body")).read_bytes()
    made = client(_SERVICES.get(service, service), given.pop("--region"))
    if command == "wait":
        made.get_waiter(options[0].replace("-", "_")).wait(**arguments, WaiterConfig={"Delay": 0})
        return ""
    answer = getattr(made, command.replace("-", "_"))(**arguments)
    query, output = given.pop("--query", None), given.pop("--output", "json")
    assert not given, f"unknown options: {given}"
    if query is None:
        return ""
    assert output == "text"
    found = jmespath.search(query, answer)
    return "\t".join(str(value) for value in (found if isinstance(found, list) else [found])) + "\n"


def run_script(script: Path, client: Client, programs: Path) -> subprocess.CompletedProcess[str]:
    """Run a script with the shell, whose sleep does not, from another directory than its own."""
    programs.mkdir()
    (programs / "sleep").write_text("#!/bin/sh\n")
    (programs / "sleep").chmod(0o755)
    return run_with(script, "aws", lambda asked: call(asked["words"], script.parent, client), programs)
