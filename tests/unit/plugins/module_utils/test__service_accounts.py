# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._service_accounts import (
    AUDIENCE_ANNOTATION,
    ROLE_ANNOTATION,
    annotation_changes,
    annotation_plan,
    service_account_problem,
)

ARN = "arn:aws:iam::123456789012:role/prod-reports"
STS = "sts.amazonaws.com"


def result(*accounts: str, audiences: t.Sequence[str] = (STS,), arn: str = ARN) -> dict[str, t.Any]:
    return {"arn": arn, "state": "present", "service_accounts": list(accounts), "audiences": list(audiences)}


def manifest(name: str, annotations: dict[str, t.Any] | None = None, namespace: str = "apps") -> dict[str, t.Any]:
    metadata = {"namespace": namespace, "name": name, **({} if annotations is None else {"annotations": annotations})}
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}


def changes(
    *roles: dict[str, t.Any],
    existing: t.Sequence[dict[str, t.Any]] = (),
    create: bool = True,
    namespaces: t.Sequence[str] = ("apps",),
) -> dict[str, list[t.Any]]:
    return annotation_changes(roles, audience=STS, namespaces=namespaces, service_accounts=existing, create=create)


def test_absent_ones_are_made_with_their_namespace() -> None:
    assert changes(result("apps/reports", "new/a", "new/b"), namespaces=["default"]) == {
        "namespaces": [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "apps"}},
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "new"}},
        ],
        "service_accounts": [
            manifest("reports", {ROLE_ANNOTATION: ARN}),
            manifest("a", {ROLE_ANNOTATION: ARN}, "new"),
            manifest("b", {ROLE_ANNOTATION: ARN}, "new"),
        ],
        "absent": [],
    }


def test_absent_ones_are_named_where_they_are_not_to_be_made() -> None:
    found = changes(result("apps/reports", "apps/there", "new/a"), existing=[manifest("there")], create=False)
    assert found == {
        "namespaces": [],
        "service_accounts": [manifest("there", {ROLE_ANNOTATION: ARN})],
        "absent": ["apps/reports", "new/a"],
    }


def test_what_is_there_is_not_sent() -> None:
    existing = [manifest("reports", {ROLE_ANNOTATION: ARN, "other": "x"})]
    assert changes(result("apps/reports"), existing=existing) == {
        "namespaces": [],
        "service_accounts": [],
        "absent": [],
    }


def test_another_role_is_replaced_and_other_annotations_stay() -> None:
    existing = [manifest("reports", {ROLE_ANNOTATION: "arn:aws:iam::123456789012:role/old", "other": "x"})]
    assert changes(result("apps/reports"), existing=existing)["service_accounts"] == [
        manifest("reports", {ROLE_ANNOTATION: ARN})
    ]


def test_patterns_stand_for_no_service_account() -> None:
    assert changes(result("apps/*", "preview-?/web")) == {"namespaces": [], "service_accounts": [], "absent": []}


def test_the_audience_is_annotated_only_when_it_differs() -> None:
    [sent] = changes(result("apps/reports", audiences=["vault", "b"]))["service_accounts"]
    assert sent["metadata"]["annotations"] == {ROLE_ANNOTATION: ARN, AUDIENCE_ANNOTATION: "vault"}
    [sent] = changes(result("apps/reports", audiences=["vault", STS]))["service_accounts"]
    assert sent["metadata"]["annotations"] == {ROLE_ANNOTATION: ARN}


def test_an_audience_that_the_role_takes_stays_and_another_goes() -> None:
    kept = [manifest("reports", {ROLE_ANNOTATION: ARN, AUDIENCE_ANNOTATION: "b"})]
    assert changes(result("apps/reports", audiences=["vault", "b"]), existing=kept)["service_accounts"] == []
    assert changes(result("apps/reports"), existing=kept)["service_accounts"] == [
        manifest("reports", {AUDIENCE_ANNOTATION: None})
    ]


def test_a_role_that_is_gone_leaves_no_annotation_behind() -> None:
    other = "arn:aws:iam::123456789012:role/other"
    accounts = [
        manifest("a", {ROLE_ANNOTATION: ARN, "other": "x"}),
        manifest("b", {ROLE_ANNOTATION: ARN, AUDIENCE_ANNOTATION: "vault"}),
        manifest("c", {ROLE_ANNOTATION: "arn:aws:iam::123456789012:role/foreign", AUDIENCE_ANNOTATION: "x"}),
        manifest("d", {}),
        manifest("e"),
        manifest("moved", {ROLE_ANNOTATION: ARN}),
    ]
    gone = {**result("apps/a", "apps/never"), "state": "absent"}
    found = changes(gone, result("apps/moved", arn=other), existing=accounts)
    assert found == {
        "namespaces": [],
        "service_accounts": [
            manifest("moved", {ROLE_ANNOTATION: other}),
            manifest("a", {ROLE_ANNOTATION: None}),
            manifest("b", {ROLE_ANNOTATION: None, AUDIENCE_ANNOTATION: None}),
        ],
        "absent": [],
    }


@pytest.mark.parametrize(("checking", "sent"), [(False, ["new/a", "apps/b"]), (True, ["apps/b"])])
def test_what_check_mode_cannot_try_is_not_sent_and_counts_all_the_same(checking: bool, sent: list[str]) -> None:
    namespaces = [{"metadata": {"name": "apps"}}]
    plan = annotation_plan(
        [result("new/a", "apps/b")],
        audience=STS,
        namespaces=namespaces,
        service_accounts=[],
        create=True,
        checking=checking,
    )
    assert [item["metadata"]["namespace"] + "/" + item["metadata"]["name"] for item in plan["service_accounts"]] == sent
    assert [item["metadata"]["name"] for item in plan["namespaces"]] == ["new"]
    assert plan["report"] == {"link": "service accounts", "done": "annotations changed: 2", "changed": True}


def test_those_that_are_not_there_are_told() -> None:
    around: dict[str, t.Any] = {"audience": STS, "namespaces": [], "service_accounts": [], "create": False}
    report = annotation_plan([result("a/b", "c/d")], checking=False, **around)["report"]
    assert report["done"] == "annotations changed: 0, not there: a/b, not there: c/d"
    assert report["changed"] is False


@pytest.mark.parametrize("written", ["system:serviceaccount:apps:reports", "apps:reports"])
def test_a_subject_is_written_as_a_service_account(written: str) -> None:
    assert service_account_problem(written) == (
        f"service account {written!r} must be namespace/name. Write it as apps/reports."
    )


@pytest.mark.parametrize("wrong", ["{'apps': 'reports'}", "apps: reports", "['a:b']", "a b:c"])
def test_what_is_no_subject_gets_no_advice_of_one(wrong: str) -> None:
    assert "Write it as" not in str(service_account_problem(wrong))
