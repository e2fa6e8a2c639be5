# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of an API server that was replaced. PRIVATE to the collection: it may change without notice.

Told to end, kube-apiserver stops listening, answers the requests that it has, and then waits for clients that only
watch until the kubelet kills it: 30 s in which nothing answers on this host. Before that it sends the audit events
that it has gathered (apiserver, genericapiserver.go, AuditBackend.Shutdown). Whether it has done all shows in a profile
of its goroutines, which it serves to its end (apiserver, longrunning.go) to those who asked before: it reads the whole
form of a question (Go, net/http/pprof) before it looks. A second SIGTERM ends it at once (apiserver, signal.go). Runs
on managed hosts with the standard library alone.
"""

from __future__ import annotations

import os
import re
import signal
import time
import typing as t
from contextlib import suppress
from dataclasses import dataclass

from ansible_collections.onprem.irsa.plugins.module_utils._host.processes import PROC, Process, process_of

if t.TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.onprem.irsa.plugins.module_utils._flags.arguments import Flags
    from ansible_collections.onprem.irsa.plugins.module_utils._host.api import Api, Question

PROFILE: t.Final = "/debug/pprof/goroutine?debug=1"

_QUESTIONS = 16
_PAUSE = 0.5  # seconds between two profiles, and from the last request's answer to the end, for what is still sent

_REQUEST = "net/http.serverHandler.ServeHTTP"
_WATCH = "handlers.(*WatchServer)."
_PROFILE = "net/http/pprof."
# Packages k8s.io/apiserver/pkg/audit and k8s.io/apiserver/plugin/pkg/audit: with a batch of events on its way, or one
# still gathered, a goroutine of theirs is there until the backend is shut down.
_AUDIT = ("/pkg/audit.", "/pkg/audit/")

_NUMBER = re.compile(r"^([0-9]+) @ ", re.MULTILINE)

# What an operator sets who wants clients to have more time (kube-apiserver --help); 0 is the default of both.
_MORE_TIME = ("shutdown-watch-termination-grace-period", "shutdown-delay-duration")


def requests(profile: str) -> int:
    """Return how many things a server still has to do, watches apart, by its profile of goroutines in text.

    A profile has a paragraph for each kind of stack, which begins with the number of goroutines that have it (Go,
    runtime/pprof). A client begins a watch again when its connection ends; a command in a pod or a log that is followed
    would be cut off, and counts. So do audit events that are not sent yet.
    """
    others = [stack for stack in profile.split("\n\n") if _WATCH not in stack and _PROFILE not in stack]
    work = [stack for stack in others if _REQUEST in stack or any(package in stack for package in _AUDIT)]
    numbers = [_NUMBER.search(stack) for stack in work]
    return sum(int(number[1]) if number else 1 for number in numbers)


def has_more_time(flags: Flags) -> bool:
    """Return whether a server is to give its clients more time than their requests take: then it gets it all.

    The values are durations as Go reads them (time.ParseDuration), such as C(1m30s).
    """
    return any(set(value) & set("123456789") for name in _MORE_TIME for value in flags.get(name, [])[-1:])


@dataclass
class Drain:
    """Ends one process as soon as it has answered its last request."""

    process: Process
    api: Api
    questions: list[Question]
    proc: Path = PROC
    _asked: float = 0.0
    _idle: bool = False

    @classmethod
    def begin(cls, process: Process, api: Api, proc: Path = PROC) -> Drain | None:
        """Return what ends the process once it has been told to end; None where only the kubelet should end it.

        That is so where its flags give clients more time, and where it serves us no profile: with
        C(--profiling=false), without a permission of the client certificate, and of kube-controller-manager, which has
        no clients to answer and ends as soon as it is told to.
        """
        if has_more_time(process.flags):
            return None
        questions = list(filter(None, [api.begin(PROFILE) for _question in range(_QUESTIONS)]))
        return cls(process, api, questions, proc) if questions and questions.pop().answer() is not None else None

    def go_on(self) -> None:
        """Look whether the process has answered its last request, and end it then."""
        if time.monotonic() - self._asked < _PAUSE or not self._is_there() or self.api.listens():
            return
        self._asked = time.monotonic()
        if self._idle:
            with suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGTERM)
        elif self.questions:
            profile = self.questions.pop().answer()
            self._idle = profile is not None and requests(profile.decode(errors="replace")) == 0

    def _is_there(self) -> bool:
        now = process_of(self.process.pid, self.proc)
        return now is not None and now.identity == self.process.identity


__all__: t.Final = ("PROFILE", "Drain", "has_more_time", "requests")
