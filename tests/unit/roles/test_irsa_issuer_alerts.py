# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role irsa_issuer writes for Prometheus; `make alerts` has the blackbox exporter and Prometheus try it."""

from __future__ import annotations

import json
import typing as t

import pytest
import yaml

from ansible_collections.onprem.irsa.plugins.module_utils._documents.jwks import jwks_document, jwks_from_pems
from ansible_collections.onprem.irsa.tests.unit.plugins.some_keys import public_pem, rsa_public_key

from .rendered import rendered_each, require_a_path_of_the_user, require_alerts
from .rotating_hosts import Rotating

if t.TYPE_CHECKING:
    from pathlib import Path

ISSUER = "https://oidc.example.com"
DOCUMENTS = [f"{ISSUER}/.well-known/openid-configuration", f"{ISSUER}/keys.json"]
TEMPLATES = {
    name: f"lookup('ansible.builtin.template', role_path ~ '/templates/{name}.yml.j2')"
    for name in ("alert_rules", "blackbox")
}
KEYS = jwks_document(jwks_from_pems([("a", public_pem(rsa_public_key(1)))]))


def rendered(cluster: str) -> dict[str, t.Any]:
    given = {
        "irsa_cluster": cluster,
        "irsa_issuer_url": ISSUER,
        "irsa_issuer_published_jwks_uri": DOCUMENTS[1],
        "__irsa_issuer_published": {"jwks": KEYS},
    }
    (result,) = rendered_each("irsa_issuer", [*TEMPLATES.values()], [given])
    return {name: yaml.safe_load(result[template]) for name, template in TEMPLATES.items()}


@pytest.mark.parametrize(
    ("option", "path"),
    [
        ("irsa_issuer_alert_rules_file", "__irsa_issuer_alert_rules_path"),
        ("irsa_issuer_blackbox_file", "__irsa_issuer_blackbox_path"),
    ],
)
def test_the_files_are_where_the_user_is(option: str, path: str) -> None:
    require_a_path_of_the_user("irsa_issuer", option, path)


@pytest.mark.parametrize("cluster", ["prod", "prod: {a}"])
def test_the_rules_are_of_the_documents_that_the_modules_are_for(cluster: str) -> None:
    found = rendered(cluster)
    require_alerts(found["alert_rules"], "onprem-irsa-issuer")
    (group,) = found["alert_rules"]["groups"]
    assert {rule["labels"]["irsa_cluster"] for rule in group["rules"]} == {cluster}
    assert [*found["blackbox"]["modules"]] == DOCUMENTS
    unprobed = next(rule["expr"] for rule in group["rules"] if rule["alert"] == "IrsaIssuerIsNotProbed")
    assert unprobed == " or ".join(f'absent(probe_success{{instance="{url}"}})' for url in DOCUMENTS)


def test_a_module_has_the_published_keys() -> None:
    (key,) = json.loads(KEYS)["keys"]
    module = rendered("prod")["blackbox"]["modules"][DOCUMENTS[1]]
    assert key["n"] in module["http"]["fail_if_body_not_matches_regexp"][0]


@pytest.mark.slow
def test_a_run_that_publishes_writes_them(tmp_path: Path) -> None:
    hosts = Rotating(tmp_path, 1)
    given = {
        "irsa_cluster": "prod",
        "irsa_region": "eu-central-1",
        "irsa_issuer_bucket": "acme",
        "irsa_issuer_url": ISSUER,
        "irsa_issuer_alert_rules_file": "rules.yml",
        "irsa_issuer_blackbox_file": "blackbox.yml",
    }
    files = [tmp_path / "rules.yml", tmp_path / "blackbox.yml"]
    code, output = hosts.include("irsa_issuer", "main", given, check_mode=True)
    assert (code, [file.exists() for file in files]) == (0, [False, False]), output
    for changed in ("changed=1", "changed=0"):
        code, output = hosts.include("irsa_issuer", "main", given)
        assert (code, changed in output, [file.exists() for file in files]) == (0, True, [True, True]), output
    (_discovery, keys) = yaml.safe_load(files[1].read_text())["modules"].values()
    assert hosts.kid.replace("-", "\\-") in keys["http"]["fail_if_body_not_matches_regexp"][0]
