# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import typing as t

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.onprem.irsa.plugins.modules import workload_restart

from ..fake_api_server import TOKEN, FakeApi, kubeconfig, served

Json = dict[str, t.Any]
Control = t.Callable[[Json], None]

RESTARTED = "kubectl.kubernetes.io/restartedAt"
NEW: Json = {"replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}
WEB = {"kind": "Deployment", "namespace": "apps", "name": "web"}
DB = {"kind": "StatefulSet", "namespace": "apps", "name": "db"}


@pytest.fixture(autouse=True)
def quick(client_of_its_own: None, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001 -- asked for
    monkeypatch.setattr(workload_restart, "_PAUSE", 0.01)


def workload(named: t.Mapping[str, str], status: Json | None = None) -> Json:
    selector = {"matchLabels": {"app": named["name"]}}
    return {
        "apiVersion": "apps/v1",
        "kind": named["kind"],
        "metadata": {"namespace": named["namespace"], "name": named["name"]},
        "spec": {"replicas": 1, "selector": selector, "template": {"metadata": {}, "spec": {}}},
        "status": {"observedGeneration": 1, **(NEW if status is None else status)},
    }


def pod(name: str, app: str, template: str = "new", *, ends: bool = False, **status: object) -> Json:
    metadata: Json = {"namespace": "apps", "name": name, "labels": {"app": app, "pod-template-hash": template}}
    ending = {"deletionTimestamp": "now"} if ends else {}
    spec = {"nodeName": f"node-of-{name}"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {**metadata, **ending}, "spec": spec, "status": status}


def rolled_out(changed: Json) -> None:
    changed["status"]["observedGeneration"] = changed["metadata"]["generation"]


def stuck(name: str) -> Control:
    def control(changed: Json) -> None:
        if changed["metadata"]["name"] == name:
            changed["status"]["updatedReplicas"] = 0
        rolled_out(changed)

    return control


def run(api: FakeApi, capsys: pytest.CaptureFixture[str], *workloads: Json, **options: object) -> Json:
    with served(api) as url:
        args = {"kubeconfig": kubeconfig(url), "workloads": [*workloads], "timeout": 0, **options}
        with patch_module_args(args), pytest.raises(SystemExit):
            workload_restart.main()
    text = capsys.readouterr().out
    assert TOKEN not in text
    result: Json = json.loads(text)
    return result


def cluster(control: Control = rolled_out, *more: Json) -> FakeApi:
    return FakeApi(control=control).put(workload(WEB), workload(DB), *more)


def restarted_at(api: FakeApi, named: t.Mapping[str, str]) -> str:
    template = api.named(named["kind"], named["name"])["spec"]["template"]
    return str((template["metadata"].get("annotations") or {}).get(RESTARTED, ""))


def test_they_are_restarted_as_kubectl_does(capsys: pytest.CaptureFixture[str]) -> None:
    api = cluster()
    result = run(api, capsys, WEB, DB)
    assert (result["changed"], result["restarted"]) == (True, ["Deployment/web", "StatefulSet/db"])
    for workload in (WEB, DB):
        assert restarted_at(api, workload).endswith("Z")
        assert api.named(workload["kind"], workload["name"])["spec"]["replicas"] == 1


def test_in_check_mode_the_api_server_judges_and_nothing_is_changed(capsys: pytest.CaptureFixture[str]) -> None:
    api = cluster(stuck("db"))
    result = run(api, capsys, WEB, DB, _ansible_check_mode=True)
    assert (result["changed"], result["restarted"]) == (True, ["Deployment/web", "StatefulSet/db"])
    assert api.changes() == []
    assert restarted_at(api, WEB) == ""
    assert [request.query.get("dryRun") for request in api.asked if request.method == "PATCH"] == ["All", "All"]


def test_all_are_restarted_before_one_is_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    api = cluster()
    run(api, capsys, WEB, DB)
    methods = [request.method for request in api.asked if "/apps/v1/namespaces/" in request.path]
    assert methods == ["PATCH", "PATCH", "GET", "GET"]


def test_it_waits_until_they_are_rolled_out(capsys: pytest.CaptureFixture[str]) -> None:
    api = cluster(lambda _changed: None)
    looks: list[str] = []
    answer = api.answer

    def observing(asked: t.Any) -> tuple[int, Json]:  # noqa: ANN401 -- passed on
        looks.append(asked.method)
        if looks.count("GET") == 5:
            rolled_out(api.named("Deployment", "web"))
        return answer(asked)

    api.answer = observing  # type: ignore[method-assign]
    assert run(api, capsys, WEB, timeout=60)["changed"] is True
    assert looks.count("GET") >= 5


WAITING = {"waiting": {"reason": "ErrImagePull", "message": "no such image"}}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, ["Not all pods of StatefulSet/db in apps are new", "statefulset/db", "no such image"]),
        ({"hint": "Try another mirror."}, ["Try another mirror.", "no such image"]),
    ],
)
def test_what_does_not_come_up_fails_with_its_name_and_causes(
    capsys: pytest.CaptureFixture[str], options: Json, says: list[str]
) -> None:
    api = cluster(stuck("db"), pod("db-0", "db", containerStatuses=[{"state": WAITING}]), pod("web-0", "web"))
    result = run(api, capsys, WEB, DB, **options)
    assert result["failed"] is True
    assert [words for words in says if words not in result["msg"]] == []
    assert "Deployment/web" not in result["msg"]
    assert result["causes"] == ["no such image"]
    # What was done before the failure is not lost.
    assert (result["changed"], result["restarted"]) == (True, ["Deployment/web", "StatefulSet/db"])


def test_what_is_gone_is_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert 'deployments "web" not found' in run(FakeApi(), capsys, WEB)["msg"]
    assert "Not all pods of Deployment/web" in run(FakeApi(), capsys, WEB, restart=False)["msg"]


def test_what_was_restarted_before_a_refusal_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    api = cluster()
    api.forbidden.add(("PATCH", "/apis/apps/v1/namespaces/apps/statefulsets/db"))
    result = run(api, capsys, WEB, DB)
    assert "403: db is forbidden" in result["msg"]
    assert (result["changed"], result["restarted"]) == (True, ["Deployment/web"])


def test_without_a_restart_it_waits_alone(capsys: pytest.CaptureFixture[str]) -> None:
    api = cluster()
    result = run(api, capsys, WEB, restart=False)
    assert (result["changed"], result["restarted"], api.changes()) == (False, [], [])
    assert run(FakeApi().put(workload(WEB, {})), capsys, WEB, restart=False)["failed"] is True


OLD = pod("c", "web", "old", ends=True, phase="Running")
PODS = [pod("a", "web", phase="Running"), OLD]


def test_a_pod_of_before_that_does_not_end_is_named_with_its_node(capsys: pytest.CaptureFixture[str]) -> None:
    api = cluster(rolled_out, *PODS)
    result = run(api, capsys, WEB, restart=False, ended=True)
    assert result["failed"] is True
    assert "have not ended after 0 seconds: c." in result["msg"]
    assert "the kubelet runs on node-of-c" in result["msg"]
    assert "delete pods --force c" in result["msg"]
    assert run(api, capsys, WEB, restart=False)["changed"] is False  # they may go on where nobody asks


def test_the_pods_of_before_are_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    api = cluster(rolled_out, *PODS)
    looks: list[str] = []
    answer = api.answer

    def ending(asked: t.Any) -> tuple[int, Json]:  # noqa: ANN401 -- passed on
        looks.extend([asked.path] if asked.path.endswith("/pods") else [])
        if len(looks) == 3:
            api.objects.pop(api.path_of(OLD), None)
        return answer(asked)

    api.answer = ending  # type: ignore[method-assign]
    assert run(api, capsys, WEB, restart=False, ended=True, timeout=60)["changed"] is False
    assert len(looks) == 3


def test_pods_of_others_are_not_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    others = [pod("x", "other"), pod("y", "other", "old", ends=True)]
    assert run(cluster(rolled_out, *others), capsys, WEB, restart=False, ended=True)["changed"] is False
