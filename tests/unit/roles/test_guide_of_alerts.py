# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of the documentation to which alerts lead."""

from __future__ import annotations

import re

from .rendered import ROLES

GUIDE = (ROLES.parent / "docs/docsite/rst/guide_alerts.rst").read_text()
TEMPLATES = sorted(ROLES.glob("*/templates/alert_rules.yml.j2"))


def test_each_alert_has_its_section() -> None:
    alerts = [name for file in TEMPLATES for name in re.findall(r"- alert: (\w+)$", file.read_text(), re.MULTILINE)]
    sections = re.findall(r"^(Irsa\w+)\n~+$", GUIDE, re.MULTILINE)
    assert len(TEMPLATES) == 3
    assert sorted(sections) == sorted(alerts)


def test_each_file_of_rules_is_named() -> None:
    for file in TEMPLATES:
        assert f"{file.parents[1].name}_alert_rules_file: " in GUIDE
