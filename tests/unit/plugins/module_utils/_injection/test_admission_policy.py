# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._injection.admission_policy import (
    Api,
    api,
    flag_changes,
    kept_flags,
    known_roles,
    parameters,
    unknown,
)
from ansible_collections.onprem.irsa.plugins.module_utils._injection.pod import Account, Settings

GROUP = "admissionregistration.k8s.io"
POLICY: dict[str, t.Any] = {"MutatingAdmissionPolicy": {}}


@pytest.mark.parametrize(
    ("served", "version"),
    [(["v1", "v1beta1"], "v1"), (["v1alpha1", "v1beta1"], "v1beta1"), (["v1alpha1"], "v1alpha1")],
)
def test_the_newest_version_that_is_served(served: list[str], version: str) -> None:
    found = api({f"{GROUP}/{version}": POLICY for version in served}, "1.30")
    assert (found.version, found.served) == (version, True)


def test_flags_of_the_other_servers_where_one_serves_it() -> None:
    found = api({f"{GROUP}/v1beta1": POLICY}, "1.34")
    assert found.flags == {"feature-gates": "MutatingAdmissionPolicy=true", "runtime-config": f"{GROUP}/v1beta1=true"}
    assert api({f"{GROUP}/v1": POLICY}, "1.36") == Api("v1", True, {})  # on by default


@pytest.mark.parametrize(
    ("minor", "version"),
    [("1.32", "v1alpha1"), ("1.33", "v1alpha1"), ("1.34", "v1beta1"), ("1.35", "v1beta1"), ("1.36", "v1")],
)
def test_what_turns_it_on(minor: str, version: str) -> None:
    found = api({f"{GROUP}/v1": {"MutatingWebhookConfiguration": {}}}, minor)
    assert found == Api(
        version,
        False,
        {"feature-gates": "MutatingAdmissionPolicy=true", "runtime-config": f"{GROUP}/{version}=true"},
    )


def test_a_cluster_that_is_too_old() -> None:
    with pytest.raises(InputError, match=r"1\.31.*Upgrade"):
        api({}, "1.31")


WANTED = {"feature-gates": "A=true", "runtime-config": "b/v1=true"}


@pytest.mark.parametrize(
    ("running", "changes"),
    [
        ({}, {"feature-gates": ["A=true"], "runtime-config": ["b/v1=true"]}),
        ({"feature-gates": ["A=true,C=false"], "runtime-config": ["x=true", "b/v1=true"]}, {}),
        (
            {"feature-gates": ["C=false,A=false", "D=true"], "runtime-config": ["b/v1=true"]},
            {"feature-gates": ["C=false,D=true,A=true"]},
        ),
    ],
)
def test_pairs_are_added_beside_the_others(running: dict[str, list[str]], changes: dict[str, list[str]]) -> None:
    assert flag_changes(running, WANTED) == changes
    assert flag_changes({**running, **changes}, WANTED) == {}


@pytest.mark.parametrize(
    ("running", "kept"),
    [
        ({}, {}),
        ({"feature-gates": [], "runtime-config": [""], "v": ["2"]}, {}),
        ({"feature-gates": ["A=true"]}, {"feature-gates": ["A=true"]}),
        (
            {"feature-gates": ["A=true,B=false", "C=true"], "runtime-config": ["b/v1=true"]},
            {"feature-gates": ["A=true,B=false,C=true"], "runtime-config": ["b/v1=true"]},
        ),
    ],
)
def test_flags_to_keep_have_one_value(running: dict[str, list[str]], kept: dict[str, list[str]]) -> None:
    assert kept_flags(running) == kept


SETTINGS = Settings("sts.amazonaws.com", "eu-central-1")
DEFAULTS = {"audience": "sts.amazonaws.com", "region": "eu-central-1", "regional": "true", "expiration": "86400"}


def test_parameters() -> None:
    accounts = {
        "apps/reports": Account("arn:1", "sts.amazonaws.com", regional_sts=True, expiration=86400),
        "apps/with.dots": Account("arn:2", "other", regional_sts=False, expiration=600),
    }
    assert parameters(accounts, SETTINGS) == {
        **DEFAULTS,
        "apps.reports": "arn:1",
        "apps.with.dots": "arn:2",
        "apps.with.dots_audience": "other",
        "apps.with.dots_regional": "false",
        "apps.with.dots_expiration": "600",
    }
    assert parameters({}, SETTINGS) == DEFAULTS


def test_roles_that_are_known_stay() -> None:
    account = Account("arn:1", "sts.amazonaws.com", regional_sts=True, expiration=86400)
    known = {
        "audience": "old",
        "apps.reports": "arn:0",
        "apps.reports_audience": "a",
        "b.c.d": "arn:2",
        "b.c.d_regional": "false",
    }
    assert parameters({"apps/reports": account}, SETTINGS, known) == {
        **DEFAULTS,
        "apps.reports": "arn:1",
        "b.c.d": "arn:2",
        "b.c.d_regional": "false",
    }
    assert known_roles(known) == [
        {"arn": "arn:0", "state": "present", "service_accounts": ["apps/reports"], "audiences": ["a"]},
        {"arn": "arn:2", "state": "present", "service_accounts": ["b/c.d"], "audiences": ["old"]},
    ]
    assert unknown({"apps/reports": account, "b/c.d": account._replace(role_arn="arn:2"), "e/f": account}, known) == [
        "e/f",
    ]


def test_what_does_not_fit_into_a_config_map_is_refused() -> None:
    account = Account("arn:1", "sts.amazonaws.com", regional_sts=True, expiration=86400)
    with pytest.raises(InputError, match="too long"):
        parameters({f"apps/{'a' * 253}": account}, SETTINGS)
    with pytest.raises(InputError, match="bytes"):
        parameters({f"apps/a{number}": account._replace(role_arn="x" * 999) for number in range(1100)}, SETTINGS)
