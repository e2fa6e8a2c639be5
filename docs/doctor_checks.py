# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes docs/docsite/rst/doctor_checks.rst from the checks of the doctor; `make setup` makes the tree it needs."""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
# These put faults into a running cluster and follow the fixes; without hosts, site is not followed.
ON_HOSTS = ("tests/faults/chain_faults.py", "extensions/molecule/doctor/files/live.py")
WITHOUT_HOSTS = "tests/api_server/live_faults.py"
sys.path.insert(0, str(ROOT / ".build"))

from ansible_collections.onprem.irsa.plugins.module_utils._doctor.checking import SITE  # noqa: E402 -- by path
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.manual import manual  # noqa: E402
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.registry import BY_ID  # noqa: E402


def faults(path: str) -> set[str]:
    """Return the ids of the checks that faults in a file are for."""
    return set(re.findall(r'@fault\("([\w.-]+)"', (ROOT / path).read_text()))


def page() -> str:
    """Return the page."""
    on_hosts = {check for path in ON_HOSTS for check in faults(path)}
    return manual(on_hosts | {check for check in faults(WITHOUT_HOSTS) if BY_ID[check].command != SITE})


if __name__ == "__main__":
    (ROOT / "docs/docsite/rst/doctor_checks.rst").write_text(page(), encoding="utf-8")
