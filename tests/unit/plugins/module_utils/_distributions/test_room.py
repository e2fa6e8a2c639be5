# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks what all rooms share: the two passes, and a file that could not be read."""

from __future__ import annotations

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._distributions.room import (
    ISSUER,
    JWKS_URI,
    SIGNING_KEY,
    Seen,
    Setting,
    Source,
    as_wanted,
    checked,
    flags_in,
    readable,
    refuse_scattered,
    two_passes,
)
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError

NEW, OLD, OLDER = "https://new.example", "https://old.example", "https://older.example"


def test_the_issuer_is_accepted_in_the_first_pass_and_signs_in_the_second() -> None:
    wanted = {ISSUER: [NEW, OLD, OLDER], JWKS_URI: ["https://new.example/jwks"], SIGNING_KEY: ["/k"], "v": ["2"]}
    first, second = two_passes(wanted)
    assert first == {ISSUER: [OLD, OLDER, NEW], "v": ["2"]}
    assert second == wanted


@pytest.mark.parametrize("issuers", [[], [NEW]])
def test_an_issuer_without_the_one_that_signs_now_is_refused(issuers: list[str]) -> None:
    with pytest.raises(InputError, match="every token in use would be refused"):
        two_passes({ISSUER: issuers})


def test_settings_become_flags_in_their_order() -> None:
    settings = [Setting("b", "2", Source("f", 1)), Setting("a", "1", Source("f", 2)), Setting("b", "1", Source("g", 1))]
    assert flags_in(settings) == {"b": ["2", "1"], "a": ["1"]}
    assert str(settings[0].source) == "f:1"
    assert str(Source("K3s", 0)) == "K3s"


def test_flags_are_compared_in_their_order() -> None:
    assert as_wanted({"a": ["1", "2"]}, {"a": ["1", "2"], "gone": []})
    assert not as_wanted({"a": ["2", "1"]}, {"a": ["1", "2"]})
    assert not as_wanted({"a": ["1"]}, {"a": []})


def test_unreadable_is_not_absent() -> None:
    assert readable(Seen(), "/a") is None
    assert readable(Seen(files={"/a": ""}), "/a") == ""
    with pytest.raises(InputError, match="/a: Permission denied"):
        readable(Seen(unreadable={"/a": "Permission denied"}), "/a")


@pytest.mark.parametrize(("issuers", "says"), [([NEW, OLD, NEW], "new.example twice"), ([""], "an empty value")])
def test_issuers_that_end_the_api_server_are_refused(issuers: list[str], says: str) -> None:
    with pytest.raises(InputError, match=says):
        checked({ISSUER: issuers})


def test_flags_become_words() -> None:
    assert checked({"v": [2], "profiling": [False], ISSUER: [NEW, OLD]}) == {
        "v": ["2"],
        "profiling": ["false"],
        ISSUER: [NEW, OLD],
    }


def test_a_flag_in_three_files_is_refused_with_the_place_that_counts() -> None:
    issuers = [Setting(ISSUER, f"https://{number}", Source(f"/{number}", number)) for number in (1, 2, 3)]
    with pytest.raises(InputError, match=r"in /1:1 \(https://1\), /2:2 \(.*\) and /3:3 \(.*\)\. /1:1 signs"):
        refuse_scattered(ISSUER, issuers)
    uris = [Setting(JWKS_URI, setting.value, setting.source) for setting in issuers]
    with pytest.raises(InputError, match="/3:3 counts"):
        refuse_scattered(JWKS_URI, uris)


def test_two_files_and_a_default_are_not_too_many() -> None:
    sources = [Source("K3s", 0), Source("/1", 1), Source("/2", 2), Source("/2", 3)]
    refuse_scattered(ISSUER, [Setting(ISSUER, "https://x", source) for source in sources])
