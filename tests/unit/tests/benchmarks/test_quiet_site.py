# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the benchmark assigns tasks and calls to links, and what it takes for a quiet run."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import threading
import typing as t
from pathlib import Path

import pytest

from ansible_collections.onprem.irsa.tests.benchmarks import quiet_site
from ansible_collections.onprem.irsa.tests.benchmarks.calls import sitecustomize
from ansible_collections.onprem.irsa.tests.benchmarks.quiet_site import Call, Quiet, Row, Task

S3 = "onprem-irsa-lab.s3.eu-central-1.amazonaws.com"
CALLS = Path(sitecustomize.__file__).parent


@pytest.mark.parametrize(
    ("role", "file", "link"),
    [
        ("onprem.irsa.irsa_issuer", "/c/roles/irsa_issuer/tasks/documents.yml", "signing key and documents"),
        ("onprem.irsa.irsa_issuer", "/c/roles/irsa_issuer/tasks/publish_s3.yml", "publication"),
        ("onprem.irsa.irsa_issuer", "/c/roles/irsa_issuer/tasks/close.yml", "publication"),
        ("irsa_iam", "/c/roles/irsa_iam/tasks/cluster.yml", "IAM"),
        ("onprem.irsa.irsa_apiserver", "/c/roles/irsa_apiserver/tasks/close.yml", "API servers"),
        ("onprem.irsa.irsa_webhook", "/c/roles/irsa_webhook/tasks/check.yml", "injection"),
        ("onprem.irsa.irsa_verify", "/c/roles/irsa_verify/tasks/pod.yml", "proof"),
        ("onprem.irsa.irsa_kubeconfig", "/c/roles/irsa_kubeconfig/tasks/main.yml", "play"),
        ("", "/c/playbooks/site.yml", "play"),
    ],
)
def test_a_task_belongs_to_the_link_of_its_role(role: str, file: str, link: str) -> None:
    assert quiet_site.link_of(role, file) == link


@pytest.mark.parametrize(
    ("host", "column"),
    [
        (S3, "aws"),
        ("sts.eu-central-1.amazonaws.com", "aws"),
        ("198.18.18.1", "api"),
        ("198.18.19.13", "api"),
        ("127.0.0.1", ""),
        ("amazonaws.com.example.com", ""),
    ],
)
def test_a_call_counts_by_its_host(host: str, column: str) -> None:
    assert quiet_site.service(host) == column


def record(at: float, event: str, **values: object) -> str:
    return json.dumps({"at": at, "event": event, **values}) + "\n"


def started(at: float, name: str, role: str) -> str:
    return record(at, "task", name=name, role=f"onprem.irsa.{role}" if role else "", file=f"/c/{role}/tasks/main.yml")


def result(outcome: str, *, changed: bool = False) -> str:
    return record(0, "result", outcome=outcome, changed=changed)


RECORDS = [
    started(100, "include", ""),
    result("skipped"),
    result("ok"),
    started(101, "roles", "irsa_iam"),
    result("ok"),
    started(103, "no role", "irsa_iam"),
    result("skipped"),
    result("skipped"),
    started(103.5, "prove", "irsa_verify"),
    result("failed"),
    record(107.5, "end"),
]


def test_records_become_tasks() -> None:
    assert quiet_site.tasks_of(RECORDS) == [
        Task("include", "play", 100, 101, {"skipped", "ok"}),
        Task("roles", "IAM", 101, 103, {"ok"}),
        Task("no role", "IAM", 103, 103.5, {"skipped"}),
        Task("prove", "proof", 103.5, 107.5, {"failed"}),
    ]


def test_lines_become_calls_in_the_order_of_their_times() -> None:
    lines = ["3.5\t198.18.19.11\tGET\t/api\n", f"2\t{S3}\tHEAD\t/\n"]
    assert quiet_site.calls_of(lines) == [Call(2, S3, "HEAD", "/"), Call(3.5, "198.18.19.11", "GET", "/api")]


def quiet(seconds: float = 10) -> Quiet:
    calls = [
        Call(99, "198.18.18.1", "GET", "/before"),
        Call(101, "iam.amazonaws.com", "POST", "/"),
        Call(103.2, "iam.amazonaws.com", "POST", "/"),
        Call(104, "198.18.19.11", "POST", "/api/v1/pods"),
        Call(104, S3, "GET", "/.well-known/openid-configuration"),
        Call(105, "example.com", "GET", "/"),
    ]
    return Quiet(seconds, quiet_site.tasks_of(RECORDS), calls)


def test_each_link_is_given_its_tasks_calls_and_seconds_and_play_the_rest() -> None:
    rows = quiet_site.table_of(quiet())
    assert [*rows] == [
        *("signing key and documents", "publication", "IAM", "API servers", "injection", "proof", "play"),
    ]
    assert {name: row for name, row in rows.items() if row != Row()} == {
        "IAM": Row(run=1, skipped=1, aws=2, seconds=2.5),
        "proof": Row(run=1, api=1, aws=1, seconds=4),
        "play": Row(run=1, api=1, seconds=3.5),
    }
    assert quiet_site.total(rows.values()) == Row(run=3, skipped=1, api=2, aws=3, seconds=10)


def test_the_table_shows_all_rows_their_sum_and_calls_in_no_column() -> None:
    lines = quiet_site.lines_of("three hosts", quiet())
    assert len(lines) == 1 + 7 + 1 + 1
    assert lines[3].split() == ["IAM", "1", "1", "0", "2", "2.5"]
    assert lines[-2].split() == ["all", "3", "1", "2", "3", "10.0"]
    assert lines[-1].strip() == "in no column: 1 calls to example.com"


def test_the_median_run_counts() -> None:
    assert quiet_site.middle([quiet(30), quiet(9), quiet(11)]).seconds == 11


def test_the_figures_are_of_the_run_on_three_hosts() -> None:
    found = quiet_site.figures(Quiet(8.04, [], []), quiet(), Quiet(9.96, [], []), [3.0, 9.0, 3.44])
    assert found == {
        "one_s": 8.0,
        "three_s": 10,
        "three_without_pod_s": 10.0,
        "ping_s": 3.4,
        "tasks": 4,
        "api_calls": 2,
        "aws_calls": 3,
    }


def test_a_run_that_changes_something_gives_no_figures() -> None:
    quiet_site.refuse_changes(quiet(), 0)
    with pytest.raises(SystemExit, match=r"no figures.*none.*writes at AWS: 2"):
        quiet_site.refuse_changes(quiet(), 2)
    changed = Quiet(1, quiet_site.tasks_of([started(1, "roles", "irsa_iam"), result("ok", changed=True)]), [])
    with pytest.raises(SystemExit, match=r"no figures.*IAM: roles"):
        quiet_site.refuse_changes(changed, 0)


@pytest.mark.parametrize(
    ("data", "sent"),
    [
        (b"GET /api?limit=1 HTTP/1.1\r\nHost: a\r\n\r\n", ("GET", "/api")),
        (b"POST / HTTP/1.1\r\n\r\nAction=GetRole", ("POST", "/")),
        (b"Action=GetRole&Version=1", None),
        (b"two words", None),
        ("GET / HTTP/1.1\r\n", None),
    ],
)
def test_what_begins_a_request(data: object, sent: tuple[str, str] | None) -> None:
    assert sitecustomize.request(data) == sent


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_words: object) -> None: ...


@pytest.fixture
def url() -> t.Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_process_writes_its_requests_down(url: str, tmp_path: Path) -> None:
    program = f"import urllib3; [urllib3.PoolManager().request('GET', '{url}/' + path) for path in ('a?b=c', 'd')]"
    environment = {**os.environ, "PYTHONPATH": str(CALLS), "BENCH_CALLS": str(tmp_path / "calls")}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)  # noqa: S603 -- our own
    calls = quiet_site.calls_of((tmp_path / "calls").read_text().splitlines())
    assert [call[1:] for call in calls] == [("127.0.0.1", "GET", "/a"), ("127.0.0.1", "GET", "/d")]


@pytest.mark.slow
def test_a_play_is_recorded_with_the_calls_of_its_modules(url: str, tmp_path: Path) -> None:
    included = tmp_path / "included.yml"
    included.write_text(json.dumps([{"name": "change", "ansible.builtin.command": "true", "no_log": True}]))
    first = {"when": "inventory_hostname == 'a'"}
    tasks: list[dict[str, object]] = [
        {"name": "skip", "ansible.builtin.ping": None, "when": False},
        {"name": "call", "ansible.builtin.uri": {"url": url, "status_code": 204}, **first},
        {"name": "include", "ansible.builtin.include_tasks": str(included), **first},
    ]
    play = {"hosts": "all", "gather_facts": False, "connection": "local", "tasks": tasks}
    playbook = tmp_path / "play.yml"
    playbook.write_text(json.dumps([play]))
    interpreter = f"ansible_python_interpreter={sys.executable}"
    run = quiet_site.recorded(["ansible-playbook", "-i", "a,b", "-e", interpreter, str(playbook)])
    assert [(task.name, task.outcomes, task.changed) for task in run.tasks] == [
        ("skip", {"skipped"}, False),
        ("call", {"ok", "skipped"}, False),
        ("include", {"ok", "skipped"}, False),
        ("change", {"ok"}, True),
    ]
    (call,) = run.calls
    assert run.tasks[1].begin < call.at < run.tasks[1].end
    assert sum(row.seconds for row in quiet_site.table_of(run).values()) == pytest.approx(run.seconds)
