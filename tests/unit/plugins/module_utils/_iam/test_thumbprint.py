# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
import json
import ssl
import typing as t

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._iam.thumbprint import issuer_thumbprint, served_thumbprint
from ansible_collections.onprem.irsa.plugins.module_utils._proof.checks import LinkError
from ansible_collections.onprem.irsa.tests.unit.plugins.relying_party_servers import (
    Page,
    certificate,
    pages_handler,
    serving,
)
from lab_aws import tls

if t.TYPE_CHECKING:
    from pathlib import Path


def sha1(pem: str) -> str:
    return hashlib.sha1(ssl.PEM_cert_to_DER_cert(pem), usedforsecurity=False).hexdigest()


@pytest.fixture
def chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> t.Iterator[tuple[str, str]]:
    """A host that serves its certificate and its authority's: its address, and the authority's certificate."""
    tls.ensure(tmp_path, ["localhost"])
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    pages: dict[str, Page] = {}
    with serving(pages_handler(pages), tls.server_context(tmp_path)) as address:
        document = {"issuer": f"https://{address}/prod", "jwks_uri": f"https://{address}/keys"}
        pages["/prod/.well-known/openid-configuration"] = Page(json.dumps(document))
        yield address, (tmp_path / "ca.pem").read_text()


def test_it_is_the_last_certificate_of_the_chain(chain: tuple[str, str]) -> None:
    address, authority = chain
    host, _colon, port = address.partition(":")
    leaf = ssl.get_server_certificate((host, int(port)))
    assert served_thumbprint(host, int(port)) == sha1(authority) != sha1(leaf)
    assert issuer_thumbprint(f"https://{address}/prod") == sha1(authority)


def test_it_is_of_the_host_of_the_keys(chain: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address, authority = chain
    (tmp_path / "other").mkdir()
    context, public = certificate(tmp_path / "other")
    both = tmp_path / "both.pem"
    both.write_text(authority + public.read_text())
    monkeypatch.setenv("SSL_CERT_FILE", str(both))
    pages: dict[str, Page] = {}
    with serving(pages_handler(pages), context) as issuer:
        document = {"issuer": f"https://{issuer}", "jwks_uri": f"https://{address}/keys"}
        pages["/.well-known/openid-configuration"] = Page(json.dumps(document))
        assert issuer_thumbprint(f"https://{issuer}") == sha1(authority)


def test_a_host_that_is_not_trusted(chain: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    host, _colon, port = chain[0].partition(":")
    with pytest.raises(LinkError, match=f"The certificates of {host}:{port} cannot be read: .*SSL_CERT_FILE"):
        served_thumbprint(host, int(port))


def test_documents_that_are_not_published(chain: tuple[str, str]) -> None:
    with pytest.raises(LinkError, match="404"):
        issuer_thumbprint(f"https://{chain[0]}/other")
