# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role irsa_webhook in mode policy on a real API server, which evaluates what it has made: make api-server."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import typing as t
import urllib.request
from pathlib import Path

if t.TYPE_CHECKING:
    from .conftest import ApiServer

Json = dict[str, t.Any]
ROLE = "arn:aws:iam::123456789012:role/reports"
SPACE = "/api/v1/namespaces"
POLICIES = "/apis/admissionregistration.k8s.io/v1beta1/mutatingadmissionpolicies"
_TREE: t.Final = Path(__file__).parents[2] / ".build"
_PLAY: t.Final = """
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.include_role: {name: onprem.irsa.irsa_webhook, tasks_from: "{{ entry | default('main') }}"}
    - ansible.builtin.copy:
        content: "{{ {'report': irsa_webhook_report, 'missed': irsa_webhook_missed | default({})} | to_json }}"
        dest: "{{ result }}"
      changed_when: false
"""


def ask(server: ApiServer, method: str, path: str, body: Json | None = None, kind: str = "application/json") -> Json:
    token = server.kubeconfig["users"][0]["user"]["token"]
    headers = {"Authorization": f"Bearer {token}", "Content-Type": kind}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(server.url + path, data, headers, method=method)  # noqa: S310 -- loopback
    context = ssl.create_default_context(cafile=server.authority)
    with urllib.request.urlopen(request, context=context, timeout=30) as answer:  # noqa: S310 -- as above
        found: Json = json.load(answer)
    return found


def run(server: ApiServer, directory: Path, **variables: object) -> tuple[int, Json]:
    """Run the role; return how many tasks have changed something and what the role reports."""
    (directory / "play.yml").write_text(_PLAY)
    (directory / "kubeconfig").write_text(json.dumps(server.kubeconfig))
    known = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "irsa_kubeconfig_path": str(directory / "kubeconfig"),
        "irsa_webhook_mode": "policy",
        "irsa_webhook_region": "eu-central-1",
        "result": str(directory / "result"),
    }
    command = ["ansible-playbook", "-i", "localhost,", "-e", json.dumps({**known, **variables}), "play.yml"]
    environment = {**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_COLLECTIONS_PATH": str(_TREE)}
    done = subprocess.run(  # noqa: S603 -- our own
        command, cwd=directory, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    recap = next(line for line in done.stdout.splitlines() if line.startswith("localhost") and "changed=" in line)
    return int(recap.split("changed=")[1].split()[0]), json.loads((directory / "result").read_text())


def pod(server: ApiServer, **metadata: object) -> Json:
    """Return a pod of the service account as the API server would store it."""
    spec = {"serviceAccountName": "reports", "containers": [{"name": "app", "image": "app"}]}
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "app", **metadata}, "spec": spec}
    return ask(server, "POST", f"{SPACE}/apps/pods?dryRun=All", body)


def make_account(server: ApiServer) -> None:
    ask(server, "POST", SPACE, {"metadata": {"name": "apps"}})
    metadata = {"name": "reports", "annotations": {"eks.amazonaws.com/role-arn": ROLE}}
    ask(server, "POST", f"{SPACE}/apps/serviceaccounts", {"metadata": metadata, "automountServiceAccountToken": False})


def variables_of(made: Json) -> dict[str, str]:
    return {item["name"]: item.get("value", "") for item in made["spec"]["containers"][0].get("env", [])}


def test_the_policy_from_nothing_to_nothing(server: ApiServer, tmp_path: Path) -> None:
    make_account(server)
    changed, result = run(server, tmp_path)
    assert (changed > 0, result["report"][0]["changed"]) == (True, True)
    made = pod(server)
    assert variables_of(made)["AWS_ROLE_ARN"] == ROLE
    token = made["spec"]["volumes"][0]["projected"]["sources"][0]["serviceAccountToken"]
    assert (token["audience"], token["path"]) == ("sts.amazonaws.com", "token")
    assert "AWS_ROLE_ARN" not in variables_of(pod(server, labels={"eks.amazonaws.com/skip-pod-identity-webhook": ""}))

    assert run(server, tmp_path) == (0, {**result, "report": [{**result["report"][0], "changed": False}]})
    assert [item["metadata"]["generation"] for item in ask(server, "GET", POLICIES)["items"]] == [1, 1]

    # A setting that changes is in force when the run ends.
    assert run(server, tmp_path, irsa_webhook_audience="other")[0] > 0
    assert pod(server)["spec"]["volumes"][0]["projected"]["sources"][0]["serviceAccountToken"]["audience"] == "other"

    # Releases before the label made the same objects without it.
    for item in ask(server, "GET", POLICIES)["items"]:
        name = item["metadata"]["name"]
        merge = "application/merge-patch+json"
        ask(server, "PATCH", f"{POLICIES}/{name}", {"metadata": {"labels": {"onprem.irsa/part": None}}}, merge)
    assert run(server, tmp_path, irsa_webhook_audience="other")[0] > 0
    labels = [item["metadata"]["labels"].get("onprem.irsa/part") for item in ask(server, "GET", POLICIES)["items"]]
    assert labels == ["policy", "policy"]


def test_pods_that_were_missed_are_named(server: ApiServer, tmp_path: Path) -> None:
    spec = {"serviceAccountName": "reports", "containers": [{"name": "app", "image": "app"}]}
    skipped = {"eks.amazonaws.com/skip-pod-identity-webhook": ""}
    ask(server, "POST", f"{SPACE}/apps/pods", {"metadata": {"name": "old", "labels": skipped}, "spec": spec})
    assert run(server, tmp_path)[1]["missed"]["pods"] == []  # left out by intent
    merge = "application/merge-patch+json"
    ask(server, "PATCH", f"{SPACE}/apps/pods/old", {"metadata": {"labels": {next(iter(skipped)): None}}}, merge)
    assert [item["name"] for item in run(server, tmp_path)[1]["missed"]["pods"]] == ["old"]
