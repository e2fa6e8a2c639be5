# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re
import time

from hypothesis import example, given
from hypothesis import strategies as st

from ansible_collections.onprem.irsa.plugins.module_utils._trust.conditions import like


@given(st.text("ab*?A.\n", max_size=8), st.text("abA.\n", max_size=8), st.booleans())
@example("a*a", "a", False)
@example("*ab", "aab", False)
@example("**", "", False)
@example("", "a", False)
def test_a_pattern_is_what_one_expression_of_it_would_be(pattern: str, value: str, ignore_case: bool) -> None:
    whole = "".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in pattern)
    expected = re.fullmatch(whole, value, re.DOTALL | (re.IGNORECASE if ignore_case else 0)) is not None
    assert like(pattern, value, ignore_case=ignore_case) == expected


def test_no_pattern_takes_longer_than_its_length_times_that_of_the_value() -> None:
    start = time.process_time()
    assert not like("*a" * 60 + "x", "a" * 2000)
    assert time.process_time() - start < 5
