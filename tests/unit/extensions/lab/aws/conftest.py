# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An issuer, its tokens, and the real server, which boto3 finds under AWS's own names."""

from __future__ import annotations

import http.client
import json
import os
import socket
import ssl
import subprocess
import sys
import time
import typing as t
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from jwcrypto import jwk, jws

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PACKAGE = Path(__file__).parents[5] / "extensions" / "lab" / "aws"
REGION = "eu-central-1"
AUDIENCE = "sts.amazonaws.com"
SESSION = boto3.session.Session()  # one for all: it caches the models


def new_key(kid: str = "key-1", kind: str = "RSA", algorithm: str = "RS256", crv: str = "P-256") -> jwk.JWK:
    """Make a key pair."""
    if kind == "RSA":
        return jwk.JWK.generate(kty="RSA", size=2048, kid=kid, use="sig", alg=algorithm)
    return jwk.JWK.generate(kty="EC", crv=crv, kid=kid, use="sig", alg=algorithm)


def sign(claims: Mapping[str, object], key: jwk.JWK, header: Mapping[str, object] | None = None) -> str:
    """Sign claims with a key; the header may say otherwise than the key."""
    wanted = {"alg": key.get("alg"), "kid": key.get("kid")} | dict(header or {})
    token = jws.JWS(json.dumps(claims))
    token.allowed_algs = [wanted["alg"]]
    token.add_signature(key, None, json.dumps({name: value for name, value in wanted.items() if value is not None}))
    return str(token.serialize(compact=True))


KEY = new_key()
FOREIGN_KEY = new_key()


@dataclass
class Issuer:
    """An issuer as a kube-apiserver is one: its URL, its keys, its documents."""

    url: str
    keys: list[jwk.JWK] = field(default_factory=lambda: [KEY])

    def discovery(self, **changes: object) -> str:
        """Return the discovery document, with changes."""
        document = {
            "issuer": self.url,
            "jwks_uri": f"{self.url}/openid/v1/jwks",
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }
        return json.dumps(document | changes)

    def jwks(self) -> str:
        """Return the key set."""
        return json.dumps({"keys": [json.loads(key.export_public()) for key in self.keys]})

    def claims(self, **changes: object) -> dict[str, object]:
        """Return the claims of a service-account token, with changes; None leaves one out."""
        now = int(time.time())
        claims: dict[str, object] = {
            "aud": [AUDIENCE],
            "exp": now + 3600,
            "iat": now,
            "iss": self.url,
            "nbf": now,
            "sub": "system:serviceaccount:apps:reports",
            "kubernetes.io": {"namespace": "apps", "serviceaccount": {"name": "reports"}},
        }
        return {name: value for name, value in (claims | changes).items() if value is not None}

    def token(self, **changes: object) -> str:
        """Return a service-account token, with changes of its claims."""
        return sign(self.claims(**changes), self.keys[0])


@dataclass
class Lab:
    """A running server."""

    port: int
    admin_port: int
    state: Path
    process: subprocess.Popen[str]
    clients: dict[tuple[str, str, bool], t.Any] = field(default_factory=dict)
    unknown_names: set[str] = field(default_factory=set)
    """Names that DNS does not know."""

    def admin(self, path: str, content: object = None) -> t.Any:  # noqa: ANN401 -- JSON
        """Ask the admin port: GET, or POST with content."""
        data = None if content is None else json.dumps(content).encode()
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin_port}{path}", data, timeout=10) as answer:
            return json.load(answer)

    def client(self, service: str, region: str = REGION, **options: t.Any) -> t.Any:  # noqa: ANN401 -- boto3's own
        """Return a boto3 client that never retries: the administrator's (made once), or one with these options."""
        return self._new(service, region, options) if options else self._once(service, region, unsigned=False)

    def unsigned(self, service: str, region: str = REGION) -> t.Any:  # noqa: ANN401 -- boto3's own
        """Return a client that signs nothing and checks nothing, made once."""
        return self._once(service, region, unsigned=True)

    def _once(self, service: str, region: str, *, unsigned: bool) -> t.Any:  # noqa: ANN401 -- boto3's own
        key = (service, region, unsigned)
        config = Config(signature_version=UNSIGNED, parameter_validation=False, retries={"total_max_attempts": 1})
        if key not in self.clients:
            self.clients[key] = self._new(service, region, {"config": config} if unsigned else {})
        return self.clients[key]

    def _new(self, service: str, region: str, options: Mapping[str, t.Any]) -> t.Any:  # noqa: ANN401 -- boto3's own
        keys = self.admin("/credentials")
        given = {
            "aws_access_key_id": keys["access_key_id"],
            "aws_secret_access_key": keys["secret_access_key"],
            "config": Config(retries={"total_max_attempts": 1}),
        } | dict(options)
        make: t.Any = SESSION.client  # its stub wants the service's name written out
        return make(service, region_name=region, verify=str(self.state / "ca.pem"), **given)

    def environment(self) -> dict[str, str]:
        """Return the environment in which every Python program takes this server for AWS, as the administrator."""
        keys = self.admin("/credentials")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "ANSIBLE_"))}
        return inherited | {
            "AWS_ACCESS_KEY_ID": keys["access_key_id"],
            "AWS_SECRET_ACCESS_KEY": keys["secret_access_key"],
            "AWS_CA_BUNDLE": str(self.state / "ca.pem"),
            "SSL_CERT_FILE": str(self.state / "ca.pem"),
            "LAB_AWS": f"127.0.0.1:{self.port}",
            "PYTHONPATH": str(PACKAGE / "names"),
        }

    def get(self, url: str, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
        """Ask for a URL as anybody may: unsigned, and trusting the lab's authority alone."""
        parts = urlsplit(url)
        context = ssl.create_default_context(cafile=str(self.state / "ca.pem"))
        connection = http.client.HTTPSConnection(parts.netloc, context=context, timeout=10)
        try:
            connection.request(method, f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}")
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()


def publish(lab: Lab, issuer: Issuer, bucket: str) -> None:
    """Publish an issuer's documents in a bucket, for everybody."""
    s3 = lab.client("s3")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.delete_public_access_block(Bucket=bucket)
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    documents = {".well-known/openid-configuration": issuer.discovery(), "openid/v1/jwks": issuer.jwks()}
    for key, text in documents.items():
        s3.put_object(Bucket=bucket, Key=key, Body=text.encode(), ContentType="application/json")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The server, in a process of its own."""
    with started(tmp_path_factory.mktemp("lab-aws")) as found:
        yield found


@contextmanager
def started(state: Path) -> Iterator[Lab]:
    """Run the server in a process of its own, with its certificates in a directory, until the body ends."""
    command = [sys.executable, "-m", "lab_aws", "--port", "0", "--admin-port", "0", "--state", str(state)]
    process = subprocess.Popen(command, cwd=PACKAGE, stdout=subprocess.PIPE, text=True)  # noqa: S603 -- our own
    try:
        line = process.stdout.readline() if process.stdout else ""
        ports = [int(part.rpartition(":")[2]) for part in line.split() if "://" in part]
        yield Lab(ports[0], ports[1], state, process)
    finally:
        process.terminate()
        process.wait(5)


@pytest.fixture
def lab(server: Lab, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """The server with a fresh account; names of AWS and under example.com lead to it, as the lab's DNS has it."""
    lead(server, monkeypatch)
    server.admin("/reset", {})
    server.unknown_names.clear()
    return server


def lead(server: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the names of AWS and under example.com lead to the server in this process."""
    real = socket.getaddrinfo

    def resolve(host: object, port: object, *args: t.Any, **options: t.Any) -> object:  # noqa: ANN401 -- passed on
        if host in server.unknown_names:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        if str(host).endswith((".amazonaws.com", ".amazonaws.com.cn", ".cloudfront.net", ".example.com")):
            return real("127.0.0.1", server.port, *args, **options)
        return real(t.cast("str", host), t.cast("int", port), *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    for name in ("AWS_PROFILE", "AWS_CA_BUNDLE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
