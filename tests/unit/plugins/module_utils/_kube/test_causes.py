# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said where an API server gives no answer, on real connections."""

from __future__ import annotations

import base64
import json
import re
import socket
import ssl
import typing as t
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ansible_collections.onprem.irsa.plugins.module_utils._errors import ApiError
from ansible_collections.onprem.irsa.plugins.module_utils._kube.api import Api
from ansible_collections.onprem.irsa.plugins.module_utils._kube.kubeconfig import current_context

from ...relying_party_servers import serving
from ...some_certificates import authority, leaf, pem
from ...some_keys import ec_key
from .test_api import Module

if t.TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("client_of_its_own")
Json = dict[str, t.Any]
WHERE: t.Final = "the kubeconfig ./config on the controller (context prod)"
NOW: t.Final = datetime.now(timezone.utc)
LIBRARIES: t.Final = re.compile(r"0x[0-9a-f]{6}|ConnectionPool|Max retries|Errno|Error\(|_ssl\.c|urllib3")
_ANONYMOUS: t.Final = 'pods is forbidden: User "system:anonymous" cannot list resource "pods" in API group ""'


def given(server: str, user: Json | None = None, cluster: t.Mapping[str, str] | None = None) -> Json:
    """Return a kubeconfig as the roles give it to modules."""
    found = {
        "current-context": "prod",
        "contexts": [{"name": "prod", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": server, **(cluster or {})}}],
        "users": [{"name": "u", "user": {"token": "of-somebody"} if user is None else user}],
    }
    return current_context(found, "/home/me", "./config on the controller")


def said(kubeconfig: Json) -> str:
    with pytest.raises(ApiError) as caught:
        Api(Module(kubeconfig=kubeconfig)).get("/version")
    message = str(caught.value)
    assert not LIBRARIES.search(message), message
    assert ".." not in message
    return message


def answering(status: int, body: str) -> type[BaseHTTPRequestHandler]:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_words: object) -> None:
            """Print nothing."""

    return Answer


def context_of(directory: Path, **certificate: t.Any) -> ssl.SSLContext:  # noqa: ANN401 -- of leaf()
    made = directory / "server.pem"
    key = ec_key(11).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    made.write_text(pem(leaf(**{"host": "localhost", "begin": NOW - timedelta(days=2), **certificate})) + key)
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    found.load_cert_chain(made)
    return found


@pytest.mark.parametrize(
    ("certificate", "signer", "says"),
    [
        ({}, 0, "is not of a certificate authority that this machine trusts, and the kubeconfig names none"),
        ({}, 2, "its certificate is not of a certificate authority that the kubeconfig names"),
        ({"days": 1}, 1, "its certificate has expired, by the clock of the controller"),
        ({"begin": NOW + timedelta(days=1)}, 1, "its certificate is not valid yet"),
        ({"host": "elsewhere.example.com"}, 1, "its certificate is for other names than this one"),
    ],
)
def test_what_is_wrong_with_its_certificate(tmp_path: Path, certificate: Json, signer: int, says: str) -> None:
    (tmp_path / "ca.crt").write_text(pem(authority(signer or 1)))
    cluster = {"certificate-authority": str(tmp_path / "ca.crt")} if signer else {}
    with serving(answering(200, "{}"), context_of(tmp_path, **certificate)) as host:
        message = said(given(f"https://{host}", cluster=cluster))
    assert message.startswith(f"The API server https://{host} cannot be asked: ")
    assert says in message


def test_https_where_http_is_spoken() -> None:
    with serving(answering(200, "{}")) as host:
        assert "does not speak TLS. Correct the server in " + WHERE in said(given(f"https://{host}"))


def test_an_authority_that_is_no_certificate(tmp_path: Path) -> None:
    with serving(answering(200, "{}"), context_of(tmp_path)) as host:
        assert "is no PEM text" in said(given(f"https://{host}", cluster={"certificate-authority-data": "QUJD"}))


def test_http_where_https_is_spoken() -> None:
    """As net/http of Go answers."""
    with serving(answering(400, "Client sent an HTTP request to an HTTPS server.\n")) as host:
        assert said(given(f"http://{host}")) == (
            f"The API server http://{host} is asked over http, and speaks https: Client sent an HTTP request to an "
            f"HTTPS server. Write https:// for http:// in the server of {WHERE}."
        )


def closed_port() -> int:
    with socket.socket() as unused:
        unused.bind(("localhost", 0))
        return int(unused.getsockname()[1])


@pytest.mark.parametrize(
    ("server", "cluster", "says"),
    [
        (
            "https://localhost:{}",
            {},
            "the connection is refused, so nothing listens there. Start what listens there, or",
        ),
        ("https://no-such-host.invalid:6443", {}, "the name is not known to the controller's DNS"),
        (
            "https://192.0.2.1:6443",
            {"proxy-url": "http://me:secret@localhost:{}"},
            "through the proxy http://localhost:{}: the connection is refused",
        ),
        ("https://[::1:6443", {}, "its address is no URL"),
        ("https://", {}, "its address is no URL"),
        ("https://localhost:{}", {"certificate-authority": "/none/ca.crt"}, "File does not exist: /none/ca.crt"),
        ("https://localhost:{}", {"certificate-authority-data": "QQ="}, "is not base64"),
    ],
)
def test_where_nothing_answers(server: str, cluster: Json, says: str) -> None:
    port = closed_port()
    filled = {key: value.format(port) for key, value in cluster.items()}
    message = said(given(server.format(port), cluster=filled))
    assert says.format(port) in message
    assert "secret" not in message


class Drop(BaseHTTPRequestHandler):
    """Takes connections, and answers nothing."""

    def handle(self) -> None:
        """End."""


def test_a_connection_that_is_closed() -> None:
    with serving(Drop) as host:
        assert "the connection is closed without an answer" in said(given(f"http://{host}"))


def test_what_is_no_json() -> None:
    with serving(answering(200, "<html>Log in</html>")) as host:
        assert "what answers there gives no JSON of an API server" in said(given(f"http://{host}"))


def jwt(**claims: object) -> str:
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in ({}, claims)]
    return ".".join([*parts, "c2ln"])


def expired(directory: Path, *, days: float) -> Json:
    made = directory / "client.pem"
    key = ec_key(11).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    made.write_text(pem(leaf(begin=NOW - timedelta(days=2), days=days)) + key)
    return {"client-certificate": str(made), "client-key": str(made)}


UNAUTHORIZED: t.Final = json.dumps({"kind": "Status", "message": "Unauthorized"})


@pytest.mark.parametrize(
    ("user", "says"),
    [
        (
            {"token": "of-somebody"},
            "401 (Unauthorized). Its token is none that this API server knows. Write a valid one ",
        ),
        ({"token": jwt(exp=1_700_000_000)}, "Its token expired at 2023-11-14 22:13:20 UTC."),
        (
            {"token": jwt(exp=9_999_999_999, iss="https://i")},
            "has not expired. It is of the issuer https://i: this API",
        ),
        ({"token": jwt(exp="x")}, "Its token is none that this API server knows"),
        ({"token": ""}, "It sends no credentials: its user has neither a token nor a client certificate nor"),
        ({}, "It sends no credentials"),
    ],
)
def test_a_user_that_is_not_known(user: Json, says: str) -> None:
    with serving(answering(401, UNAUTHORIZED)) as host:
        message = said(given(f"http://{host}", user))
    assert message.startswith(
        f"The API server http://{host} does not know the user of {WHERE}: it answers GET /version"
    )
    assert says in message


@pytest.mark.parametrize(
    ("days", "status", "says"),
    [
        (1, 401, "Its client certificate expired at "),
        (9, 401, "Its client certificate is not of an authority that this API server trusts"),
        (9, 403, "Its client certificate does not arrive: what ends TLS there is not the API server"),
    ],
)
def test_a_client_certificate_that_is_not_known(tmp_path: Path, days: float, status: int, says: str) -> None:
    (tmp_path / "ca.crt").write_text(pem(authority()))
    body = UNAUTHORIZED if status == 401 else json.dumps({"message": _ANONYMOUS})
    with serving(answering(status, body), context_of(tmp_path)) as host:
        kubeconfig = given(
            f"https://{host}", expired(tmp_path, days=days), {"certificate-authority": str(tmp_path / "ca.crt")}
        )
        assert says in said(kubeconfig)


@pytest.mark.parametrize("user", [{}, {"token": ""}, {"token": "t"}, {"username": "me"}])
def test_nobody_is_given_rights(user: Json) -> None:
    with serving(answering(403, json.dumps({"message": _ANONYMOUS}))) as host:
        message = said(given(f"http://{host}", user))
    assert "403, as to a request without credentials" in message
    assert not re.search(r"grant|system:anonymous|right", message)


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("", "No such file or directory: '/home/me/bin/login'"),
        ("echo expired session >&2; exit 3", "process returned 3. expired session"),
        ("echo x", "failed to decode process output"),
        ('echo \'{"apiVersion": "client.authentication.k8s.io/v1", "kind": "x", "status": {}}\'', "missing token"),
    ],
)
def test_a_login_command_that_fails(tmp_path: Path, capfd: pytest.CaptureFixture[str], script: str, says: str) -> None:
    command = tmp_path / "login"
    command.write_text(f"#!/bin/sh\n{script}\n")
    command.chmod(0o755)
    program = {"command": str(command) if script else "./bin/login", "apiVersion": "client.authentication.k8s.io/v1"}
    with serving(answering(403, json.dumps({"message": _ANONYMOUS}))) as host:
        message = said(given(f"http://{host}", {"exec": program}))
    shown = command if script else "/home/me/./bin/login"
    assert f"was not asked: the login command {shown} of {WHERE} failed: " in message
    assert says in message.replace("/./", "/")
    assert "".join(capfd.readouterr()) == ""


def test_a_login_command_comes_before_a_connection() -> None:
    program = {"command": "no-such-login", "apiVersion": "client.authentication.k8s.io/v1"}
    message = said(given(f"https://localhost:{closed_port()}", {"exec": program}))
    assert "failed: No such file or directory: 'no-such-login'." in message


def test_a_token_of_a_login_command(tmp_path: Path) -> None:
    status = {"token": jwt(exp=1_700_000_000)}
    credential = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}
    (tmp_path / "credential").write_text(json.dumps(credential))
    program = {"command": "cat", "args": [str(tmp_path / "credential")], "apiVersion": credential["apiVersion"]}
    with serving(answering(401, UNAUTHORIZED)) as host:
        message = said(given(f"http://{host}", {"exec": program}))
    assert "The token that its login command cat gave expired at 2023-11-14 22:13:20 UTC. Log in again" in message


def test_a_token_that_cannot_be_sent_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret-token\n")
    with serving(answering(200, "{}")) as host:
        message = said(given(f"http://{host}", {"tokenFile": str(tmp_path / "token")}))
    assert "holds a line break" in message
    assert "secret-token" not in message


def test_a_token_file_that_is_not_there() -> None:
    assert f"/none/token of {WHERE} cannot be read: No such file" in said(
        given("http://localhost:1", {"tokenFile": "/none/token"})
    )
