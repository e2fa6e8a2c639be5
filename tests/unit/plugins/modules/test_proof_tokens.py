# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import typing as t

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.onprem.irsa.plugins.modules import proof_tokens

from ..fake_api_server import kubeconfig
from .test_service_account_token import Api, api, granted

Json = dict[str, t.Any]
__all__ = ["api"]
pytestmark = pytest.mark.usefixtures("client_of_its_own")


def run(server: Api, capsys: pytest.CaptureFixture[str], **options: object) -> Json:
    args = {"namespace": "apps", "name": "reports", "audience": "sts.amazonaws.com", "servers": {"cp1": server.address}}
    with patch_module_args({"kubeconfig": kubeconfig(server.address), **args, **options}), pytest.raises(SystemExit):
        proof_tokens.main()
    result: Json = json.loads(capsys.readouterr().out)
    return result


def refused(status: int = 403) -> tuple[int, Json]:
    return status, {"kind": "Status", "message": "forbidden"}


def asked(server: Api) -> list[tuple[str, list[str]]]:
    """Return service account and audiences of each token that was asked for."""
    return [(path.split("/")[4] + "/" + path.split("/")[6], body["spec"]["audiences"]) for path, body in server.asked]


def test_a_token_of_each_server_and_those_to_be_refused(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    api.answers.extend(granted() for _number in range(5))
    servers = {"cp1": api.address, "cp2": api.address, "cp3": ""}
    result = run(api, capsys, servers=servers, untrusted="apps/other", other_audience="other")
    assert [(token["server"], bool(token["token"]), token["error"]) for token in result["tokens"]] == [
        ("cp1", True, ""),
        ("cp2", True, ""),
        ("cp3", False, "no process of it runs"),
    ]
    assert all(result[name] for name in ("wrong_account", "wrong_audience", "other_audience"))
    assert asked(api) == [
        ("apps/reports", ["sts.amazonaws.com"]),
        ("apps/reports", ["sts.amazonaws.com"]),
        ("apps/reports", ["wrong-audience.invalid"]),
        ("apps/other", ["sts.amazonaws.com"]),
        ("apps/reports", ["other"]),
    ]


def test_a_server_that_gives_none_is_no_failure(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    api.answers.append(refused())
    result = run(api, capsys, wrong=False)
    assert "serviceaccounts/token" in result["tokens"][0]["error"]
    assert (result["wrong_account"], result["wrong_audience"], result["other_audience"]) == ("", "", "")


def test_without_a_wrong_token_nothing_is_proved(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    api.answers.extend([granted(), refused()])
    result = run(api, capsys)
    assert result["failed"] is True
    assert "no token to be refused" in result["msg"]
    assert granted()[1]["status"]["token"] not in json.dumps(result)


def test_an_audience_of_another_role_is_a_test_more(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    api.answers.extend([granted(), granted(), refused(422)])
    result = run(api, capsys, other_audience="other")
    assert "failed" not in result
    assert result["other_audience"] == ""
