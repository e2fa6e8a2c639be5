# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import runpy
from pathlib import Path

from ansible_collections.onprem.irsa.plugins.module_utils._doctor.manual import manual
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.registry import BY_ID, CHECKS

ROOT = Path(__file__).parents[5]
PAGE = (ROOT / "docs/docsite/rst/doctor_checks.rst").read_text()


def test_the_page_of_the_checks_is_what_they_say() -> None:
    assert runpy.run_path(str(ROOT / "docs/doctor_checks.py"))["page"]() == PAGE, "run docs/doctor_checks.py"


def test_every_check_has_its_section() -> None:
    lines = PAGE.splitlines()
    for check in CHECKS:
        at = lines.index(check.id)
        assert lines[at + 1] == "~" * len(check.id)
        assert lines[at + 3].endswith(f"({check.severity})")


def test_a_command_that_nobody_has_run_says_so() -> None:
    """The faults of the tables in tests and scenarios are put into a cluster, and healed by what the doctor prints."""
    with_commands = [check.id for check in CHECKS if check.command]
    assert manual(()).count("   # not tested\n") == len(with_commands)
    assert manual(with_commands).count("   # not tested\n") == 0
    assert BY_ID["keys.mode"].command.replace("{where}", "WHERE").replace("{file}", "FILE") + "\n" in PAGE
    assert "$ timedatectl set-ntp true   # not tested\n" in PAGE
