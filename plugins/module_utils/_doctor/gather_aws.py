# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One look at an AWS account for a snapshot. PRIVATE to the collection: it may change without notice.

Each part is looked at by itself: what may not be read says so in its own place, and hides nothing else. No call is made
but those of C(rights.CALLS): the SDK is stopped before any other one.
"""

from __future__ import annotations

import json
import typing as t
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

from ansible_collections.onprem.irsa.plugins.module_utils._aws.errors import AwsError, asking
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.rights import refused_call
from ansible_collections.onprem.irsa.plugins.module_utils._errors import IrsaError
from ansible_collections.onprem.irsa.plugins.module_utils._iam.iam_calls import (
    caller,
    iam_client,
    read_providers,
    read_role,
    read_roles,
)
from ansible_collections.onprem.irsa.plugins.module_utils._iam.provider import shown
from ansible_collections.onprem.irsa.plugins.module_utils._proof.role_trust import provider_arn_for_role
from ansible_collections.onprem.irsa.plugins.module_utils._publication.s3_calls import account_block, s3_client
from ansible_collections.onprem.irsa.plugins.module_utils._trust.policy import trusted_providers

if t.TYPE_CHECKING:
    from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

    from ansible_collections.onprem.irsa.plugins.module_utils._iam.roles import Role

Json = dict[str, t.Any]
_Found = t.TypeVar("_Found")

_GONE: t.Final = ("404", "NoSuchBucket", "NoSuchKey", "NoSuchEntity")
_HIDDEN: t.Final = ("403", "AccessDenied")
_SIDE_BY_SIDE: t.Final = 8
_BLOCK: t.Final = "PublicAccessBlockConfiguration"
_OF_OTHERS: t.Final = "MethodNotAllowed"
"""What GetBucketPolicy answers whoever has the permission in another account than the bucket's (S3 API reference)."""


@dataclass(frozen=True)
class Wanted:
    """What is looked at."""

    roles: t.Sequence[str]
    """The ARNs that service accounts name, or pods."""
    issuer: str = ""
    """Whose provider other roles may trust: of these it is looked at whom they let in. Empty for no such look."""
    bucket: str = ""
    """The bucket of the documents; empty for documents that are in none."""
    keys: t.Sequence[str] = ()
    """The keys of the two documents in it."""
    region: str = ""
    """The region that pods are told; empty where nobody knows it."""


def gather(module: AnsibleAWSModule, wanted: Wanted) -> Json:
    """Look at an account once, as C(observations.from_observations) takes it; C(region) has C(enabled) alone."""
    reading = Reading(module)
    account = _or_reason(lambda: _Account(*caller(t.cast("AnsibleAWSModule", reading))))
    bucket = _or_reason(lambda: _bucket(reading, wanted)) if wanted.bucket else _no_bucket(wanted)
    if not isinstance(account, _Account):
        return {"providers": account, "roles": account, "bucket": bucket, "calls": reading.calls}
    providers = _or_reason(lambda: [shown(found) for found in read_providers(iam_client(reading.module))])
    return {
        "providers": providers if isinstance(providers, dict) else {**account.as_data(), "providers": providers},
        "roles": _or_reason(lambda: _roles(reading, account, wanted)),
        "bucket": bucket,
        "region": {"enabled": _is_enabled(reading, wanted.region)} if wanted.region else {},
        "calls": reading.calls,
    }


def _or_reason(look: t.Callable[[], _Found]) -> _Found | Json:
    """Return what was looked at, or as an observation says it why it could not be."""
    try:
        return look()
    except AwsError as error:
        missing = error.code in ("NoCredentialsError", "PartialCredentialsError")
        return {"not_looked_at": "there are no AWS credentials" if missing else error.problem.rstrip(".")}
    except IrsaError as error:
        return {"not_looked_at": error.problem.rstrip(".")}


def _no_bucket(wanted: Wanted) -> Json | None:
    """Return that documents are in no bucket, or that nobody knows where they are."""
    return None if wanted.issuer else {"not_looked_at": "the issuer is not known (irsa_doctor_issuer_url)"}


class Reading:
    """A module whose clients make no call but those of C(rights.CALLS), and which counts them."""

    def __init__(self, module: AnsibleAWSModule) -> None:
        """Take the module that knows credentials and region."""
        self._module, self.params = module, module.params
        self.calls = 0

    @property
    def module(self) -> AnsibleAWSModule:
        """Itself, as what takes a module knows it: by C(client) and C(params)."""
        return t.cast("AnsibleAWSModule", self)

    def client(self, service: str, **options: t.Any) -> t.Any:  # noqa: ANN401 -- boto3's own
        """Return a client of a service."""
        made = self._module.client(service, **options)
        made.meta.events.register("before-call", self._check)
        return made

    def _check(self, model: t.Any, **_event: object) -> None:  # noqa: ANN401 -- botocore's OperationModel
        refusal = refused_call(str(model.service_model.service_name), str(model.name))
        if refusal:
            raise IrsaError(refusal, fix="Report this as an error of onprem.irsa.")
        self.calls += 1


class _Account(t.NamedTuple):
    partition: str
    account: str

    def as_data(self) -> Json:
        return {"account": self.account, "partition": self.partition}

    def has(self, arn: str) -> bool:
        return arn.startswith(f"arn:{self.partition}:iam::{self.account}:role/")


def _roles(reading: Reading, account: _Account, wanted: Wanted) -> Json:
    """Look at the roles of this account that are named, and at those that trust the issuer's provider."""
    named = [arn for arn in wanted.roles if account.has(arn)]
    names = {arn.rpartition("/")[2].lower() for arn in named}
    others: list[str] = []

    def keep(role: Role) -> bool:
        kept = (role.name.lower() in names and role.arn in named) or _trusts(role, account, wanted.issuer)
        others.extend([] if kept else [role.arn])
        return kept

    try:
        found = {role.arn: role for role in read_roles(iam_client(reading.module), keep).values()}
        unreadable: dict[str, str] = {}
    except AwsError as error:
        if not error.code.startswith("AccessDenied"):
            raise
        found, unreadable, others = _each_role(reading, named)
    boundaries = _boundaries(reading, found.values())
    return {
        "roles": [
            {**asdict(role), "boundary_exists": boundaries.get(role.permissions_boundary)} for role in found.values()
        ],
        "missing": [arn for arn in named if arn not in found and arn not in unreadable],
        "unreadable": unreadable,
        "others": sorted({*others} - {*found}),
    }


def _trusts(role: Role, account: _Account, issuer: str) -> bool:
    provider = provider_arn_for_role(role.arn, issuer) if issuer and account.has(role.arn) else ""
    return bool(provider) and provider in trusted_providers(role.trust_policy)


def _each_role(reading: Reading, named: t.Sequence[str]) -> tuple[dict[str, Role], dict[str, str], list[str]]:
    """Ask for each role by itself, where they may not be listed; return them, why others could not be, and others."""
    client = iam_client(reading.module)

    def ask(arn: str) -> Role | str | None:
        try:
            return read_role(client, arn.rpartition("/")[2])
        except AwsError as error:
            return error.problem.rstrip(".")

    with ThreadPoolExecutor(max_workers=_SIDE_BY_SIDE) as pool:
        answers = dict(zip(named, pool.map(ask, named)))
    roles = [answer for answer in answers.values() if answer is not None and not isinstance(answer, str)]
    return (
        {role.arn: role for role in roles if role.arn in answers},
        {arn: answer for arn, answer in answers.items() if isinstance(answer, str)},
        [role.arn for role in roles if role.arn not in answers],
    )


def _boundaries(reading: Reading, roles: t.Iterable[Role]) -> dict[str, bool | None]:
    """Say of each permissions boundary whether it exists; None where that may not be seen."""
    client = iam_client(reading.module)
    return {arn: _exists(client, arn) for arn in sorted({role.permissions_boundary for role in roles} - {""})}


def _exists(client: t.Any, policy: str) -> bool | None:  # noqa: ANN401 -- boto3's own
    try:
        with asking("show a permissions boundary"):
            client.get_policy(PolicyArn=policy)
    except AwsError as error:
        return False if error.code in _GONE else None
    return True


def _is_enabled(reading: Reading, region: str) -> bool | None:
    """Say whether the account may use a region; None where that cannot be seen."""
    try:
        client = reading.client("account")
        with asking("show whether a region is turned on"):
            status = client.get_region_opt_status(RegionName=region)["RegionOptStatus"]
    except (AwsError, IrsaError):
        return None
    return status in ("ENABLED", "ENABLED_BY_DEFAULT", "ENABLING")


def _bucket(reading: Reading, wanted: Wanted) -> Json:
    """Look at what decides who reads the documents in a bucket."""
    client, name = s3_client(reading.module), wanted.bucket
    ask: t.Any = client
    try:
        with asking(f"show the bucket {name}"):
            head = ask.head_bucket(Bucket=name)
    except AwsError as error:
        if error.code not in _GONE:
            raise
        return {"name": name, "exists": False}
    policy, owned = _policy(ask, name)
    try:
        account, closed = account_block(reading.module)
        own: Json = {"owner": account if owned else "", "account_public_access_block": closed}
    except AwsError as error:
        own = {"account_public_access_block": {"not_looked_at": error.problem.rstrip(".")}}
    return {
        "name": name,
        "region": head.get("BucketRegion") or "",
        "policy": policy,
        "public_access_block": _answer(ask.get_public_access_block, f"NoSuch{_BLOCK}", Bucket=name).get(_BLOCK, {}),
        "requester_pays": _answer(ask.get_bucket_request_payment, Bucket=name).get("Payer") == "Requester",
        "behind_distribution": _lets_distribution(policy),
        "objects": {key: _object(ask, name, key) for key in wanted.keys},
        **own,
    }


def _answer(call: t.Callable[..., t.Any], *none_for: str, **arguments: str) -> Json:
    """Return what S3 answers; nothing for the codes by which it says that there is none."""
    try:
        with asking("show the bucket"):
            return dict(call(**arguments))
    except AwsError as error:
        if error.code in none_for:
            return {}
        raise


def _policy(client: t.Any, name: str) -> tuple[Json | None, bool]:  # noqa: ANN401 -- boto3's own
    """Return the bucket's policy, and whether the bucket is of this account."""
    try:
        found = _answer(client.get_bucket_policy, "NoSuchBucketPolicy", Bucket=name)
    except AwsError as error:
        if error.code != _OF_OTHERS:
            raise
        return None, False
    return (json.loads(found["Policy"]) if found else None), True


def _lets_distribution(policy: Json | None) -> bool:
    text = json.dumps(policy)
    return "cloudfront.amazonaws.com" in text or ":iam::cloudfront:user/" in text


def _object(client: t.Any, bucket: str, key: str) -> Json | None:  # noqa: ANN401 -- boto3's own
    """Return C(encryption) of a document; None for one that is not there.

    A statement that denies the documents to everybody denies them here as well, and shows in the policy.
    """
    try:
        found = _answer(client.head_object, *_GONE, Bucket=bucket, Key=key)
    except AwsError as error:
        if error.code not in _HIDDEN:
            raise
        return {}
    return {"encryption": found.get("ServerSideEncryption") or ""} if found else None


__all__: t.Final = ("Reading", "Wanted", "gather")
