# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""API servers that answer as kube-apiserver does, by their issuers and keys, some of them behind a load balancer."""

from __future__ import annotations

import base64
import itertools
import json
import typing as t
from dataclasses import dataclass, field
from functools import cache

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.asking import REVIEWS_PATH, VERSION_PATH
from ansible_collections.onprem.irsa.plugins.module_utils._documents.jwks import jwks_from_pems
from ansible_collections.onprem.irsa.plugins.module_utils._documents.paths import DISCOVERY_PATH, JWKS_PATH
from ansible_collections.onprem.irsa.plugins.module_utils._errors import ApiError

from ...some_keys import ec_key, public_pem

Json = dict[str, t.Any]
OLD: t.Final = "https://kubernetes.default.svc.cluster.local"
NEW: t.Final = "https://oidc.example.com"
BALANCER: t.Final = "https://lb.example.com:6443"


@cache
def key(number: int) -> Json:
    (found,) = jwks_from_pems([("FILE", public_pem(ec_key(number)))])
    return dict(found)


def kid(number: int) -> str:
    return str(key(number)["kid"])


@dataclass
class One:
    """An API server."""

    issuers: list[str] = field(default_factory=lambda: [OLD])
    keys: list[int] = field(default_factory=lambda: [1])
    signing: int = 1
    jwks_uri: str = ""
    """Of its discovery document; without, it serves none."""
    hides: bool = False
    """Whether it does not say why it refuses a token, as one whose words are not known."""

    def get(self, path: str) -> Json | None:
        if path == VERSION_PATH:
            return {"gitVersion": "v1.34.4"}
        if path == DISCOVERY_PATH and self.jwks_uri:
            return {"issuer": self.issuers[0], "jwks_uri": self.jwks_uri}
        return {"keys": [key(number) for number in self.keys]} if path == JWKS_PATH else None

    def token(self) -> str:
        claims = {"iss": self.issuers[0], "aud": self.issuers}
        parts = ({"alg": "ES256", "kid": kid(self.signing)}, claims)
        return ".".join([*(base64.urlsafe_b64encode(json.dumps(part).encode()).decode() for part in parts), "signed"])

    def review(self, token: str) -> Json:
        header, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2])
        known = header["kid"] in map(kid, self.keys)
        if claims["iss"] not in self.issuers or self.hides:
            return {"error": "invalid bearer token"}
        if not known:
            return {"error": "[invalid bearer token, invalid signature, no keys found]"}
        return {"authenticated": token.endswith(".signed")}


class Client:
    """Asks one of several API servers; its own address, or in turn where it asks the load balancer."""

    def __init__(
        self, servers: t.Mapping[str, One], url: str = BALANCER, *, turn: t.Iterator[str] | None = None
    ) -> None:
        self.server, self._servers = url, servers
        self._turn = turn or itertools.cycle(servers)
        self._one = next(self._turn) if url == BALANCER else url

    def at(self, server: str) -> Client:
        return Client(self._servers, server, turn=self._turn)

    def get(self, path: str, *, accept: str = "") -> Json | None:
        if path == JWKS_PATH and "application/jwk-set+json" not in accept:
            raise ApiError("The API server answers 406.", fix="", status=406)  # as seen on 1.34.4
        return self._found().get(path)

    def create(self, path: str, body: Json) -> Json:
        assert path == REVIEWS_PATH
        return {**body, "status": self._found().review(body["spec"]["token"])}

    def sign(self) -> str:
        return self._found().token()

    def _found(self) -> One:
        if self._one not in self._servers:
            raise ApiError(f"The API server {self._one} cannot be asked: timed out.", fix="")
        return self._servers[self._one]


def sign(server: t.Any) -> str:  # noqa: ANN401 -- a Client
    """Have it sign a token."""
    return str(server.sign())


def cluster(*servers: One) -> dict[str, One]:
    return {f"https://10.0.0.{number}:6443": one for number, one in enumerate(servers, start=1)}
