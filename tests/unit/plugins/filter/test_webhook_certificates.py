# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.onprem.irsa.plugins.filter.webhook_certificates import FilterModule

from ..some_certificates import HOST, authority, encoded, leaf, secret

webhook_certificates = FilterModule().filters()["webhook_certificates"]
DAY = "2026-03-01T12:00:00Z"


def test_a_certificate_below_an_authority() -> None:
    found = webhook_certificates(
        secret(leaf(), 11), secret(authority(), 1), encoded(authority()), host=HOST, now=DAY, days="365"
    )
    assert found == {
        "new_authority": False,
        "new_certificate": False,
        "kept": [],
        "trusted": True,
        "expires": "2027-01-31T12:00:00Z",
        "days_left": 336,
        "timestamp": 1801396800,
        "lifetime": 365 * 86400,
        "problem": "",
        "authority_expires": "2036-01-29T12:00:00Z",
    }


def test_nothing_yet() -> None:
    found = webhook_certificates({}, {}, host=HOST, now=DAY)
    assert (found["new_certificate"], found["expires"], found["days_left"]) == (True, "", 0)


def test_a_given_certificate() -> None:
    assert webhook_certificates(secret(leaf(), 11, authority()), host=HOST, now=DAY)["days_left"] == 336


def test_no_private_key_is_returned() -> None:
    assert "PRIVATE" not in str(webhook_certificates(secret(leaf(), 11), secret(authority(), 1), host=HOST, now=DAY))


@pytest.mark.parametrize("ca", [secret(authority(), 2), None])
def test_what_does_not_match_is_refused(ca: dict[str, str] | None) -> None:
    found = webhook_certificates(secret(leaf(), 11), ca, host=HOST, now=DAY)
    assert "Secret" in found["problem"]
    assert (found["new_authority"], found["new_certificate"], found["expires"]) == (False, False, "")
