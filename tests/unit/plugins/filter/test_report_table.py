# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.onprem.irsa.plugins.filter.report_table import FilterModule


def test_columns() -> None:
    report_table = FilterModule().filters()["report_table"]
    assert report_table([{"link": "STS", "result": "ok"}])[0].split() == ["link", "checked", "result", "seconds"]
    assert report_table([{"link": "STS", "done": "asked"}], ["link", "done"]) == ["link  done", "STS   asked"]
