# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._rules.roles import RULES, TEARDOWN_RULES
from ansible_collections.onprem.irsa.plugins.modules.role_input import ARGUMENT_SPEC
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._rules.given import (
    ROLES,
    controller,
    nothing_there,
)
from ansible_collections.onprem.irsa.tests.unit.plugins.some_keys import ec_key, public_pem


def test_every_role_has_rules() -> None:
    assert sorted(RULES) == sorted(path.name for path in ROLES.iterdir())
    assert sorted(RULES) == sorted(ARGUMENT_SPEC["role"]["choices"])
    assert {*TEARDOWN_RULES} < {*RULES}


def test_the_kubeconfig_is_there() -> None:
    rules = RULES["irsa_kubeconfig"]
    assert rules({"irsa_kubeconfig_path": ""}, nothing_there) == []
    assert rules({"irsa_kubeconfig_path": "/d/admin"}, controller(admin="text")) == []
    for look in (nothing_there, controller(admin=None)):
        (line,) = rules({"irsa_kubeconfig_path": "/d/admin"}, look)
        assert line.startswith("irsa_kubeconfig_path names the file /d/admin, which does not exist on the controller")


@pytest.mark.parametrize(
    ("given", "is_wrong"),
    [
        ({"irsa_issuer_keys": "api"}, True),
        ({"irsa_issuer_keys": [public_pem(ec_key(1))], "irsa_apiserver_flags": "show"}, True),
        ({"irsa_issuer_keys": "api", "irsa_apiserver_flags": "manage"}, False),
        ({"irsa_issuer_keys": "api", "irsa_kubeconfig_host": "cp1"}, False),
        ({}, False),
    ],
)
def test_without_a_host_a_kubeconfig_is_needed(given: dict[str, object], *, is_wrong: bool) -> None:
    values = {"irsa_kubeconfig_path": "", "irsa_kubeconfig_host": "localhost", **given}
    found = RULES["irsa_kubeconfig"](values, nothing_there)
    assert [
        problem.startswith("irsa_kubeconfig_path is not set, and there is no control-plane") for problem in found
    ] == [True] * is_wrong
