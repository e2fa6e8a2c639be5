# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import typing as t

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.onprem.irsa.plugins.module_utils._documents.jwks import kids_of_document
from ansible_collections.onprem.irsa.plugins.module_utils._proof import read_back as reader
from ansible_collections.onprem.irsa.plugins.module_utils._proof.checks import Document
from ansible_collections.onprem.irsa.plugins.modules import issuer_info
from ansible_collections.onprem.irsa.tests.unit.plugins.some_keys import VECTORS

ISSUER = "https://oidc.example.com/a"
KEYS = (VECTORS / "jwks.json").read_text()
DISCOVERY = (VECTORS / "openid-configuration.json").read_text()
DISCOVERY_URL, JWKS_URL = f"{ISSUER}/.well-known/openid-configuration", f"{ISSUER}/openid/v1/jwks"

Result = dict[str, t.Any]


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> dict[str, Document]:
    """What the web serves by URL, nothing else being there."""
    pages = {
        JWKS_URL: Document(JWKS_URL, 200, "application/jwk-set+json", KEYS, 0.1),
        DISCOVERY_URL: Document(DISCOVERY_URL, 200, "application/json", DISCOVERY, 0.1),
    }

    def fetch(url: str, _ca_file: str | None = None) -> Document:
        return pages.get(url, Document(url, 404, "text/html", "", 0.1))

    monkeypatch.setattr(reader, "fetch", fetch)
    monkeypatch.setattr(reader, "_PAUSE", 0)
    return pages


@pytest.fixture
def run(served: dict[str, Document], capsys: pytest.CaptureFixture[str]) -> t.Callable[..., Result]:
    del served

    def module(**options: object) -> Result:
        with patch_module_args({"issuer": ISSUER, "timeout": 0, **options}), pytest.raises(SystemExit):
            issuer_info.main()
        return t.cast("Result", json.loads(capsys.readouterr().out))

    return module


def test_says_what_is_published(run: t.Callable[..., Result]) -> None:
    for kids in ([], kids_of_document(KEYS)[:1]):
        found = run(kids=kids)
        assert (found["changed"], found["served"], found["jwks_uri"]) == (False, True, JWKS_URL)
        assert (found["jwks"], found["discovery_document"]) == (KEYS, DISCOVERY)
        assert found["kids"] == kids_of_document(KEYS)
        assert [seen["url"] for seen in found["read_back"]] == [JWKS_URL, DISCOVERY_URL]


def test_nothing_published_is_an_answer_and_for_wanted_keys_a_failure(
    run: t.Callable[..., Result], served: dict[str, Document]
) -> None:
    served.clear()
    found = run()
    assert (found["served"], found["kids"], found["jwks"], found["read_back"]) == (False, [], "", [])
    assert f"{DISCOVERY_URL} answers with HTTP status 404" in run(kids=["a"])["msg"]


def test_wanted_keys_and_their_place_must_be_there(run: t.Callable[..., Result]) -> None:
    assert "lacks the key another" in run(kids=["another"])["msg"]
    other = run(kids=kids_of_document(KEYS), jwks_uri=f"{ISSUER}/keys.json")
    assert f"names the key set {JWKS_URL}" in other["msg"]
    assert "must begin with https://" in run(issuer="http://oidc.example.com")["msg"]
    assert "The timeout -1 must be 0 or more" in run(timeout=-1)["msg"]


def test_another_content_type_is_a_warning(
    run: t.Callable[..., Result], served: dict[str, Document], warned: list[str]
) -> None:
    for url, page in served.items():
        served[url] = page._replace(content_type="binary/octet-stream")
    run(kids=kids_of_document(KEYS))
    for url in served:
        assert any(text.startswith(f"{url} is served with the content type 'binary/octet-stream'") for text in warned)


def test_what_is_served_is_compared_with_what_was_published(
    run: t.Callable[..., Result], served: dict[str, Document]
) -> None:
    kids = kids_of_document(KEYS)
    assert run(kids=kids, jwks=KEYS)["kids"] == kids
    changed = KEYS.replace('"e":"AQAB"', '"e":"Aw"')
    served[JWKS_URL] = served[JWKS_URL]._replace(body=changed)
    assert f"{JWKS_URL} has the key {kids[0]} with another e than was published" in run(kids=kids, jwks=KEYS)["msg"]
