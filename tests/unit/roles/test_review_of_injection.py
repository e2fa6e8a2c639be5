# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is written for review for the injection is what a run of irsa_webhook makes, and leaves it nothing to do."""

from __future__ import annotations

import copy
import re
import typing as t
from base64 import b64decode
from datetime import datetime, timedelta, timezone

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._injection.names import (
    AUTHORITY,
    CERTIFICATE,
    ISSUED_CERTIFICATE,
    NAME,
)

from ..plugins import kubectl
from ..plugins.some_certificates import authority, encoded, leaf, secret
from ..plugins.some_injection import secret_of, served
from .cluster_with_api import ApiCluster, InjectingApi, cluster_with_api

if t.TYPE_CHECKING:
    from pathlib import Path

    from ..plugins.fake_api_server import FakeApi

pytestmark = pytest.mark.slow

Json = dict[str, t.Any]

SITE: Json = {
    "irsa_cluster": "prod",
    "irsa_issuer_bucket": "acme-prod-oidc",
    "irsa_iam_account": "123456789012",
    "irsa_iam_roles": [
        {"name": "prod-reports", "service_accounts": ["apps/reports", "default/web"]},
        {"name": "prod-vault", "service_accounts": ["apps/vault"], "audiences": ["https://vault.example.com"]},
    ],
}
EVERY_NAMESPACE = [
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    for name in ("default", "kube-system", "kube-public", "kube-node-lease", "certs")
]
BEGIN = datetime.now(timezone.utc).replace(microsecond=0) - timedelta(hours=1)
GIVEN = secret(leaf(begin=BEGIN), 11, authority(begin=BEGIN))
PULL = {".dockerconfigjson": "e30="}


def given_secret(name: str, data: t.Mapping[str, str], kind: str) -> Json:
    found = secret_of(name, data, kind)
    return {**found, "metadata": {"name": name, "namespace": "certs"}}


class World(InjectingApi):
    """A cluster with what the user has, and with cert-manager, which issues at once."""

    def __init__(self) -> None:
        """Serve the kinds of cert-manager and of the Prometheus operator, too."""
        super().__init__(apis=served())
        self.put(*EVERY_NAMESPACE, {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "cp1"}})
        self.put(given_secret("webhook", GIVEN, "kubernetes.io/tls"))
        self.put(given_secret("pull", PULL, "kubernetes.io/dockerconfigjson"))
        self._roll_out, self.control = self.control, self._control

    def _control(self, changed: Json) -> None:
        self._roll_out(changed)
        self._issue(changed)
        self._trust(changed)

    def _issue(self, changed: Json) -> None:
        if changed["kind"] == "Certificate":
            ready = {"type": "Ready", "status": "True", "observedGeneration": changed["metadata"]["generation"]}
            changed["status"] = {"conditions": [ready]}
            if changed["metadata"]["name"] == NAME:
                self.put(secret_of(ISSUED_CERTIFICATE, GIVEN))

    def _trust(self, changed: Json) -> None:
        if "cert-manager.io/inject-ca-from" in (changed["metadata"].get("annotations") or {}):
            for hook in changed["webhooks"]:
                hook["clientConfig"]["caBundle"] = encoded(authority(begin=BEGIN))


def stored(api: FakeApi) -> dict[str, Json]:
    """Return what a user has of the objects that are there, by their paths, without what controllers add."""
    found = {}
    for path, each in api.objects.items():
        content = copy.deepcopy(each)
        content.pop("status", None)
        content["metadata"] = {
            name: content["metadata"][name]
            for name in ("name", "namespace", "labels", "annotations")
            if content["metadata"].get(name)
        }
        found[path] = content
    return found


def comparable(api: FakeApi) -> dict[str, Json]:
    """Return what is stored without what differs in each cluster, once that is right by itself."""
    found = stored(api)
    secrets = {each["metadata"]["name"]: each["data"] for each in found.values() if each["kind"] == "Secret"}
    trusted = {
        "own": secrets.get(AUTHORITY, {}).get("tls.crt"),
        "secret": secrets.get(CERTIFICATE, {}).get("ca.crt"),
        "cert-manager": secrets.get(ISSUED_CERTIFICATE, {}).get("ca.crt"),
    }
    for each in found.values():
        if each["kind"] == "Secret" and each["metadata"]["name"] in (AUTHORITY, CERTIFICATE):
            assert "BEGIN CERTIFICATE" in b64decode(each["data"].pop("tls.crt")).decode()
            assert "PRIVATE KEY" in b64decode(each["data"].pop("tls.key")).decode()
        for hook in each.get("webhooks", []):
            assert hook["clientConfig"].pop("caBundle") in trusted.values()
        if each["kind"] == "Deployment":  # files do not know for which authority pods are started
            metadata = each["spec"]["template"]["metadata"]
            metadata.pop("annotations", None)
    return found


CASES: dict[str, Json] = {
    "webhook": {},
    "webhook with all of it": {
        "irsa_webhook_strict": True,
        "irsa_webhook_network_policy": True,
        "irsa_webhook_service_monitor": True,
        "irsa_webhook_host_network": True,
        "irsa_webhook_replicas": 1,
        "irsa_webhook_pull_secret": "certs/pull",
        "irsa_webhook_namespace": "irsa",
        "irsa_webhook_image_mirror": "registry.example.com/hub",
    },
    "webhook with a given certificate": {"irsa_webhook_tls": "secret", "irsa_webhook_tls_secret": "certs/webhook"},
    "webhook with cert-manager": {"irsa_webhook_tls": "cert-manager", "irsa_webhook_prometheus_rule": True},
    "policy": {"irsa_webhook_mode": "policy", "irsa_kubernetes_version": "1.34.4"},
    "none": {"irsa_webhook_mode": "none"},
}
LONG = ["webhook", "webhook with a given certificate", "webhook with cert-manager"]
"""Of which "webhook with all of it" has nearly everything."""


def is_unchanged(output: str) -> bool:
    return re.search(r"cp1 +: ok=[0-9]+ +changed=0 ", output) is not None


def rendered(cluster: ApiCluster, **options: object) -> Path:
    """Write files for review, of the link alone, without asking anybody; return where they are."""
    review = cluster.directory / "review"
    code, output = cluster.run("onprem.irsa.site", "--tags", "inject", **SITE, irsa_render=str(review), **options)
    assert code == 0, output
    assert cluster.api.asked == []
    assert sorted(each.name for each in review.iterdir() if each.name != "apiserver") == ["iam", "injection"]
    return review / "injection"


def applied(cluster: ApiCluster, injection: Path) -> None:
    """Apply files as the text says."""
    script = injection / "apply.sh"
    if not script.exists():
        script = cluster.directory / "apply.sh"
        script.write_text(f"kubectl apply --server-side --field-manager=onprem.irsa --filename {injection}\n")
    accounts = cluster.directory / "accounts.sh"
    lines = [
        f"kubectl apply --server-side --field-manager=onprem.irsa --filename {injection / name}.yml\n"
        for name in ("namespaces", "service-accounts")
    ]
    accounts.write_text("".join(lines))
    for each in (accounts, script):
        done = kubectl.run_script(each, cluster.api, cluster.directory / "bin")
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(options, id=name, marks=[pytest.mark.long] if name in LONG else [])
        for name, options in CASES.items()
    ],
)
def test_files_that_are_applied_leave_a_run_nothing_to_do(tmp_path: Path, options: Json) -> None:
    by_hand, by_run = tmp_path / "by_hand", tmp_path / "by_run"
    by_hand.mkdir()
    by_run.mkdir()
    with cluster_with_api(by_hand, World()) as cluster:
        injection = rendered(cluster, **options)
        texts = "".join(file.read_text() for file in injection.iterdir())
        assert "PRIVATE KEY-----" not in texts
        applied(cluster, injection)
        cluster.api.asked.clear()
        code, output = cluster.play(irsa_cluster=SITE["irsa_cluster"], **options)
        assert (code, is_unchanged(output)) == (0, True), output
        assert cluster.api.changes() == []
        made_by_hand = comparable(cluster.api)
        accounts = [each for each in stored(cluster.api).values() if each["metadata"].get("namespace") == "apps"]
    assert len(accounts) == 2
    with cluster_with_api(by_run, World()) as cluster:
        applied(cluster, _accounts_of(injection))
        code, output = cluster.play(irsa_cluster=SITE["irsa_cluster"], **options)
        assert code == 0, output
        made_by_run = comparable(cluster.api)
    assert sorted(made_by_hand) == sorted(made_by_run)
    for path, each in made_by_run.items():
        assert made_by_hand[path] == each, path


def _accounts_of(injection: Path) -> Path:
    """Leave the service accounts alone among the files."""
    for file in injection.iterdir():
        if file.name not in ("namespaces.yml", "service-accounts.yml"):
            file.unlink()
    return injection


def test_a_script_does_not_take_the_place_of_a_certificate(tmp_path: Path) -> None:
    with cluster_with_api(tmp_path, World()) as cluster:
        injection = rendered(cluster)
        applied(cluster, injection)
        before = stored(cluster.api)
        applied(cluster, injection)
        assert stored(cluster.api) == before
        del cluster.api.objects[f"/api/v1/namespaces/{NAME}/secrets/{CERTIFICATE}"]
        done = kubectl.run_script(injection / "apply.sh", cluster.api, tmp_path / "bin")
        assert (done.returncode, "has one." in done.stderr) == (1, True), done.stderr
        assert f"/api/v1/namespaces/{NAME}/secrets/{CERTIFICATE}" not in cluster.api.objects


def test_manifests_with_a_certificate_that_is_not_there_yet_are_not_taken(tmp_path: Path) -> None:
    with cluster_with_api(tmp_path, World()) as cluster:
        injection = rendered(cluster)
        (injection / "apply.sh").unlink()
        script = tmp_path / "apply.sh"
        script.write_text(f"kubectl apply --server-side --field-manager=onprem.irsa --filename {injection}\n")
        done = kubectl.run_script(script, cluster.api, tmp_path / "bin")
        assert (done.returncode, "illegal base64 data" in done.stderr) == (1, True), done.stderr
