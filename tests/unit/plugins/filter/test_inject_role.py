# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re
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


@pytest.mark.parametrize(
    ("options", "says"),
    [
        *[
            (
                {"expiration": value},
                f"expiration is {value!r}, and must be a whole number of seconds, 600 to 4294967296.",
            )
            for value in ("1h", 60, 599, 0, -86400, "", None, True, 3600.5, "900s", 2**32 + 1, [900])
        ],
        *[
            ({"audience": value}, f"audience is {value!r}, and must be a text")
            for value in ("", "a b", " ", None, ["a"])
        ],
        *[({"namespace": value}, f"namespace is {value!r}") for value in ("", "Apps", "apps/reports", None)],
        ({"region": "eu-cental-1"}, "Did you mean eu-central-1?"),
        ({"region": "eu-central-1a"}, "availability zone of eu-central-1"),
        ({"region": None}, "region is None"),
        ({"regional_sts": "perhaps"}, "regional_sts is 'perhaps', and must be a boolean."),
        ({"regional_sts": None}, "regional_sts is None"),
    ],
)
def test_options_that_no_pod_can_use_are_refused(options: dict[str, t.Any], says: str) -> None:
    with pytest.raises(AnsibleFilterError, match=re.escape(says)) as refused:
        inject_role([ACCOUNT, POD], **options)
    assert refused.value.__cause__ is None  # of which Ansible would say the words again


@pytest.mark.parametrize("seconds", [600, 2**32, "3600"])
def test_numbers_and_booleans_are_taken_as_ansible_takes_them(seconds: object) -> None:
    pod = inject_role([ACCOUNT, POD], expiration=seconds, regional_sts="false")[1]
    token = pod["spec"]["volumes"][0]["projected"]["sources"][0]["serviceAccountToken"]
    assert token["expirationSeconds"] == int(str(seconds))
    assert isinstance(token["expirationSeconds"], int)
    assert "AWS_STS_REGIONAL_ENDPOINTS" not in variables(pod)


@pytest.mark.parametrize(
    ("annotations", "says"),
    [
        (
            {"role-arn": "prod-reports"},
            "the role 'prod-reports', which is not the ARN of a role. Write the whole ARN in",
        ),
        ({"role-arn": "arn:aws:iam::123456789012:user/reports"}, "which is not the ARN of a role"),
        ({"role-arn": "arn:aws:iam::1234:role/reports"}, "which is not the ARN of a role"),
        ({"role-arn": f"{ARN} "}, f"the role '{ARN} ', which is not the ARN"),
        ({"role-arn": "role/prod-reports"}, "which is not the ARN of a role"),
        ({"audience": ""}, "a token for the audience '', which must be a text without blanks"),
        ({"audience": "sts amazonaws"}, "a token for the audience 'sts amazonaws'"),
        ({"token-expiration": "4294967297"}, "a token for 4294967297 seconds, and Kubernetes takes 600 to 4294967296"),
    ],
)
def test_annotations_that_no_pod_can_use_are_refused(annotations: dict[str, str], says: str) -> None:
    given = {"role-arn": ARN, **annotations}
    metadata = {"name": "reports", "annotations": {f"eks.amazonaws.com/{key}": value for key, value in given.items()}}
    account = {"kind": "ServiceAccount", "metadata": metadata}
    with pytest.raises(AnsibleFilterError, match=re.escape(says)) as refused:
        inject_role([account, POD])
    assert "The service account reports would give Pod default/reports" in str(refused.value)
    alone = {**POD, "spec": {**POD["spec"], "serviceAccountName": "other"}}
    assert inject_role([account, alone]) == [account, alone]


def test_the_expiry_of_a_pod_that_no_api_server_takes_is_refused() -> None:
    metadata = {"name": "reports", "annotations": {"eks.amazonaws.com/token-expiration": "99999999999"}}
    with pytest.raises(AnsibleFilterError, match="a token for 99999999999 seconds"):
        inject_role([ACCOUNT, {**POD, "metadata": metadata}])


MADE = {"arn": ARN, "state": "present", "service_accounts": ["apps/reports"], "audiences": ["sts.amazonaws.com"]}


@pytest.mark.parametrize(
    ("roles", "says"),
    [
        (
            [{"name": "prod-reports", "service_accounts": ["apps/reports"]}],
            "roles has 'prod-reports', which is no result of onprem.irsa.iam_roles: it has no arn, no state, "
            "no audiences.",
        ),
        (["prod-reports"], "roles has 'prod-reports', which is no result"),
        ([None], "roles has None, which is no result"),
        ([[MADE]], "which is no result"),
        ({"roles": []}, "roles is {'roles': []}, and must be a list"),
        (MADE, "and must be a list"),
        ("prod-reports", "roles is 'prod-reports', and must be a list"),
        (None, "roles is None, and must be a list"),
        (5, "roles is 5, and must be a list"),
        ([{**MADE, "service_accounts": "apps/reports"}], "it has service_accounts 'apps/reports'"),
        ([{**MADE, "audiences": []}], "it has audiences []"),
        ([{**MADE, "state": "here"}], "it has state 'here'"),
        ([{**MADE, "arn": None}], "it has arn None"),
    ],
)
def test_roles_that_are_no_results_are_refused(roles: object, says: str) -> None:
    with pytest.raises(AnsibleFilterError, match=re.escape(says)) as refused:
        inject_role([POD], roles)
    assert "Give the roles that onprem.irsa.iam_roles returned: made.roles" in str(refused.value)


def test_roles_that_a_template_selects() -> None:
    assert inject_role([POD], (item for item in [MADE, {**MADE, "state": "absent"}]), namespace="apps") != [POD]


def test_the_arn_of_a_result_is_checked() -> None:
    with pytest.raises(AnsibleFilterError, match="the role 'prod-reports', which is not the ARN"):
        inject_role([POD], [{**MADE, "arn": "prod-reports"}], namespace="apps")


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
