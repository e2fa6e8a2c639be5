# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._in_use.state import (
    Documents,
    Keeper,
    Lifetime,
    kept_tokens,
    longest,
    read,
    seen_since,
)

ISSUER = "https://oidc.example.com"


@pytest.mark.parametrize(
    ("found", "documents"),
    [
        ({"served": False, "kids": [], "max_age": None, "unchanged_for": None}, Documents(ISSUER)),
        (
            {"served": True, "kids": ["one"], "max_age": 300.0, "unchanged_for": 60.0},
            Documents(ISSUER, ("one",), 4940.0, 300.0),
        ),
        (
            {"served": True, "kids": ["one"], "max_age": None, "unchanged_for": None},
            Documents(ISSUER, ("one",), 4900.0, 3600.0, is_told=False),
        ),
        (
            {"served": True, "kids": ["one"], "max_age": 0.0, "unchanged_for": 60.0},
            Documents(ISSUER, ("one",), 4940.0, 0.0),
        ),
    ],
)
def test_what_is_published(found: dict[str, object], documents: Documents) -> None:
    assert read(Documents, ISSUER, found, now=5000.0, first_seen=4900.0) == documents


def test_since_when_a_run_sees_what_is_published() -> None:
    first = seen_since(None, [["one"]], 100.0)
    assert first == {"kids": [["one"]], "since": 100.0}
    assert seen_since(first, [("one",)], 200.0) == first
    published = seen_since(first, [["one", "two"]], 300.0)
    assert published == {"kids": [["one", "two"]], "since": 300.0}
    assert seen_since(published, [["one"]], 400.0)["since"] == 400.0


def test_when_no_cache_has_an_earlier_version() -> None:
    assert Documents(ISSUER, ("one",), 1000.0, 300.0).spread_at == 1300.0


def test_the_longest_lifetime() -> None:
    day = Lifetime(86400.0, "pod apps/reports")
    assert longest([Lifetime(3600.0, "whoever"), day]) == day
    assert longest([]).seconds == 0.0


def test_pods_that_may_keep_a_token_are_named_where_one_does() -> None:
    keepers = [Keeper("apps/old", 10.0), Keeper("apps/new", 30.0), Keeper("apps/older", 5.0)]
    (told,) = kept_tokens({"cp1": 7.0, "cp2": 0.0}, keepers, before=20.0, signs="the new one", gone="the old one")
    assert "since the new one signs, API servers have taken such tokens" in told
    assert "(serviceaccount_stale_tokens_total: cp1 7 times)" in told
    assert "without the old one. It is among those that run since before: apps/old, apps/older. Restart" in told
    assert kept_tokens({"cp1": 0.0}, keepers, before=20.0, signs="", gone="") == []
    assert kept_tokens({"cp1": 7.0}, keepers[1:2], before=20.0, signs="", gone="") == []
