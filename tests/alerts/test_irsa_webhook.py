# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The alert rules of the role irsa_webhook, as Prometheus evaluates them: make alerts.

The series are those of kube-apiserver 1.34: C(pkg/admission/metrics/metrics.go) and C(plugin/policy/mutating/metrics)
of k8s.io/apiserver, which `make api-server` sees on a real one.
"""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.onprem.irsa.tests.unit.roles.test_irsa_webhook_objects import plan

from .prometheus import Fires, check, require_firing, require_words, series, templates

if t.TYPE_CHECKING:
    from pathlib import Path

    from .prometheus import Json

DAY = 86400
SERVER = {"job": "apiserver", "instance": "192.0.2.1:6443"}
OTHER_SERVER = {**SERVER, "instance": "192.0.2.2:6443"}
HOOK = "pod-identity-webhook.amazonaws.com"
POLICY = "onprem-irsa-pod-identity"
SETS: dict[str, Json] = {
    "webhook": {},
    "strict": {"irsa_webhook_strict": True, "irsa_webhook_timeout": 4},
    "policy": {"irsa_webhook_mode": "policy"},
    "strict policy": {"irsa_webhook_mode": "policy", "irsa_webhook_strict": "true"},
    "cert-manager": {"irsa_webhook_tls": "cert-manager"},
    "secret": {"irsa_webhook_tls": "secret", "irsa_webhook_tls_secret": "certs/webhook"},
}
CERTIFICATE = {"timestamp": 100 * DAY, "lifetime": 40 * DAY}


@pytest.fixture(scope="module")
def rules() -> dict[str, Json]:
    shared = {"irsa_cluster": "prod", "__irsa_webhook_plan": plan(certificate=CERTIFICATE)}
    return templates("irsa_webhook", "alert_rules", {name: {**shared, **given} for name, given in SETS.items()})


def up(server: Json | None = None, values: str = "1x60") -> dict[str, str]:
    return {series("up", server or SERVER): values}


def failed_open(values: str, name: str = f"again.{HOOK}", server: Json | None = None) -> dict[str, str]:
    labels = {**(server or SERVER), "name": name, "type": "admit"}
    return {**up(server), series("apiserver_admission_webhook_fail_open_count", labels): values}


def refused(values: str, error_type: str = "calling_webhook_error", name: str = f"strict.{HOOK}") -> dict[str, str]:
    labels = {"name": name, "type": "admit", "operation": "CREATE", "error_type": error_type, "rejection_code": "500"}
    return {**up(), series("apiserver_admission_webhook_rejection_count", {**SERVER, **labels}): values}


def checked(values: str, error_type: str = "invalid_error", policy: str = POLICY) -> dict[str, str]:
    labels = {"policy": policy, "policy_binding": policy, "error_type": error_type}
    return {**up(), series("apiserver_mutating_admission_policy_check_total", {**SERVER, **labels}): values}


def not_matched(values: str, policy: str = POLICY, kind: str = "policy") -> dict[str, str]:
    labels = {"name": policy, "kind": kind, "type": "validate", "operation": "CREATE"}
    return {**up(), series("apiserver_admission_match_condition_evaluation_errors_total", {**SERVER, **labels}): values}


def calls(quick: int, slow: int, name: str = HOOK, server: Json | None = None) -> dict[str, str]:
    """Return the histogram of an API server that makes so many calls a minute, SLOW ones within 10 seconds."""
    labels = {**(server or SERVER), "name": name, "type": "admit", "operation": "CREATE", "rejected": "false"}
    counts = {"0.005": 0, "0.1": quick, "2.5": quick, "10": quick + slow, "25": quick + slow, "+Inf": quick + slow}
    return {
        series("apiserver_admission_webhook_admission_duration_seconds_bucket", {**labels, "le": le}): f"0+{count}x60"
        for le, count in counts.items()
    }


UNREACHED = {"alertname": "IrsaWebhookIsNotReached", "severity": "critical", "irsa_cluster": "prod", **SERVER}
OF_FIRST_CALL = {**UNREACHED, "name": f"again.{HOOK}", "type": "admit"}
REFUSED = {
    **UNREACHED,
    "alertname": "IrsaPodsAreRefused",
    "name": f"strict.{HOOK}",
    "type": "admit",
    "operation": "CREATE",
    "rejection_code": "500",
    "error_type": "calling_webhook_error",
}
OF_POLICY = {**UNREACHED, "alertname": "IrsaPolicyFails"}
FAILS = {**OF_POLICY, "policy": POLICY, "policy_binding": POLICY, "error_type": "invalid_error"}
NOT_MATCHED = {**OF_POLICY, "name": POLICY, "kind": "policy", "type": "validate", "operation": "CREATE"}
SLOW = {"alertname": "IrsaWebhookIsSlow", "severity": "warning", "irsa_cluster": "prod", **SERVER}
# By what API servers count, minute by minute: what fires when, after so many minutes.
SITUATIONS: dict[str, tuple[str, dict[str, str], dict[str, list[Json]]]] = {
    "nothing is counted": ("strict", up(), {"40m": []}),
    "a first pod is missed": (
        "webhook",
        failed_open("_x30 1x30"),
        {"29m": [], "30m": [OF_FIRST_CALL], "39m": [OF_FIRST_CALL], "41m": []},
    ),
    "further pods are missed": (
        "webhook",
        failed_open("5x29 6x30"),
        {"29m": [], "31m": [OF_FIRST_CALL], "44m": [OF_FIRST_CALL], "46m": []},
    ),
    "a pod was missed before the API server was scraped": (
        "webhook",
        {**failed_open("_x30 7x30"), **up(values="_x30 1x30")},
        {"30m": [], "35m": [], "41m": []},
    ),
    "an API server restarts": ("webhook", failed_open("7x29 _x30"), {"29m": [], "31m": [], "45m": []}),
    **{
        f"an API server misses a pod, {minutes} minutes after a restart": (
            "webhook",
            failed_open(f"7x19 _x{minutes} 1x40"),
            {"19m": [], f"{19 + minutes}m": [], f"{20 + minutes}m": [OF_FIRST_CALL], "50m": []},
        )
        for minutes in (1, 5, 9, 10, 11, 14, 15)
    },
    "one of two API servers misses pods": (
        "webhook",
        {**failed_open("0x60"), **failed_open("0+1x60", server=OTHER_SERVER)},
        {"30m": [{**OF_FIRST_CALL, **OTHER_SERVER}]},
    ),
    "only the first call is lost": ("webhook", failed_open("0+1x60", name=HOOK), {"30m": []}),
    "another webhook is not reached": ("webhook", failed_open("0+1x60", name="again.example.com"), {"30m": []}),
    "pods are refused": ("strict", refused("0+1x60"), {"1m": [REFUSED], "30m": [REFUSED]}),
    "a first pod is refused": ("strict", refused("_x30 1x30"), {"29m": [], "30m": [REFUSED], "41m": []}),
    "the webhook itself refuses": ("strict", refused("0+1x60", error_type="no_error"), {"30m": []}),
    "another webhook's pods are refused": ("strict", refused("0+1x60", name=HOOK), {"30m": []}),
    "pods are refused where no namespace can ask for it": ("webhook", refused("0+1x60"), {"30m": []}),
    "calls are quick": ("webhook", calls(1000, 9), {"40m": []}),
    "calls are slow": ("webhook", calls(1000, 100), {"10m": [], "40m": [SLOW]}),
    "calls of a second try are slow": ("webhook", calls(1000, 100, name=f"again.{HOOK}"), {"40m": [SLOW]}),
    "one API server's calls are slow": (
        "webhook",
        {**calls(9000, 0), **calls(1000, 100, server=OTHER_SERVER)},
        {"40m": [{**SLOW, **OTHER_SERVER}]},
    ),
    "another webhook is slow": ("webhook", calls(0, 100, name=f"x{HOOK}"), {"40m": []}),
    "nobody calls": ("webhook", calls(0, 0), {"40m": []}),
    "the policy is evaluated": ("policy", checked("0+1x60", error_type="no_error"), {"30m": []}),
    "the policy fails": ("policy", checked("0+1x60"), {"1m": [FAILS], "30m": [FAILS]}),
    "the policy fails for the first time": (
        "policy",
        checked("_x30 1x30"),
        {"29m": [], "30m": [FAILS], "39m": [FAILS], "41m": []},
    ),
    "the policy takes too long": (
        "policy",
        checked("0+1x60", error_type="out_of_budget"),
        {"30m": [{**FAILS, "error_type": "out_of_budget"}]},
    ),
    "that of the system fails": (
        "strict policy",
        checked("0+1x60", policy=f"{POLICY}-system"),
        {"30m": [{**FAILS, "policy": f"{POLICY}-system", "policy_binding": f"{POLICY}-system"}]},
    ),
    "another policy fails": ("policy", checked("0+1x60", policy=f"{POLICY}-of-mine"), {"30m": []}),
    "its condition fails": ("policy", not_matched("_x30 1x30"), {"29m": [], "31m": [NOT_MATCHED], "41m": []}),
    "its condition fails again": ("policy", not_matched("1+1x60"), {"30m": [NOT_MATCHED]}),
    "the condition of another's fails": ("policy", not_matched("0+1x60", policy="mine"), {"30m": []}),
    "a webhook with its name fails": ("policy", not_matched("0+1x60", kind="webhook"), {"30m": []}),
}


@pytest.mark.parametrize("given", SETS)
def test_prometheus_takes_the_rules(rules: dict[str, Json], given: str, tmp_path: Path) -> None:
    check(tmp_path, rules[given])


@pytest.mark.parametrize("situation", SITUATIONS)
def test_what_fires(rules: dict[str, Json], situation: str, tmp_path: Path) -> None:
    given, recorded, expected = SITUATIONS[situation]
    require_firing(tmp_path, rules[given], recorded, expected)


ENDS = {"alertname": "IrsaWebhookCertificateExpires", "severity": "warning", "irsa_cluster": "prod"}


def issued(**labels: str) -> dict[str, str]:
    return {series("certmanager_certificate_expiration_timestamp_seconds", labels): f"{100 * DAY}x300"}


@pytest.mark.parametrize(
    ("given", "recorded"),
    [
        ("webhook", {}),
        ("secret", {}),
        ("cert-manager", issued(namespace="pod-identity-webhook", name="pod-identity-webhook")),
        (
            "cert-manager",
            issued(
                namespace="cert-manager",
                exported_namespace="pod-identity-webhook",
                name="pod-identity-webhook",
                job="x",
            ),
        ),
    ],
)
def test_the_certificate_ends(rules: dict[str, Json], given: str, recorded: dict[str, str], tmp_path: Path) -> None:
    at = {"89d12h": [], "91d": [ENDS]}  # a quarter of 40 days before day 100
    require_firing(tmp_path, rules[given], recorded, at, interval="12h")


def test_other_certificates_of_cert_manager_are_not_its(rules: dict[str, Json], tmp_path: Path) -> None:
    others = {
        **issued(namespace="apps", name="pod-identity-webhook"),
        **issued(namespace="pod-identity-webhook", name="x"),
    }
    require_firing(tmp_path, rules["cert-manager"], others, {"91d": []}, interval="12h")


def test_the_certificate_of_another_cluster_is_not_its(rules: dict[str, Json], tmp_path: Path) -> None:
    another = {series("onprem_irsa_webhook_certificate_expires_seconds", {"irsa_cluster": "other"}): "1x300"}
    require_firing(tmp_path, rules["webhook"], another, {"50d": []}, interval="12h")


@pytest.mark.parametrize(
    ("given", "recorded", "fires"),
    [
        (
            "webhook",
            failed_open("0+1x60"),
            Fires(
                OF_FIRST_CALL,
                "API servers could not reach the pod-identity webhook, and admitted pods without their AWS role.",
                "30m",
            ),
        ),
        (
            "strict",
            calls(1000, 1000),
            Fires(SLOW, "An API server waits 9.85s for the pod-identity webhook.", "40m"),
        ),
    ],
)
def test_what_an_alert_says(
    rules: dict[str, Json], given: str, recorded: dict[str, str], fires: Fires, tmp_path: Path
) -> None:
    require_words(tmp_path, rules[given], recorded, fires)
