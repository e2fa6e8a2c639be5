# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module iam_roles when IAM throttles, fails or hangs, or two runs meet: it ends right, or the next one does."""

from __future__ import annotations

import functools
import json
import threading
import typing as t

import pytest
from ansible.module_utils.testing import patch_module_args
from botocore.loaders import JSONFileLoader

from ansible_collections.onprem.irsa.plugins.module_utils._iam.iam_calls import apply_plans, read_named_roles
from ansible_collections.onprem.irsa.plugins.module_utils._iam.role_input import checked_items
from ansible_collections.onprem.irsa.plugins.module_utils._iam.roles import RolePlan, RoleSettings, plan_roles
from ansible_collections.onprem.irsa.plugins.modules import iam_roles

from .conftest import REGION, Lab

pytestmark = pytest.mark.slow

PROVIDER = "arn:aws:iam::123456789012:oidc-provider/acme-prod-oidc.s3.eu-central-1.amazonaws.com"
POLICY = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
ROLES = [
    {"name": f"role-{number:02}", "service_accounts": [f"apps/a{number}"], "managed_policies": [POLICY]}
    for number in range(24)
]
_load_model = functools.lru_cache(JSONFileLoader().load_file)

Result = dict[str, t.Any]
Run = t.Callable[..., Result]


@pytest.fixture
def run(lab: Lab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    for name, value in lab.environment().items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    monkeypatch.setattr(JSONFileLoader, "load_file", lambda _self, path: _load_model(path))

    def run_module(**options: object) -> Result:
        arguments = {"cluster": "prod", "region": REGION, "oidc_provider_arns": [PROVIDER], "roles": ROLES, **options}
        with patch_module_args(arguments), pytest.raises(SystemExit):
            iam_roles.main()
        result: Result = json.loads(capsys.readouterr().out)
        return result

    return run_module


def converged(lab: Lab, run: Run) -> None:
    """The account has what is asked for, by a run of its own and by a look that is not ours."""
    lab.admin("/faults", {"rules": []})
    again = run()
    assert not again.get("failed"), again
    assert not run()["changed"]
    iam = lab.client("iam")
    found = iam.get_account_authorization_details(Filter=["Role"])["RoleDetailList"]
    assert sorted(role["RoleName"] for role in found) == [role["name"] for role in ROLES]
    assert {policy["PolicyArn"] for role in found for policy in role["AttachedManagedPolicies"]} == {POLICY}


@pytest.mark.parametrize(
    ("rule", "hit"),
    [
        ({"operation": "iam:*", "kind": "throttle", "every": 3}, 20),
        ({"operation": "iam:*", "kind": "500", "every": 4}, 10),
        ({"operation": "iam:*", "kind": "500", "first": 3}, 3),
        ({"operation": "iam:CreateRole", "kind": "timeout_after_write", "every": 6}, 4),
        ({"operation": "iam:AttachRolePolicy", "kind": "timeout_after_write", "first": 4}, 4),
    ],
    ids=["throttled", "every fourth 500", "the first 500", "CreateRole cut off", "AttachRolePolicy cut off"],
)
def test_a_passing_fault(lab: Lab, run: Run, rule: dict[str, object], hit: int) -> None:
    lab.admin("/faults", {"rules": [rule]})
    result = run()
    assert lab.admin("/faults")["rules"][0]["hit"] >= hit
    assert not result.get("failed"), result
    lab.admin("/faults", {"rules": []})
    assert not run()["changed"], "nothing was left for a second run"
    converged(lab, run)


def test_a_connection_that_hangs(lab: Lab, run: Run) -> None:
    lab.admin(
        "/faults",
        {"rules": [{"operation": "iam:CreateRole", "kind": "timeout_after_write", "first": 3, "seconds": 3}]},
    )
    result = run(aws_config={"read_timeout": 1})
    assert not result.get("failed"), result
    converged(lab, run)


def test_a_lasting_fault_is_told_for_each_role(lab: Lab, run: Run) -> None:
    lab.admin("/faults", {"rules": [{"operation": "iam:AttachRolePolicy", "kind": "500", "every": 1}]})
    result = run(aws_config={"retries": {"total_max_attempts": 1}})
    assert result["msg"].startswith("24 of 24 roles failed:\nrole-00: AWS did not attach role policy: InternalFailure")
    assert all("run again later" in role["error"] for role in result["roles"])
    assert result["changed"], "the roles were made"
    converged(lab, run)


def test_a_listing_that_fails_changes_nothing(lab: Lab, run: Run) -> None:
    lab.admin("/faults", {"rules": [{"operation": "iam:ListRoles", "kind": "throttle", "every": 1}]})
    run()  # no role is there, so there is nothing to list
    lab.admin("/calls/reset", {})
    result = run(aws_config={"retries": {"total_max_attempts": 2}})
    assert result["msg"].startswith("AWS did not list the roles: Throttling")
    assert lab.admin("/calls")["writes"] == 0
    converged(lab, run)


def test_two_runs_at_once(lab: Lab, run: Run) -> None:
    settings = RoleSettings("prod", "aws", "123456789012", (PROVIDER,), "sts.amazonaws.com")
    items = checked_items(ROLES, settings)
    plans = plan_roles(items, {}, settings)  # both have looked before either writes
    done: dict[int, list[RolePlan]] = {}

    def apply(number: int) -> None:
        done[number] = apply_plans(lab.client("iam"), plans, settings)

    threads = [threading.Thread(target=apply, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [plan.problem for plans in done.values() for plan in plans if plan.problem] == []
    actions = {plan.item["name"]: {done[0][i].action, done[1][i].action} for i, plan in enumerate(plans)}
    assert all("create" in found for found in actions.values())
    assert len(read_named_roles(lab.client("iam"), [item["name"] for item in items])) == 24
    converged(lab, run)
