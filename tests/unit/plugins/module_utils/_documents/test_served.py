# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._documents.served import (
    max_age,
    refusal_fix,
    said,
    type_warning,
    unchanged_for,
)

URL = "https://oidc.example.com/openid/v1/jwks"


@pytest.mark.parametrize("kind", ["application/json", "application/json;charset=utf-8", " Application/JSON ; a=b"])
def test_the_standard_type_in_any_spelling_is_no_warning(kind: str) -> None:
    assert type_warning(URL, kind, "application/json") == ""


@pytest.mark.parametrize("kind", ["text/plain", "text/json", "application/jsonp", "", ";charset=utf-8"])
def test_any_other_type_is_a_warning(kind: str) -> None:
    assert "not application/json: AWS accepts it" in type_warning(URL, kind, "application/json")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("", ""),
        (" \n", ""),
        ("<Error/>", ""),
        ("<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>", " (AccessDenied: Access Denied)"),
        ("<Error><Code>NoSuchBucket</Code></Error>", " (NoSuchBucket)"),
        ("<Error><Code>Broken", " (Broken)"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><Error><Code>&b;</Code></Error>', " (]> &b;)"),
        ("<html><script>let a = 1;</script><h1>Not\n  Found</h1></html>", " (Not Found)"),
        ("no such file.", " (no such file)"),
    ],
)
def test_the_words_of_a_refusal(body: str, says: str) -> None:
    assert said(body) == says


def test_only_a_known_refusal_has_a_fix() -> None:
    assert refusal_fix("<Error><Code>AccessDenied</Code></Error>") == ""
    assert "SSE-S3" in refusal_fix("<Error><Code>KMS.DisabledException</Code></Error>")


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("public", None),
        ("public, max-age=3600", 3600.0),
        ("max-age=60, s-maxage=300", 300.0),
        ('Max-Age="60"', 60.0),
        ("max-age=60, no-store", 0.0),
        ("no-cache", 0.0),
        (f"max-age={'9' * 400}", 2.0**31),
        ("max-age=soon", None),
        ("max-age=60, stale-while-revalidate=300", 360.0),
        ("max-age=60, stale-while-revalidate=300, stale-if-error=86400", 86460.0),
        ('max-age=60, s-maxage=600, Stale-If-Error="30"', 630.0),
        ("max-age=60, stale-while-revalidate=300, must-revalidate", 60.0),
        ("s-maxage=60, max-age=30, stale-if-error=300, proxy-revalidate", 360.0),
        ("max-age=60, stale-if-error=soon", 60.0),
        ("stale-if-error=300", None),
        (f"max-age=60, stale-if-error={'9' * 400}", 2.0**31),
        ("no-cache, stale-if-error=300", 0.0),
        ('no-cache="Set-Cookie, Vary", max-age=300', 300.0),
        ('private="Set-Cookie,max-age=9", max-age=300', 300.0),
        ("max-age=300, max-age=60", 300.0),
    ],
)
def test_for_how_long_caches_may_keep_a_document(header: str | None, seconds: float | None) -> None:
    assert max_age(header) == seconds


DATE = "Mon, 30 Nov 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("header", "expires", "date", "seconds"),
    [
        (None, "Tue, 01 Dec 2026 12:00:00 GMT", DATE, 86400.0),
        ("public", "Tue, 01 Dec 2026 12:00:00 GMT", DATE, 86400.0),
        ("public, stale-if-error=60", "Mon, 30 Nov 2026 12:01:00 GMT", DATE, 120.0),
        ("max-age=60", "Tue, 01 Dec 2026 12:00:00 GMT", DATE, 60.0),
        ("no-cache", "Tue, 01 Dec 2026 12:00:00 GMT", DATE, 0.0),
        (None, "Sun, 29 Nov 2026 12:00:00 GMT", DATE, 0.0),
        (None, "0", DATE, 0.0),
        (None, "Fri, 01 Dec 2226 12:00:00 GMT", DATE, 2.0**31),
    ],
)
def test_expires_counts_where_no_max_age_is_there(
    header: str | None, expires: str, date: str, seconds: float | None
) -> None:
    assert max_age(header, expires=expires, date=date) == seconds


@pytest.mark.parametrize(
    ("date", "last_modified", "seconds"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:48:37 GMT", 60.0),
        ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 09:48:37 GMT", 0.0),
        ("Sun, 06 Nov 1994 08:49:37 -0000", "Sun, 06 Nov 1994 08:48:37 GMT", 60.0),
        (None, "Sun, 06 Nov 1994 08:48:37 GMT", None),
        ("Sun, 06 Nov 1994 08:49:37 GMT", None, None),
        ("yesterday", "today", None),
    ],
)
def test_since_when_a_document_is_as_it_is(date: str | None, last_modified: str | None, seconds: float | None) -> None:
    assert unchanged_for(date, last_modified) == seconds
