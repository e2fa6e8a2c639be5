# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import functools
import threading
import typing as t

import botocore.session
import pytest
from hypothesis import HealthCheck, settings
from moto.core.botocore_stubber import BotocoreStubber

# How long an input takes says how busy the machine is: two workers and a cold cache of characters take seconds.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


@pytest.fixture(scope="session", autouse=True)
def service_models() -> t.Iterator[None]:
    """Let all botocore sessions of a test run share one loader: reading the models again is half of a test's time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", functools.cache(botocore.session.create_loader))
        yield


@pytest.fixture(scope="session", autouse=True)
def one_call_at_a_time() -> t.Iterator[None]:
    """Let moto answer one call at a time: it is not made for threads, and fails when a role comes while it looks."""
    lock, answer = threading.RLock(), BotocoreStubber.__call__

    def answer_alone(self: BotocoreStubber, *args: t.Any, **options: t.Any) -> t.Any:  # noqa: ANN401 -- passed on
        with lock:
            return answer(self, *args, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BotocoreStubber, "__call__", answer_alone)
        yield
