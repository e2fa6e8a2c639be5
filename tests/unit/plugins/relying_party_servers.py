# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An issuer's web server and an STS on this machine, for tests of those who ask them."""

from __future__ import annotations

import datetime
import ssl
import threading
import time
import typing as t
import urllib.parse
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

if t.TYPE_CHECKING:
    from pathlib import Path


class Page(t.NamedTuple):
    body: str
    kind: str = "application/json"
    status: int = 200
    seconds: float = 0.0
    """For how long the server thinks."""


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler], context: ssl.SSLContext | None = None) -> t.Iterator[str]:
    """Serve in a thread; yield host:port."""
    server = ThreadingHTTPServer(("localhost", 0), handler)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"localhost:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def certificate(directory: Path, *, hours: int = 1) -> tuple[ssl.SSLContext, Path]:
    """Make a certificate for localhost that is valid for so long.

    Returns the server's context and the file for those who are to trust it.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    cert = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=hours))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    # One file for the server, and one for those who are to trust it.
    public, pair = directory / "ca.pem", directory / "pair.pem"
    public.write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pair.write_bytes(private + public.read_bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair)
    return context, public


def pages_handler(pages: dict[str, Page]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = pages.get(self.path, Page("", status=404))
            time.sleep(page.seconds)
            self.send_response(page.status)
            self.send_header("Content-Type", page.kind)
            self.send_header("Content-Length", str(len(page.body)))
            if page.status in (301, 307):
                self.send_header("Location", page.body)
            self.end_headers()
            self.wfile.write(page.body.encode())

        def log_message(self, *_args: object) -> None:
            pass

    return Handler


class StsError(t.NamedTuple):
    code: str
    message: str
    status: int = 400


Decide = t.Callable[[dict[str, str]], "str | StsError"]
"""Takes the call's parameters; returns the ARN of the session, or an error."""


def sts_handler(decide: Decide) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            parameters = dict(urllib.parse.parse_qsl(self.rfile.read(length).decode()))
            answer = StsError("SignedRequest", "", 500) if "Authorization" in self.headers else decide(parameters)
            status, body = _xml(answer)
            self.send_response(status)
            self.send_header("Content-Type", "text/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_args: object) -> None:
            pass

    return Handler


def _xml(answer: str | StsError) -> tuple[int, str]:
    if isinstance(answer, StsError):
        error = f"<Error><Code>{answer.code}</Code><Message>{answer.message}</Message></Error>"
        return answer.status, f"<ErrorResponse>{error}</ErrorResponse>"
    credentials = (
        "<Credentials><AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>very secret</SecretAccessKey>"
        "<SessionToken>t</SessionToken><Expiration>2030-01-01T00:00:00Z</Expiration></Credentials>"
    )
    user = f"<AssumedRoleUser><Arn>{answer}</Arn><AssumedRoleId>AROA:x</AssumedRoleId></AssumedRoleUser>"
    result = f"<AssumeRoleWithWebIdentityResult>{user}{credentials}</AssumeRoleWithWebIdentityResult>"
    return 200, f"<AssumeRoleWithWebIdentityResponse>{result}</AssumeRoleWithWebIdentityResponse>"
