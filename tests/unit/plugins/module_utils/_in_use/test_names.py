# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._in_use.names import MOST, some


@pytest.mark.parametrize(
    ("count", "shown"), [(0, ""), (2, "a0, a1"), (MOST, ", ".join(f"a{number}" for number in range(MOST)))]
)
def test_few_are_named(count: int, shown: str) -> None:
    assert some([f"a{number}" for number in range(count)]) == shown


def test_of_many_the_first_are_named() -> None:
    assert some([f"a{number}" for number in range(MOST + 2)]).endswith(f"a{MOST - 1} and 2 more")
