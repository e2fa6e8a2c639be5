# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import tempfile
import typing as t
from http.server import BaseHTTPRequestHandler

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.onprem.irsa.plugins.modules import service_account_token
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._proof.test_checks import CLAIMS, token
from ansible_collections.onprem.irsa.tests.unit.plugins.relying_party_servers import serving

if t.TYPE_CHECKING:
    from pathlib import Path

Json = dict[str, t.Any]


class Api(t.NamedTuple):
    """An API server that knows one call, besides what it can do."""

    address: str
    asked: list[tuple[str, Json]]
    answers: list[tuple[int, Json]]


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> t.Iterator[Api]:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # the client keeps what it has discovered there
    asked: list[tuple[str, Json]] = []
    answers: list[tuple[int, Json]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer(200, {"kind": "List", "versions": ["v1"], "groups": [], "resources": []})

        def do_POST(self) -> None:
            asked.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
            self.answer(*answers.pop(0))

        def answer(self, status: int, content: Json) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            pass

    with serving(Handler) as address:
        yield Api(f"http://{address}", asked, answers)


def granted() -> tuple[int, Json]:
    spec = {"audiences": ["sts.amazonaws.com"]}
    return 201, {"spec": spec, "status": {"token": token(), "expirationTimestamp": "2030-01-01T00:00:00Z"}}


def run(host: str, capsys: pytest.CaptureFixture[str], **options: object) -> Json:
    args = {"host": host, "api_key": "of an administrator", "namespace": "apps", "name": "reports", **options}
    with patch_module_args(args), pytest.raises(SystemExit):
        service_account_token.main()
    result: Json = json.loads(capsys.readouterr().out)
    return result


@pytest.mark.parametrize("check_mode", [False, True])
def test_token(api: Api, capsys: pytest.CaptureFixture[str], check_mode: bool) -> None:
    api.answers.append(granted())
    options = {"audiences": ["sts.amazonaws.com"], "_ansible_check_mode": check_mode}
    result = run(api.address, capsys, **options)
    assert result["changed"] is False
    assert result["claims"] == CLAIMS
    assert result["kid"] == "k1"
    assert result["token"].count(".") == 2
    assert 0 <= result["seconds"] < 5
    ((path, body),) = api.asked
    assert path == "/api/v1/namespaces/apps/serviceaccounts/reports/token"
    assert body["spec"] == {"audiences": ["sts.amazonaws.com"], "expirationSeconds": 600}
    assert result["invocation"]["module_args"]["api_key"] == "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"


def test_audience_of_the_api_server(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    api.answers.append(granted())
    run(api.address, capsys, expiration_seconds=3600)
    assert api.asked[0][1]["spec"] == {"audiences": [], "expirationSeconds": 3600}


@pytest.mark.parametrize(
    ("status", "message", "words"),
    [
        (403, 'serviceaccounts "reports" is forbidden', "serviceaccounts/token"),
        (404, 'serviceaccounts "reports" not found', "Create the service account apps/reports"),
        (422, "spec.expirationSeconds: may not", "Correct what it names"),
    ],
)
def test_refusals(api: Api, capsys: pytest.CaptureFixture[str], status: int, message: str, words: str) -> None:
    api.answers.append((status, {"kind": "Status", "message": message}))
    result = run(api.address, capsys)
    assert result["failed"] is True
    assert f"{status} {message}" in result["msg"]
    assert words in result["msg"]


@pytest.mark.parametrize(
    ("status", "message"), [(401, "Unauthorized"), (403, 'User "system:anonymous" cannot create resource "x"')]
)
def test_a_user_that_is_not_known_is_given_no_right(
    api: Api, capsys: pytest.CaptureFixture[str], status: int, message: str
) -> None:
    api.answers.append((status, {"kind": "Status", "message": message}))
    said = run(api.address, capsys)["msg"]
    assert said.startswith(f"The API server {api.address} does not know the user of the kubeconfig")
    assert "may create" not in said


def test_nobody_there(capsys: pytest.CaptureFixture[str]) -> None:
    result = run("http://localhost:1", capsys)
    assert result["failed"] is True
    assert "cannot be asked" in result["msg"]


def test_no_token_in_the_answer(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    api.answers.append((201, {"spec": {"audiences": []}}))
    assert "not a signed JWT" in run(api.address, capsys)["msg"]


def test_too_short(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    result = run(api.address, capsys, expiration_seconds=599)
    assert "expiration_seconds is 599" in result["msg"]
    assert api.asked == []
