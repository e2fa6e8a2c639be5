# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import time
import typing as t
from contextlib import nullcontext
from http.server import BaseHTTPRequestHandler

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._progress import Wait
from ansible_collections.onprem.irsa.plugins.module_utils._proof import relying_party
from ansible_collections.onprem.irsa.plugins.module_utils._proof.checks import Answer, LinkError
from ansible_collections.onprem.irsa.tests.unit.plugins.relying_party_servers import (
    Page,
    StsError,
    certificate,
    pages_handler,
    serving,
    sts_handler,
)

if t.TYPE_CHECKING:
    from pathlib import Path

ROLE = "arn:aws:iam::123456789012:role/prod-reports"


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> t.Iterator[tuple[str, dict[str, Page]]]:
    context, trusted = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    pages: dict[str, Page] = {}
    with serving(pages_handler(pages), context) as address:
        yield f"https://{address}", pages


def test_fetch(web: tuple[str, dict[str, Page]]) -> None:
    url, pages = web
    pages["/document"] = Page('{"a": 1}', "application/json; charset=utf-8")
    got = relying_party.fetch(f"{url}/document")
    assert got[:4] == (f"{url}/document", 200, "application/json; charset=utf-8", '{"a": 1}')
    assert 0 < got.seconds < 5


@pytest.mark.parametrize("status", [403, 404, 500])
def test_every_status_is_an_answer(web: tuple[str, dict[str, Page]], status: int) -> None:
    url, pages = web
    pages["/document"] = Page("<Error/>", "application/xml", status)
    assert relying_party.fetch(f"{url}/document")[1:4] == (status, "application/xml", "<Error/>")


@pytest.mark.parametrize("sent", ["", '{"keys":'])
def test_an_answer_that_breaks_off_is_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sent: str) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "500")
            self.end_headers()
            self.wfile.write(sent.encode())

        def log_message(self, *_args: object) -> None:
            pass

    context, trusted = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    with serving(Handler, context) as address, pytest.raises(LinkError, match="cannot be fetched: IncompleteRead"):
        relying_party.fetch(f"https://{address}/document")


def test_several_lines_of_cache_control_count_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Cache-Control", "max-age=86400")
            self.send_header("Cache-Control", "public")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_args: object) -> None:
            pass

    context, trusted = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    with serving(Handler, context) as address:
        assert relying_party.fetch(f"https://{address}/jwks").max_age == 86400.0


def test_redirects_are_not_followed(web: tuple[str, dict[str, Page]]) -> None:
    url, pages = web
    pages["/old"] = Page(f"{url}/new", status=307)
    pages["/new"] = Page("{}")
    assert relying_party.fetch(f"{url}/old").status == 307


def test_untrusted_certificate(web: tuple[str, dict[str, Page]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(LinkError, match=r"cannot be fetched: .*CERTIFICATE_VERIFY_FAILED"):
        relying_party.fetch(f"{web[0]}/document")


@pytest.mark.parametrize("url", ["https://localhost:1/", "https://nowhere.invalid/", "nonsense:"])
def test_nobody_there(url: str) -> None:
    with pytest.raises(LinkError, match="cannot be fetched") as caught:
        relying_party.fetch(url)
    assert "reachable" in caught.value.fix


def test_sts_is_asked_without_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    asked: list[dict[str, str]] = []

    def decide(parameters: dict[str, str]) -> str:
        asked.append(parameters)
        return "arn:aws:sts::123456789012:assumed-role/prod-reports/x"

    with serving(sts_handler(decide)) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", f"http://{address}")
        answer = relying_party.sts("eu-central-1")("the token", ROLE)
    assert answer == Answer(arn="arn:aws:sts::123456789012:assumed-role/prod-reports/x")
    assert asked[0]["WebIdentityToken"] == "the token"
    assert asked[0]["RoleArn"] == ROLE
    assert asked[0]["DurationSeconds"] == "900"


def test_sts_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(sts_handler(lambda _parameters: StsError("AccessDenied", "Not authorized", 403))) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", f"http://{address}")
        assert relying_party.sts("eu-central-1")("token", ROLE) == Answer(code="AccessDenied", message="Not authorized")


def test_no_sts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://localhost:1")
    with pytest.raises(LinkError, match="STS in eu-central-1 cannot be asked"):
        relying_party.sts("eu-central-1")("token", ROLE)


class Clock:
    """Time that passes by sleeping alone."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def patience(self) -> Wait:
        return Wait("IAM", relying_party.PROPAGATION_SECONDS, clock=self)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(time, "sleep", made.sleep)
    return made


@pytest.mark.parametrize(
    ("answers", "asked", "waited"),
    [
        ([Answer(arn="a")], 1, 0),
        ([Answer(code="AccessDenied"), Answer(code="AccessDenied"), Answer(arn="a")], 3, 4),
        ([Answer(code="InvalidIdentityToken", message="Incorrect token audience"), Answer(arn="a")], 2, 2),
        ([Answer(code="InvalidIdentityToken", message="certificate doesn't match thumbprint")], 1, 0),
        ([Answer(code="AccessDenied"), Answer(code="ExpiredTokenException")], 2, 2),
        ([Answer(code="AccessDenied")] * 99, 15, 28),
    ],
)
def test_patience_is_bounded(clock: Clock, answers: list[Answer], asked: int, waited: float) -> None:
    calls: list[Answer] = []

    def assume(_token: str, _role_arn: str) -> Answer:
        calls.append(answers[len(calls)])
        return calls[-1]

    got = relying_party.when_spread(assume, begin=clock.patience)("token", ROLE)
    assert (got, len(calls), clock.now) == (calls[-1], asked, waited)


@pytest.mark.parametrize(("failures", "waited"), [(0, 0), (2, 4), (99, 28)])
def test_a_refusal_is_waited_for(clock: Clock, failures: int, waited: float) -> None:
    left = [failures]

    def judge() -> str:
        left[0] -= 1
        if left[0] >= 0:
            raise LinkError("STS takes it.", fix="-")
        return "refused"

    with pytest.raises(LinkError) if failures > 15 else nullcontext():
        assert relying_party.until_refused(judge, clock.patience()) == "refused"
    assert clock.now == waited


@pytest.mark.parametrize(
    ("region", "names"),
    [
        ("eu central 1", {}),
        ("eu-central-1.", {}),
        ("-eu", {}),
        ("eu-central-1", {"AWS_ENDPOINT_URL_STS": "no url"}),
        ("eu-central-1", {"AWS_RETRY_MODE": "never"}),
        ("eu-central-1", {"AWS_CA_BUNDLE": "/nowhere/ca.pem"}),
    ],
)
def test_settings_with_which_nobody_can_be_asked(
    monkeypatch: pytest.MonkeyPatch, region: str, names: dict[str, str]
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    for name, value in names.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(LinkError, match=f"STS in {region} cannot be asked"):
        relying_party.sts(region)("token", ROLE)


def test_a_profile_that_is_not_here_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody-has-it")
    with serving(sts_handler(lambda _parameters: "arn:aws:sts::123456789012:assumed-role/x/y")) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", f"http://{address}")
        assert relying_party.sts("eu-central-1")("token", ROLE).arn
