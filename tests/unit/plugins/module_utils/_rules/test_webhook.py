# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._rules.roles import RULES
from ansible_collections.onprem.irsa.plugins.module_utils._rules.values import File
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._rules.given import controller, with_defaults

RULES_FILE = "irsa_webhook_alert_rules_file"
LOOK = controller(
    directory=None, mine="groups: [{name: mine}]", ours="- name: onprem-irsa-webhook", empty="", blank=" \n"
)
POLICY = {"irsa_webhook_mode": "policy", "irsa_webhook_set_flags": "yes"}
CONTESTED = {"irsa_apiserver_extra_flags": {"feature-gates": ["A=true"], "runtime-config": ["b=true"], "v": ["2"]}}


def problems(**given: object) -> list[str]:
    ours = {"irsa_webhook_region": "eu-central-1", "irsa_webhook_audience": "sts.amazonaws.com"}
    return RULES["irsa_webhook"](with_defaults("irsa_webhook", **{**ours, **given}), LOOK)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"irsa_webhook_region": ""},
        {RULES_FILE: "/d/ours"},
        {RULES_FILE: "/d/empty"},
        {RULES_FILE: "/d/blank"},
        {RULES_FILE: "/d/new"},
        {RULES_FILE: "/d/ours", "irsa_webhook_mode": "policy"},
        {RULES_FILE: "/none/rules", "irsa_webhook_mode": "foreign"},
        {"irsa_webhook_timeout": "12", "irsa_webhook_strict": "no"},  # with -e, all is text
        CONTESTED,
        {**CONTESTED, "irsa_webhook_mode": "policy"},
        POLICY,
    ],
)
def test_nothing_is_wrong(given: dict[str, t.Any]) -> None:
    assert problems(**given) == []


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"irsa_webhook_replicas": "0"}, "irsa_webhook_replicas is 0. It must be 1 or more"),
        ({"irsa_webhook_timeout": "12", "irsa_webhook_strict": "yes"}, "Set it to 11 or less"),
        ({"irsa_webhook_port": "9999"}, "irsa_webhook_port is 9999 and irsa_webhook_metrics_port is 9999"),
        (
            {RULES_FILE: "/d/directory"},
            f"{RULES_FILE} is /d/directory, which is a directory. Name a file in it, as in /",
        ),
        ({RULES_FILE: "/none/rules"}, f"{RULES_FILE} is /none/rules, but the controller has no directory /none. Make"),
        (
            {RULES_FILE: "/none/rules", "irsa_webhook_mode": "policy"},
            f"{RULES_FILE} is /none/rules, but the controller has no directory /none. Make",
        ),
        ({RULES_FILE: "/d/mine"}, "which has other rules than this role's: a run would overwrite them."),
        (
            {**POLICY, **CONTESTED},
            "irsa_apiserver_extra_flags has feature-gates and runtime-config, which irsa_webhook",
        ),
    ],
)
def test_what_is_wrong_is_told(given: dict[str, t.Any], says: str) -> None:
    (line,) = problems(**given)
    assert says in line


def test_a_file_that_cannot_be_read_may_have_rules_of_others() -> None:
    values = with_defaults("irsa_webhook", irsa_webhook_region="", irsa_webhook_audience="a", **{RULES_FILE: "/d/x"})

    def look(path: str) -> File:
        return File(path=path, is_file=path != "/d", is_directory=path == "/d")

    (line,) = RULES["irsa_webhook"](values, look)
    assert "which has other rules than this role's" in line
