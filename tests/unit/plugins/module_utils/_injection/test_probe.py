# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._errors import ApiError
from ansible_collections.onprem.irsa.plugins.module_utils._injection.names import PROBE, PROBE_LABEL, PROBE_ROLE
from ansible_collections.onprem.irsa.plugins.module_utils._injection.pod import Account, inject
from ansible_collections.onprem.irsa.plugins.module_utils._injection.probe import (
    Tried,
    Wanted,
    failure,
    policy_problem,
    probe_pod,
    reachable,
    settings_problem,
    try_pod,
    webhook_problem,
)

from ...some_injection import HOOK

Json = dict[str, t.Any]

REFUSED = f'failed calling webhook "probe.{HOOK}": EOF'
POD: Json = {"spec": {}}


def admitted(audience: str = "sts.amazonaws.com", region: str = "eu-central-1", role: str = PROBE_ROLE) -> Json:
    """Return the pod that is tried as API servers admit it."""
    account = Account(role, audience, regional_sts=True, expiration=86400)
    return {"spec": inject({"containers": [{"name": "probe"}]}, {}, account, region)}


SETTINGS = Wanted(PROBE_ROLE, "sts.amazonaws.com", "eu-central-1")


@pytest.mark.parametrize(
    ("wanted", "pod", "suffices"),
    [
        (Wanted(), admitted(audience="any"), True),
        (Wanted(), {"spec": {"volumes": [{"name": "aws-iam-token"}]}}, True),
        (Wanted(), {"spec": {}}, False),
        (Wanted(), None, False),
        (Wanted("arn:2"), admitted(role="arn:2", audience="any"), True),
        (Wanted("arn:2"), admitted(role="arn:1"), False),  # what the policy has read before
        (Wanted("arn:2"), {"spec": {}}, False),
        (Wanted("arn:2"), None, False),
        (SETTINGS, admitted(), True),
        (SETTINGS, admitted(audience="other"), False),
        (SETTINGS, admitted(region="us-west-2"), False),
        (SETTINGS, admitted(role="arn:2"), False),
        (Wanted(PROBE_ROLE, "sts.amazonaws.com"), admitted(), False),
        (Wanted(PROBE_ROLE, "sts.amazonaws.com"), admitted(region=""), True),
        (SETTINGS, {"spec": {}}, False),
        (SETTINGS, None, False),
    ],
)
def test_a_pod_that_has_what_it_should(wanted: Wanted, pod: Json | None, suffices: bool) -> None:
    assert wanted.suffices(Tried("", pod=pod, error="" if pod else "refused")) is suffices


def on(server: str, error: str = "") -> Tried:
    return Tried(server, error=error) if error else Tried(server, pod=POD)


@pytest.mark.parametrize(
    ("tried", "cause", "says"),
    [
        ([on("", REFUSED)], "unreached", REFUSED),
        ([on("", 'failed calling webhook "validate.kyverno.svc-fail": EOF')], "refused", "failed calling webhook"),
        ([on("")], "ignored", "it was admitted without its role"),
        ([on("https://a", REFUSED)], "unreached", f"at https://a {REFUSED}"),
        # Of several causes the one that has a fix, and all that was said.
        ([on("https://a"), on("https://b", REFUSED)], "unreached", "at https://a it was admitted without its role; at"),
        ([on("https://a", "forbidden"), on("https://b")], "ignored", "at https://a forbidden; at https://b it was"),
    ],
)
def test_why_a_pod_that_is_tried_has_no_role(tried: list[Tried], cause: str, says: str) -> None:
    found = failure(tried, port=8443, namespace="irsa")
    assert found.cause == cause
    assert found.said.startswith(says)
    assert bool(found.fix) == (cause == "unreached")


@pytest.mark.parametrize(
    ("tried", "called", "says"),
    [
        (on("", REFUSED), False, ["API servers do not reach the webhook", "do not call it for pods yet", "port 9443"]),
        (on("", REFUSED), True, ["still call the webhook as before"]),
        (on(""), False, ["leaves a pod without its role", "kubectl --namespace irsa logs deployments/pod-identity-w"]),
        (on("", "pods is forbidden"), False, ["is refused: pods is forbidden", "may create pods in irsa"]),
    ],
)
def test_what_is_wrong_with_a_webhook(tried: Tried, called: bool, says: list[str]) -> None:
    found = webhook_problem(failure([tried], port=9443, namespace="irsa"), namespace="irsa", called=called)
    assert [words for words in says if words not in found] == []


@pytest.mark.parametrize(
    ("tried", "stands", "says"),
    [
        (on(""), False, ["The policy is removed again, because it did not inject a pod", "130887", "_set_flags"]),
        (on(""), True, ["The policy stays, but it did not inject a pod within two minutes"]),
        (on("", "pods is forbidden"), False, ["is refused: pods is forbidden", "may create pods in irsa"]),
    ],
)
def test_why_a_policy_is_not_in_force(tried: Tried, stands: bool, says: list[str]) -> None:
    found = policy_problem(failure([tried], port=8443, namespace="irsa"), namespace="irsa", stands=stands)
    assert [words for words in says if words not in found] == []


def test_where_new_pods_do_not_get_the_settings_of_now() -> None:
    found = settings_problem([on("https://a"), on("https://b")], Wanted("arn:1", "mine", "eu-central-1"))
    assert "do not get the audience mine and the region eu-central-1 at https://a, https://b." in found
    assert "kubectl get mutatingwebhookconfigurations" in found
    assert "and no region at an API server." in settings_problem([on("")], Wanted("arn:1", "mine"))


@pytest.mark.parametrize("marked", [True, False])
def test_the_pod_of_the_probe(marked: bool) -> None:
    """A cluster's policies admit it: Kubernetes, "Pod Security Standards", restricted."""
    pod = probe_pod("irsa", "registry.example.com/webhook:v1", is_marked=marked)
    assert pod["metadata"] == {"name": PROBE, "namespace": "irsa", "labels": {PROBE_LABEL: "true"} if marked else {}}
    assert pod["spec"]["serviceAccountName"] == PROBE
    (container,) = pod["spec"]["containers"]
    assert container["image"] == "registry.example.com/webhook:v1"
    assert container["resources"]["requests"] == container["resources"]["limits"]
    assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
    assert pod["spec"]["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


class Servers:
    """API servers of which some answer; SERVER is the one of the kubeconfig."""

    def __init__(self, answering: t.Mapping[str, object], server: str = "https://lb") -> None:
        """Take what each answers: an object, None, or an error."""
        self.answering, self.server = answering, server

    def at(self, server: str) -> Servers:
        return Servers(self.answering, server)

    def get(self, path: str) -> Json | None:
        assert path == "/api/v1/namespaces/default"
        answer = self.answering.get(self.server, ApiError("no route", fix=""))
        if isinstance(answer, Exception):
            raise answer
        return t.cast("Json | None", answer)

    def items(self, path: str, *, labels: str = "", fields: str = "") -> list[Json]:
        raise NotImplementedError((path, labels, fields))

    def create(self, path: str, body: Json, *, dry_run: bool = False) -> Json:
        assert dry_run
        if self.server == "https://refusing":
            raise ApiError("The API server answers POST with 403: no.", fix="", status=403, said="no")
        return {"asked": path, **body}


A, B = "https://a", "https://b"


@pytest.mark.parametrize(
    ("urls", "answering", "reached", "unasked"),
    [
        ([A, B], {A: {}, B: {}}, [A, B], []),
        ([A, B], {B: {}}, [B], [A]),
        ([A, B], {A: {}, B: None}, [A], [B]),  # something else answers there
        ([A, B], {}, ["https://lb"], [A, B]),
        ([A], {A: {}}, ["https://lb"], []),
        ([], {}, ["https://lb"], []),
    ],
)
def test_each_api_server_that_the_controller_reaches_is_asked(
    urls: list[str], answering: dict[str, object], reached: list[str], unasked: list[str]
) -> None:
    found, others = reachable(Servers(answering), urls)
    assert ([reader.server for reader in found], others) == (reached, unasked)


def test_a_pod_is_tried_and_not_stored() -> None:
    pod = probe_pod("irsa", "x", is_marked=False)
    assert try_pod(Servers({}, A), pod) == Tried(A, pod={"asked": "/api/v1/namespaces/irsa/pods", **pod})
    assert try_pod(Servers({}, "https://refusing"), pod) == Tried("https://refusing", error="no")
