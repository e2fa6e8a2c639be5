# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.onprem.irsa.plugins.filter.issuer_host_path import FilterModule

issuer_host_path = FilterModule().filters()["issuer_host_path"]


def test_is_the_issuer_without_its_scheme() -> None:
    assert issuer_host_path("https://oidc.example.com/prod") == "oidc.example.com/prod"


@pytest.mark.parametrize(
    ("url", "says"),
    [("http://oidc.example.com", "must begin with https://"), ("https://oidc.example.com/", "slash"), (None, "'None'")],
)
def test_what_breaks_a_rule_fails_the_template(url: str, says: str) -> None:
    with pytest.raises(AnsibleFilterError, match=says):
        issuer_host_path(url)
