# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prometheus' own programs, for tests of alert rules: those that tests/alerts/fetch puts on PATH."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import typing as t
import urllib.request
from contextlib import contextmanager

import yaml

from ansible_collections.onprem.irsa.tests.unit.roles.rendered import rendered_each

if t.TYPE_CHECKING:
    from pathlib import Path

Json = dict[str, t.Any]
Labels = t.Mapping[str, str]


class Fires(t.NamedTuple):
    """An alert that fires, and what it says."""

    alert: Labels
    """Its labels, the name as C(alertname)."""
    summary: str
    time: str
    """After 1970-01-01."""


_TEMPLATE: t.Final = "lookup('ansible.builtin.template', role_path ~ '/templates/{}.yml.j2')"


def program(name: str) -> str:
    """Return the path of a program of Prometheus; the test fails without it, because skipped it would say nothing."""
    found = shutil.which(name)
    assert found, f"{name} is not on PATH. Run the tests with make alerts, which fetches it."
    return found


def free_port() -> int:
    """Return a port of the loopback on which nothing listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def running(
    directory: Path, name: str, arguments: t.Sequence[str], ready: str, seconds: float = 20.0
) -> t.Iterator[None]:
    """Run a program in a directory until the body ends, which begins when the URL READY answers with status 200."""
    end = time.monotonic() + seconds
    with (directory / f"{name}.log").open("w") as log:
        command = [program(name), *arguments]
        process = subprocess.Popen(command, cwd=directory, stdout=log, stderr=subprocess.STDOUT)  # noqa: S603 -- found
        try:
            while not _answers(ready):
                assert time.monotonic() < end, (directory / f"{name}.log").read_text()
                time.sleep(0.05)
            yield
        finally:
            process.terminate()
            process.wait()


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=2).close()  # noqa: S310 -- loopback
    except OSError:
        return False
    return True


@contextmanager
def exporter(directory: Path, modules: Json, **tls: object) -> t.Iterator[str]:
    """Run the blackbox exporter with modules that say of TLS what is given; yield its URL."""
    configured = {
        name: {**module, "http": {**module["http"], "tls_config": tls}} for name, module in modules["modules"].items()
    }
    (directory / "blackbox.yml").write_text(json.dumps({"modules": configured}))
    url = f"http://127.0.0.1:{free_port()}"
    arguments = ["--config.file=blackbox.yml", f"--web.listen-address={url.removeprefix('http://')}"]
    with running(directory, "blackbox_exporter", arguments, f"{url}/-/healthy"):
        yield url


def templates(role: str, name: str, sets: t.Mapping[str, t.Mapping[str, object]]) -> dict[str, Json]:
    """Return what a role's template says, by the name of the set of variables."""
    template = _TEMPLATE.format(name)
    results = rendered_each(role, [template], [*sets.values()])
    return {given: yaml.safe_load(result[template]) for given, result in zip(sets, results, strict=True)}


def series(name: str, labels: Labels) -> str:
    """Return a metric with its labels as PromQL has it."""
    return f"{name}{{{','.join(f'{label}={json.dumps(value)}' for label, value in labels.items())}}}"


def check(directory: Path, rules: Json) -> None:
    """Require that Prometheus takes the rules, without a remark."""
    (directory / "rules.yml").write_text(json.dumps(rules))
    _run(directory, "check", "rules", "--lint-fatal", "rules.yml")


def require_firing(
    directory: Path,
    rules: Json,
    recorded: t.Mapping[str, str],
    expected: t.Mapping[str, t.Sequence[Labels]],
    *,
    interval: str = "1m",
) -> None:
    """Require that Prometheus has exactly these alerts firing, at each of several times after 1970-01-01.

    RECORDED has the values of each series from then on, one in each INTERVAL, as promtool writes them. The labels of an
    alert have its name as C(alertname).
    """
    fixed = {"__name__": "ALERTS", "alertstate": "firing"}
    checks = [
        {
            "expr": 'ALERTS{alertstate="firing"}',
            "eval_time": time,
            "exp_samples": [{"labels": series("", {**labels, **fixed}), "value": 1} for labels in alerts],
        }
        for time, alerts in expected.items()
    ]
    _test(directory, rules, recorded, {"promql_expr_test": checks}, interval)


def require_words(
    directory: Path, rules: Json, recorded: t.Mapping[str, str], fires: Fires, *, interval: str = "1m"
) -> None:
    """Require that an alert fires, the only one with its name, with this summary, and what else it says as it is."""
    name = fires.alert["alertname"]
    given = next(
        rule["annotations"] for group in rules["groups"] for rule in group["rules"] if rule.get("alert") == name
    )
    expected = {
        "exp_labels": {label: value for label, value in fires.alert.items() if label != "alertname"},
        "exp_annotations": {**given, "summary": fires.summary},
    }
    checks = [{"eval_time": fires.time, "alertname": name, "exp_alerts": [expected]}]
    _test(directory, rules, recorded, {"alert_rule_test": checks}, interval)


def _test(directory: Path, rules: Json, recorded: t.Mapping[str, str], checks: Json, interval: str) -> None:
    (directory / "rules.yml").write_text(json.dumps(rules))
    given = [{"series": name, "values": values} for name, values in recorded.items()]
    test = {"interval": interval, "input_series": given, **checks}
    tests = {"rule_files": ["rules.yml"], "evaluation_interval": interval, "tests": [test]}
    (directory / "tests.yml").write_text(json.dumps(tests))
    _run(directory, "test", "rules", "tests.yml")


def _run(directory: Path, *arguments: str) -> None:
    command = [program("promtool"), *arguments]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)  # noqa: S603 -- found
    assert done.returncode == 0, done.stdout + done.stderr
