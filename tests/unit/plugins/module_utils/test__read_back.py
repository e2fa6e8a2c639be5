# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import time
import typing as t

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils import _read_back
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError, PublicAccessError
from ansible_collections.onprem.irsa.plugins.module_utils._jwks import kids_of_document
from ansible_collections.onprem.irsa.plugins.module_utils._proof import Document, LinkError
from ansible_collections.onprem.irsa.plugins.module_utils._read_back import look, read_back
from ansible_collections.onprem.irsa.tests.unit.plugins.some_keys import VECTORS

ISSUER = "https://oidc.example.com/a"
KEYS = (VECTORS / "jwks.json").read_text()
KIDS = kids_of_document(KEYS)
DISCOVERY = (VECTORS / "openid-configuration.json").read_text()
JWKS_URL = f"{ISSUER}/openid/v1/jwks"
DISCOVERY_URL = f"{ISSUER}/.well-known/openid-configuration"
SERVED = {
    JWKS_URL: Document(JWKS_URL, 200, "application/jwk-set+json", KEYS, 0.1),
    DISCOVERY_URL: Document(DISCOVERY_URL, 200, "application/json; charset=utf-8", DISCOVERY, 0.1),
}


class Web:
    """Answers with these documents, after some answers that are not right yet."""

    def __init__(self, *wrong: Document | LinkError, served: dict[str, Document] | None = None) -> None:
        self.wrong, self.served, self.asked = list(wrong), served or SERVED, list[str]()

    def fetch(self, url: str, ca_file: str | None = None) -> Document:
        assert ca_file == "ca.pem"
        self.asked.append(url)
        answer = self.wrong.pop(0) if self.wrong else self.served[url]
        if isinstance(answer, LinkError):
            raise answer
        return answer


def read(seconds: float = 5) -> list[Document]:
    return read_back(ISSUER, KIDS, jwks_uri=JWKS_URL, ca_file="ca.pem", seconds=seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were made; the time passes by them alone."""
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    monkeypatch.setattr(time, "monotonic", lambda: sum(pauses))
    return pauses


def test_both_documents_are_returned_the_key_set_first(monkeypatch: pytest.MonkeyPatch, clock: list[float]) -> None:
    web = Web()
    monkeypatch.setattr(_read_back, "fetch", web.fetch)
    assert read() == [SERVED[JWKS_URL], SERVED[DISCOVERY_URL]]
    assert (web.asked, clock) == ([DISCOVERY_URL, JWKS_URL], [])


def test_what_is_not_there_yet_is_asked_for_again(monkeypatch: pytest.MonkeyPatch, clock: list[float]) -> None:
    early = SERVED[DISCOVERY_URL]._replace(status=403)
    web = Web(LinkError("no such host.", fix="Wait."), early, early._replace(status=404))
    monkeypatch.setattr(_read_back, "fetch", web.fetch)
    assert read(60)[0].status == 200
    assert len(clock) == 3


@pytest.mark.parametrize("seconds", [60, 5])
def test_in_the_end_the_last_reason_is_given(
    monkeypatch: pytest.MonkeyPatch, clock: list[float], seconds: float
) -> None:
    missing = SERVED[DISCOVERY_URL]._replace(status=404)
    web = Web(missing._replace(status=500), served={**SERVED, DISCOVERY_URL: missing})
    monkeypatch.setattr(_read_back, "fetch", web.fetch)
    with pytest.raises(LinkError, match="HTTP status 404"):
        read(seconds)
    assert seconds <= sum(clock) <= seconds + 4


@pytest.mark.parametrize(
    ("url", "served", "says"),
    [
        (JWKS_URL, {"status": 301}, "HTTP status 301"),
        (JWKS_URL, {"content_type": "text/html"}, "content type 'text/html', not application/jwk-set.json"),
        (JWKS_URL, {"content_type": ""}, "content type ''"),
        (JWKS_URL, {"body": '{"keys":[]}'}, "lacks"),
        (JWKS_URL, {"body": ""}, "JSON"),
        (DISCOVERY_URL, {"content_type": "application/jwk-set+json"}, "content type 'application/jwk-set.json'"),
        (DISCOVERY_URL, {"body": DISCOVERY.replace(ISSUER, "https://b.example.com")}, "names the issuer"),
        (DISCOVERY_URL, {"body": DISCOVERY.replace("openid/v1/jwks", "keys.json")}, "names the key set"),
    ],
)
def test_what_is_served_must_be_what_was_published(
    monkeypatch: pytest.MonkeyPatch, clock: list[float], url: str, served: dict[str, object], says: str
) -> None:
    del clock
    changed = SERVED[url]._replace(**served)  # type: ignore[arg-type]  # a row of the table
    monkeypatch.setattr(_read_back, "fetch", Web(served={**SERVED, url: changed}).fetch)
    with pytest.raises(LinkError, match=says) as refused:
        read()
    assert url in refused.value.problem
    assert refused.value.fix


def test_a_refusal_is_told_apart(monkeypatch: pytest.MonkeyPatch, clock: list[float]) -> None:
    del clock
    served = {**SERVED, JWKS_URL: SERVED[JWKS_URL]._replace(status=403)}
    monkeypatch.setattr(_read_back, "fetch", Web(served=served).fetch)
    with pytest.raises(PublicAccessError, match=f"{JWKS_URL} answers 403"):
        read()


def test_keys_of_another_run_may_be_there_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_read_back, "fetch", Web().fetch)
    served = read_back(ISSUER, KIDS[:1], ca_file="ca.pem", seconds=0)
    assert served == [SERVED[JWKS_URL], SERVED[DISCOVERY_URL]]


def test_a_slow_host_is_no_publication(monkeypatch: pytest.MonkeyPatch, clock: list[float]) -> None:
    del clock
    web = Web(served={**SERVED, DISCOVERY_URL: SERVED[DISCOVERY_URL]._replace(seconds=6.0)})
    monkeypatch.setattr(_read_back, "fetch", web.fetch)
    with pytest.raises(LinkError, match=r"took 6\.0 s; AWS waits 5 s"):
        read()


def test_what_is_published_is_seen_however_it_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    served = {url: document._replace(content_type="binary/octet-stream") for url, document in SERVED.items()}
    monkeypatch.setattr(_read_back, "fetch", Web(served=served).fetch)
    assert look(ISSUER, ca_file="ca.pem") == [served[JWKS_URL], served[DISCOVERY_URL]]


@pytest.mark.parametrize(
    ("url", "answer"),
    [
        (DISCOVERY_URL, LinkError("no such host.", fix="Wait.")),
        (DISCOVERY_URL, SERVED[DISCOVERY_URL]._replace(status=404)),
        (DISCOVERY_URL, SERVED[DISCOVERY_URL]._replace(body="hello")),
        (DISCOVERY_URL, SERVED[DISCOVERY_URL]._replace(body=DISCOVERY.replace(JWKS_URL, "http://10.0.0.1/"))),
        (JWKS_URL, SERVED[JWKS_URL]._replace(status=403)),
    ],
)
def test_where_nothing_is_published_nothing_is_seen(
    monkeypatch: pytest.MonkeyPatch, url: str, answer: Document | LinkError
) -> None:
    web = Web(*([] if url == JWKS_URL else [answer]), served={**SERVED, url: t.cast("Document", answer)})
    monkeypatch.setattr(_read_back, "fetch", web.fetch)
    assert look(ISSUER, ca_file="ca.pem") == []


def test_the_documents_of_another_issuer_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    other = SERVED[DISCOVERY_URL]._replace(
        body=DISCOVERY.replace(f'"issuer":"{ISSUER}"', '"issuer":"https://b.example"')
    )
    monkeypatch.setattr(_read_back, "fetch", Web(served={**SERVED, DISCOVERY_URL: other}).fetch)
    with pytest.raises(InputError, match="the discovery document of another issuer"):
        look(ISSUER, ca_file="ca.pem")
