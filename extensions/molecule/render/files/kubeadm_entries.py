# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plays the user: puts the entries that files for review show into kubeadm's configuration, as the text says.

Takes JSON with the text and the ClusterConfiguration; prints the new one.
"""

from __future__ import annotations

import json
import re
import sys
import textwrap

import yaml


def entered(shown: str, configuration: str) -> str:
    """Return a ClusterConfiguration with the entries in place of all of the same names.

    Raises ValueError where none are shown.
    """
    blocks = [textwrap.dedent(block) for block in re.findall(r"(?:^    .*\n)+", shown, re.MULTILINE)]
    found = [yaml.safe_load(block) for block in blocks if "kind: ClusterConfiguration" in block]
    if len(found) != 1:
        raise ValueError("no entries are shown, or several times")
    entries = found[0]["apiServer"]["extraArgs"]
    names = {entry["name"] for entry in entries}
    whole = yaml.safe_load(configuration)
    server = whole.setdefault("apiServer", {})
    kept = [entry for entry in server.get("extraArgs") or [] if entry["name"] not in names]
    server["extraArgs"] = [*kept, *entries]
    return yaml.safe_dump(whole)


if __name__ == "__main__":
    given = json.load(sys.stdin)
    sys.stdout.write(entered(given["shown"], given["configuration"]))
