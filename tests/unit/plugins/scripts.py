# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs scripts with the shell, for which a program is a function of the test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import typing as t
from http.server import BaseHTTPRequestHandler, HTTPServer

if t.TYPE_CHECKING:
    from pathlib import Path

Json = dict[str, t.Any]

# What is found under the program's name in the PATH of the script.
_PROGRAM = """\
#!{python}
import json, os, sys, urllib.error, urllib.request
words = sys.argv[1:]
asked = {{"words": words, "directory": os.getcwd(), "given": sys.stdin.read() if "-" in words else ""}}
try:
    with urllib.request.urlopen("http://127.0.0.1:{port}", json.dumps(asked).encode()) as answer:
        sys.stdout.write(answer.read().decode())
except urllib.error.HTTPError as error:
    sys.exit(error.read().decode())
"""


class RefusedError(Exception):
    """What a program says, and ends with."""


def run_with(
    script: Path, program: str, answer: t.Callable[[Json], str], programs: Path
) -> subprocess.CompletedProcess[str]:
    """Run a script from another directory than its own, with programs in a directory of the PATH.

    answer: takes the WORDS behind the program's name, the DIRECTORY where it runs and, where one of the words is C(-),
    what it is GIVEN on its standard input; returns what it prints. What it raises ends the program.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            try:
                status, text = 200, answer(asked)
            except Exception as error:  # the script is to see it as the failure of its command
                status, text = 400, str(error) if isinstance(error, RefusedError) else repr(error)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    programs.mkdir(exist_ok=True)
    (programs / program).write_text(_PROGRAM.format(python=sys.executable, port=server.server_port))
    (programs / program).chmod(0o755)
    try:
        path = {"PATH": f"{programs}:{os.environ['PATH']}"}
        return subprocess.run(  # noqa: S603 -- rendered by us
            ["/bin/sh", str(script)], cwd=programs, env=path, capture_output=True, text=True, check=False
        )
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
