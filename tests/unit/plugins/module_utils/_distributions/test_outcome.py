# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.onprem.irsa.plugins.module_utils._distributions.outcome import Outcome, same_issuers
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.room import AUDIENCES, ISSUER, JWKS_URI

NEW, OLD = "https://new.example.com", "https://kubernetes.default.svc.cluster.local"
OWN = "https://10.0.0.1:6443/openid/v1/jwks"
ISSUERS = st.lists(st.sampled_from(["https://a", "https://b", "https://c"]), unique=True, min_size=1)


@pytest.mark.parametrize(
    ("outcome", "told", "flags"),
    [
        (Outcome(OLD, (OLD, "k3s"), (OLD,), OWN), {}, {ISSUER: [OLD], AUDIENCES: [f"{OLD},k3s"]}),
        (
            Outcome(OLD, ("k3s", OLD), (OLD,), OWN),
            {AUDIENCES: [f"{OLD},k3s"]},
            {ISSUER: [OLD], AUDIENCES: [f"{OLD},k3s"]},
        ),
        (Outcome(NEW, (NEW, OLD), (NEW, OLD), OWN), {}, {ISSUER: [NEW, OLD]}),
        (
            Outcome(NEW, (OLD,), (NEW, OLD), f"{NEW}/openid/v1/jwks"),
            {JWKS_URI: []},
            {ISSUER: [NEW, OLD], JWKS_URI: [f"{NEW}/openid/v1/jwks"], AUDIENCES: [OLD]},
        ),
        (Outcome(OLD, (OLD,), (), OWN), {JWKS_URI: [], ISSUER: [OLD]}, {ISSUER: [OLD]}),
        (Outcome(OLD, (OLD,), (OLD,), OWN), {JWKS_URI: [OWN]}, {ISSUER: [OLD], JWKS_URI: [OWN]}),
        (Outcome("local", ("local",), ("local",), None), {JWKS_URI: [OWN]}, {ISSUER: ["local"], JWKS_URI: [OWN]}),
        (Outcome(OLD, (OLD,), (OLD,), "https://[fd00::1]:6443/openid/v1/jwks"), {}, {ISSUER: [OLD]}),
        (Outcome(OLD, (OLD,), (OLD,), "https://[:6443"), {}, {ISSUER: [OLD], JWKS_URI: ["https://[:6443"]}),
    ],
    ids=[
        "K3s as it is installed",
        "audiences in another order",
        "audiences that are the issuers",
        "a key set elsewhere, and audiences that stay",
        "what is accepted can't be told",
        "the default key set, named by the flag",
        "no discovery document",
        "an address of version 6",
        "what is no URL",
    ],
)
def test_flags_are_seen_by_what_they_make(outcome: Outcome, told: dict[str, list[str]], flags: object) -> None:
    assert outcome.flags(told) == flags


@given(ISSUERS, st.randoms())
def test_the_order_of_issuers_that_do_not_sign_is_that_of_the_files(issuers: list[str], random: object) -> None:
    shuffled = sorted(issuers[1:], key=lambda _issuer: random.random())  # type: ignore[attr-defined]
    outcome = Outcome(issuers[0], tuple(issuers), (issuers[0], *shuffled), OWN)
    assert outcome.flags({ISSUER: issuers})[ISSUER] == issuers
    assert same_issuers(outcome.flags({})[ISSUER], issuers)


def test_other_issuers_are_not_the_same() -> None:
    assert not same_issuers([NEW, OLD], [OLD, NEW])
    assert not same_issuers([NEW], [NEW, OLD])
    assert same_issuers([], [])


def test_a_token_does_not_show() -> None:
    assert "secret" not in repr(Outcome(NEW, (), (), None, token="secret"))  # noqa: S106 -- of nothing
