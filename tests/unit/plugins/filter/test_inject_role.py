# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from ansible.errors import AnsibleFilterError
from ansible.utils.display import Display

from ansible_collections.onprem.irsa.plugins.filter.inject_role import FilterModule

inject_role = FilterModule().filters()["inject_role"]
ARN = "arn:aws:iam::123456789012:role/prod-reports"
ACCOUNT: dict[str, t.Any] = {
    "kind": "ServiceAccount",
    "metadata": {"name": "reports", "annotations": {"eks.amazonaws.com/role-arn": ARN}},
}
POD: dict[str, t.Any] = {
    "kind": "Pod",
    "metadata": {"name": "reports"},
    "spec": {"serviceAccountName": "reports", "containers": [{"name": "app", "image": "x"}]},
}


def variables(manifest: dict[str, t.Any]) -> dict[str, str]:
    return {entry["name"]: entry["value"] for entry in manifest["spec"]["containers"][0].get("env", [])}


def test_a_file_with_its_service_account() -> None:
    account, pod = inject_role([None, ACCOUNT, POD], region="eu-central-1", audience="other", expiration=900)
    assert account == ACCOUNT
    assert variables(pod)["AWS_ROLE_ARN"] == ARN
    assert variables(pod)["AWS_REGION"] == "eu-central-1"
    token = pod["spec"]["volumes"][0]["projected"]["sources"][0]["serviceAccountToken"]
    assert token == {"audience": "other", "expirationSeconds": 900, "path": "token"}


def test_roles_that_were_made() -> None:
    role = {"arn": ARN, "state": "present", "service_accounts": ["apps/reports"], "audiences": ["sts.amazonaws.com"]}
    assert variables(inject_role([POD], [role], namespace="apps")[0])["AWS_ROLE_ARN"] == ARN
    assert inject_role([POD], [role]) == [POD]


def test_the_global_endpoint() -> None:
    assert "AWS_STS_REGIONAL_ENDPOINTS" not in variables(inject_role([ACCOUNT, POD], regional_sts=False)[1])


@pytest.mark.parametrize("manifests", [POD, "kind: Pod"])
def test_what_is_no_list_is_refused(manifests: object) -> None:
    with pytest.raises(AnsibleFilterError, match="from_yaml_all"):
        inject_role(manifests)


@pytest.mark.parametrize("document", ["# a comment", ["kind", "Pod"], 5])
def test_a_document_that_is_no_manifest_is_named(document: object) -> None:
    with pytest.raises(AnsibleFilterError, match="takes manifests, but is given"):
        inject_role([ACCOUNT, document, POD])


def test_an_annotation_that_is_no_text_is_refused() -> None:
    annotations = {**ACCOUNT["metadata"]["annotations"], "eks.amazonaws.com/token-expiration": 900}
    account = {**ACCOUNT, "metadata": {**ACCOUNT["metadata"], "annotations": annotations}}
    with pytest.raises(AnsibleFilterError, match="Put it in quotes"):
        inject_role([account, POD])


def test_what_has_no_place_for_the_token_is_refused() -> None:
    taken = {**POD, "spec": {**POD["spec"], "volumes": [{"name": "aws-iam-token", "emptyDir": {}}]}}
    with pytest.raises(AnsibleFilterError, match="Pod default/reports cannot be given its token"):
        inject_role([ACCOUNT, taken])


def test_a_manifest_that_is_left_alone_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(Display, "warning", lambda _self, text: said.append(text))
    workflow = {"kind": "Workflow", "metadata": {"name": "nightly"}, "spec": {"serviceAccountName": "reports"}}
    assert inject_role([ACCOUNT, POD, workflow])[2] == workflow
    (warning,) = said
    assert "Workflow default/nightly" in warning
    assert "default/reports" in warning
