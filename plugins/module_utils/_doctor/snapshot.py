# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was seen of the whole chain at one moment, without a secret. PRIVATE: it may change without notice.

Pure, and for the controller alone. Every part may be C(NotLooked), which says why nobody has looked at it: that is not
the same as a part that was looked for and is not there (None, or an empty tuple).

There is a field for all that a check goes by, and for nothing else: what has no field can't be saved or mailed around.
Of tokens there are claims, of Secrets names, of pods the few variables that name a role, of key files public halves.
Times are seconds since the epoch, and durations are seconds, unless a field says otherwise.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.onprem.irsa.plugins.module_utils._finding import Finding  # noqa: TC001 -- types of fields are read at run time

VERSION: t.Final = 1
"""Of the form of a snapshot. A change of a field's name or meaning is another version; a field more is not."""

LEGACY_NOT_ASKED: t.Final = "irsa_doctor_legacy_secrets is not set"
"""Why nobody has looked at Secrets where the user has not asked for it."""

Policy = dict[str, t.Any]
"""A policy of IAM or S3 as C(redaction.policy_of) keeps it."""
Texts = tuple[str, ...]


@dataclass(frozen=True)
class NotLooked:
    """A part at which nobody has looked."""

    reason: str
    """To follow "not looked at, because": C(there are no AWS credentials)."""


@dataclass(frozen=True)
class Tls:
    """What a web server shows of itself as it is connected to."""

    not_before: float
    not_after: float
    names: Texts
    """DNS names of the certificate."""
    issued_by: str = ""
    trusted: bool = True
    """Whether the chain leads to an authority that the system trusts."""
    complete: bool = True
    """Whether the server sends the intermediate certificates."""
    named: bool = True
    """Whether the certificate is for the host."""
    version: str = "TLSv1.3"
    thumbprint: str = ""
    """SHA-1 of the last certificate that is sent, in lower case, as IAM compares it."""


@dataclass(frozen=True)
class Key:
    """A public key, by its members as JWK. A value that is no text is shown as its type."""

    kid: str = ""
    kty: str = ""
    alg: str = ""
    use: str = ""
    n: str = ""
    e: str = ""
    crv: str = ""
    x: str = ""
    y: str = ""
    private_members: Texts = ()
    """The names of members that should be secret; their values are nowhere."""
    problem: str = ""
    """The first rule that it breaks, by C(_documents.jwk_rules); empty for a good one."""

    @property
    def material(self) -> Texts:
        """What makes the key, whatever is said of its purpose."""
        return (self.kty, self.n, self.e, self.crv, self.x, self.y)


@dataclass(frozen=True)
class Discovery:
    """A discovery document."""

    issuer: str = ""
    jwks_uri: str = ""
    algorithms: Texts = ()


@dataclass(frozen=True)
class Fetch:
    """How one document was fetched, and what it holds."""

    url: str
    addresses: Texts = ()
    unresolved: str = ""
    """Why the host has no address; empty where it has."""
    unreached: str = ""
    """Why there was no answer: C(refused), C(timeout) or the system's words; empty where there was one."""
    tls: Tls | None = None
    status: int = 0
    """HTTP status; 0 without an answer."""
    redirect: str = ""
    """Where a redirect leads."""
    seconds: float = 0.0
    """Until the last byte."""
    content_type: str = ""
    max_age: int | None = None
    """Of C(Cache-Control), or of C(Expires)."""
    via: str = ""
    refusal: str = ""
    """What the body of a refusal tells: C(kms), C(sse-c), C(requester-pays), C(archived), or S3's error code."""
    form: str = ""
    """Of the body: C(object) for a JSON object, C(json), C(html), C(empty) or C(other)."""
    bom: bool = False
    """Whether a byte-order mark stands in front."""
    digest: str = ""
    """SHA-256 of the body."""
    discovery: Discovery | None = None
    keys: tuple[Key, ...] | None = None
    """Of a key set; None for what is none."""


@dataclass(frozen=True)
class Probe:
    """The documents as they are seen from one place."""

    seen_from: str
    """C(controller), or the name of a host."""
    discovery: Fetch | NotLooked
    jwks: Fetch | NotLooked
    """At the C(jwks_uri) of the discovery document."""


@dataclass(frozen=True)
class Object:
    """One of the two documents in the bucket."""

    key: str
    exists: bool = True
    encryption: str = "AES256"


@dataclass(frozen=True)
class Bucket:
    """The bucket that serves the documents."""

    name: str
    exists: bool = True
    region: str = ""
    owner: str = ""
    """The account it belongs to; empty where it is not known."""
    policy: Policy | None = None
    blocks: Texts = ()
    """The public access blocks that are on, of the bucket alone."""
    account_blocks: Texts | NotLooked = ()
    """Those of the account."""
    requester_pays: bool = False
    behind_distribution: bool = False
    """Whether CloudFront reads it, so that nobody else has to."""
    objects: tuple[Object, ...] = ()


@dataclass(frozen=True)
class Provider:
    """An OIDC identity provider."""

    arn: str
    audiences: Texts = ()
    thumbprints: Texts = ()
    """In lower case."""


@dataclass(frozen=True)
class Providers:
    """The OIDC identity providers of the account."""

    account: str
    partition: str = "aws"
    found: tuple[Provider, ...] = ()


@dataclass(frozen=True)
class Role:
    """An IAM role that a service account names, or a pod by itself, or that trusts the issuer's provider."""

    arn: str
    trust: Policy | NotLooked
    boundary: str = ""
    """ARN of the permissions boundary."""
    boundary_exists: bool | None = None
    """None where it is not known."""
    inline: Texts = ()
    """Names of inline policies."""
    inline_size: int = 0
    """Characters of all of them, as IAM counts them."""
    trust_size: int = 0


@dataclass(frozen=True)
class Roles:
    """The roles that are named, or trust the issuer's provider, as far as they are of the account that was asked."""

    found: tuple[Role, ...] = ()
    missing: Texts = ()
    """ARNs of roles that are not there."""
    unreadable: t.Mapping[str, str] = field(default_factory=dict)
    """Why, by the ARNs of those that could not be read."""
    others: Texts = ()
    """ARNs of roles that are there and that nobody names, so that a misspelt name finds its own."""


@dataclass(frozen=True)
class ServiceAccount:
    """A service account with something of AWS, by its annotations or by the policy that injects."""

    namespace: str
    name: str
    role: str | None = None
    """The annotation C(eks.amazonaws.com/role-arn), to the letter; None for none."""
    policy_role: str = ""
    """The role by which a policy of the API servers injects; empty for none."""
    audience: str | None = None
    expiration: str | None = None
    regional: str | None = None
    """The annotations of these kinds, to the letter."""
    misspelt: str = ""
    """The key of an annotation that plainly was to give a role; empty for none."""

    @property
    def key(self) -> str:
        """Its C(namespace/name)."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True)
class Container:
    """A container of a pod, with what it has of AWS."""

    name: str
    image: str = ""
    role: str | None = None
    """C(AWS_ROLE_ARN); empty for a value that comes from elsewhere, None for no such variable."""
    token_file: str | None = None
    region: str = ""
    """As it is injected, by C(AWS_REGION) and C(AWS_DEFAULT_REGION) together; empty for another one."""
    regional: str = ""
    """C(AWS_STS_REGIONAL_ENDPOINTS)."""
    own_credentials: Texts = ()
    """The names of variables by which SDKs find other credentials first."""
    token_audience: str = ""
    no_token: str = ""
    """Why no token stands at the file that its variable names; empty where one does."""
    skipped: bool = False
    """Whether the pod's annotation leaves it out."""
    user: int | None = None
    """The user by the pod's or its own security context; None for that of the image."""
    api_audience: str = ""
    """The audience that is asked for of the token that clients of the API take; empty for that of the API itself."""


@dataclass(frozen=True)
class Pod:
    """A pod that runs."""

    namespace: str
    name: str
    service_account: str = "default"
    owner: str = ""
    """C(Kind/name) of what makes it; empty for nothing."""
    started: float | None = None
    left_out: bool = False
    """Whether it is left out of the injection by intent."""
    injected: bool = False
    """Whether it has the token's volume."""
    taken_by: str = ""
    """The kind of a volume of its own that has the name of the token's; empty for none."""
    token_mode: int | None = None
    """The C(defaultMode) of the token's volume."""
    has_group: bool = False
    """Whether the pod has an C(fsGroup)."""
    misplaced: str = ""
    """Where the annotation is that belongs on its service account; empty for nowhere."""
    meant_account: str = ""
    """The service account that has a role and the workload's name, where the pod runs as default."""
    containers: tuple[Container, ...] = ()

    @property
    def key(self) -> str:
        """Its C(namespace/name)."""
        return f"{self.namespace}/{self.name}"

    @property
    def account(self) -> str:
        """The C(namespace/name) of its service account."""
        return f"{self.namespace}/{self.service_account}"


@dataclass(frozen=True)
class KeyFile:
    """A key file on a control-plane host."""

    path: str
    kids: Texts = ()
    problem: str = ""
    """Why it cannot be read, or which rule a key in it breaks; empty for a good one."""
    unreadable: bool = False
    """Whether the problem is that it cannot be read."""
    private: bool = False
    verifies: bool = True
    """Whether tokens are accepted by its keys."""
    mode: int | None = None
    """Permission bits; None where they are not known."""
    changed: float | None = None
    """When its content was last changed."""


@dataclass(frozen=True)
class Minted:
    """A token that a server has just signed: its claims alone."""

    issuer: str
    kid: str
    algorithm: str = "RS256"
    audiences: Texts = ()
    seconds: int = 86400
    """How long it is valid."""
    asked: int = 86400
    """For how long it was asked for."""


@dataclass(frozen=True)
class Host:
    """What the host of an API server shows."""

    flags: t.Mapping[str, Texts] | None = None
    """The service-account flags that the process runs with; None while none runs."""
    drift: Texts = ()
    """The names of flags that differ between file and process."""
    file: str = ""
    """The manifest or the unit's file."""
    duplicates: Texts = ()
    """Other files with the same pod."""
    key_files: tuple[KeyFile, ...] = ()
    signing_kid: str = ""
    """Of the file that signs; empty for an external signer."""
    controller_manager_kid: str = ""
    """Of the file with which kube-controller-manager signs; empty where it is not known."""
    started: float | None = None
    undone: Texts = ()
    """What an upgrade, or another run of the distribution's own tooling, would undo; each a sentence."""
    clock_offset: float = 0.0
    """Seconds by which its clock is ahead of the controller's."""
    synchronised: bool | None = None
    """Whether its clock follows another one; None where it does not tell."""


@dataclass(frozen=True)
class ApiServer:
    """An API server: what it answers, and what its host shows where that is known."""

    name: str
    ready: bool = True
    version: str = ""
    distribution: str = ""
    minted: Minted | NotLooked = field(default_factory=lambda: NotLooked("no token was asked for"))
    served: tuple[Key, ...] | NotLooked = field(default_factory=lambda: NotLooked("its key set was not asked for"))
    """The key set that it serves itself."""
    accepted: Texts | NotLooked = field(default_factory=lambda: NotLooked("no token was reviewed"))
    """The issuers that it accepts; it signs with the first, where the host is known."""
    refused: tuple[tuple[str, str], ...] = ()
    """Issuer and key id of each token of another server that it refuses."""
    host: Host | NotLooked = field(default_factory=lambda: NotLooked("its host is not in the inventory"))


@dataclass(frozen=True)
class Injector:
    """A webhook of somebody else that injects pods."""

    name: str
    service: str = ""
    """C(namespace/name); empty for a URL."""
    service_exists: bool | None = None
    endpoints: int | None = None
    """How many pods are ready behind it; None where that is not known."""
    has_bundle: bool = True
    """Whether it has a C(caBundle), or calls a URL."""
    failure_policy: str = "Ignore"
    excluded: Texts = ()
    """Namespaces that its selector leaves out."""


@dataclass(frozen=True)
class Injection:
    """How pods are injected."""

    findings: tuple[Finding, ...] = ()
    """Of C(_injection.findings), which judges the webhook and the policy of the role."""
    foreign: tuple[Injector, ...] = ()
    own: str = ""
    """C(webhook) or C(policy) where the role's own injects; empty where it does not."""


@dataclass(frozen=True)
class Clock:
    """The controller's clock, by the C(Date) of what AWS and the issuer's host answer."""

    offset: float | None = None
    """Seconds by which it is ahead; None where nobody told."""


@dataclass(frozen=True)
class Region:
    """Where pods ask STS."""

    name: str = ""
    """What pods are told; empty for nothing."""
    known: bool = True
    """Whether AWS has a region of this name."""
    enabled: bool | None = None
    """Whether the account may use it; None where it is not known."""
    partition: str = "aws"
    endpoint: str = ""
    unreached: t.Mapping[str, str] = field(default_factory=dict)
    """Why, by the names of hosts that do not reach the endpoint of STS."""


@dataclass(frozen=True)
class LegacySecret:
    """A Secret of the type C(kubernetes.io/service-account-token), whose token never ends."""

    namespace: str
    name: str
    kid: str


@dataclass(frozen=True)
class Rotation:
    """How a rotation of the signing key stands."""

    phase: str = ""
    """C(wait) while the old key is still accepted; empty where none is under way."""
    since: float = 0.0
    """When the phase was reached."""
    old_kid: str = ""
    new_kid: str = ""
    retired: Texts = ()
    """Keys that were retired by their ids."""
    secrets: tuple[LegacySecret, ...] | NotLooked = ()


@dataclass(frozen=True)
class Snapshot:
    """What was seen of a cluster's chain."""

    taken: float
    """When, by the controller's clock."""
    issuer: str
    """The issuer that is looked at."""
    audience: str = "sts.amazonaws.com"
    cluster: str = ""
    documents: tuple[Probe, ...] | NotLooked = field(default_factory=lambda: NotLooked("nobody fetched them"))
    bucket: Bucket | NotLooked | None = None
    """None for documents that are in no bucket."""
    providers: Providers | NotLooked = field(default_factory=lambda: NotLooked("AWS was not asked"))
    roles: Roles | NotLooked = field(default_factory=lambda: NotLooked("AWS was not asked"))
    service_accounts: tuple[ServiceAccount, ...] | NotLooked = field(
        default_factory=lambda: NotLooked("the cluster was not asked")
    )
    namespaces: Texts = ()
    pods: tuple[Pod, ...] | NotLooked = field(default_factory=lambda: NotLooked("the cluster was not asked"))
    api_servers: tuple[ApiServer, ...] | NotLooked = field(
        default_factory=lambda: NotLooked("the cluster was not asked")
    )
    injection: Injection | NotLooked = field(default_factory=lambda: NotLooked("the cluster was not asked"))
    clock: Clock | NotLooked = field(default_factory=lambda: NotLooked("nobody was asked for the time"))
    region: Region | NotLooked = field(default_factory=lambda: NotLooked("no region was asked"))
    rotation: Rotation | NotLooked = field(default_factory=lambda: NotLooked("nobody looked for one"))


__all__: t.Final = (
    "LEGACY_NOT_ASKED",
    "VERSION",
    "ApiServer",
    "Bucket",
    "Clock",
    "Container",
    "Discovery",
    "Fetch",
    "Host",
    "Injection",
    "Injector",
    "Key",
    "KeyFile",
    "LegacySecret",
    "Minted",
    "NotLooked",
    "Object",
    "Pod",
    "Policy",
    "Probe",
    "Provider",
    "Providers",
    "Region",
    "Role",
    "Roles",
    "Rotation",
    "ServiceAccount",
    "Snapshot",
    "Texts",
    "Tls",
)
