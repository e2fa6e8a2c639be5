# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders variables of a role: a program of its own, because Ansible's plugin loader is set up once in a process.

Reads the C(names) to render and C(sets) of variables from standard input as JSON, and writes a result for each set.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar, trust_as_template


def main(role: Path) -> None:
    init_plugin_loader([str(role.parents[1] / ".build")])
    loader, variables = DataLoader(), {"role_path": str(role)}
    for path in [role / "defaults/main.yml", *sorted((role / "vars").rglob("*.yml"))]:
        variables.update(loader.load_from_file(str(path), trusted_as_template=True))
    asked = json.load(sys.stdin)
    wanted = {name: trust_as_template(f"{{{{ {name} }}}}") for name in asked["names"]}
    results = []
    for given in asked["sets"]:
        templar = Templar(loader, {**variables, **given, "wanted": wanted})
        results.append(json.loads(templar.template(trust_as_template("{{ wanted | to_json }}"))))
    sys.stdout.write(json.dumps(results))


main(Path(sys.argv[1]))
