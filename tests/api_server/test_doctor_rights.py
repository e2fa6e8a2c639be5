# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The doctor on a real API server, as a user that has the printed rights and nothing else; the server keeps a log."""

from __future__ import annotations

import base64
import json
import typing as t

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._doctor.codec import of_json
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.rights import (
    LEGACY_SECRETS,
    RIGHTS,
    Right,
    cluster_rights,
    right_of,
)
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.snapshot import NotLooked
from ansible_collections.onprem.irsa.plugins.module_utils._injection.names import (
    CLUSTER_NAME,
    LABELS,
    NAME,
    POLICY_PARAMETERS,
    PROBE,
)
from ansible_collections.onprem.irsa.plugins.module_utils._kube.kubeconfig import current_context
from ansible_collections.onprem.irsa.plugins.modules import chain_cluster_info

from .live_chain import called, configuration
from .some_servers import Servers, servers
from .test_any_cluster import POLICY

if t.TYPE_CHECKING:
    from pathlib import Path

Json = dict[str, t.Any]
OWN: t.Final = "pod-identity-webhook"
USER: t.Final = "system:serviceaccount:default:doctor"
RBAC: t.Final = "/apis/rbac.authorization.k8s.io/v1"


def populate(cluster: Servers) -> None:
    """Make what makes the doctor ask for all that it may: the objects of the role irsa_webhook."""
    labels = dict(LABELS)
    cluster.ask(0, "POST", "/api/v1/namespaces", {"metadata": {"name": OWN, "labels": labels}})
    inside = f"/api/v1/namespaces/{OWN}"
    cluster.ask(0, "POST", f"{inside}/serviceaccounts", {"metadata": {"name": PROBE, "labels": labels}})
    cluster.ask(0, "POST", f"{inside}/configmaps", {"metadata": {"name": POLICY_PARAMETERS, "labels": labels}})
    hooks = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
    made = configuration(CLUSTER_NAME)
    made["metadata"]["labels"] = labels
    cluster.ask(0, "POST", hooks, made)
    template = {"metadata": {"labels": {"app": NAME}}, "spec": {"containers": [{"name": "webhook", "image": "w:1"}]}}
    spec = {"selector": {"matchLabels": {"app": NAME}}, "template": template}
    deployments = f"/apis/apps/v1/namespaces/{OWN}/deployments"
    cluster.ask(0, "POST", deployments, {"metadata": {"name": NAME, "labels": labels}, "spec": spec})


def grant(cluster: Servers, roles: t.Iterable[Json]) -> str:
    """Give a service account these roles; return a token of it."""
    cluster.ask(0, "POST", "/api/v1/namespaces/default/serviceaccounts", {"metadata": {"name": "doctor"}})
    subjects = [{"kind": "ServiceAccount", "namespace": "default", "name": "doctor"}]
    for role in roles:
        space = role["metadata"].get("namespace")
        kind = role["kind"].lower()
        root = f"{RBAC}/namespaces/{space}" if space else RBAC
        cluster.ask(0, "POST", f"{root}/{kind}s", role)
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": role["kind"], "name": role["metadata"]["name"]}
        binding = {"metadata": {"name": "doctor"}, "roleRef": reference, "subjects": subjects}
        cluster.ask(0, "POST", f"{root}/{kind}bindings", binding)
    path = "/api/v1/namespaces/default/serviceaccounts/doctor/token"
    return str(cluster.ask(0, "POST", path, {"spec": {"expirationSeconds": 600}})["status"]["token"])


def logged(path: Path) -> list[Json]:
    events = [json.loads(line) for line in path.read_text().splitlines()]
    return [event for event in events if event["user"]["username"] == USER]


def used(event: Json) -> object:
    """Return the right that a request has used, as it was logged; None for one without a right."""
    method = {"create": "POST", "get": "GET", "list": "GET"}.get(event["verb"], str(event["verb"]))
    return right_of(method, event["requestURI"].partition("?")[0], OWN, legacy_secrets=True)


@pytest.mark.parametrize("legacy", [False, pytest.param(True, marks=pytest.mark.live_faults)])
def test_the_printed_rights_are_exactly_what_is_used(tmp_path: Path, legacy: bool) -> None:
    log, policy = tmp_path / "audit.log", tmp_path / "audit.json"
    rules = [{"level": "Metadata", "omitStages": ["RequestReceived"]}]
    policy.write_text(json.dumps({"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": rules}))
    flags = [f"--audit-policy-file={policy}", f"--audit-log-path={log}", *POLICY]
    with servers(tmp_path, 1, *flags) as cluster:
        populate(cluster)
        given = cluster.at(0).kubeconfig
        given["users"][0]["user"]["token"] = grant(cluster, cluster_rights(OWN, legacy_secrets=legacy))
        given["clusters"][0]["cluster"] = {
            "server": cluster.at(0).url,
            "certificate-authority-data": base64.b64encode(cluster.at(0).authority.read_bytes()).decode(),
        }
        found = called(chain_cluster_info.main, kubeconfig=current_context(given), legacy_secrets=legacy)
        seen = of_json(found["seen"], source="seen")
        parts = (seen.api_servers, seen.injection, seen.pods, seen.service_accounts)
        assert [part for part in parts if isinstance(part, NotLooked)] == []
        events = logged(log)
    assert [event["requestURI"] for event in events if event["responseStatus"].get("code") == 403] == []
    rights = {used(event) for event in events}
    assert None not in rights
    assert {right for right in rights if isinstance(right, Right)} == {*RIGHTS, *([LEGACY_SECRETS] if legacy else [])}
    pods = [event["requestURI"] for event in events if event["verb"] == "create" and "/pods" in event["requestURI"]]
    assert pods
    assert all("dryRun=All" in uri for uri in pods)
