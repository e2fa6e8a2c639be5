# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How well the doctor names what is wrong: every fault of its table, and healthy clusters of every kind.

Each fault is put into a snapshot by one function (tests/unit/plugins/module_utils/_doctor/faults.py). What is marked as
following from something else is not counted: the doctor should name the fault itself, and nothing besides. The last
line is a JSON object:

    faults      faults of the table
    healthy     healthy clusters
    recall      per cent of the faults that are named
    precision   per cent of what is named, of faults and of healthy clusters, that is a fault
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def main() -> int:
    sys.path[:0] = [str(ROOT / ".build"), str(ROOT / "tests/unit/plugins/module_utils")]
    table, clusters = (importlib.import_module(f"_doctor.{name}") for name in ("faults", "some_snapshots"))
    diagnosis = importlib.import_module("ansible_collections.onprem.irsa.plugins.module_utils._doctor.diagnosis")

    named, right = 0, 0
    cases = [*table.FAULTS, *(("", name, make) for name, make in clusters.HEALTHY.items())]
    for check, name, make in cases:
        roots = {finding.check for finding in diagnosis.diagnose(make()).roots}
        named += len(roots)
        right += check in roots
        if roots != {check} - {""}:
            print(f"{name}: {', '.join(sorted(roots)) or 'nothing'} instead of {check or 'nothing'}")
    found = {
        "faults": len(table.FAULTS),
        "healthy": len(clusters.HEALTHY),
        "recall": round(100 * right / len(table.FAULTS), 1),
        "precision": round(100 * right / named, 1) if named else 0.0,
    }
    print(json.dumps(found))
    return int((found["recall"], found["precision"]) != (100, 100))


if __name__ == "__main__":
    sys.exit(main())
