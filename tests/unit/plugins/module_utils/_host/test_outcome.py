# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions to a server that answers as a kube-apiserver does; tests/api_server asks the real one."""

from __future__ import annotations

import base64
import http.server
import json
import ssl
import threading
import typing as t
from dataclasses import replace

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._documents.unsigned_token import claims
from ansible_collections.onprem.irsa.plugins.module_utils._host import outcome
from ansible_collections.onprem.irsa.plugins.module_utils._host.outcome import OutcomeApi
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._host.fake_kubelet import free_port

if t.TYPE_CHECKING:
    from pathlib import Path

NEW, OLD = "https://new.example.com", "https://kubernetes.default.svc.cluster.local"
TOKENS = "/api/v1/namespaces/default/serviceaccounts/default/token"
REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"
OF_API_SERVERS = "labelSelector=kubernetes.io%2Fservice-name%3Dkubernetes"
SLICES = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"


class FakeServer:
    """Signs with the first issuer, accepts all, and answers only clients that show a certificate."""

    def __init__(self, certificate: Path) -> None:
        self.issuers, self.jwks_uri, self.broken = [NEW, OLD], f"{NEW}/jwks", ""
        self.blind = False
        self.addresses = ["127.0.0.1"]
        self.port = 0
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        context.load_verify_locations(certificate)
        context.verify_mode = ssl.CERT_REQUIRED
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = int(self.server.server_address[1])
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def stop(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def token(self) -> str:
        said = json.dumps({"iss": self.issuers[0], "aud": self.issuers}).encode()
        return f"e30.{base64.urlsafe_b64encode(said).rstrip(b'=').decode()}.c2ln"

    def reviewed(self, token: str) -> dict[str, t.Any]:
        """Tell of an unsigned token of an issuer that it accepts that it has no key for it, as kube-apiserver does."""
        if token.endswith(".c2ln"):
            return {"authenticated": claims(token)["iss"] in self.issuers}
        known = claims(token)["iss"] in self.issuers and not self.blind
        return {"error": "invalid bearer token, no keys found" if known else "invalid bearer token"}

    def got(self, path: str) -> object:
        if path == "/.well-known/openid-configuration":
            return {"issuer": self.issuers[0], "jwks_uri": self.jwks_uri} if self.jwks_uri else None
        endpoints = [{"addresses": [address]} for address in self.addresses]
        assert path == f"{SLICES}?{OF_API_SERVERS}", path
        return {"items": [{"endpoints": endpoints, "ports": [{"name": "https", "port": self.port}]}]}

    def posted(self, path: str, body: dict[str, t.Any]) -> object:
        if path == TOKENS:
            assert body["spec"] == {"expirationSeconds": 600}
            return {"status": {"token": self.token()}}
        assert path == REVIEWS, path
        return {"status": self.reviewed(body["spec"]["token"])}

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.answer(fake.got(self.path), 200)

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self.answer(fake.posted(self.path, body), 201)

            def answer(self, found: object, status: int) -> None:
                content = json.dumps(found).encode() if self.path != fake.broken else b"<html>"
                self.send_response(status if found is not None else 404)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class's name
                pass

        return Handler


@pytest.fixture
def server(certificate: Path) -> t.Iterator[FakeServer]:
    """Return a server that answers."""
    fake = FakeServer(certificate)
    yield fake
    fake.stop()


@pytest.fixture
def asks(server: FakeServer, certificate: Path) -> OutcomeApi:
    """Return what asks it with a certificate."""
    return OutcomeApi(server.url, str(certificate), str(certificate), authority=str(certificate))


def test_a_server_shows_its_flags(asks: OutcomeApi, server: FakeServer) -> None:
    found = asks.outcome(["https://other.example.com"])
    assert found is not None
    assert (found.issuer, found.audiences, found.accepted) == (NEW, (NEW, OLD), (NEW, OLD))
    assert (found.jwks_uri, found.advertised, found.token) == (f"{NEW}/jwks", "127.0.0.1", server.token())
    server.jwks_uri, server.addresses = "", ["192.0.2.1", "fd00::1"]
    found = asks.outcome([])
    assert found is not None
    assert (found.jwks_uri, found.advertised) == (None, "")


def test_what_is_accepted_may_not_be_told(asks: OutcomeApi, server: FakeServer) -> None:
    server.blind = True
    found = asks.outcome([OLD])
    assert found is not None
    assert (found.issuer, found.accepted) == (NEW, ())


@pytest.mark.parametrize("broken", [TOKENS, REVIEWS, f"{SLICES}?{OF_API_SERVERS}"])
def test_whatever_else_answers_is_no_error(asks: OutcomeApi, server: FakeServer, broken: str) -> None:
    server.broken = broken
    found = asks.outcome([OLD])
    assert (found is None) == (broken == TOKENS)
    assert found is None or (found.accepted == ()) == (broken == REVIEWS)


def test_without_a_certificate_or_an_answer_nothing_is_known(asks: OutcomeApi) -> None:
    assert replace(asks, client_cert="", client_key="").outcome([]) is None
    assert replace(asks, url=f"https://127.0.0.1:{free_port()}").outcome([]) is None


def test_another_server_that_refuses_a_token_is_named(
    asks: OutcomeApi, server: FakeServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = asks.outcome([])
    assert found is not None
    assert asks.refusing(found) == [], "this host's own"
    monkeypatch.setattr(outcome, "_is_local", lambda _address: False)
    assert asks.refusing(found) == []
    server.issuers = [OLD]
    assert asks.refusing(found) == [server.url]
    (tmp_path / "other.pem").write_text("")
    for authority in ("", "/none", str(tmp_path / "other.pem")):
        assert replace(asks, authority=authority).refusing(found) == [], "its token is shown to no stranger"
    server.addresses = []
    assert asks.refusing(found) == []


def test_an_address_of_this_host_is_known() -> None:
    assert outcome._is_local("127.0.0.1")
    assert not outcome._is_local("192.0.2.1")
    assert not outcome._is_local("nonsense")
