# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long onprem.irsa.site takes when there is nothing to do, by link; `make bench-site` runs it on labs of its own.

On one control-plane host and then on three: the site runs once to set up, then three times with nothing to do; the
median of these quiet runs, by seconds, counts. On three hosts also without the proof's pod, and with a ping of all
hosts before each round. If a quiet run changes something, as reported by Ansible or by the lab's AWS, the benchmark
ends without figures.

A task belongs to the link of its role. "play" is the rest: the playbooks' own tasks, includes of roles among them, and
the role irsa_kubeconfig, which several links include. A task counts once, however many hosts or items it has, and as
skipped if all of them are skipped. Its seconds are those until the next task starts; the time before the first task and
after the last one goes to "play". Calls are the HTTP requests that are sent on the controller, including retries; a
call belongs to the task that was started last before it. Requests from the hosts and from the pod are not counted.

The last line is a JSON object:

    one_s, three_s, three_without_pod_s  seconds of a quiet run, with the start of ansible-playbook
    ping_s                               seconds of `ansible all -m ping` on three hosts (the median)
    tasks, api_calls, aws_calls          of the quiet run on three hosts with the pod; tasks include skipped ones
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import typing as t
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from pathlib import Path
from statistics import median

ROOT: t.Final = Path(__file__).resolve().parents[2]
HERE: t.Final = Path(__file__).resolve().parent
LAB: t.Final = ROOT / "extensions/lab"
STATE: t.Final = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "onprem-irsa/lab/state"
INVENTORY: t.Final = ("--inventory", str(STATE / "inventory.yml"))
SITE: t.Final = (str(LAB / "run"), "ansible-playbook", *INVENTORY, "onprem.irsa.site")
PING: t.Final = (str(LAB / "run"), "ansible", "all", *INVENTORY, "--module-name", "ansible.builtin.ping")
WITHOUT_POD: t.Final = ("--extra-vars", json.dumps({"irsa_verify_image": ""}))
AWS_CALLS: t.Final = "http://127.0.0.1:8118/calls"
LAB_ADDRESSES: t.Final = ip_network("198.18.0.0/15")
RUNS: t.Final = 3

DOCUMENTS, PUBLICATION, PLAY = "signing key and documents", "publication", "play"
LINKS: t.Final = {
    "irsa_issuer": DOCUMENTS,
    "irsa_iam": "IAM",
    "irsa_apiserver": "API servers",
    "irsa_webhook": "injection",
    "irsa_verify": "proof",
}
PUBLICATION_FILES: t.Final = ("publish_", "cloudfront", "close", "unbind")
ORDER: t.Final = (DOCUMENTS, PUBLICATION, *(link for link in LINKS.values() if link != DOCUMENTS), PLAY)


class Call(t.NamedTuple):
    """A request that was sent on the controller, at a Unix time in seconds."""

    at: float
    host: str
    method: str
    path: str


@dataclass
class Task:
    """A task that was started, with the outcomes and changes of its results; Unix times in seconds."""

    name: str
    link: str
    begin: float
    end: float = 0.0
    outcomes: set[str] = field(default_factory=set)
    changed: bool = False


@dataclass
class Row:
    """What a link took."""

    run: int = 0
    skipped: int = 0
    api: int = 0
    aws: int = 0
    seconds: float = 0.0


@dataclass
class Quiet:
    """A run: its seconds, its tasks in order, and its calls."""

    seconds: float
    tasks: list[Task]
    calls: list[Call]


def link_of(role: str, file: str) -> str:
    """Return the link that a task belongs to, by the names of its role and of the file that it is in."""
    link = LINKS.get(role.rpartition(".")[2], PLAY)
    published = link == DOCUMENTS and Path(file).name.startswith(PUBLICATION_FILES)
    return PUBLICATION if published else link


def service(host: str) -> str:
    """Return which column a call to a host counts in; empty for none."""
    if host.endswith(".amazonaws.com"):
        return "aws"
    try:
        return "api" if ip_address(host) in LAB_ADDRESSES else ""
    except ValueError:
        return ""


def tasks_of(lines: t.Iterable[str]) -> list[Task]:
    """Return the tasks of a run from the records that the callback wrote; a result is of the task started last."""
    tasks: list[Task] = []
    for line in lines:
        record = json.loads(line)
        if record["event"] == "result":
            tasks[-1].outcomes.add(record["outcome"])
            tasks[-1].changed |= record["changed"]
            continue
        if tasks:
            tasks[-1].end = record["at"]
        if record["event"] == "task":
            tasks.append(Task(record["name"], link_of(record["role"], record["file"]), record["at"]))
    return tasks


def calls_of(lines: t.Iterable[str]) -> list[Call]:
    """Return the calls of a run, in the order of their times, from the lines that its processes wrote."""
    words = (line.rstrip("\n").split("\t") for line in lines)
    return sorted(Call(float(at), host, method, path) for at, host, method, path in words)


def table_of(quiet: Quiet) -> dict[str, Row]:
    """Return what each link took, in the order of the chain; the seconds of all rows are those of the run."""
    rows = {link: Row() for link in ORDER}
    for task in quiet.tasks:
        row = rows[task.link]
        row.seconds += task.end - task.begin
        if task.outcomes == {"skipped"}:
            row.skipped += 1
        else:
            row.run += 1
    for call in quiet.calls:
        last = next((task.link for task in reversed(quiet.tasks) if task.begin <= call.at), PLAY)
        rows[last].api += service(call.host) == "api"
        rows[last].aws += service(call.host) == "aws"
    rows[PLAY].seconds += quiet.seconds - sum(row.seconds for row in rows.values())
    return rows


def total(rows: t.Iterable[Row]) -> Row:
    """Return the sum of rows."""
    every = [*rows]
    return Row(
        run=sum(row.run for row in every),
        skipped=sum(row.skipped for row in every),
        api=sum(row.api for row in every),
        aws=sum(row.aws for row in every),
        seconds=sum(row.seconds for row in every),
    )


def lines_of(title: str, quiet: Quiet) -> list[str]:
    """Return the table of a run as lines, and which hosts were called that no column counts."""
    rows = table_of(quiet)
    shown = [f"{title:<32}{'tasks run':>10}{'skipped':>9}{'API calls':>11}{'AWS calls':>11}{'seconds':>9}"]
    shown += [
        f"{name:<32}{row.run:>10}{row.skipped:>9}{row.api:>11}{row.aws:>11}{row.seconds:>9.1f}"
        for name, row in {**rows, "all": total(rows.values())}.items()
    ]
    others = Counter(call.host for call in quiet.calls if not service(call.host))
    return shown + [f"  in no column: {count} calls to {host}" for host, count in sorted(others.items())]


def middle(runs: t.Sequence[Quiet]) -> Quiet:
    """Return the run whose seconds are the median of an odd number of runs."""
    return sorted(runs, key=lambda quiet: quiet.seconds)[len(runs) // 2]


def refuse_changes(quiet: Quiet, writes: int) -> None:
    """End the benchmark when a run was not quiet: by the changes that its tasks report, and by the writes at AWS."""
    changed = [f"{task.link}: {task.name}" for task in quiet.tasks if task.changed]
    if changed or writes:
        sys.exit(
            f"A run with nothing to do has changed something, so there are no figures. Tasks: {changed or 'none'}; "
            f"writes at AWS: {writes}. The lab is still up; run the site on it with --diff to see what changes."
        )


def figures(one: Quiet, three: Quiet, without_pod: Quiet, pings: t.Sequence[float]) -> dict[str, float]:
    """Return what the last line shows, by the runs that count."""
    every = total(table_of(three).values())
    return {
        "one_s": round(one.seconds, 1),
        "three_s": round(three.seconds, 1),
        "three_without_pod_s": round(without_pod.seconds, 1),
        "ping_s": round(median(pings), 1),
        "tasks": every.run + every.skipped,
        "api_calls": every.api,
        "aws_calls": every.aws,
    }


def say(text: str) -> None:
    """Tell how far the benchmark is."""
    print(text, file=sys.stderr, flush=True)


def timed(command: t.Sequence[str], environment: t.Mapping[str, str] | None = None) -> float:
    """Run a command in the checkout and return its seconds; a failure ends the benchmark with its words."""
    began = time.monotonic()
    done = subprocess.run(  # noqa: S603 -- our own commands
        command, cwd=ROOT, env={**os.environ, **(environment or {})}, check=False, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-4000:]}{done.stderr[-2000:]}")
    return time.monotonic() - began


def recorded(command: t.Sequence[str]) -> Quiet:
    """Run ansible-playbook with records of its tasks and of its calls."""
    with tempfile.TemporaryDirectory() as home:
        records, calls = Path(home) / "records", Path(home) / "calls"
        calls.touch()
        folders = [str(HERE / "calls"), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {
            "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callbacks"),
            "ANSIBLE_CALLBACKS_ENABLED": "records",
            "BENCH_CALLS": str(calls),
            "BENCH_RECORDS": str(records),
            "PYTHONPATH": os.pathsep.join(folders),
        }
        seconds = timed(command, environment)
        with records.open(encoding="utf-8") as tasks, calls.open(encoding="utf-8") as sent:
            return Quiet(seconds, tasks_of(tasks), calls_of(sent))


def aws_writes(*, reset: bool = False) -> int:
    """Return how many writes the lab's AWS has counted; or count from here on."""
    url, method = (f"{AWS_CALLS}/reset", "POST") if reset else (AWS_CALLS, "GET")
    with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=30) as answer:  # noqa: S310 -- a constant http URL on the loopback
        return int(json.loads(answer.read() or b"{}").get("writes", 0))


def quiet_run(what: str, options: t.Sequence[str]) -> Quiet:
    """Run the site where it has nothing to do."""
    aws_writes(reset=True)
    quiet = recorded([*SITE, *options])
    refuse_changes(quiet, aws_writes())
    say(f"{what}: {quiet.seconds:.1f} s")
    return quiet


def cluster(nodes: int) -> None:
    """Make a new lab and let the site set it up."""
    down()
    say(f"A lab, control-plane hosts: {nodes} (one to two minutes)")
    timed(["ansible-playbook", str(LAB / "up.yml"), "--extra-vars", f"lab_nodes={nodes}"])
    say("onprem.irsa.site, to set it up (two to four minutes)")
    timed(SITE)


def down() -> None:
    """Remove the lab."""
    timed(["ansible-playbook", str(LAB / "down.yml")])


def main() -> None:
    """Measure quiet runs on one host and on three, and print what each link takes."""
    cluster(1)
    one = middle([quiet_run("one host", ()) for _number in range(RUNS)])
    cluster(3)
    pings, with_pod, without_pod = [], [], []
    for _number in range(RUNS):
        pings.append(timed(PING))
        with_pod.append(quiet_run("three hosts", ()))
        without_pod.append(quiet_run("three hosts, without the pod", WITHOUT_POD))
    down()
    three, bare = middle(with_pod), middle(without_pod)
    for title, quiet in {"one host": one, "three hosts": three, "three hosts, without the pod": bare}.items():
        print("\n".join(lines_of(title, quiet)) + "\n")
    print(json.dumps(figures(one, three, bare, pings)))


if __name__ == "__main__":
    main()
