# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares what the doctor has found with what a guide is known to leave.

    guide_findings.py DIAGNOSIS < ASKED

DIAGNOSIS is a file that irsa_doctor_json has named. ASKED is a JSON object: expected and also, each how bad a thing is
by the id of its check; not_here, ids that this cluster cannot show; links, those that are compared, all where there is
none. What follows from something else is not compared, and a warning besides those that are expected is no fault.
"""

from __future__ import annotations

import json
import sys
import typing as t
from pathlib import Path

Json = dict[str, t.Any]


def faults(diagnosis: Json, asked: Json) -> list[str]:
    """Say what was not found, or is broken besides; nothing where all is as it is known to be."""
    links = asked["links"]
    roots = [each for each in diagnosis["findings"] if not each["follows"]]
    found = {each["check"]: each for each in roots if not links or each["check"].partition(".")[0] in links}
    known = {check: bad for check, bad in asked["expected"].items() if check not in asked["not_here"]} | asked["also"]
    missing = [
        f"{check} is not named as {bad}" for check, bad in known.items() if found.get(check, {}).get("severity") != bad
    ]
    besides = [
        f"{check} is broken at {each['where']}: {each['found']}"
        for check, each in found.items()
        if each["severity"] == "broken" and known.get(check) != "broken"
    ]
    return missing + besides


def main() -> int:
    """Compare."""
    diagnosis = json.loads(Path(sys.argv[1]).read_text())
    said = faults(diagnosis, json.load(sys.stdin))
    print("\n".join(said or sorted({each["check"] for each in diagnosis["findings"]})))
    return int(bool(said))


if __name__ == "__main__":
    sys.exit(main())
