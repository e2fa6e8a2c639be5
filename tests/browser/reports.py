# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes reports of the doctor to look at: a healthy cluster, some faults, every fault, and nothing that was looked at.

python tests/browser/reports.py FOLDER
"""

from __future__ import annotations

import importlib
import sys
import typing as t
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCTOR = "ansible_collections.onprem.irsa.plugins.module_utils._doctor"


def main(folder: Path) -> None:
    sys.path[:0] = [str(ROOT / ".build"), str(ROOT / "tests/unit/plugins/module_utils")]
    faults, clusters = (importlib.import_module(f"_doctor.{name}") for name in ("faults", "some_snapshots"))
    diagnosis, page, registry, snapshot = (
        importlib.import_module(f"{DOCTOR}.{name}") for name in ("diagnosis", "page", "registry", "snapshot")
    )

    def some_faults() -> t.Any:  # noqa: ANN401 -- a Snapshot
        closed = faults.policy_is_gone()
        return replace(
            faults.clock_of_a_host_drifts(),
            documents=closed.documents,
            bucket=closed.bucket,
            roles=faults.misspelt_service_account().roles,
            region=snapshot.NotLooked("no control-plane host was asked"),
        )

    every = [finding for _check, _name, make in faults.FAULTS for finding in diagnosis.diagnose(make()).findings]
    ordered = tuple(sorted(every, key=lambda finding: registry.ORDER[finding.check]))
    found = {
        "healthy": diagnosis.diagnose(clusters.kubeadm(3)),
        "some": diagnosis.diagnose(some_faults()),
        "every": replace(diagnosis.diagnose(clusters.kubeadm()), findings=ordered),
        "unseen": diagnosis.diagnose(clusters.unseen()),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, each in found.items():
        (folder / f"{name}.html").write_text(page.as_html(each), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
