# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the doctor says of clusters as guides, ccoctl and the community's chart leave them, and nothing besides."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
import yaml

from ansible_collections.onprem.irsa.plugins.module_utils._doctor.codec import of_json, to_json
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.diagnosis import diagnose
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.observations import from_observations
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.registry import BY_ID
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.report import as_json

from . import guides
from .guides import GUIDES
from .some_observations import token

if t.TYPE_CHECKING:
    from .some_observations import Json

ROOT: t.Final = Path(__file__).parents[5]
EXPECTED: t.Final[dict[str, dict[str, str]]] = yaml.safe_load(
    (ROOT / "extensions/molecule/shared/vars/guides.yml").read_text()
)["guides_findings"]


def said(seen: Json) -> dict[str, str]:
    """Return how bad each thing is that the doctor names, by the id of its check."""
    return {finding.check: finding.severity for finding in diagnose(from_observations(seen)).roots}


def test_each_guide_has_its_list() -> None:
    assert {*EXPECTED} == {*GUIDES}
    assert {check for found in EXPECTED.values() for check in found} <= {*BY_ID}


def test_the_documentation_has_the_same_lists() -> None:
    page = (ROOT / "docs/docsite/rst/guide_coming_from.rst").read_text()
    table = page[page.index("   * - set up by") : page.index("The self-hosted setup of the webhook (AWS)")]
    rows = [{*re.findall(r"``([a-z-]+\.[a-z-]+)``", row)} for row in table.split("   * - ")[2:]]
    assert rows == [{*found} for name, found in EXPECTED.items() if name != "by-hand"]


@pytest.mark.parametrize("name", GUIDES)
def test_what_a_guide_leaves_is_named(name: str) -> None:
    seen = from_observations(GUIDES[name]())
    assert said(GUIDES[name]()) == EXPECTED[name]
    assert of_json(to_json(seen), source="x") == seen


def compared(tmp_path: Path, seen: Json, **asked: object) -> tuple[int, str]:
    """Return what the scenarios on the lab would say: the exit code, and what was printed."""
    file = tmp_path / "diagnosis.json"
    file.write_text(as_json(diagnose(from_observations(seen))))
    done = subprocess.run(  # noqa: S603 -- our own
        [sys.executable, str(ROOT / "extensions/molecule/shared/files/guide_findings.py"), str(file)],
        input=json.dumps({"not_here": [], "also": {}, "links": [], **asked}),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_what_scenarios_on_the_lab_compare(tmp_path: Path) -> None:
    own, seen = EXPECTED["kind"], GUIDES["kind"]()
    assert compared(tmp_path, seen, expected=own)[0] == 0
    less = {check: bad for check, bad in own.items() if check != "dns-tls.other-name"}
    code, output = compared(tmp_path, seen, expected=less)
    assert (code, output.startswith("dns-tls.other-name is broken at https://oidc.example.com/")) == (1, True), output
    assert compared(tmp_path, seen, expected=less, also={"dns-tls.other-name": "broken"})[0] == 0
    assert compared(tmp_path, seen, expected=less, links=["trust", "bucket", "injection"])[0] == 1
    more = {**own, "bucket.acl": "warning"}
    assert compared(tmp_path, seen, expected=more) == (1, "bucket.acl is not named as warning\n")
    assert compared(tmp_path, seen, expected=more, not_here=["bucket.acl"])[0] == 0
    harmless = {check: bad for check, bad in own.items() if bad == "broken"}
    assert compared(tmp_path, seen, expected=harmless)[0] == 0


def test_the_policy_of_the_kind_tutorial_lets_nobody_in() -> None:
    expected = {**EXPECTED["kind"], "trust.other-issuer": "broken"}
    del expected["trust.audience-missing"]
    assert said(guides.kind_to_the_letter()) == expected


def test_a_token_in_the_variable_for_its_path_is_named_and_not_kept() -> None:
    """The role is judged no longer by this pod: which token it takes is not known."""
    seen = guides.minikube_by_the_shell()
    assert said(seen) == {**EXPECTED["minikube"], "pods.token-missing": "broken"}
    assert token(aud=["test"]) not in to_json(from_observations(seen))
    (finding,) = [each for each in diagnose(from_observations(seen)).findings if each.check == "pods.token-missing"]
    assert "holds a token, not the path of one" in finding.found


def test_a_discovery_document_as_it_is_served_leads_inside() -> None:
    assert said(guides.minikube_as_served()) == {**EXPECTED["minikube"], "documents.internal-jwks-uri": "broken"}


def test_a_subject_that_the_minikube_blog_calls_optional() -> None:
    seen = guides.minikube()
    (role,) = seen["roles"]["roles"]
    conditions = role["trust_policy"]["Statement"][0]["Condition"]["StringEquals"]
    role["trust_policy"]["Statement"][0]["Condition"] = {
        "StringEquals": {key: value for key, value in conditions.items() if key.endswith(":aud")}
    }
    assert said(seen) == {**EXPECTED["minikube"], "trust.subject-missing": "warning"}


def test_the_audience_of_the_provider_among_those_of_the_api() -> None:
    """The k0s guide says that api-audiences "must match audience in the AWS Identity provider"."""
    seen = guides.k0s()
    (host,) = seen["api_servers"]["hosts"].values()
    host["running_flags"]["api-audiences"] = [seen["audience"]]
    assert said(seen) == {**EXPECTED["k0s"], "flags.sts-audience": "broken"}


def test_a_private_bucket_of_ccoctl() -> None:
    assert said(guides.ccoctl_private()) == {
        "documents.content-type": "warning",
        "trust.audience-missing": "warning",
    }


def test_the_chart_in_other_ways() -> None:
    """Earlier releases failed closed; without cert-manager the caBundle is the user's; two replicas are enough."""
    assert said(guides.with_chart(pods=2)) == {}
    assert said(guides.with_chart(pods=2, failurePolicy="Fail")) == {"injection.fails-closed": "warning"}
    assert said(guides.with_chart(pods=2, bundle="")) == {"injection.no-bundle": "broken"}
