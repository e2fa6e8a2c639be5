# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._host import watch as module
from ansible_collections.onprem.irsa.plugins.module_utils._host.api import Api
from ansible_collections.onprem.irsa.plugins.module_utils._host.watch import Watch

if t.TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class _Api(Api):
    answers: t.Iterator[bool] = field(default_factory=lambda: iter(()))

    def ready(self) -> bool:
        return next(self.answers)


def test_the_time_without_an_answer_is_added_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    answers = iter([True, False, False, True])
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    monkeypatch.setattr(module, "find", lambda _component, _proc: SimpleNamespace(identity=(1, int(now[0]))))
    watch = Watch("kube-apiserver", _Api("", answers=answers), logs=tmp_path, interval=2.0)
    since = watch.begin()
    assert watch.wait(lambda process: process.identity[1] >= 102, since=since, timeout=60) is None
    assert watch.unavailable == 4.0  # the two looks, of two seconds each, at which it was not ready


@pytest.mark.parametrize(("pods", "exits_again"), [(["bad", "bad", "bad"], True), (["bad", "bad", "good"], False)])
def test_attempts_of_another_manifest_are_not_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pods: list[str], exits_again: bool
) -> None:
    attempts = iter(enumerate(pods))

    def start_one() -> None:
        for attempt, pod in attempts:
            file = tmp_path / f"kube-system_kube-apiserver-cp1_{pod}" / "kube-apiserver" / f"{attempt}.log"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("")
            return

    monkeypatch.setattr(module, "find", lambda _component, _proc: SimpleNamespace(identity=(1, 1)))
    answers = iter([False] * (len(pods) + 1) + [True])
    watch = Watch("kube-apiserver", _Api("", answers=answers), logs=tmp_path, interval=0.0)
    failure = watch.wait(lambda _process: True, since=watch.begin(), timeout=60, meanwhile=[start_one])
    assert (failure is not None) == exits_again
