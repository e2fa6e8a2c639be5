# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The admin port: what tests steer and see."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from .control import Control, Fault
from .engine import ACCOUNT, Engine
from .messages import HttpRequest, HttpResponse

if TYPE_CHECKING:
    from .documents import Json


def _json(content: Json, status: int = 200) -> HttpResponse:
    return HttpResponse(status, {"content-type": "application/json"}, (json.dumps(content) + "\n").encode())


@dataclass(frozen=True)
class Admin:
    """Answers of the admin port, all in JSON."""

    engine: Engine
    control: Control

    def respond(self, request: HttpRequest) -> HttpResponse:
        """Answer a request: 200 with JSON, 400 with the reason, or 404."""
        handler = getattr(self, f"_{request.method.lower()}_{request.path.strip('/').replace('/', '_')}", None)
        if handler is None:
            return _json({"error": f"no {request.method} {request.path}"}, 404)
        try:
            given = json.loads(request.body or b"{}")
            return _json(handler(given))
        except (ValueError, TypeError, KeyError) as error:
            return _json({"error": str(error)}, 400)

    def _get_calls(self, _given: Json) -> Json:
        return self.control.report()

    def _post_calls_reset(self, _given: Json) -> Json:
        self.control.forget_calls()
        return self.control.report()

    def _get_credentials(self, _given: Json) -> Json:
        key, secret = self.engine.administrator
        return {"account": ACCOUNT, "access_key_id": key, "secret_access_key": secret}

    def _post_latency(self, given: Json) -> Json:
        self.control.set_latency(float(given["seconds"]))
        return {"seconds": self.control.latency}

    def _get_faults(self, _given: Json) -> Json:
        return {"rules": [asdict(fault) for fault in self.control.faults]}

    def _post_faults(self, given: Json) -> Json:
        self.control.set_faults([Fault(**rule) for rule in given["rules"]])
        return self._get_faults(None)

    def _post_reset(self, _given: Json) -> Json:
        self.engine.reset()
        self.control.forget_calls()
        self.control.set_latency(0)
        self.control.set_faults([])
        return {}
