# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.rollout import ISSUER, JWKS_URI, Server
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.way_back import WayBack, way_back
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._flags.test_static_pod_flags import (
    KUBEADM,
    NEW,
    OLD,
)

THIRD = "https://third.example.com"
URI, OWN = f"{NEW}/openid/v1/jwks", "https://corp.example.com/keys.json"


def servers(*issuers: list[str], uri: str = "") -> list[Server]:
    flags = {JWKS_URI: [uri]} if uri else {}
    return [Server(f"cp{number}", {ISSUER: own, **flags}) for number, own in enumerate(issuers, 1)]


def manifest(*issuers: str, uri: str = "") -> str:
    flags = [*(f"{ISSUER}={issuer}" for issuer in issuers), *([f"{JWKS_URI}={uri}"] if uri else [])]
    lines = "\n".join(f"    - --{flag}" for flag in flags)
    return KUBEADM.replace(f"    - --{ISSUER}={OLD}", lines)


@pytest.mark.parametrize(
    ("issuers", "retired", "former"),
    [
        ([[NEW, OLD], [NEW, OLD]], [], OLD),
        ([[NEW, OLD, THIRD], [OLD, NEW]], [], OLD),
        ([[NEW, OLD, THIRD], [NEW, OLD, THIRD]], [OLD], THIRD),
        ([[NEW], [NEW]], [], ""),
        ([[NEW], [NEW, OLD]], [], OLD),
        ([[NEW, OLD], []], [], OLD),
        ([], [], ""),
    ],
)
def test_the_issuer_that_stands_next(issuers: list[list[str]], retired: list[str], former: str) -> None:
    assert way_back(servers(*issuers), NEW, retired=retired) == WayBack(former)


@pytest.mark.parametrize("issuers", [[[NEW, OLD, THIRD], [NEW, THIRD, OLD]], [[NEW, OLD], [OLD, NEW], [THIRD, NEW]]])
def test_servers_that_had_different_issuers(issuers: list[list[str]]) -> None:
    with pytest.raises(InputError, match=f"had different issuers before {NEW}: {OLD} on cp1"):
        way_back(servers(*issuers), NEW)


@pytest.mark.parametrize(
    ("kept", "uri"),
    [
        pytest.param({}, "", id="nothing kept"),
        pytest.param({"a": manifest(OLD)}, "", id="none before"),
        pytest.param({"a": manifest(OLD, uri=OWN)}, OWN, id="one before"),
        pytest.param(
            {"a": manifest(OLD, uri=OWN), "b": manifest(OLD, NEW, uri=OWN), "c": manifest(NEW, OLD, uri=URI)}, OWN
        ),
        pytest.param({"a": manifest(OLD, uri=OWN), "b": manifest(OLD)}, "", id="the last one counts"),
        pytest.param({"a": manifest(THIRD, uri="https://x.example.com/k")}, "", id="of another issuer"),
        pytest.param({"a": manifest(OLD, uri=OWN), "b": "{"}, OWN, id="one that can't be read"),
    ],
)
def test_the_jwks_uri_that_the_issuer_had(kept: dict[str, str], uri: str) -> None:
    running = servers([NEW, OLD], [NEW, OLD], uri=URI)
    assert way_back(running, NEW, kept={"cp1": kept, "cp2": kept}) == WayBack(OLD, uri)
    assert way_back(running, NEW, kept={"cp2": kept}) == WayBack(OLD, uri), "a host that has joined has kept none"


def test_the_jwks_uri_of_a_server_that_signs_with_the_issuer_is_what_it_runs_with() -> None:
    kept = {"cp1": {"a": manifest(OLD, uri="https://gone.example.com/k")}}
    assert way_back(servers([OLD, NEW], uri=OWN), NEW, kept=kept) == WayBack(OLD, OWN)


def test_a_jwks_uri_that_differed_is_named() -> None:
    way = way_back(
        servers([NEW, OLD], [NEW, OLD]), NEW, kept={"cp1": {"a": manifest(OLD, uri=OWN)}, "cp2": {"a": manifest(OLD)}}
    )
    assert (way.issuer, way.jwks_uri) == (OLD, "")
    assert f"{OWN} on cp1; none on cp2. Set it again." in way.notes[0]
