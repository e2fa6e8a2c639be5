# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes a line for each HTTP request that a process sends: Unix time, host, method, path; tabs between.

Python imports a module of this name when it starts, and an Ansible module that runs on the controller is a Python
process with the environment of ansible-playbook. http.client reports what it sends to audit hooks, and urllib3 and
botocore send through it. A hook needs no import of http.client, which would make every process start more slowly.
"""

from __future__ import annotations

import os
import sys
import time


def request(data: object) -> tuple[str, str] | None:
    """Return the method and the path (without a query) that data begins a request with; None where it does not."""
    words = data.partition(b"\r\n")[0].split(b" ") if isinstance(data, bytes) else []
    if len(words) != 3 or not words[2].startswith(b"HTTP/"):
        return None
    return words[0].decode(), words[1].partition(b"?")[0].decode()


def record(file: str, event: str, arguments: tuple[object, ...]) -> None:
    """Write a line to the file if this is the event of a request."""
    if event != "http.client.send":
        return
    connection, data = arguments
    sent = request(data)
    if sent:
        line = "\t".join([str(time.time()), str(getattr(connection, "host", "")), *sent]) + "\n"
        with open(file, "a", encoding="utf-8") as calls:  # noqa: PTH123 -- pathlib is an import
            calls.write(line)


if calls_file := os.environ.get("BENCH_CALLS", ""):
    sys.addaudithook(lambda event, arguments: record(calls_file, event, arguments))
