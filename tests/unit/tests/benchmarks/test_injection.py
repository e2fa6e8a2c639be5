# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the benchmark counts the pods that it asks for."""

from __future__ import annotations

import itertools
import typing as t
from concurrent.futures import Future

import pytest
from kubernetes import client
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import ReadTimeoutError
from urllib3.poolmanager import PoolManager

from ansible_collections.onprem.irsa.tests.benchmarks import injection

TIMEOUT = ReadTimeoutError(PoolManager().connection_from_url("https://192.0.2.1"), "/api", "timed out")
CASES: t.Final[list[tuple[bool | Exception, list[str]]]] = [
    (True, ["created"]),
    (False, ["created", "missed"]),
    (ApiException(status=500), ["refused"]),
    (ApiException(status=0, reason="SSLError"), ["failed"]),
    (ConnectionResetError("reset"), ["failed"]),
    (TIMEOUT, ["failed"]),
]


def answered(answer: bool | Exception) -> Future[bool]:
    made = Future[bool]()
    if isinstance(answer, Exception):
        made.set_exception(answer)
    else:
        made.set_result(answer)
    return made


@pytest.mark.parametrize(("answer", "columns"), CASES)
def test_what_became_of_a_pod(answer: bool | Exception, columns: list[str]) -> None:
    assert injection.outcomes(answered(answer)) == columns


def test_every_pod_of_a_load_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(injection, "RATE", 1000)
    answers, enough = itertools.cycle(answer for answer, _columns in CASES), 100 * len(CASES)

    def create() -> bool:
        if len(load.results) >= enough:
            load.ended.set()
        return answered(next(answers)).result()

    load = injection.Load(create)
    load.during = "roll"
    load.start()
    load.join()
    (during, counts), *others = injection.counted(load).items()
    assert (during, others) == ("roll", [])
    assert load.submitted == len(load.results) >= enough
    assert load.submitted == counts["created"] + counts["refused"] + counts["failed"]
    assert counts["missed"] == pytest.approx(load.submitted / 6, abs=2)
    assert counts["failed"] == pytest.approx(load.submitted / 2, abs=2)


def test_a_pod_that_is_not_counted_ends_the_benchmark() -> None:
    load = injection.Load(lambda: True)
    load.submitted = 2
    load.results.append(("kill", answered(True)))
    with pytest.raises(SystemExit, match="2 pods were submitted, and 1 of them"):
        injection.counted(load)


class Cluster:
    """What the benchmark asks of the client, in place of a cluster that injects pods of these namespaces."""

    def __init__(self, *namespaces: str) -> None:
        self.namespaces = namespaces

    def create_namespaced_pod(self, namespace: str, _pod: object) -> client.V1Pod:
        names = ["given", "aws-iam-token"] if namespace in self.namespaces else []
        volumes = [client.V1Volume(name=name) for name in names] or None
        return client.V1Pod(spec=client.V1PodSpec(containers=[client.V1Container(name="app")], volumes=volumes))

    def delete_collection_namespaced_pod(self, _namespace: str, **_options: object) -> None: ...


@pytest.mark.parametrize(
    ("namespaces", "says"),
    [
        ([], "A pod in bench-injected was not injected."),
        ([injection.NONE, injection.INJECTED], "A pod in bench-none was injected."),
    ],
)
def test_a_pod_that_is_not_as_its_namespace_wants_it_ends_the_benchmark(namespaces: list[str], says: str) -> None:
    with pytest.raises(SystemExit, match=says):
        injection.latencies(t.cast("client.CoreV1Api", Cluster(*namespaces)), 2)


def test_each_pod_that_is_measured_counts_in_its_namespace() -> None:
    took = injection.latencies(t.cast("client.CoreV1Api", Cluster(injection.INJECTED)), 2)
    assert {namespace: len(values) for namespace, values in took.items()} == {injection.NONE: 2, injection.INJECTED: 2}
