# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures iam_roles against a loop of amazon.aws.iam_role and a script that calls per role; `make bench-iam` runs it.

All of them work on the same AWS on the machine (extensions/lab/aws), which takes 40 ms longer for each call and counts
them. It is started for this alone, on a free port. Times are of whole runs, with the start of ansible-playbook. The
last line is one JSON object.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import typing as t
import urllib.request
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
LAB_AWS = ROOT / "extensions" / "lab" / "aws"
PROVIDER = "arn:aws:iam::123456789012:oidc-provider/acme-prod-oidc.s3.eu-central-1.amazonaws.com"
POLICY = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
LATENCY = 0.040  # seconds a call
RUNS = ("first", "noop", "drift")
MIB = 1024  # ru_maxrss is in KiB

Role = dict[str, t.Any]
Calls = dict[str, int]


@dataclass(frozen=True)
class Measured:
    """One run: what ran, over how many roles, how long, with which calls."""

    what: str
    run: str
    roles: int
    seconds: float
    calls: Calls

    def line(self) -> str:
        """Return the row of the table."""
        kinds = ", ".join(f"{count} {name.partition(':')[2]}" for name, count in self.calls.items())
        each = 1000 * self.seconds / self.roles
        return (
            f"{self.what:<20} {self.roles:>5} {self.run:<6} {self.seconds:>8.1f} s {each:>8.1f} ms a role "
            f"{sum(self.calls.values()):>6} calls: {kinds}"
        )


class Lab:
    """The AWS on the machine, in a process of its own."""

    def __init__(self, state: Path) -> None:
        """Start it on free ports, and wait until it is ready."""
        command = [sys.executable, "-m", "lab_aws", "--port", "0", "--admin-port", "0", "--state", str(state)]
        self._process = subprocess.Popen(command, cwd=LAB_AWS, stdout=subprocess.PIPE, text=True)  # noqa: S603 -- our own
        line = self._process.stdout.readline() if self._process.stdout else ""
        port, self._admin_port = (int(part.rpartition(":")[2]) for part in line.split() if "://" in part)
        keys = self.admin("/credentials")
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | {
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".build"),
            "AWS_ACCESS_KEY_ID": keys["access_key_id"],
            "AWS_SECRET_ACCESS_KEY": keys["secret_access_key"],
            "AWS_CA_BUNDLE": str(state / "ca.pem"),
            "AWS_DEFAULT_REGION": "eu-central-1",
            "LAB_AWS": f"127.0.0.1:{port}",
            "PYTHONPATH": os.pathsep.join([str(LAB_AWS / "names"), str(ROOT / ".build")]),
        }

    def admin(self, path: str, content: object = None) -> t.Any:  # noqa: ANN401 -- JSON
        """Ask the admin port: GET, or POST with content."""
        data = None if content is None else json.dumps(content).encode()
        with urllib.request.urlopen(f"http://127.0.0.1:{self._admin_port}{path}", data, timeout=30) as answer:
            return json.load(answer)

    def reset(self) -> None:
        """Begin with an empty account."""
        self.admin("/reset", {})
        self.admin("/latency", {"seconds": LATENCY})

    def timed(self, run: t.Callable[[], object]) -> tuple[float, Calls]:
        """Return how many seconds something takes, and the calls that it makes, by kind."""
        self.admin("/calls/reset", {})
        begin = time.monotonic()
        run()
        return time.monotonic() - begin, self.admin("/calls")["by_operation"]

    def stop(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.wait(10)


def some_roles(count: int) -> list[Role]:
    """Return roles as iam_roles takes them: a service account, a managed policy, a tag."""
    return [
        {
            "name": f"bench-{number:04}",
            "service_accounts": [f"apps/service-{number:04}"],
            "managed_policies": [POLICY],
            "description": f"Service {number}",
            "tags": {"team": "data"},
        }
        for number in range(count)
    ]


class Bench:
    """The programs that are compared."""

    def __init__(self, lab: Lab, directory: Path) -> None:
        """Take where they run, and a directory for their input."""
        self._lab = lab
        self._input = directory / "input.json"

    def _run(self, *command: str) -> None:
        done = subprocess.run(command, env=self._lab.environment, capture_output=True, text=True, check=False)  # noqa: S603 -- our own
        if done.returncode:
            raise SystemExit(
                f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
            )

    def _playbook(self, name: str, roles: list[Role]) -> None:
        content = {"provider": PROVIDER, "bench_roles": roles, "ansible_python_interpreter": sys.executable}
        self._input.write_text(json.dumps(content))
        self._run("ansible-playbook", "-i", "localhost,", "-c", "local", "-e", f"@{self._input}", str(HERE / name))

    def ours(self, roles: list[Role]) -> None:
        """Run one task of iam_roles."""
        self._playbook("ours.yml", roles)

    def loop(self, roles: list[Role]) -> None:
        """Run a loop of amazon.aws.iam_role."""
        self._playbook("loop.yml", roles)

    def script(self, roles: list[Role]) -> None:
        """Run a boto3 script that asks for each role by itself."""
        self._input.write_text(json.dumps({"provider": PROVIDER, "roles": roles}))
        self._run(sys.executable, str(HERE / "per_role.py"), str(self._input))

    def drift(self, roles: list[Role]) -> None:
        """Take the policy from one role of a hundred, at least from one, by hand."""
        names = [role["name"] for role in roles[:: max(1, min(100, len(roles)))]]
        self._input.write_text(json.dumps({"detach": POLICY, "from": names}))
        self._run(sys.executable, str(HERE / "drift.py"), str(self._input))

    def peak(self, roles: list[Role]) -> float:
        """Run the module by itself; return the most memory that its process had, in MiB."""
        arguments = {"cluster": "bench", "region": "eu-central-1", "oidc_provider_arns": [PROVIDER], "roles": roles}
        self._input.write_text(json.dumps({"ANSIBLE_MODULE_ARGS": arguments}))
        module = "ansible_collections.onprem.irsa.plugins.modules.iam_roles"
        with self._input.open() as given, tempfile.TemporaryFile("w+") as result:
            process = subprocess.Popen(  # noqa: S603 -- our own
                [sys.executable, "-m", module], env=self._lab.environment, stdin=given, stdout=result
            )
            _pid, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            result.seek(0)
            content = json.load(result)
        if content.get("failed"):
            raise SystemExit(content["msg"])
        return usage.ru_maxrss / MIB


def measure(lab: Lab, bench: Bench, what: str, count: int) -> dict[str, Measured]:
    """Measure the three runs of one program on an account of its own, and print them."""
    program = {"iam_roles": bench.ours, "amazon.aws.iam_role": bench.loop, "script per role": bench.script}[what]
    roles = some_roles(count)
    found = {}
    lab.reset()
    for run in RUNS:
        if run == "drift":
            lab.admin("/latency", {"seconds": 0})
            bench.drift(roles)
            lab.admin("/latency", {"seconds": LATENCY})
        found[run] = Measured(what, run, count, *lab.timed(lambda: program(roles)))
        print(found[run].line(), flush=True)
    return found


def scaled(found: dict[str, Measured], start: float, run: str, count: int) -> float:
    """Return how long a run over COUNT roles would take, by one over less; START is of a run over none."""
    per_role = (found[run].seconds - start) / found[run].roles
    return start + per_role * count


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 100, 1000], help="numbers of roles for iam_roles")
    parser.add_argument("--looped", type=int, default=50, help="roles for the loop, whose time is scaled")
    parser.add_argument("--scripted", type=int, default=100, help="roles for the script, whose time is scaled")
    parser.add_argument("--peak", type=int, default=5000, help="roles for the memory")
    given = parser.parse_args()
    most = max(given.sizes)
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        lab = Lab(directory)
        stack.callback(lab.stop)
        bench = Bench(lab, directory)
        ours = {size: measure(lab, bench, "iam_roles", size) for size in given.sizes}[most]
        start = lab.timed(lambda: bench.loop([]))[0]
        loop = measure(lab, bench, "amazon.aws.iam_role", given.looped)
        script = measure(lab, bench, "script per role", given.scripted)
        lab.reset()
        lab.admin("/latency", {"seconds": 0})
        roles = some_roles(given.peak)
        peak = max(bench.peak(roles), bench.peak(roles))
    print(f"\nScaled to {most} roles: the loop from {given.looped}, the script from {given.scripted}.")
    print(f"A playbook takes {start:.1f} s to start, which is not scaled.")
    for run in RUNS:
        looped, scripted = scaled(loop, start, run, most), scaled(script, 0, run, most)
        seconds = ours[run].seconds
        print(
            f"{run:<6} iam_roles {seconds:>7.1f} s   loop {looped:>7.0f} s ({looped / seconds:.0f} times)   "
            f"script {scripted:>6.0f} s ({scripted / seconds:.0f} times)"
        )
    print(f"Most memory of the module for {given.peak} roles: {peak:.0f} MiB")
    print(
        json.dumps(
            {
                f"noop_speedup_{most}": round(scaled(loop, start, "noop", most) / ours["noop"].seconds, 1),
                f"noop_calls_{most}": sum(ours["noop"].calls.values()),
                f"first_speedup_{most}": round(scaled(loop, start, "first", most) / ours["first"].seconds, 1),
                f"drift_calls_{most}": sum(ours["drift"].calls.values()),
                f"peak_mib_{given.peak}": round(peak),
            }
        )
    )


if __name__ == "__main__":
    _main()
