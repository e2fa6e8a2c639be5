# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes docs/docsite/rst/doctor_checks.rst from the checks of the doctor; `make setup` makes the tree it needs."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main() -> None:
    """Write the page."""
    sys.path.insert(0, str(ROOT / ".build"))
    from ansible_collections.onprem.irsa.plugins.module_utils._doctor.manual import manual  # noqa: PLC0415 -- by path

    (ROOT / "docs/docsite/rst/doctor_checks.rst").write_text(manual(), encoding="utf-8")


if __name__ == "__main__":
    main()
