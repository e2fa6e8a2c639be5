# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._migration.state import Lifetime
from ansible_collections.onprem.irsa.plugins.module_utils._migration.use import audience_users, lifetimes, limits

ISSUER = "https://oidc.example.com"
AUTOMOUNTED: dict[str, t.Any] = {"expirationSeconds": 3607, "path": "token"}


def pod(name: str, *tokens: dict[str, t.Any], phase: str = "Running", **annotations: str) -> dict[str, t.Any]:
    sources = [{"serviceAccountToken": token} for token in tokens]
    return {
        "metadata": {"namespace": "apps", "name": name, "annotations": annotations},
        "spec": {"volumes": [{"name": "t", "projected": {"sources": [{"configMap": {}}, *sources]}}, {"name": "e"}]},
        "status": {"phase": phase},
    }


def account(name: str, **annotations: str) -> dict[str, t.Any]:
    return {"metadata": {"namespace": "apps", "name": name, "annotations": annotations}}


ROLE = {"eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/prod-reports"}
HALF_DAY = {"eks.amazonaws.com/token-expiration": "43200"}
NOBODY = Lifetime(3600.0, "whoever asks for no other")


def test_an_empty_cluster_has_tokens_of_an_hour() -> None:
    assert lifetimes([], []) == [NOBODY]


@pytest.mark.parametrize(
    ("accounts", "pods", "expected"),
    [
        ([account("web"), account("reports", **ROLE)], [], Lifetime(86400.0, "service account apps/reports")),
        ([account("reports", **ROLE, **HALF_DAY)], [], Lifetime(43200.0, "service account apps/reports")),
        ([], [pod("web", {"expirationSeconds": 7200, "audience": "vault"})], Lifetime(7200.0, "pod apps/web")),
        ([], [pod("web", **HALF_DAY)], Lifetime(43200.0, "pod apps/web")),
        ([], [pod("web", **{"eks.amazonaws.com/token-expiration": "soon"})], NOBODY),
        ([], [pod("web", {"expirationSeconds": 7200}, phase="Succeeded")], NOBODY),
    ],
)
def test_what_is_asked_for(accounts: list[dict[str, t.Any]], pods: list[dict[str, t.Any]], expected: Lifetime) -> None:
    assert lifetimes(accounts, pods, extended=False)[0] == expected


def test_the_flag_shortens_what_is_asked_for() -> None:
    found = lifetimes([account("reports", **ROLE)], [], longest_allowed=7200.0, extended=False)
    assert found[0] == Lifetime(7200.0, "service account apps/reports")


def test_an_extended_token_counts_until_the_kubelet_has_replaced_it() -> None:
    pods = [pod("web", AUTOMOUNTED), pod("vault", {**AUTOMOUNTED, "audience": "vault"})]
    found = lifetimes([], pods, longest_allowed=7200.0)
    assert found[0] == Lifetime(86400.0, "pod apps/web, whose token the API servers extend")
    assert lifetimes([], pods, extended=False)[0] == Lifetime(3607.0, "pod apps/web")
    assert lifetimes([], pods[1:])[0] == Lifetime(3607.0, "pod apps/vault")


def test_pods_that_ask_for_an_audience() -> None:
    token = {"audience": ISSUER}
    pods = [pod("b", AUTOMOUNTED, token), pod("a", token), pod("c", AUTOMOUNTED), pod("d", token, phase="Failed")]
    assert audience_users(pods, ISSUER) == ["apps/a", "apps/b"]


LONGEST, EXTEND = "service-account-max-token-expiration", "service-account-extend-token-expiration"


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ([{}], (None, True)),
        ([{LONGEST: ["24h0m0s"]}, {LONGEST: ["1h", "1h30m"]}], (86400.0, True)),
        ([{LONGEST: ["24h"]}, {}], (None, True)),
        ([{LONGEST: ["0s"]}], (None, True)),
        ([{LONGEST: ["a day"]}], (None, True)),
        ([{EXTEND: ["false"]}, {EXTEND: ["true", "false"]}], (None, False)),
        ([{EXTEND: ["false"]}, {EXTEND: ["T"]}], (None, True)),
    ],
)
def test_what_the_flags_of_api_servers_say(
    flags: list[dict[str, list[str]]], expected: tuple[float | None, bool]
) -> None:
    assert limits(flags) == expected
