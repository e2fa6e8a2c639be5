# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t
from datetime import timedelta
from types import MappingProxyType

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._injection import findings as module
from ansible_collections.onprem.irsa.plugins.module_utils._injection.findings import Trials, findings
from ansible_collections.onprem.irsa.plugins.module_utils._injection.missed import Missed
from ansible_collections.onprem.irsa.plugins.module_utils._injection.names import (
    CERTIFICATE,
    ISSUED_CERTIFICATE,
    POLICY,
    POLICY_PARAMETERS,
)
from ansible_collections.onprem.irsa.plugins.module_utils._injection.observation import Running
from ansible_collections.onprem.irsa.plugins.module_utils._injection.pod import Account, inject
from ansible_collections.onprem.irsa.plugins.module_utils._injection.probe import Tried

from ...some_certificates import HOST, NOW, authority, encoded, leaf
from ...some_injection import HOOK, NAMESPACE, called, options, own, secret_of, seen

if t.TYPE_CHECKING:
    from datetime import datetime

    from ansible_collections.onprem.irsa.plugins.module_utils._finding import Finding

Json = dict[str, t.Any]

SERVERS = ("https://10.0.0.1:6443", "https://10.0.0.2:6443")
INJECTED: Json = {"spec": {"volumes": [{"name": "aws-iam-token"}]}}
POLICIES = [
    own(kind, POLICY, "policy", namespace="") for kind in ("MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding")
]
READY: t.Final[t.Mapping[str, int]] = MappingProxyType({"replicas": 2, "readyReplicas": 2})


def deployment(status: t.Mapping[str, int] | None = READY, replicas: int = 2, served: str = CERTIFICATE) -> Json:
    volumes = [{"name": "certificate", "secret": {"secretName": served}}]
    spec = {"replicas": replicas, "template": {"spec": {"volumes": volumes}}}
    made = own("Deployment", part="deployment", spec=spec)
    return made if status is None else {**made, "status": {**status}}


def secret(certificate: str | None, name: str = CERTIFICATE) -> Json:
    return secret_of(name, {} if certificate is None else {"tls.crt": certificate})


def foreign() -> Json:
    client = {"service": {"namespace": "default", "name": "pod-identity-webhook"}}
    return {"metadata": {"name": "eks"}, "webhooks": [{"name": "iam-for-pods.amazonaws.com", "clientConfig": client}]}


ALL_OF_IT: Json = {
    "namespace": NAMESPACE,
    "own_namespaces": ["pod-identity-webhook"],
    "configurations": [called()],
    "owned": [deployment(), secret(encoded(leaf()))],
}
NOTHING: Json = {"configurations": [], "owned": []}
BOTH_OF_OURS: Json = {"owned": [deployment(), *POLICIES]}
BESIDE_OURS: Json = {"configurations": [called(), foreign()]}
INSTEAD: Json = {"configurations": [foreign()], "owned": []}
TWO_OF_THEM: Json = {"configurations": [foreign(), foreign()], "owned": []}
TRIED = [Tried(server, pod=INJECTED) for server in SERVERS]
NONE_MISSED = Missed([], [], [])


def found(
    given: Json | None = None, tried: t.Sequence[Tried] = TRIED, missed: Missed | None = NONE_MISSED, **changed: object
) -> dict[str, Finding]:
    """Return the findings by what they are of."""
    rows = findings(options(**(given or {})), seen(**{**ALL_OF_IT, **changed}), Trials(tried, missed=missed))
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
    ("mode", "cluster", "says"),
    [
        ("policy", {"owned": POLICIES}, "policy, as asked for"),
        ("foreign", {"configurations": [foreign()]}, "the MutatingWebhookConfiguration eks, as asked for"),
        ("none", {}, "none, as asked for"),
    ],
)
def test_modes_without_the_webhook(mode: str, cluster: Json, says: str) -> None:
    rows = found({"mode": mode}, [], None, **{**NOTHING, **cluster})
    assert rows.pop("mode")[1:] == ("ok", says, "")
    assert rows.keys() <= {"roles"}


@pytest.mark.parametrize(
    ("given", "cluster", "state", "says", "fix"),
    [
        ({}, NOTHING, "broken", "webhook; pods are injected by nothing", "Run onprem.irsa.site."),
        ({"mode": "policy"}, {}, "warning", "policy; pods are injected by the webhook of", "Run onprem.irsa.site."),
        ({"mode": "none"}, {}, "warning", "none; pods are injected by the webhook of", "Run onprem.irsa.site."),
        (
            {},
            BOTH_OF_OURS,
            "warning",
            "the webhook of this role and by the policy of",
            "Run onprem.irsa.site.",
        ),
        (
            {},
            BESIDE_OURS,
            "warning",
            "of this role and by the MutatingWebhookConf",
            "irsa_webhook_adopt: true",
        ),
        (
            {"adopt": True},
            BESIDE_OURS,
            "warning",
            "Configuration eks",
            "Run onprem.irsa.site.",
        ),
        (
            {},
            INSTEAD,
            "warning",
            "by the MutatingWebhookConf",
            "irsa_webhook_adopt: true",
        ),
        (
            {"mode": "none"},
            INSTEAD,
            "warning",
            "none; ",
            "irsa_webhook_mode: foreign",
        ),
        (
            {"mode": "foreign"},
            BESIDE_OURS,
            "warning",
            "of this role and by",
            "Run onprem.irsa.site.",
        ),
        ({"mode": "foreign"}, {}, "warning", "foreign; pods are injected by the webhook of", "Install one"),
        ({"mode": "foreign"}, NOTHING, "broken", "foreign; pods are injected by nothing", "Install one"),
        (
            {"mode": "foreign"},
            TWO_OF_THEM,
            "warning",
            "eks and by the",
            "but one",
        ),
    ],
)
def test_another_mode_than_asked_for(given: Json, cluster: Json, state: str, says: str, fix: str) -> None:
    row = found(given, **cluster)["mode"]
    assert (row.state, says in row.found, fix in row.fix) == (state, True, True), row


@pytest.mark.parametrize(
    ("owned", "state", "says"),
    [
        ([deployment({"replicas": 2, "readyReplicas": 1})], "warning", "1 of 2 ready"),
        ([deployment({"replicas": 3, "readyReplicas": 2})], "warning", "2 of 3 ready"),
        ([deployment({"replicas": 2})], "broken", "0 of 2 ready"),
        ([deployment(None)], "broken", "0 of 2 ready"),
        ([deployment({}, replicas=0)], "broken", "0 of 0 ready"),
        ([], "broken", "there is no Deployment of the webhook in pod-identity-webhook"),
    ],
)
def test_pods_of_the_webhook(owned: list[Json], state: str, says: str) -> None:
    row = found(owned=owned)["pods"]
    assert row[1:3] == (state, says)


def test_a_webhook_of_another_namespace_is_named() -> None:
    row = found(owned=[], namespace=None, own_namespaces=["irsa"])["pods"]
    assert row.fix.startswith("Set irsa_webhook_namespace: irsa,")


def test_pods_that_no_api_server_calls_yet_are_counted() -> None:
    rows = found(None, [], configurations=[], owned=[deployment(None)])
    assert rows.keys() == {"mode", "pods", "running pods"}


def at(days: float) -> datetime:
    return NOW + timedelta(days=days)


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
def test_the_time_left_of_a_certificate(now: datetime, state: str, says: str) -> None:
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
    """A run renews the role's own when it would not outlive a new certificate, so nothing is left to do before."""
    name = ISSUED_CERTIFICATE if tls == "cert-manager" else CERTIFICATE
    owned = [deployment(served=name), secret(encoded(leaf(begin=at(days))), name)]
    assert found({"tls": tls}, now=at(days), owned=owned)["authority"].state == state


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
    name = ISSUED_CERTIFICATE if given["tls"] == "cert-manager" else CERTIFICATE
    owned = [deployment(served=name), secret(encoded(leaf()), name)]
    assert found(given, now=at(300), owned=owned)["certificate"].fix == fix


@pytest.mark.parametrize(
    ("served", "fix"),
    [(CERTIFICATE, "Run onprem.irsa.site, which renews it."), (ISSUED_CERTIFICATE, "describe certificates")],
)
def test_the_fix_is_that_of_what_is_served(served: str, fix: str) -> None:
    """Where pods still serve the role's own certificate, cert-manager is not who renews it: a run changes it over."""
    owned = [deployment(served=served), secret(encoded(leaf()), served)]
    row = found({"tls": "cert-manager"}, now=at(300), owned=owned)["certificate"]
    assert (row.state, fix in row.fix) == ("warning", True), row


def test_the_older_of_two_authorities_with_one_key_does_not_count() -> None:
    both = encoded(authority(begin=NOW - timedelta(days=3650)), authority())
    assert found(configurations=[called(both)])["authority"] == found()["authority"]


@pytest.mark.parametrize("bundle", [encoded(authority(2)), "", "bm8gUEVN"])
def test_a_certificate_that_is_not_trusted(bundle: str) -> None:
    configuration = called()
    configuration["webhooks"][1]["clientConfig"]["caBundle"] = bundle
    row = found(configurations=[configuration])["authority"]
    assert row[1:] == (
        "broken",
        "API servers do not trust what pods serve: caBundle of again.pod-identity-webhook.amazonaws.com has not signed "
        "it",
        "Run onprem.irsa.site.",
    )
    configuration["webhooks"] = [{"name": HOOK, "clientConfig": {}}]
    assert found(configurations=[configuration])["authority"].state == "broken"


def test_a_certificate_for_another_host() -> None:
    rows = found(owned=[deployment(), secret(encoded(leaf(host="other.svc")))])
    assert rows["certificate"].state == "broken"
    assert f"not for {HOST}" in rows["certificate"].found
    assert rows["authority"].state == "ok"


@pytest.mark.parametrize("owned", [[secret("")], [secret("bm8gUEVN")], [secret(None)], []])
def test_no_certificate(owned: list[Json]) -> None:
    rows = found(owned=[deployment(), *owned])
    assert rows["certificate"].state == "broken"
    assert "pod-identity-webhook/pod-identity-webhook-tls" in rows["certificate"].found
    assert "authority" not in rows


def test_a_certificate_that_may_not_be_read() -> None:
    rows = found(owned=[deployment()], unreadable=["Secret"])
    assert rows["certificate"].state == "warning"
    assert "pod-identity-webhook-tls cannot be read" in rows["certificate"].found
    assert "list secrets in pod-identity-webhook" in rows["certificate"].fix
    assert "authority" not in rows


@pytest.mark.parametrize(
    ("unread", "name", "found_not", "says", "fix"),
    [
        ("MutatingAdmissionPolicy", "mode", "nothing", "a policy of this role injects them is", "list mutatingadmissi"),
        (
            "MutatingAdmissionPolicyBinding",
            "mode",
            "nothing",
            "it cannot be read",
            "mutatingadmissionpolicybindings, and",
        ),
        ("ConfigMap", "roles", "does not know", "roles of the policy are not known", "list configmaps in pod-ident"),
        ("ConfigMap", "running pods", "role of its service", "those of the policy are not known", "list configmaps in"),
        ("ServiceAccount", "a pod, tried", "is injected", "it cannot be tried", "list serviceaccounts in pod-identity"),
    ],
)
def test_what_may_not_be_read_of_a_policy_is_not_taken_for_absent(
    unread: str, name: str, found_not: str, says: str, fix: str
) -> None:
    parameters = own("ConfigMap", POLICY_PARAMETERS, "policy_parameters", data={"apps.a": "arn:1"})
    there = [part for part in [*POLICIES, parameters] if part["kind"] != unread]
    tried = TRIED if unread != "ServiceAccount" else []
    row = found({"mode": "policy"}, tried, configurations=[], owned=there, unreadable=[unread])[name]
    assert row.state == "warning"
    assert (found_not in row.found, says in row.found, fix in row.fix) == (False, True, True), row


@pytest.mark.parametrize("mode", ["webhook", "none"])
def test_a_policy_that_may_not_be_read_is_none_that_is_absent_in_other_modes(mode: str) -> None:
    row = found({"mode": mode}, unreadable=["MutatingAdmissionPolicy"])["mode"]
    assert row.state == "warning"
    assert f"irsa_webhook_mode is {mode}; pods are injected by the webhook of this role; whether a" in row.found


def test_a_deployment_that_may_not_be_read_is_not_taken_for_absent() -> None:
    rows = found(owned=[], unreadable=["Deployment"])
    assert rows["pods"].state == "warning"
    assert "the Deployment of the webhook in pod-identity-webhook cannot be read" in rows["pods"].found
    assert "list deployments in pod-identity-webhook" in rows["pods"].fix


def test_a_controller_that_cannot_read_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "IMPORT_ERROR", ImportError())
    assert found()["certificate"].state == "warning"


API_ERROR = f'Internal error occurred: failed calling webhook "probe.{HOOK}": dial tcp 10.0.0.9:443: connection refused'


@pytest.mark.parametrize(
    ("answer", "state", "says", "fix"),
    [
        ({"pod": {"spec": {}}}, "broken", "it would start without its role", "Run onprem.irsa.site."),
        (
            {"error": API_ERROR},
            "broken",
            f"an API server does not reach the webhook: {API_ERROR}",
            "drops TCP port 8443",
        ),
        (
            {"error": 'failed calling webhook "validate.kyverno.svc-fail": context deadline exceeded'},
            "warning",
            'it cannot be tried: failed calling webhook "validate.kyverno.svc-fail": context deadline exceeded',
            "what refuses them",
        ),
        ({"error": "pods is forbidden"}, "warning", "it cannot be tried: pods is forbidden", "may create pods"),
    ],
)
def test_a_pod_that_is_not_injected(answer: Json, state: str, says: str, fix: str) -> None:
    row = found(None, [Tried(server, **answer) for server in SERVERS])["a pod, tried"]
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
    row = found(given, [Tried(server, pod=admitted) for server in SERVERS])["a pod, tried"]
    assert (row.state, says in row.found, bool(row.fix)) == (state, True, state != "ok")


def test_what_differs_between_api_servers_is_told_of_each() -> None:
    tried = [Tried(SERVERS[0], pod=INJECTED), Tried(SERVERS[1], error=API_ERROR)]
    rows = findings(options(), seen(**ALL_OF_IT), Trials(tried, ["https://10.0.0.3:6443"]))
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

    def roles(data: dict[str, str], given: Json | None = None) -> Finding | None:
        parameters = own("ConfigMap", POLICY_PARAMETERS, "policy_parameters", data=data)
        running = Running(service_accounts=service_accounts)
        return found(given, [], configurations=[], owned=[*POLICIES, parameters], running=running).get("roles")

    row = roles({"apps.a": "arn:1", "another.a": "arn:0"})
    assert row is not None
    assert (row.state, "does not know: other/a" in row.found) == ("warning", True), row
    row = roles({"apps.a": "arn:1", "other.a": "arn:0"})
    assert row is not None
    assert row.state == "ok"
    assert roles({}, {"mode": "none"}) is None  # nobody looks at service accounts then


def pods(*names: str) -> list[Json]:
    return [{"namespace": "apps", "name": name} for name in names]


@pytest.mark.parametrize(
    ("missed", "says", "fix"),
    [
        (
            Missed(pods("a", "b", "c", "d"), [{}], []),
            "4 without the role of their service account: apps/a, apps/b, apps/c and others",
            "Set irsa_webhook_restart_missed: true and run onprem.irsa.site.",
        ),
        (
            Missed(pods("a"), [], [{}]),
            "1 without the role of their service account: apps/a",
            "Make those again by hand that no restart replaces.",
        ),
    ],
)
def test_pods_that_were_missed(missed: Missed, says: str, fix: str) -> None:
    assert found(missed=missed)["running pods"][1:] == ("warning", says, fix)
