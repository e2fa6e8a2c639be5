# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.onprem.irsa.plugins.module_utils._table import table


def test_aligned() -> None:
    rows: list[dict[str, object]] = [
        {"link": "STS", "checked": "token for role", "result": "arn:x", "seconds": 0.44},
        {"link": "documents", "checked": "HTTPS", "result": "FAILED:\n status  403", "seconds": 12.0},
        {"link": "pod", "seconds": None},
    ]
    assert table(rows) == [
        "link       checked         result              seconds",
        "STS        token for role  arn:x               0.44",
        "documents  HTTPS           FAILED: status 403  12.00",
        "pod",
    ]


def test_other_columns() -> None:
    assert table([{"link": "a", "done": "b", "changed": True}], ["link", "changed"]) == ["link  changed", "a     True"]


def test_no_rows() -> None:
    assert table([]) == ["link  checked  result  seconds"]
