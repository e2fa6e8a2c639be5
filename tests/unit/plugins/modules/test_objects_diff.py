# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import typing as t

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.onprem.irsa.plugins.modules import objects_diff

from ..fake_api_server import FakeApi, kubeconfig, served

Json = dict[str, t.Any]
pytestmark = pytest.mark.usefixtures("client_of_its_own")


def config(value: str) -> Json:
    metadata = {"name": "a", "namespace": "apps"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"of": value}}


def run(api: FakeApi, capsys: pytest.CaptureFixture[str], *definition: Json) -> Json:
    with served(api) as url:
        args = {"kubeconfig": kubeconfig(url), "definition": [*definition], "_ansible_diff": True}
        with patch_module_args(args), pytest.raises(SystemExit):
            objects_diff.main()
    result: Json = json.loads(capsys.readouterr().out)
    return result


@pytest.mark.parametrize(
    ("there", "changed"),
    [([config("wanted")], False), ([config("other")], True), ([], True)],
    ids=["as asked for", "another value", "not there"],
)
def test_it_is_said_what_would_change_and_nothing_is_stored(
    capsys: pytest.CaptureFixture[str], there: list[Json], changed: bool
) -> None:
    api = FakeApi().put(*there)
    before = json.dumps(api.objects)
    assert run(api, capsys, config("wanted"))["changed"] is changed
    assert (json.dumps(api.objects), api.changes()) == (before, [])


def test_a_refusal_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    path = "/api/v1/namespaces/apps/configmaps/a"
    api = FakeApi(forbidden={("PATCH", path)}).put(config("other"))
    result = run(api, capsys, config("wanted"))
    assert result["failed"]
    assert "forbidden" in result["msg"].lower()
