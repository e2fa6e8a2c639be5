# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import typing as t

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.onprem.irsa.plugins.modules import issuer_use_info

from ..fake_api_server import FakeApi, kubeconfig, served

Json = dict[str, t.Any]
ISSUER = "https://oidc.example.com"
pytestmark = pytest.mark.usefixtures("client_of_its_own")


def item(kind: str, name: str, annotations: Json, spec: Json) -> Json:
    metadata = {"name": name, "namespace": "apps", "annotations": annotations}
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, "spec": spec, "status": {"phase": "Running"}}


ROLE = {"eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/prod-reports"}
TOKEN = {"serviceAccountToken": {"expirationSeconds": 7200, "audience": ISSUER, "path": "token"}}
POD = item("Pod", "robot", {}, {"volumes": [{"name": "token", "projected": {"sources": [TOKEN]}}]})


def run(capsys: pytest.CaptureFixture[str], url: str, **options: object) -> Json:
    with (
        patch_module_args({"kubeconfig": kubeconfig(url), "issuer": ISSUER, **options}),
        pytest.raises(SystemExit),
    ):
        issuer_use_info.main()
    result: Json = json.loads(capsys.readouterr().out)
    return result


def test_lifetimes_and_pods(capsys: pytest.CaptureFixture[str]) -> None:
    there = FakeApi().put(POD, item("ServiceAccount", "reports", ROLE, {}))
    flags = [{"service-account-max-token-expiration": ["12h"]}]
    with served(there) as url:
        result = run(capsys, url)
        shorter = run(capsys, url, flags=flags)
    assert (result["changed"], result["audience_users"]) == (False, ["apps/robot"])
    assert result["lifetimes"] == [
        {"seconds": 86400.0, "source": "service account apps/reports"},
        {"seconds": 7200.0, "source": "pod apps/robot"},
        {"seconds": 3600.0, "source": "whoever asks for no other"},
    ]
    assert shorter["lifetimes"][0] == {"seconds": 43200.0, "source": "service account apps/reports"}


def test_an_api_server_that_cannot_be_asked_has_no_tokens_that_nobody_uses(capsys: pytest.CaptureFixture[str]) -> None:
    result = run(capsys, "http://127.0.0.1:9")
    assert result["failed"]
    assert "lifetimes" not in result
