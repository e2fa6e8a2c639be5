# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Policies for what clusters run most: READY, one table. PRIVATE to the collection: it may change without notice.

Each is what the project's own documentation asks for, on the resources that are named and no others. What a cluster
outside of AWS cannot use is left out: snapshots of EBS volumes, for example. Sources, by policy:

* C(cert_manager_route53): https://cert-manager.io/docs/configuration/acme/dns01/route53/; of records, TXT alone.
* C(external_dns): https://kubernetes-sigs.github.io/external-dns/latest/docs/tutorials/aws/
* C(external_secrets): https://external-secrets.io/latest/provider/aws-secrets-manager/ and
  https://external-secrets.io/latest/provider/aws-parameter-store/; without what finds secrets by name or tag, which
  shows the names of all secrets of the account.
* C(velero): https://github.com/vmware-tanzu/velero-plugin-for-aws, "Set permissions for Velero", its part on S3.
* C(cloudnative_pg): https://cloudnative-pg.io/docs/1.31/appendixes/object_stores and the Barman Cloud plugin's
  https://cloudnative-pg.io/plugin-barman-cloud/docs/object_stores/
* C(vault_kms_unseal): https://developer.hashicorp.com/vault/docs/configuration/seal/awskms and
  https://openbao.org/docs/configuration/seal/awskms
* C(loki): https://grafana.com/docs/loki/latest/setup/install/helm/deployment-guides/aws/
* C(thanos): https://thanos.io/tip/thanos/storage.md/
* C(tempo): https://grafana.com/docs/tempo/latest/configuration/hosted-storage/s3/
* C(ecr_read): https://docs.aws.amazon.com/AmazonECR/latest/userguide/ECR_on_EKS.html

Objects that S3 encrypts with a key of KMS need two actions on that key:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ansible_collections.onprem.irsa.plugins.module_utils._errors import nearest
from ansible_collections.onprem.irsa.plugins.module_utils._unquoted import is_unquoted, unquoted_problem

Document = dict[str, t.Any]


@dataclass(frozen=True)
class Kind:
    """What the values of a variable are: their form, and how a message says it."""

    form: re.Pattern[str]
    says: str


@dataclass(frozen=True)
class Grant:
    """One statement that allows."""

    actions: tuple[str, ...]
    resource: str
    """With C({partition}), and C({value}) for each value of the variable."""
    variable: str = ""
    """Whose values are the resources; the statement is left out without any. None for the resource as it is."""
    condition: t.Mapping[str, t.Any] | None = None


@dataclass(frozen=True)
class Ready:
    """A policy, and the variables that say on what."""

    variables: t.Mapping[str, Kind]
    needs: tuple[str, ...]
    """At least one of these has to be given."""
    grants: tuple[Grant, ...]


def _arn(service: str, resource: str) -> re.Pattern[str]:
    """Return the form of ARNs with a region and an account."""
    return re.compile(rf"arn:(?P<partition>aws[a-z-]*):{service}:[a-z0-9-]+:\d{{12}}:{resource}", re.ASCII)


ZONES: t.Final = Kind(re.compile(r"Z[0-9A-Z]{1,31}"), "the id of a Route 53 zone, as in Z0123456789ABCDEFGHIJ")
BUCKETS: t.Final = Kind(
    re.compile(r"(?!\d+\.\d+\.\d+\.\d+$)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"),
    "the name of a bucket (S3 bucket naming rules), without s3:// and without a path",
)
KEYS: t.Final = Kind(
    _arn("kms", r"key/[0-9a-z-]{8,64}"),
    "the ARN of a KMS key, as in arn:aws:kms:eu-central-1:123456789012:key/ID; an alias names no key in a policy",
)
SECRETS: t.Final = Kind(
    _arn("secretsmanager", r"secret:[\w/+=.@*?-]*(?:-[\w?]{6}|\*)"),
    "the ARN of secrets with its random end, six characters, or with * in its place, as in "
    "arn:aws:secretsmanager:eu-central-1:123456789012:secret:prod/*",
)
PARAMETERS: t.Final = Kind(
    _arn("ssm", r"parameter/[\w/.*?-]+"),
    "the ARN of parameters, as in arn:aws:ssm:eu-central-1:123456789012:parameter/prod/*",
)
REPOSITORIES: t.Final = Kind(
    _arn("ecr", r"repository/[a-z0-9._/*?-]+"),
    "the ARN of repositories, as in arn:aws:ecr:eu-central-1:123456789012:repository/apps/*",
)

_ZONE: t.Final = "arn:{partition}:route53:::hostedzone/{value}"
_BUCKET: t.Final = "arn:{partition}:s3:::{value}"
_ITSELF: t.Final = "{value}"


def _on_buckets(*of_objects: str) -> Ready:
    """Return a policy that lists buckets and does this with their objects, encrypted by keys or not."""
    return Ready(
        variables={"buckets": BUCKETS, "kms_keys": KEYS},
        needs=("buckets",),
        grants=(
            Grant(("s3:ListBucket",), _BUCKET, "buckets"),
            Grant(of_objects, f"{_BUCKET}/*", "buckets"),
            Grant(("kms:Decrypt", "kms:GenerateDataKey"), _ITSELF, "kms_keys"),
        ),
    )


READY: t.Final[t.Mapping[str, Ready]] = {
    "cert_manager_route53": Ready(
        variables={"zones": ZONES},
        needs=("zones",),
        grants=(
            Grant(
                ("route53:ChangeResourceRecordSets",),
                _ZONE,
                "zones",
                {"ForAllValues:StringEquals": {"route53:ChangeResourceRecordSetsRecordTypes": ["TXT"]}},
            ),
            Grant(("route53:ListResourceRecordSets",), _ZONE, "zones"),
            Grant(("route53:GetChange",), "arn:{partition}:route53:::change/*"),
            Grant(("route53:ListHostedZonesByName",), "*"),
        ),
    ),
    "cloudnative_pg": _on_buckets(
        "s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:PutObject", "s3:PutObjectTagging"
    ),
    "ecr_read": Ready(
        variables={"repositories": REPOSITORIES},
        needs=("repositories",),
        grants=(
            Grant(
                ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"),
                _ITSELF,
                "repositories",
            ),
            Grant(("ecr:GetAuthorizationToken",), "*"),
        ),
    ),
    "external_dns": Ready(
        variables={"zones": ZONES},
        needs=("zones",),
        grants=(
            Grant(
                (
                    "route53:ChangeResourceRecordSets",
                    "route53:ListResourceRecordSets",
                    "route53:ListTagsForResources",
                ),
                _ZONE,
                "zones",
            ),
            Grant(("route53:ListHostedZones",), "*"),
        ),
    ),
    "external_secrets": Ready(
        variables={"kms_keys": KEYS, "parameters": PARAMETERS, "secrets": SECRETS},
        needs=("secrets", "parameters"),
        grants=(
            Grant(
                (
                    "secretsmanager:DescribeSecret",
                    "secretsmanager:GetResourcePolicy",
                    "secretsmanager:GetSecretValue",
                    "secretsmanager:ListSecretVersionIds",
                ),
                _ITSELF,
                "secrets",
            ),
            Grant(
                ("ssm:GetParameter", "ssm:GetParameters", "ssm:GetParametersByPath", "ssm:ListTagsForResource"),
                _ITSELF,
                "parameters",
            ),
            Grant(("kms:Decrypt",), _ITSELF, "kms_keys"),
        ),
    ),
    "loki": _on_buckets("s3:DeleteObject", "s3:GetObject", "s3:PutObject"),
    "tempo": _on_buckets(
        "s3:DeleteObject", "s3:GetObject", "s3:GetObjectTagging", "s3:PutObject", "s3:PutObjectTagging"
    ),
    "thanos": _on_buckets("s3:DeleteObject", "s3:GetObject", "s3:PutObject"),
    "vault_kms_unseal": Ready(
        variables={"kms_keys": KEYS},
        needs=("kms_keys",),
        grants=(Grant(("kms:Decrypt", "kms:DescribeKey", "kms:Encrypt"), _ITSELF, "kms_keys"),),
    ),
    "velero": _on_buckets(
        "s3:AbortMultipartUpload",
        "s3:DeleteObject",
        "s3:GetObject",
        "s3:ListMultipartUploadParts",
        "s3:PutObject",
        "s3:PutObjectTagging",
    ),
}
"""The policies by name, which is also the name of the inline policy that a role gets."""


def ready_problems(name: str, given: t.Mapping[object, t.Any], partition: str) -> list[str]:
    """Say what is wrong with the variables of a policy, which is one of READY.

    ARNs are of PARTITION; empty for any.
    """
    ready = READY[name]
    known = ", ".join(ready.variables)
    problems = [
        f"policy_variables has {variable!r}, and the policy {name} knows {known}. "
        f"{nearest(str(variable), ready.variables) or 'Remove it.'}"
        for variable in given
        if variable not in ready.variables
    ]
    for variable, kind in ready.variables.items():
        problems += _value_problems(f"policy_variables: {variable}", given.get(variable), kind, partition)
    if not problems and not any(given.get(variable) for variable in ready.needs):
        problems.append(
            f"the policy {name} needs {' or '.join(ready.needs)}: it would allow nothing. Name them in "
            f"policy_variables, as in policy_variables: {{{ready.needs[0]}: [...]}}."
        )
    return problems


def _value_problems(what: str, values: object, kind: Kind, partition: str) -> list[str]:
    if values is None:
        return []
    if not isinstance(values, list):
        return [f"{what} is {values!r}, and must be a list. Write it as [{values}]."]
    problems = []
    for value in values:
        match = kind.form.fullmatch(value) if isinstance(value, str) else None
        if is_unquoted(value):
            problems.append(unquoted_problem(what, value))
        elif match is None:
            problems.append(f"{what}: {value!r} must be {kind.says}. Correct it.")
        elif partition not in ("", match.groupdict().get("partition", partition)):
            problems.append(f"{what}: {value!r} is of another partition than {partition}. Correct it.")
    return problems


def ready_policy(name: str, given: t.Mapping[str, t.Sequence[str]], partition: str) -> Document:
    """Return a policy of READY with these variables, which have no problems, as a document."""
    statements = []
    for grant in READY[name].grants:
        values = given.get(grant.variable) or [] if grant.variable else [""]
        resources = [grant.resource.format(partition=partition, value=value) for value in values]
        if resources:
            statement: Document = {"Effect": "Allow", "Action": list(grant.actions), "Resource": resources}
            statements.append({**statement, **({"Condition": dict(grant.condition)} if grant.condition else {})})
    return {"Version": "2012-10-17", "Statement": statements}


__all__: t.Final = ("READY", "ready_policy", "ready_problems")
