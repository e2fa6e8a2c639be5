# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables of a role, as its rules get them."""

from __future__ import annotations

import typing as t
from pathlib import Path

import yaml

from ansible_collections.onprem.irsa.plugins.module_utils._rules.values import File

ROLES = Path(__file__).parents[5] / "roles"


def with_defaults(role: str, **given: object) -> dict[str, t.Any]:
    """Return what is given and the defaults of a role that are no templates."""
    defaults = yaml.safe_load((ROLES / role / "defaults/main.yml").read_text())
    return {**{name: value for name, value in defaults.items() if "{{" not in str(value)}, **given}


def nothing_there(path: str) -> File:
    """Look at a controller that has no file."""
    return File(path=path)


def controller(**files: str | None) -> t.Callable[[str], File]:
    """Return a look at a controller that has files in F(/d), by their names; None is for a directory."""

    def look(path: str) -> File:
        name = path.rpartition("/")[2]
        if path == "/d" or (name in files and files[name] is None):
            return File(path=path, is_directory=True)
        there = name in files
        return File(path=path, is_file=there, is_readable=there, text=files.get(name))

    return look
