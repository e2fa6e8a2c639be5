# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks as a user that has the rights of the guide and nothing else; the API server keeps a log."""

from __future__ import annotations

import json
import re
import time
import typing as t

import yaml

from ansible_collections.onprem.irsa.plugins.module_utils._injection.permissions import needed
from ansible_collections.onprem.irsa.tests.unit.extensions.lab.aws.conftest import Lab, lab, server
from ansible_collections.onprem.irsa.tests.unit.plugins.some_injection import NAMESPACE, options, seen

from .some_servers import OLD, Servers, servers
from .test_any_cluster import NEW, POLICY, ROOT, Runs

if t.TYPE_CHECKING:
    from pathlib import Path

__all__ = ["lab", "server"]  # fixtures
Json = dict[str, t.Any]
Right = tuple[str, str, str]
"""Verb, API group and resource; of what is no resource the verb, nothing and the path."""

GUIDE: t.Final = ROOT / "docs/docsite/rst/guide_any_cluster.rst"
RBAC: t.Final = "/apis/rbac.authorization.k8s.io/v1"
# What every user may do who is logged in: the ClusterRoles system:discovery and system:basic-user of Kubernetes.
GIVEN: t.Final = re.compile(r"/apis?(/.*)?")
REVIEW: t.Final[Right] = ("create", "authorization.k8s.io", "selfsubjectrulesreviews")


def printed() -> dict[str, Json]:
    """Return the ClusterRoles of the guide by the last word of their names."""
    blocks = re.findall(r"code-block:: yaml\n\n((?:  .*\n)+)", GUIDE.read_text())
    found = [block for block in map(yaml.safe_load, blocks) if block.get("kind") == "ClusterRole"]
    return {role["metadata"]["name"].rpartition("-")[2]: role for role in found}


def rights_of(role: Json) -> set[Right]:
    return {
        (verb, group, resource)
        for rule in role["rules"]
        for verb in rule["verbs"]
        for group in rule.get("apiGroups", [""])
        for resource in rule.get("resources") or rule["nonResourceURLs"]
    }


def user(cluster: Servers, name: str, *roles: Json) -> str:
    """Make a service account with these roles alone, and return a token of it."""
    accounts = "/api/v1/namespaces/default/serviceaccounts"
    cluster.ask(0, "POST", accounts, {"metadata": {"name": name}})
    for role in roles:
        bind(cluster, name, role)
    asked = {"spec": {"expirationSeconds": 7200}}
    return str(cluster.ask(0, "POST", f"{accounts}/{name}/token", asked)["status"]["token"])


def bind(cluster: Servers, name: str, role: Json) -> None:
    cluster.ask(0, "POST", f"{RBAC}/clusterroles", role)
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role["metadata"]["name"]}
    subjects = [{"kind": "ServiceAccount", "name": name, "namespace": "default"}]
    binding = {"metadata": role["metadata"], "roleRef": reference, "subjects": subjects}
    cluster.ask(0, "POST", f"{RBAC}/clusterrolebindings", binding)


def used(log: Path, name: str) -> set[Right]:
    """Return the rights that a user's requests have needed, none of which was refused."""
    events = [json.loads(line) for line in log.read_text().splitlines()]
    own = [event for event in events if event["user"]["username"] == f"system:serviceaccount:default:{name}"]
    assert [event["requestURI"] for event in own if event["responseStatus"].get("code") == 403] == []
    return {right for event in own if (right := _right(event)) and right != REVIEW}


def _right(event: Json) -> Right | None:
    found = event.get("objectRef")
    if not found:
        path = event["requestURI"].partition("?")[0]
        return None if GIVEN.fullmatch(path) else (event["verb"], "", path)
    resource = "/".join(filter(None, (found["resource"], found.get("subresource"))))
    return event["verb"], found.get("apiGroup", ""), resource


def of_injection(mode: str) -> set[Right]:
    """Return what the injection asks for as a whole, before it changes anything."""
    asked = needed(options(mode=mode), seen(namespace=NAMESPACE if mode == "none" else None))
    return {(verb, group, resource) for (group, resource), verbs in asked.items() for verb in verbs}


def settle(cluster: Servers) -> None:
    """Wait until namespaces end: what ends them gives up where its API server restarts before it has begun."""
    spaces, end = "/api/v1/namespaces", time.monotonic() + 60
    cluster.ask(0, "POST", spaces, {"metadata": {"name": "ends"}})
    cluster.ask(0, "DELETE", f"{spaces}/ends")
    while "ends" in [space["metadata"]["name"] for space in cluster.ask(0, "GET", spaces)["items"]]:
        assert time.monotonic() < end
        time.sleep(0.3)


def be(directory: Path, token: str) -> None:
    kubeconfig = json.loads((directory / "kubeconfig").read_text())
    kubeconfig["users"][0]["user"] = {"token": token}
    (directory / "kubeconfig").write_text(json.dumps(kubeconfig))


def test_the_rights_of_the_guide_are_enough_and_each_is_used(tmp_path: Path, lab: Lab) -> None:
    roles = printed()
    (tmp_path / "cluster").mkdir()
    log, policy = tmp_path / "audit.log", tmp_path / "audit.json"
    rules = [{"level": "Metadata", "omitStages": ["RequestReceived"]}]
    policy.write_text(json.dumps({"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": rules}))
    flags = [f"--audit-policy-file={policy}", f"--audit-log-path={log}", *POLICY]
    with servers(tmp_path / "cluster", 1, *flags) as cluster:
        settle(cluster)
        cluster.restart_all([NEW, OLD], f"--service-account-jwks-uri={NEW}/openid/v1/jwks")
        runs = Runs(tmp_path, lab, cluster)
        be(tmp_path, user(cluster, "site", roles["site"]))
        for _run in ("makes all", "compares all"):
            code, output = runs.run("site")
            assert code == 0, output
        be(tmp_path, user(cluster, "verify", roles["verify"]))
        code, output = runs.run("verify")
        assert code == 0, output
        of_site = used(log, "site")

        be(tmp_path, user(cluster, "teardown", roles["teardown"]))
        site = {**roles["site"], "metadata": {"name": "both"}}
        bind(cluster, "teardown", site)
        cluster.restart_all([OLD, NEW])
        code, output = runs.run("teardown")
        assert code == 0, output

        assert used(log, "verify") == rights_of(roles["verify"])
        assert of_site | of_injection("policy") | of_injection("webhook") == rights_of(roles["site"])
        assert rights_of(roles["teardown"]) <= used(log, "teardown") | of_injection("none")
