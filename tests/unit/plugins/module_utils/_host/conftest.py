# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import datetime
import typing as t
import uuid

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ansible_collections.onprem.irsa.plugins.module_utils._host.api import Api
from ansible_collections.onprem.irsa.plugins.module_utils._host.watch import Watch
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._host.fake_kubelet import FakeKubelet

if t.TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file with a self-signed certificate and its key, for the server and for clients."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "kube-apiserver")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return file


@pytest.fixture
def kubelet(tmp_path: Path, certificate: Path) -> t.Iterator[FakeKubelet]:
    """Return a running kubelet with one manifest, whose server is ready; its name is nobody else's."""
    component = f"kube-apiserver-{uuid.uuid4().hex[:8]}"
    fake = FakeKubelet(tmp_path, component, certificate)
    fake.manifest.write_text(fake.content("--issuer=old"))
    fake.manifest.chmod(0o600)
    fake.start()
    try:
        assert watch_of(fake).wait(lambda _process: True, since=frozenset(), timeout=20) is None
        yield fake
    finally:
        fake.stop()


def watch_of(fake: FakeKubelet) -> Watch:
    """Return a watch over a fake kubelet's server."""
    return Watch(fake.component, Api(fake.url), logs=fake.logs, interval=0.05, gone=1.0)
