# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders variables of a role: a program of its own, because Ansible's plugin loader is set up once in a process.

Reads C(variables) and the C(names) to render from its standard input as JSON, and writes the result as JSON.
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
    loader, variables = DataLoader(), {}
    for path in [role / "defaults/main.yml", *sorted((role / "vars").rglob("*.yml"))]:
        variables.update(loader.load_from_file(str(path), trusted_as_template=True))
    asked = json.load(sys.stdin)
    wanted = {name: trust_as_template(f"{{{{ {name} }}}}") for name in asked["names"]}
    templar = Templar(loader, {**variables, **asked["variables"], "wanted": wanted})
    sys.stdout.write(templar.template(trust_as_template("{{ wanted | to_json }}")))


main(Path(sys.argv[1]))
