# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Publishing behind CloudFront from nothing, as calls. PRIVATE to the collection: it may change without notice.

Pure: for people to review and run, so what AWS assigns appears as C(${NAME}) in the arguments.
"""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.onprem.irsa.plugins.module_utils._aws.calls import Call
from ansible_collections.onprem.irsa.plugins.module_utils._aws.ownership import CLUSTER_TAG
from ansible_collections.onprem.irsa.plugins.module_utils._aws.rendering import ScriptStep
from ansible_collections.onprem.irsa.plugins.module_utils._documents.issuer import s3_hosts
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._publication.bucket_plan import calls
from ansible_collections.onprem.irsa.plugins.module_utils._publication.cloudfront_plan import (
    access_control_creation,
    alias_changes,
    creation,
    is_own,
    wanted_config,
)
from ansible_collections.onprem.irsa.plugins.module_utils._publication.wanted_bucket import after_publishing

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._publication.bucket_plan import Bucket
    from ansible_collections.onprem.irsa.plugins.module_utils._publication.cloudfront_plan import (
        Config,
        WantedDistribution,
    )
    from ansible_collections.onprem.irsa.plugins.module_utils._publication.wanted_bucket import Target

# CloudFront, its certificates and Route 53 have no other region.
_REGION: t.Final = "us-east-1"
_RECORD: t.Final = "Certificate.DomainValidationOptions[0].ResourceRecord"
_DISTRIBUTION: t.Final = {
    "distribution_id": "Distribution.Id",
    "distribution_arn": "Distribution.ARN",
    "domain_name": "Distribution.DomainName",
}


def check_from_nothing(wanted: WantedDistribution) -> None:
    """Raise InputError for a host whose distribution, or whose bucket, gives it its name: there is none yet."""
    if not wanted.host or is_own(wanted.host) or wanted.host.endswith(tuple(s3_hosts(wanted.region))):
        raise InputError(
            f"The issuer's host is {wanted.host or 'the one that CloudFront gives'}, a name that AWS gives; the calls "
            "for review begin from nothing.",
            fix="Give an issuer on a domain of your own.",
        )


def steps(wanted: WantedDistribution, documents: Target) -> list[ScriptStep]:
    """Return the calls in their order: access comes before documents, and what is named before what names it."""
    certificate_arn = wanted.certificate_arn or "${certificate_arn}"
    config = wanted_config(None, replace(wanted, certificate_arn=certificate_arn), "${access_control_id}")
    bucket = after_publishing(None, replace(documents, distribution_arn="${distribution_arn}"))
    controlled = access_control_creation(wanted.bucket)
    return [
        *([] if wanted.certificate_arn else _certificate(wanted)),
        ScriptStep("cloudfront", _REGION, controlled, {"access_control_id": "OriginAccessControl.Id"}),
        ScriptStep(
            "cloudfront", _REGION, creation(config, wanted.cluster), _DISTRIBUTION, says=_record_to_make(wanted)
        ),
        *_aliases(wanted),
        *(ScriptStep("s3api", wanted.region, call) for call in _bucket_calls(wanted, bucket)),
        ScriptStep("cloudfront", _REGION, Call("wait distribution_deployed", {"Id": "${distribution_id}"})),
    ]


def _certificate(wanted: WantedDistribution) -> list[ScriptStep]:
    """ACM user guide, "DNS validation": it is issued once a record shows who owns the domain."""
    tags = [{"Key": CLUSTER_TAG, "Value": wanted.cluster}]
    asked = Call("request_certificate", {"DomainName": wanted.host, "ValidationMethod": "DNS", "Tags": tags})
    arn = {"CertificateArn": "${certificate_arn}"}
    captures = {"validation_name": f"{_RECORD}.Name", "validation_value": f"{_RECORD}.Value"}
    record = "${validation_name} CNAME ${validation_value}"
    todo = "" if wanted.hosted_zone_id else f"Make this DNS record now; the certificate waits for it: {record}"
    value = {"TTL": 300, "ResourceRecords": [{"Value": "${validation_value}"}]}
    validation = {"Name": "${validation_name}", "Type": "CNAME", **value}
    return [
        ScriptStep(
            "acm",
            _REGION,
            asked,
            {"certificate_arn": "CertificateArn"},
            says="The certificate, to be set as irsa_issuer_certificate_arn from now on: ${certificate_arn}",
        ),
        ScriptStep("acm", _REGION, Call("describe_certificate", arn), captures, says=todo),
        # The same record serves every certificate of the account for this host, so it may be there.
        *_zone(wanted, [{"Action": "UPSERT", "ResourceRecordSet": validation}]),
        ScriptStep("acm", _REGION, Call("wait certificate_validated", arn)),
    ]


def _record_to_make(wanted: WantedDistribution) -> str:
    return "" if wanted.hosted_zone_id else f"Make this DNS record: {wanted.host} CNAME ${{domain_name}}"


def _aliases(wanted: WantedDistribution) -> list[ScriptStep]:
    changes = alias_changes(wanted.host, "${domain_name}", [], zone_id=wanted.hosted_zone_id)
    # Nobody has looked for a record that points elsewhere: it must not be replaced.
    return _zone(wanted, [{**change, "Action": "CREATE"} for change in changes])


def _zone(wanted: WantedDistribution, changes: list[Config]) -> list[ScriptStep]:
    arguments = {"HostedZoneId": wanted.hosted_zone_id, "ChangeBatch": {"Changes": changes}}
    call = Call("change_resource_record_sets", arguments)
    return [ScriptStep("route53", _REGION, call)] if wanted.hosted_zone_id else []


def _bucket_calls(wanted: WantedDistribution, bucket: Bucket) -> list[Call]:
    """S3 closes a new bucket by itself; whoever reviews the calls reads that it is closed."""
    first, *others = calls(wanted.bucket, wanted.region, None, bucket)
    block = {"Bucket": wanted.bucket, "PublicAccessBlockConfiguration": dict(bucket.public_access_block or {})}
    return [first, Call("put_public_access_block", block), *others]


__all__: t.Final = ("check_from_nothing", "steps")
