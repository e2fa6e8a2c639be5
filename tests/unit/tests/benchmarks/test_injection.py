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
        token = client.V1ServiceAccountTokenProjection(path="token", audience="sts.amazonaws.com")
        projected = client.V1ProjectedVolumeSource(sources=[client.V1VolumeProjection(service_account_token=token)])
        volumes = [
            client.V1Volume(name="given", empty_dir=client.V1EmptyDirVolumeSource()),
            client.V1Volume(name="aws-iam-token", projected=projected),
        ]
        there = volumes[: 2 if namespace in self.namespaces else 1]
        return client.V1Pod(spec=client.V1PodSpec(containers=[client.V1Container(name="app")], volumes=there))

    def list_namespaced_pod(self, _namespace: str, **_options: object) -> client.V1PodList:
        return client.V1PodList(items=[])


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


class Busy:
    """A namespace with pods whose removal an API server breaks off when it is asked for too many, or now and then."""

    def __init__(self, pods: int, *errors: Exception) -> None:
        self.pods, self.errors, self.asked = pods, list(errors), 0

    def list_namespaced_pod(self, _namespace: str, *, limit: int, **_options: object) -> client.V1PodList:
        pod = client.V1Pod()
        return client.V1PodList(items=[pod] * min(limit, self.pods))

    def delete_collection_namespaced_pod(self, _namespace: str, *, limit: int = 0, **_options: object) -> None:
        self.asked += 1
        if self.errors:
            raise self.errors.pop(0)
        if not 0 < limit <= 1000:
            raise ApiException(status=504)
        self.pods -= min(limit, self.pods)


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(injection, "PAUSE", 0)


@pytest.mark.parametrize("pods", [0, 1, injection.PAGE, 10 * injection.PAGE + 1])
def test_pods_are_removed_some_at_a_time(pods: int) -> None:
    busy = Busy(pods)
    injection.clear(t.cast("client.CoreV1Api", busy), "bench")
    assert (busy.pods, busy.asked) == (0, -(-pods // injection.PAGE))


def test_pods_that_are_created_meanwhile_are_left() -> None:
    busy = Busy(2 * injection.PAGE + 1)
    injection.clear(t.cast("client.CoreV1Api", busy), "bench", left=injection.PAGE)
    assert 0 < busy.pods <= injection.PAGE


@pytest.mark.parametrize(
    "error",
    [
        ApiException(status=504),
        ApiException(status=429),
        ApiException(status=0),
        TIMEOUT,
        ConnectionResetError("reset"),
    ],
)
def test_what_a_busy_machine_does_not_answer_is_asked_again(error: Exception) -> None:
    busy = Busy(1, error, error)
    injection.clear(t.cast("client.CoreV1Api", busy), "bench")
    assert (busy.pods, busy.asked) == (0, 3)


def test_a_machine_that_never_answers_ends_the_benchmark_with_its_words() -> None:
    busy = Busy(1, *[ApiException(status=504, reason="Timeout")] * injection.ATTEMPTS)
    with pytest.raises(SystemExit, match=r"too busy.*Timeout"):
        injection.clear(t.cast("client.CoreV1Api", busy), "bench")


def test_an_answer_is_not_asked_for_again() -> None:
    busy = Busy(1, ApiException(status=403))
    with pytest.raises(ApiException):
        injection.clear(t.cast("client.CoreV1Api", busy), "bench")
    assert busy.asked == 1


def test_a_disturbance_of_the_machine_is_no_missed_pod() -> None:
    load = injection.Load(lambda: True)
    load.results = [("drain", answered(answer)) for answer, _columns in CASES]
    load.submitted = len(CASES)
    assert injection.counted(load)["drain"]["missed"] == 1
    assert injection.machine_says(load).startswith("3 of them met a machine")
    load.results = [("drain", answered(answer)) for answer in (True, False, ApiException(status=403))]
    assert injection.machine_says(load) == "the machine answered each of them"
