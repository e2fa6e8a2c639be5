# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a request to its answer: identify, count, authenticate, authorize, answer."""

from __future__ import annotations

import logging
import time
import typing as t
from dataclasses import dataclass, field

from . import auth, edge, iam, s3, sts
from .control import is_read
from .engine import identify
from .errors import AwsError
from .handling import Context, answer
from .hosts import endpoint_of, without_port
from .messages import error_response

if t.TYPE_CHECKING:
    from .control import Control, Fault
    from .engine import Engine
    from .messages import Call, HttpRequest, HttpResponse
    from .web_identity import Fetch

_log = logging.getLogger(__name__)
_HANDLERS = iam.HANDLERS | s3.HANDLERS | sts.HANDLERS


class DroppedError(Exception):
    """The connection ends without an answer."""


def _strike(fault: Fault, call: Call) -> None:
    """Raise what a fault answers before the call is made."""
    s3_like = call.service not in ("cloudfront", "iam", "sts")
    if fault.kind == "throttle":
        if s3_like:
            raise AwsError("SlowDown", "Please reduce your request rate.", 503)
        raise AwsError("Throttling", "Rate exceeded")
    if fault.kind == "412":
        raise AwsError("PreconditionFailed", "At least one of the pre-conditions you specified did not hold", 412)
    if fault.kind == "500":
        text = "We encountered an internal error. Please try again."
        raise AwsError("InternalError" if s3_like else "InternalFailure", text, 500)


@dataclass(frozen=True)
class Application:
    """The APIs."""

    engine: Engine
    control: Control
    fetch: Fetch
    cache: edge.Cache = field(default_factory=edge.Cache)

    def respond(self, request: HttpRequest) -> HttpResponse:
        """Answer a request.

        Raises:
            DroppedError: an injected fault wants no answer to be sent.
        """
        service = getattr(endpoint_of(request.host), "service", "s3")
        head = request.method == "HEAD"
        try:
            return self._serve(request)
        except AwsError as error:
            return error_response(error, service, head=head)
        except DroppedError:
            raise
        except Exception:
            _log.exception("%s %s", request.method, request.target)
            return error_response(AwsError("InternalError", "See the log of the server", 500), service, head=head)

    def _serve(self, request: HttpRequest) -> HttpResponse:
        if endpoint_of(request.host) is not None:
            return self._respond(identify(request), None)
        name = without_port(request.host)
        distribution = self.engine.distribution(name)
        if distribution is not None:
            caller = edge.caller(distribution)
            return edge.answer(distribution, request, lambda asked: self._respond(identify(asked), caller), self.cache)
        return self._respond(identify(edge.in_bucket(request, self.engine.bucket(name))), None)

    def _respond(self, call: Call, caller: auth.Caller | None) -> HttpResponse:
        latency, fault = self.control.begin(call.operation)
        time.sleep(latency)
        if fault:
            _strike(fault, call)
        caller = caller or auth.authenticate(call, self.engine)
        s3.check_bucket(call, self.engine)
        auth.authorize(caller, call, self.engine)
        made = _HANDLERS.get(call.operation, answer)(Context(call, caller, self.engine, self.fetch))
        if fault and fault.kind == "timeout_after_write" and not is_read(call.operation):
            time.sleep(fault.seconds)
            raise DroppedError
        return made
