# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demonstration: a cluster from nothing, onprem.irsa.site twice, and a table of what was seen."""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
import typing as t
import urllib.request
from pathlib import Path

LAB = Path(__file__).resolve().parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "onprem-irsa" / "lab"
AWS_CALLS = "http://127.0.0.1:8118/calls"
SITE = [str(LAB / "run"), "ansible-playbook", "--inventory", str(CACHE / "state" / "inventory.yml"), "onprem.irsa.site"]


class Row(t.NamedTuple):
    """A line of the closing table; result says what was seen, seconds how long it took."""

    what: str
    result: str
    seconds: float


def run(command: list[str]) -> tuple[str, float]:
    """Run a command, show its output as it comes, return that and the seconds it took; a failure ends the demo."""
    started = time.monotonic()
    print(f"\n$ {' '.join(command)}", flush=True)
    lines = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 -- our own commands
        for line in process.stdout or ():
            print(line, end="", flush=True)
            lines.append(line)
    if process.returncode:
        sys.exit(
            f"The demo stopped: the command above ended with {process.returncode}."
            " Its output names the cause; `make demo` goes on from there."
        )
    return "".join(lines), time.monotonic() - started


def aws_calls(*, reset: bool = False) -> dict[str, t.Any]:
    """Ask the AWS on the machine what was called since its counters were reset; or reset them."""
    url, method = (f"{AWS_CALLS}/reset", "POST") if reset else (AWS_CALLS, "GET")
    with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=5) as answer:  # noqa: S310 -- a constant http URL on the loopback
        return t.cast("dict[str, t.Any]", json.loads(answer.read() or b"{}"))


def seen(output: str, pattern: str, what: str) -> str:
    """Return what the pattern finds in the output, or end the demo saying what is not there."""
    found = re.findall(pattern, output)
    return str(found[-1]) if found else sys.exit(f"The demo failed: the output shows no {what}.")


def second_run(output: str, calls: dict[str, t.Any]) -> str:
    """Judge the second run by the play's recap and the calls that AWS counted."""
    changed = sum(int(number) for number in re.findall(r"changed=(\d+)", output))
    if changed or calls["writes"]:
        sys.exit(
            f"The demo failed: the second run reports changed={changed} and AWS counted {calls};"
            " both must be free of changes."
        )
    return f"changed=0, {calls['reads']} reads and no write at AWS"


def main() -> None:
    """Run the demonstration."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", choices=["1", "3"], default="1", help="control-plane nodes of the cluster")
    nodes = parser.parse_args().nodes
    lab_seconds = run(["ansible-playbook", str(LAB / "up.yml"), "--extra-vars", f"lab_nodes={nodes}"])[1]
    first, first_seconds = run(SITE)
    arn = seen(first, r"arn:aws:sts::\d+:assumed-role/\S+", "ARN of an assumed role")
    aws_calls(reset=True)
    second, second_seconds = run(SITE)
    rows = [
        Row("a kubeadm cluster in containers", f"{nodes} control-plane node(s) ready", lab_seconds),
        Row("onprem.irsa.site", f"a pod is {arn}", first_seconds),
        Row("onprem.irsa.site again", second_run(second, aws_calls()), second_seconds),
    ]
    print("\nThe demo, all of it seen on this machine:\n")
    for row in rows:
        print(f"  {row.what:<32} {row.result:<90} {row.seconds:6.1f} s")
    print("\nLook around: extensions/lab/run kubectl get pods -A. Remove it all: make demo-down.")


if __name__ == "__main__":
    main()
