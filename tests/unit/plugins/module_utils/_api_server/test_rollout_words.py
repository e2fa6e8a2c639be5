# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.rollout import (
    ISSUER,
    JWKS_URI,
    Goal,
    Server,
    goal,
    rollout,
)
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.rollout_words import in_words

OLD, NEW, MID = "https://old", "https://new", "https://mid"


def server(*issuers: str, host: str = "cp1") -> Server:
    return Server(host, {ISSUER: [*issuers]}, ("k1",), "k1")


def says(servers: list[Server], aim: Goal) -> list[str]:
    return in_words(servers, rollout(servers, aim))


def test_a_new_issuer() -> None:
    assert says([server(OLD), server(OLD, host="cp2")], goal(NEW, jwks_uri=f"{NEW}/jwks")) == [
        *[f"{host}: accepts {NEW} in addition to {OLD}; still signs with {OLD}" for host in ("cp1", "cp2")],
        *[
            f"{host}: signs with {NEW}, and still accepts {OLD}; runs with --{JWKS_URI}={NEW}/jwks"
            for host in ("cp1", "cp2")
        ],
    ]


def test_all_in_one_restart() -> None:
    both = [server(MID, OLD)]
    assert says(both, goal(NEW, retired=[OLD], signing_kid="k2", flags={"v": ["2"]})) == [
        f"cp1: accepts {NEW} in addition to {MID}; no longer accepts {OLD}; signs with {NEW}; "
        "accepts the key k2 in addition to the key k1; signs with the key k2; refuses every token of https://old, also "
        "those of up to a year that programs have not read again: serviceaccount_stale_tokens_total counts their uses; "
        f"still accepts tokens for the audience {OLD}; runs with --v=2; runs with --api-audiences={NEW},{MID},{OLD}"
    ]


def test_a_new_key() -> None:
    steps = says([server(OLD), server(OLD, host="cp2")], goal(OLD, flags={"v": []}, signing_kid="k2"))
    assert steps[-1] == "cp2: signs with the key k2, and still accepts the key k1"


def test_what_is_replaced_is_named() -> None:
    own = [replace(server(OLD), flags={ISSUER: [OLD], JWKS_URI: ["https://corp/keys"], "v": ["2", "4"]})]
    assert says(own, goal(OLD, jwks_uri=f"{OLD}/jwks")) == [
        f"cp1: runs with --{JWKS_URI}={OLD}/jwks in place of https://corp/keys"
    ]
    assert says(own, goal(OLD, flags={"v": ["4"]})) == [
        f"cp1: runs without --{JWKS_URI}, which was https://corp/keys; runs with --v=4 in place of 2"
    ]


def test_audiences() -> None:
    both = [server(NEW, OLD)]
    (line,) = says(both, goal(NEW, retired=[OLD], retired_audiences=[OLD]))
    assert "serviceaccount_stale_tokens_total" in line
    assert line.endswith(f"no longer accepts tokens for the audience {OLD}")
    (line,) = says(both, goal(NEW, retired_audiences=[OLD]))
    assert line == f"cp1: no longer accepts tokens for the audience {OLD}; runs with --api-audiences={NEW}"
