# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import http.server
import ssl
import threading
from typing import TYPE_CHECKING

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._host.api import Api
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._host.fake_kubelet import free_port

if TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._host.fake_kubelet import FakeKubelet


def test_a_server_is_asked(kubelet: FakeKubelet) -> None:
    assert Api(kubelet.url).ready()
    assert Api(kubelet.url, client_cert="/none", client_key="/none").ready()
    assert Api(kubelet.url).version() == "v1.34.4"
    assert Api(kubelet.url).kids() == ["one"]


def test_no_answer_is_no_error() -> None:
    nobody = Api(f"https://127.0.0.1:{free_port()}")
    assert not nobody.ready()
    assert nobody.version() is None
    assert nobody.kids() is None


def test_the_client_certificate_is_shown(certificate: Path) -> None:
    """As a server that refuses anonymous requests needs it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.load_verify_locations(certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    server = http.server.HTTPServer(("127.0.0.1", 0), _Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        url = f"https://127.0.0.1:{server.server_address[1]}"
        assert Api(url, client_cert=str(certificate), client_key=str(certificate)).ready()
        assert not Api(url).ready()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class's name
        pass


@pytest.mark.parametrize("answer", [b"", b"ok", b"\xff", b"[]", b"null", b'{"major": "1"}', b"<html>"])
def test_what_another_program_answers_is_no_version(answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Api, "_get", lambda _api, _path: answer)
    assert (Api("https://127.0.0.1:6443").version(), Api("https://127.0.0.1:6443").kids()) == (None, None)
