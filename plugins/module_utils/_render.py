# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls to AWS as files that people review and run. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import json
import shlex
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ansible_collections.onprem.irsa.plugins.module_utils._aws.calls import Call

_HEAD = """\
#!/bin/sh
# Makes the calls below in their order, which readers need; calls/ has the arguments of each.
# It is for what is not there yet: it stops at the first error, and never writes over a document.
set -eu
cd "$(dirname "$0")"
"""


def rendered(service: str, region: str, calls: Sequence[Call]) -> dict[str, str]:
    """Return the files for the calls to one service of AWS, by their paths: documents, arguments and a script.

    Source of the form: AWS CLI user guide, C(--cli-input-json); contents are files of their own there.
    """
    files, lines = dict[str, str](), [_HEAD]
    for number, call in enumerate(calls, start=1):
        command = call.operation.replace("_", "-")
        arguments, body = dict(call.arguments), ""
        if "Body" in arguments:
            path = f"documents/{arguments['Key']}"
            files[path] = arguments.pop("Body").decode("utf-8")
            body = f" --body {shlex.quote(path)}"
        name = f"calls/{number:02d}-{service}-{command}.json"
        files[name] = json.dumps(arguments, indent=2) + "\n"
        lines.append(f"aws {service} {command} --region {shlex.quote(region)} --cli-input-json file://{name}{body}\n")
    return {**files, "publish.sh": "".join(lines)}


def differing(directory: Path, files: Mapping[str, str]) -> dict[str, str]:
    """Return those of the files that are not in the directory as they are to be."""
    return {
        name: text
        for name, text in files.items()
        if not (directory / name).is_file() or (directory / name).read_text(encoding="utf-8") != text
    }


def write(directory: Path, files: Mapping[str, str]) -> None:
    """Write files into a directory, which is made when it does not exist."""
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


__all__: t.Final = ("differing", "rendered", "write")
