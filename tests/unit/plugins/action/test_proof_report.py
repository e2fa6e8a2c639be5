# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t
from unittest import mock

import pytest

from ansible_collections.onprem.irsa.plugins.action.proof_report import ActionModule

ROLE = "arn:aws:iam::123456789012:role/prod-reports"
REFUSALS = ["refusal: service account", "refusal: audience", "refusal: foreign key"]
BROKEN = "refusal: another name"
ALL = ["API server cp1", "documents", "STS", *REFUSALS, "webhook", "pod"]


def outcome(names: t.Sequence[str], **changed: object) -> dict[str, t.Any]:
    links = [{"link": name, "ok": name != BROKEN, "detail": "as seen"} for name in names]
    options = {"role_arn": ROLE, "image": "aws-caller:1", **changed}
    checking = bool(options.pop("checking", False))
    task = mock.Mock(args={"links": links, **options}, async_val=0, check_mode=checking)
    found = ActionModule(task, mock.Mock(), mock.Mock(), mock.Mock(), mock.Mock(), mock.Mock()).run(task_vars={})
    assert [{key: row[key] for key in link} for row, link in zip(found["rows"], links)] == links
    return {"says": found["says"], "untried": found["rows"][len(links) :]}


def test_everything_was_tried() -> None:
    assert outcome(ALL) == {"says": "8 of 8 links hold", "untried": []}
    assert outcome([*ALL, BROKEN])["says"] == "8 of 9 links hold"


@pytest.mark.parametrize(
    ("names", "options", "says"),
    [
        (ALL[:2], {"role_arn": ""}, "irsa_iam_roles has no service account: STS, refusal, webhook, pod"),
        (ALL[:-1], {"image": ""}, "irsa_verify_image is not set: pod"),
        (ALL[:-1], {"checking": True}, "check mode runs no pod: pod"),
        ([*ALL[:-2], "pod"], {"checking": True}, "what injects pods would be changed first: webhook"),
        ([ALL[0], *ALL[2:]], {}, "the ids of the cluster's keys are not known: documents"),
        (ALL[1:], {}, "none was found: API server"),
        ([ALL[0], *ALL[6:]], {}, "no API server gave a token: STS, refusal, documents"),
        ([*ALL[:3], *ALL[4:]], {}, "the role trusts every service account that could be refused: refusal"),
    ],
)
def test_what_was_not_tried_is_named_with_its_reason(names: list[str], options: dict[str, object], says: str) -> None:
    found = outcome(names, **options)
    assert found["says"] == f"{len(names)} of {len(names)} links hold; not tried, because {says}"
    assert {row["link"] for row in found["untried"]} == {name.removesuffix(" cp1") for name in set(ALL) - set(names)}
    assert all(row["result"].startswith("not tried, because ") for row in found["untried"])


def test_several_reasons_stand_side_by_side() -> None:
    found = outcome(["API server cp1", "webhook"], image="")
    assert found["says"].count("not tried") == 2
    assert "no API server gave a token: STS, refusal" in found["says"]


def test_a_trust_policy_that_cannot_be_read_is_said() -> None:
    found = outcome(ALL, trust_error="AccessDenied: iam:GetRole")
    assert "not tried, because it cannot be read: AccessDenied: iam:GetRole: trust policy" in found["says"]
    assert outcome([*ALL, "trust policy"], trust_error="")["untried"] == []
    assert outcome(ALL[:2], role_arn="", trust_error="none")["says"].count("trust policy") == 0


def test_pods_are_judged_here() -> None:
    pods = {"admitted_pod": {"pod": {}, "error": "forbidden"}, "finished_pod": {"pod": {}, "log": "", "error": "gone"}}
    options = {"role_arn": ROLE, "image": "aws-caller:1", "audience": "sts.amazonaws.com", "links": [], **pods}
    task = mock.Mock(args=options, async_val=0, check_mode=False)
    found = ActionModule(task, mock.Mock(), mock.Mock(), mock.Mock(), mock.Mock(), mock.Mock()).run(task_vars={})
    assert [(row["link"], row["ok"]) for row in found["links"]] == [("webhook", False), ("pod", False)]
    assert "forbidden" in found["links"][0]["detail"]
    assert found["rows"][:2] == found["links"]
