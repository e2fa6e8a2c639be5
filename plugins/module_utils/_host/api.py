# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions to a control-plane component of this host itself. PRIVATE to the collection: it may change without notice.

Runs on managed hosts with the standard library alone.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import typing as t
from contextlib import closing, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from ansible_collections.onprem.irsa.plugins.module_utils._flags.serving import Serving

_TIMEOUT = 2.0  # seconds; the server is this host itself
_FORM = b"&"  # an empty one


@dataclass(frozen=True)
class Question:
    """A request that the server has begun to work on, and whose form it still waits for."""

    connection: http.client.HTTPSConnection

    def answer(self) -> bytes | None:
        """Send the rest; return the body of an answer with status 200, None for anything else."""
        with closing(self.connection), suppress(OSError, http.client.HTTPException):
            self.connection.send(_FORM)
            return _body(self.connection)
        return None


@dataclass(frozen=True)
class Api(Serving):
    """Asks this host's own component where it answers."""

    def ready(self) -> bool:
        """Return whether the component says so."""
        return self._get(self.health) is not None

    def version(self) -> str | None:
        """Return the version, like C(v1.34.4); None without an answer, as of a component that tells it to nobody."""
        with suppress(ValueError, KeyError, TypeError):  # whatever else answers there
            return str(json.loads(self._get("/version") or b"")["gitVersion"])
        return None

    def kids(self) -> list[str] | None:
        """Return the ids of the keys by which an API server accepts tokens; None where it does not tell.

        It reads key files once, as it starts: they may hold other keys by now.
        """
        with suppress(ValueError, KeyError, TypeError):  # whatever else answers there
            return [str(key["kid"]) for key in json.loads(self._get("/openid/v1/jwks") or b"")["keys"]]
        return None

    def listens(self) -> bool:
        """Return whether it takes new connections."""
        parts = urlsplit(self.url)
        with suppress(OSError), socket.create_connection((str(parts.hostname), parts.port), timeout=_TIMEOUT):
            return True
        return False

    def begin(self, path: str) -> Question | None:
        """Begin to ask: the server computes its answer once it is let go on; None where nothing listens."""
        connection = self._connection()
        with suppress(OSError):
            connection.putrequest("POST", path)
            connection.putheader("Content-Type", "application/x-www-form-urlencoded")
            connection.putheader("Content-Length", str(len(_FORM)))
            connection.endheaders()
            return Question(connection)
        return None

    def _get(self, path: str) -> bytes | None:
        """Return the body of an answer with status 200; None for anything else."""
        with closing(self._connection()) as connection, suppress(OSError, http.client.HTTPException):
            connection.request("GET", path)
            return _body(connection)
        return None

    def _connection(self) -> http.client.HTTPSConnection:
        parts = urlsplit(self.url)
        return http.client.HTTPSConnection(str(parts.hostname), parts.port, timeout=_TIMEOUT, context=self._context())

    def _context(self) -> ssl.SSLContext:
        """Ask as the kubelet's own probes do: the address is this host's, whatever name the certificate has.

        The client certificate matters where anonymous requests are off; no secret is sent.
        """
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if self.client_cert and self.client_key:
            with suppress(OSError):
                context.load_cert_chain(self.client_cert, self.client_key)
        return context


def _body(connection: http.client.HTTPSConnection) -> bytes | None:
    response = connection.getresponse()
    body = response.read()
    return body if response.status == http.client.OK else None


__all__: t.Final = ("Api", "Question")
