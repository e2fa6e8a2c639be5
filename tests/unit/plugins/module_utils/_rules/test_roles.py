# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.onprem.irsa.plugins.module_utils._rules.roles import RULES, TEARDOWN_RULES
from ansible_collections.onprem.irsa.plugins.modules.role_input import ARGUMENT_SPEC
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._rules.given import (
    ROLES,
    controller,
    nothing_there,
)


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
