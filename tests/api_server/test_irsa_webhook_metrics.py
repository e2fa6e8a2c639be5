# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The metrics by which the alert rules of irsa_webhook go, as a real API server has them: make api-server."""

from __future__ import annotations

import contextlib
import re
import ssl
import time
import typing as t
import urllib.error
import urllib.request

import pytest
import yaml

from ansible_collections.onprem.irsa.tests.unit.roles.rendered import rendered_each
from ansible_collections.onprem.irsa.tests.unit.roles.test_irsa_webhook_objects import plan

from .conftest import ApiServer, api_server
from .test_policy import SPACE, ask, make_account, run

if t.TYPE_CHECKING:
    from pathlib import Path

Json = dict[str, t.Any]
WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
MERGE = "application/merge-patch+json"
SECONDS = 30.0
_SAMPLE = re.compile(r"^(\w+)\{(.*)\} (\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)(=~|!=|=)"([^"]*)"')


def template(name: str, **variables: object) -> Json:
    text = f"lookup('ansible.builtin.template', role_path ~ '/templates/{name}.yml.j2')"
    (result,) = rendered_each("irsa_webhook", [text], [{"__irsa_webhook_plan": plan(), **variables}])
    found: Json = yaml.safe_load(result[text])
    return found


def selectors(rules: Json) -> set[tuple[str, str]]:
    """Return the metrics of API servers that rules select, with the text of their labels."""
    expressions = " ".join(rule["expr"] for group in rules["groups"] for rule in group["rules"])
    return {*re.findall(r"(apiserver_\w+)\{([^}]*)\}", expressions)}


def counted(server: ApiServer, name: str, selector: str) -> float:
    """Return the sum of the samples that a selector of PromQL takes."""
    token = server.kubeconfig["users"][0]["user"]["token"]
    request = urllib.request.Request(f"{server.url}/metrics", headers={"Authorization": f"Bearer {token}"})  # noqa: S310
    context = ssl.create_default_context(cafile=server.authority)
    with urllib.request.urlopen(request, context=context, timeout=30) as answer:  # noqa: S310 -- loopback
        text = answer.read().decode()
    wanted = _LABEL.findall(selector)
    assert wanted, selector
    return sum(
        float(value)
        for metric, labels, value in _SAMPLE.findall(text)
        if metric == name and all(takes(dict(re.findall(r'(\w+)="([^"]*)"', labels)), *each) for each in wanted)
    )


def takes(labels: dict[str, str], name: str, operator: str, value: str) -> bool:
    assert name in labels, (name, labels)  # PromQL takes a label that is not there for an empty one
    if operator == "=~":
        return re.fullmatch(value, labels[name]) is not None
    return (labels[name] == value) is (operator == "=")


def create_pod(server: ApiServer, space: str = "apps") -> bool:
    """Try a pod without storing it; tell whether the API server takes it."""
    spec = {"serviceAccountName": "reports", "containers": [{"name": "app", "image": "app"}]}
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "app"}, "spec": spec}
    with contextlib.suppress(urllib.error.HTTPError):
        ask(server, "POST", f"{SPACE}/{space}/pods?dryRun=All", body)
        return True
    return False


def require_counted(server: ApiServer, wanted: set[tuple[str, str]], space: str = "apps") -> None:
    """Create pods until each selector takes a sample that is not 0."""
    end = time.monotonic() + SECONDS
    missing = wanted
    while missing and time.monotonic() < end:
        create_pod(server, space)
        time.sleep(0.5)
        missing = {each for each in missing if not counted(server, *each)}
    assert missing == set()


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[ApiServer]:
    flags = [
        "--feature-gates=MutatingAdmissionPolicy=true",
        "--runtime-config=admissionregistration.k8s.io/v1beta1=true",
    ]
    with api_server(tmp_path_factory.mktemp("metrics"), *flags) as found:
        make_account(found)
        yield found


def test_a_webhook_that_is_not_there(own_server: ApiServer) -> None:
    wanted = selectors(template("alert_rules", irsa_webhook_strict=True))
    refusing = {each for each in wanted if "rejection_count" in each[0]}
    assert (len(wanted), len(refusing)) == (3, 1)
    ask(
        own_server, "POST", SPACE, {"metadata": {"name": "strict", "labels": {"onprem.irsa/require-injection": "true"}}}
    )
    account = {"metadata": {"name": "reports"}, "automountServiceAccountToken": False}
    ask(own_server, "POST", f"{SPACE}/strict/serviceaccounts", account)
    ask(own_server, "POST", WEBHOOKS, template("configuration", irsa_webhook_strict=True))
    try:
        require_counted(own_server, wanted - refusing)
        assert create_pod(own_server)
        require_counted(own_server, refusing, "strict")
        assert not create_pod(own_server, "strict")
    finally:
        ask(own_server, "DELETE", f"{WEBHOOKS}/onprem-irsa-pod-identity-webhook")


def test_a_policy_that_cannot_be_evaluated(own_server: ApiServer, tmp_path: Path) -> None:
    wanted = selectors(template("alert_rules", irsa_webhook_mode="policy"))
    conditions = {each for each in wanted if "match_condition" in each[0]}
    assert (len(wanted), len(conditions)) == (2, 1)
    run(own_server, tmp_path)
    assert create_pod(own_server)
    assert {counted(own_server, *each) for each in wanted} == {0}
    parameters = f"{SPACE}/pod-identity-webhook/configmaps/pod-identity-roles"
    ask(own_server, "PATCH", parameters, {"data": {"regional": None, "region": None}}, MERGE)
    require_counted(own_server, wanted - conditions)
    ask(own_server, "PATCH", parameters, {"data": None}, MERGE)
    require_counted(own_server, conditions)
    assert create_pod(own_server)
