# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import threading
import time
import typing as t

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._host.api import Api
from ansible_collections.onprem.irsa.plugins.module_utils._host.drain import has_more_time, requests
from ansible_collections.onprem.irsa.plugins.module_utils._host.swap import apply
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._host.conftest import watch_of
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._host.test_swap import change, running

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._host.fake_kubelet import FakeKubelet

pytestmark = pytest.mark.slow

GRACE = 60.0  # seconds, more than the kubelet's 30: whatever ends before, was ended, and on a busy machine, too


def restarted_with(kubelet: FakeKubelet, *arguments: str) -> None:
    assert apply(change(kubelet, *arguments), watch_of(kubelet)).failure is None
    assert running(kubelet) == kubelet.flags(*arguments)


def slow_answer(kubelet: FakeKubelet) -> tuple[threading.Thread, list[bytes | None]]:
    """Begin a request that takes a second."""
    answers: list[bytes | None] = []
    thread = threading.Thread(target=lambda: answers.append(Api(kubelet.url)._get("/slow")))
    thread.start()
    time.sleep(0.3)
    return thread, answers


def test_a_drained_server_is_ended_early_and_nothing_in_flight_is_lost(kubelet: FakeKubelet) -> None:
    kubelet.grace = GRACE
    request, answers = slow_answer(kubelet)
    restarted_with(kubelet, "--issuer=new")
    request.join()
    assert (answers, kubelet.killed) == ([b"ok"], 0)


@pytest.mark.parametrize(
    "before",
    [
        "--streams=1",
        "--profiling=false",
        "--shutdown-watch-termination-grace-period=5s",
        "--shutdown-delay-duration=1s",
    ],
)
def test_a_server_that_may_lose_something_gets_its_whole_grace(kubelet: FakeKubelet, before: str) -> None:
    restarted_with(kubelet, "--issuer=old", before)
    kubelet.grace = 3.0
    restarted_with(kubelet, "--issuer=new")
    assert kubelet.killed == 1


def test_audit_events_are_sent_before_the_server_is_ended(kubelet: FakeKubelet) -> None:
    restarted_with(kubelet, "--issuer=old", "--flushes=2")
    kubelet.grace, old = GRACE, kubelet.pid
    restarted_with(kubelet, "--issuer=new")
    assert ((kubelet.root / f"flushed-{old}").exists(), kubelet.killed) == (True, 0)


# As Go writes it: the first paragraph has a headline, and a stack names each function with its offset and place.
PROFILE = """goroutine profile: total 41
31 @ 0x47a1ce 0x9a2b
#\t0x1f6\tk8s.io/apiserver/pkg/endpoints/handlers.(*WatchServer).HandleHTTP+0x4b1\t.../watch.go:231
#\t0x1f7\tnet/http.serverHandler.ServeHTTP+0x8d\t.../server.go:3301

2 @ 0x47a1ce 0x9a2c
#\t0x1f6\tk8s.io/apiserver/pkg/endpoints/handlers.createHandler+0x4b1\t.../create.go:52
#\t0x1f7\tnet/http.serverHandler.ServeHTTP+0x8d\t.../server.go:3301

1 @ 0x47a1ce 0x9a2d
#\t0x1f6\tk8s.io/apimachinery/pkg/util/proxy.(*UpgradeAwareHandler).ServeHTTP+0x4b1\t.../upgradeaware.go:219
#\t0x1f7\tnet/http.serverHandler.ServeHTTP+0x8d\t.../server.go:3301

5 @ 0x47a1ce 0x9a2e
#\t0x1f6\tnet/http/pprof.handler.ServeHTTP+0x4b1\t.../pprof.go:261
#\t0x1f7\tnet/http.serverHandler.ServeHTTP+0x8d\t.../server.go:3301

2 @ 0x47a1ce 0x9a2f
#\t0x1f6\tk8s.io/client-go/tools/cache.(*Reflector).ListAndWatch+0x4b1\t.../reflector.go:355
"""


def test_requests_are_counted_without_watches_profiles_and_what_the_server_does_by_itself() -> None:
    assert requests(PROFILE) == 3


@pytest.mark.parametrize(
    "function",
    [
        "plugin/pkg/audit/buffered.(*bufferedBackend).Shutdown",
        "plugin/pkg/audit/buffered.(*bufferedBackend).collectEvents",
        "plugin/pkg/audit/webhook.(*backend).ProcessEvents",
        "plugin/pkg/audit/truncate.(*backend).Shutdown",
        "pkg/audit.union.Shutdown",
    ],
)
def test_audit_events_that_are_not_sent_yet_count(function: str) -> None:
    audit = f"1 @ 0x1\n#\t0x1\tk8s.io/apiserver/{function}+0x1\t.../x.go:1\n#\t0x2\tmain.main+0x1\t.../main.go:1\n"
    assert requests(f"{PROFILE}\n{audit}") == 4


@pytest.mark.parametrize(
    ("flags", "more"),
    [
        ({}, False),
        ({"shutdown-delay-duration": ["0s"]}, False),
        ({"shutdown-watch-termination-grace-period": ["0"], "shutdown-delay-duration": ["0h0m0.0s"]}, False),
        ({"shutdown-delay-duration": ["20s"]}, True),
        ({"shutdown-delay-duration": ["0.5s"]}, True),
        ({"shutdown-watch-termination-grace-period": ["1m30s"]}, True),
        ({"shutdown-delay-duration": ["20s", "0s"]}, False),  # the last one counts
    ],
)
def test_a_server_is_ended_early_only_where_its_clients_have_no_more_time(
    flags: dict[str, list[str]], more: bool
) -> None:
    assert has_more_time(flags) == more


def test_without_requests_there_is_nothing_to_wait_for() -> None:
    assert requests("goroutine profile: total 2\n2 @ 0x1\n#\t0x1\tmain.main+0x1\t.../main.go:1\n") == 0


@pytest.mark.parametrize(
    ("headline", "count"), [("3 @ 0x1", 3), ("goroutine profile: total 9\n2 @ 0x1", 2), ("cut off", 1)]
)
def test_a_stack_whose_number_is_not_told_counts_once(headline: str, count: int) -> None:
    assert requests(f"{headline}\n#\t0x1\tnet/http.serverHandler.ServeHTTP+0x1\t.../server.go:1\n") == count
