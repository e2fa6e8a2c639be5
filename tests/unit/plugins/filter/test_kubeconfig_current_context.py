# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.onprem.irsa.plugins.filter.kubeconfig_current_context import FilterModule


def test_reduces_and_refuses() -> None:
    reduce = FilterModule().filters()["kubeconfig_current_context"]
    kubeconfig = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://192.0.2.1:6443"}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
    }
    assert reduce(kubeconfig)["users"][0]["user"] == {"token": "t"}
    with pytest.raises(AnsibleFilterError, match="not a kubeconfig"):
        reduce("text")
