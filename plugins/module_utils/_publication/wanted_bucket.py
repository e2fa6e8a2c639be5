# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a bucket must be to publish an issuer's documents. PRIVATE to the collection: it may change without notice.

Pure: a bucket as it is comes in, the bucket as it should be goes out, or an error that names what is in the way.
"""

from __future__ import annotations

import hashlib
import re
import typing as t
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from ansible_collections.amazon.aws.plugins.module_utils.policy import compare_policies

from ansible_collections.onprem.irsa.plugins.module_utils._aws.ownership import (
    CLUSTER_TAG,
    cluster_problems,
    owner,
    tag_problems,
    wanted_tags,
)
from ansible_collections.onprem.irsa.plugins.module_utils._documents.discovery import (
    Documents,
    beside_published,
    check_jwks_uri,
    parse_discovery,
)
from ansible_collections.onprem.irsa.plugins.module_utils._documents.issuer import (
    check_bucket_name,
    check_issuer_url,
    partition,
    s3_hosts,
)
from ansible_collections.onprem.irsa.plugins.module_utils._documents.jwks import kids_of_document, published_object
from ansible_collections.onprem.irsa.plugins.module_utils._documents.paths import DISCOVERY_PATH, JWKS_PATH
from ansible_collections.onprem.irsa.plugins.module_utils._documents.served import DISCOVERY_TYPE, JWKS_TYPE
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._publication.bucket_plan import (
    BLOCKS,
    ENFORCED,
    SSE_S3,
    Bucket,
    Object,
    Policy,
    diff,
)

# The Sid of the collection's own statement in a bucket policy: letters and digits alone (IAM, policy elements).
STATEMENT_ID: t.Final = "OnpremIrsaIssuer"

# A policy makes the two objects public, ACLs never do.
_WANTED_BLOCKS = dict(zip(BLOCKS, (True, True, False, False)))

# Any endpoint of S3, in any region and partition, with or without a bucket in front of it.
_S3_HOST = re.compile(r"(?:^|\.)s3[.-].*amazonaws\.")

_MAX_TAG_KEY = 128
_MAX_TAGS = 50

# IAM user guide, "Unique identifiers": S3 shows a principal by its id once the user, role or group is gone, and then
# takes no policy with it (S3 user guide, "Principals for bucket policies").
_UNIQUE_ID = re.compile(r"A[A-Z]{2}A[A-Z0-9]{12,}")
_KINDS_OF_IDS = {"AIDA": "an IAM user", "AROA": "an IAM role", "AGPA": "an IAM group"}

# What every module that publishes in a bucket takes, in addition to options of its own.
OPTIONS: t.Final[dict[str, dict[str, t.Any]]] = {
    "bucket": {"type": "str", "required": True},
    "cluster": {"type": "str", "required": True},
    "discovery_document": {"type": "str"},
    "jwks": {"type": "str"},
    "retired_kids": {"type": "list", "elements": "str", "default": []},
    "tags": {"type": "dict"},
    "purge_tags": {"type": "bool", "default": True},
    "versioning": {"type": "bool"},
    "max_age": {"type": "int", "default": 300},
    "ca_path": {"type": "path"},
    "render": {"type": "path"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}


@dataclass(frozen=True)
class Target:
    """Where an issuer's documents go, and what should be there."""

    bucket: str
    region: str
    cluster: str
    issuer: str
    jwks_uri: str
    discovery_document: str = ""
    jwks: str = ""
    cache_control: str = ""
    retired: tuple[str, ...] = ()
    """Key ids that are no longer published."""
    endpoint: str = ""
    """The host of an S3-compatible store; none for AWS."""
    tags: t.Mapping[str, t.Any] | None = None
    purge_tags: bool = True
    versioning: bool | None = None
    adopt: bool = False
    distribution_arn: str = ""
    """The CloudFront distribution that alone may read the bucket; none for a public one."""

    @property
    def jwks_key(self) -> str:
        """The key of the key set."""
        return _object_key(self.jwks_uri, self)

    @property
    def discovery_key(self) -> str:
        """The key of the discovery document."""
        return _object_key(self.issuer + DISCOVERY_PATH, self)

    @property
    def urls(self) -> dict[str, str]:
        """The public URLs by their keys, in the order in which they are written: what is named comes first."""
        return {self.jwks_key: self.jwks_uri, self.discovery_key: self.issuer + DISCOVERY_PATH}

    @property
    def kids(self) -> list[str]:
        """The key ids of the cluster's keys, in order."""
        return kids_of_document(self.jwks)

    @property
    def resources(self) -> list[str]:
        """The ARNs of the two objects."""
        name = "aws" if self.endpoint else partition(self.region).name
        return [f"arn:{name}:s3:::{self.bucket}/{key}" for key in sorted(self.urls)]

    @property
    def statement_id(self) -> str:
        """The Sid of the issuer's statement: each path in a bucket has its own."""
        prefix = self.discovery_key[: -len(DISCOVERY_PATH)]
        return STATEMENT_ID + (hashlib.sha256(prefix.encode()).hexdigest()[:12] if prefix else "")

    @property
    def of_s3(self) -> bool:
        """Whether S3 itself serves the issuer's URL, and no host in front of it."""
        return _S3_HOST.search(urlsplit(self.issuer).hostname or "") is not None

    @property
    def encryption(self) -> str:
        """The encryption of the documents; other stores than S3 may have none, and refuse to be asked for it."""
        return "" if self.endpoint else SSE_S3

    @property
    def former_statement_id(self) -> str:
        """The Sid of the statement for those who read by another publisher, while the issuer moves."""
        return f"{self.statement_id}Former"

    @property
    def place_tag(self) -> str:
        """The key of the tag of a cluster that publishes in the bucket of another one."""
        return f"{CLUSTER_TAG}/{self.cluster}"


def _object_key(url: str, wanted: Target) -> str:
    """Return the key of the object that a URL stands for, served by S3 in either style or by a host in front of it."""
    host, _slash, path = url[len("https://") :].partition("/")
    endpoints = [wanted.endpoint] if wanted.endpoint else s3_hosts(wanted.region)
    if host in endpoints and path.startswith(f"{wanted.bucket}/"):
        return path[len(wanted.bucket) + 1 :]
    if host in [f"{wanted.bucket}.{endpoint}" for endpoint in endpoints]:
        check_bucket_name(wanted.bucket)
        return path
    of_store = host in endpoints or host.endswith(tuple(f".{endpoint}" for endpoint in endpoints))
    if of_store or _S3_HOST.search(host) is not None:
        raise InputError(
            f"The issuer's URL {url} is not served from the bucket {wanted.bucket} in {wanted.region}.",
            fix=f"Use the issuer https://{wanted.bucket}.{endpoints[0]}, or the bucket and the region of that URL.",
        )
    return path


def target(params: t.Mapping[str, t.Any], region: str) -> Target:
    """Check the options of the module C(s3_issuer) and return what they ask for; without documents when none are given.

    Raises InputError for names, URLs and tags that break a rule, and for documents that contradict each other.
    """
    for problem in [*cluster_problems(params["cluster"]), *tag_problems(params["tags"]), *_age_problems(params)]:
        raise InputError(problem, fix="Nothing was changed.")
    bucket, issuer = check_bucket_name(params["bucket"], as_host=False), check_issuer_url(params["issuer"])
    endpoint = urlsplit(params["endpoint_url"] or "").hostname or ""
    if not endpoint:
        partition(region)
    wanted = Target(
        bucket=bucket,
        region=region,
        cluster=params["cluster"],
        issuer=issuer,
        jwks_uri=issuer + JWKS_PATH,
        discovery_document=params["discovery_document"] or "",
        jwks=params["jwks"] or "",
        cache_control=f"public, max-age={params['max_age']}",
        retired=tuple(params["retired_kids"]),
        endpoint=endpoint,
        tags=params["tags"],
        purge_tags=params["purge_tags"],
        versioning=params["versioning"],
        adopt=params["adopt"],
    )
    _object_key(wanted.issuer + DISCOVERY_PATH, wanted)  # refuses the URL of another bucket
    if wanted.discovery_document:
        wanted = replace(wanted, jwks_uri=_checked_jwks_uri(wanted))
        if not wanted.kids:
            raise InputError("The jwks holds no key.", fix="Give a key set as onprem.irsa.jwks returns it.")
        _documents(Bucket(), wanted)  # refuses to retire a key of the cluster
    return wanted


def _checked_jwks_uri(wanted: Target) -> str:
    named, jwks_uri = parse_discovery(wanted.discovery_document)
    if named != wanted.issuer:
        raise InputError(
            f"The discovery_document is that of the issuer {named!r}, not of {wanted.issuer!r}.",
            fix="Give the issuer for which the documents were made.",
        )
    if not check_jwks_uri(jwks_uri).startswith(f"{wanted.issuer}/"):
        raise InputError(
            f"The jwks_uri {jwks_uri} is not below the issuer {wanted.issuer}.",
            fix="Leave the jwks_uri at its default: one bucket serves both documents.",
        )
    return jwks_uri


def _age_problems(params: t.Mapping[str, t.Any]) -> list[str]:
    """RFC 9111 section 1.2.2: a time in seconds is not negative."""
    age = params["max_age"]
    return [f"The max_age {age} must be 0 or more seconds. Correct it."] if age < 0 else []


def located(wanted: Target, discovery: str | None) -> Target:
    """Return the target with the key set where the published discovery document has it: relying parties know no other.

    Raises InputError for a document of another issuer, and for a key set that the bucket does not serve. A document
    that nobody can read, or that names a URL that AWS cannot fetch, decides nothing.
    """
    try:
        issuer, jwks_uri = parse_discovery(discovery or "")
    except InputError:
        return wanted
    if issuer.rstrip("/") != wanted.issuer:
        raise InputError(
            f"{wanted.issuer}{DISCOVERY_PATH} is the discovery document of another issuer, {issuer!r}.",
            fix="Choose another bucket, or remove that document if nobody trusts its issuer any longer.",
        )
    try:
        host = urlsplit(check_jwks_uri(jwks_uri)).hostname or ""
    except InputError:
        return wanted
    endpoints = [wanted.endpoint] if wanted.endpoint else s3_hosts(wanted.region)
    own = {urlsplit(wanted.issuer).hostname, *endpoints, *(f"{wanted.bucket}.{endpoint}" for endpoint in endpoints)}
    if host not in own:
        raise InputError(
            f"The published discovery document of {wanted.issuer} names the key set {jwks_uri}, which the bucket "
            f"{wanted.bucket} does not serve.",
            fix="Publish the key set below the issuer first, and let the document name it there.",
        )
    moved = replace(wanted, jwks_uri=jwks_uri)
    _object_key(moved.jwks_uri, moved)  # refuses the URL of another bucket
    return moved


def after_publishing(before: Bucket | None, wanted: Target) -> Bucket:
    """Return the bucket as it should be; raise InputError when that would take something from somebody else.

    The target is located. Published keys that are not among the wanted ones stay, unless they are retired.
    """
    current = before or Bucket()
    _refuse_foreign(current, wanted)
    policy = _with_statement(current.policy, wanted, _statement(wanted))
    policy = policy if compare_policies(current.policy or {}, policy) else current.policy
    _refuse_dead_principals(current.policy, policy, wanted.bucket)
    return replace(
        current,
        tags=_tags(current, wanted),
        versioning=_versioning(current, wanted),
        ownership=ENFORCED,
        public_access_block=None if current.public_access_block is None else _blocks(wanted),
        policy=policy,
        objects=_documents(current, wanted),
    )


def while_moving(before: Bucket | None, wanted: Target) -> Bucket:
    """Return the bucket as after_publishing does, but still open to those who read it by another publisher.

    So nobody meets a closed door while the issuer's host does not lead to the new way in yet: a public bucket stays
    public in addition to the distribution, and the other way round.
    """
    after = after_publishing(before, wanted)
    former = former_readers(before, wanted)
    if before is None or not former:
        return after
    kept = [{**statement, "Sid": wanted.former_statement_id} for statement in former]
    policy = after.policy or {}
    block = before.public_access_block
    return replace(
        after,
        policy={**policy, "Statement": [*_statements(policy), *kept]},
        public_access_block=block if wanted.distribution_arn and block is not None else after.public_access_block,
    )


def reopened(now: Bucket | None, before: Bucket) -> Bucket | None:
    """Return the bucket with the access that it had before."""
    if now is None:
        return None
    return replace(now, policy=before.policy, public_access_block=before.public_access_block)


def former_readers(bucket: Bucket | None, wanted: Target) -> list[Policy]:
    """Return our statements that let in who reads by another publisher: everybody, or a distribution."""
    found = _own(bucket.policy, wanted) if bucket else []
    return [each for each in found if _of_distribution(each) != bool(wanted.distribution_arn)]


def _of_distribution(statement: Policy) -> bool:
    principal = statement.get("Principal")
    return isinstance(principal, dict) and "Service" in principal


def _blocks(wanted: Target) -> dict[str, bool]:
    return dict.fromkeys(BLOCKS, True) if wanted.distribution_arn else _WANTED_BLOCKS


def _documents(current: Bucket, wanted: Target) -> dict[str, Object]:
    where = {key: f"s3://{wanted.bucket}/{key}" for key in current.objects}
    for key in set(where) - {wanted.jwks_key}:
        published_object(current.objects[key].body, source=where[key])  # it may name a key set at another place
    published = current.objects.get(wanted.jwks_key)
    discovery, jwks = beside_published(
        Documents(wanted.discovery_document, wanted.jwks),
        {where[wanted.jwks_key]: published.body} if published else {},
        retired=wanted.retired,
        jwks_uri=wanted.jwks_uri,
    )
    return {
        wanted.jwks_key: Object(jwks, JWKS_TYPE, wanted.cache_control, wanted.encryption),
        wanted.discovery_key: Object(discovery, DISCOVERY_TYPE, wanted.cache_control, wanted.encryption),
    }


def _tags(current: Bucket, wanted: Target) -> dict[str, str]:
    holder = owner(current.tags) or wanted.cluster
    purge = wanted.purge_tags and holder == wanted.cluster
    tags = wanted_tags(current.tags, wanted.tags, cluster=holder, purge=purge)
    places = {key: value for key, value in current.tags.items() if key.startswith(f"{CLUSTER_TAG}/")}
    own = {} if holder == wanted.cluster else {wanted.place_tag: _tag_value(wanted.issuer)}
    return _checked_tags({**tags, **places, **own}, wanted)


def _tag_value(issuer: str) -> str:
    """Return an issuer as the value of a tag: S3 takes no C(~) in one, and no issuer has a C(+)."""
    return issuer.replace("~", "+")


def _checked_tags(tags: dict[str, str], wanted: Target) -> dict[str, str]:
    """S3 user guide, "Using cost allocation S3 bucket tags": keys of 128 characters, 50 tags besides AWS's own."""
    if len(wanted.place_tag) > _MAX_TAG_KEY and wanted.place_tag in tags:
        raise InputError(
            f"The cluster's name {wanted.cluster!r} makes the tag key {wanted.place_tag!r} of {len(wanted.place_tag)} "
            f"characters in the bucket of another cluster; S3 accepts {_MAX_TAG_KEY}.",
            fix="Choose a shorter name, or a bucket of its own.",
        )
    counted = [key for key in tags if not key.startswith("aws:")]
    if len(counted) > _MAX_TAGS:
        raise InputError(
            f"The bucket {wanted.bucket} would have {len(counted)} tags; S3 accepts {_MAX_TAGS}.",
            fix="Remove some that are not needed.",
        )
    return tags


def _versioning(current: Bucket, wanted: Target) -> str | None:
    if wanted.versioning:
        return "Enabled"
    return "Suspended" if wanted.versioning is False and current.versioning == "Enabled" else current.versioning


def bucket_result(wanted: Target, before: Bucket | None, after: Bucket) -> dict[str, t.Any]:
    """Return what a module says of documents that are published; the target is located."""
    jwks = after.objects[wanted.jwks_key].body
    kids = kids_of_document(jwks)
    return {
        "diff": diff(wanted.bucket, before, after),
        "jwks_uri": wanted.jwks_uri,
        "kids": kids,
        "kept_kids": [kid for kid in kids if kid not in wanted.kids],
        "jwks": jwks,
    }


def after_removing(before: Bucket | None, wanted: Target) -> Bucket | None:
    """Return the bucket without the issuer's documents, or None when nothing else is in it and it goes, too."""
    if before is None or not (before.objects or _own(before.policy, wanted) or has_place(before, wanted)):
        return before
    if not has_place(before, wanted):
        raise _belongs_to_another(before, wanted)
    if owner(before.tags) == wanted.cluster and set(before.contents) <= set(wanted.urls):
        return None
    tags = {key: value for key, value in before.tags.items() if key != wanted.place_tag}
    policy = _with_statement(before.policy, wanted, None)
    _refuse_dead_principals(before.policy, policy, wanted.bucket)
    return replace(before, tags=tags, policy=policy, objects={})


def opens(before: Bucket | None, after: Bucket, wanted: Target) -> bool:
    """Whether a change lets everybody read what they could not, by a public policy in a bucket of S3."""
    public = not (wanted.endpoint or wanted.distribution_arn)
    return public and (before is None or before.policy != after.policy)


def left(before: Bucket | None, after: Bucket | None, wanted: Target) -> list[str]:
    """Say what stays after the issuer's documents were removed, and who removes it; empty without a change."""
    if before is None or after is None or before == after:
        return []
    found = [
        f"The statement {sid} of the bucket's policy stays, and with it what the cluster published before: "
        f"{', '.join(paths)}. Remove that with the issuer of that path and state absent."
        for sid, paths in _former(after, wanted)
    ]
    block = after.public_access_block or {}
    opened = [name for name in BLOCKS[2:] if block.get(name) is False]
    if opened:
        found.append(
            f"The bucket {wanted.bucket} stays, because other things are in it, and with it {', '.join(opened)} turned "
            "off. Turn them on again if nothing else in it should be public: `aws s3api put-public-access-block`."
        )
    return found


def _former(bucket: Bucket, wanted: Target) -> t.Iterator[tuple[str, list[str]]]:
    """Return Sid and resources of statements in the cluster's bucket for paths that no other cluster's tag names."""
    if owner(bucket.tags) != wanted.cluster:
        return
    places = [value for key, value in bucket.tags.items() if key.startswith(f"{CLUSTER_TAG}/")]
    known = {sid for value in places for sid in _statement_ids(replace(wanted, issuer=value.replace("+", "~")))}
    for statement in _statements(bucket.policy):
        sid = str(statement.get("Sid", ""))
        if sid.startswith(STATEMENT_ID) and sid not in known:
            resources = statement.get("Resource", [])
            yield sid, resources if isinstance(resources, list) else [resources]


def _statement_ids(wanted: Target) -> list[str]:
    try:
        return [wanted.statement_id, wanted.former_statement_id]
    except InputError:  # somebody wrote a tag by hand
        return []


def others_in_policy(policy: Policy) -> list[str]:
    """Return the statements of a bucket policy that are somebody else's: their Sid or number, and whom they name."""
    numbered = enumerate(_statements(policy), start=1)
    return [
        f"{_name_of(statement, number)} ({', '.join(_principals(statement)) or 'no principal'})"
        for number, statement in numbered
        if not str(statement.get("Sid", "")).startswith(STATEMENT_ID)
    ]


def _name_of(statement: Policy, number: int) -> str:
    return repr(statement["Sid"]) if statement.get("Sid") else f"number {number}"


def _principals(statement: Policy) -> list[str]:
    named = statement.get("Principal", statement.get("NotPrincipal", []))
    groups = named.values() if isinstance(named, dict) else [named]
    return [str(name) for group in groups for name in (group if isinstance(group, list) else [group])]


def _refuse_dead_principals(before: Policy | None, after: Policy | None, bucket: str) -> None:
    """Refuse to write a policy in which others name principals that are gone: S3 would, after the first writes."""
    if after is None or after == before:
        return
    for number, statement in enumerate(_statements(after), start=1):
        for name in filter(_UNIQUE_ID.match, _principals(statement)):
            kind = _KINDS_OF_IDS.get(name[:4], "an identity")
            raise InputError(
                f"The policy of the bucket {bucket} has a statement of somebody else, {_name_of(statement, number)}, "
                f"for the principal {name}: the id of {kind} that was deleted. S3 accepts no policy with it.",
                fix="Ask its owner to remove that principal, or the statement if it names no other; then run again. "
                "Nothing was changed.",
            )


def has_place(bucket: Bucket, wanted: Target) -> bool:
    """Whether the bucket's tags say that the cluster publishes in it, as its owner or as a guest."""
    return owner(bucket.tags) == wanted.cluster or wanted.place_tag in bucket.tags


def _refuse_foreign(bucket: Bucket, wanted: Target) -> None:
    """A bucket without owner may be taken when it is empty or publishes this very issuer, any other when told so."""
    free = owner(bucket.tags) is None and (not bucket.contents or _published_by(bucket, wanted))
    told = wanted.adopt and (owner(bucket.tags) is None or not bucket.objects)
    if not (has_place(bucket, wanted) or free or told):
        raise _belongs_to_another(bucket, wanted)


def _published_by(bucket: Bucket, wanted: Target) -> bool:
    """Whether the bucket holds the documents of this issuer with a key of the cluster, and nothing else."""
    keys = bucket.objects.get(wanted.jwks_key)
    known = set(kids_of_document(keys.body if keys else "")) & set(wanted.kids)
    return bool(known) and {name.partition("?versionId=")[0] for name in bucket.contents} <= set(wanted.urls)


def _belongs_to_another(bucket: Bucket, wanted: Target) -> InputError:
    name = owner(bucket.tags)
    whose = f"belongs to the cluster {name!r}" if name else f"holds {bucket.contents[0]!r} and belongs to no cluster"
    problem = f"The bucket {wanted.bucket} {whose} (tag {CLUSTER_TAG}), not to {wanted.cluster!r}."
    handed_over = f"if it should be handed over, set its tag {CLUSTER_TAG} to {wanted.cluster}"
    if wanted.distribution_arn:
        return InputError(problem, fix=f"Choose another bucket; or, {handed_over}.")
    if name and bucket.objects:
        return InputError(
            f"{problem} It has documents of the issuer {wanted.issuer} already, and two clusters cannot have one "
            "issuer: AWS would give pods of each the roles of the other.",
            fix=f"Give this cluster an issuer of its own: set irsa_issuer_url to a path that no other cluster has, as "
            f"in {wanted.issuer}/{wanted.cluster}, with irsa_issuer_adopt: true (of the module s3_issuer: issuer and "
            f"adopt); or choose another bucket; or, {handed_over}.",
        )
    return InputError(
        problem,
        fix="Choose another bucket; or set irsa_issuer_adopt: true (of the module s3_issuer: adopt) to publish in it "
        f"all the same{', at a path of its own' if name else ''}.",
    )


def _statement(wanted: Target) -> Policy:
    allowed = {"Sid": wanted.statement_id, "Effect": "Allow", "Action": "s3:GetObject", "Resource": wanted.resources}
    if not wanted.distribution_arn:
        return {**allowed, "Principal": "*"}
    # CloudFront developer guide, "Restrict access to an Amazon S3 origin": which distribution asks is a condition.
    condition = {"StringEquals": {"AWS:SourceArn": wanted.distribution_arn}}
    return {**allowed, "Principal": {"Service": "cloudfront.amazonaws.com"}, "Condition": condition}


def _statements(policy: Policy | None) -> list[Policy]:
    """Return the statements; IAM's grammar takes a single one without its list."""
    found = policy["Statement"] if policy else []
    return found if isinstance(found, list) else [found]


def _own(policy: Policy | None, wanted: Target) -> list[Policy]:
    return [statement for statement in _statements(policy) if _is_own(statement, wanted)]


def _is_own(statement: Policy, wanted: Target) -> bool:
    return statement.get("Sid") in (wanted.statement_id, wanted.former_statement_id)


def _with_statement(policy: Policy | None, wanted: Target, statement: Policy | None) -> Policy | None:
    """Return the policy with this statement as the issuer's own, and with everybody else's as they are."""
    others = [other for other in _statements(policy) if not _is_own(other, wanted)]
    statements = [*others, *([statement] if statement else [])]
    return {**(policy or {"Version": "2012-10-17"}), "Statement": statements} if statements else None


__all__: t.Final = (
    "OPTIONS",
    "STATEMENT_ID",
    "Target",
    "after_publishing",
    "after_removing",
    "bucket_result",
    "former_readers",
    "has_place",
    "left",
    "located",
    "opens",
    "others_in_policy",
    "reopened",
    "target",
    "while_moving",
)
