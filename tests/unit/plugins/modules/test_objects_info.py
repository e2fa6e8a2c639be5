# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import typing as t

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.onprem.irsa.plugins.modules import objects_info

from ..fake_api_server import FakeApi, kubeconfig, served

Json = dict[str, t.Any]
PATH = "/api/v1/namespaces/apps/configmaps"
pytestmark = pytest.mark.usefixtures("client_of_its_own")


def config(name: str, **labels: str) -> Json:
    metadata = {"name": name, "namespace": "apps", "labels": labels}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"of": name}}


def run(capsys: pytest.CaptureFixture[str], *there: Json, **options: object) -> Json:
    with served(FakeApi().put(*there)) as url:
        args = {"kubeconfig": kubeconfig(url), "path": PATH}
        with patch_module_args({**args, **options}), pytest.raises(SystemExit):
            objects_info.main()
    result: Json = json.loads(capsys.readouterr().out)
    return result


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({}, ["a", "b"]),
        ({"name": "b"}, ["b"]),
        ({"labels": {"app": "one"}}, ["a"]),
        ({"labels": {"app": "one", "tier": "web"}}, []),
        ({"name": "b", "labels": {"app": "one"}}, []),
        ({"path": "/apis/nobody.example.com/v1/things"}, []),
    ],
    ids=["all", "by name", "by label", "by all labels", "by name and label", "a kind that is not served"],
)
def test_what_is_asked_for_is_returned_whole(
    capsys: pytest.CaptureFixture[str], options: Json, names: list[str]
) -> None:
    result = run(capsys, config("a", app="one"), config("b", app="two"), **options)
    assert (result["changed"], [item["metadata"]["name"] for item in result["resources"]]) == (False, names)
    assert [(item["kind"], item["data"]) for item in result["resources"]] == [
        ("ConfigMap", {"of": name}) for name in names
    ]


def test_an_api_server_that_cannot_be_asked_is_no_empty_list(capsys: pytest.CaptureFixture[str]) -> None:
    with (
        patch_module_args({"kubeconfig": kubeconfig("http://127.0.0.1:9"), "path": PATH}),
        pytest.raises(SystemExit),
    ):
        objects_info.main()
    result: Json = json.loads(capsys.readouterr().out)
    assert result["failed"]
    assert "resources" not in result
    assert "the connection is refused, so nothing listens there" in result["msg"]
