# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._documents.served import refusal_fix, said, type_warning

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
