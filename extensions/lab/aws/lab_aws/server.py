# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The servers: HTTPS for the APIs, plain HTTP for the tests that steer them."""

from __future__ import annotations

import socket
import typing as t
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from werkzeug.serving import DechunkedInput

from .app import DroppedError
from .messages import HttpRequest, HttpResponse

if t.TYPE_CHECKING:
    import ssl

Respond = Callable[[HttpRequest], HttpResponse]
_IDLE_SECONDS = 120


class _Handler(BaseHTTPRequestHandler):
    """Reads requests, writes answers; a connection serves many of them."""

    protocol_version = "HTTP/1.1"
    server_version = "AmazonS3"
    sys_version = ""
    timeout = _IDLE_SECONDS
    disable_nagle_algorithm = True
    server: Server

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return DechunkedInput(t.cast("t.IO[bytes]", self.rfile)).readall() or b""
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _serve(self) -> None:
        headers = {name.lower(): " ".join(value.split()) for name, value in self.headers.items()}
        request = HttpRequest(self.command, self.path, headers, self._body())
        try:
            answer = self.server.respond(request)
        except DroppedError:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            if name not in ("content-length", "date", "server", "connection", "transfer-encoding"):
                self.send_header(name, value)
        length = answer.headers.get("content-length") if self.command == "HEAD" else None
        if answer.status not in (204, 304):
            self.send_header("Content-Length", length or str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD" and answer.status not in (204, 304):
            self.wfile.write(answer.body)

    # the names that http.server calls
    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = _serve  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class's name
        """Say nothing: the calls are counted."""


class Server(ThreadingHTTPServer):
    """Serves every connection in a thread of its own; the threads end with the process."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], context: ssl.SSLContext | None = None) -> None:
        """Listen at an address; with a context, speak TLS."""
        self._context = context
        super().__init__(address, _Handler)

    def serve(self, respond: Respond) -> None:
        """Answer requests by a function, until the process ends."""
        self.respond = respond
        self.serve_forever()

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        """Accept a connection; the handshake comes with its first read, in its own thread, and holds up nobody else."""
        connection, address = super().get_request()
        if self._context is not None:
            connection.settimeout(_IDLE_SECONDS)
            connection = self._context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that go away."""
