# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._rules.roles import RULES, TEARDOWN_RULES
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._rules.given import (
    controller,
    nothing_there,
    with_defaults,
)

ISSUER = "https://oidc.example.com"
TASKS = "irsa_apiserver_before_host_tasks"


def problems(look: t.Any = nothing_there, **given: object) -> list[str]:  # noqa: ANN401 -- a Look
    ours = {"irsa_apiserver_issuer_url": ISSUER, "irsa_apiserver_ca_path": ""}
    return RULES["irsa_apiserver"](with_defaults("irsa_apiserver", **{**ours, **given}), look)


def test_nothing_is_wrong() -> None:
    assert problems() == []
    retired = ["https://old.example.com"]
    assert problems(irsa_apiserver_extra_flags={"v": ["4"]}, irsa_apiserver_retired_issuers=retired) == []
    files = controller(tasks="- ansible.builtin.debug:\n", ca="PEM")
    assert problems(files, irsa_apiserver_ca_path="/d/ca", **{TASKS: "/d/tasks"}) == []


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"irsa_apiserver_retired_issuers": [ISSUER]}, "can't sign and be retired"),
        ({"irsa_apiserver_extra_flags": {"service-account-issuer": [ISSUER]}}, "must not be among the further flags"),
        ({"irsa_apiserver_extra_flags": {"api-audiences": ["sts.amazonaws.com"]}}, "must not have sts.amazonaws.com"),
        (
            {"irsa_apiserver_extra_flags": {"api-audiences": ["aws"]}, "irsa_audience": "aws"},
            "must not have aws",
        ),
        ({"irsa_apiserver_extra_flags": {"v": "4"}}, "The flag v must have a list"),
        (
            {"irsa_apiserver_retired_audiences": ["a"], "irsa_apiserver_extra_flags": {"api-audiences": ["a"]}},
            "retired",
        ),
        ({"irsa_apiserver_pause": "-1"}, "irsa_apiserver_pause is -1. It must be 0 or more"),
        ({TASKS: "/none"}, f"{TASKS} is /none, which the controller does not have"),
        ({TASKS: "~/play"}, f"{TASKS} is ~/play, which is not a list of tasks"),
        ({"irsa_apiserver_ca_path": "/none"}, "irsa_apiserver_ca_path names the file /none, which does not exist"),
        ({"irsa_apiserver_issuer_url": ""}, "There is no issuer. Set irsa_issuer_bucket"),
        ({"irsa_issuer_bucket": "Acme"}, "The bucket name 'Acme'"),
        ({"irsa_region": "here"}, "The region 'here'"),
    ],
)
def test_what_is_wrong_is_told(given: dict[str, t.Any], says: str) -> None:
    (line,) = problems(controller(play="- hosts: all\n"), **given)
    assert says in line


def test_regions_of_a_store_of_ones_own_are_free() -> None:
    assert problems(irsa_region="here", irsa_issuer_endpoint_url="https://s3.example.com") == []


def test_what_goes_needs_its_issuer_alone() -> None:
    teardown = TEARDOWN_RULES["irsa_apiserver"]
    assert teardown({"irsa_apiserver_issuer_url": ISSUER}, nothing_there) == []
    (line,) = teardown({"irsa_apiserver_issuer_url": ""}, nothing_there)
    assert line.startswith("There is no issuer.")


SHOW: t.Final = {"irsa_apiserver_flags": "show"}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (
            {"irsa_apiserver_retired_issuers": ["https://old.example.com"]},
            "and irsa_apiserver_retired_issuers would ch",
        ),
        ({"irsa_apiserver_move_duplicates": "yes"}, "and irsa_apiserver_move_duplicates would change them. Leave that"),
        (
            {"irsa_apiserver_distribution": "k3d"},
            "irsa_apiserver_distribution: 'k3d' is no distribution that this coll",
        ),
    ],
)
def test_what_only_the_user_can_do(given: dict[str, object], says: str) -> None:
    found = problems(**SHOW, **given)
    assert [says in problem for problem in found] == [True], found


def test_talosctl_sets_the_issuer_and_further_flags_alone() -> None:
    given = {"irsa_apiserver_flags": "talosctl", "irsa_apiserver_extra_flags": {"v": ["4"]}}
    assert problems(**given) == []
    (line,) = problems(**given, irsa_apiserver_retired_issuers=["https://old.example.com"])
    assert line.startswith("irsa_apiserver_flags is talosctl, which sets the issuer and irsa_apiserver_extra_flags")
    assert line.endswith("and irsa_apiserver_retired_issuers asks for more. Leave that out.")


def test_what_the_user_sets_may_be_asked_for() -> None:
    given = {"irsa_apiserver_extra_flags": {"v": ["4"]}, "irsa_apiserver_distribution": "k3s"}
    assert problems(**SHOW, **given) == []
