# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import time

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils import _read_back
from ansible_collections.onprem.irsa.plugins.module_utils._bucket import Object
from ansible_collections.onprem.irsa.plugins.module_utils._proof import Document, LinkError
from ansible_collections.onprem.irsa.plugins.module_utils._publication import Target
from ansible_collections.onprem.irsa.plugins.module_utils._read_back import check_served, read_back
from ansible_collections.onprem.irsa.tests.unit.plugins.some_keys import VECTORS

ISSUER = "https://oidc.example.com/a"
KEYS = Object((VECTORS / "jwks.json").read_text(), "application/jwk-set+json", "public, max-age=300")
DISCOVERY = Object((VECTORS / "openid-configuration.json").read_text(), "application/json", "public, max-age=300")
JWKS_URL = f"{ISSUER}/openid/v1/jwks"
DISCOVERY_URL = f"{ISSUER}/.well-known/openid-configuration"
TARGET = Target(
    bucket="acme-prod-oidc",
    region="eu-central-1",
    cluster="prod",
    issuer=ISSUER,
    objects={"a/openid/v1/jwks": KEYS, "a/.well-known/openid-configuration": DISCOVERY},
    urls={"a/openid/v1/jwks": JWKS_URL, "a/.well-known/openid-configuration": DISCOVERY_URL},
)
SERVED = {
    JWKS_URL: Document(JWKS_URL, 200, KEYS.content_type, KEYS.body, 0.1),
    DISCOVERY_URL: Document(DISCOVERY_URL, 200, "application/json; charset=utf-8", DISCOVERY.body, 0.1),
}


class Web:
    """Answers with these documents, after some answers that are not right yet."""

    def __init__(self, *wrong: Document | LinkError, served: dict[str, Document] | None = None) -> None:
        self.wrong, self.served, self.asked = list(wrong), served or SERVED, list[str]()

    def fetch(self, url: str) -> Document:
        self.asked.append(url)
        answer = self.wrong.pop(0) if self.wrong else self.served[url]
        if isinstance(answer, LinkError):
            raise answer
        return answer


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
    assert read_back(TARGET, patient=False) == [SERVED[JWKS_URL], SERVED[DISCOVERY_URL]]
    assert (web.asked, clock) == ([JWKS_URL, DISCOVERY_URL], [])


def test_what_is_not_there_yet_is_asked_for_again(monkeypatch: pytest.MonkeyPatch, clock: list[float]) -> None:
    early = SERVED[JWKS_URL]._replace(status=403)
    web = Web(LinkError("no such host.", fix="Wait."), early, early._replace(status=404))
    monkeypatch.setattr(_read_back, "fetch", web.fetch)
    assert read_back(TARGET, patient=True)[0].status == 200
    assert len(clock) == 3


@pytest.mark.parametrize(("patient", "longest"), [(True, 64), (False, 8)])
def test_in_the_end_the_last_reason_is_given(
    monkeypatch: pytest.MonkeyPatch, clock: list[float], *, patient: bool, longest: float
) -> None:
    web = Web(SERVED[JWKS_URL]._replace(status=500), served={JWKS_URL: SERVED[JWKS_URL]._replace(status=404)})
    monkeypatch.setattr(_read_back, "fetch", web.fetch)
    with pytest.raises(LinkError, match="HTTP status 404"):
        read_back(TARGET, patient=patient)
    assert longest / 2 < sum(clock) <= longest


@pytest.mark.parametrize(
    ("served", "says"),
    [
        ({"status": 403}, "answers 403, though .* Block Public Access"),
        ({"status": 301}, "HTTP status 301"),
        ({"content_type": "text/html"}, "content type 'text/html', not application/jwk-set.json"),
        ({"content_type": ""}, "content type ''"),
        ({"body": KEYS.body + "\n"}, "other bytes"),
        ({"body": '{"keys":[]}'}, "other bytes"),
    ],
)
def test_what_is_served_must_be_what_was_published(served: dict[str, object], says: str) -> None:
    with pytest.raises(LinkError, match=says) as refused:
        check_served(SERVED[JWKS_URL]._replace(**served), KEYS)  # type: ignore[arg-type]  # a row of the table
    assert JWKS_URL in refused.value.problem
    assert refused.value.fix


def test_a_slow_host_is_no_publication(monkeypatch: pytest.MonkeyPatch, clock: list[float]) -> None:
    del clock
    web = Web(served={**SERVED, DISCOVERY_URL: SERVED[DISCOVERY_URL]._replace(seconds=6.0)})
    monkeypatch.setattr(_read_back, "fetch", web.fetch)
    with pytest.raises(LinkError, match=r"took 6\.0 s; AWS waits 5 s"):
        read_back(TARGET, patient=False)
