# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t
from datetime import timedelta

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._injection import findings as module
from ansible_collections.onprem.irsa.plugins.module_utils._injection.findings import findings
from ansible_collections.onprem.irsa.plugins.module_utils._injection.pod import Account, inject

from ...some_certificates import HOST, NOW, authority, encoded, leaf

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._doctor import Finding

Json = dict[str, t.Any]

HOOK = "pod-identity-webhook.amazonaws.com"
GIVEN: Json = {
    "mode": "webhook",
    "namespace": "pod-identity-webhook",
    "adopt": False,
    "tls": "own",
    "tls_secret": "",
    "certificate_days": 365,
    "port": 8443,
}
SERVERS = ("https://10.0.0.1:6443", "https://10.0.0.2:6443")
INJECTED: Json = {"spec": {"volumes": [{"name": "aws-iam-token"}]}}
SEEN: Json = {
    "webhooks": [
        {"name": name, "clientConfig": {"caBundle": encoded(authority())}} for name in (HOOK, f"again.{HOOK}")
    ],
    "policy": False,
    "policy_data": {},
    "service_accounts": [],
    "foreign": [],
    "deployment": {"spec": {"replicas": 2}, "status": {"replicas": 2, "readyReplicas": 2}},
    "other_namespaces": [],
    "secret": "pod-identity-webhook-tls",
    "certificate": encoded(leaf()),
    "host": HOST,
    "now": f"{NOW + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}",
    "probes": [{"item": server, "result": INJECTED} for server in SERVERS],
    "unasked": [],
    "missed": {"pods": [], "owners": [], "left": []},
}
NOTHING: Json = {"webhooks": [], "deployment": {}, "secret": "", "certificate": "", "probes": []}
FOREIGN: Json = {"name": "eks", "namespace": "default", "service": "pod-identity-webhook", "release": ""}


def found(given: Json | None = None, **seen: object) -> dict[str, Finding]:
    """Return the findings by what they are of."""
    rows = findings({**GIVEN, **(given or {})}, {**SEEN, **seen})
    assert all(row.link.startswith("webhook: ") and bool(row.fix) == (row.state != "ok") for row in rows), rows
    return {row.link.removeprefix("webhook: "): row for row in rows}


def test_all_is_well() -> None:
    assert {name: row[1:3] for name, row in found().items()} == {
        "mode": ("ok", "webhook, as asked for"),
        "pods": ("ok", "2 of 2 ready"),
        "certificate": ("ok", "364 days left, until 2027-01-31"),
        "authority": ("ok", "3649 days left, until 2036-01-29"),
        "a pod, tried": ("ok", "it is injected"),
        "running pods": ("ok", "none lacks the role of its service account"),
    }


@pytest.mark.parametrize(
    ("mode", "seen", "says"),
    [
        ("policy", {"policy": True}, "policy, as asked for"),
        ("foreign", {"foreign": [FOREIGN]}, "the MutatingWebhookConfiguration eks, as asked for"),
        ("none", {}, "none, as asked for"),
    ],
)
def test_modes_without_the_webhook(mode: str, seen: Json, says: str) -> None:
    rows = found({"mode": mode}, **NOTHING, missed={}, **seen)
    assert rows.pop("mode")[1:] == ("ok", says, "")
    assert rows.keys() <= {"roles"}


@pytest.mark.parametrize(
    ("given", "seen", "state", "says", "fix"),
    [
        ({}, NOTHING, "broken", "webhook; pods are injected by nothing", "Run onprem.irsa.site."),
        ({"mode": "policy"}, {}, "warning", "policy; pods are injected by the webhook of", "Run onprem.irsa.site."),
        ({"mode": "none"}, {}, "warning", "none; pods are injected by the webhook of", "Run onprem.irsa.site."),
        ({}, {"policy": True}, "warning", "the webhook of this role and by the policy of", "Run onprem.irsa.site."),
        (
            {},
            {"foreign": [FOREIGN]},
            "warning",
            "of this role and by the MutatingWebhookConf",
            "irsa_webhook_adopt: true",
        ),
        ({"adopt": True}, {"foreign": [FOREIGN]}, "warning", "Configuration eks", "Run onprem.irsa.site."),
        ({}, {**NOTHING, "foreign": [FOREIGN]}, "warning", "by the MutatingWebhookConf", "irsa_webhook_adopt: true"),
        ({"mode": "none"}, {**NOTHING, "foreign": [FOREIGN]}, "warning", "none; ", "irsa_webhook_mode: foreign"),
        ({"mode": "foreign"}, {"foreign": [FOREIGN]}, "warning", "of this role and by", "Run onprem.irsa.site."),
        ({"mode": "foreign"}, {}, "warning", "foreign; pods are injected by the webhook of", "Install one"),
        ({"mode": "foreign"}, NOTHING, "broken", "foreign; pods are injected by nothing", "Install one"),
        ({"mode": "foreign"}, {**NOTHING, "foreign": [FOREIGN, FOREIGN]}, "warning", "eks and by the", "but one"),
    ],
)
def test_another_mode_than_asked_for(given: Json, seen: Json, state: str, says: str, fix: str) -> None:
    row = found(given, **seen)["mode"]
    assert (row.state, says in row.found, fix in row.fix) == (state, True, True), row


@pytest.mark.parametrize(
    ("deployment", "state", "says"),
    [
        ({"spec": {"replicas": 2}, "status": {"replicas": 2, "readyReplicas": 1}}, "warning", "1 of 2 ready"),
        ({"spec": {"replicas": 2}, "status": {"replicas": 3, "readyReplicas": 2}}, "warning", "2 of 3 ready"),
        ({"spec": {"replicas": 2}, "status": {"replicas": 2}}, "broken", "0 of 2 ready"),
        ({"spec": {"replicas": 2}}, "broken", "0 of 2 ready"),
        ({"spec": {"replicas": 0}, "status": {}}, "broken", "0 of 0 ready"),
        ({}, "broken", "there is no Deployment of the webhook in pod-identity-webhook"),
    ],
)
def test_pods_of_the_webhook(deployment: Json, state: str, says: str) -> None:
    row = found(deployment=deployment)["pods"]
    assert row[1:3] == (state, says)


def test_a_webhook_of_another_namespace_is_named() -> None:
    assert found(deployment={}, other_namespaces=["irsa"])["pods"].fix.startswith("Set irsa_webhook_namespace: irsa,")


def test_pods_that_no_api_server_calls_yet_are_counted() -> None:
    rows = found(webhooks=[], deployment={"spec": {"replicas": 2}}, probes=[])
    assert rows.keys() == {"mode", "pods", "running pods"}


def at(days: float) -> str:
    return f"{NOW + timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}"


@pytest.mark.parametrize(
    ("now", "state", "says"),
    [
        (at(-1), "broken", "not valid before 2026-01-31 12:00 UTC"),
        (at(0), "ok", "365 days left"),
        (at(243), "ok", "122 days left"),
        (at(244), "warning", "121 days left, until 2027-01-31"),
        (at(364.5), "warning", "0 days left"),
        (at(365), "broken", "ended 0 days ago, on 2027-01-31"),
        (at(400), "broken", "ended 35 days ago"),
    ],
)
def test_the_time_left_of_a_certificate(now: str, state: str, says: str) -> None:
    row = found(now=now)["certificate"]
    assert (row.state, row.found.startswith(says)) == (state, True), row


@pytest.mark.parametrize(
    ("tls", "days", "state"),
    [
        ("own", 3650 - 366, "ok"),
        ("own", 3650 - 364, "warning"),
        ("own", 3650, "broken"),
        ("cert-manager", 2400, "ok"),
        ("cert-manager", 2500, "warning"),
        ("secret", 2500, "warning"),
    ],
)
def test_the_time_left_of_an_authority(tls: str, days: int, state: str) -> None:
    """A run renews the role's own when it would not outlive a new certificate, so that nothing is to be done before."""
    certificate = encoded(leaf(begin=NOW + timedelta(days=days)))
    assert found({"tls": tls}, now=at(days), certificate=certificate)["authority"].state == state


@pytest.mark.parametrize(
    ("given", "fix"),
    [
        ({"tls": "own"}, "Run onprem.irsa.site, which renews it."),
        (
            {"tls": "secret", "tls_secret": "certs/webhook"},
            "Put a new one into the Secret certs/webhook, then run onprem.irsa.site.",
        ),
        (
            {"tls": "cert-manager"},
            "Look at `kubectl --namespace pod-identity-webhook describe certificates,certificaterequests`.",
        ),
    ],
)
def test_who_renews(given: Json, fix: str) -> None:
    assert found(given, now=at(300))["certificate"].fix == fix


def test_the_older_of_two_authorities_with_one_key_does_not_count() -> None:
    both = encoded(authority(begin=NOW - timedelta(days=3650)), authority())
    hooks = [{"name": HOOK, "clientConfig": {"caBundle": both}}]
    assert found(webhooks=hooks)["authority"] == found()["authority"]


@pytest.mark.parametrize("bundle", [encoded(authority(2)), "", "bm8gUEVN"])
def test_a_certificate_that_is_not_trusted(bundle: str) -> None:
    hooks = [SEEN["webhooks"][0], {"name": "again", "clientConfig": {"caBundle": bundle}}]
    row = found(webhooks=hooks)["authority"]
    assert row[1:] == (
        "broken",
        "API servers do not trust what pods serve: caBundle of again has not signed it",
        "Run onprem.irsa.site.",
    )
    assert found(webhooks=[{"name": "none", "clientConfig": {}}])["authority"].state == "broken"


def test_a_certificate_for_another_host() -> None:
    rows = found(certificate=encoded(leaf(host="other.svc")))
    assert rows["certificate"].state == "broken"
    assert f"not for {HOST}" in rows["certificate"].found
    assert rows["authority"].state == "ok"


@pytest.mark.parametrize("certificate", ["", "bm8gUEVN"])
def test_no_certificate(certificate: str) -> None:
    rows = found(certificate=certificate)
    assert rows["certificate"].state == "broken"
    assert "pod-identity-webhook/pod-identity-webhook-tls" in rows["certificate"].found
    assert "authority" not in rows


def test_a_certificate_that_may_not_be_read() -> None:
    row = found(certificate=None)["certificate"]
    assert row.state == "warning"
    assert "get Secrets in pod-identity-webhook" in row.fix


def test_a_controller_that_cannot_read_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "IMPORT_ERROR", ImportError())
    assert found()["certificate"].state == "warning"


API_ERROR = (
    'Failed to create object: b\'{"kind":"Status","message":"Internal error occurred: failed calling '
    'webhook \\\\"probe.pod-identity-webhook.amazonaws.com\\\\": '
    'dial tcp 10.0.0.9:443: connect: connection refused","reason":"InternalError"}\\n\''
)


@pytest.mark.parametrize(
    ("answer", "state", "says", "fix"),
    [
        ({"result": {"spec": {}}}, "broken", "it would start without its role", "Run onprem.irsa.site."),
        (
            {"msg": API_ERROR},
            "broken",
            "an API server does not reach the webhook: Internal error occurred: failed calling "
            'webhook "probe.pod-identity-webhook.amazonaws.com": dial tcp 10.0.0.9:443: connect: connection refused',
            "drops TCP port 8443",
        ),
        (
            {"msg": 'failed calling webhook "validate.kyverno.svc-fail": context deadline exceeded'},
            "warning",
            'it cannot be tried: failed calling webhook "validate.kyverno.svc-fail": context deadline exceeded',
            "what refuses them",
        ),
        ({"msg": "pods is forbidden"}, "warning", "it cannot be tried: pods is forbidden", "may create pods"),
    ],
)
def test_a_pod_that_is_not_injected(answer: Json, state: str, says: str, fix: str) -> None:
    row = found(probes=[{"item": server, **answer} for server in SERVERS])["a pod, tried"]
    assert (row.state, row.found, fix in row.fix) == (state, says, True)


@pytest.mark.parametrize(
    ("given", "state", "says"),
    [
        ({"audience": "sts.amazonaws.com", "region": "eu-central-1"}, "ok", "it is injected"),
        ({"audience": "other", "region": "eu-central-1"}, "broken", "audience sts.amazonaws.com, not other"),
        ({"audience": "sts.amazonaws.com", "region": "us-west-2"}, "broken", "region eu-central-1, not us-west-2"),
        ({"audience": "sts.amazonaws.com", "region": ""}, "broken", "region eu-central-1, not none"),
    ],
)
def test_a_pod_that_is_given_settings_of_before(given: Json, state: str, says: str) -> None:
    account = Account("arn:aws:iam::000000000000:role/probe", "sts.amazonaws.com", regional_sts=True, expiration=86400)
    admitted = {"spec": inject({"containers": [{"name": "probe"}]}, {}, account, "eu-central-1")}
    row = found(given, probes=[{"item": server, "result": admitted} for server in SERVERS])["a pod, tried"]
    assert (row.state, says in row.found, bool(row.fix)) == (state, True, state != "ok")


def test_what_differs_between_api_servers_is_told_of_each() -> None:
    probes = [{"item": SERVERS[0], "result": INJECTED}, {"item": SERVERS[1], "msg": API_ERROR}]
    rows = findings(GIVEN, {**SEEN, "probes": probes, "unasked": ["https://10.0.0.3:6443"]})
    told = [(row.state, row.found.partition(": ")[0]) for row in rows if row.link == "webhook: a pod, tried"]
    assert told[:2] == [("ok", f"at {SERVERS[0]}"), ("broken", f"at {SERVERS[1]}")]
    assert told[2][0] == "warning"
    assert "https://10.0.0.3:6443" in told[2][1]


def test_roles_that_the_policy_does_not_know() -> None:
    annotation = "eks.amazonaws.com/role-arn"
    service_accounts = [
        {"kind": "ServiceAccount", "metadata": {"namespace": space, "name": "a", "annotations": {annotation: "arn:1"}}}
        for space in ("apps", "other", "pod-identity-webhook")
    ]
    seen = {**NOTHING, "policy": True, "service_accounts": service_accounts}
    row = found(**seen, policy_data={"apps.a": "arn:1", "another.a": "arn:0"})["roles"]
    assert (row.state, "does not know: other/a" in row.found) == ("warning", True), row
    assert found(**seen, policy_data={"apps.a": "arn:1", "other.a": "arn:0"})["roles"].state == "ok"


def pods(*names: str) -> list[Json]:
    return [{"namespace": "apps", "name": name} for name in names]


@pytest.mark.parametrize(
    ("missed", "says", "fix"),
    [
        (
            {"pods": pods("a", "b", "c", "d"), "owners": [{}], "left": []},
            "4 without the role of their service account: apps/a, apps/b, apps/c and others",
            "Set irsa_webhook_restart_missed: true and run onprem.irsa.site.",
        ),
        (
            {"pods": pods("a"), "owners": [], "left": [{}]},
            "1 without the role of their service account: apps/a",
            "Make those again by hand that no restart replaces.",
        ),
    ],
)
def test_pods_that_were_missed(missed: Json, says: str, fix: str) -> None:
    assert found(missed=missed)["running pods"][1:] == ("warning", says, fix)
