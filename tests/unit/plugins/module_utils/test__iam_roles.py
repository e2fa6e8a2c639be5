# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import typing as t
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.onprem.irsa.plugins.module_utils._iam_role_input import checked_items
from ansible_collections.onprem.irsa.plugins.module_utils._iam_roles import (
    Role,
    RolePlan,
    Settings,
    outcome,
    plan_role,
    unlisted,
)
from ansible_collections.onprem.irsa.plugins.module_utils._trust import Trust, build

ACCOUNT = "123456789012"
PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/oidc.example.com/prod"
SETTINGS = Settings("prod", "aws", ACCOUNT, (PROVIDER,), "sts.amazonaws.com")
ARN = f"arn:aws:iam::{ACCOUNT}:role/reports"
EC2 = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
OWNED = {"onprem.irsa/cluster": "prod"}


def apply(role: Role | None, plan: RolePlan) -> Role | None:
    """Do to a role what IAM does for these calls, by IAM's documentation and not by the code under test."""
    for call in plan.calls:
        given = dict(call.arguments)
        assert given.pop("RoleName") == "reports"
        if call.operation == "create_role":
            assert role is None
            role = Role(
                name="reports",
                arn=f"arn:aws:iam::{ACCOUNT}:role{given['Path']}reports",
                path=given["Path"],
                description=given.get("Description", ""),
                max_session_duration=given["MaxSessionDuration"],
                permissions_boundary=given.get("PermissionsBoundary", ""),
                trust_policy=json.loads(given["AssumeRolePolicyDocument"]),
                tags={tag["Key"]: tag["Value"] for tag in given["Tags"]},
            )
            continue
        assert role is not None
        role = _EFFECTS[call.operation](role, given)
    return role


def _without(values: t.Mapping[str, t.Any], keys: t.Collection[str]) -> dict[str, t.Any]:
    assert set(keys) <= set(values), "IAM: NoSuchEntity"
    return {key: value for key, value in values.items() if key not in keys}


def _deleted(role: Role, _given: dict[str, t.Any]) -> None:
    assert (role.managed_policies, role.inline_policies) == ((), {}), "IAM: DeleteConflict"


_EFFECTS: dict[str, t.Callable[[Role, dict[str, t.Any]], t.Any]] = {
    "tag_role": lambda role, given: replace(
        role, tags={**role.tags, **{tag["Key"]: tag["Value"] for tag in given["Tags"]}}
    ),
    "untag_role": lambda role, given: replace(role, tags=_without(role.tags, given["TagKeys"])),
    "update_role": lambda role, given: replace(
        role, description=given.get("Description", ""), max_session_duration=given.get("MaxSessionDuration", 3600)
    ),
    "update_assume_role_policy": lambda role, given: replace(role, trust_policy=json.loads(given["PolicyDocument"])),
    "put_role_permissions_boundary": lambda role, given: replace(
        role, permissions_boundary=given["PermissionsBoundary"]
    ),
    "delete_role_permissions_boundary": lambda role, _given: replace(role, permissions_boundary=""),
    "put_role_policy": lambda role, given: replace(
        role, inline_policies={**role.inline_policies, given["PolicyName"]: json.loads(given["PolicyDocument"])}
    ),
    "delete_role_policy": lambda role, given: replace(
        role, inline_policies=_without(role.inline_policies, [given["PolicyName"]])
    ),
    "attach_role_policy": lambda role, given: replace(
        role, managed_policies=tuple(sorted([*role.managed_policies, given["PolicyArn"]]))
    ),
    "detach_role_policy": lambda role, given: replace(
        role, managed_policies=tuple(_without(dict.fromkeys(role.managed_policies), [given["PolicyArn"]]))
    ),
    "delete_role": _deleted,
}

policy_arns = st.sampled_from([f"arn:aws:iam::aws:policy/p{n}" for n in range(4)])
documents = st.sampled_from(
    [
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}
        for actions in ("s3:*", ["s3:*"], ["sqs:*", "s3:*"], ["s3:*", "sqs:*"])
    ]
)
inline = st.dictionaries(st.sampled_from("abc"), documents)
tags = st.dictionaries(st.sampled_from(["team", "cost", "env"]), st.sampled_from(["1", "2"]))
accounts = st.lists(st.sampled_from(["apps/a", "apps/b", "apps/*"]), min_size=1, unique=True)
audiences = st.lists(st.sampled_from(["sts.amazonaws.com", "vault"]), min_size=1, unique=True)
options = {
    "managed_policies": st.lists(policy_arns, unique=True),
    "inline_policies": inline,
    "permissions_boundary": st.just("") | policy_arns,
    "description": st.sampled_from(["", "Reports"]),
    "max_session_duration": st.sampled_from([3600, 7200]),
    "tags": tags,
    "audiences": audiences,
}
items = st.fixed_dictionaries({"service_accounts": accounts}, optional=options).map(
    lambda given: {"name": "reports", "allow_wildcards": True, **given}
) | st.just({"name": "reports", "state": "absent"})
statements = st.lists(
    st.just(EC2) | st.builds(lambda a, s: build(Trust.of(PROVIDER, a, s)), audiences, accounts), max_size=3
)
roles = st.none() | st.builds(
    Role,
    name=st.just("reports"),
    arn=st.just(ARN),
    description=options["description"],
    max_session_duration=options["max_session_duration"],
    permissions_boundary=options["permissions_boundary"],
    trust_policy=statements.map(lambda found: {"Version": "2012-10-17", "Statement": found}),
    managed_policies=st.lists(policy_arns, unique=True).map(lambda found: tuple(sorted(found))),
    inline_policies=inline,
    tags=tags.map(lambda found: {**found, **OWNED}),
)


@settings(deadline=None)  # the time an example takes says how busy the machine is
@given(roles, items)
def test_the_calls_lead_to_what_is_wanted_and_then_there_are_none(
    observed: Role | None, given_item: dict[str, t.Any]
) -> None:
    [item] = checked_items([given_item], SETTINGS)
    plan = plan_role(item, observed, SETTINGS)

    assert not plan.problem
    assert apply(observed, plan) == plan.after
    assert plan_role(item, plan.after, SETTINGS).calls == ()
    assert plan.changed == (plan.before != plan.after)
    if plan.after and plan.action != "release":
        given_policies = given_item.get("managed_policies")
        assert given_policies is None or set(plan.after.managed_policies) == set(given_policies)
        assert plan.after.tags["onprem.irsa/cluster"] == "prod"
        kept = [s for s in (observed.trust_policy or {})["Statement"] if s == EC2] if observed else []
        assert [s for s in (plan.after.trust_policy or {})["Statement"] if s == EC2] == kept


def test_a_policy_that_is_only_written_differently_is_left_alone() -> None:
    one = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["s3:Get*"], "Resource": ["a", "b"]}]}
    same = {"Version": "2012-10-17", "Statement": [{"Resource": ["b", "a"], "Action": "s3:Get*", "Effect": "Allow"}]}
    [item] = checked_items(
        [{"name": "reports", "service_accounts": ["apps/a"], "inline_policies": {"p": same}}], SETTINGS
    )
    first = plan_role(item, None, SETTINGS).after
    assert first
    assert plan_role(item, replace(first, inline_policies={"p": one}), SETTINGS).calls == ()


def test_what_is_granted_is_taken_away_last() -> None:
    [item] = checked_items(
        [{"name": "reports", "service_accounts": ["apps/a"], "managed_policies": ["arn:aws:iam::aws:policy/b"]}],
        SETTINGS,
    )
    observed = Role("reports", ARN, managed_policies=("arn:aws:iam::aws:policy/a",), tags=OWNED)
    assert [call.operation for call in plan_role(item, observed, SETTINGS).calls] == [
        "update_assume_role_policy",
        "attach_role_policy",
        "detach_role_policy",
    ]


@pytest.mark.parametrize(("purge", "left"), [(True, {"a": "2"}), (False, {"a": "2", "b": "1"})])
def test_tags_of_others_stay_where_asked(purge: bool, left: dict[str, str]) -> None:
    [item] = checked_items([{"name": "reports", "service_accounts": ["apps/a"], "tags": {"a": 2}}], SETTINGS)
    observed = Role("reports", ARN, tags={"a": "1", "b": "1", "aws:cloudformation:stack": "x", **OWNED})
    after = plan_role(item, observed, replace(SETTINGS, purge_tags=purge)).after
    assert after
    assert after.tags == {**left, "aws:cloudformation:stack": "x", **OWNED}


def test_unlisted_are_the_cluster_s_own_beyond_the_list() -> None:
    [item] = checked_items([{"name": "Reports", "service_accounts": ["apps/a"]}], SETTINGS)
    observed = {
        "reports": Role("reports", ARN, tags=OWNED),
        "old": Role("Old", ARN, tags=OWNED),
        "dev": Role("dev", ARN, tags={"onprem.irsa/cluster": "dev"}),
        "foreign": Role("foreign", ARN),
    }
    assert [entry["name"] for entry in unlisted([item], observed, SETTINGS)] == ["Old"]


def test_the_outcome_names_every_role_that_failed() -> None:
    good, bad, worse = checked_items([{"name": n, "service_accounts": ["apps/a"]} for n in ("a", "b", "c")], SETTINGS)
    plans = [
        plan_role(good, None, SETTINGS),
        replace(plan_role(bad, None, SETTINGS), problem="No.", calls=()),
        replace(plan_role(worse, None, SETTINGS), problem="Never."),
    ]
    result = outcome(plans, SETTINGS)
    assert result["msg"] == "2 of 3 roles failed:\nb: No.\nc: Never."
    assert [entry.get("error") for entry in result["roles"]] == [None, "No.", "Never."]
    assert [diff["before_header"] for diff in result["diff"]] == ["role a", "role c"]
    assert "msg" not in outcome(plans[:1], SETTINGS)
