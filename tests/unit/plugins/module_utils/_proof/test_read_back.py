# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import time
import typing as t

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._documents.jwks import kids_of_document
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError, IrsaError, PublicAccessError
from ansible_collections.onprem.irsa.plugins.module_utils._proof import read_back as module
from ansible_collections.onprem.irsa.plugins.module_utils._proof.checks import Document, LinkError
from ansible_collections.onprem.irsa.plugins.module_utils._proof.read_back import look, read_back, warnings
from ansible_collections.onprem.irsa.plugins.module_utils._proof.relying_party import NoSuchHostError
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
    monkeypatch.setattr(module, "fetch", web.fetch)
    assert read() == [SERVED[JWKS_URL], SERVED[DISCOVERY_URL]]
    assert (web.asked, clock) == ([DISCOVERY_URL, JWKS_URL], [])


def test_what_is_not_there_yet_is_asked_for_again(monkeypatch: pytest.MonkeyPatch, clock: list[float]) -> None:
    early = SERVED[DISCOVERY_URL]._replace(status=403)
    web = Web(LinkError("no such host.", fix="Wait."), early, early._replace(status=404))
    monkeypatch.setattr(module, "fetch", web.fetch)
    assert read(60)[0].status == 200
    assert len(clock) == 3


@pytest.mark.parametrize("seconds", [60, 5])
def test_in_the_end_the_last_reason_is_given(
    monkeypatch: pytest.MonkeyPatch, clock: list[float], seconds: float
) -> None:
    missing = SERVED[DISCOVERY_URL]._replace(status=404)
    web = Web(missing._replace(status=500), served={**SERVED, DISCOVERY_URL: missing})
    monkeypatch.setattr(module, "fetch", web.fetch)
    with pytest.raises(LinkError, match="HTTP status 404"):
        read(seconds)
    assert seconds <= sum(clock) <= seconds + 4


@pytest.mark.parametrize(
    ("url", "served", "says"),
    [
        (JWKS_URL, {"status": 301}, "HTTP status 301"),
        (JWKS_URL, {"body": "<html>Not found</html>", "content_type": "text/html"}, "begins with '<html>"),
        (JWKS_URL, {"body": KEYS[:-9]}, "JSON"),
        (JWKS_URL, {"body": "\ufeff" + KEYS}, "JSON"),
        (JWKS_URL, {"body": '{"keys":[]}'}, "lacks"),
        (JWKS_URL, {"body": ""}, "JSON"),
        (DISCOVERY_URL, {"body": DISCOVERY.replace(ISSUER, "https://b.example.com")}, "names the issuer"),
        (DISCOVERY_URL, {"body": DISCOVERY.replace("openid/v1/jwks", "keys.json")}, "names the key set"),
    ],
)
def test_what_is_served_must_be_what_was_published(
    monkeypatch: pytest.MonkeyPatch, clock: list[float], url: str, served: dict[str, object], says: str
) -> None:
    del clock
    changed = SERVED[url]._replace(**served)  # type: ignore[arg-type]  # a row of the table
    monkeypatch.setattr(module, "fetch", Web(served={**SERVED, url: changed}).fetch)
    with pytest.raises(LinkError, match=says) as refused:
        read()
    assert url in refused.value.problem
    assert refused.value.fix


@pytest.mark.parametrize("kind", ["text/plain; charset=utf-8", "BINARY/Octet-Stream", "application/octet-stream", ""])
def test_a_content_type_is_a_warning(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    served = {url: document._replace(content_type=kind) for url, document in SERVED.items()}
    monkeypatch.setattr(module, "fetch", Web(served=served).fetch)
    said = warnings(read(), KIDS)
    assert [text.partition(" is served with ")[0] for text in said] == [JWKS_URL, DISCOVERY_URL]
    named = kind.partition(";")[0].lower()
    assert all((f"the content type {named!r}" if kind else "no content type") in text for text in said)


@pytest.mark.parametrize(
    ("kinds", "count"),
    [
        (("application/jwk-set+json", "application/json"), 0),
        (("Application/JWK-Set+JSON; charset=UTF-8", "APPLICATION/JSON"), 0),
        (("application/json", "application/json"), 1),
        (("application/jwk-set+json", "application/jwk-set+json"), 1),
    ],
)
def test_only_other_types_than_the_standard_ones_are_warned_of(kinds: tuple[str, str], count: int) -> None:
    served = [document._replace(content_type=kind) for document, kind in zip(SERVED.values(), kinds)]
    assert len(warnings(served, KIDS)) == count


def test_a_broken_key_of_somebody_else_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = json.loads(KEYS)["keys"]
    broken = {**keys[0], "kid": "by-hand", "n": "AA" + keys[0]["n"]}
    body = json.dumps({"keys": [*keys, broken]})
    served = {**SERVED, JWKS_URL: SERVED[JWKS_URL]._replace(body=body)}
    monkeypatch.setattr(module, "fetch", Web(served=served).fetch)
    documents = read_back(ISSUER, [*KIDS, "by-hand"], kept=["by-hand"], jwks=body, ca_file="ca.pem", seconds=0)
    (said,) = warnings(documents, KIDS)
    assert "the key by-hand has" in said
    with pytest.raises(LinkError, match="the key by-hand has"):
        read_back(ISSUER, [*KIDS, "by-hand"], ca_file="ca.pem", seconds=-1)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"d": "AQAB"}, "is published with its private part (d)"),
        ({"kty": "OKP", "crv": "Ed25519"}, "is of the kind 'OKP'"),
        ({"use": "enc"}, "the use 'enc'"),
    ],
)
def test_keys_of_others_are_judged_as_they_are_served(change: dict[str, str], says: str) -> None:
    keys = json.loads(KEYS)["keys"]
    body = json.dumps({"keys": [*keys, {**keys[0], "kid": "other", **change}]})
    (said,) = warnings([SERVED[JWKS_URL]._replace(body=body)], KIDS)
    assert f"the key other {says}" in said or f"the key other has {says}" in said


@pytest.mark.parametrize("body", ["", "[]", '{"keys":null}', '{"keys":[1]}', '{"keys":3}'])
def test_what_is_no_key_set_is_not_warned_of(body: str) -> None:
    assert warnings([SERVED[JWKS_URL]._replace(body=body)], KIDS) == []


@pytest.mark.parametrize("member", ["n", "e", "alg", "use"])
def test_keys_must_be_those_that_were_published(monkeypatch: pytest.MonkeyPatch, member: str) -> None:
    keys = json.loads(KEYS)["keys"]
    keys[0][member] = {"n": keys[1].get("n", keys[0]["n"][::-1]), "e": "Aw", "alg": "RS512", "use": "enc"}[member]
    served = {**SERVED, JWKS_URL: SERVED[JWKS_URL]._replace(body=json.dumps({"keys": keys}))}
    monkeypatch.setattr(module, "fetch", Web(served=served).fetch)
    with pytest.raises(LinkError, match=f"another {member} than was published|has the use|has characters in n"):
        read_back(ISSUER, KIDS, jwks=KEYS, ca_file="ca.pem", seconds=-1)


def s3_error(code: str, message: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'


@pytest.mark.parametrize(
    ("status", "body", "says", "fix"),
    [
        (400, s3_error("InvalidArgument", "AWS KMS managed keys require Signature Version 4."), "Signature", "SSE-S3"),
        (400, s3_error("InvalidRequest", "Server Side Encryption. The correct parameters must"), "correct", "SSE-C"),
        (403, s3_error("InvalidObjectState", "not valid for the object's storage class"), "storage", "archive"),
        (403, s3_error("AccessDenied", "Bucket is a Requester Pays bucket."), "Requester", "BucketOwner"),
        (503, "<html><head><style>p{}</style></head><p>Be right  back</p>", "(Be right back)", ""),
        (500, "", "status 500.", ""),
        (502, "x" * 500, f"({'x' * 200})", ""),
    ],
)
def test_the_body_of_a_refusal_is_shown_and_decides_the_fix(
    monkeypatch: pytest.MonkeyPatch, status: int, body: str, says: str, fix: str
) -> None:
    served = {**SERVED, DISCOVERY_URL: SERVED[DISCOVERY_URL]._replace(status=status, body=body)}
    monkeypatch.setattr(module, "fetch", Web(served=served).fetch)
    with pytest.raises(LinkError) as refused:
        read(-1)
    with pytest.raises(LinkError) as unseen:
        look(ISSUER, ca_file="ca.pem", seconds=-1)
    for error in (refused.value, unseen.value):
        assert says in error.problem
        assert fix in error.fix


def test_a_refusal_is_told_apart(monkeypatch: pytest.MonkeyPatch, clock: list[float]) -> None:
    del clock
    served = {**SERVED, JWKS_URL: SERVED[JWKS_URL]._replace(status=403)}
    monkeypatch.setattr(module, "fetch", Web(served=served).fetch)
    with pytest.raises(PublicAccessError, match=f"{JWKS_URL} answers 403"):
        read()


def test_keys_of_another_run_may_be_there_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "fetch", Web().fetch)
    served = read_back(ISSUER, KIDS[:1], ca_file="ca.pem", seconds=0)
    assert served == [SERVED[JWKS_URL], SERVED[DISCOVERY_URL]]


def test_a_slow_host_is_no_publication(monkeypatch: pytest.MonkeyPatch, clock: list[float]) -> None:
    del clock
    web = Web(served={**SERVED, DISCOVERY_URL: SERVED[DISCOVERY_URL]._replace(seconds=6.0)})
    monkeypatch.setattr(module, "fetch", web.fetch)
    with pytest.raises(LinkError, match=r"took 6\.0 s; AWS waits 5 s"):
        read()


def test_what_is_published_is_seen_however_it_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    served = {url: document._replace(content_type="binary/octet-stream") for url, document in SERVED.items()}
    monkeypatch.setattr(module, "fetch", Web(served=served).fetch)
    assert look(ISSUER, ca_file="ca.pem") == [served[JWKS_URL], served[DISCOVERY_URL]]


@pytest.mark.parametrize(
    ("url", "answer"),
    [
        (DISCOVERY_URL, NoSuchHostError("no such host.", fix="Wait.")),
        (DISCOVERY_URL, SERVED[DISCOVERY_URL]._replace(status=404, body="<html>")),
        (DISCOVERY_URL, SERVED[DISCOVERY_URL]._replace(status=403)),
        # What a document has that was copied from the API server: AWS cannot fetch that.
        (DISCOVERY_URL, SERVED[DISCOVERY_URL]._replace(body=DISCOVERY.replace(JWKS_URL, "https://10.0.0.1:6443/"))),
        (JWKS_URL, SERVED[JWKS_URL]._replace(status=403)),
        (JWKS_URL, SERVED[JWKS_URL]._replace(status=404)),
    ],
)
def test_where_nothing_is_published_nothing_is_seen(
    monkeypatch: pytest.MonkeyPatch, clock: list[float], url: str, answer: Document | LinkError
) -> None:
    web = Web(*([] if url == JWKS_URL else [answer]), served={**SERVED, url: t.cast("Document", answer)})
    monkeypatch.setattr(module, "fetch", web.fetch)
    assert look(ISSUER, ca_file="ca.pem") == []
    assert clock == []


@pytest.mark.parametrize("url", [DISCOVERY_URL, JWKS_URL])
@pytest.mark.parametrize(
    "answer",
    [
        LinkError("it timed out.", fix="Wait."),
        {"status": 503},
        {"status": 429},
        {"status": 301},
        {"status": 400},
        {"body": "hello"},
        {"body": "<!DOCTYPE html><html></html>", "content_type": "text/html"},
        {"body": "[]"},
        {"body": KEYS[:-9]},
        {"body": '{"keys":[],"keys":[]}'},
    ],
)
def test_what_cannot_be_read_is_not_taken_for_nothing(
    monkeypatch: pytest.MonkeyPatch, clock: list[float], url: str, answer: LinkError | dict[str, t.Any]
) -> None:
    served = t.cast("Document", answer if isinstance(answer, LinkError) else SERVED[url]._replace(**answer))
    monkeypatch.setattr(module, "fetch", Web(served={**SERVED, url: served}).fetch)
    with pytest.raises(IrsaError):
        look(ISSUER, ca_file="ca.pem", seconds=5)
    assert 5 <= sum(clock) <= 9


def test_a_fault_that_passes_is_no_failure(monkeypatch: pytest.MonkeyPatch, clock: list[float]) -> None:
    web = Web(LinkError("it timed out.", fix="Wait."), SERVED[DISCOVERY_URL]._replace(status=503, body=""))
    monkeypatch.setattr(module, "fetch", web.fetch)
    assert look(ISSUER, ca_file="ca.pem") == [SERVED[JWKS_URL], SERVED[DISCOVERY_URL]]
    assert len(clock) == 2


def test_the_documents_of_another_issuer_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    other = SERVED[DISCOVERY_URL]._replace(
        body=DISCOVERY.replace(f'"issuer":"{ISSUER}"', '"issuer":"https://b.example"')
    )
    monkeypatch.setattr(module, "fetch", Web(served={**SERVED, DISCOVERY_URL: other}).fetch)
    with pytest.raises(InputError, match="the discovery document of another issuer"):
        look(ISSUER, ca_file="ca.pem", seconds=-1)
