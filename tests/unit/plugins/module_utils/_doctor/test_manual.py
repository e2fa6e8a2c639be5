# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

from ansible_collections.onprem.irsa.plugins.module_utils._doctor.manual import manual
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.registry import CHECKS

PAGE = Path(__file__).parents[5] / "docs/docsite/rst/doctor_checks.rst"


def test_the_page_of_the_checks_is_what_they_say() -> None:
    assert PAGE.read_text() == manual(), "run docs/doctor_checks.py"


def test_every_check_has_its_section() -> None:
    lines = manual().splitlines()
    for check in CHECKS:
        at = lines.index(check.id)
        assert lines[at + 1] == "~" * len(check.id)
        assert lines[at + 3].endswith(f"({check.severity})")
