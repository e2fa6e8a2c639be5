# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.onprem.irsa.plugins.filter import policy_flags, policy_kept_flags

FILTERS = {**policy_flags.FilterModule().filters(), **policy_kept_flags.FilterModule().filters()}


def test_policy_flags() -> None:
    wanted = {"feature-gates": "MutatingAdmissionPolicy=true", "runtime-config": "a/v1=true"}
    running = {"feature-gates": ["A=true,MutatingAdmissionPolicy=false"], "runtime-config": ["a/v1=true"]}
    changes = FILTERS["policy_flags"](running, wanted)
    assert changes == {"feature-gates": ["A=true,MutatingAdmissionPolicy=true"]}
    assert FILTERS["policy_flags"]({**running, **changes}, wanted) == {}


def test_policy_kept_flags() -> None:
    flags = {"feature-gates": ["A=true", "B=false"], "v": ["2"]}
    assert FILTERS["policy_kept_flags"](flags) == {"feature-gates": ["A=true,B=false"]}
