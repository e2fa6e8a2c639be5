# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.onprem.irsa.plugins.filter.untrusted_service_account import FilterModule


def test_first_untrusted() -> None:
    choose = FilterModule().filters()["untrusted_service_account"]
    assert choose(["apps/*"], ["apps", "kube-system"]) == "kube-system/default"
