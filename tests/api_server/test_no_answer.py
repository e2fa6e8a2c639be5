# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said where a kubeconfig does not work with a real API server."""

from __future__ import annotations

import copy
import json
import re
import typing as t

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.onprem.irsa.plugins.module_utils._kube.kubeconfig import current_context
from ansible_collections.onprem.irsa.plugins.modules import api_servers_info, objects_info, service_account_token
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._kube.test_causes import LIBRARIES, jwt

from .conftest import ApiServer, free_port

Json = dict[str, t.Any]
SLICES: t.Final = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
LOGIN: t.Final = {
    "command": "no-such-login",
    "apiVersion": "client.authentication.k8s.io/v1",
    "interactiveMode": "Never",
}


def kubeconfig(found: ApiServer, user: Json | None, **cluster: str | None) -> Json:
    given = copy.deepcopy(found.kubeconfig)
    entry = given["clusters"][0]["cluster"]
    entry.update(cluster)
    given["clusters"][0]["cluster"] = {key: value for key, value in entry.items() if value is not None}
    if user is not None:
        given["users"][0]["user"] = user
    return current_context(given, None, "./config on the controller")


def message(main: t.Callable[[], object], capsys: pytest.CaptureFixture[str], **arguments: t.Any) -> str:  # noqa: ANN401 -- of a module
    with patch_module_args(arguments), pytest.raises(SystemExit):
        main()
    printed = capsys.readouterr()
    result: Json = json.loads(printed.out)
    assert result["failed"], result
    assert printed.err == ""
    said = str(result["msg"])
    assert not LIBRARIES.search(said), said
    assert "VALUE_SPECIFIED" not in said
    assert not re.search(r"grant|system:anonymous", said), said
    return said


@pytest.mark.parametrize(
    ("user", "cluster", "says"),
    [
        (
            {"exec": LOGIN},
            {},
            "the login command no-such-login of the kubeconfig ./config on the controller (context it) failed: No such "
            "file or directory: 'no-such-login'.",
        ),
        ({"token": ""}, {}, "It sends no credentials"),
        (
            {"token": "wrong"},
            {},
            "Its token is none that this API server knows. Write a valid one into the kubeconfig ./config",
        ),
        ({"token": jwt(exp=1_700_000_000, iss="https://i")}, {}, "Its token expired at 2023-11-14 22:13:20 UTC."),
        (
            {"client-certificate": "/none/me.crt", "client-key": "/none/me.key"},
            {},
            "File does not exist: /none/me.crt.",
        ),
        (None, {"certificate-authority": None}, "is not of a certificate authority that this machine trusts, and the"),
        (None, {"tls-server-name": "elsewhere.example.com"}, "its certificate is for other names than this one."),
        (None, {"server": "http://127.0.0.1:{port}"}, "is asked over http, and speaks https"),
        (None, {"server": "https://127.0.0.1:{closed}"}, "the connection is refused"),
        (None, {"server": "https://no-such-host.invalid"}, "the name is not known to the controller's DNS"),
        (None, {"proxy-url": "http://127.0.0.1:{closed}"}, "through the proxy http://127.0.0.1:"),
    ],
)
def test_what_is_said(
    server: ApiServer, capsys: pytest.CaptureFixture[str], user: Json | None, cluster: dict[str, str | None], says: str
) -> None:
    ports = {"port": server.url.rpartition(":")[2], "closed": free_port()}
    filled = {key: value.format(**ports) if value else value for key, value in cluster.items()}
    given = kubeconfig(server, user, **filled)
    assert says in message(objects_info.main, capsys, kubeconfig=given, path=SLICES)


@pytest.mark.parametrize(
    ("main", "arguments"),
    [
        (api_servers_info.main, {"issuers": ["https://i.example.com"]}),
        (service_account_token.main, {"namespace": "default", "name": "default", "audiences": ["a"]}),
    ],
)
def test_every_module_says_it(
    server: ApiServer, capsys: pytest.CaptureFixture[str], main: t.Callable[[], object], arguments: Json
) -> None:
    said = message(main, capsys, kubeconfig=kubeconfig(server, {"exec": LOGIN}), **arguments)
    assert "the login command no-such-login of the kubeconfig ./config on the controller (context it) failed" in said
