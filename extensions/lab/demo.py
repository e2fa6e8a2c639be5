# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demonstration: a cluster from nothing, onprem.irsa.site twice, and a table of what was seen."""

from __future__ import annotations

import argparse
import itertools
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
INVENTORY = CACHE / "state" / "inventory.yml"
SITE = [str(LAB / "run"), "ansible-playbook", "--inventory", str(INVENTORY), "onprem.irsa.site"]


PROOF = ("link", "checked", "result", "seconds")
LOOK_AROUND = """
Look around:
  extensions/lab/bin/kubectl get pods --all-namespaces
  extensions/lab/bin/kubectl --namespace demo get serviceaccount app --output yaml
  extensions/lab/run ansible-playbook --inventory {inventory} onprem.irsa.verify
Remove it all: make demo-down"""


class Row(t.NamedTuple):
    """A line of the closing table; result says what was seen, seconds how long it took, where that was measured."""

    what: str
    result: str
    seconds: float | None


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


def shown(output: str, columns: t.Sequence[str]) -> list[dict[str, str]]:
    """Return the rows of the last table that a play has shown under these columns; none where it has shown none."""
    # The debug module shows a list of lines as JSON, one on a line.
    lines = [line.strip().rstrip(",") for line in re.sub(r"\x1b\[[\d;]*m", "", output).splitlines()]
    texts = [json.loads(line) if re.fullmatch(r'"(?:[^"\\]|\\.)*"', line) else "" for line in lines]
    heads = [number for number, text in enumerate(texts) if text.split() == list(columns)]
    if not heads:
        return []
    starts = [texts[heads[-1]].index(name) for name in columns]
    return [
        {name: text[a:b].strip() for name, a, b in zip(columns, starts, [*starts[1:], None])}
        for text in itertools.takewhile(bool, texts[heads[-1] + 1 :])
    ]


def proof(output: str) -> list[Row]:
    """Return the links of the proof that a run has shown, or end the demo when it has shown none."""
    found = [
        Row(row["link"], row["result"], float(row["seconds"]) if row["seconds"] else None)
        for row in shown(output, PROOF)
    ]
    return found or sys.exit("The demo failed: the output shows no proof.")


def restart(output: str) -> Row:
    """Return for how long an API server gave no answer while it was switched."""
    found = re.findall(r"longest time without an answer: ([\d.]+) s", output)
    result = "no answer, at the longest" if found else "not restarted: it signs as before"
    return Row("API server, when switched", result, float(found[-1]) if found else None)


def line(row: Row) -> str:
    """Return a row as a line of the closing table."""
    seconds = "" if row.seconds is None else f"{row.seconds:6.1f} s"
    return f"  {row.what:<32} {row.result:<80} {seconds}".rstrip()


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
        Row("a kubeadm cluster in containers", f"control-plane nodes: {nodes}", lab_seconds),
        Row("onprem.irsa.site", f"a pod is {arn}", first_seconds),
        *proof(first),
        restart(first),
        Row("onprem.irsa.site again", second_run(second, aws_calls()), second_seconds),
    ]
    print("\nThe demo, all of it seen on this machine:\n")
    print("\n".join(map(line, rows)))
    print(LOOK_AROUND.format(inventory=INVENTORY))


if __name__ == "__main__":
    main()
