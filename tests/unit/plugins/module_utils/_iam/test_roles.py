# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import typing as t
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.onprem.irsa.plugins.module_utils._iam.role_input import checked_items
from ansible_collections.onprem.irsa.plugins.module_utils._iam.roles import (
    Role,
    RolePlan,
    RoleSettings,
    former_providers,
    other_providers,
    plan_role,
    roles_result,
    unlisted,
)
from ansible_collections.onprem.irsa.plugins.module_utils._trust.policy import Trust, build

ACCOUNT = "123456789012"
PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/oidc.example.com/prod"
SETTINGS = RoleSettings("prod", "aws", ACCOUNT, (PROVIDER,), "sts.amazonaws.com")
ARN = f"arn:aws:iam::{ACCOUNT}:role/reports"
EC2 = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
OWNED = {"onprem.irsa/cluster": "prod"}
TRUSTED: dict[str, t.Any] = {
    "Version": "2012-10-17",
    "Statement": [build(Trust.of(PROVIDER, ["sts.amazonaws.com"], ["apps/a"]))],
}


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
    result = roles_result(plans, SETTINGS)
    assert result["msg"] == "2 of 3 roles failed:\nb: No.\nc: Never."
    assert [entry.get("error") for entry in result["roles"]] == [None, "No.", "Never."]
    assert [diff["before_header"] for diff in result["diff"]] == ["role a", "role c"]
    assert "msg" not in roles_result(plans[:1], SETTINGS)


def planned(observed: Role, **given_item: object) -> RolePlan:
    [item] = checked_items([{"name": "reports", "service_accounts": ["apps/a"], **given_item}], SETTINGS)
    plan = plan_role(item, observed, SETTINGS)
    assert not plan.problem
    return plan


def within_quotas(role: Role, plan: RolePlan, managed: int = 10) -> None:
    """Make the calls one after the other, with IAM's quotas after each."""
    for number in range(1, len(plan.calls) + 1):
        now = apply(role, replace(plan, calls=plan.calls[:number]))
        assert now
        assert len(now.managed_policies) <= managed
        assert sum(len(json.dumps(each, separators=(",", ":"))) for each in now.inline_policies.values()) <= 10240


def arns(*numbers: int) -> list[str]:
    return [f"arn:aws:iam::aws:policy/p{number:02}" for number in numbers]


@pytest.mark.parametrize(
    ("before", "after", "first"),
    [
        (range(10), range(5, 15), "detach_role_policy"),
        (range(10), range(10, 20), "detach_role_policy"),
        (range(9), range(3, 13), "detach_role_policy"),
        (range(5), range(5, 10), "attach_role_policy"),
        (range(10), range(3), "detach_role_policy"),
    ],
    ids=["half of them", "all of them", "room for one", "room for all", "fewer"],
)
def test_managed_policies_are_exchanged_within_the_quota(before: range, after: range, first: str) -> None:
    observed = Role("reports", ARN, trust_policy=TRUSTED, managed_policies=tuple(arns(*before)), tags=OWNED)
    plan = planned(observed, managed_policies=arns(*after))
    assert plan.calls[0].operation == first
    within_quotas(observed, plan)
    assert apply(observed, plan) == plan.after


def document(size: int) -> dict[str, t.Any]:
    statement = {"Sid": "x" * size, "Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [statement]}


@pytest.mark.parametrize(
    ("before", "after", "first"),
    [
        ({"old": 9000}, {"new": 9000}, "delete_role_policy"),
        ({"a": 6000, "b": 3000}, {"a": 3000, "b": 6000}, "put_role_policy"),
        ({"a": 3000, "b": 6000}, {"a": 6000, "b": 3000}, "put_role_policy"),
        ({"a": 6000, "b": 3000}, {"a": 2000, "c": 7000}, "delete_role_policy"),
        ({"a": 2000}, {"b": 2000}, "put_role_policy"),
    ],
    ids=[
        "renamed",
        "one grows as the other shrinks",
        "the first grows",
        "one goes, one shrinks, one comes",
        "room for both",
    ],
)
def test_inline_policies_are_exchanged_within_the_quota(
    before: dict[str, int], after: dict[str, int], first: str
) -> None:
    was = {name: document(size) for name, size in before.items()}
    observed = Role("reports", ARN, trust_policy=TRUSTED, inline_policies=was, tags=OWNED)
    plan = planned(observed, inline_policies={name: document(size) for name, size in after.items()})
    assert plan.calls[0].operation == first
    within_quotas(observed, plan)
    assert apply(observed, plan) == plan.after


@pytest.mark.parametrize(
    ("current", "given", "operations"),
    [
        ({"Team": "a"}, {"team": "a"}, []),
        ({"Team": "a"}, {"team": "b"}, ["tag_role"]),
        ({"Team": "a", "cost": "1"}, {"TEAM": "a"}, ["untag_role"]),
        ({"Onprem.IRSA/cluster": "prod"}, {"x": "1"}, ["tag_role"]),
    ],
)
def test_keys_of_tags_are_one_whatever_their_case(
    current: dict[str, str], given: dict[str, str], operations: list[str]
) -> None:
    tagged = current if "Onprem.IRSA/cluster" in current else {**current, **OWNED}
    plan = planned(Role("reports", ARN, trust_policy=TRUSTED, tags=tagged), tags=given, adopt=True)
    assert [call.operation for call in plan.calls] == operations
    removed = [str(key).lower() for call in plan.calls for key in call.arguments.get("TagKeys", [])]
    assert not set(removed) & {key.lower() for key in [*given, *OWNED]}


def test_what_is_removed_from_the_trust_is_in_plan_result_and_diff() -> None:
    wider = {**TRUSTED["Statement"][0], "Action": "sts:*"}
    plan = planned(Role("reports", ARN, trust_policy={"Statement": [wider]}, tags=OWNED))
    assert plan.removed == ("removed: it let in the action sts:*",)
    assert plan.diff()["prepared"] == "role reports: removed: it let in the action sts:*\n"
    assert plan.result(SETTINGS)["removed"] == list(plan.removed)


def test_conditions_and_session_tags_of_the_item_are_in_the_statement() -> None:
    plan = planned(
        Role("reports", ARN, trust_policy=TRUSTED, tags=OWNED),
        conditions={"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}},
        session_tags=True,
    )
    assert plan.after
    assert plan.after.trust_policy
    [statement] = plan.after.trust_policy["Statement"]
    assert statement["Action"] == ["sts:AssumeRoleWithWebIdentity", "sts:TagSession"]
    assert statement["Condition"]["IpAddress"] == {"aws:SourceIp": "203.0.113.0/24"}


FORMER, OTHER = (PROVIDER.replace("/prod", f"/{name}") for name in ("former", "other"))
ABSENT = {"name": "reports", "state": "absent", "service_accounts": [], "adopt": False}
PURGED = {**ABSENT, "listed": False}
KNOWN = replace(SETTINGS, owners={FORMER: "prod", OTHER: "dev"})


DENIAL = {"Effect": "Deny", "Principal": {"Federated": PROVIDER}, "Action": "sts:AssumeRoleWithWebIdentity"}
TAGGING = {"Effect": "Allow", "Principal": {"Federated": PROVIDER}, "Action": "sts:TagSession"}


def trusting(*providers: str, **changes: t.Any) -> Role:  # noqa: ANN401 -- fields of a role
    trust = [build(Trust.of(arn, ["sts.amazonaws.com"], ["apps/a"])) for arn in providers]
    return replace(Role("reports", ARN, trust_policy={"Statement": trust}, tags=OWNED), **changes)


@pytest.mark.parametrize(
    ("role", "item", "given", "action"),
    [
        (trusting(PROVIDER), PURGED, KNOWN, "delete"),
        (trusting(trust_policy={"Statement": [*TRUSTED["Statement"], DENIAL]}), PURGED, KNOWN, "delete"),
        (trusting(trust_policy={"Statement": [*TRUSTED["Statement"], TAGGING]}), PURGED, KNOWN, "delete"),
        (trusting(trust_policy={"Statement": DENIAL}), PURGED, KNOWN, "delete"),
        (trusting(PROVIDER, FORMER), PURGED, KNOWN, "delete"),
        (trusting(PROVIDER, FORMER), PURGED, replace(KNOWN, owners={FORMER: ""}), "delete"),
        (trusting(PROVIDER, OTHER), PURGED, KNOWN, "release"),
        (trusting(PROVIDER, FORMER, OTHER), PURGED, KNOWN, "release"),
        (trusting(FORMER), PURGED, KNOWN, "leave"),
        (trusting(OTHER), PURGED, KNOWN, "leave"),
        (trusting(FORMER), ABSENT, KNOWN, "delete"),
        (trusting(OTHER), ABSENT, KNOWN, "leave"),
        (trusting(FORMER), PURGED, replace(KNOWN, retired_provider_arns=(FORMER,), owners={}), "delete"),
        (trusting(OTHER, tags={}), PURGED, KNOWN, "none"),
        (trusting(PROVIDER, instance_profiles=("node",)), PURGED, KNOWN, "refuse"),
        (trusting(PROVIDER, instance_profiles=None), PURGED, KNOWN, "refuse"),
    ],
)
def test_whose_a_role_is_at_its_end(role: Role, item: dict[str, t.Any], given: RoleSettings, action: str) -> None:
    plan = plan_role(item, role, given)
    assert plan.action == action
    if action in {"leave", "none", "refuse"}:
        assert plan.calls == ()
    if action == "leave":
        assert "is left as it is" in plan.warnings[0]
    if action == "release":
        assert plan.after
        assert "onprem.irsa/cluster" not in plan.after.tags
        assert [each["Principal"]["Federated"] for each in (plan.after.trust_policy or {})["Statement"]] == [OTHER]


def test_a_provider_is_a_former_one_when_every_role_that_trusts_it_shows_so() -> None:
    both, alone = trusting(PROVIDER, FORMER), trusting(FORMER, name="b")
    assert former_providers([both], KNOWN) == [FORMER]
    assert former_providers([both, alone], KNOWN) == []
    assert former_providers([both, trusting(OTHER)], KNOWN) == [FORMER]
    assert other_providers([both, alone, trusting(OTHER)], SETTINGS) == [FORMER, OTHER]


def test_a_retired_issuer_is_trusted_no_more() -> None:
    [item] = checked_items([{"name": "reports", "service_accounts": ["apps/a"]}], SETTINGS)
    plan = plan_role(item, trusting(PROVIDER, FORMER), replace(SETTINGS, retired_provider_arns=(FORMER,)))
    assert plan.after == trusting(PROVIDER)
    assert plan.removed == (f"removed: it let in tokens of {FORMER}",)
    assert [call.operation for call in plan.calls] == ["update_assume_role_policy"]
