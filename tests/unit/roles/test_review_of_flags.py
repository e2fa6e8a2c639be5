# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files for review by what hosts, or API servers, show: the same before the API servers are switched and after it."""

from __future__ import annotations

import json
import typing as t

import pytest

from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._api_server.test_observation import observed
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._flags.test_static_pod_flags import NEW, OLD

from ..plugins.module_utils._api_server import some_answers
from ..plugins.module_utils._api_server.some_answers import One
from ..plugins.some_keys import ec_key, public_pem
from .cluster_of_files import Cluster
from .rendered import require_a_path_of_the_user
from .test_irsa_apiserver_shown import answers_of

if t.TYPE_CHECKING:
    from pathlib import Path

SITE = {
    "irsa_cluster": "prod",
    "irsa_region": "eu-central-1",
    "irsa_issuer_bucket": "acme-prod-oidc",
    "irsa_iam_account": "123456789012",
    "irsa_iam_roles": [{"name": "prod-reports", "service_accounts": ["apps/reports"]}],
    "irsa_webhook_mode": "policy",
}


def written(directory: Path) -> dict[str, str]:
    return {str(path.relative_to(directory)): path.read_text() for path in directory.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_files_by_what_hosts_show(tmp_path: Path) -> None:
    keys = [{"file": "/etc/kubernetes/pki/sa.pub", "pem": public_pem(ec_key(1))}]
    hosts = Cluster(tmp_path, {name: observed(public_keys=keys) for name in ("cp1", "cp2")})
    review = tmp_path / "review"
    rendering = {**SITE, "irsa_render": str(review)}
    code, output = hosts.run("onprem.irsa.site", rendering, "--check", "--diff")
    assert (code, review.exists()) == (0, False), output
    assert "+## 1. Publish the documents" in output
    code, output = hosts.run("onprem.irsa.site", rendering)
    assert code == 0, output
    files = written(review)
    assert {*hosts.looks()} == {"cp1", "cp2"}
    assert (hosts.log(), hosts.issuers()) == ([], {"cp1": [OLD], "cp2": [OLD]})
    lines = f"in place of all lines of the same flags:\n\n    - --service-account-issuer={OLD}\n"
    assert f"/etc/kubernetes/manifests/kube-apiserver.yaml, in this order, {lines}" in files["apiserver/flags.md"]
    assert "admissionregistration.k8s.io/v1beta1=true" in files["apiserver/policy.md"]
    assert "kind: MutatingAdmissionPolicy" in files["injection/04-policy.yml"]
    assert "arn:aws:iam::123456789012:role/prod-reports" in files["injection/03-policy-parameters.yml"]
    assert len(json.loads(files["issuer/documents/openid/v1/jwks"])["keys"]) == 1
    assert files["README.md"].index("sh issuer/publish.sh") < files["README.md"].index("sh iam/publish.sh")
    code, output = hosts.play(
        "main", {"irsa_apiserver_issuer_url": NEW, "irsa_apiserver_kept_by": "none", "irsa_apiserver_pause": 0}
    )
    assert (code, hosts.issuers()["cp1"]) == (0, [NEW, OLD]), output
    code, output = hosts.run("onprem.irsa.site", rendering)
    assert code == 0, output
    assert written(review) == files


@pytest.mark.slow
def test_files_by_what_api_servers_answer(tmp_path: Path) -> None:
    hosts = Cluster(tmp_path, {"cp1": observed()})
    old, new = some_answers.OLD, some_answers.NEW
    own = {"irsa_apiserver_issuer_url": new, "irsa_issuer_keys": "api", "irsa_render": str(tmp_path / "review")}
    found = []
    for servers in ([One([old]), One([old])], [One([new, old]), One([new, old])]):
        answers = answers_of(*servers, distribution="K3s", version="v1.34.4+k3s1")
        code, output = hosts.play("render", {**own, "irsa_apiserver_answers": answers})
        assert code == 0, output
        found.append((tmp_path / "review/apiserver/flags.md").read_text())
    assert found[0] == found[1]
    assert found[0].startswith("K3s reads /etc/rancher/k3s/config.yaml, then")
    assert f'- "service-account-issuer={old}"\n    - "service-account-issuer={new}"' in found[0]
    assert hosts.looks() == []


@pytest.mark.parametrize(
    ("role", "below"),
    [("irsa_issuer", "issuer"), ("irsa_iam", ""), ("irsa_apiserver", "apiserver"), ("irsa_webhook", "")],
)
def test_files_are_where_the_user_is(role: str, below: str) -> None:
    require_a_path_of_the_user(role, "irsa_render", f"__{role}_review_directory", below=below)
