# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults that are put into a running chain, each by one function, and the check that should name it.

Each function puts its fault in, yields, and puts everything back; what is printed as a fix may do that in its place.
"""

from __future__ import annotations

import contextlib
import json
import typing as t

from ansible_collections.onprem.irsa.tests.unit.plugins.some_keys import private_pem, rsa_key

from .live_chain import ACCOUNT, ANNOTATION, AUDIENCE, BUCKET, HOOKS, JWKS_FLAG, PROVIDER, ROLE, Chain
from .some_servers import OLD
from .test_any_cluster import NEW

Json = dict[str, t.Any]
Fault = t.Callable[[Chain], t.Iterator[None]]
DISCOVERY: t.Final = ".well-known/openid-configuration"
JWKS: t.Final = "openid/v1/jwks"
HOST: t.Final = NEW.removeprefix("https://")
FAULTS: t.Final[list[tuple[str, Fault]]] = []


def fault(check: str) -> t.Callable[[Fault], Fault]:
    """Add a fault to the table, with the check that should name it."""

    def added(put: Fault) -> Fault:
        FAULTS.append((check, put))
        return put

    return added


# --- bucket


@fault("bucket.not-public")
def bucket_policy_is_deleted(chain: Chain) -> t.Iterator[None]:
    s3 = chain.client("s3")
    policy = s3.get_bucket_policy(Bucket=BUCKET)["Policy"]
    s3.delete_bucket_policy(Bucket=BUCKET)
    yield
    s3.put_bucket_policy(Bucket=BUCKET, Policy=policy)


def _with_statement(chain: Chain, statement: Json) -> t.Iterator[None]:
    s3 = chain.client("s3")
    policy = s3.get_bucket_policy(Bucket=BUCKET)["Policy"]
    document = json.loads(policy)
    document["Statement"].append(statement)
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(document))
    yield
    s3.put_bucket_policy(Bucket=BUCKET, Policy=policy)


@fault("bucket.denied")
def documents_are_denied(chain: Chain) -> t.Iterator[None]:
    resource = f"arn:aws:s3:::{BUCKET}/*"
    return _with_statement(
        chain, {"Sid": "Office", "Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": resource}
    )


@fault("bucket.listable")
def everybody_may_list(chain: Chain) -> t.Iterator[None]:
    resource = f"arn:aws:s3:::{BUCKET}"
    return _with_statement(
        chain, {"Effect": "Allow", "Principal": "*", "Action": "s3:ListBucket", "Resource": resource}
    )


@fault("bucket.writable")
def everybody_may_write(chain: Chain) -> t.Iterator[None]:
    resource = f"arn:aws:s3:::{BUCKET}/*"
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
    before = s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"]
    s3.put_public_access_block(Bucket=BUCKET, PublicAccessBlockConfiguration=_CLOSED)
    yield
    s3.put_public_access_block(Bucket=BUCKET, PublicAccessBlockConfiguration=before)


@fault("bucket.account-blocked")
def account_blocks_public_access(chain: Chain) -> t.Iterator[None]:
    control = chain.client("s3control")
    control.put_public_access_block(AccountId=ACCOUNT, PublicAccessBlockConfiguration=_CLOSED)
    yield
    control.delete_public_access_block(AccountId=ACCOUNT)


@fault("bucket.encrypted")
def key_set_is_encrypted_by_kms(chain: Chain) -> t.Iterator[None]:
    s3 = chain.client("s3")
    found = s3.get_object(Bucket=BUCKET, Key=JWKS)
    text, kind = found["Body"].read(), found["ContentType"]
    options = {"ContentType": kind, "CacheControl": found.get("CacheControl", "")}
    s3.put_object(Bucket=BUCKET, Key=JWKS, Body=text, ServerSideEncryption="aws:kms", **options)
    yield
    s3.put_object(Bucket=BUCKET, Key=JWKS, Body=text, **options)


@fault("bucket.object-missing")
def key_set_is_deleted(chain: Chain) -> t.Iterator[None]:
    s3 = chain.client("s3")
    found = s3.get_object(Bucket=BUCKET, Key=JWKS)
    text, kind = found["Body"].read(), found["ContentType"]
    s3.delete_object(Bucket=BUCKET, Key=JWKS)
    yield
    s3.put_object(Bucket=BUCKET, Key=JWKS, Body=text, ContentType=kind, CacheControl=found.get("CacheControl", ""))


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
    return _document(chain, DISCOVERY, lambda found: {**found, "issuer": f"{NEW}/"})


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
    iam = chain.client("iam")
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=PROVIDER)
    yield
    iam.create_open_id_connect_provider(Url=NEW, ClientIDList=[AUDIENCE])


@fault("provider.audience")
def audience_is_removed(chain: Chain) -> t.Iterator[None]:
    iam = chain.client("iam")
    own = {"OpenIDConnectProviderArn": PROVIDER, "ClientID": AUDIENCE}
    iam.add_client_id_to_open_id_connect_provider(**{**own, "ClientID": "sigstore"})
    iam.remove_client_id_from_open_id_connect_provider(**own)
    yield
    iam.add_client_id_to_open_id_connect_provider(**own)


# --- trust


def _trusting(chain: Chain, change: t.Callable[[Json], Json]) -> t.Iterator[None]:
    before = chain.trust()
    chain.trust({**before, "Statement": [change(json.loads(json.dumps(before["Statement"][0])))]})
    yield
    chain.trust(before)


def _conditions(chain: Chain, **operators: Json) -> t.Iterator[None]:
    return _trusting(chain, lambda statement: {**statement, "Condition": operators})


_SUBJECT: t.Final = "system:serviceaccount:apps:reports"


@fault("trust.audience-missing")
def no_audience_is_asked_for(chain: Chain) -> t.Iterator[None]:
    return _conditions(chain, StringEquals={f"{HOST}:sub": _SUBJECT})


@fault("trust.audience-wrong")
def audience_of_china(chain: Chain) -> t.Iterator[None]:
    return _conditions(chain, StringEquals={f"{HOST}:sub": _SUBJECT, f"{HOST}:aud": "sts.amazonaws.com.cn"})


@fault("trust.subject-missing")
def no_subject_is_asked_for(chain: Chain) -> t.Iterator[None]:
    return _conditions(chain, StringEquals={f"{HOST}:aud": AUDIENCE})


@fault("trust.subject-wrong")
def service_account_is_misspelt(chain: Chain) -> t.Iterator[None]:
    return _conditions(
        chain, StringEquals={f"{HOST}:aud": AUDIENCE, f"{HOST}:sub": "system:serviceaccount:apps:report"}
    )


@fault("trust.wildcard-under-equals")
def pattern_under_equals(chain: Chain) -> t.Iterator[None]:
    return _conditions(chain, StringEquals={f"{HOST}:aud": AUDIENCE, f"{HOST}:sub": "system:serviceaccount:apps:*"})


@fault("trust.everyone")
def pattern_for_everybody(chain: Chain) -> t.Iterator[None]:
    return _conditions(
        chain,
        StringEquals={f"{HOST}:aud": AUDIENCE},
        StringLike={f"{HOST}:sub": "system:serviceaccount:*:*"},
    )


@fault("trust.other-account")
def provider_of_another_account(chain: Chain) -> t.Iterator[None]:
    other = {"Federated": PROVIDER.replace(ACCOUNT, "999999999999")}
    return _trusting(chain, lambda statement: {**statement, "Principal": other})


@fault("trust.other-issuer")
def provider_of_the_old_cluster(chain: Chain) -> t.Iterator[None]:
    old = "oidc.example.com/old"

    def changed(statement: Json) -> Json:
        text = json.dumps(statement).replace(HOST, old)
        return t.cast("Json", json.loads(text))

    return _trusting(chain, changed)


# --- service accounts


def _annotated(chain: Chain, key: str, value: str | None) -> t.Iterator[None]:
    before = chain.annotate(key, value)
    chain.delete_pod("reports")
    yield
    chain.annotate(key, before)
    chain.pod("reports")


@fault("annotations.role-missing")
def role_is_misspelt(chain: Chain) -> t.Iterator[None]:
    return _annotated(chain, ANNOTATION, ROLE.replace("reports", "reprots"))


@fault("annotations.role-path")
def role_has_a_path(chain: Chain) -> t.Iterator[None]:
    return _annotated(chain, ANNOTATION, ROLE.replace("role/", "role/teams/"))


@fault("annotations.blanks")
def line_end_behind_the_arn(chain: Chain) -> t.Iterator[None]:
    return _annotated(chain, ANNOTATION, f"{ROLE}\n")


@fault("annotations.no-arn")
def name_of_the_role_alone(chain: Chain) -> t.Iterator[None]:
    return _annotated(chain, ANNOTATION, "prod-reports")


@fault("annotations.account")
def role_of_another_account(chain: Chain) -> t.Iterator[None]:
    return _annotated(chain, ANNOTATION, ROLE.replace(ACCOUNT, "999999999999"))


@fault("annotations.partition")
def role_of_another_partition(chain: Chain) -> t.Iterator[None]:
    return _annotated(chain, ANNOTATION, ROLE.replace("arn:aws:", "arn:aws-us-gov:"))


@fault("annotations.audience")
def audience_that_nobody_knows(chain: Chain) -> t.Iterator[None]:
    return _annotated(chain, "eks.amazonaws.com/audience", "sts.example.com")


@fault("annotations.expiration")
def expiry_in_words(chain: Chain) -> t.Iterator[None]:
    return _annotated(chain, "eks.amazonaws.com/token-expiration", "1h")


@fault("annotations.regional")
def neither_true_nor_false(chain: Chain) -> t.Iterator[None]:
    return _annotated(chain, "eks.amazonaws.com/sts-regional-endpoints", "yes")


# --- API servers


@contextlib.contextmanager
def _restarted(chain: Chain, number: int, issuers: t.Sequence[str], *further: str) -> t.Iterator[None]:
    chain.cluster.restart(number, issuers, *further)
    try:
        yield
    finally:
        chain.cluster.restart(number, [NEW, OLD], JWKS_FLAG)


@fault("flags.not-signing")
def a_server_signs_with_the_old_issuer(chain: Chain) -> t.Iterator[None]:
    with _restarted(chain, 1, [OLD, NEW], JWKS_FLAG):
        yield


@fault("flags.differ")
def a_server_has_lost_the_old_issuer(chain: Chain) -> t.Iterator[None]:
    with _restarted(chain, 1, [NEW], JWKS_FLAG):
        yield


@fault("flags.short-tokens")
def tokens_are_shortened(chain: Chain) -> t.Iterator[None]:
    with _restarted(chain, 1, [NEW, OLD], JWKS_FLAG, "--service-account-max-token-expiration=1h"):
        yield


@fault("keys.differ")
def a_server_has_a_key_more(chain: Chain) -> t.Iterator[None]:
    path = chain.directory / "cluster/other.key"
    path.write_text(private_pem(rsa_key()) if not path.exists() else path.read_text())
    with _restarted(chain, 1, [NEW, OLD], JWKS_FLAG, f"--service-account-key-file={path}"):
        yield


# --- injection


@fault("injection.nothing")
def webhook_is_removed(chain: Chain) -> t.Iterator[None]:
    chain.remove_webhook("pod-identity-webhook")
    yield
    chain.install_webhook("pod-identity-webhook")


@fault("injection.twice")
def webhook_is_installed_again(chain: Chain) -> t.Iterator[None]:
    chain.install_webhook("another")
    yield
    chain.remove_webhook("another")


@fault("injection.service-missing")
def service_of_the_webhook_is_removed(chain: Chain) -> t.Iterator[None]:
    chain.cluster.ask(0, "DELETE", "/api/v1/namespaces/default/services/pod-identity-webhook")
    yield
    with contextlib.suppress(OSError):
        chain.remove_webhook("pod-identity-webhook")
    slices = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/pod-identity-webhook"
    chain.cluster.ask(0, "DELETE", slices)
    chain.install_webhook("pod-identity-webhook")


def _hook(chain: Chain, change: t.Callable[[Json], object]) -> t.Iterator[None]:
    path = f"{HOOKS}/pod-identity-webhook"
    found = chain.cluster.ask(0, "GET", path)
    before = json.dumps(found["webhooks"])
    change(found["webhooks"][0])
    chain.cluster.ask(0, "PUT", path, found)
    yield
    now = chain.cluster.ask(0, "GET", path)
    chain.cluster.ask(0, "PUT", path, {**now, "webhooks": json.loads(before)})


@fault("injection.no-bundle")
def bundle_is_never_filled_in(chain: Chain) -> t.Iterator[None]:
    return _hook(chain, lambda hook: hook["clientConfig"].pop("caBundle"))


@fault("injection.fails-closed")
def webhook_fails_closed(chain: Chain) -> t.Iterator[None]:
    return _hook(chain, lambda hook: hook.update(failurePolicy="Fail"))


@fault("injection.namespace-left-out")
def namespace_is_not_chosen(chain: Chain) -> t.Iterator[None]:
    return _hook(chain, lambda hook: hook.update(namespaceSelector={"matchLabels": {"example.com/injected": "yes"}}))


# --- pods


def _pod(chain: Chain, spec: Json) -> t.Iterator[None]:
    chain.make_pod("other", spec)
    yield
    chain.delete_pod("other")


@fault("pods.missed")
def pod_from_before_the_annotation(chain: Chain) -> t.Iterator[None]:
    return _pod(chain, {"serviceAccountName": "reports", "containers": [{"name": "main", "image": "app:1"}]})


@fault("pods.volume-taken")
def pod_with_a_volume_of_that_name(chain: Chain) -> t.Iterator[None]:
    spec: Json = {"serviceAccountName": "reports", "containers": [{"name": "main", "image": "app:1"}]}
    return _pod(chain, {**spec, "volumes": [{"name": "aws-iam-token", "emptyDir": {}}]})


__all__ = ["FAULTS", "Fault"]
