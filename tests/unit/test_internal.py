# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists of modules and filters show which of them are made for the roles: users read the lists, not each page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

PLUGINS = Path(__file__).parents[2] / "plugins"
DOCUMENTED = [path for folder in ("modules", "filter") for path in sorted((PLUGINS / folder).glob("[a-z]*.py"))]


@pytest.mark.parametrize("path", DOCUMENTED, ids=lambda path: path.stem)
def test_what_may_change_in_any_release_is_marked_where_it_is_listed(path: Path) -> None:
    found = re.search(r'^DOCUMENTATION = r?"""\n(.*?)"""', path.read_text(), re.MULTILINE | re.DOTALL)
    assert found
    documentation = yaml.safe_load(found[1])
    text = " ".join(str(documentation["description"]).split())
    assert documentation["short_description"].endswith("(internal)") == ("in any release" in text)
