# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
import yaml

from ansible_collections.onprem.irsa.plugins.module_utils._iam.role_input import ROLE_OPTIONS

SPECS = yaml.safe_load((Path(__file__).parents[3] / "roles/irsa_iam/meta/argument_specs.yml").read_text())[
    "argument_specs"
]


@pytest.mark.parametrize("entry_point", ["main", "preflight", "render", "teardown"])
def test_a_role_is_described_as_the_module_takes_it(entry_point: str) -> None:
    described: dict[str, dict[str, t.Any]] = SPECS[entry_point]["options"]["irsa_iam_roles"]["options"]
    assert {
        name: {k: v for k, v in option.items() if k != "description"} for name, option in described.items()
    } == ROLE_OPTIONS
