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

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._flags.arguments import Flags

_API_SERVER = ("6443", "/readyz")  # kube-apiserver --help, --secure-port; Kubernetes, "API health endpoints"
# kube-controller-manager --help, --secure-port; --authorization-always-allow-paths lets everybody ask for /healthz.
_CONTROLLER_MANAGER = ("10257", "/healthz")
_ANY_ADDRESS = ("", "0.0.0.0", "::")  # noqa: S104 -- what a flag says, nothing is bound
_UNKNOWN = "$("  # a variable that the kubelet alone knows
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
class Api:
    """Where this host's own component answers, with which client certificate to ask it, and for what."""

    url: str
    client_cert: str = ""
    client_key: str = ""
    health: str = _API_SERVER[1]
    """The path that answers with status 200 when the component is ready."""

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


def api_of(component: str, flags: Flags) -> Api:
    """Return how to reach a component that runs with these flags.

    The API server is shown its own client certificate for kubelets.
    """
    port, health = _CONTROLLER_MANAGER if component == "kube-controller-manager" else _API_SERVER

    def last(name: str) -> str:
        return flags.get(name, [""])[-1]

    addresses = [
        address
        for address in (last("bind-address"), last("advertise-address"))
        if address not in _ANY_ADDRESS and not address.startswith(_UNKNOWN)
    ]
    address = addresses[0] if addresses else "127.0.0.1"
    host = f"[{address}]" if ":" in address else address
    return Api(
        url=f"https://{host}:{last('secure-port') or port}",
        client_cert=last("kubelet-client-certificate"),
        client_key=last("kubelet-client-key"),
        health=health,
    )


def advertised_url(api: Api, flags: Flags) -> str:
    """Return where other machines reach a component: at the address that it advertises, if it advertises one.

    That one is among the names of kubeadm's certificate; one that it is bound to (C(--bind-address)) need not be.
    """
    address = flags.get("advertise-address", [""])[-1]
    if address in _ANY_ADDRESS:
        return api.url
    host = f"[{address}]" if ":" in address else address
    return f"https://{host}:{urlsplit(api.url).port}"


__all__: t.Final = ("Api", "Question", "advertised_url", "api_of")
