# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest
import yaml

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._input.limits import (
    MODULES,
    ROLES,
    number_problems,
    require_numbers,
)
from ansible_collections.onprem.irsa.plugins.modules import (
    control_plane_flags,
    control_plane_flags_host,
    control_plane_info,
)

ROOT = Path(__file__).parents[5]


@pytest.mark.parametrize(
    ("name", "value", "refused"),
    [
        ("irsa_apiserver_timeout", 0, True),
        ("irsa_apiserver_timeout", -300, True),
        ("irsa_apiserver_timeout", "5", True),
        ("irsa_apiserver_timeout", 60, False),
        ("irsa_apiserver_stale_sandbox_seconds", 0, False),
        ("irsa_apiserver_stale_sandbox_seconds", "0", False),
        ("irsa_apiserver_stale_sandbox_seconds", 30, True),
        ("irsa_apiserver_stale_sandbox_seconds", 31, False),
        ("irsa_apiserver_stale_sandbox_seconds", -1, True),
        ("irsa_apiserver_pause", 0, False),
        ("irsa_apiserver_pause", -5, True),
        ("irsa_issuer_max_age", 0, False),
        ("irsa_issuer_max_age", -1, True),
        ("irsa_issuer_files_timeout", -1, True),
        ("irsa_issuer_files_timeout", "soon", False),  # the argument spec says what is wrong with it
        ("irsa_issuer_files_timeout", None, False),
    ],
)
def test_numbers_with_which_nothing_can_come_of_it(name: str, value: object, refused: bool) -> None:
    problems = number_problems({name: value})
    assert len(problems) == refused
    assert all(problem.startswith(f"{name} is {value}. It must be ") for problem in problems)
    assert all(f"The default is {ROLES[name].default}." in problem for problem in problems)


def test_every_number_of_these_roles_has_a_limit_and_its_default() -> None:
    """The roles irsa_iam and irsa_webhook have rules of their own."""
    found = {}
    for role in ("irsa_apiserver", "irsa_issuer", "irsa_rotate", "irsa_verify"):
        spec = yaml.safe_load((ROOT / "roles" / role / "meta/argument_specs.yml").read_text())["argument_specs"]
        options = spec["main"]["options"].items()
        found.update(
            {
                name: option["default"]
                for name, option in options
                if option.get("type") in ("int", "float") and "choices" not in option
            }
        )
    assert found == {name: limit.default for name, limit in ROLES.items()}


def test_every_number_of_these_modules_has_a_limit_and_its_default() -> None:
    specs = [module.ARGUMENT_SPEC for module in (control_plane_flags, control_plane_info, control_plane_flags_host)]
    found = {name: option["default"] for spec in specs for name, option in spec.items() if option["type"] == "int"}
    assert found == {name: limit.default for name, limit in MODULES.items()}


@pytest.mark.parametrize(
    ("values", "refused"),
    [
        ({"timeout": 0, "stale_sandbox_seconds": 0}, True),
        ({"timeout": -1}, True),
        ({"timeout": 1, "stale_sandbox_seconds": -1}, True),
        ({"settle_timeout": -1}, True),
        ({"change_timeout": -1}, True),
        ({"timeout": 1, "stale_sandbox_seconds": 60, "settle_timeout": 0, "change_timeout": 0}, False),
    ],
)
def test_a_module_refuses_them_before_it_looks(values: dict[str, int], refused: bool) -> None:
    with pytest.raises(InputError, match="or more") if refused else nullcontext():
        require_numbers(values)
