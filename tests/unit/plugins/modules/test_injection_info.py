# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import re
import typing as t
from datetime import datetime, timedelta, timezone

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.onprem.irsa.plugins.module_utils._injection.names import (
    AUTHORITY,
    CERTIFICATE,
    ISSUED_CERTIFICATE,
    NAME,
    POLICY,
    PROBE,
)
from ansible_collections.onprem.irsa.plugins.module_utils._injection.pod import Account, inject
from ansible_collections.onprem.irsa.plugins.modules import injection_info

from ..fake_api_server import FakeApi, Refused, kubeconfig, served
from ..some_certificates import authority, encoded, leaf, secret
from ..some_injection import APIS, ARN, DEFAULTS, HOOK, NAMESPACE, called, own, secret_of
from ..some_injection import served as apis

if t.TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("client_of_its_own")

Json = dict[str, t.Any]

TODAY = datetime.now(timezone.utc).replace(microsecond=0)
ANNOTATIONS = {"eks.amazonaws.com/role-arn": ARN}


def named(kind: str, name: str, version: str = "v1", namespace: str = "apps", **content: object) -> Json:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": namespace}, **content}


def account(name: str = "reports", namespace: str = "apps", annotations: Json | None = None) -> Json:
    made = named("ServiceAccount", name, namespace=namespace)
    made["metadata"]["annotations"] = ANNOTATIONS if annotations is None else annotations
    return made


def workload(kind: str, name: str) -> Json:
    spec = {"serviceAccountName": "reports", "containers": [{"name": "app"}]}
    template = {"metadata": {"labels": {"app": name}}, "spec": spec}
    return named(kind, name, "apps/v1", spec={"replicas": 1, "template": template})


def pod(kind: str, owner: str) -> Json:
    made = named("Pod", f"{owner}-0", spec={"serviceAccountName": "reports", "containers": [{"name": "app"}]})
    made["metadata"]["ownerReferences"] = [{"apiVersion": "apps/v1", "kind": kind, "name": owner, "controller": True}]
    return {**made, "status": {"phase": "Running"}}


def webhook(days: float = 300, served_secret: str = CERTIFICATE, ready: int = 2) -> list[Json]:
    """Return a webhook that runs, whose certificate has some of 365 days left."""
    signer, tls = authority(begin=TODAY - timedelta(days=364.5)), leaf(begin=TODAY - timedelta(days=364.5 - days))
    volumes = [{"name": "certificate", "secret": {"secretName": served_secret}}]
    status = {"observedGeneration": 1, "replicas": 2, "readyReplicas": ready, "updatedReplicas": 2}
    return [
        NAMESPACE,
        called(encoded(signer)),
        own(
            "Deployment",
            part="deployment",
            spec={"replicas": 2, "template": {"spec": {"volumes": volumes}}},
            status={**status, "availableReplicas": ready},
        ),
        secret_of(AUTHORITY, secret(signer, 1)),
        secret_of(served_secret, secret(tls, 11, signer)),
        own("ServiceAccount", PROBE, "probe"),
        account(),
    ]


MAKERS = (("Deployment", "web"), ("StatefulSet", "db"))
MISSED = [*(workload(*maker) for maker in MAKERS), *(pod(*maker) for maker in MAKERS)]


def injected(pod: Json) -> Json:
    account = Account(ARN, "sts.amazonaws.com", regional_sts=True, expiration=86400)
    return {**pod, "spec": inject(pod["spec"], {}, account, "eu-central-1")}


def run(api: FakeApi, capsys: pytest.CaptureFixture[str], given: Json | None = None, **options: object) -> Json:
    with served(api) as url:
        args = {"kubeconfig": kubeconfig(url), "options": {**DEFAULTS, **(given or {})}, **options}
        with patch_module_args(args), pytest.raises(SystemExit):
            injection_info.main()
    text = capsys.readouterr().out
    assert [secret for secret in api.hidden() if secret in text] == []
    assert api.changes() == []
    result: Json = json.loads(text)
    assert result.get("changed", False) is False
    return result


def test_a_cluster_that_has_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    result = run(FakeApi(), capsys)
    assert result["plan"]["certificate"]["new_authority"] is True
    assert result["plan"]["parts"][0] == "namespace"
    assert result["missed"] == {"pods": [], "owners": [], "left": []}
    assert result["restarts"] == []


def test_a_webhook_that_runs(capsys: pytest.CaptureFixture[str]) -> None:
    found = run(FakeApi(admit=injected).put(*webhook()), capsys)["plan"]
    assert (found["is_comparable"], found["is_settled"], found["is_called"]) == (True, True, True)
    assert found["certificate"]["days_left"] == 300
    assert (found["would_make"], found["removes"], found["removes_called"]) == ([], [], [])


@pytest.mark.parametrize(("check", "fresh"), [(True, True), (False, False)])
def test_a_check_knows_that_nothing_can_be_tried_yet(
    capsys: pytest.CaptureFixture[str], check: bool, fresh: bool
) -> None:
    assert run(FakeApi(), capsys, _ansible_check_mode=check)["plan"]["is_fresh"] is fresh


OTHER = {
    **named("MutatingWebhookConfiguration", "eks", "admissionregistration.k8s.io/v1"),
    "metadata": {"name": "eks"},
    "webhooks": [{"name": HOOK, "clientConfig": {"service": {"name": "x", "namespace": "y"}}}],
}
READING = {"resourceRules": [{"verbs": ["get", "list"], "apiGroups": ["*"], "resources": ["*"]}]}


@pytest.mark.parametrize(
    ("api", "given", "says"),
    [
        (FakeApi().put(OTHER), {}, ["eks injects pods already"]),
        (FakeApi(version="v1.29.1"), {}, ["Kubernetes 1.29"]),
        (FakeApi(rules=READING), {}, ["may not create, patch"]),
        (FakeApi(rules=READING).put(OTHER), {}, ["eks injects pods already", "may not create, patch"]),
        (FakeApi(), {"pull_secret": "apps/pull"}, ["apps/pull, which does not exist"]),
        (FakeApi(), {"tls": "secret", "tls_secret": "a/b"}, ["The Secret a/b has no 'tls.crt'"]),
        (FakeApi(), {"pull_secret": "a/b", "tls": "secret", "tls_secret": "a/b"}, ["does not exist", "has no"]),
        (FakeApi(), {"mode": "foreign"}, ["no other MutatingWebhookConfiguration"]),
        (
            FakeApi().put(account("a" * 253)),
            {"mode": "policy"},
            ["has a name too long for the key of a ConfigMap"],
        ),
    ],
)
def test_what_is_in_the_way_is_said_at_once(
    capsys: pytest.CaptureFixture[str], api: FakeApi, given: Json, says: list[str]
) -> None:
    result = run(api, capsys, given)
    assert result["failed"] is True
    assert result["msg"].startswith("Pods cannot be injected as asked for.\n")
    found = result["msg"].splitlines()[1:]
    assert [words for words, problem in zip(says, found, strict=True) if words not in problem] == []
    assert "plan" not in result


def test_what_cert_manager_is_about_to_replace_is_no_problem(capsys: pytest.CaptureFixture[str]) -> None:
    broken = secret_of(ISSUED_CERTIFICATE, {"tls.crt": "", "tls.key": ""})
    asked = own("Certificate", part="cert_manager")
    given = {"tls": "cert-manager"}
    api = FakeApi(apis=apis()).put(NAMESPACE, broken, asked)
    assert run(api, capsys, given)["plan"]["certificate_is_issued"] is False
    ready = {"conditions": [{"type": "Ready", "status": "True", "observedGeneration": 1}]}
    result = run(api.put({**asked, "status": ready}), capsys, given)
    assert "holds no PEM certificate" in result["msg"]


def test_who_may_not_look_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    api = FakeApi(forbidden={("GET", "/api/v1/pods")}).put(*webhook())
    for diagnose in (False, True):
        result = run(api, capsys, diagnose=diagnose)
        assert "403: pods is forbidden" in result["msg"]
        assert "grant its user that" in result["msg"]


def test_pods_that_lack_their_role(capsys: pytest.CaptureFixture[str]) -> None:
    result = run(FakeApi().put(*webhook(), *MISSED), capsys)
    assert [(pod["name"], pod["owner"]) for pod in result["missed"]["pods"]] == [
        ("db-0", "StatefulSet/db"),
        ("web-0", "Deployment/web"),
    ]
    assert result["restarts"] == []  # nobody has asked for them


RESTART: Json = {"restart_missed": True}


def tried(api: FakeApi) -> list[str]:
    pods = [request.body for request in api.asked if request.path.endswith("/pods") and request.body is not None]
    return [pod["metadata"]["labels"]["app"] for pod in pods]


def test_what_makes_them_is_tried_before_its_restart(capsys: pytest.CaptureFixture[str]) -> None:
    api = FakeApi(admit=injected).put(*webhook(), *MISSED)
    result = run(api, capsys, RESTART)
    assert tried(api) == ["web", "db"]
    assert result["restarts"] == [
        [
            {"kind": "StatefulSet", "namespace": "apps", "name": "db"},
            {"kind": "Deployment", "namespace": "apps", "name": "web"},
        ]
    ]
    assert result["missed"]["left"] == []


def leaving_out(pod: Json) -> Json:
    return pod if pod["metadata"]["labels"]["app"] == "db" else injected(pod)


def refusing(pod: Json) -> Json:
    if pod["metadata"]["labels"]["app"] == "db":
        raise Refused(403, "Forbidden", 'pods "pod-identity-probe" is forbidden: no such quota')
    return injected(pod)


@pytest.mark.parametrize(
    ("admit", "reason"),
    [(leaving_out, "would not be injected either"), (refusing, 'refused: pods "pod-identity-probe" is forbidden: no')],
)
def test_what_a_restart_would_not_help_is_left(
    capsys: pytest.CaptureFixture[str], admit: t.Callable[[Json], Json], reason: str
) -> None:
    result = run(FakeApi(admit=admit).put(*webhook(), *MISSED), capsys, RESTART)
    assert [workload["name"] for batch in result["restarts"] for workload in batch] == ["web"]
    (left,) = result["missed"]["left"]
    assert (left["name"], reason in left["reason"]) == ("db-0", True)


def test_in_check_mode_nothing_is_tried_that_waits_for_what_would_change(capsys: pytest.CaptureFixture[str]) -> None:
    api = FakeApi().put(*webhook(), *MISSED)
    result = run(api, capsys, RESTART, try_restarts=False, _ansible_check_mode=True)
    assert tried(api) == []
    assert len(result["restarts"][0]) == 2


def test_restarts_are_a_few_at_a_time(capsys: pytest.CaptureFixture[str]) -> None:
    many = [part for name in "abcdefg" for part in (workload("StatefulSet", name), pod("StatefulSet", name))]
    result = run(FakeApi(admit=injected).put(*webhook(), *many), capsys, RESTART)
    assert [len(batch) for batch in result["restarts"]] == [3, 3, 1]


def test_by_the_data_that_a_policy_would_have_pods_are_found_before_it_is_written(
    capsys: pytest.CaptureFixture[str],
) -> None:
    role = {"arn": ARN, "state": "present", "service_accounts": ["apps/reports"], "audiences": ["sts.amazonaws.com"]}
    api = FakeApi().put(NAMESPACE, account(annotations={}), *MISSED)
    result = run(api, capsys, {"mode": "policy", "roles": [role]})
    assert len(result["missed"]["owners"]) == 2
    assert result["plan"]["policy"]["data"]["apps.reports"] == ARN


@pytest.mark.parametrize(("mode", "asks"), [("none", False), ("webhook", True), ("policy", True)])
def test_what_runs_is_looked_at_where_pods_are_injected(
    capsys: pytest.CaptureFixture[str], mode: str, asks: bool
) -> None:
    api = FakeApi().put(*webhook())
    result = run(api, capsys, {"mode": mode})
    assert ("/api/v1/pods" in [request.path for request in api.asked]) is asks
    assert bool(result["missed"]) is asks


def test_a_run_that_changes_nothing_asks_little(capsys: pytest.CaptureFixture[str]) -> None:
    api = FakeApi(admit=injected).put(*webhook())
    run(api, capsys)
    assert len(api.asked) <= 35
    assert [request.path for request in api.asked if request.method != "GET"] == [
        "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
    ]


def doctor(api: FakeApi, capsys: pytest.CaptureFixture[str], **given: object) -> dict[str, tuple[str, str, str]]:
    rows = run(api, capsys, given, diagnose=True)["findings"]
    return {
        row["link"].removeprefix("webhook: "): (row["state"], re.sub("[0-9-]{10}", "DATE", row["found"]), row["fix"])
        for row in rows
    }


def test_all_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor(FakeApi(admit=injected).put(*webhook()), capsys) == {
        "mode": ("ok", "webhook, as asked for", ""),
        "pods": ("ok", "2 of 2 ready", ""),
        "certificate": ("ok", "300 days left, until DATE", ""),
        "authority": ("ok", "3285 days left, until DATE", ""),
        "a pod, tried": ("ok", "it is injected", ""),
        "running pods": ("ok", "none lacks the role of its service account", ""),
    }


def test_what_is_only_to_be_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    policies = [
        {**own(kind, POLICY, "policy", namespace=""), "apiVersion": "admissionregistration.k8s.io/v1beta1"}
        for kind in ("MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding")
    ]
    found = doctor(FakeApi(admit=injected).put(*webhook(days=100), *policies, *MISSED), capsys)
    assert {name: row[0] for name, row in found.items() if row[0] != "ok"} == {
        "mode": "warning",
        "certificate": "warning",
        "roles": "warning",
        "running pods": "warning",
    }
    assert found["certificate"][1:] == ("100 days left, until DATE", "Run onprem.irsa.site, which renews it.")
    assert "by the webhook of this role and by the policy" in found["mode"][1]
    assert found["running pods"][1].endswith("2 without the role of their service account: apps/db-0, apps/web-0")


def unreached(_pod: Json) -> Json:
    raise Refused(500, "InternalError", f'failed calling webhook "probe.{HOOK}": no route')


def test_what_is_broken(capsys: pytest.CaptureFixture[str]) -> None:
    api = FakeApi(admit=unreached).put(*webhook(days=-4, ready=1))
    api.named("MutatingWebhookConfiguration", called()["metadata"]["name"])["webhooks"][0]["clientConfig"] = {}
    found = doctor(api, capsys)
    assert found["certificate"][:2] == ("broken", "ended 3 days ago, on DATE")
    assert found["authority"][0] == "broken"
    assert found["pods"][:2] == ("warning", "1 of 2 ready")
    assert found["a pod, tried"][0] == "broken"
    assert "does not reach the webhook: failed calling webhook" in found["a pod, tried"][1]


def test_a_cluster_that_is_diagnosed_before_its_first_run(capsys: pytest.CaptureFixture[str]) -> None:
    found = doctor(FakeApi(), capsys)
    assert {name: row[0] for name, row in found.items()} == {"mode": "broken", "running pods": "ok"}
    assert doctor(FakeApi(), capsys, mode="none") == {"mode": ("ok", "none, as asked for", "")}


def test_a_user_who_may_not_see_secrets_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    forbidden = {("GET", f"/api/v1/namespaces/{NAME}/secrets")}
    found = doctor(FakeApi(forbidden=forbidden, admit=injected).put(*webhook()), capsys)
    assert found["certificate"][0] == "warning"
    assert f"{CERTIFICATE} cannot be read" in found["certificate"][1]


def test_what_cert_manager_has_issued_is_judged_where_pods_serve_it(capsys: pytest.CaptureFixture[str]) -> None:
    api = FakeApi(admit=injected, apis=apis()).put(*webhook(100, ISSUED_CERTIFICATE))
    found = doctor(api, capsys, tls="cert-manager")
    assert found["certificate"][:2] == ("warning", "100 days left, until DATE")
    assert "describe certificates,certificaterequests" in found["certificate"][2]


def test_a_diagnosis_tries_a_pod_that_the_probe_s_webhook_is_called_for(capsys: pytest.CaptureFixture[str]) -> None:
    api = FakeApi(admit=injected).put(*webhook())
    doctor(api, capsys)
    (one,) = (asked for asked in api.asked if asked.path == f"/api/v1/namespaces/{NAME}/pods")
    assert one.query == {"dryRun": "All"}
    assert one.body is not None
    assert one.body["metadata"]["labels"] == {"onprem.irsa/probe": "true"}


def test_a_kubeconfig_that_is_a_file_is_enough_for_a_diagnosis(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Other API servers are not asked then."""
    slices = {
        "ports": [{"name": "https", "port": 6443}],
        "endpoints": [{"addresses": ["192.0.2.1"]}, {"addresses": ["192.0.2.2"]}],
    }
    listed = named("EndpointSlice", "kubernetes", "discovery.k8s.io/v1", "default", **slices)
    listed["metadata"]["labels"] = {"kubernetes.io/service-name": "kubernetes"}
    api = FakeApi(admit=injected, apis=APIS).put(*webhook(), listed)
    with served(api) as url:
        (tmp_path / "kubeconfig").write_text(json.dumps(kubeconfig(url)))
        args = {"kubeconfig": str(tmp_path / "kubeconfig"), "options": DEFAULTS, "diagnose": True}
        with patch_module_args(args), pytest.raises(SystemExit):
            injection_info.main()
    rows = [row for row in json.loads(capsys.readouterr().out)["findings"] if row["link"] == "webhook: a pod, tried"]
    assert [row["state"] for row in rows] == ["ok", "warning"]
    assert "does not reach https://192.0.2.1:6443, https://192.0.2.2:6443" in rows[1]["found"]
