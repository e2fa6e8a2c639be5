# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables that pages name are ones that the playbooks take."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._input.variables import options_of, unknown
from ansible_collections.onprem.irsa.plugins.plugin_utils._variables import specifications

from .test_commands import PAGES, ROOT

ROLES = {role: options_of(spec) for role, spec in specifications().items()}
# What begins as one and is none: roles, modules, scenarios, what tasks of users get, and the example of a misspelt one.
OTHERS: t.Final = {
    *ROLES,
    *(path.stem for path in ROOT.glob("plugins/modules/irsa_*.py")),
    *(path.name for path in ROOT.glob("extensions/molecule/irsa_*")),
    "irsa_apiserver_restarted_host",
    "irsa_iam_rolls",
}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(Path(path).relative_to(ROOT)))
def test_variables_are_known(page: Path) -> None:
    named = {*re.findall(r"(?<![\w/.])irsa_\w*[a-z0-9]\b", page.read_text())} - OTHERS
    assert unknown(named, ROLES) == []
