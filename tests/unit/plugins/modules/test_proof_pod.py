# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import typing as t

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.onprem.irsa.plugins.module_utils._errors import ApiError
from ansible_collections.onprem.irsa.plugins.modules import proof_pod

Json = dict[str, t.Any]
PATH = "/api/v1/namespaces/apps/pods/proof"
POD = {"metadata": {"name": "proof", "namespace": "apps"}, "spec": {"containers": [{"name": "verify"}]}}


class Cluster:
    """An API that has one pod at most, whose status changes each time it is looked at."""

    def __init__(self, *statuses: Json, refuses: bool = False, there: bool = False) -> None:
        self.statuses, self.refuses, self.there = list(statuses), refuses, there
        self.asked: list[str] = []

    def create(self, path: str, body: Json, *, dry_run: bool = False) -> Json:
        self.asked.append("try" if dry_run else "make")
        assert path == "/api/v1/namespaces/apps/pods"
        assert ("generateName" in body["metadata"]) is dry_run
        if self.refuses or (self.there and not dry_run):
            raise ApiError("Refused.", fix="Allow it.", status=403)
        self.there = self.there or not dry_run
        return body

    def get(self, path: str) -> Json | None:
        assert path == PATH
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0] if self.statuses else {}
        return {**POD, "status": status} if self.there else None

    def delete(self, path: str) -> None:
        assert path == PATH
        self.asked.append("remove")
        self.there = False

    def text(self, path: str) -> str:
        assert path == f"{PATH}/log"
        return "arn"


def run(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], **options: object
) -> Json:
    monkeypatch.setattr(proof_pod, "Api", lambda _module: cluster)
    monkeypatch.setattr(proof_pod, "_PAUSE", 0)
    with patch_module_args({"definition": POD, "run": True, **options}), pytest.raises(SystemExit):
        proof_pod.main()
    result: Json = json.loads(capsys.readouterr().out)
    assert result["changed"] is False
    assert not cluster.there
    return result


def test_a_pod_is_tried_run_and_removed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    cluster = Cluster({}, {"phase": "Pending"}, {"phase": "Succeeded"}, there=True)  # of an interrupted run
    result = run(cluster, monkeypatch, capsys)
    assert (result["finished_pod"]["log"], result["finished_pod"]["error"]) == ("arn", "")
    assert cluster.asked == ["try", "remove", "make", "remove"]


@pytest.mark.parametrize("options", [{"run": False}, {"_ansible_check_mode": True}])
def test_a_pod_is_tried_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], options: Json
) -> None:
    cluster = Cluster()
    result = run(cluster, monkeypatch, capsys, **options)
    assert (result["admitted_pod"]["error"], "finished_pod" in result, cluster.asked) == ("", False, ["try"])


def test_a_container_that_never_starts_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    waiting = {"containerStatuses": [{"state": {"waiting": {"reason": "ErrImagePull"}}}]}
    result = run(Cluster(waiting), monkeypatch, capsys)
    assert (result["finished_pod"]["log"], result["finished_pod"]["pod"]["status"]) == ("", waiting)


def test_one_that_does_not_end_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    result = run(Cluster({"phase": "Running"}), monkeypatch, capsys, timeout=0)
    assert result["finished_pod"]["error"] == "it had not ended after 0 seconds"


def test_a_refusal_is_a_result(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    result = run(Cluster(refuses=True), monkeypatch, capsys)
    assert result["admitted_pod"]["error"] == result["finished_pod"]["error"] == "Refused. Allow it."
