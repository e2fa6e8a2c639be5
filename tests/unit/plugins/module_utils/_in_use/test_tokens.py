# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import json
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.onprem.irsa.plugins.module_utils._in_use.state import Keeper, LegacyToken
from ansible_collections.onprem.irsa.plugins.module_utils._in_use.tokens import (
    LEGACY_TYPE,
    audience_users,
    keepers,
    kid_of,
    legacy_tokens,
    lifetimes,
    made_at,
    seconds_of,
    stale_uses,
)

Json = dict[str, t.Any]
ROLE = {"eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/r"}


def account(name: str, **annotations: str) -> Json:
    return {"metadata": {"namespace": "apps", "name": name, "annotations": annotations}}


def pod(name: str, *seconds: int | None, phase: str = "Running", **annotations: str) -> Json:
    tokens = [{"serviceAccountToken": {"path": "token", **({"expirationSeconds": n} if n else {})}} for n in seconds]
    volumes = [{"name": "others", "emptyDir": {}}, {"name": "tokens", "projected": {"sources": [{}, *tokens]}}]
    metadata = {"namespace": "apps", "name": name, "annotations": annotations}
    return {"metadata": metadata, "spec": {"volumes": volumes}, "status": {"phase": phase}}


def test_the_longest_comes_first_with_what_says_it() -> None:
    found = lifetimes(
        [
            account("plain"),
            account("web", **ROLE),
            account("short", **ROLE, **{"eks.amazonaws.com/token-expiration": "900"}),
        ],
        [pod("a", 3607), pod("b", 172800), pod("done", 999999, phase="Succeeded"), pod("none")],
    )
    assert [(lifetime.seconds, lifetime.source) for lifetime in found] == [
        (172800.0, "pod apps/b"),
        (86400.0, "service account apps/web"),
        (3607.0, "pod apps/a"),
        (3600.0, "whoever asks with TokenRequest"),
        (900.0, "service account apps/short"),
    ]


def test_a_csi_driver_has_tokens_of_pods_that_no_volume_shows() -> None:
    asks = {"audience": "sts.amazonaws.com", "expirationSeconds": 43200}
    drivers: list[Json] = [
        {"metadata": {"name": "plain"}, "spec": {}},
        {"metadata": {"name": "secrets-store.csi.k8s.io"}, "spec": {"tokenRequests": [{"audience": "vault"}, asks]}},
    ]
    found = lifetimes([], [], drivers, asked_directly=600.0)
    assert [(lifetime.seconds, lifetime.source) for lifetime in found] == [
        (43200.0, "CSI driver secrets-store.csi.k8s.io"),
        (3600.0, "CSI driver secrets-store.csi.k8s.io"),
        (600.0, "whoever asks with TokenRequest"),
    ]


def test_a_pod_may_ask_by_an_annotation() -> None:
    assert lifetimes([], [pod("a", **{"eks.amazonaws.com/token-expiration": "7200"})])[0].seconds == 7200.0


def test_what_is_no_number_of_seconds_counts_as_the_webhook_takes_it() -> None:
    soon = {"eks.amazonaws.com/token-expiration": "soon"}
    assert [found.seconds for found in lifetimes([account("web", **ROLE, **soon)], [pod("a", **soon)])] == [
        86400.0,
        3600.0,
    ]


def test_no_token_lives_for_longer_than_an_api_server_makes_one() -> None:
    longest = {"eks.amazonaws.com/token-expiration": "9" * 400}
    assert lifetimes([account("web", **ROLE, **longest)], [pod("a", **longest)])[0].seconds == 2.0**32


def test_the_api_servers_may_cut_it() -> None:
    found = lifetimes([], [pod("a", 172800)], longest_allowed=43200.0)
    assert [lifetime.seconds for lifetime in found] == [43200.0, 3600.0]


def test_tokens_that_no_object_shows_count() -> None:
    longest, *_others = lifetimes([], [pod("a", 3607)], asked_directly=7200.0)
    assert (longest.seconds, "TokenRequest" in longest.source) == (7200.0, True)
    assert [each.seconds for each in lifetimes([], [pod("a", 600)], asked_directly=600.0)] == [600.0]
    told = lifetimes([], [pod("a", 86400)], asked_directly=7200.0, longest_allowed=3600.0)
    assert [each.seconds for each in told] == [7200.0, 3600.0]  # of processes before those that cut


def token(kid: str) -> str:
    header = base64.urlsafe_b64encode(json.dumps({"alg": "RS256", "kid": kid}).encode()).rstrip(b"=").decode()
    return f"{header}.e30.c2lnbmF0dXJl"


def secret(name: str, content: str, kind: str = LEGACY_TYPE) -> Json:
    data = {"token": base64.b64encode(content.encode()).decode()} if content else {}
    return {"metadata": {"namespace": "ci", "name": name}, "type": kind, "data": data}


def test_tokens_in_secrets() -> None:
    secrets = [
        secret("robot", token("old")),
        secret("broken", "no token"),
        secret("empty", ""),
        secret("other", token("old"), "Opaque"),
    ]
    assert legacy_tokens(secrets) == [LegacyToken("ci/robot", "old"), LegacyToken("ci/broken", "")]


@given(st.text())
def test_any_text_has_a_kid_or_none(text: str) -> None:
    assert isinstance(kid_of(text), str)


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [
        ("24h0m0s", 86400.0),
        ("1h30m", 5400.0),
        ("3600s", 3600.0),
        ("1.5h", 5400.0),
        ("0s", None),
        ("", None),
        ("1d", None),
    ],
)
def test_durations(duration: str, seconds: float | None) -> None:
    assert seconds_of(duration) == seconds


def test_when_an_object_was_made() -> None:
    assert made_at({"metadata": {"creationTimestamp": "2026-01-01T00:00:00Z"}}) == 1767225600.0
    assert made_at(None) is None


METRICS = """# HELP serviceaccount_stale_tokens_total [STABLE] Cumulative stale projected service account tokens used
# TYPE serviceaccount_stale_tokens_total counter
serviceaccount_stale_tokens_total {stale}
# TYPE serviceaccount_valid_tokens_total counter
serviceaccount_valid_tokens_total 812
"""


@pytest.mark.parametrize(("stale", "uses"), [("0", 0.0), ("17", 17.0), ("1.2e+06", 1200000.0)])
def test_stale_tokens_are_counted(stale: str, uses: float) -> None:
    assert stale_uses(METRICS.format(stale=stale)) == uses
    assert stale_uses("") == 0.0


def test_pods_that_may_keep_a_token() -> None:
    started = {"startTime": "2026-01-01T00:00:00Z"}
    plain, ended = pod("plain", 3607), pod("ended", 3607, phase="Failed")
    plain["status"] |= started
    ended["status"] |= started
    for_aws = pod("for-aws", 86400)
    for_aws["spec"]["volumes"][1]["projected"]["sources"][1]["serviceAccountToken"]["audience"] = "sts.amazonaws.com"
    for_aws["status"] |= started
    pending = pod("pending", 3607, phase="Pending")
    assert keepers([plain, ended, for_aws, pending, pod("none")]) == [Keeper("apps/plain", 1767225600.0)]


def test_pods_that_ask_for_an_audience() -> None:
    def asking(name: str, audience: str, phase: str = "Running") -> Json:
        found = pod(name, 3607, 600, phase=phase)
        found["spec"]["volumes"][1]["projected"]["sources"][2]["serviceAccountToken"]["audience"] = audience
        return found

    pods = [
        asking("b", "mine"),
        asking("a", "mine"),
        asking("c", "other"),
        asking("d", "mine", "Failed"),
        pod("e", 600),
    ]
    assert audience_users(pods, "mine") == ["apps/a", "apps/b"]
