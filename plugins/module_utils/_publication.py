# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a bucket must be to publish an issuer's documents. PRIVATE to the collection: it may change without notice.

Pure: a bucket as it is comes in, the bucket as it is to be goes out, or an error that names what is in the way.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, replace

from ansible_collections.amazon.aws.plugins.module_utils.policy import compare_policies

from ansible_collections.onprem.irsa.plugins.module_utils._aws.ownership import CLUSTER_TAG, cluster_problems, owner
from ansible_collections.onprem.irsa.plugins.module_utils._bucket import BLOCKS, ENFORCED, Bucket, Object, Policy
from ansible_collections.onprem.irsa.plugins.module_utils._discovery import (
    DISCOVERY_PATH,
    JWKS_PATH,
    check_jwks_uri,
    parse_discovery,
)
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._issuer import (
    check_bucket_name,
    check_issuer_url,
    partition,
    s3_host,
)
from ansible_collections.onprem.irsa.plugins.module_utils._jwks import kids_of_document

# The Sid of the collection's own statement in a bucket policy: letters and digits alone (IAM, policy elements).
STATEMENT_ID: t.Final = "OnpremIrsaIssuer"

# A policy makes the two objects public, ACLs never do.
_WANTED_BLOCKS = dict(zip(BLOCKS, (True, True, False, False)))

# Any endpoint of S3, in any region and partition, with or without a bucket in front of it.
_S3_HOST = re.compile(r"(?:^|\.)s3[.-].*amazonaws\.")

DISCOVERY_TYPE: t.Final = "application/json"
JWKS_TYPE: t.Final = "application/jwk-set+json"  # RFC 7517 section 8.5.1, and what kube-apiserver sends


@dataclass(frozen=True)
class Target:
    """Where an issuer's documents go, and what is to be there."""

    bucket: str
    region: str
    cluster: str
    issuer: str
    objects: t.Mapping[str, Object]
    """By their keys, in the order in which they are written: a discovery document never names a missing key set."""
    urls: t.Mapping[str, str]
    """The public URL of each key."""

    @property
    def jwks_key(self) -> str:
        """The key of the key set."""
        return next(iter(self.urls))

    @property
    def discovery_key(self) -> str:
        """The key of the discovery document."""
        return list(self.urls)[1]

    @property
    def kids(self) -> list[str]:
        """The key ids that are to be published, in order."""
        return kids_of_document(self.objects[self.jwks_key].body) if self.objects else []

    @property
    def resources(self) -> list[str]:
        """The ARNs of the two objects."""
        return [f"arn:{partition(self.region).name}:s3:::{self.bucket}/{key}" for key in sorted(self.urls)]


def _object_key(url: str, bucket: str, region: str) -> str:
    """Return the key of the object that a URL stands for, served by S3 in either style or by a host in front of it."""
    host, _slash, path = url[len("https://") :].partition("/")
    endpoint = s3_host(region)
    if host == endpoint and path.startswith(f"{bucket}/"):
        return path[len(bucket) + 1 :]
    if _S3_HOST.search(host) is not None and host != f"{bucket}.{endpoint}":
        raise InputError(
            f"The issuer's URL {url} is not served from the bucket {bucket} in {region}.",
            fix=f"Use the issuer https://{bucket}.{endpoint}, or the bucket and the region of that URL.",
        )
    return path


def target(params: t.Mapping[str, t.Any], region: str) -> Target:
    """Check the options of the module C(s3_issuer) and return what they ask for; without documents when none are given.

    Raises InputError for names and URLs that break a rule, and for documents that contradict each other.
    """
    for problem in cluster_problems(params["cluster"]):
        raise InputError(problem, fix="It is the name by which you know the cluster.")
    bucket, issuer = check_bucket_name(params["bucket"]), check_issuer_url(params["issuer"])
    jwks_uri, objects = issuer + JWKS_PATH, list[Object]()
    if params["discovery_document"] is not None:
        jwks_uri = _checked_jwks_uri(params["discovery_document"], issuer)
        cache = f"public, max-age={params['max_age']}"
        objects = [
            Object(params["jwks"], JWKS_TYPE, cache),
            Object(params["discovery_document"], DISCOVERY_TYPE, cache),
        ]
        if not kids_of_document(params["jwks"]):
            raise InputError("The jwks holds no key.", fix="Give a key set as onprem.irsa.jwks returns it.")
    urls = {_object_key(url, bucket, region): url for url in (jwks_uri, issuer + DISCOVERY_PATH)}
    return Target(bucket, region, params["cluster"], issuer, dict(zip(urls, objects)), urls)


def _checked_jwks_uri(discovery: str, issuer: str) -> str:
    named, jwks_uri = parse_discovery(discovery)
    if named != issuer:
        raise InputError(
            f"The discovery_document is that of the issuer {named!r}, not of {issuer!r}.",
            fix="Give the issuer for which the documents were made.",
        )
    if not check_jwks_uri(jwks_uri).startswith(f"{issuer}/"):
        raise InputError(
            f"The jwks_uri {jwks_uri} is not below the issuer {issuer}.",
            fix="Leave the jwks_uri at its default: one bucket serves both documents.",
        )
    return jwks_uri


def after_publishing(before: Bucket | None, wanted: Target) -> Bucket:
    """Return the bucket as it is to be; raise InputError when that would take something from somebody else."""
    current = before or Bucket()
    _refuse_foreign(current, wanted)
    _refuse_dropping(current, wanted)
    policy = _with_statement(current.policy, _statement(wanted))
    return replace(
        current,
        tags={**current.tags, CLUSTER_TAG: wanted.cluster},
        ownership=ENFORCED,
        public_access_block=_WANTED_BLOCKS,
        policy=policy if compare_policies(current.policy or {}, policy) else current.policy,
        objects=wanted.objects,
    )


def after_removing(before: Bucket | None, wanted: Target) -> Bucket | None:
    """Return the bucket without the issuer's documents, or None when nothing else is in it and it goes, too."""
    if before is None or (not before.objects and not _own_resources(before.policy) and owner(before.tags) is None):
        return before
    if owner(before.tags) != wanted.cluster:
        raise _belongs_to_another(before, wanted)
    _refuse_foreign(before, wanted)
    if set(before.contents) <= set(wanted.urls):
        return None
    return replace(before, policy=_with_statement(before.policy, None), objects={})


def _refuse_foreign(bucket: Bucket, wanted: Target) -> None:
    if owner(bucket.tags) not in (None, wanted.cluster) or (owner(bucket.tags) is None and bucket.contents):
        raise _belongs_to_another(bucket, wanted)
    others = sorted(_own_resources(bucket.policy) - set(wanted.resources))
    if others:
        raise InputError(
            f"The bucket {wanted.bucket} already publishes another issuer's documents: {', '.join(others)}.",
            fix="Use one bucket for each issuer.",
        )


def _belongs_to_another(bucket: Bucket, wanted: Target) -> InputError:
    name = owner(bucket.tags)
    whose = f"belongs to the cluster {name!r}" if name else f"holds {bucket.contents[0]!r} and belongs to no cluster"
    return InputError(
        f"The bucket {wanted.bucket} {whose} (tag {CLUSTER_TAG}), not to {wanted.cluster!r}.",
        fix=f"Choose another bucket; or, if it is to be handed over, set its tag {CLUSTER_TAG} to {wanted.cluster}.",
    )


def _refuse_dropping(bucket: Bucket, wanted: Target) -> None:
    published = bucket.objects.get(wanted.discovery_key)
    if published is not None:
        issuer = _issuer_of(published.body)
        if issuer not in (None, wanted.issuer):
            raise InputError(
                f"{wanted.urls[wanted.discovery_key]} is the discovery document of another issuer, {issuer!r}.",
                fix="Choose another bucket, or remove that document if nobody trusts its issuer any more.",
            )
    keys = bucket.objects.get(wanted.jwks_key)
    dropped = [kid for kid in kids_of_document(keys.body if keys else "") if kid not in wanted.kids]
    if dropped:
        raise InputError(
            f"The key {', '.join(dropped)} is published and not among those to publish: its tokens would be refused.",
            fix="Give its public key, too. If no token of it is alive any more, remove it from "
            f"s3://{wanted.bucket}/{wanted.jwks_key} first.",
        )


def _issuer_of(discovery: str) -> str | None:
    try:
        return parse_discovery(discovery)[0]
    except InputError:
        return None


def _statement(wanted: Target) -> Policy:
    return {
        "Sid": STATEMENT_ID,
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": wanted.resources,
    }


def _listed(value: t.Any) -> list[t.Any]:  # noqa: ANN401 -- IAM's grammar takes one element without its list
    return value if isinstance(value, list) else [value]


def _statements(policy: Policy | None) -> list[Policy]:
    return _listed(policy["Statement"]) if policy else []


def _own_resources(policy: Policy | None) -> set[str]:
    own = [statement for statement in _statements(policy) if statement.get("Sid") == STATEMENT_ID]
    return {resource for statement in own for resource in _listed(statement.get("Resource", []))}


def _with_statement(policy: Policy | None, statement: Policy | None) -> Policy | None:
    """Return the policy with this statement as the collection's own, and with everybody else's as they are."""
    others = [other for other in _statements(policy) if other.get("Sid") != STATEMENT_ID]
    statements = [*others, *([statement] if statement else [])]
    return {**(policy or {"Version": "2012-10-17"}), "Statement": statements} if statements else None


__all__: t.Final = (
    "DISCOVERY_TYPE",
    "JWKS_TYPE",
    "STATEMENT_ID",
    "Target",
    "after_publishing",
    "after_removing",
    "target",
)
