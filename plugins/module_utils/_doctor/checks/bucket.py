# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the bucket that serves the documents. PRIVATE: it may change.

The rules are those of S3 for an anonymous reader: somebody has to allow it, nobody may deny it, and public access must
not be blocked (S3 user guide, "Blocking public access to your Amazon S3 storage").
"""

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._doctor.checking import SITE, Seen, check, seen
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.redaction import HIDDEN
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.view import looked
from ansible_collections.onprem.irsa.plugins.module_utils._documents.issuer import partition_of
from ansible_collections.onprem.irsa.plugins.module_utils._trust.conditions import holds, like, texts
from ansible_collections.onprem.irsa.plugins.module_utils._trust.policy import serialise

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._doctor.snapshot import Bucket, Policy
    from ansible_collections.onprem.irsa.plugins.module_utils._doctor.view import View

_OK: t.Final = 200
_GET: t.Final = "s3:GetObject"
_CLOSING: t.Final = ("BlockPublicPolicy", "RestrictPublicBuckets")
_GUIDE: t.Final = "guide_publishing"
_DISTRIBUTION: t.Final = "cloudfront.amazonaws.com"
_ACCESS_IDENTITY: t.Final = ":iam::cloudfront:user/"  # the older way in which CloudFront reads a private bucket
_ANONYMOUS: t.Final = {"aws:securetransport": ("true",)}

Statement = t.Mapping[str, t.Any]


def _there(view: View) -> Bucket | None:
    """Return the bucket where there is one whose policy decides who reads."""
    return view.bucket if view.bucket and view.bucket.exists else None


def _closed(view: View) -> Bucket | None:
    """Return the bucket unless everybody reads both documents: by an ACL, for one, or an identity of CloudFront's."""
    public = [each.fetch.status == _OK for each in view.fetched if each.seen_from == "controller"]
    return None if public and all(public) else _there(view)


def _ignores_lists(bucket: Bucket) -> bool:
    return "IgnorePublicAcls" in (*bucket.blocks, *(looked(bucket.account_blocks) or ()))


def _statements(bucket: Bucket) -> list[Statement]:
    return list((bucket.policy or {}).get("Statement", []))


def _partition(view: View) -> str:
    region = looked(view.snapshot.region)
    return view.providers.partition if view.providers else region.partition if region and region.known else "aws"


def _arn(view: View, bucket: Bucket, key: str) -> str:
    partition = partition_of(bucket.region).name if bucket.region else _partition(view)
    return f"arn:{partition}:s3:::{bucket.name}/{key}"


def _is_for(statement: Statement, *, distribution: bool) -> bool:
    if "NotPrincipal" in statement:
        return not _names_reader(statement["NotPrincipal"], distribution=distribution)
    return _names_reader(statement.get("Principal"), distribution=distribution)


def _names_reader(principal: object, *, distribution: bool) -> bool:
    if principal == "*":
        return True
    if not isinstance(principal, t.Mapping):
        return False
    users = texts(principal.get("AWS", []))
    reads = _DISTRIBUTION in texts(principal.get("Service", [])) or any(_ACCESS_IDENTITY in user for user in users)
    return "*" in users or (distribution and reads)


def _names(statement: Statement, element: str, value: str, *, ignore_case: bool = False) -> bool:
    if element in statement:
        return any(like(each, value, ignore_case=ignore_case) for each in texts(statement[element]))
    other = f"Not{element}"
    return other in statement and not any(
        like(each, value, ignore_case=ignore_case) for each in texts(statement[other])
    )


def _matches(statement: Statement, arn: str, bucket: Bucket, *, unknown: bool) -> bool:
    """Tell whether a statement speaks of an anonymous reader, or of the distribution where that reads."""
    if not _is_for(statement, distribution=bucket.behind_distribution):
        return False
    if not _names(statement, "Action", _GET, ignore_case=True) or not _names(statement, "Resource", arn):
        return False
    if bucket.behind_distribution and statement.get("Effect") == "Allow":
        return True  # by the distribution's ARN, which is in its condition
    return _holds(statement, unknown=unknown)


def _holds(statement: Statement, *, unknown: bool) -> bool:
    """Tell whether the conditions of a statement hold for whoever asks without a signature, by HTTPS."""
    verdicts = [
        _from_everywhere(name, key, value) or holds(name, key, value, _ANONYMOUS)
        for name, keys in (statement.get("Condition") or {}).items()
        for key, value in keys.items()
    ]
    return all(unknown if verdict is None else verdict for verdict in verdicts)


def _from_everywhere(name: str, key: str, value: object) -> bool:
    everywhere = {"0.0.0.0/0", "::/0"} & {*texts(value)}
    return name.lower() == "ipaddress" and key.lower() == "aws:sourceip" and bool(everywhere)


def _lets_write(view: View, bucket: Bucket, statement: Statement) -> bool:
    """Tell whether a statement lets somebody replace a document, or who may do so."""
    documents = [_arn(view, bucket, document.key) for document in bucket.objects] or [_arn(view, bucket, "")]
    own = [_arn(view, bucket, "").rstrip("/")]
    return any(
        _names(statement, "Action", f"s3:{name}", ignore_case=True) and _names(statement, "Resource", arn)
        for names, arns in ((_WRITES_OBJECTS, documents), (_WRITES_BUCKET, own))
        for name in names
        for arn in arns
    )


def _by_effect(view: View, bucket: Bucket, effect: str) -> dict[str, list[str]]:
    """Return the statements of an effect that match each document, by its key; as they are called."""
    return {
        document.key: [
            str(statement.get("Sid") or number)
            for number, statement in enumerate(_statements(bucket), start=1)
            if (statement.get("Effect") == effect)
            and _matches(statement, _arn(view, bucket, document.key), bucket, unknown=effect == "Deny")
        ]
        for document in bucket.objects
    }


def _documents_alone(view: View, bucket: Bucket, number: int) -> str:
    """Return the policy with the documents as the only resources of its statement; empty where it cannot be told."""
    if HIDDEN in serialise(bucket.policy or {}):
        return ""
    resources = [_arn(view, bucket, document.key) for document in bucket.objects]
    statements = [
        {**{name: value for name, value in statement.items() if name != "NotResource"}, "Resource": resources}
        if place == number
        else statement
        for place, statement in enumerate(_statements(bucket), start=1)
    ]
    return serialise({"Version": "2012-10-17", "Statement": statements})


def _opened(view: View, bucket: Bucket) -> str:
    """Return the policy with a statement that lets everybody read the documents; empty where it cannot be told."""
    if bucket.behind_distribution or HIDDEN in serialise(bucket.policy or {}):
        return ""
    statement = {
        "Sid": "OnpremIrsaDocuments",
        "Effect": "Allow",
        "Principal": "*",
        "Action": _GET,
        "Resource": [_arn(view, bucket, document.key) for document in bucket.objects],
    }
    policy: Policy = {"Version": "2012-10-17", "Statement": [*_statements(bucket), statement]}
    return serialise(policy)


@check(
    "bucket.missing",
    "broken",
    title="The bucket of the documents is gone",
    cause="Its name is free for anybody now: who makes it serves the keys of your issuer.",
    fix="Make the bucket {bucket} again at once: run onprem.irsa.site.",
    command=SITE,
    guide=_GUIDE,
)
def _missing(view: View) -> t.Iterator[Seen]:
    if view.bucket and not view.bucket.exists:
        yield seen(view.bucket.name, "there is no such bucket", bucket=view.bucket.name)


@check(
    "bucket.other-owner",
    "broken",
    title="The bucket of the documents belongs to another account",
    cause="Its owner decides which keys are published, and so who may assume every role that trusts the issuer.",
    fix="See who owns the account {owner}. If nobody of yours does, remove the identity provider at once.",
    guide=_GUIDE,
)
def _other_owner(view: View) -> t.Iterator[Seen]:
    bucket, providers = _there(view), view.providers
    if bucket and providers and bucket.owner and bucket.owner != providers.account:
        found = f"it belongs to the account {bucket.owner}, and the identity provider to {providers.account}"
        yield seen(bucket.name, found, owner=bucket.owner)


@check(
    "bucket.not-public",
    "broken",
    title="The bucket's policy does not let everybody read the documents",
    cause="AWS fetches them anonymously, and objects of a bucket are private unless its policy says otherwise.",
    fix="Allow s3:GetObject on the two documents to everybody: run onprem.irsa.site.",
    command="aws s3api put-bucket-policy --bucket {bucket} --policy {policy}",
    guide=_GUIDE,
)
def _not_public(view: View) -> t.Iterator[Seen]:
    bucket = _closed(view)
    if bucket is None or bucket.behind_distribution:
        return
    closed = [key for key, statements in _by_effect(view, bucket, "Allow").items() if not statements]
    # An access control list may open what the policy does not, and shows only in what was fetched.
    told = any(each.seen_from == "controller" for each in view.fetched) or _ignores_lists(bucket)
    if closed and told:
        found = f"no statement lets everybody read {', '.join(closed)}"
        yield seen(bucket.name, found, bucket=bucket.name, policy=_opened(view, bucket))


@check(
    "bucket.distribution-refused",
    "broken",
    title="The bucket's policy does not let CloudFront read the documents",
    cause="CloudFront reads a private bucket as the service cloudfront.amazonaws.com, by an origin access control.",
    fix="Allow it: run onprem.irsa.site.",
    command=SITE,
    guide=_GUIDE,
)
def _distribution_refused(view: View) -> t.Iterator[Seen]:
    bucket = _closed(view)
    if bucket is None or not bucket.behind_distribution:
        return
    closed = [key for key, statements in _by_effect(view, bucket, "Allow").items() if not statements]
    if closed:
        yield seen(bucket.name, f"no statement lets {_DISTRIBUTION} read {', '.join(closed)}")


@check(
    "bucket.denied",
    "broken",
    title="The bucket's policy denies the documents",
    cause="A Deny wins over every Allow (IAM User Guide, Policy evaluation logic).",
    fix="Leave the documents out of the statement {statement}: name other resources, or NotResource.",
    guide=_GUIDE,
)
def _denied(view: View) -> t.Iterator[Seen]:
    bucket = _closed(view)
    if bucket is None:
        return
    denied = {key: statements for key, statements in _by_effect(view, bucket, "Deny").items() if statements}
    for statement in dict.fromkeys(name for statements in denied.values() for name in statements):
        keys = [key for key, statements in denied.items() if statement in statements]
        yield seen(bucket.name, f"the statement {statement} denies {', '.join(keys)}", statement=statement)


@check(
    "bucket.writable",
    "broken",
    title="Everybody may write into the bucket",
    cause="Who replaces the key set signs tokens of any service account, and assumes all roles that trust the issuer.",
    fix="Remove the statement {statement} at once, compare the key set with that of the API servers, and rotate.",
    guide=_GUIDE,
)
def _writable(view: View) -> t.Iterator[Seen]:
    bucket = _there(view)
    for number, statement in enumerate(_statements(bucket) if bucket else (), start=1):
        if bucket and statement.get("Effect") == "Allow" and _is_for(statement, distribution=False):
            name = str(statement.get("Sid") or number)
            if _lets_write(view, bucket, statement) and _holds(statement, unknown=False):
                yield seen(bucket.name, f"the statement {name} lets everybody write", statement=name)


_WRITES_OBJECTS: t.Final = ("PutObject", "DeleteObject", "PutObjectAcl")
_WRITES_BUCKET: t.Final = ("PutBucketPolicy", "DeleteBucketPolicy", "PutBucketAcl", "DeleteBucket")


@check(
    "bucket.listable",
    "warning",
    title="Everybody may list the bucket",
    cause="Nothing needs it: the documents are known by their names, and what else is in the bucket is not public.",
    fix="Remove s3:ListBucket from the statement {statement}.",
    guide=_GUIDE,
)
def _listable(view: View) -> t.Iterator[Seen]:
    bucket = _there(view)
    for number, statement in enumerate(_statements(bucket) if bucket else (), start=1):
        lists = _names(statement, "Action", "s3:ListBucket", ignore_case=True)
        writes = bucket is not None and _lets_write(view, bucket, statement)
        if bucket and statement.get("Effect") == "Allow" and _is_for(statement, distribution=False) and lists:
            name = str(statement.get("Sid") or number)
            if not writes and _holds(statement, unknown=False):
                yield seen(bucket.name, f"the statement {name} lets everybody list the bucket", statement=name)


@check(
    "bucket.all-objects",
    "warning",
    title="Everybody may read whatever is in the bucket",
    cause="AWS reads the two documents alone. What somebody puts beside them later, such as a key or a backup, is "
    "public from its first moment.",
    fix="Name the two documents in the statement {statement} in the place of all objects, and keep nothing else there.",
    command="aws s3api put-bucket-policy --bucket {bucket} --policy {policy}",
    guide=_GUIDE,
)
def _all_objects(view: View) -> t.Iterator[Seen]:
    bucket = _there(view)
    if bucket is None or bucket.behind_distribution or not bucket.objects:
        return
    other = _arn(view, bucket, "onprem-irsa-doctor/no-document")
    matching = [
        (number, statement)
        for number, statement in enumerate(_statements(bucket), start=1)
        if _matches(statement, other, bucket, unknown=statement.get("Effect") == "Deny")
    ]
    if any(statement.get("Effect") == "Deny" for _number, statement in matching):
        return
    for number, statement in matching:
        if not _lets_write(view, bucket, statement):
            name = str(statement.get("Sid") or number)
            policy = _documents_alone(view, bucket, number)
            found = f"the statement {name} lets everybody read every object"
            yield seen(bucket.name, found, statement=name, bucket=bucket.name, policy=policy)


@check(
    "bucket.acl",
    "warning",
    title="The documents are public by access control lists",
    cause="Buckets made since April 2023 have no such lists, and AWS advises to turn them off. When that is done, or "
    "an object is written again without its list, no pod gets its role (S3 user guide, Controlling ownership of "
    "objects).",
    fix="Let the bucket's policy open the two documents: run onprem.irsa.site.",
    command="aws s3api put-bucket-policy --bucket {bucket} --policy {policy}",
    guide=_GUIDE,
)
def _acl(view: View) -> t.Iterator[Seen]:
    bucket = _there(view)
    if bucket is None or _closed(view) is not None or bucket.behind_distribution:
        return
    by_list = [
        document.key
        for document in bucket.objects
        if not any(_reads(statement, _arn(view, bucket, document.key)) for statement in _statements(bucket))
    ]
    if by_list and not _ignores_lists(bucket):
        found = f"everybody reads {', '.join(by_list)}, and no statement of the bucket's policy allows it"
        yield seen(bucket.name, found, bucket=bucket.name, policy=_opened(view, bucket))


def _reads(statement: Statement, arn: str) -> bool:
    """Tell whether a statement lets somebody read an object, whoever that is: it may be what serves the documents."""
    return (
        statement.get("Effect") == "Allow"
        and _names(statement, "Action", _GET, ignore_case=True)
        and _names(statement, "Resource", arn)
    )


@check(
    "bucket.blocked",
    "broken",
    title="The bucket blocks public access",
    cause="New buckets do, since April 2023. BlockPublicPolicy refuses a public policy, and RestrictPublicBuckets "
    "ignores it.",
    fix="Turn these two blocks of the bucket off: run onprem.irsa.site. The other two may stay.",
    command="aws s3api put-public-access-block --bucket {bucket} --public-access-block-configuration "
    "BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=false,RestrictPublicBuckets=false",
    guide=_GUIDE,
)
def _blocked(view: View) -> t.Iterator[Seen]:
    bucket = _closed(view)
    if bucket and not bucket.behind_distribution:
        blocks = [block for block in bucket.blocks if block in _CLOSING]
        if blocks:
            yield seen(bucket.name, f"{', '.join(blocks)} is on", bucket=bucket.name)


@check(
    "bucket.account-blocked",
    "broken",
    title="The account blocks public access to all its buckets",
    cause="The account's block stands above what a bucket says.",
    fix="Publish behind CloudFront, which needs no public bucket (irsa_issuer_publisher: cloudfront); or let the owner "
    "of the account turn the block off.",
    command="aws s3control put-public-access-block --account-id {account} --public-access-block-configuration "
    "BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=false,RestrictPublicBuckets=false",
    guide=_GUIDE,
)
def _account_blocked(view: View) -> t.Iterator[Seen]:
    bucket = _closed(view)
    if bucket is None or bucket.behind_distribution:
        return
    blocks = [block for block in looked(bucket.account_blocks) or () if block in _CLOSING]
    if blocks:
        account = bucket.owner or (view.providers.account if view.providers else "")
        found = f"{', '.join(blocks)} is on for the account {account}".rstrip()
        yield seen(bucket.name, found, account=account)


@check(
    "bucket.encrypted",
    "broken",
    title="A document is encrypted with a key of KMS",
    cause="S3 decrypts it for nobody without a signature. A bucket whose default is KMS makes every new object so, and "
    "an object stays as it was written.",
    fix="Write the document again with S3's own key: run onprem.irsa.site.",
    command="aws s3 cp {object} {object} --sse AES256",
    guide=_GUIDE,
)
def _encrypted(view: View) -> t.Iterator[Seen]:
    bucket = _closed(view)
    if bucket is None or bucket.behind_distribution:
        return
    for document in bucket.objects:
        if document.exists and "kms" in document.encryption:
            path = f"s3://{bucket.name}/{document.key}"
            yield seen(path, f"it is encrypted with {document.encryption}", object=path)


@check(
    "bucket.object-missing",
    "broken",
    title="A document is not in the bucket",
    cause="Somebody deleted it, or a lifecycle rule did.",
    fix="Publish it again: run onprem.irsa.site. See that no lifecycle rule ends it.",
    command=SITE,
    guide=_GUIDE,
)
def _object_missing(view: View) -> t.Iterator[Seen]:
    bucket = _there(view)
    for document in bucket.objects if bucket else ():
        if bucket and not document.exists:
            yield seen(f"s3://{bucket.name}/{document.key}", "there is no such object")


@check(
    "bucket.requester-pays",
    "broken",
    title="The bucket makes readers pay",
    cause="S3 refuses anonymous requests to such a bucket, because nobody pays for them.",
    fix="Turn Requester Pays off.",
    command="aws s3api put-bucket-request-payment --bucket {bucket} --request-payment-configuration Payer=BucketOwner",
    guide=_GUIDE,
)
def _requester_pays(view: View) -> t.Iterator[Seen]:
    bucket = _closed(view)
    if bucket and bucket.requester_pays:
        yield seen(bucket.name, "Requester Pays is on", bucket=bucket.name)
