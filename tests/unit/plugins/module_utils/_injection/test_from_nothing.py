# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import shutil
import subprocess
import typing as t

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._injection.from_nothing import (
    BUNDLE,
    POLICY_FLAGS,
    SCRIPT,
    from_nothing,
)
from ansible_collections.onprem.irsa.plugins.module_utils._injection.names import SYSTEM_NAMESPACES
from ansible_collections.onprem.irsa.plugins.module_utils._injection.plan import plan

from ...some_injection import ARN, options, seen

Json = dict[str, t.Any]

OF_SECRET: Json = {"tls": "secret", "tls_secret": "certs/webhook"}
OF_CERT_MANAGER: Json = {"tls": "cert-manager"}
ROLES = [
    {
        "name": "r",
        "arn": ARN,
        "state": "present",
        "service_accounts": ["apps/reports"],
        "audiences": ["sts.amazonaws.com"],
    }
]


@pytest.mark.parametrize("given", [{}, OF_SECRET, OF_CERT_MANAGER, {"mode": "policy", "roles": ROLES}])
def test_it_is_planned_as_for_a_cluster_that_has_nothing(given: Json) -> None:
    """But for what only a certificate shows, of which a look at that cluster has none either."""
    certificate = ("ca_bundle", "authority_sha256", "certificate")
    made = from_nothing(options(**given), ["v1.34.4"]).plan
    looked = plan(options(**given), seen(apis={}))
    assert {name: value for name, value in made.items() if name not in certificate} == {
        name: value for name, value in looked.items() if name not in certificate
    }


@pytest.mark.parametrize(
    ("given", "bundle"),
    [({}, BUNDLE), (OF_SECRET, BUNDLE), (OF_CERT_MANAGER, "")],
    ids=["own", "secret", "cert-manager"],
)
def test_what_only_a_certificate_shows_is_left_open(given: Json, bundle: str) -> None:
    made = from_nothing(options(**given, certificate_days=10), []).plan
    assert (made["ca_bundle"], made["authority_sha256"]) == (bundle, "")
    assert made["certificate"]["lifetime"] == 10 * 24 * 60 * 60


def test_files_are_applied_in_the_order_of_their_names() -> None:
    made = from_nothing(options(network_policy=True, metrics_service=True), [])
    assert len(made.names) == len(made.plan["parts"])
    assert made.names == sorted(made.names)
    assert (made.names[0], made.names[-1]) == ("01-namespace.yml", "09-configuration.yml")
    assert [name for name in made.names if "_" in name] == []
    lines = made.files[SCRIPT].splitlines()
    at = [next(number for number, line in enumerate(lines) if name in line) for name in made.names]
    assert at == sorted(at)
    rolled_out = next(number for number, line in enumerate(lines) if "rollout status" in line)
    assert at[-2] < rolled_out < at[-1]


@pytest.mark.parametrize("mode", ["policy", "foreign", "none"])
def test_what_needs_no_script_has_none(mode: str) -> None:
    made = from_nothing(options(mode=mode), ["1.36"])
    assert made.files == {}
    assert bool(made.names) is (mode == "policy")


@pytest.mark.parametrize(
    ("versions", "version", "flags"),
    [
        (["v1.34.4"], "v1beta1", "admissionregistration.k8s.io/v1beta1=true"),
        (["v1.36.1", "v1.35.2+k3s1"], "v1beta1", "admissionregistration.k8s.io/v1beta1=true"),
        (["1.33"], "v1alpha1", "admissionregistration.k8s.io/v1alpha1=true"),
        (["v1.36.1"], "v1", ""),
    ],
)
def test_a_policy_is_one_that_all_api_servers_can_have(versions: list[str], version: str, flags: str) -> None:
    made = from_nothing(options(mode="policy", roles=ROLES), versions)
    assert made.plan["policy"]["version"] == version
    assert made.plan["policy"]["data"]["apps.reports"] == ARN
    assert made.plan["policy"]["system_expressions"][0]["values"] == [*SYSTEM_NAMESPACES]
    assert bool(made.flags) is bool(flags)
    assert flags in made.flags.get(POLICY_FLAGS, "")


@pytest.mark.parametrize(
    ("versions", "says"),
    [
        ([], r"no host and no API server was asked for it\. Set irsa_kubernetes_version"),
        (["unknown"], "no host and no API server was asked for it"),
        (["1.31"], "Kubernetes 1.31 has no MutatingAdmissionPolicy; it came with 1.32"),
    ],
)
def test_a_policy_that_nobody_can_have(versions: list[str], says: str) -> None:
    with pytest.raises(InputError, match=says):
        from_nothing(options(mode="policy"), versions)


@pytest.mark.parametrize(
    "given", [{}, OF_SECRET, OF_CERT_MANAGER, {**OF_CERT_MANAGER, "pull_secret": "kube-system/pull"}]
)
def test_the_script_is_one_of_every_shell(given: Json) -> None:
    script = from_nothing(options(**given), []).files[SCRIPT]
    checks = shutil.which("shellcheck")
    assert checks, "what make setup installs"
    done = subprocess.run([checks, "-"], input=script, capture_output=True, text=True, check=False)  # noqa: S603 -- ours
    assert done.returncode == 0, done.stdout
    assert ("openssl req" in script) is (not given)
