# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetching an issuer's documents by name over HTTPS."""

from __future__ import annotations

import http.client
import socket
import time
import typing as t
from urllib.parse import urlsplit

from .hosts import is_aws
from .web_identity import FETCH_SECONDS, Fetch, FetchError

if t.TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

_MAX_BODY = 1 << 20
_CHUNK = 1 << 16


class _Connection(http.client.HTTPSConnection):
    """A connection that verifies the name of the URL, wherever that name leads."""

    def __init__(self, host: str, port: int, address: tuple[str, int], context: ssl.SSLContext) -> None:
        super().__init__(host, port, timeout=FETCH_SECONDS, context=context)
        self._address = address
        self._tls = context

    def connect(self) -> None:
        connected = socket.create_connection(self._address, self.timeout)
        self.sock = self._tls.wrap_socket(connected, server_hostname=self.host)


def _get(url: str, address: tuple[str, int], context: ssl.SSLContext) -> bytes:
    parts = urlsplit(url)
    deadline = time.monotonic() + FETCH_SECONDS
    connection = _Connection(parts.hostname or "", parts.port or 443, address, context)
    try:
        # No Accept: for application/json alone, kube-apiserver refuses its key set (406), which AWS is known to read.
        connection.request("GET", parts.path or "/", headers={"User-Agent": "lab-aws-sts"})
        response = connection.getresponse()
        if response.status != http.HTTPStatus.OK:
            raise FetchError(f"{url} answers {response.status}")
        body = b""
        while chunk := response.read1(_CHUNK):
            body += chunk
            if len(body) > _MAX_BODY or time.monotonic() > deadline:
                raise FetchError(f"{url} is too long or too slow")
        if time.monotonic() > deadline:
            raise FetchError(f"{url} took longer than {FETCH_SECONDS:.0f} s")
    except (OSError, http.client.HTTPException) as error:
        raise FetchError(f"{url}: {error}") from error
    finally:
        connection.close()
    return body


def fetcher(own_address: tuple[str, int], context: ssl.SSLContext, serves: Callable[[str], bool]) -> Fetch:
    """Return a function that gets a document.

    Args:
        own_address: where this server listens; names under AWS's domains lead there.
        context: the certificate authorities to trust.
        serves: whether another name leads there, too; all others lead where the system's resolver says.
    """

    def fetch(url: str) -> bytes:
        parts = urlsplit(url)
        host = parts.hostname or ""
        address = own_address if is_aws(host) or serves(host) else (host, parts.port or 443)
        return _get(url, address, context)

    return fetch
