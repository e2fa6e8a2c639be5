# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How documents are looked at, on a real web server."""

from __future__ import annotations

import json
import typing as t
from dataclasses import replace

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._doctor import gather_documents
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.diagnosis import diagnose
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.gather_documents import gather
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.observations import from_observations
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.snapshot import Fetch, NotLooked, Snapshot
from ansible_collections.onprem.irsa.plugins.module_utils._documents.jwks import jwks_document
from ansible_collections.onprem.irsa.plugins.module_utils._proof.checks import LinkError
from ansible_collections.onprem.irsa.plugins.module_utils._proof.relying_party import fetch

from ...relying_party_servers import Page, certificate, pages_handler, serving
from .some_observations import jwks

if t.TYPE_CHECKING:
    from pathlib import Path

NOW = 1_767_225_600.0


class Site(t.NamedTuple):
    """A web server on this machine."""

    issuer: str
    pages: dict[str, Page]
    authority: str


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> t.Iterator[Site]:
    """A web server that serves good documents, and whose host and port are taken for ones that AWS takes."""
    context, authority = certificate(tmp_path)
    monkeypatch.setattr(gather_documents, "check_jwks_uri", lambda url: url)
    pages: dict[str, Page] = {}
    with serving(pages_handler(pages), context) as address:
        issuer = f"https://{address}"
        discovery = {"issuer": issuer, "jwks_uri": f"{issuer}/openid/v1/jwks"}
        pages["/.well-known/openid-configuration"] = Page(json.dumps(discovery))
        pages["/openid/v1/jwks"] = Page(jwks_document(jwks()), "application/jwk-set+json")
        yield Site(issuer, pages, str(authority))


def seen(site: Site, ca_file: str | None = None) -> Snapshot:
    return from_observations({"taken": NOW, "issuer": site.issuer, **gather(site.issuer, "", ca_file)})


def fetches(snapshot: Snapshot) -> tuple[Fetch, Fetch]:
    assert isinstance(snapshot.documents, tuple)
    (probe,) = snapshot.documents
    assert isinstance(probe.discovery, Fetch)
    assert isinstance(probe.jwks, Fetch)
    return probe.discovery, probe.jwks


def test_good_documents(site: Site) -> None:
    snapshot = seen(site, site.authority)
    discovery, keys = fetches(snapshot)
    assert discovery.discovery is not None
    assert discovery.discovery.issuer == site.issuer
    assert [key.kid for key in keys.keys or ()] == [key["kid"] for key in jwks()]
    assert discovery.tls is not None
    assert (discovery.tls.trusted, discovery.tls.named, discovery.tls.names) == (True, True, ("localhost",))
    assert discovery.status == keys.status == 200
    assert not isinstance(snapshot.clock, NotLooked)
    assert isinstance(snapshot.region, NotLooked)


def test_what_cannot_be_verified_is_looked_at_nevertheless(site: Site) -> None:
    discovery, keys = fetches(seen(site))
    assert discovery.tls is not None
    assert (discovery.tls.trusted, discovery.tls.complete, len(discovery.tls.thumbprint)) == (False, True, 40)
    assert keys.keys


def test_a_redirect_and_a_refusal(site: Site) -> None:
    site.pages["/.well-known/openid-configuration"] = Page("https://other.example.com/", status=301)
    snapshot = seen(site, site.authority)
    assert isinstance(snapshot.documents, tuple)
    discovery = snapshot.documents[0].discovery
    assert isinstance(discovery, Fetch)
    assert (discovery.status, discovery.redirect) == (301, "https://other.example.com/")
    assert isinstance(snapshot.documents[0].jwks, NotLooked)
    assert "dns-tls.redirect" in {finding.check for finding in diagnose(snapshot).roots}


def test_nobody_listens_and_no_such_host(site: Site) -> None:
    closed = fetches_of("https://localhost:1")
    assert (closed.unreached, closed.status) == ("refused", 0)
    missing = fetches_of("https://does-not-exist.invalid")
    assert missing.unresolved
    assert not missing.addresses
    assert site.issuer


def fetches_of(issuer: str) -> Fetch:
    snapshot = from_observations({"taken": NOW, "issuer": issuer, **gather(issuer, "")})
    assert isinstance(snapshot.documents, tuple)
    found = snapshot.documents[0].discovery
    assert isinstance(found, Fetch)
    return found


def test_by_a_proxy_there_is_neither_address_nor_certificate(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gather_documents, "getproxies", lambda: {"https": "http://proxy.example.com"})
    monkeypatch.setattr(gather_documents, "proxy_bypass", lambda _host: False)
    monkeypatch.setenv("NO_PROXY", "*")
    discovery, keys = fetches(seen(site, site.authority))
    assert (discovery.addresses, discovery.tls, keys.status) == ((), None, 200)


@pytest.mark.parametrize(
    ("region", "known", "endpoint"),
    [("eu-central-1a", False, ""), ("cn-north-1", True, "https://sts.cn-north-1.amazonaws.com.cn")],
)
def test_regions(monkeypatch: pytest.MonkeyPatch, region: str, known: bool, endpoint: str) -> None:
    def refuse(_url: str, _ca_file: str | None) -> t.NoReturn:
        raise LinkError("https://x cannot be fetched: no route.", fix="Look.") from OSError("no route")

    monkeypatch.setattr(gather_documents, "fetch", refuse)
    found = from_observations({"taken": NOW, "issuer": "", **gather("", region)}).region
    assert not isinstance(found, NotLooked)
    assert (found.known, found.endpoint) == (known, endpoint)
    assert dict(found.unreached) == ({"controller": "no route"} if known else {})


def test_the_clock_is_compared_with_who_answers(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def earlier(url: str, ca_file: str | None, **options: bool) -> t.Any:  # noqa: ANN401 -- a document
        return fetch(url, ca_file, **options)._replace(headers={"date": "Wed, 31 Dec 2025 23:59:30 GMT"})

    monkeypatch.setattr(gather_documents, "fetch", earlier)
    monkeypatch.setattr("time.time", lambda: NOW)
    clock = seen(site, site.authority).clock
    assert not isinstance(clock, NotLooked)
    assert clock.offset == 30.0


def test_nothing_of_it_is_kept_that_has_no_field(site: Site) -> None:
    site.pages["/openid/v1/jwks"] = Page(json.dumps({"keys": [{**jwks()[0], "d": "secret-part"}]}))
    discovery, keys = fetches(seen(site, site.authority))
    assert "secret-part" not in repr(replace(keys, url=discovery.url))
