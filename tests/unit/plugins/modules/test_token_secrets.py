# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import copy
import json
import typing as t

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.onprem.irsa.plugins.module_utils._in_use.tokens import LEGACY_TYPE
from ansible_collections.onprem.irsa.plugins.modules import token_secrets

from ..fake_api_server import FakeApi, kubeconfig, served

Json = dict[str, t.Any]
pytestmark = pytest.mark.usefixtures("client_of_its_own")


def encoded(kid: str) -> str:
    header = base64.urlsafe_b64encode(json.dumps({"alg": "RS256", "kid": kid}).encode()).decode().rstrip("=")
    return base64.b64encode(f"{header}.e30.c2lnbmF0dXJlLW9mLWEta2V5".encode()).decode()


def secret(name: str, kid: str, kind: str = LEGACY_TYPE) -> Json:
    data = {"token": encoded(kid), "ca.crt": "Y2E="}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"namespace": "ci", "name": name},
        "type": kind,
        "data": data,
    }


def controller(api: FakeApi, kid: str) -> t.Callable[[Json], None]:
    """Return what kube-controller-manager does: it puts a token where there is none."""

    def control(changed: Json) -> None:
        if changed["kind"] == "Secret" and "token" not in changed["data"]:
            again = copy.deepcopy(changed)
            again["data"]["token"] = encoded(kid)
            api.objects[api.path_of(changed)] = again

    return control


def run(api: FakeApi, capsys: pytest.CaptureFixture[str], *names: str, **more: object) -> Json:
    with (
        served(api) as url,
        patch_module_args({"kubeconfig": kubeconfig(url), "secrets": [*names], "kid": "new", **more}),
        pytest.raises(SystemExit),
    ):
        token_secrets.main()
    printed = capsys.readouterr().out
    assert [hidden for hidden in api.hidden() if hidden in printed] == []
    result: Json = json.loads(printed)
    return result


def test_a_token_is_made_again_once(capsys: pytest.CaptureFixture[str]) -> None:
    api = FakeApi().put(secret("robot", "old"), secret("web", "new"))
    api.control = controller(api, "new")
    checked = run(api, capsys, "ci/robot", "ci/web", "ci/gone", _ansible_check_mode=True)
    assert (checked["changed"], checked["reminted"], api.changes()) == (True, ["ci/robot"], [])
    done = run(api, capsys, "ci/robot", "ci/web", "ci/gone")
    assert (done["changed"], done["reminted"]) == (True, ["ci/robot"])
    assert api.named("Secret", "robot")["data"] == {"token": encoded("new"), "ca.crt": "Y2E="}
    (change,) = api.changes()
    assert change.method == "PATCH"
    again = run(api, capsys, "ci/robot", "ci/web")
    assert (again["changed"], again["reminted"], len(api.changes())) == (False, [], 1)


def test_a_secret_of_another_type_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    api = FakeApi().put(secret("robot", "old"), secret("own", "old", "Opaque"))
    api.control = controller(api, "new")
    failed = run(api, capsys, "ci/robot", "ci/own")
    assert (failed["failed"], failed["reminted"]) == (True, ["ci/robot"])
    assert "The Secret ci/own is of the type Opaque" in failed["msg"]
    assert len(api.changes()) == 1


def test_a_token_that_does_not_come_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    failed = run(FakeApi().put(secret("robot", "old")), capsys, "ci/robot", timeout=0)
    assert (failed["failed"], failed["changed"], failed["reminted"]) == (True, True, ["ci/robot"])
    assert "The Secret ci/robot has got no token within 0 s" in failed["msg"]


def test_a_token_of_another_key_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    api = FakeApi().put(secret("robot", "old"))
    api.control = controller(api, "stranger")
    failed = run(api, capsys, "ci/robot")
    assert "The token that was made for the Secret ci/robot is signed with stranger, and not with new" in failed["msg"]


def test_a_secret_that_somebody_changes_meanwhile_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    class Busy(FakeApi):
        def answer(self, asked: t.Any) -> tuple[int, Json]:  # noqa: ANN401 -- Asked
            answered = super().answer(asked)
            if asked.method == "GET" and asked.path.endswith("/robot"):
                self.objects[asked.path]["metadata"]["resourceVersion"] = "99"
            return answered

    api = Busy().put(secret("robot", "old"))
    failed = run(api, capsys, "ci/robot")
    assert "409" in failed["msg"]
    assert failed["reminted"] == []
    assert api.named("Secret", "robot")["data"]["token"] == encoded("old")
