# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.onprem.irsa.plugins.module_utils._proof.chain import Row, failure, with_causes

LINKS = (
    *("API server cp1", "API server cp2", "documents", "STS", "refusal: service account", "refusal: audience"),
    *("refusal: foreign key", "trust policy", "webhook", "pod"),
)


def rows(*broken: str, **details: str) -> list[Row]:
    return [
        {"link": link, "ok": link not in broken, "detail": details.get(link.replace(" ", "_"), f"{link} says so")}
        for link in LINKS
    ]


@pytest.mark.parametrize(
    ("broken", "details", "follows", "first"),
    [
        (("documents", "STS", "refusal: foreign key", "pod"), {}, {"STS", "refusal: foreign key", "pod"}, "documents"),
        (("trust policy", "STS"), {"STS": "AccessDenied: Not authorized"}, {"STS"}, "trust policy"),
        (("trust policy", "STS"), {"STS": "InvalidIdentityToken"}, set(), "trust policy"),
        (("documents", "STS"), {"STS": "AccessDenied: Not authorized"}, set(), "documents"),
        (("API server cp2", "documents"), {}, {"documents"}, "API server cp2"),
        (("webhook", "pod"), {}, {"pod"}, "webhook"),
        (("STS", "webhook"), {}, set(), "STS"),
        (("trust policy", "refusal: service account"), {}, {"refusal: service account"}, "trust policy"),
    ],
)
def test_what_follows_from_what(
    broken: tuple[str, ...], details: dict[str, str], follows: set[str], first: str
) -> None:
    found = with_causes(rows(*broken, **details))
    assert {row["link"] for row in found if row["follows"]} == follows
    last = failure(found)[-1]
    assert last.startswith(f"First broken link: {first}"), last
    assert (" from it" in last) == any(row["follows"] == first for row in found)


@settings(deadline=None)
@given(st.sets(st.sampled_from(LINKS)))
def test_something_is_always_the_cause(broken: set[str]) -> None:
    found = with_causes(rows(*broken))
    causes: dict[t.Any, t.Any] = {row["link"]: row["follows"] for row in found}
    assert not any(causes[row["link"]] for row in found if row["ok"])
    assert all(cause in broken for cause in causes.values() if cause)
    told = failure(found)
    assert len(told) == (len(broken) + 1 if broken else 0)
