# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._injection.image_reference import (
    mirror_problem,
    reference_problem,
)

DIGEST = "sha256:" + 64 * "a"


@pytest.mark.parametrize(
    "reference",
    [
        "webhook:v1",
        "amazon/webhook:v0.6.17",
        f"amazon/webhook@{DIGEST}",
        f"registry.example.com:5000/a__b/c-d/e.f:V1_x@{DIGEST}",
        "localhost/webhook:v1",
        "REGISTRY/webhook:v1",  # a host, as no repository is in upper case
        "[2001:db8::1]:5000/webhook:v1",
    ],
)
def test_a_reference(reference: str) -> None:
    assert reference_problem(reference) == ""


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("webhook", "no tag and no digest"),
        ("registry:5000/webhook", "no tag and no digest"),
        ("https://registry.example.com/webhook:v1", "scheme"),
        ("registry.example.com/Amazon/webhook:v1", "Amazon is not in lower case"),
        ("webhook:v1 ", "blank"),
        ("webhook:v1\n", "not ASCII or not printable"),
        ("[::ffff:192.0.2.1]/webhook:v1", "no host"),
        ("registry.example.com:70000/webhook:v1", "no host with or without a port"),
        ("registry..example.com/webhook:v1", "no host"),
        ("amazon//webhook:v1", "empty part"),
        ("amazon/web___hook:v1", "part web___hook"),
        ("webhook:.v1", "tag '.v1'"),
        ("webhook:v1+build", "tag 'v1+build'"),
        ("webhook:" + 129 * "a", "up to 128"),
        ("webhook@sha256:abc", "too short: it has 3 hexadecimal digits, and sha256 has 64"),
        (f"webhook@{DIGEST}a", "too long"),
        (f"webhook@{DIGEST.upper()}", "hexadecimal digits in lower case"),
        (f"webhook@md5:{32 * 'a'}", "sha256: or sha512:"),
        ("webhook:v1@", "digest"),
        ("/".join(64 * ["abcd"]) + ":v1", "longer than 255"),
        ("wébhook:v1", "not ASCII or not printable"),
    ],
)
def test_no_reference(reference: str, says: str) -> None:
    assert says in reference_problem(reference)


@pytest.mark.parametrize("mirror", ["registry.example.com", "registry:5000/hub", "localhost/hub", "10.0.0.1:5000/a/b/"])
def test_a_mirror(mirror: str) -> None:
    assert mirror_problem(mirror) == ""


@pytest.mark.parametrize(
    ("mirror", "says"),
    [
        ("http://registry.example.com", "scheme"),
        ("registry.example.com/Hub", "lower case"),
        (" registry.example.com", "blank"),
        ("harbor/hub", "names no registry"),
        ("/hub", "names no registry"),
        ("registry.example.com/hub:v1", "part hub:v1"),
        ("registry.example.com:/hub", "no host"),
        ("user@registry.example.com", "user name"),
        ("registry.example.com/hub//x", "empty part"),
        ("docker://registry.example.com/hub", "scheme"),
        ("registry.example.com/../hub", "part .."),
    ],
)
def test_no_mirror(mirror: str, says: str) -> None:
    assert says in mirror_problem(mirror)


@pytest.mark.parametrize("value", [None, 5, True, ["registry.example.com"]])
def test_what_is_no_text(value: t.Any) -> None:  # noqa: ANN401 -- as YAML may have it
    assert reference_problem(value) == mirror_problem(value) == "which is no text"
