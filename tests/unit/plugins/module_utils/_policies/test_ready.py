# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ready policies: what each lets its project do, and what it must not let it do."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._iam.role_input import checked_items, read_items
from ansible_collections.onprem.irsa.plugins.module_utils._iam.roles import RoleSettings
from ansible_collections.onprem.irsa.plugins.module_utils._policies.ready import READY, ready_policy, ready_problems
from lab_aws import policy
from lab_aws.policy import Decision, Request

ROOT = Path(__file__).parents[5]
PAGE = (ROOT / "docs/docsite/rst/guide_ready_policies.rst").read_text()
ACCOUNT = "123456789012"
PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/oidc.example.com/prod"
SETTINGS = RoleSettings("prod", "aws", ACCOUNT, (PROVIDER,), "sts.amazonaws.com")

ZONE, OTHER_ZONE = "Z0123456789ABC", "Z0123456789ABD"
HOSTED, OTHER_HOSTED = f"arn:aws:route53:::hostedzone/{ZONE}", f"arn:aws:route53:::hostedzone/{OTHER_ZONE}"
BUCKET, OTHER_BUCKET = "arn:aws:s3:::acme-data", "arn:aws:s3:::acme-data-2"
KEY = f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
OTHER_KEY = KEY.replace("1234abcd", "4321abcd")
SECRET = f"arn:aws:secretsmanager:eu-central-1:{ACCOUNT}:secret:prod/"
PARAMETER = f"arn:aws:ssm:eu-central-1:{ACCOUNT}:parameter/prod/"
REPOSITORY = f"arn:aws:ecr:eu-central-1:{ACCOUNT}:repository/"

IN_BUCKETS = {"buckets": ["acme-data"], "kms_keys": [KEY]}
GIVEN: dict[str, dict[str, list[str]]] = {
    "cert_manager_route53": {"zones": [ZONE]},
    "cloudnative_pg": IN_BUCKETS,
    "ecr_read": {"repositories": [f"{REPOSITORY}apps/*"]},
    "external_dns": {"zones": [ZONE]},
    "external_secrets": {"secrets": [f"{SECRET}*"], "parameters": [f"{PARAMETER}*"], "kms_keys": [KEY]},
    "loki": IN_BUCKETS,
    "tempo": IN_BUCKETS,
    "thanos": IN_BUCKETS,
    "vault_kms_unseal": {"kms_keys": [KEY]},
    "velero": IN_BUCKETS,
}


def types(*names: str) -> dict[str, tuple[str, ...]]:
    return {"route53:ChangeResourceRecordSetsRecordTypes": names}


Row = tuple[str, str, dict[str, tuple[str, ...]]]

ON_BUCKETS: list[Row] = [
    ("s3:ListBucket", BUCKET, {}),
    ("s3:GetObject", f"{BUCKET}/a/b", {}),
    ("s3:PutObject", f"{BUCKET}/a/b", {}),
    ("s3:DeleteObject", f"{BUCKET}/a/b", {}),
    ("kms:Decrypt", KEY, {}),
    ("kms:GenerateDataKey", KEY, {}),
]
OFF_BUCKETS: list[Row] = [
    ("s3:ListBucket", OTHER_BUCKET, {}),
    ("s3:GetObject", f"{OTHER_BUCKET}/a", {}),
    ("s3:DeleteBucket", BUCKET, {}),
    ("s3:PutBucketPolicy", BUCKET, {}),
    ("s3:PutObjectAcl", f"{BUCKET}/a", {}),
    ("s3:DeleteObjectVersion", f"{BUCKET}/a", {}),
    ("s3:ListAllMyBuckets", "*", {}),
    ("kms:Decrypt", OTHER_KEY, {}),
    ("kms:ScheduleKeyDeletion", KEY, {}),
]
ALLOWED: dict[str, list[Row]] = {
    "cert_manager_route53": [
        ("route53:ChangeResourceRecordSets", HOSTED, types("TXT")),
        ("route53:ListResourceRecordSets", HOSTED, {}),
        ("route53:GetChange", "arn:aws:route53:::change/C123", {}),
        ("route53:ListHostedZonesByName", "*", {}),
    ],
    "cloudnative_pg": [
        *ON_BUCKETS,
        ("s3:AbortMultipartUpload", f"{BUCKET}/a", {}),
        ("s3:PutObjectTagging", f"{BUCKET}/a", {}),
    ],
    "ecr_read": [
        ("ecr:GetAuthorizationToken", "*", {}),
        ("ecr:BatchGetImage", f"{REPOSITORY}apps/web", {}),
        ("ecr:GetDownloadUrlForLayer", f"{REPOSITORY}apps/web", {}),
        ("ecr:BatchCheckLayerAvailability", f"{REPOSITORY}apps/web", {}),
    ],
    "external_dns": [
        ("route53:ChangeResourceRecordSets", HOSTED, types("A", "TXT")),
        ("route53:ListResourceRecordSets", HOSTED, {}),
        ("route53:ListTagsForResources", HOSTED, {}),
        ("route53:ListHostedZones", "*", {}),
    ],
    "external_secrets": [
        ("secretsmanager:GetSecretValue", f"{SECRET}db-AbCdEf", {}),
        ("secretsmanager:DescribeSecret", f"{SECRET}db-AbCdEf", {}),
        ("secretsmanager:ListSecretVersionIds", f"{SECRET}db-AbCdEf", {}),
        ("secretsmanager:GetResourcePolicy", f"{SECRET}db-AbCdEf", {}),
        ("ssm:GetParameter", f"{PARAMETER}db", {}),
        ("ssm:GetParametersByPath", f"{PARAMETER}db", {}),
        ("kms:Decrypt", KEY, {}),
    ],
    "loki": ON_BUCKETS,
    "tempo": [
        *ON_BUCKETS,
        ("s3:GetObjectTagging", f"{BUCKET}/a", {}),
        ("s3:PutObjectTagging", f"{BUCKET}/a", {}),
    ],
    "thanos": ON_BUCKETS,
    "vault_kms_unseal": [("kms:Encrypt", KEY, {}), ("kms:Decrypt", KEY, {}), ("kms:DescribeKey", KEY, {})],
    "velero": [
        *ON_BUCKETS,
        ("s3:AbortMultipartUpload", f"{BUCKET}/a", {}),
        ("s3:ListMultipartUploadParts", f"{BUCKET}/a", {}),
        ("s3:PutObjectTagging", f"{BUCKET}/a", {}),
    ],
}
REFUSED: dict[str, list[Row]] = {
    "cert_manager_route53": [
        ("route53:ChangeResourceRecordSets", HOSTED, types("A")),
        ("route53:ChangeResourceRecordSets", HOSTED, types("TXT", "CNAME")),
        ("route53:ChangeResourceRecordSets", OTHER_HOSTED, types("TXT")),
        ("route53:ListResourceRecordSets", OTHER_HOSTED, {}),
        ("route53:DeleteHostedZone", HOSTED, {}),
    ],
    "cloudnative_pg": OFF_BUCKETS,
    "ecr_read": [
        ("ecr:BatchGetImage", f"{REPOSITORY}secret/web", {}),
        ("ecr:PutImage", f"{REPOSITORY}apps/web", {}),
        ("ecr:BatchDeleteImage", f"{REPOSITORY}apps/web", {}),
        ("ecr:SetRepositoryPolicy", f"{REPOSITORY}apps/web", {}),
    ],
    "external_dns": [
        ("route53:ChangeResourceRecordSets", OTHER_HOSTED, types("A")),
        ("route53:ListResourceRecordSets", OTHER_HOSTED, {}),
        ("route53:DeleteHostedZone", HOSTED, {}),
        ("route53:CreateHostedZone", "*", {}),
    ],
    "external_secrets": [
        ("secretsmanager:GetSecretValue", SECRET.replace("prod/", "test/db-AbCdEf"), {}),
        ("secretsmanager:PutSecretValue", f"{SECRET}db-AbCdEf", {}),
        ("secretsmanager:ListSecrets", "*", {}),
        ("ssm:GetParameter", PARAMETER.replace("prod/", "test/db"), {}),
        ("ssm:PutParameter", f"{PARAMETER}db", {}),
        ("kms:Decrypt", OTHER_KEY, {}),
        ("kms:Encrypt", KEY, {}),
    ],
    "loki": [*OFF_BUCKETS, ("s3:PutObjectTagging", f"{BUCKET}/a", {})],
    "tempo": OFF_BUCKETS,
    "thanos": OFF_BUCKETS,
    "vault_kms_unseal": [
        ("kms:Decrypt", OTHER_KEY, {}),
        ("kms:ScheduleKeyDeletion", KEY, {}),
        ("kms:DisableKey", KEY, {}),
        ("kms:CreateGrant", KEY, {}),
        ("kms:PutKeyPolicy", KEY, {}),
    ],
    "velero": [*OFF_BUCKETS, ("ec2:CreateSnapshot", "*", {}), ("ec2:DeleteSnapshot", "*", {})],
}


def role(name: str, **options: object) -> dict[str, t.Any]:
    return {"name": "ready", "service_accounts": ["apps/ready"], "policy": name, **options}


def document(name: str) -> dict[str, t.Any]:
    """Return the policy as a role gets it, past IAM's grammar and quotas."""
    [item] = checked_items([role(name, policy_variables=GIVEN[name])], SETTINGS)
    return t.cast("dict[str, t.Any]", item["inline_policies"][name])


def decides(name: str, row: Row) -> Decision:
    action, resource, context = row
    return policy.evaluate([document(name)], Request(action, resource, context=context))


def rows(of: t.Mapping[str, list[Row]]) -> list[tuple[str, Row]]:
    return [(name, row) for name, listed in of.items() for row in listed]


@pytest.mark.parametrize(("name", "row"), rows(ALLOWED))
def test_what_the_project_does_is_allowed(name: str, row: Row) -> None:
    assert decides(name, row) is Decision.ALLOWED


@pytest.mark.parametrize(("name", "row"), rows(REFUSED))
def test_nothing_else_is(name: str, row: Row) -> None:
    assert decides(name, row) is Decision.NOT_ALLOWED


def test_every_policy_is_tried() -> None:
    assert set(READY) == set(GIVEN) == set(ALLOWED) == set(REFUSED)


@pytest.mark.parametrize("name", READY)
def test_every_action_is_tried(name: str) -> None:
    """But those of one kind, of which one is."""
    tried = {action for action, _resource, _context in ALLOWED[name]} | {
        "ssm:GetParameters",
        "ssm:ListTagsForResource",
    }
    assert {action for grant in READY[name].grants for action in grant.actions} <= tried


@pytest.mark.parametrize("name", READY)
def test_only_what_has_no_resource_is_allowed_on_all(name: str) -> None:
    """Service Authorization Reference: these actions know no resource."""
    statements = document(name)["Statement"]
    on_all = {action for entry in statements if entry["Resource"] == ["*"] for action in entry["Action"]}
    assert on_all <= {
        "ecr:GetAuthorizationToken",
        "route53:ListHostedZones",
        "route53:ListHostedZonesByName",
    }
    assert "*" not in "".join(action for entry in statements for action in entry["Action"])


@pytest.mark.parametrize("name", READY)
def test_arns_are_of_the_partition(name: str) -> None:
    given = {
        variable: [value.replace("arn:aws:", "arn:aws-cn:") for value in values]
        for variable, values in GIVEN[name].items()
    }
    assert ready_problems(name, t.cast("t.Any", given), "aws-cn") == []
    resources = [
        resource for entry in ready_policy(name, given, "aws-cn")["Statement"] for resource in entry["Resource"]
    ]
    assert {resource.split(":")[1] for resource in resources if resource != "*"} == {"aws-cn"}
    arns = [value for values in GIVEN[name].values() for value in values if value.startswith("arn:")]
    found = ready_problems(name, t.cast("t.Any", GIVEN[name]), "aws-cn")
    assert len([line for line in found if "of another partition than aws-cn" in line]) == len(arns)


def test_a_variable_that_is_not_given_allows_nothing() -> None:
    statements = ready_policy("loki", {"buckets": ["acme-data"]}, "aws")["Statement"]
    assert [entry["Action"][0].split(":")[0] for entry in statements] == ["s3", "s3"]


def test_it_stands_beside_inline_policies() -> None:
    own = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    given = role("external_dns", policy_variables=GIVEN["external_dns"], inline_policies={"own": own})
    [item] = checked_items([given], SETTINGS)
    assert sorted(item["inline_policies"]) == ["external_dns", "own"]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (role("external_dsn"), "policy is 'external_dsn'. It must be one of"),
        (role("external_dsn"), "Did you mean external_dns?"),
        (role("external_dns"), "the policy external_dns needs zones: it would allow nothing"),
        (role("external_dns", policy_variables={"zones": []}), "needs zones"),
        (role("external_secrets", policy_variables={"kms_keys": [KEY]}), "needs secrets or parameters"),
        (role("external_dns", policy_variables={"zone": [ZONE]}), "Did you mean zones?"),
        (role("external_dns", policy_variables={"zones": ZONE}), f"Write it as [{ZONE}]."),
        (role("external_dns", policy_variables={"zones": ["example.com"]}), "'example.com' must be the id of a Route"),
        (role("external_dns", policy_variables={"zones": [12]}), "YAML has read the number 12"),
        (role("loki", policy_variables={"buckets": ["s3://acme"]}), "'s3://acme' must be the name of a bucket"),
        (role("loki", policy_variables={"buckets": ["10.0.0.1"]}), "must be the name of a bucket"),
        (role("vault_kms_unseal", policy_variables={"kms_keys": [KEY.replace("key/", "alias/")]}), "an alias names no"),
        (role("external_secrets", policy_variables={"secrets": [f"{SECRET}db"]}), "with its random end"),
        (role("ecr_read", policy_variables={"repositories": ["apps/web"]}), "must be the ARN of repositories"),
        (
            role("external_dns", policy_variables={"zones": [ZONE]}, inline_policies={"external_dns": {}}),
            "Rename yours.",
        ),
        ({"name": "r", "service_accounts": ["a/b"], "policy_variables": {"zones": []}}, "are for a policy"),
    ],
)
def test_what_is_wrong_is_told(given: dict[str, t.Any], says: str) -> None:
    _items, problems = read_items([given], SETTINGS)
    assert len(problems) == 1
    assert says in problems[0]


@pytest.mark.parametrize("name", READY)
def test_the_guide_has_its_row(name: str) -> None:
    found = re.search(rf"^   \* - ``{name}``\n((?:     .*\n)+)", PAGE, re.MULTILINE)
    assert found
    for variable in READY[name].variables:
        assert f"``{variable}``" in found[1]
    assert "<https://" in found[1]
