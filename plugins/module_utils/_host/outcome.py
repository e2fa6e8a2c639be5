# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks this host's API server for what comes out of its flags. PRIVATE to the collection: it may change without notice.

With a client certificate that is on the host. Its tokens are valid for ten minutes, are shown to API servers of the
cluster alone, and leave the host in no result. Runs on managed hosts with the standard library alone.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import typing as t
from contextlib import closing, suppress
from dataclasses import dataclass, replace

from ansible_collections.onprem.irsa.plugins.module_utils._distributions.outcome import Outcome
from ansible_collections.onprem.irsa.plugins.module_utils._documents.paths import DISCOVERY_PATH
from ansible_collections.onprem.irsa.plugins.module_utils._documents.unsigned_token import (
    NOBODY,
    claims,
    is_accepted,
    unsigned_token,
)
from ansible_collections.onprem.irsa.plugins.module_utils._host.api import Api

Json = dict[str, t.Any]

# Every cluster has it; a request for a token makes no object.
_TOKEN = "/api/v1/namespaces/default/serviceaccounts/default/token"  # noqa: S105 -- a path
_REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"
_OF_API_SERVERS = "labelSelector=kubernetes.io%2Fservice-name%3Dkubernetes"
_SLICES = f"/apis/discovery.k8s.io/v1/namespaces/default/endpointslices?{_OF_API_SERVERS}"
_SECONDS = 600  # the shortest that the TokenRequest API takes


@dataclass(frozen=True)
class OutcomeApi(Api):
    """Asks this host's own API server, and others with its tokens."""

    authority: str = ""
    """The file by which the certificates of the others are known; empty: they are not asked."""
    is_other: bool = False

    def outcome(self, issuers: t.Iterable[str]) -> Outcome | None:
        """Return what it shows; None where it gives no token.

        issuers: asked for whether they are accepted, besides those that its token names.
        """
        spec = {"expirationSeconds": _SECONDS}
        given = self._post(_TOKEN, {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec})
        try:
            token = str(given["status"]["token"]) if given else ""
            said = claims(token)
            own, issuer = said["aud"], str(said["iss"])
        except (ValueError, KeyError, TypeError):
            return None
        audiences = [own] if isinstance(own, str) else [str(audience) for audience in own]
        asked = dict.fromkeys([issuer, *issuers, *(name for name in audiences if "://" in name), NOBODY])
        accepted = [name for name in asked if is_accepted(str(self._review(unsigned_token(name)).get("error")))]
        tells = issuer in accepted and NOBODY not in accepted
        own_addresses = [address for address, _port in self._servers() if _is_local(address)]
        return Outcome(
            issuer,
            tuple(audiences),
            tuple(accepted) if tells else (),
            self._jwks_uri(),
            advertised=own_addresses[0] if len(own_addresses) == 1 else "",
            token=token,
        )

    def refusing(self, outcome: Outcome) -> list[str]:
        """Return the URLs of the API servers that the cluster lists, and that refuse the token of an outcome.

        One that does not answer refuses nothing.
        """
        others = [each for each in self._servers() if not _is_local(each[0])] if self.authority else []
        refusing = []
        for address, port in others:
            url = f"https://{f'[{address}]' if ':' in address else address}:{port}"
            found = replace(self, url=url, is_other=True)._review(outcome.token, outcome.audiences)
            if found and not found.get("authenticated"):
                refusing.append(url)
        return refusing

    def _jwks_uri(self) -> str | None:
        with suppress(ValueError, KeyError, TypeError):
            return str(json.loads(self._get(DISCOVERY_PATH) or b"")["jwks_uri"])
        return None

    def _servers(self) -> list[tuple[str, int]]:
        """Return address and port of each API server that the cluster lists."""
        with suppress(ValueError, KeyError, TypeError):
            return [
                (str(address), int(port["port"]))
                for item in json.loads(self._get(_SLICES) or b"")["items"]
                for port in item["ports"] or []
                if port["name"] == "https"
                for endpoint in item["endpoints"] or []
                for address in endpoint["addresses"]
            ]
        return []

    def _review(self, token: str, audiences: t.Iterable[str] = ()) -> Json:
        spec = {"token": token, "audiences": [*audiences]}
        found = self._post(_REVIEWS, {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": spec})
        status = (found or {}).get("status")
        return status if isinstance(status, dict) else {}

    def _post(self, path: str, body: Json) -> Json | None:
        """Return the object that comes back; None for anything else."""
        accepted = (http.client.OK, http.client.CREATED)
        with suppress(OSError, http.client.HTTPException, ValueError), closing(self._connection()) as connection:
            connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
            response = connection.getresponse()
            content = response.read()
            found = json.loads(content) if response.status in accepted else None
            return found if isinstance(found, dict) else None
        return None

    def _context(self) -> ssl.SSLContext:
        context = super()._context()
        if self.is_other:  # it is shown a token
            context.load_verify_locations(cafile=self.authority)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


def _is_local(address: str) -> bool:
    """Tell whether an address is one of this host's."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.bind((address, 0))
        return True
    return False


__all__: t.Final = ("OutcomeApi",)
