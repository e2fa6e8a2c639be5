# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests and answers, as plain data."""

from __future__ import annotations

import typing as t
import uuid
from dataclasses import dataclass, field, replace
from functools import cached_property
from urllib.parse import parse_qsl, unquote
from xml.sax.saxutils import escape

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from .errors import AwsError
    from .hosts import Endpoint

_NAMESPACES = {
    "cloudfront": "http://cloudfront.amazonaws.com/doc/2020-05-31/",
    "iam": "https://iam.amazonaws.com/doc/2010-05-08/",
    "sts": "https://sts.amazonaws.com/doc/2011-06-15/",
}


@dataclass(frozen=True)
class HttpRequest:
    """An HTTP request. Header names are in lower case; ``target`` is the path as sent, with its query."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def host(self) -> str:
        """The Host header."""
        return self.headers.get("host", "")

    @property
    def path(self) -> str:
        """The path, decoded."""
        return unquote(self.target.partition("?")[0])

    @cached_property
    def parameters(self) -> dict[str, str]:
        """What the query and a form body name; of a name given twice, the last."""
        pairs = parse_qsl(self.target.partition("?")[2], keep_blank_values=True)
        if self.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            pairs += parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True)
        return dict(pairs)


@dataclass(frozen=True)
class HttpResponse:
    """An HTTP answer."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def with_headers(self, headers: Mapping[str, str]) -> HttpResponse:
        """Return the same answer with more headers."""
        return replace(self, headers={**self.headers, **headers})


@dataclass(frozen=True)
class Call:
    """One call of an API."""

    operation: str
    endpoint: Endpoint
    http: HttpRequest
    bucket: str | None = None
    key: str | None = None

    @property
    def service(self) -> str:
        """The service: cloudfront, iam, sts, s3 or s3control."""
        return self.operation.partition(":")[0]

    @property
    def name(self) -> str:
        """The operation without its service."""
        return self.operation.partition(":")[2]

    def parameter(self, name: str) -> str:
        """Return a parameter of a query API, or an empty text."""
        return self.http.parameters.get(name, "")

    def members(self, name: str) -> list[str]:
        """Return a list parameter of a query API (``Name.member.1`` ...)."""
        found: list[str] = []
        while (member := f"{name}.member.{len(found) + 1}") in self.http.parameters:
            found.append(self.http.parameters[member])
        return found


def request_id() -> str:
    """Return a new request id."""
    return str(uuid.uuid4())


def error_response(error: AwsError, service: str, *, head: bool = False) -> HttpResponse:
    """Return the answer for a refusal, in the service's own form."""
    identifier = request_id()
    code, message = escape(error.code), escape(error.message)
    if service in _NAMESPACES:
        body = (
            f'<ErrorResponse xmlns="{_NAMESPACES[service]}"><Error><Type>Sender</Type><Code>{code}</Code>'
            f"<Message>{message}</Message></Error><RequestId>{identifier}</RequestId></ErrorResponse>"
        )
        headers = {"content-type": "text/xml", "x-amzn-requestid": identifier}
    else:
        body = (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message>'
            f"<RequestId>{identifier}</RequestId><HostId>lab</HostId></Error>"
        )
        headers = {"content-type": "application/xml", "x-amz-request-id": identifier}
    return HttpResponse(error.status, headers, b"" if head else body.encode())


def result_response(call: Call, content: str = "") -> HttpResponse:
    """Return the answer of a query API: ``content`` is the XML inside its result element."""
    result = f"<{call.name}Result>{content}</{call.name}Result>" if content else ""
    identifier = request_id()
    body = (
        f'<{call.name}Response xmlns="{_NAMESPACES[call.service]}">{result}'
        f"<ResponseMetadata><RequestId>{identifier}</RequestId></ResponseMetadata></{call.name}Response>"
    )
    return HttpResponse(200, {"content-type": "text/xml", "x-amzn-requestid": identifier}, body.encode())
