# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults that are put into a running chain, each by one function, and the check that should name it.

Each function puts its fault in, yields, and puts everything back; what is printed as a fix may do that in its place.
They need an AWS and an API server alone, and know the chain by what C(Chain) has: real API servers without nodes
(tests/api_server), or a whole cluster (extensions/molecule/doctor).
"""

from __future__ import annotations

import json
import typing as t

Json = dict[str, t.Any]
AUDIENCE: t.Final = "sts.amazonaws.com"
ANNOTATION: t.Final = "eks.amazonaws.com/role-arn"
DISCOVERY: t.Final = ".well-known/openid-configuration"
JWKS: t.Final = "openid/v1/jwks"


class Chain(t.Protocol):
    """A running chain with one service account that has a role."""

    account: str
    """The id of the AWS account."""
    issuer: str
    bucket: str
    role: str
    """The ARN of the service account's role, whose name is lower case with a hyphen."""
    subject: str
    """The claim C(sub) of the service account's tokens."""

    def client(self, service: str) -> t.Any:  # noqa: ANN401 -- boto3's own
        """Return a client of the account's administrator."""

    def annotate(self, key: str, value: str | None) -> str | None:
        """Set an annotation of the service account, None to remove it; return what it was."""

    def without_pods(self) -> t.ContextManager[None]:
        """Have no pod of the service account run in the body: a changed annotation makes it stale."""

    @property
    def host(self) -> str:
        """The issuer without its scheme."""
        return self.issuer.removeprefix("https://")

    @property
    def provider(self) -> str:
        """The ARN of the identity provider."""
        return f"arn:aws:iam::{self.account}:oidc-provider/{self.host}"

    def put(self, key: str, change: t.Callable[[str], str]) -> t.Callable[[], None]:
        """Change a document in the bucket; return what puts it back."""
        s3 = self.client("s3")
        before = s3.get_object(Bucket=self.bucket, Key=key)
        text = before["Body"].read().decode()

        def write(content: str) -> None:
            options = {name: before[name] for name in ("ContentType", "CacheControl") if before.get(name)}
            s3.put_object(Bucket=self.bucket, Key=key, Body=content.encode(), **options)

        write(change(text))
        return lambda: write(text)

    def trust(self, policy: Json | None = None) -> Json:
        """Return the role's trust policy as it was; with POLICY, set it."""
        iam, name = self.client("iam"), self.role.rpartition("/")[2]
        before: Json = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
        if policy is not None:
            iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(policy))
        return before


Of = t.TypeVar("Of", bound=Chain)
Fault = t.Callable[[Of], t.Iterator[None]]
FAULTS: t.Final[list[tuple[str, Fault[t.Any]]]] = []


def fault(check: str, table: list[tuple[str, Fault[t.Any]]] | None = None) -> t.Callable[[Fault[Of]], Fault[Of]]:
    """Add a fault to a table, FAULTS where none is given, with the check that should name it."""

    def added(put: Fault[Of]) -> Fault[Of]:
        (FAULTS if table is None else table).append((check, put))
        return put

    return added


def swapped(text: str) -> str:
    """Return a text with the two letters before its last one in the wrong order."""
    return f"{text[:-3]}{text[-2]}{text[-3]}{text[-1]}"


# --- bucket


@fault("bucket.not-public")
def bucket_policy_is_deleted(chain: Chain) -> t.Iterator[None]:
    s3 = chain.client("s3")
    policy = s3.get_bucket_policy(Bucket=chain.bucket)["Policy"]
    s3.delete_bucket_policy(Bucket=chain.bucket)
    yield
    s3.put_bucket_policy(Bucket=chain.bucket, Policy=policy)


def _with_statement(chain: Chain, statement: Json) -> t.Iterator[None]:
    s3 = chain.client("s3")
    policy = s3.get_bucket_policy(Bucket=chain.bucket)["Policy"]
    document = json.loads(policy)
    document["Statement"].append(statement)
    s3.put_bucket_policy(Bucket=chain.bucket, Policy=json.dumps(document))
    yield
    s3.put_bucket_policy(Bucket=chain.bucket, Policy=policy)


@fault("bucket.denied")
def documents_are_denied(chain: Chain) -> t.Iterator[None]:
    resource = f"arn:aws:s3:::{chain.bucket}/*"
    return _with_statement(
        chain, {"Sid": "Office", "Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": resource}
    )


@fault("bucket.listable")
def everybody_may_list(chain: Chain) -> t.Iterator[None]:
    resource = f"arn:aws:s3:::{chain.bucket}"
    return _with_statement(
        chain, {"Effect": "Allow", "Principal": "*", "Action": "s3:ListBucket", "Resource": resource}
    )


@fault("bucket.writable")
def everybody_may_write(chain: Chain) -> t.Iterator[None]:
    resource = f"arn:aws:s3:::{chain.bucket}/*"
    return _with_statement(chain, {"Effect": "Allow", "Principal": "*", "Action": "s3:PutObject", "Resource": resource})


_CLOSED: t.Final = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}


@fault("bucket.blocked")
def bucket_blocks_public_access(chain: Chain) -> t.Iterator[None]:
    s3 = chain.client("s3")
    before = s3.get_public_access_block(Bucket=chain.bucket)["PublicAccessBlockConfiguration"]
    s3.put_public_access_block(Bucket=chain.bucket, PublicAccessBlockConfiguration=_CLOSED)
    yield
    s3.put_public_access_block(Bucket=chain.bucket, PublicAccessBlockConfiguration=before)


@fault("bucket.account-blocked")
def account_blocks_public_access(chain: Chain) -> t.Iterator[None]:
    control = chain.client("s3control")
    control.put_public_access_block(AccountId=chain.account, PublicAccessBlockConfiguration=_CLOSED)
    yield
    control.delete_public_access_block(AccountId=chain.account)


@fault("bucket.encrypted")
def key_set_is_encrypted_by_kms(chain: Chain) -> t.Iterator[None]:
    s3 = chain.client("s3")
    found = s3.get_object(Bucket=chain.bucket, Key=JWKS)
    text, kind = found["Body"].read(), found["ContentType"]
    options = {"ContentType": kind, "CacheControl": found.get("CacheControl", "")}
    s3.put_object(Bucket=chain.bucket, Key=JWKS, Body=text, ServerSideEncryption="aws:kms", **options)
    yield
    s3.put_object(Bucket=chain.bucket, Key=JWKS, Body=text, **options)


@fault("bucket.object-missing")
def key_set_is_deleted(chain: Chain) -> t.Iterator[None]:
    s3 = chain.client("s3")
    found = s3.get_object(Bucket=chain.bucket, Key=JWKS)
    text, kind = found["Body"].read(), found["ContentType"]
    s3.delete_object(Bucket=chain.bucket, Key=JWKS)
    yield
    s3.put_object(
        Bucket=chain.bucket, Key=JWKS, Body=text, ContentType=kind, CacheControl=found.get("CacheControl", "")
    )


@fault("bucket.all-objects")
def everybody_may_read_all_of_it(chain: Chain) -> t.Iterator[None]:
    """As OpenShift's ccoctl leaves it."""
    resource = f"arn:aws:s3:::{chain.bucket}/*"
    return _with_statement(
        chain,
        {"Sid": "All", "Effect": "Allow", "Principal": "*", "Action": ["s3:GetObject"], "Resource": [resource]},
    )


@fault("bucket.acl")
def documents_are_public_by_lists(chain: Chain) -> t.Iterator[None]:
    """As AWS's guide leaves them.

    The fix of bucket.account-blocked keeps the account's block of lists: it goes first.
    """
    chain.client("s3control").delete_public_access_block(AccountId=chain.account)
    s3, bucket = chain.client("s3"), {"Bucket": chain.bucket}
    policy = s3.get_bucket_policy(**bucket)["Policy"]
    before = s3.get_public_access_block(**bucket)["PublicAccessBlockConfiguration"]
    s3.put_public_access_block(**bucket, PublicAccessBlockConfiguration=dict.fromkeys(_CLOSED, False))
    s3.put_bucket_ownership_controls(**bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]})
    for key in (DISCOVERY, JWKS):
        s3.put_object_acl(**bucket, Key=key, ACL="public-read")
    s3.delete_bucket_policy(**bucket)
    yield
    s3.put_bucket_policy(**bucket, Policy=policy)
    s3.put_public_access_block(**bucket, PublicAccessBlockConfiguration=before)


# --- documents


def _document(chain: Chain, key: str, change: t.Callable[[Json], Json]) -> t.Iterator[None]:
    back = chain.put(key, lambda text: json.dumps(change(json.loads(text))))
    yield
    back()


@fault("documents.not-json")
def a_page_is_served(chain: Chain) -> t.Iterator[None]:
    back = chain.put(DISCOVERY, lambda _text: "<!DOCTYPE html><html><body>Welcome</body></html>")
    yield
    back()


@fault("documents.byte-order-mark")
def an_editor_has_saved(chain: Chain) -> t.Iterator[None]:
    back = chain.put(DISCOVERY, lambda text: "\ufeff" + text)
    yield
    back()


@fault("documents.issuer-slash")
def issuer_ends_in_a_slash(chain: Chain) -> t.Iterator[None]:
    return _document(chain, DISCOVERY, lambda found: {**found, "issuer": f"{chain.issuer}/"})


@fault("documents.other-issuer")
def issuer_of_another_cluster(chain: Chain) -> t.Iterator[None]:
    return _document(chain, DISCOVERY, lambda found: {**found, "issuer": "https://oidc.example.com/other"})


@fault("documents.internal-jwks-uri")
def document_copied_from_an_api_server(chain: Chain) -> t.Iterator[None]:
    return _document(chain, DISCOVERY, lambda found: {**found, "jwks_uri": "https://192.0.2.1:6443/openid/v1/jwks"})


@fault("documents.algorithm")
def algorithm_is_not_listed(chain: Chain) -> t.Iterator[None]:
    return _document(chain, DISCOVERY, lambda found: {**found, "id_token_signing_alg_values_supported": ["ES256"]})


@fault("documents.key-missing")
def key_set_is_empty(chain: Chain) -> t.Iterator[None]:
    return _document(chain, JWKS, lambda found: {**found, "keys": []})


@fault("documents.kid-empty")
def key_without_an_id(chain: Chain) -> t.Iterator[None]:
    return _document(chain, JWKS, lambda found: {"keys": [*found["keys"], {**found["keys"][0], "kid": ""}]})


@fault("documents.kid-doubled")
def key_twice(chain: Chain) -> t.Iterator[None]:
    return _document(chain, JWKS, lambda found: {"keys": [*found["keys"], *found["keys"]]})


@fault("documents.too-many-keys")
def a_hundred_keys_more(chain: Chain) -> t.Iterator[None]:
    def many(found: Json) -> Json:
        return {"keys": [*found["keys"], *({**found["keys"][0], "kid": f"k{number}"} for number in range(100))]}

    return _document(chain, JWKS, many)


# --- identity provider


@fault("provider.missing")
def provider_is_deleted(chain: Chain) -> t.Iterator[None]:
    iam, own = chain.client("iam"), {"OpenIDConnectProviderArn": chain.provider}
    tags = iam.get_open_id_connect_provider(**own).get("Tags", [])
    iam.delete_open_id_connect_provider(**own)
    yield
    iam.create_open_id_connect_provider(Url=chain.issuer, ClientIDList=[AUDIENCE], Tags=tags)


@fault("provider.audience")
def audience_is_removed(chain: Chain) -> t.Iterator[None]:
    iam = chain.client("iam")
    own = {"OpenIDConnectProviderArn": chain.provider, "ClientID": AUDIENCE}
    iam.add_client_id_to_open_id_connect_provider(**{**own, "ClientID": "sigstore"})
    iam.remove_client_id_from_open_id_connect_provider(**own)
    yield
    iam.add_client_id_to_open_id_connect_provider(**own)


@fault("provider.thumbprint-made-up")
def thumbprint_of_a_blog(chain: Chain) -> t.Iterator[None]:
    iam = chain.client("iam")
    before = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=chain.provider)["ThumbprintList"]

    def write(thumbprints: list[str]) -> None:
        iam.update_open_id_connect_provider_thumbprint(
            OpenIDConnectProviderArn=chain.provider, ThumbprintList=thumbprints
        )

    write(["1234567890" * 4])
    yield
    write(before)


# --- trust


def _trusting(chain: Chain, change: t.Callable[[Json], Json]) -> t.Iterator[None]:
    before = chain.trust()
    chain.trust({**before, "Statement": [change(json.loads(json.dumps(before["Statement"][0])))]})
    yield
    chain.trust(before)


def _conditions(chain: Chain, **operators: Json) -> t.Iterator[None]:
    return _trusting(chain, lambda statement: {**statement, "Condition": operators})


@fault("trust.audience-missing")
def no_audience_is_asked_for(chain: Chain) -> t.Iterator[None]:
    return _conditions(chain, StringEquals={f"{chain.host}:sub": chain.subject})


@fault("trust.audience-wrong")
def audience_of_china(chain: Chain) -> t.Iterator[None]:
    return _conditions(
        chain, StringEquals={f"{chain.host}:sub": chain.subject, f"{chain.host}:aud": "sts.amazonaws.com.cn"}
    )


@fault("trust.subject-missing")
def no_subject_is_asked_for(chain: Chain) -> t.Iterator[None]:
    return _conditions(chain, StringEquals={f"{chain.host}:aud": AUDIENCE})


@fault("trust.subject-wrong")
def service_account_is_misspelt(chain: Chain) -> t.Iterator[None]:
    return _conditions(chain, StringEquals={f"{chain.host}:aud": AUDIENCE, f"{chain.host}:sub": chain.subject[:-1]})


@fault("trust.wildcard-under-equals")
def pattern_under_equals(chain: Chain) -> t.Iterator[None]:
    pattern = f"{chain.subject.rpartition(':')[0]}:*"
    return _conditions(chain, StringEquals={f"{chain.host}:aud": AUDIENCE, f"{chain.host}:sub": pattern})


@fault("trust.everyone")
def pattern_for_everybody(chain: Chain) -> t.Iterator[None]:
    return _conditions(
        chain,
        StringEquals={f"{chain.host}:aud": AUDIENCE},
        StringLike={f"{chain.host}:sub": "system:serviceaccount:*:*"},
    )


@fault("trust.other-account")
def provider_of_another_account(chain: Chain) -> t.Iterator[None]:
    other = {"Federated": chain.provider.replace(chain.account, "999999999999")}
    return _trusting(chain, lambda statement: {**statement, "Principal": other})


@fault("trust.other-issuer")
def provider_of_the_old_cluster(chain: Chain) -> t.Iterator[None]:
    old = "oidc.example.com/old"

    def changed(statement: Json) -> Json:
        text = json.dumps(statement).replace(chain.host, old)
        return t.cast("Json", json.loads(text))

    return _trusting(chain, changed)


# --- service accounts


def _annotated(chain: Chain, key: str, value: str | None) -> t.Iterator[None]:
    with chain.without_pods():
        before = chain.annotate(key, value)
        yield
        chain.annotate(key, before)


@fault("annotations.role-missing")
def role_is_misspelt(chain: Chain) -> t.Iterator[None]:
    return _annotated(chain, ANNOTATION, swapped(chain.role))


@fault("annotations.role-path")
def role_has_a_path(chain: Chain) -> t.Iterator[None]:
    return _annotated(chain, ANNOTATION, chain.role.replace("role/", "role/teams/"))


@fault("annotations.blanks")
def line_end_behind_the_arn(chain: Chain) -> t.Iterator[None]:
    return _annotated(chain, ANNOTATION, f"{chain.role}\n")


@fault("annotations.no-arn")
def name_of_the_role_alone(chain: Chain) -> t.Iterator[None]:
    return _annotated(chain, ANNOTATION, chain.role.rpartition("/")[2])


@fault("annotations.account")
def role_of_another_account(chain: Chain) -> t.Iterator[None]:
    return _annotated(chain, ANNOTATION, chain.role.replace(chain.account, "999999999999"))


@fault("annotations.partition")
def role_of_another_partition(chain: Chain) -> t.Iterator[None]:
    return _annotated(chain, ANNOTATION, chain.role.replace("arn:aws:", "arn:aws-us-gov:"))


@fault("annotations.audience")
def audience_that_nobody_knows(chain: Chain) -> t.Iterator[None]:
    return _annotated(chain, "eks.amazonaws.com/audience", "sts.example.com")


@fault("annotations.expiration")
def expiry_in_words(chain: Chain) -> t.Iterator[None]:
    return _annotated(chain, "eks.amazonaws.com/token-expiration", "1h")


@fault("annotations.regional")
def neither_true_nor_false(chain: Chain) -> t.Iterator[None]:
    return _annotated(chain, "eks.amazonaws.com/sts-regional-endpoints", "yes")


__all__ = ["ANNOTATION", "AUDIENCE", "DISCOVERY", "FAULTS", "JWKS", "Chain", "Fault", "fault"]
