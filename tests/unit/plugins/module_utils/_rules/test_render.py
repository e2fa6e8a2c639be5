# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._rules.render import acting_problems, problems
from ansible_collections.onprem.irsa.plugins.module_utils._rules.roles import RULES
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._rules.given import controller, with_defaults

LOOK = controller(directory=None, file="mine")
RENDERS = {"irsa_render": "review"}
POLICY = {**RENDERS, "irsa_webhook_mode": "policy"}
KEYS = ["-----BEGIN PUBLIC KEY-----"]
RULES_FILE = "irsa_webhook_alert_rules_file"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("", "irsa_render is empty. It must name the directory for the files to review."),
        (None, "irsa_render is empty."),
        ("/d/file", "irsa_render is /d/file, which is a file. Name a directory; it is made when it does not exist."),
    ],
)
def test_a_directory_that_is_none(given: str | None, says: str) -> None:
    (found,) = problems({"irsa_render": given}, LOOK)
    assert says in found


@pytest.mark.parametrize("version", ["1.36.1", "v1.34.4", "v1.34.4+k3s1"])
def test_a_version(version: str) -> None:
    assert [*problems({**RENDERS, "irsa_kubernetes_version": version}, LOOK)] == []


@pytest.mark.parametrize("version", ["1.36", 1.36, "", "latest"])
def test_a_version_that_is_none(version: object) -> None:
    (found,) = problems({**RENDERS, "irsa_kubernetes_version": version}, LOOK)
    assert f"irsa_kubernetes_version is {version!r}. It must be a version with all of its numbers" in found


def test_a_directory_that_is_there_or_will_be() -> None:
    assert [*problems({"irsa_render": "/d/directory"}, LOOK), *problems({"irsa_render": "/d/new"}, LOOK)] == []


def test_what_acts_writes_no_files() -> None:
    assert [*acting_problems({})] == []
    for given in ("review", ""):
        (found,) = acting_problems({"irsa_render": given})
        assert "irsa_render is set, with which files are written in place of acting, and this run would act." in found


def webhook(**given: object) -> list[str]:
    ours = {"irsa_webhook_region": "eu-central-1", "irsa_webhook_audience": "sts.amazonaws.com"}
    return RULES["irsa_webhook"](with_defaults("irsa_webhook", **{**ours, **given}), LOOK)


@pytest.mark.parametrize(
    "given",
    [
        RENDERS,
        POLICY,  # hosts are asked
        {**POLICY, "irsa_issuer_keys": "api"},
        {**POLICY, "irsa_issuer_keys": KEYS, "irsa_kubernetes_version": "1.36.1"},
        {**POLICY, RULES_FILE: "/d/new"},
        {**RENDERS, "irsa_webhook_prometheus_rule": True, "irsa_webhook_tls": "cert-manager"},
        {"irsa_webhook_prometheus_rule": True, RULES_FILE: "/d/new", "irsa_issuer_keys": KEYS},
    ],
)
def test_an_injection_that_files_can_hold(given: dict[str, t.Any]) -> None:
    assert webhook(**given) == []


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({**POLICY, "irsa_issuer_keys": KEYS}, "irsa_kubernetes_version is not set, and irsa_webhook_mode is"),
        ({**POLICY, "irsa_issuer_key": "generate"}, "irsa_kubernetes_version is not set"),
        ({**RENDERS, RULES_FILE: "/d/new"}, f"{RULES_FILE} is a file of the controller, which runs write and remove"),
        (
            {**RENDERS, "irsa_webhook_prometheus_rule": True},
            "the rule names the end of the certificate, which with irsa_webhook_tls: own is not there before",
        ),
    ],
)
def test_an_injection_that_files_cannot_hold(given: dict[str, t.Any], says: str) -> None:
    (found,) = webhook(**given)
    assert says in found
