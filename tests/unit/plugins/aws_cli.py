# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs rendered scripts with the shell: their C(aws) hands each call to a boto3 client of the test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import typing as t
from http.server import BaseHTTPRequestHandler, HTTPServer

import jmespath  # type: ignore[import-untyped]  # what boto3 and the AWS CLI have

if t.TYPE_CHECKING:
    from pathlib import Path

Client = t.Callable[..., t.Any]

# What is found as `aws` in the PATH of the script.
_PROGRAM = """\
#!{python}
import json, sys, urllib.error, urllib.request
try:
    with urllib.request.urlopen("http://127.0.0.1:{port}", json.dumps(sys.argv[1:]).encode()) as answer:
        sys.stdout.write(answer.read().decode())
except urllib.error.HTTPError as error:
    sys.exit(error.read().decode())
"""
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

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            words = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            try:
                status, text = 200, call(words, script.parent, client)
            except Exception as error:  # the script is to see it as the failure of its call
                status, text = 400, repr(error)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    programs.mkdir()
    for name, text in (
        ("aws", _PROGRAM.format(python=sys.executable, port=server.server_port)),
        ("sleep", "#!/bin/sh\n"),
    ):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    try:
        path = {"PATH": f"{programs}:{os.environ['PATH']}"}
        return subprocess.run(  # noqa: S603 -- rendered by us
            ["/bin/sh", str(script)], cwd=programs, env=path, capture_output=True, text=True, check=False
        )
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
