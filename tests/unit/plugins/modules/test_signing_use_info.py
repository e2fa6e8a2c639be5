# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import json
import typing as t

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.onprem.irsa.plugins.module_utils._kube.api import Api
from ansible_collections.onprem.irsa.plugins.modules import signing_use_info

from ..fake_api_server import FakeApi, kubeconfig, served
from ..some_injection import APIS

Json = dict[str, t.Any]
pytestmark = pytest.mark.usefixtures("client_of_its_own")

TOKEN = base64.urlsafe_b64encode(b'{"kid":"old"}').decode().rstrip("=") + ".e30.c2ln"
ACCOUNT = {
    "apiVersion": "v1",
    "kind": "ServiceAccount",
    "metadata": {
        "namespace": "apps",
        "name": "web",
        "annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/r"},
    },
}
FOR_ME = {"serviceAccountToken": {"audience": "mine"}}
POD: Json = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"namespace": "apps", "name": "web-0"},
    "spec": {"volumes": [{"projected": {"sources": [{"serviceAccountToken": {"expirationSeconds": 3607}}, FOR_ME]}}]},
    "status": {"phase": "Running", "startTime": "2026-01-01T00:00:00Z"},
}


DRIVER: Json = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "CSIDriver",
    "metadata": {"name": "secrets-store.csi.k8s.io"},
    "spec": {"tokenRequests": [{"audience": "sts.amazonaws.com", "expirationSeconds": 43200}]},
}
SLICE: Json = {
    "apiVersion": "discovery.k8s.io/v1",
    "kind": "EndpointSlice",
    "metadata": {"namespace": "default", "name": "kubernetes", "labels": {"kubernetes.io/service-name": "kubernetes"}},
    "endpoints": [{"addresses": ["192.0.2.1"]}],
    "ports": [{"name": "https", "port": 6443}],
}


def secret(namespace: str, name: str, kind: str, token: str = "") -> Json:
    data = {"token": base64.b64encode(token.encode()).decode()} if token else {}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"namespace": namespace, "name": name},
        "type": kind,
        "data": data,
    }


@pytest.mark.parametrize(("stale", "keepers"), [("0", []), ("3", [{"pod": "apps/web-0", "started": 1767225600.0}])])
def test_what_is_in_use(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, stale: str, keepers: list[Json]
) -> None:
    asked: list[tuple[str, str]] = []

    def text(self: Api, path: str) -> str:
        asked.append((self.server, path))
        return f"serviceaccount_stale_tokens_total {stale}\n"

    monkeypatch.setattr(Api, "text", text)
    api = FakeApi(apis={**APIS, "storage.k8s.io/v1": {"CSIDriver": "csidrivers"}}).put(
        ACCOUNT,
        POD,
        DRIVER,
        secret("ci", "robot", "kubernetes.io/service-account-token", TOKEN),
        secret("kube-system", "kubeadm-certs", "Opaque"),
        SLICE,
    )
    with served(api) as url:
        arguments = {"kubeconfig": kubeconfig(url), "servers": {"cp1": "https://192.0.2.1:6443"}}
        with patch_module_args({**arguments, "max_expirations": [""], "audience": "mine"}), pytest.raises(SystemExit):
            signing_use_info.main()
    printed = capsys.readouterr().out
    result: Json = json.loads(printed)
    assert result["lifetimes"][:2] == [
        {"seconds": 86400.0, "source": "service account apps/web"},
        {"seconds": 43200.0, "source": "CSI driver secrets-store.csi.k8s.io"},
    ]
    assert result["legacy_tokens"] == [{"secret": "ci/robot", "kid": "old"}]
    assert (result["copies_made"], result["stale_uses"]) == (1767225600.0, {"cp1": float(stale)})
    assert (result["keepers"], result["audience_users"]) == (keepers, ["apps/web-0"])
    assert result["slices"] == [{"endpoints": SLICE["endpoints"]}]
    assert asked == [("https://192.0.2.1:6443", "/metrics")]
    assert TOKEN not in printed
    assert {request.method for request in api.asked} == {"GET"}


def probe(name: str = "pod-identity-probe", role: str = "arn:aws:iam::000000000000:role/probe") -> Json:
    metadata = {"namespace": "hooks", "name": name, "annotations": {"eks.amazonaws.com/role-arn": role}}
    return {**ACCOUNT, "metadata": metadata}


@pytest.mark.parametrize(
    ("account", "pods", "longest"),
    [
        pytest.param(probe(), [], 3600.0, id="the one that is tried alone"),
        pytest.param(probe(), [POD], 3607.0, id="a pod counts by what it asks for"),
        pytest.param(probe(name="reports"), [], 86400.0, id="another name"),
        pytest.param(probe(role="arn:aws:iam::123456789012:role/r"), [], 86400.0, id="somebody gave it a role"),
    ],
)
def test_the_account_that_injection_is_tried_with_has_no_token(
    capsys: pytest.CaptureFixture[str], account: Json, pods: list[Json], longest: float
) -> None:
    api = FakeApi().put(account, *pods)
    with served(api) as url, patch_module_args({"kubeconfig": kubeconfig(url)}), pytest.raises(SystemExit):
        signing_use_info.main()
    assert json.loads(capsys.readouterr().out)["lifetimes"][0]["seconds"] == longest


def test_an_api_server_that_cannot_be_asked_does_not_have_tokens_that_nobody_uses(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with patch_module_args({"kubeconfig": kubeconfig("http://127.0.0.1:9")}), pytest.raises(SystemExit):
        signing_use_info.main()
    result: Json = json.loads(capsys.readouterr().out)
    assert result["failed"]
    assert "lifetimes" not in result
