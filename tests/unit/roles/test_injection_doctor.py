# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the role irsa_webhook says that injection stands: the real role and modules, on an API server in memory."""

from __future__ import annotations

import json
import typing as t
from base64 import b64encode

import pytest

from ..plugins.fake_api_server import FakeApi, Refused
from ..plugins.modules.test_injection_info import MISSED, injected, webhook
from ..plugins.some_injection import called
from .cluster_with_api import ApiCluster, cluster_with_api

if t.TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

Json = dict[str, t.Any]


def doctor(cluster: ApiCluster, *options: str, **variables: object) -> tuple[int, str]:
    """Run the entry point and show what it found; what was printed is on one line, as the table's lines are long."""
    once, broken = "inventory_hostname == ansible_play_hosts_all | first", "selectattr('state', 'equalto', 'broken')"
    columns = "onprem.irsa.report_table(['link', 'state', 'found', 'fix'])"
    tasks = [
        {"ansible.builtin.include_role": {"name": "onprem.irsa.irsa_webhook", "tasks_from": "doctor"}},
        {"ansible.builtin.debug": {"msg": f"{{{{ irsa_webhook_findings | {columns} }}}}"}, "when": once},
        {
            "ansible.builtin.assert": {
                "that": f"irsa_webhook_findings | {broken} | length == 0",
                "fail_msg": f"{{{{ irsa_webhook_findings | {broken} | {columns} | join(' ') }}}}",
            },
            "when": once,
        },
    ]
    playbook = cluster.directory / "doctor.json"
    playbook.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
    code, output = cluster.run(str(playbook), *options, **variables)
    assert cluster.api.changes() == []
    return code, output


def test_all_is_well(tmp_path: Path) -> None:
    with cluster_with_api(tmp_path, FakeApi(admit=injected).put(*webhook())) as cluster:
        code, output = doctor(cluster, "-vvv")
    assert code == 0, output
    assert "webhook: certificate ok 300 days left" in output
    assert "webhook: authority ok 3285 days left" in output
    assert "webhook: a pod, tried ok it is injected" in output
    assert "webhook: running pods ok none lacks the role" in output
    assert "warning" not in output.lower().partition("link state found fix")[2]
    assert "changed=0" in output


def test_what_is_only_to_be_warned_of_is_no_failure(tmp_path: Path) -> None:
    api = FakeApi(admit=injected).put(*webhook(days=100), *MISSED)
    with cluster_with_api(tmp_path, api) as cluster:
        code, output = doctor(cluster, "--check")
    assert code == 0, output
    assert "webhook: certificate warning 100 days left" in output
    assert "Run onprem.irsa.site, which renews it." in output
    assert "webhook: running pods warning 2 without the role of their service account: apps/db-0, apps/web-0" in output


def unreached(_pod: Json) -> Json:
    raise Refused(500, "InternalError", 'failed calling webhook "probe.pod-identity-webhook.amazonaws.com": no route')


def test_what_is_broken_fails_with_its_fix(tmp_path: Path) -> None:
    api = FakeApi(admit=unreached).put(*webhook(days=-4, ready=1))
    hooks = api.named("MutatingWebhookConfiguration", called()["metadata"]["name"])["webhooks"]
    hooks[0]["clientConfig"]["caBundle"] = b64encode(b"none").decode()
    with cluster_with_api(tmp_path, api) as cluster:
        code, output = doctor(cluster)
    assert code == 2, output
    message = output.partition("[ERROR]")[2] or output.partition("fatal:")[2]
    assert "webhook: certificate broken ended 3 days ago" in message
    assert "Run onprem.irsa.site, which renews it." in message
    assert "webhook: authority broken API servers do not trust what pods serve" in message
    assert "webhook: a pod, tried broken an API server does not reach the webhook: failed calling webhook" in message
    assert "1 of 2 ready" not in message
    assert "webhook: pods warning 1 of 2 ready" in output


def test_a_cluster_that_has_nothing_yet(tmp_path: Path) -> None:
    with cluster_with_api(tmp_path, FakeApi()) as cluster:
        code, output = doctor(cluster)
        assert code == 2, output
        assert "pods are injected by nothing" in output
        assert "webhook: certificate" not in output
        code, output = doctor(cluster, irsa_webhook_mode="none")
    assert code == 0, output
    assert "webhook: mode ok none, as asked for" in output


def test_a_user_who_may_not_look_is_told(tmp_path: Path) -> None:
    api = FakeApi(admit=injected).put(*webhook())
    api.forbidden.add(("GET", "/api/v1/namespaces/pod-identity-webhook/secrets"))
    with cluster_with_api(tmp_path, api) as cluster:
        code, output = doctor(cluster)
        assert code == 0, output
        assert "pod-identity-webhook-tls cannot be read" in output
        api.forbidden.add(("GET", "/api/v1/pods"))
        code, output = doctor(cluster)
    assert code == 2, output
    assert "403: pods is forbidden" in output
    assert "Use a cluster administrator's kubeconfig, or grant its user that." in output
