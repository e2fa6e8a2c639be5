# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import time
import typing as t
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.onprem.irsa.plugins.module_utils._doctor.codec import of_json, to_json
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.diagnosis import diagnose
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.snapshot import (
    ApiServer,
    Fetch,
    NotLooked,
    Pod,
    Role,
    Roles,
    ServiceAccount,
    Snapshot,
)
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError

from .big import big
from .faults import FAULTS
from .some_snapshots import HEALTHY, kubeadm, role_arn, trust

EVERY = {**HEALTHY, **{name: make for _check, name, make in FAULTS}}


@pytest.mark.parametrize("make", EVERY.values(), ids=EVERY)
def test_a_snapshot_comes_back_as_it_was(make: t.Callable[[], Snapshot]) -> None:
    made = make()
    text = to_json(made)
    again = of_json(text, source="snapshot.json")
    assert again == made
    assert to_json(again) == text
    assert diagnose(again) == diagnose(made)


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=8).filter(
    lambda text: not {"?", "@", ":", "="} & {*text}
)


def _of(kind: type) -> st.SearchStrategy[t.Any]:
    named = {str: TEXT, float: st.floats(allow_nan=False, allow_infinity=False, width=32)}
    return st.builds(kind, **{name: named[shape] for name, shape in _hints(kind).items() if shape in named})


def _hints(kind: type) -> dict[str, t.Any]:
    return t.get_type_hints(kind)


@settings(max_examples=50, deadline=None)
@given(st.lists(_of(ServiceAccount), max_size=3), st.lists(_of(Pod), max_size=3), _of(NotLooked))
def test_any_snapshot_comes_back(accounts: list[ServiceAccount], pods: list[Pod], why: NotLooked) -> None:
    made = Snapshot(1.0, "https://example.com", service_accounts=tuple(accounts), pods=tuple(pods), roles=why)
    assert of_json(to_json(made), source="x") == made
    diagnose(made)


def test_what_was_not_looked_at_is_not_what_is_absent() -> None:
    text = to_json(Snapshot(1.0, "https://example.com", bucket=None))
    found = json.loads(text)
    assert found["bucket"] is None
    assert found["roles"] == {"not_looked_at": "AWS was not asked"}


@pytest.mark.parametrize("version", [0, 2, "1", None, True])
def test_another_version_is_refused_by_its_name(version: object) -> None:
    text = json.dumps({**json.loads(to_json(kubeadm())), "version": version})
    with pytest.raises(InputError, match=rf"old\.json is a snapshot of version {version}, and .* reads version 1"):
        of_json(text, source="old.json")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"snapshot": "something"}, "is no snapshot of onprem.irsa.doctor"),
        ({"taken": "yesterday"}, "taken is 'yesterday', not a value of the type float"),
        ({"taken": True}, "taken is True"),
        ({"issuer": 1}, "issuer is 1, not a value of the type str"),
        ({"pods": "none"}, "pods is not a list"),
        ({"pods": [{"name": "x"}]}, r"pods\[0\] has no namespace"),
        ({"roles": []}, "roles is not an object"),
        ({"injection": {"findings": [{"x": 1}]}}, r"injection.findings\[0\] is no finding"),
        ({"pods": [{"namespace": "a", "name": "x", "injected": 1}]}, r"pods\[0\].injected is 1"),
        ({"taken": 1e300}, "taken is 1e\\+300, which no time, count or duration is"),
        ({"taken": 10**400}, "taken is a number of many digits"),
        ({"taken": float("nan")}, "NaN is no number"),
        ({"cluster": "\ud800"}, "has half of a character"),
        ({"cluster": ["x" * 9999]}, r"cluster is \['x{70,90}\.\.\., not"),
        ({"injection": {"findings": [{"link": "x", "state": "purple", "found": "y"}]}}, "state is 'purple', not ok or"),
        ({"api_servers": [{"name": "a", "refused": [["one"]]}]}, r"refused\[0\] has 1 values, not 2"),
        ({"bucket": {"name": "b", "policy": {"Statement": "x"}}}, r"policy.Statement\[0\] is not an object"),
        ({"bucket": {"name": "b", "policy": {"Statement": [{"Condition": "x"}]}}}, "Condition is not an object"),
        ({"roles": {"found": [{"arn": "a", "trust": {"Statement": [1]}}]}}, r"trust.Statement\[0\] is not an object"),
        (
            {"roles": {"found": [{"arn": "a", "trust": {"Statement": {"Condition": {"Null": 1}}}}]}},
            "Condition.Null is not an object",
        ),
    ],
)
def test_what_is_no_snapshot_is_refused(change: dict[str, object], says: str) -> None:
    text = json.dumps({**json.loads(to_json(kubeadm())), **change})
    with pytest.raises(InputError, match=says):
        of_json(text, source="x.json")


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"version": f"v{'9' * 5000}.1"}, "api_servers"),
        ({"namespace": "a", "containers": [{"name": "c", "image": f"aws-cli:1.{'9' * 5000}.1"}]}, "pods"),
    ],
)
def test_long_values_are_read(change: dict[str, object], name: str) -> None:
    text = json.dumps({**json.loads(to_json(kubeadm())), name: [{"name": "x", **change}]})
    diagnose(of_json(text, source="x"))


def test_an_issuer_of_any_length_is_compared_with_providers() -> None:
    made = replace(kubeadm(), issuer=f"https://{'x' * 200_000}")
    assert {each.check for each in diagnose(made).findings} >= {"provider.missing"}


def test_a_policy_is_judged_whatever_patterns_it_has() -> None:
    """Thirty stars in one pattern were more combinations than anybody waits for."""
    policy = trust("apps/*a" + "*a" * 30)
    roles = Roles((Role(role_arn("prod-reports"), policy),))
    assert {each.check for each in diagnose(replace(kubeadm(), roles=roles)).roots} == {"trust.subject-wrong"}


@pytest.mark.parametrize("text", ["[" * 200_000, '{"snapshot": ' * 200_000])
def test_what_is_nested_without_end_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"x\.json has lists or objects in one another"):
        of_json(text, source="x.json")


@pytest.mark.parametrize("text", ["", "[]", "null", "{", "1"])
def test_what_is_no_json_object_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"x\.json is no"):
        of_json(text, source="x.json")


def test_a_field_of_a_later_release_is_passed_over() -> None:
    found = json.loads(to_json(kubeadm()))
    found["of_tomorrow"] = {"x": 1}
    found["pods"][0]["of_tomorrow"] = 1
    assert of_json(json.dumps(found), source="x") == kubeadm()


@pytest.mark.slow
@pytest.mark.parametrize("healthy", [True, False])
def test_a_large_cluster_takes_seconds(*, healthy: bool) -> None:
    """It takes two; every pod compared with every role would be minutes, on a machine that is slow and busy, too."""
    seen = big(healthy=healthy)
    start = time.process_time()
    diagnosis = diagnose(seen)
    assert time.process_time() - start < 20
    assert {finding.check for finding in diagnosis.findings} == (
        set() if healthy else {"trust.subject-wrong", "pods.stale-role"}
    )


def test_fields_have_words_for_their_defaults() -> None:
    """What has no field cannot be saved: the parts that are most likely to grow a secret are listed."""
    assert {*_hints(Role)} == {
        *("arn", "trust", "boundary", "boundary_exists", "inline", "inline_size", "trust_size"),
    }
    assert "body" not in _hints(Fetch)
    assert "token" not in _hints(ApiServer)
