# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Relying parties that read all the time, and writes that go wrong one after the other."""

from __future__ import annotations

import json
import threading
import typing as t
from contextlib import contextmanager, suppress

from botocore.client import BaseClient

if t.TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from ansible_collections.onprem.irsa.tests.unit.extensions.lab.aws.conftest import Lab

Result = dict[str, t.Any]


class KilledError(BaseException):
    """The end of a process, which no rescue in it sees."""


class Reader:
    """A relying party: what it reads must hold together, and have the live keys once they were there."""

    def __init__(self, lab: Lab, issuer: str, live: t.Collection[str] = ()) -> None:
        self.lab, self.issuer, self.live, self.reads = lab, issuer, set(live), 0

    def __call__(self) -> None:
        status, _headers, body = self.lab.get(f"{self.issuer}/.well-known/openid-configuration")
        self.reads += 1
        if not self.live and status in (403, 404):
            return
        assert status == 200, f"no discovery document: {status} {body!r}"
        discovery = json.loads(body)
        assert discovery["issuer"] == self.issuer
        status, _headers, body = self.lab.get(discovery["jwks_uri"])
        assert status == 200, f"the discovery document points nowhere: {status} {body!r}"
        found = {key["kid"] for key in json.loads(body)["keys"]}
        assert found, "an empty key set"
        assert found >= self.live, f"keys are missing: {self.live - found}"

    @contextmanager
    def polling(self) -> t.Iterator[None]:
        """Read 20 times a second meanwhile."""
        wrong, stop = list[Exception](), threading.Event()

        def poll() -> None:
            try:
                while not stop.wait(0.05):
                    self()
            except (AssertionError, OSError, ValueError, KeyError) as error:
                wrong.append(error)

        thread = threading.Thread(target=poll)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
        assert wrong == []


class Faults:
    """Lets each call of the SDK go wrong once, one in a run, and reads after each write, as somebody does then.

    Reads go wrong when they are throttled or answered 500; a kill or a lost answer at a read leaves nothing behind.
    """

    def __init__(self, lab: Lab, kind: str, reader: Reader) -> None:
        self.lab, self.kind, self.reader = lab, kind, reader
        self.struck, self.due = list[tuple[str, str]](), False
        self.send = vars(BaseClient)["_make_api_call"]

    def call(self, client: BaseClient, name: str, params: dict[str, t.Any]) -> t.Any:  # noqa: ANN401 -- as botocore
        write = (name, json.dumps(params.get("Key") or params.get("PublicAccessBlockConfiguration")))
        is_read = name.startswith(("Get", "Head", "List"))
        if is_read and self.kind not in ("throttle", "500"):
            return self.send(client, name, params)
        strikes = self.due and write not in self.struck
        if strikes:
            self.struck.append(write)
            self.due = False
        if strikes and not self.kind.startswith("killed"):
            rule = {"operation": f"{client.meta.service_model.service_name}:{name}", "kind": self.kind, "first": 1}
            self.lab.admin("/faults", {"rules": [rule]})
        if strikes and self.kind == "killed before":
            raise KilledError
        try:
            answer = self.send(client, name, params)
        finally:
            self.lab.admin("/faults", {"rules": []})
            if not is_read:
                self.reader()
        if strikes and self.kind == "killed after":
            raise KilledError
        return answer

    @property
    def struck_writes(self) -> list[str]:
        """The writes that went wrong, in order."""
        return [name for name, _what in self.struck if not name.startswith(("Get", "Head", "List"))]


def struck_runs(
    faults: Faults, run: Callable[..., Result], asked: dict[str, t.Any], patch: pytest.MonkeyPatch
) -> Result:
    """Run until no call is left to strike; return the result of the run in which nothing went wrong."""

    def call(*arguments: t.Any) -> t.Any:  # noqa: ANN401 -- a method of botocore's client
        return faults.call(*arguments)

    patch.setattr(BaseClient, "_make_api_call", call)
    while True:
        faults.due = True
        with suppress(KilledError):
            result = run(**asked)
            if faults.due:
                return result
            assert result["failed"] is True
