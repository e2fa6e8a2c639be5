# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module on an API server in memory; C(tests/api_server) runs it on real ones."""

from __future__ import annotations

import base64
import json
import typing as t

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.onprem.irsa.plugins.modules import api_servers_info

from ..fake_api_server import TOKEN, Asked, FakeApi, Refused, kubeconfig, served
from ..module_utils._api_server.some_answers import NEW, OLD, One, key, kid
from ..some_keys import ec_key, private_pem, public_pem

Json = dict[str, t.Any]
pytestmark = pytest.mark.usefixtures("client_of_its_own")
NODE: t.Final[Json] = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {"name": "a", "labels": {"node-role.kubernetes.io/control-plane": "true"}},
    "status": {"nodeInfo": {"kubeletVersion": "v1.34.4+k3s1"}},
}


class Issuing(FakeApi):
    """An API server that signs and reviews tokens, and serves its documents."""

    one = One([OLD, NEW])

    def knows(self, path: str) -> bool:
        return super().knows(path) or path.startswith(("/openid", "/.well-known"))

    def _answer(self, asked: Asked) -> tuple[int, Json]:
        if (asked.method, asked.path) in self.forbidden:
            raise Refused(403, "Forbidden", f"{asked.path} is forbidden")
        found = self.one.get(asked.path) if asked.path == "/openid/v1/jwks" else None
        if asked.path == "/.well-known/openid-configuration":
            found = {"issuer": self.one.issuers[0], "jwks_uri": "https://10.0.0.1:6443/openid/v1/jwks"}
        if asked.path.endswith("/serviceaccounts/default/token"):
            found = {"status": {"token": self.one.token()}}
        if asked.path.endswith("/tokenreviews"):
            found = {"status": self.one.review((asked.body or {})["spec"]["token"])}
        return super()._answer(asked) if found is None else (200, found)


def run(api: FakeApi, capsys: pytest.CaptureFixture[str], **options: object) -> Json:
    with served(api) as url, patch_module_args({"kubeconfig": kubeconfig(url), "issuers": [NEW], **options}):
        with pytest.raises(SystemExit):
            api_servers_info.main()
        result: Json = json.loads(capsys.readouterr().out)
        assert TOKEN not in json.dumps(result)
        return {**result, "url": url}


def test_what_one_api_server_says(capsys: pytest.CaptureFixture[str]) -> None:
    api = Issuing(version="v1.34.4+k3s1").put(NODE)
    result = run(api, capsys)
    assert (result["issuers"], result["kids"], result["keys"]) == ([OLD], [kid(1)], [key(1)])
    assert result["servers"] == {result["url"].partition("://")[2]: result["url"]}
    assert [NEW in found["issuers"] for found in result["accepted"]] == [True]
    assert result["named"] == [], "there are no EndpointSlices"
    assert (result["distribution"], result["version"]) == ("K3s", "v1.34.4+k3s1")
    assert result["says"] == f"{result['url']} asked 9 times, until nothing new came: the same answer each time"
    assert base64.urlsafe_b64encode(json.dumps({"alg": "ES256", "kid": kid(1)}).encode()).decode() not in str(result)
    stored = [asked for asked in api.changes() if not asked.path.endswith(("/token", "/tokenreviews"))]
    assert stored == []


def test_the_version_of_talos_is_that_of_all_nodes_of_the_control_plane(capsys: pytest.CaptureFixture[str]) -> None:
    """Which are more than those by which a distribution is told."""
    api = Issuing(version="v1.34.4")
    for number in range(7):
        info = {"kubeletVersion": "v1.34.4", "osImage": f"Talos (v1.{12 if number == 6 else 13}.{number})"}
        api.put({**NODE, "metadata": {**NODE["metadata"], "name": f"n{number}"}, "status": {"nodeInfo": info}})
    result = run(api, capsys)
    assert (result["distribution"], result["version"], result["talos_version"]) == ("Talos", "v1.34.4", "v1.12.6")


def test_keys_that_the_user_gives_have_to_hold_the_one_that_signs(capsys: pytest.CaptureFixture[str]) -> None:
    given = [public_pem(ec_key(2)), public_pem(ec_key(1))]
    assert run(Issuing(), capsys, public_keys=given)["kids"] == [kid(2), kid(1)]
    assert f"signs with the key {kid(1)}" in run(Issuing(), capsys, public_keys=given[:1])["msg"]


def test_a_private_key_that_is_given_by_mistake_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    private = private_pem(ec_key(1))
    result = run(Issuing(), capsys, public_keys=[private])
    assert result["msg"].startswith("public_keys, item 1: holds no whole PEM block of a public key")
    assert private.splitlines()[1] not in json.dumps(result)


@pytest.mark.parametrize(
    ("method", "path", "says"),
    [
        ("POST", "/apis/authentication.k8s.io/v1/tokenreviews", "grant its user that"),
        ("POST", "/api/v1/namespaces/default/serviceaccounts/default/token", "serviceaccounts/token"),
        ("GET", "/openid/v1/jwks", "grant its user that"),
    ],
)
def test_a_right_that_is_missing_is_named(
    capsys: pytest.CaptureFixture[str], method: str, path: str, says: str
) -> None:
    assert says in run(Issuing(forbidden={(method, path)}), capsys)["msg"]


def test_nodes_that_may_not_be_read_tell_no_distribution(capsys: pytest.CaptureFixture[str]) -> None:
    hidden = {("GET", "/api/v1/nodes"), ("GET", "/api/v1/namespaces/kube-system/configmaps/kubeadm-config")}
    assert run(Issuing(forbidden=hidden), capsys)["distribution"] == ""
