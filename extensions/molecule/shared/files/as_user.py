# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plays the user: writes the flags that a run has shown for a pass into kube-apiserver's manifest, as the text says.

Takes the pass as its argument, and JSON with what was shown and the manifest; prints the new manifest.
"""

from __future__ import annotations

import json
import re
import sys

_FLAG = re.compile(r"- ['\"]{0,2}(--[a-z-]+=[^\s'\",\\]+)")
_GONE = re.compile(r"Remove the lines of ((?:--[a-z-]+(?: and )?)+)")


def edited(shown: str, manifest: str, which: str) -> str:
    """Return the manifest with the lines of a pass in place of all lines of the same flags.

    Raises ValueError where nothing is shown for the pass.
    """
    _before, found, section = shown.partition(which)
    section = section.partition("Second pass")[0] if which == "First pass" else section
    # The lines for the manifest come first, what keeps them at upgrades after them.
    section = section.partition("So that upgrades")[0]
    flags = _FLAG.findall(section)
    if not found or not flags:
        raise ValueError(f"nothing is shown for {which}")
    gone = re.findall(r"--[a-z-]+", " ".join(_GONE.findall(section)))
    names = {flag.partition("=")[0] for flag in flags} | {*gone}
    lines = [line for line in manifest.splitlines() if line.strip(" -").partition("=")[0] not in {n[2:] for n in names}]
    (at,) = [number for number, line in enumerate(lines) if line.strip() == "- kube-apiserver"]
    indent = lines[at][: len(lines[at]) - len(lines[at].lstrip())]
    return "\n".join([*lines[: at + 1], *(f"{indent}- {flag}" for flag in flags), *lines[at + 1 :], ""])


if __name__ == "__main__":
    given = json.load(sys.stdin)
    sys.stdout.write(edited(given["shown"], given["manifest"], sys.argv[1]))
