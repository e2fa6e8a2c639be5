# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""moto as the store: the only module that knows it.

moto keeps the state of a process in globals, so there is one engine a process. It is not made for threads: every use
holds the lock. Its own authorization stays off, because it knows neither conditions nor principals; the callers of this
module decide before.
"""

from __future__ import annotations

import json
import os
import threading
import typing as t
from copy import copy
from dataclasses import dataclass
from functools import cache
from urllib.parse import urlsplit

from moto.cloudfront.models import cloudfront_backends
from moto.cloudfront.responses import CloudFrontResponse
from moto.core.exceptions import ServiceException
from moto.core.request import Request
from moto.core.routing import get_service_router
from moto.core.utils import utcnow
from moto.iam.access_control import PermissionResult
from moto.iam.aws_managed_policies import aws_managed_policies_data
from moto.iam.models import AWSManagedPolicy, iam_backends
from moto.iam.responses import IamResponse
from moto.s3.models import FakeBucket, PublicAccessBlock, s3_backends
from moto.s3.responses import S3Response
from moto.s3control.models import s3control_backends
from moto.s3control.responses import S3ControlResponse
from moto.sts.models import sts_backends
from moto.sts.responses import TokenResponse
from werkzeug.exceptions import HTTPException

from . import cloudfront, s3_access
from .errors import AwsError
from .hosts import Endpoint, endpoint_of
from .messages import Call, HttpRequest, HttpResponse
from .oidc_provider import Provider

if t.TYPE_CHECKING:
    from datetime import datetime

    from moto.iam.models import Group, IAMBackend, User
    from moto.iam.models import Role as MotoRole

    from .documents import Json

Tags = dict[str, str]
ACCOUNT = "123456789012"
os.environ["MOTO_ACCOUNT_ID"] = ACCOUNT  # else moto looks for the key of every call in every partition
os.environ["MOTO_ALLOW_NONEXISTENT_REGION"] = "true"
ADMINISTRATOR = "administrator"
_RESPONSES = {
    "cloudfront": CloudFrontResponse,
    "iam": IamResponse,
    "sts": TokenResponse,
    "s3control": S3ControlResponse,
}
_STATUS = {"EntityAlreadyExists": 409, "NoSuchEntity": 404, "DeleteConflict": 409, "LimitExceeded": 409}
_STATUS |= {"NoSuchDistribution": 404, "NoSuchOriginAccessControl": 404, "PreconditionFailed": 412}
_STATUS |= dict.fromkeys(("CNAMEAlreadyExists", "DistributionAlreadyExists", "DistributionNotDisabled"), 409)
_STATUS |= dict.fromkeys(("OriginAccessControlAlreadyExists", "OriginAccessControlInUse"), 409)

# moto evaluates bucket policies itself, without conditions or principals: that has been decided before it is called.
FakeBucket.get_permission = lambda *_: PermissionResult.PERMITTED  # type: ignore[method-assign]


cloudfront.install()


@dataclass(frozen=True)
class Credentials:
    """What an access key stands for. ``expires`` is set for temporary ones."""

    secret: str
    arn: str
    principals: tuple[str, ...]
    policies: tuple[Json, ...]
    boundary: Json = None
    session_token: str | None = None
    expires: datetime | None = None


@dataclass(frozen=True)
class Role:
    """A role, as assuming it needs it."""

    name: str
    arn: str
    trust: Json
    max_session_seconds: int


@dataclass(frozen=True)
class RolePolicies:
    """What a role has of the things that IAM's quotas count."""

    inline: t.Mapping[str, str]
    """The documents, by name."""
    managed: tuple[str, ...]
    """ARNs."""


@dataclass(frozen=True)
class Session:
    """A role taken, with its temporary credentials."""

    arn: str
    user_id: str
    access_key_id: str
    secret: str
    token: str
    expires: datetime


@dataclass(frozen=True)
class Distribution:
    """A CloudFront distribution, as serving it needs it."""

    arn: str
    origin: str
    """The host that it asks."""
    signed: bool
    """Whether it signs what it asks, by an origin access control."""
    methods: tuple[str, ...]
    forgotten: tuple[tuple[str, ...], ...] = ()
    """The paths of each invalidation, in order."""


def _request(http: HttpRequest, endpoint: Endpoint) -> Request:
    """Return the request as moto wants it: under the service's plain name, whatever port and spelling were used."""
    suffix = "amazonaws.com.cn" if endpoint.partition == "aws-cn" else "amazonaws.com"
    label = f"{ACCOUNT}.s3-control" if endpoint.service == "s3control" else endpoint.service
    host = f"{endpoint.bucket}.{label}" if endpoint.bucket else label
    url = f"https://{host}.{endpoint.region}.{suffix}{http.target}"
    return Request.from_primitives(http.method, url, {**http.headers, "host": urlsplit(url).netloc}, http.body)


def identify(http: HttpRequest) -> Call:
    """Return which operation of which API a request is.

    Raises:
        AwsError: the host is no endpoint that is served here, or the API has no such operation.
    """
    endpoint = endpoint_of(http.host)
    if endpoint is None:
        raise AwsError("UnknownEndpoint", f"The host {http.host!r} is no endpoint that is served here", 404)
    request = _request(http, endpoint)
    try:
        operation, uri = get_service_router(endpoint.service).match(request)
    except (HTTPException, NotImplementedError):
        if endpoint.service in ("iam", "sts"):
            action, version = (request.values.get(name, "") for name in ("Action", "Version"))
            raise AwsError("InvalidAction", f"Could not find operation {action} for version {version}") from None
        raise AwsError("MethodNotAllowed", "The specified method is not allowed against this resource.", 405) from None
    return Call(f"{endpoint.service}:{operation.name}", endpoint, http, uri.get("Bucket"), uri.get("Key"))


def _document(stored: Json) -> Json:
    return json.loads(stored) if isinstance(stored, (str, bytes)) else stored


def _managed(backend: IAMBackend, arn: str | None) -> Json:
    found = backend.managed_policies.get(arn) if arn else None
    if found is None:
        return None
    return _document(next(version.document for version in found.versions if version.is_default))


@cache
def _aws_policies(partition: str) -> tuple[AWSManagedPolicy, ...]:
    """Return the policies that AWS itself manages; reading them takes moto a while."""
    found = json.loads(aws_managed_policies_data)
    return tuple(AWSManagedPolicy.from_data(name, ACCOUNT, partition, each) for name, each in found.items())


def _policies_of(backend: IAMBackend, holder: User | Group | MotoRole) -> list[Json]:
    inline = [_document(text) for text in holder.policies.values()]
    return inline + [_managed(backend, arn) for arn in holder.managed_policies]


class Engine:
    """The account's state: users, roles, providers, buckets."""

    def __init__(self) -> None:
        """Begin with a fresh account and its administrator."""
        self._lock = threading.RLock()
        self._administrator: tuple[str, str] | None = None
        self.reset()

    def reset(self) -> None:
        """Forget everything but the administrator, who keeps the key pair."""
        with self._lock:
            for backends in (s3_backends, s3control_backends, cloudfront_backends, sts_backends, iam_backends):
                for account in backends.values():
                    account.reset()
            self._iam("aws")

    def _iam(self, partition: str) -> IAMBackend:
        """Return the IAM of a partition, where the administrator is made on its first use."""
        iam = iam_backends[ACCOUNT][partition]
        if ADMINISTRATOR not in iam.users:
            iam.aws_managed_policies = [copy(each) for each in _aws_policies(partition)]
            iam.managed_policies = {each.arn: each for each in iam.aws_managed_policies}
            iam.create_user("us-east-1", ADMINISTRATOR)
            iam.attach_user_policy(f"arn:{partition}:iam::aws:policy/AdministratorAccess", ADMINISTRATOR)
            key = iam.create_access_key(ADMINISTRATOR)
            del iam.access_keys[key.access_key_id]
            self._administrator = self._administrator or (key.access_key_id, key.secret_access_key)
            key.access_key_id, key.secret_access_key = self._administrator
            iam.access_keys[key.access_key_id] = key
        return iam

    @property
    def administrator(self) -> tuple[str, str]:
        """The administrator's access key id and secret, in every partition."""
        if self._administrator is None:
            raise AssertionError("reset() makes the administrator")  # pragma: no cover
        return self._administrator

    def credentials(self, access_key_id: str, partition: str) -> Credentials | None:
        """Return what an access key stands for; None when there is no such active key."""
        with self._lock:
            return self._session_credentials(access_key_id, partition) or self._user_credentials(
                access_key_id, partition
            )

    def _user_credentials(self, access_key_id: str, partition: str) -> Credentials | None:
        iam = self._iam(partition)
        for user in iam.users.values():
            for key in user.access_keys:
                if key.access_key_id != access_key_id or key.status != "Active":
                    continue
                holders = (
                    _policies_of(iam, user),
                    *(_policies_of(iam, each) for each in iam.get_groups_for_user(user.name)),
                )
                policies = tuple(document for documents in holders for document in documents)
                root = f"arn:{partition}:iam::{ACCOUNT}:root"
                return Credentials(key.secret_access_key, user.arn, (user.arn, root, ACCOUNT), policies)
        return None

    def _session_credentials(self, access_key_id: str, partition: str) -> Credentials | None:
        iam = self._iam(partition)
        found = sts_backends[ACCOUNT][partition].get_assumed_role_from_access_key(access_key_id)
        if found is None:
            return None
        roles = [role for role in iam.roles.values() if role.arn == found.role_arn]
        policies = tuple(document for role in roles for document in _policies_of(iam, role))
        boundary = _managed(iam, roles[0].permissions_boundary_arn) if roles else None
        names = (found.arn, found.role_arn, f"arn:{partition}:iam::{ACCOUNT}:root", ACCOUNT)
        return Credentials(
            found.secret_access_key,
            found.arn,
            names,
            policies,
            boundary,
            found.session_token,
            found.expiration,
        )

    def providers(self, partition: str) -> list[Provider]:
        """Return the OIDC providers of the account."""
        with self._lock:
            found = self._iam(partition).open_id_providers
            return [Provider(arn, f"https://{each.url}", tuple(each.client_id_list)) for arn, each in found.items()]

    def change_client_ids(self, arn: str, partition: str, change: t.Callable[[list[str]], list[str]]) -> None:
        """Replace the client ids of a provider by what a function makes of them."""
        with self._lock:
            provider = self._iam(partition).open_id_providers[arn]
            provider.client_id_list = change(list(provider.client_id_list))

    def provider_tags(self, arn: str, partition: str) -> dict[str, str]:
        """Return the tags of a provider; none for one that is not there."""
        with self._lock:
            found = self._iam(partition).open_id_providers.get(arn)
            return {tag["Key"]: tag["Value"] for tag in found.tag_list_type} if found else {}

    def policies(self, name: str, partition: str) -> RolePolicies | None:
        """Return the policies of a role by its name; None when there is no such role."""
        with self._lock:
            found = [role for role in self._iam(partition).roles.values() if role.name == name]
            if not found:
                return None
            role = found[0]
            return RolePolicies(dict(role.policies), tuple(role.managed_policies))

    def change_role_tags(self, name: str, partition: str, change: t.Callable[[Tags], Tags]) -> None:
        """Replace the tags of a role by what a function makes of them."""
        with self._lock:
            for role in self._iam(partition).roles.values():
                if role.name == name:
                    tags = change({tag["Key"]: tag["Value"] for tag in role.tags or []})
                    role.tags = [{"Key": key, "Value": value} for key, value in tags.items()]

    def role(self, arn: str, partition: str) -> Role | None:
        """Return a role by its ARN."""
        with self._lock:
            for role in self._iam(partition).roles.values():
                if role.arn == arn:
                    trust = _document(role.assume_role_policy_document)
                    return Role(role.name, role.arn, trust, int(role.max_session_duration or 3600))
        return None

    def set_trust(self, arn: str, partition: str, text: str) -> None:
        """Replace the trust policy of a role."""
        with self._lock:
            for role in self._iam(partition).roles.values():
                if role.arn == arn:
                    role.assume_role_policy_document = text

    def role_arn(self, name: str, partition: str) -> str | None:
        """Return the ARN of a role by its name."""
        with self._lock:
            found = [role.arn for role in self._iam(partition).roles.values() if role.name == name]
        return found[0] if found else None

    def assume(self, role: Role, session_name: str, seconds: int, endpoint: Endpoint) -> Session:
        """Take a role: make temporary credentials."""
        with self._lock:
            made = sts_backends[ACCOUNT][endpoint.partition].assume_role_with_web_identity(
                region_name=endpoint.region,
                role_session_name=session_name,
                role_arn=role.arn,
                policy=None,
                duration=seconds,
                external_id=None,
            )
            return Session(
                made.arn, made.user_id, made.access_key_id, made.secret_access_key, made.session_token, made.expiration
            )

    def bucket(self, name: str | None) -> s3_access.Bucket | None:
        """Return what decides on the access to a bucket; None when there is no such bucket."""
        with self._lock:
            found = self._bucket(name)
            if found is None:
                return None
            block = _block(found.public_access_block)
            ownership = str(found.ownership_rule or "ObjectWriter")
            parsed = _document(found.policy) if found.policy else None
            return s3_access.Bucket(found.name, found.region_name, block, ownership, parsed)

    @staticmethod
    def _bucket(name: str | None) -> FakeBucket | None:
        owner = s3_backends.bucket_accounts.get(name or "")
        return s3_backends[owner[1]][owner[0]].buckets.get(name or "") if owner else None

    def has_object(self, bucket: str, key: str) -> bool:
        """Whether a bucket holds an object."""
        with self._lock:
            found = self._bucket(bucket)
            return found is not None and found.keys.get(key) is not None

    def under_kms(self, bucket: str, key: str) -> bool:
        """Whether a KMS key encrypts an object."""
        with self._lock:
            found = self._bucket(bucket)
            stored = found.keys.get(key) if found is not None else None
            return stored is not None and str(stored.encryption or "").startswith("aws:kms")

    def publicly_listed(self, bucket: str, key: str) -> bool:
        """Whether the access control list of an object lets everybody read it."""
        with self._lock:
            found = self._bucket(bucket)
            stored = found.keys.get(key) if found is not None else None
            return stored is not None and stored.acl is not None and bool(stored.acl.public_read)

    def set_bucket_defaults(self, name: str) -> None:
        """Give a new bucket what it has since April 2023: public access blocked, access control lists disabled."""
        with self._lock:
            found = self._bucket(name)
            if found is not None:
                found.public_access_block = PublicAccessBlock("true", "true", "true", "true")
                found.ownership_rule = found.ownership_rule or s3_access.ENFORCED  # type: ignore[assignment]

    def account_block(self, partition: str) -> s3_access.PublicAccessBlock:
        """Return the account's own Block Public Access settings."""
        with self._lock:
            return _block(s3control_backends[ACCOUNT][partition].public_access_block)

    def distribution(self, host: str) -> Distribution | None:
        """Return the enabled distribution that a host name leads to, CloudFront's own or an alias.

        It is as the edges have it: a change takes a while to be there.
        """
        with self._lock:
            backend = t.cast("cloudfront.Store", cloudfront_backends[ACCOUNT]["aws"])
            for found in t.cast("list[cloudfront.Distribution]", list(backend.distributions.values())):
                config = found.served
                if config is None or host not in (found.domain_name, *cloudfront.items(config["Aliases"])):
                    found.look()
                    continue
                found.look()
                if not config["Enabled"]:
                    continue
                behavior = config["DefaultCacheBehavior"]
                origin = next(each for each in config["Origins"]["Items"] if each["Id"] == behavior["TargetOriginId"])
                control = backend.origin_access_controls.get(origin["OriginAccessControlId"])
                return Distribution(
                    found.arn,
                    origin["DomainName"],
                    control is not None and control.signing_behavior != "never",
                    tuple(behavior["AllowedMethods"]["Items"]),
                    tuple(tuple(each.paths) for each in backend.invalidations.get(found.id, [])),
                )
        return None

    def serves(self, host: str) -> bool:
        """Whether a name of one's own leads to a distribution or a bucket."""
        return self.distribution(host) is not None or self.bucket(host) is not None

    def now(self) -> datetime:
        """Return the time by which moto's sessions expire (UTC, without a zone)."""
        return utcnow()

    def answer(self, call: Call) -> HttpResponse:
        """Let moto answer a call.

        Raises:
            AwsError: moto refuses the call.
        """
        request = _request(call.http, call.endpoint)
        url = request.raw_url
        with self._lock:
            try:
                if call.service == "s3":
                    handler = S3Response.key_dispatch if call.key is not None else S3Response.bucket_dispatch
                    status, headers, body = handler(request, url, dict(request.headers))
                else:
                    status, headers, body = _RESPONSES[call.service].dispatch(request, url, dict(request.headers))
            except ServiceException as error:
                raise AwsError(error.code, error.message, _STATUS.get(error.code, 400)) from error
            except NotImplementedError as error:
                raise AwsError("NotImplemented", f"{call.operation} is not served here", 501) from error
        content = body.encode() if isinstance(body, str) else bytes(body or b"")
        named = {name.lower(): str(value) for name, value in headers.items()}
        return HttpResponse(int(status), {name: value for name, value in named.items() if name != "status"}, content)


def _block(stored: Json) -> s3_access.PublicAccessBlock:
    if stored is None:
        return s3_access.PublicAccessBlock()
    return s3_access.PublicAccessBlock(
        stored.block_public_acls, stored.ignore_public_acls, stored.block_public_policy, stored.restrict_public_buckets
    )
