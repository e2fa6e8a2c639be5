# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables of a role as Ansible renders them, for tests."""

from __future__ import annotations

import json
import subprocess
import sys
import typing as t
from pathlib import Path

ROLES = Path(__file__).parents[3] / "roles"
Json = dict[str, t.Any]


def rendered(role: str, names: t.Sequence[str], variables: t.Mapping[str, object]) -> Json:
    """Return the named variables of a role, where VARIABLES stand above its own."""
    return rendered_each(role, names, [variables])[0]


def rendered_each(role: str, names: t.Sequence[str], sets: t.Sequence[t.Mapping[str, object]]) -> list[Json]:
    """Return the named variables, or other expressions, for each of several sets of variables: in one process."""
    command = [sys.executable, str(Path(__file__).with_name("render_role.py")), str(ROLES / role)]
    given = json.dumps({"names": names, "sets": sets})
    done = subprocess.run(command, check=False, capture_output=True, text=True, input=given)  # noqa: S603 -- our own
    assert done.returncode == 0, done.stderr
    results: list[Json] = json.loads(done.stdout)
    return results
