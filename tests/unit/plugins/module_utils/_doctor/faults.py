# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults, each put into a healthy snapshot by one function, by the id of the check that should name it."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.onprem.irsa.plugins.module_utils._doctor.diagnosis import diagnose
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.snapshot import (
    ApiServer,
    Bucket,
    Clock,
    Container,
    Discovery,
    Host,
    Injection,
    Injector,
    Key,
    KeyFile,
    LegacySecret,
    Minted,
    NotLooked,
    Object,
    Pod,
    Provider,
    Providers,
    Region,
    Roles,
    Rotation,
    ServiceAccount,
    Snapshot,
    Tls,
)
from ansible_collections.onprem.irsa.plugins.module_utils._finding import Finding

from .some_snapshots import (
    ACCOUNT,
    ALL_WELL,
    AUDIENCE,
    BUCKET,
    DAY,
    DEFAULT,
    DISCOVERY_KEY,
    EC,
    HOST,
    ISSUER,
    JWKS_KEY,
    KID,
    NOW,
    OTHER_KID,
    PROVIDER,
    RSA,
    RSA_OF_TOMORROW,
    Value,
    behind_cloudfront,
    by_policy,
    kubeadm,
    of_others,
    on_a_web_server,
    private_authority,
    public,
    role_arn,
    rotating,
    server,
    trust,
    without_hosts,
)
from .some_snapshots import role as some_role

Fault = t.Callable[[], Snapshot]
FAULTS: list[tuple[str, str, Fault]] = []
"""The check, the name of the fault, and what makes the snapshot that has it."""

_T = t.TypeVar("_T")


def fault(check: str) -> t.Callable[[Fault], Fault]:
    def listed(made: Fault) -> Fault:
        FAULTS.append((check, made.__name__, made))
        return made

    return listed


def there(part: _T | NotLooked | None) -> _T:
    assert part is not None and not isinstance(part, NotLooked)
    return part


def at(items: tuple[_T, ...], number: int, **changes: Value) -> tuple[_T, ...]:
    """Return the items with one of them changed."""
    changed = replace(t.cast("t.Any", items[number]), **changes)
    return (*items[:number], changed, *items[number + 1 :])


def fetches(made: Snapshot, *kinds: str, only: str = "", **changes: Value) -> Snapshot:
    """Change how documents were fetched, from everywhere or from ONLY one place."""
    probes = tuple(
        replace(each, **{kind: replace(there(getattr(each, kind)), **changes) for kind in kinds})
        if only in ("", each.seen_from)
        else each
        for each in there(made.documents)
    )
    return replace(made, documents=probes)


def unanswered(made: Snapshot, **changes: Value) -> Snapshot:
    nothing: dict[str, t.Any] = {"status": 0, "tls": None, "form": "", "digest": "", "content_type": ""}
    return fetches(made, "discovery", "jwks", **{**nothing, "keys": None, "discovery": None, **changes})


def refused(made: Snapshot, status: int, refusal: str = "", form: str = "other") -> Snapshot:
    nothing: dict[str, t.Any] = {"keys": None, "discovery": None, "content_type": "application/xml"}
    return fetches(made, "discovery", "jwks", status=status, refusal=refusal, form=form, **nothing)


def tls(**changes: Value) -> Snapshot:
    made = kubeadm()
    own: Tls = there(there(there(made.documents)[0].discovery).tls)
    return fetches(made, "discovery", "jwks", tls=replace(own, **changes))


def discovery(made: Snapshot, **changes: Value) -> Snapshot:
    own: Discovery = there(there(there(made.documents)[0].discovery).discovery)
    return fetches(made, "discovery", discovery=replace(own, **changes))


def the_bucket(made: Snapshot, **changes: Value) -> Snapshot:
    own: Bucket = there(made.bucket)
    return replace(made, bucket=replace(own, **changes))


def provider(**changes: Value) -> Snapshot:
    made = kubeadm()
    own: Providers = there(made.providers)
    return replace(made, providers=replace(own, found=at(own.found, 0, **changes)))


def role(made: Snapshot, **changes: Value) -> Snapshot:
    own: Roles = there(made.roles)
    return replace(made, roles=replace(own, found=at(own.found, 0, **changes)))


def trusting(policy: dict[str, t.Any]) -> Snapshot:
    return role(kubeadm(), trust=policy)


def statement(**changes: Value) -> Snapshot:
    policy = trust("apps/reports")
    return trusting({**policy, "Statement": [{**policy["Statement"][0], **changes}]})


def conditions(**operators: Value) -> Snapshot:
    return statement(Condition=operators)


def account(made: Snapshot, number: int = 0, **changes: Value) -> Snapshot:
    own: tuple[ServiceAccount, ...] = there(made.service_accounts)
    return replace(made, service_accounts=at(own, number, **changes))


def pod(made: Snapshot, **changes: Value) -> Snapshot:
    own: tuple[Pod, ...] = there(made.pods)
    return replace(made, pods=at(own, 0, **changes))


def container(made: Snapshot, **changes: Value) -> Snapshot:
    own: tuple[Container, ...] = there(made.pods)[0].containers
    return pod(made, containers=at(own, 0, **changes))


def without_pods(made: Snapshot) -> Snapshot:
    return replace(made, pods=())


def api_server(made: Snapshot, number: int = 0, **changes: Value) -> Snapshot:
    own: tuple[ApiServer, ...] = there(made.api_servers)
    return replace(made, api_servers=at(own, number, **changes))


def host(made: Snapshot, number: int = 0, **changes: Value) -> Snapshot:
    own: Host = there(there(made.api_servers)[number].host)
    return api_server(made, number, host=replace(own, **changes))


def flags(made: Snapshot, number: int = 0, **changes: tuple[str, ...]) -> Snapshot:
    own = there(there(there(made.api_servers)[number].host).flags)
    named = {name.replace("_", "-"): values for name, values in changes.items()}
    return host(made, number, flags={**own, **named})


def minted(made: Snapshot, number: int = 0, **changes: Value) -> Snapshot:
    own: Minted = there(there(made.api_servers)[number].minted)
    return api_server(made, number, minted=replace(own, **changes))


def key_file(number: int, **changes: Value) -> Snapshot:
    made = kubeadm(3)
    own: tuple[KeyFile, ...] = there(there(made.api_servers)[1].host).key_files
    return host(made, 1, key_files=at(own, number, **changes))


def everywhere(made: Snapshot, change: t.Callable[[Snapshot, int], Snapshot]) -> Snapshot:
    for number in range(len(there(made.api_servers))):
        made = change(made, number)
    return made


def found(link: str, state: t.Literal["warning", "broken"], text: str = "something is wrong") -> Snapshot:
    """Let the injection's own diagnosis say something of one of its links."""
    own = Finding(f"webhook: {link}", state, text, "Do this.")
    others = tuple(each for each in ALL_WELL if each.link != own.link)
    return replace(kubeadm(), injection=Injection((*others, own), own="webhook"))


def injector(**changes: Value) -> Snapshot:
    made = of_others()
    own: Injector = there(made.injection).foreign[0]
    return replace(made, injection=Injection(foreign=(replace(own, **changes),)))


# --- DNS and TLS


@fault("dns-tls.unresolved")
def no_dns_record() -> Snapshot:
    return unanswered(kubeadm(), addresses=(), unresolved="Name or service not known")


@fault("dns-tls.private-address")
def public_record_leads_inside() -> Snapshot:
    own = "https://oidc.example.com"
    made = fetches(on_a_web_server(own), "discovery", "jwks", addresses=("10.1.2.3",))
    assert made.issuer == own
    return made


@fault("dns-tls.unreached")
def port_is_closed() -> Snapshot:
    return unanswered(kubeadm(), unreached="refused")


@fault("dns-tls.unreached")
def firewall_drops_from_a_host() -> Snapshot:
    nothing: dict[str, t.Any] = {"status": 0, "tls": None, "form": "", "digest": "", "keys": None, "discovery": None}
    return fetches(kubeadm(), "discovery", "jwks", only="cp1", unreached="timeout", **nothing)


@fault("dns-tls.expired")
def certificate_has_ended() -> Snapshot:
    return tls(not_after=NOW - DAY)


@fault("dns-tls.expires-soon")
def certificate_ends_in_a_week() -> Snapshot:
    return tls(not_after=NOW + 7 * DAY)


@fault("dns-tls.not-yet-valid")
def certificate_of_tomorrow() -> Snapshot:
    return tls(not_before=NOW + DAY)


@fault("dns-tls.other-name")
def bucket_with_dots() -> Snapshot:
    return tls(named=False)


@fault("dns-tls.untrusted")
def authority_of_ones_own() -> Snapshot:
    return tls(trusted=False, issued_by="Example CA", thumbprint="b" * 40)


@fault("dns-tls.chain-incomplete")
def intermediate_is_missing() -> Snapshot:
    return tls(trusted=False, complete=False)


@fault("dns-tls.old-version")
def old_tls() -> Snapshot:
    return tls(version="TLSv1.1")


@fault("dns-tls.redirect")
def redirect_to_a_page() -> Snapshot:
    return replace(refused(kubeadm(), 301), clock=Clock(0.0))


@fault("dns-tls.slow")
def slow_host() -> Snapshot:
    return fetches(kubeadm(), "jwks", seconds=6.5)


@fault("dns-tls.cached-too-long")
def cached_for_a_month() -> Snapshot:
    return fetches(kubeadm(), "jwks", max_age=2_592_000)


# --- documents


@fault("documents.missing")
def documents_on_a_server_are_gone() -> Snapshot:
    return refused(of_others(), 404)


@fault("documents.forbidden")
def server_asks_for_a_password() -> Snapshot:
    return refused(of_others(), 401)


@fault("documents.unreadable-object")
def encrypted_by_another_store() -> Snapshot:
    return refused(of_others(), 400, "kms")


@fault("documents.status")
def server_fails() -> Snapshot:
    return refused(of_others(), 502)


@fault("documents.not-json")
def page_for_every_path() -> Snapshot:
    return refused(kubeadm(), 200, form="html")


@fault("documents.not-json")
def empty_key_set() -> Snapshot:
    return fetches(kubeadm(), "jwks", form="empty", keys=None)


@fault("documents.not-json")
def discovery_document_in_the_place_of_the_keys() -> Snapshot:
    return fetches(kubeadm(), "jwks", keys=None, discovery=Discovery(ISSUER, f"{ISSUER}/{JWKS_KEY}"))


@fault("documents.not-json")
def keys_in_the_place_of_the_discovery_document() -> Snapshot:
    return fetches(kubeadm(), "discovery", keys=(RSA,), discovery=None)


@fault("documents.key-encoding")
def key_of_another_kind_that_nobody_signs_with() -> Snapshot:
    other = Key("other", "OKP", "EdDSA", problem="is of the kind 'OKP'; AWS accepts RSA and EC")
    made = fetches(kubeadm(), "jwks", keys=(RSA, other))
    assert diagnose(made).first is None
    return made


@fault("documents.byte-order-mark")
def saved_by_an_editor() -> Snapshot:
    return fetches(kubeadm(), "discovery", bom=True, form="other", discovery=None)


@fault("documents.content-type")
def raw_file_host() -> Snapshot:
    return fetches(kubeadm(), "discovery", content_type="text/plain; charset=utf-8")


@fault("documents.issuer-slash")
def slash_in_the_document() -> Snapshot:
    return discovery(kubeadm(), issuer=f"{ISSUER}/")


@fault("documents.other-issuer")
def document_of_another_cluster() -> Snapshot:
    return discovery(kubeadm(), issuer="https://oidc.example.com/other")


@fault("documents.other-issuer")
def document_of_the_default_issuer() -> Snapshot:
    return discovery(kubeadm(), issuer=DEFAULT)


@fault("documents.no-jwks-uri")
def no_way_to_the_keys() -> Snapshot:
    return discovery(kubeadm(), jwks_uri="")


@fault("documents.internal-jwks-uri")
def copied_from_an_api_server() -> Snapshot:
    return discovery(kubeadm(), jwks_uri="https://10.0.0.1:6443/openid/v1/jwks")


@fault("documents.algorithm")
def algorithm_is_not_listed() -> Snapshot:
    return discovery(kubeadm(1, EC), algorithms=("RS256",))


@fault("documents.kid-empty")
def key_twice_as_in_old_guides() -> Snapshot:
    return fetches(kubeadm(), "jwks", keys=(RSA, replace(RSA, kid="")))


@fault("documents.kid-empty")
def key_without_its_id() -> Snapshot:
    return fetches(kubeadm(), "jwks", keys=(replace(RSA, kid=""),))


@fault("documents.kid-doubled")
def two_keys_of_one_id() -> Snapshot:
    return fetches(kubeadm(), "jwks", keys=(RSA, RSA))


@fault("documents.key-missing")
def keys_of_one_server_alone() -> Snapshot:
    made = kubeadm(3, RSA, RSA_OF_TOMORROW)
    made = minted(made, 2, kid=OTHER_KID)
    return fetches(made, "jwks", keys=(RSA,))


@fault("documents.key-missing")
def key_set_was_emptied() -> Snapshot:
    return fetches(kubeadm(), "jwks", keys=())


@fault("documents.key-differs")
def key_of_another_cluster() -> Snapshot:
    return fetches(kubeadm(), "jwks", keys=(replace(RSA, n="not ours"),))


@fault("documents.too-many-keys")
def a_hundred_and_one_keys() -> Snapshot:
    return fetches(kubeadm(), "jwks", keys=(RSA, *(replace(RSA, kid=f"k{number}") for number in range(100))))


@fault("documents.key-encoding")
def zero_octet_in_front() -> Snapshot:
    return fetches(kubeadm(), "jwks", keys=(replace(RSA, problem="has a zero octet in front of n"),))


@fault("documents.key-private")
def private_key_is_published() -> Snapshot:
    key = replace(RSA, private_members=("d", "p"), problem="is published with its private part (d, p)")
    return fetches(kubeadm(), "jwks", keys=(key,))


@fault("documents.views-differ")
def stale_copy_inside() -> Snapshot:
    return fetches(kubeadm(), "discovery", only="cp1", digest="older")


# --- bucket


@fault("bucket.missing")
def bucket_is_gone() -> Snapshot:
    return the_bucket(refused(kubeadm(), 404, "NoSuchBucket"), exists=False, policy=None, objects=())


@fault("bucket.other-owner")
def bucket_was_taken_over() -> Snapshot:
    return the_bucket(kubeadm(), owner="999999999999")


@fault("bucket.not-public")
def policy_is_gone() -> Snapshot:
    return the_bucket(refused(kubeadm(), 403, "AccessDenied"), policy=None)


@fault("bucket.not-public")
def policy_opens_the_discovery_document_alone() -> Snapshot:
    made = fetches(kubeadm(), "jwks", status=403, refusal="AccessDenied", form="other", keys=None)
    return the_bucket(made, policy=public(DISCOVERY_KEY))


@fault("bucket.distribution-refused")
def distribution_may_not_read() -> Snapshot:
    return the_bucket(refused(behind_cloudfront(), 403), policy=None)


@fault("bucket.denied")
def denied_but_from_the_office() -> Snapshot:
    denied = {
        "Sid": "Office",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": f"arn:aws:s3:::{BUCKET}/*",
        "Condition": {"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}},
    }
    policy = {"Version": "2012-10-17", "Statement": [*public()["Statement"], denied]}
    return the_bucket(refused(kubeadm(), 403), policy=policy)


@fault("bucket.writable")
def everybody_may_do_everything() -> Snapshot:
    everything = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "s3:*", "Resource": "*"}
    return the_bucket(kubeadm(), policy={"Version": "2012-10-17", "Statement": [everything]})


def _with_statement(**elements: Value) -> Snapshot:
    own = {"Effect": "Allow", "Principal": "*", "Resource": f"arn:aws:s3:::{BUCKET}/*", **elements}
    return the_bucket(kubeadm(), policy={"Version": "2012-10-17", "Statement": [*public()["Statement"], own]})


@fault("bucket.writable")
def everybody_may_write_over_https() -> Snapshot:
    return _with_statement(Action="s3:PutObject", Condition={"Bool": {"aws:SecureTransport": "true"}})


@fault("bucket.writable")
def everybody_may_write_from_everywhere() -> Snapshot:
    return _with_statement(Action="s3:Put*", Condition={"IpAddress": {"aws:SourceIp": ["0.0.0.0/0"]}})


@fault("bucket.writable")
def everybody_but_one_may_write() -> Snapshot:
    own = _with_statement(Action="s3:PutObject")
    policy = there(there(own.bucket).policy)
    changed = [{**each, "NotPrincipal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}} for each in policy["Statement"]]
    kept = {name: value for name, value in changed[1].items() if name != "Principal"}
    return the_bucket(own, policy={**policy, "Statement": [policy["Statement"][0], kept]})


@fault("bucket.writable")
def everybody_may_say_who_writes() -> Snapshot:
    return _with_statement(Action="s3:PutBucketAcl", Resource=f"arn:aws:s3:::{BUCKET}")


@fault("bucket.listable")
def everybody_may_list_over_https() -> Snapshot:
    return _with_statement(
        Action="s3:ListBucket",
        Resource=f"arn:aws:s3:::{BUCKET}",
        Condition={"Bool": {"aws:SecureTransport": "true"}},
    )


@fault("bucket.denied")
def everybody_is_denied_but_the_account() -> Snapshot:
    denied = {
        "Effect": "Deny",
        "NotPrincipal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        "Action": "s3:*",
        "Resource": f"arn:aws:s3:::{BUCKET}/*",
    }
    policy = {"Version": "2012-10-17", "Statement": [*public()["Statement"], denied]}
    return the_bucket(refused(kubeadm(), 403), policy=policy)


@fault("bucket.listable")
def everybody_may_list() -> Snapshot:
    lists = {"Effect": "Allow", "Principal": "*", "Action": "s3:ListBucket", "Resource": f"arn:aws:s3:::{BUCKET}"}
    policy = {"Version": "2012-10-17", "Statement": [*public()["Statement"], lists]}
    return the_bucket(kubeadm(), policy=policy)


@fault("bucket.blocked")
def bucket_blocks() -> Snapshot:
    return the_bucket(refused(kubeadm(), 403), blocks=("BlockPublicPolicy", "RestrictPublicBuckets"))


@fault("bucket.account-blocked")
def account_blocks() -> Snapshot:
    return the_bucket(refused(kubeadm(), 403), account_blocks=("RestrictPublicBuckets",))


@fault("bucket.encrypted")
def default_is_kms() -> Snapshot:
    objects = (Object(DISCOVERY_KEY, encryption="aws:kms"), Object(JWKS_KEY, encryption="aws:kms"))
    return the_bucket(refused(kubeadm(), 400, "kms"), objects=objects)


@fault("bucket.object-missing")
def key_set_was_deleted() -> Snapshot:
    made = fetches(kubeadm(), "jwks", status=404, refusal="NoSuchKey", form="other", keys=None)
    return the_bucket(made, objects=(Object(DISCOVERY_KEY), Object(JWKS_KEY, exists=False)))


@fault("bucket.requester-pays")
def readers_pay() -> Snapshot:
    return the_bucket(refused(kubeadm(), 403, "requester-pays"), requester_pays=True)


@fault("bucket.all-objects")
def whole_bucket_is_public() -> Snapshot:
    return the_bucket(kubeadm(), policy=public("*"))


@fault("bucket.acl")
def public_by_lists_alone() -> Snapshot:
    return the_bucket(kubeadm(), policy=None, blocks=())


# --- provider


@fault("provider.missing")
def provider_was_deleted() -> Snapshot:
    return replace(kubeadm(), providers=Providers(ACCOUNT))


@fault("provider.missing")
def provider_of_another_bucket() -> Snapshot:
    return provider(arn=PROVIDER.replace("acme-prod", "acme-test"))


@fault("provider.other-spelling")
def provider_with_a_slash() -> Snapshot:
    return provider(arn=f"{PROVIDER}/")


@fault("provider.audience")
def provider_takes_another_audience() -> Snapshot:
    return account(provider(audiences=("sigstore",)), 2, audience=None)


@fault("provider.thumbprint")
def certificate_was_exchanged() -> Snapshot:
    made = private_authority()
    own: Provider = there(made.providers).found[0]
    return replace(made, providers=Providers(ACCOUNT, found=(replace(own, thumbprints=("c" * 40,)),)))


@fault("provider.thumbprint-made-up")
def thumbprint_of_a_blog() -> Snapshot:
    return provider(thumbprints=("1234567890" * 4,))


# --- trust


@fault("trust.no-statement")
def role_of_an_instance() -> Snapshot:
    return statement(Principal={"Service": "ec2.amazonaws.com"}, Action="sts:AssumeRole", Condition={})


@fault("trust.other-issuer")
def role_of_the_old_cluster() -> Snapshot:
    return trusting(trust("apps/reports", arn=f"arn:aws:iam::{ACCOUNT}:oidc-provider/oidc.example.com/old"))


@fault("trust.other-issuer")
def condition_of_the_old_cluster() -> Snapshot:
    subject = "system:serviceaccount:apps:reports"
    return conditions(StringEquals={"oidc.example.com/old:sub": subject, "oidc.example.com/old:aud": AUDIENCE})


@fault("trust.other-account")
def policy_was_copied_from_another_account() -> Snapshot:
    return trusting(trust("apps/reports", arn=f"arn:aws:iam::999999999999:oidc-provider/{HOST}"))


@fault("trust.action")
def action_of_users() -> Snapshot:
    return statement(Action="sts:AssumeRole")


@fault("trust.denied")
def everybody_is_denied() -> Snapshot:
    policy = trust("apps/reports")
    denied = {"Effect": "Deny", "Principal": "*", "Action": "sts:*"}
    return trusting({**policy, "Statement": [*policy["Statement"], denied]})


@fault("trust.audience-missing")
def no_audience() -> Snapshot:
    return conditions(StringEquals={f"{HOST}:sub": "system:serviceaccount:apps:reports"})


@fault("trust.audience-missing")
def no_audience_in_a_role_that_a_secret_names() -> Snapshot:
    return _unnamed(StringEquals={f"{HOST}:sub": ["system:serviceaccount:ops:registry"]})


@fault("trust.subject-missing")
def no_subject_in_a_role_that_a_secret_names() -> Snapshot:
    return _unnamed(StringEquals={f"{HOST}:aud": AUDIENCE})


def _unnamed(**operators: Value) -> Snapshot:
    """Let a role trust the issuer that neither a service account nor a pod names."""
    made = kubeadm()
    policy = trust("ops/registry")
    other = replace(
        some_role("ops-registry"), trust={**policy, "Statement": [{**policy["Statement"][0], "Condition": operators}]}
    )
    own: Roles = there(made.roles)
    return replace(made, roles=replace(own, found=(*own.found, other)))


@fault("trust.audience-wrong")
def audience_of_another_partition() -> Snapshot:
    return trusting(trust("apps/reports", audiences=["sts.amazonaws.com.cn"]))


@fault("trust.subject-missing")
def no_subject() -> Snapshot:
    return conditions(StringEquals={f"{HOST}:aud": AUDIENCE})


@fault("trust.subject-wrong")
def misspelt_service_account() -> Snapshot:
    return trusting(trust("apps/report"))


@fault("trust.subject-wrong")
def misspelt_namespace() -> Snapshot:
    return trusting(trust("app/reports"))


@fault("trust.wildcard-under-equals")
def pattern_that_matches_nothing() -> Snapshot:
    return conditions(StringEquals={f"{HOST}:aud": AUDIENCE, f"{HOST}:sub": "system:serviceaccount:apps:*"})


@fault("trust.everyone")
def pattern_for_everybody() -> Snapshot:
    return conditions(StringEquals={f"{HOST}:aud": AUDIENCE}, StringLike={f"{HOST}:sub": "system:serviceaccount:*:*"})


@fault("trust.everyone")
def pattern_for_the_same_name_in_every_namespace() -> Snapshot:
    return conditions(
        StringEquals={f"{HOST}:aud": AUDIENCE}, StringLike={f"{HOST}:sub": "system:serviceaccount:*:reports"}
    )


@fault("trust.other-issuer")
def condition_keys_with_a_scheme() -> Snapshot:
    subject = "system:serviceaccount:apps:reports"
    return conditions(StringEquals={f"{ISSUER}:sub": subject, f"{ISSUER}:aud": AUDIENCE})


@fault("trust.more-accounts")
def account_that_is_gone() -> Snapshot:
    return trusting(trust("apps/reports", "apps/old-reports"))


@fault("trust.condition")
def asks_for_mfa() -> Snapshot:
    own = {"StringEquals": {f"{HOST}:aud": AUDIENCE, f"{HOST}:sub": "system:serviceaccount:apps:reports"}}
    return statement(Condition={**own, "Bool": {"aws:MultiFactorAuthPresent": "true"}})


@fault("trust.refused")
def nothing_of_it_is_right() -> Snapshot:
    return trusting(trust("other/reporting", audiences=["sigstore"]))


@fault("trust.dead-principal")
def trusts_a_deleted_user() -> Snapshot:
    policy = trust("apps/reports")
    gone = {"Effect": "Allow", "Principal": {"AWS": "AIDAEXAMPLE0000000001"}, "Action": "sts:AssumeRole"}
    return trusting({**policy, "Statement": [*policy["Statement"], gone]})


@fault("trust.boundary-gone")
def boundary_was_deleted() -> Snapshot:
    return role(kubeadm(), boundary=f"arn:aws:iam::{ACCOUNT}:policy/boundary", boundary_exists=False)


@fault("trust.policy-full")
def trust_policy_at_its_quota() -> Snapshot:
    return role(kubeadm(), trust_size=2040)


@fault("trust.inline-full")
def inline_policies_at_their_quota() -> Snapshot:
    return role(kubeadm(), inline=("a", "b"), inline_size=10200)


# --- service accounts


@fault("annotations.role-missing")
def role_was_deleted() -> Snapshot:
    own: Roles = there(kubeadm().roles)
    missing = (role_arn("prod-reports"),)
    return replace(kubeadm(), roles=replace(own, found=own.found[1:], missing=missing))


@fault("annotations.role-missing")
def misspelt_role() -> Snapshot:
    arn = role_arn("prod-reprots")
    made = container(account(kubeadm(), role=arn), role=arn)
    own: Roles = there(made.roles)
    others = (*own.others, role_arn("prod-reports"))
    return replace(made, roles=replace(own, found=own.found[1:], missing=(arn,), others=others))


@fault("annotations.role-path")
def role_without_its_path() -> Snapshot:
    own: Roles = there(kubeadm().roles)
    others = (role_arn("teams/apps/prod-reports"),)
    missing = (role_arn("prod-reports"),)
    return replace(kubeadm(), roles=Roles(own.found[1:], missing, others=others))


@fault("annotations.blanks")
def line_end_behind_the_arn() -> Snapshot:
    return without_pods(account(_one_role(), role=f"{role_arn('prod-reports')}\n"))


def _one_role() -> Snapshot:
    """Return a cluster in which nobody else names the role of the first service account."""
    own: Roles = there(kubeadm().roles)
    return replace(kubeadm(), roles=replace(own, found=own.found[1:]))


@fault("annotations.no-arn")
def name_of_the_role_alone() -> Snapshot:
    return without_pods(account(_one_role(), role="prod-reports"))


@fault("annotations.no-arn")
def account_without_its_leading_zero() -> Snapshot:
    return without_pods(account(_one_role(), role="arn:aws:iam::1402433619:role/prod-reports"))


@fault("annotations.partition")
def role_of_govcloud() -> Snapshot:
    arn = role_arn("prod-reports").replace("arn:aws:", "arn:aws-us-gov:")
    return container(account(_one_role(), role=arn), role=arn)


@fault("annotations.account")
def role_of_another_account() -> Snapshot:
    arn = role_arn("prod-reports", "999999999999")
    return container(account(_one_role(), role=arn), role=arn)


@fault("annotations.misspelt")
def underscore_in_the_key() -> Snapshot:
    made = account(_one_role(), role=None, misspelt="eks.amazonaws.com/role_arn")
    return without_pods(made)


@fault("annotations.audience")
def audience_that_nobody_knows() -> Snapshot:
    made = account(_one_role(), audience="sts.example.com")
    return without_pods(made)


@fault("annotations.expiration")
def expiry_in_words() -> Snapshot:
    return account(kubeadm(), expiration="1h")


@fault("annotations.expiration")
def expiry_below_what_is_possible() -> Snapshot:
    return account(kubeadm(), expiration="60")


@fault("annotations.regional")
def neither_true_nor_false() -> Snapshot:
    return account(kubeadm(), regional="yes")


@fault("annotations.on-pod")
def annotation_on_the_template() -> Snapshot:
    made = account(_one_role(), role=None)
    return pod(
        made, injected=False, containers=(Container("main"),), misplaced="eks.amazonaws.com/role-arn is on the pod"
    )


# --- API servers


@fault("flags.not-running")
def api_server_does_not_come_up() -> Snapshot:
    made = api_server(kubeadm(3), 1, ready=False, minted=NotLooked("it does not answer"), served=NotLooked("no answer"))
    return host(made, 1, flags=None)


@fault("flags.not-ready")
def api_server_is_not_ready() -> Snapshot:
    return api_server(kubeadm(3), 1, ready=False)


@fault("flags.comma")
def issuers_joined_by_a_comma() -> Snapshot:
    joined = f"{ISSUER},{DEFAULT}"
    return minted(flags(kubeadm(), service_account_issuer=(joined,)), issuer=joined)


@fault("flags.not-signing")
def old_issuer_is_first() -> Snapshot:
    made = flags(kubeadm(3), 1, service_account_issuer=(DEFAULT, ISSUER))
    return minted(made, 1, issuer=DEFAULT)


@fault("flags.not-signing")
def server_that_nobody_told() -> Snapshot:
    made = flags(kubeadm(3), 1, service_account_issuer=(DEFAULT,))
    return minted(made, 1, issuer=DEFAULT)


@fault("flags.not-signing")
def server_behind_a_load_balancer_signs_otherwise() -> Snapshot:
    return minted(without_hosts(), 1, issuer=DEFAULT)


@fault("flags.differ")
def server_lost_the_old_issuer() -> Snapshot:
    return flags(kubeadm(3), 2, service_account_issuer=(ISSUER, "https://older.example.com"))


@fault("flags.refuses-others")
def server_refuses_a_token() -> Snapshot:
    return api_server(without_hosts(), 1, refused=((ISSUER, KID),))


@fault("flags.drift")
def manifest_was_edited() -> Snapshot:
    return host(kubeadm(), drift=("service-account-issuer",))


@fault("flags.upgrade-undoes")
def kubeadm_does_not_know() -> Snapshot:
    return host(kubeadm(), undone=("kubeadm-config does not have --service-account-issuer",))


@fault("flags.sts-audience")
def audience_of_aws_in_the_cluster() -> Snapshot:
    return flags(kubeadm(), api_audiences=(f"{DEFAULT},{AUDIENCE}",))


@fault("flags.short-tokens")
def tokens_of_an_hour() -> Snapshot:
    return minted(kubeadm(), seconds=3600)


@fault("flags.short-tokens")
def tokens_of_an_hour_by_the_flag() -> Snapshot:
    made = flags(kubeadm(), service_account_max_token_expiration=("1h0m0s",))
    return api_server(made, minted=NotLooked("the user may not create tokens"))


@fault("flags.single-issuer")
def guide_with_one_issuer() -> Snapshot:
    return flags(kubeadm(), service_account_issuer=(ISSUER,))


@fault("flags.single-issuer")
def guide_with_one_issuer_and_an_audience() -> Snapshot:
    return flags(kubeadm(), service_account_issuer=(ISSUER,), api_audiences=("kubernetes.svc.default",))


@fault("flags.duplicates")
def backup_in_the_manifests_directory() -> Snapshot:
    return host(kubeadm(), duplicates=("/etc/kubernetes/manifests/kube-apiserver.yaml.bak",))


@fault("flags.jwks-uri")
def key_set_of_the_old_place() -> Snapshot:
    return flags(kubeadm(), service_account_jwks_uri=("https://old.example.com/keys.json",))


@fault("flags.release")
def old_kubernetes() -> Snapshot:
    return api_server(kubeadm(), version="v1.27.3+rke2r1")


# --- keys


@fault("keys.differ")
def key_of_one_server_is_another() -> Snapshot:
    made = kubeadm(3)
    return replace(made, api_servers=(*there(made.api_servers)[:2], server("cp3", RSA_OF_TOMORROW)))


@fault("keys.pair")
def public_half_is_missing() -> Snapshot:
    made = fetches(kubeadm(), "jwks", keys=(RSA, RSA_OF_TOMORROW))
    made = host(made, signing_kid=OTHER_KID, controller_manager_kid=KID)
    own: tuple[KeyFile, ...] = there(there(made.api_servers)[0].host).key_files
    return minted(host(made, key_files=at(own, 1, kids=(OTHER_KID,))), kid=OTHER_KID)


@fault("keys.weak")
def key_of_1024_bits() -> Snapshot:
    problem = "has 1024 bits; RS256 asks for 2048 (RFC 7518 section 3.3)"
    return fetches(key_file(0, problem=problem), "jwks", keys=(replace(RSA, problem=problem),))


@fault("keys.unreadable")
def key_file_is_broken() -> Snapshot:
    return key_file(1, unreadable=True, problem="no such file", kids=())


@fault("keys.mode")
def everybody_reads_the_key() -> Snapshot:
    return key_file(1, mode=0o644)


@fault("keys.age")
def key_of_long_ago() -> Snapshot:
    return key_file(1, changed=NOW - 1500 * DAY)


@fault("keys.changed")
def key_file_was_exchanged() -> Snapshot:
    return everywhere(kubeadm(3), _exchanged)


@fault("keys.changed")
def key_file_of_a_server_was_exchanged() -> Snapshot:
    return _exchanged(kubeadm(3), 1)


def _exchanged(made: Snapshot, number: int) -> Snapshot:
    own: tuple[KeyFile, ...] = there(there(made.api_servers)[number].host).key_files
    files = at(at(own, 0, kids=(OTHER_KID,)), 1, kids=(OTHER_KID,))
    # The process goes on with the key that it has read.
    return host(made, number, key_files=files, controller_manager_kid="")


@fault("keys.algorithm")
def signs_by_another_algorithm() -> Snapshot:
    return minted(kubeadm(), algorithm="EdDSA")


@fault("keys.controller-manager")
def controller_manager_has_another_key() -> Snapshot:
    return host(kubeadm(), controller_manager_kid=OTHER_KID)


# --- injection


@fault("injection.mode")
def nothing_injects() -> Snapshot:
    return found("mode", "broken")


@fault("injection.nothing")
def no_webhook_at_all() -> Snapshot:
    return replace(of_others(), injection=Injection())


@fault("injection.twice")
def two_webhooks() -> Snapshot:
    made = of_others()
    own: Injector = there(made.injection).foreign[0]
    return replace(made, injection=Injection(foreign=(own, replace(own, name="pod-identity-webhook"))))


@fault("injection.pods")
def webhook_is_down() -> Snapshot:
    made = found("pods", "broken")
    tried = Finding("webhook: a pod, tried", "broken", "it would start without its role", "Run it.")
    own: Injection = there(made.injection)
    return replace(made, injection=replace(own, findings=(*own.findings, tried)))


@fault("injection.certificate")
def webhook_certificate_has_ended() -> Snapshot:
    return found("certificate", "broken")


@fault("injection.authority")
def bundle_of_another_authority() -> Snapshot:
    return found("authority", "broken")


@fault("injection.roles")
def policy_lacks_a_role() -> Snapshot:
    own = Finding(
        "webhook: roles", "warning", "1 service accounts have a role that the policy does not know", "Run it."
    )
    return replace(by_policy(), injection=Injection((own,), own="policy"))


@fault("injection.tried")
def server_does_not_reach_the_webhook() -> Snapshot:
    return found("a pod, tried", "broken")


@fault("injection.service-missing")
def service_was_removed() -> Snapshot:
    return injector(service_exists=False, endpoints=0)


@fault("injection.no-endpoints")
def no_pod_behind_the_service() -> Snapshot:
    return injector(endpoints=0)


@fault("injection.one-pod")
def chart_with_its_defaults() -> Snapshot:
    return injector(endpoints=1)


@fault("injection.no-bundle")
def bundle_was_never_filled_in() -> Snapshot:
    return injector(has_bundle=False)


@fault("injection.fails-closed")
def webhook_fails_closed() -> Snapshot:
    return injector(failure_policy="Fail")


@fault("injection.namespace-left-out")
def namespace_without_its_label() -> Snapshot:
    return injector(excluded=("apps",))


# --- pods


@fault("pods.missed")
def pod_from_before_the_annotation() -> Snapshot:
    return pod(kubeadm(), injected=False, token_mode=None, containers=(Container("main"),))


@fault("pods.stale-role")
def pod_from_before_the_new_role() -> Snapshot:
    return container(kubeadm(), role=role_arn("prod-reports-old"))


@fault("pods.own-role")
def template_sets_the_role() -> Snapshot:
    return container(kubeadm(), role=role_arn("other"), token_file="/var/run/own/token")  # noqa: S106 -- a path


def _by_itself(**changes: Value) -> Snapshot:
    """Let a pod set the role of another service account by itself, and its own name none."""
    own = {"role": role_arn("prod-backup"), "token_file": "/var/run/own/token", **changes}
    return container(account(_one_role(), role=None), **own)


@fault("trust.subject-wrong")
def pod_takes_a_role_of_others_by_itself() -> Snapshot:
    return _by_itself()


@fault("pods.role-missing")
def pod_takes_a_role_that_is_gone() -> Snapshot:
    made = _by_itself(role=role_arn("prod-reports"))
    own: Roles = there(made.roles)
    return replace(made, roles=replace(own, missing=(role_arn("prod-reports"),)))


@fault("pods.api-audience")
def token_of_aws_in_the_place_of_that_of_the_api() -> Snapshot:
    return container(kubeadm(), api_audience=AUDIENCE)


@fault("pods.own-credentials")
def template_sets_keys() -> Snapshot:
    return container(kubeadm(), own_credentials=("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"))


@fault("pods.volume-taken")
def volume_of_the_same_name() -> Snapshot:
    taken = container(kubeadm(), no_token="the volume is of the kind emptyDir")  # noqa: S106 -- words
    return pod(taken, injected=False, taken_by="emptyDir")


@fault("pods.token-missing")
def nothing_is_mounted() -> Snapshot:
    return container(kubeadm(), no_token="nothing is mounted there", token_audience="")  # noqa: S106 -- words


@fault("pods.half-role")
def token_file_without_a_role() -> Snapshot:
    return container(kubeadm(), role=None)


@fault("pods.token-audience")
def token_for_another_audience() -> Snapshot:
    return container(kubeadm(), token_audience="vault")  # noqa: S106 -- an audience


@fault("pods.token-unreadable")
def token_of_root_alone() -> Snapshot:
    made = pod(kubeadm(), token_mode=0o400)
    own = there(made.pods)[0].containers[0]
    return pod(made, containers=(replace(own, user=1000), replace(own, name="sidecar", user=2000)))


@fault("pods.old-sdk")
def cli_of_2018() -> Snapshot:
    return container(kubeadm(), image="docker.io/mesosphere/aws-cli:1.14.5")


@fault("pods.default-account")
def template_without_an_account() -> Snapshot:
    nobody = Pod("apps", "reports-x", owner="Deployment/reports", containers=(Container("main"),))
    return replace(kubeadm(), pods=(replace(nobody, meant_account="apps/reports"),))


# --- clocks, region, rotation


@fault("clock.host")
def clock_of_a_host_is_off() -> Snapshot:
    return host(kubeadm(3), 1, clock_offset=-400.0)


@fault("clock.drifting")
def clock_of_a_host_drifts() -> Snapshot:
    return host(kubeadm(3), 1, clock_offset=40.0, synchronised=False)


@fault("clock.not-synchronised")
def no_ntp() -> Snapshot:
    return host(kubeadm(3), 1, synchronised=False)


@fault("clock.controller")
def clock_of_the_controller_is_off() -> Snapshot:
    made = everywhere(kubeadm(3), lambda each, number: host(each, number, clock_offset=-600.0))
    return replace(made, clock=Clock(600.0))


def _region(**changes: Value) -> Snapshot:
    made = kubeadm()
    own: Region = there(made.region)
    return replace(made, region=replace(own, **changes))


@fault("region.unknown")
def zone_for_a_region() -> Snapshot:
    return without_pods(_region(name="eu-central-1a", known=False, unreached={"cp1": "Name or service not known"}))


@fault("region.disabled")
def region_is_not_turned_on() -> Snapshot:
    return without_pods(_region(name="af-south-1", enabled=False))


@fault("region.partition")
def region_of_china() -> Snapshot:
    return without_pods(_region(name="cn-north-1", partition="aws-cn"))


@fault("region.unreached")
def nodes_have_no_way_out() -> Snapshot:
    return _region(unreached={"cp1": "timeout"})


@fault("region.other-in-pods")
def pods_from_before_the_new_region() -> Snapshot:
    return container(kubeadm(), region="us-east-1")


@fault("region.global-endpoint")
def global_endpoint_by_annotation() -> Snapshot:
    return account(kubeadm(), regional="false")


@fault("rotation.stalled")
def rotation_of_last_month() -> Snapshot:
    return replace(rotating(), rotation=Rotation("wait", NOW - 30 * DAY, KID, OTHER_KID))


@fault("rotation.legacy-secrets")
def secret_of_the_old_key() -> Snapshot:
    made = rotating()
    own: Rotation = there(made.rotation)
    return replace(made, rotation=replace(own, secrets=(LegacySecret("ops", "robot", KID),)))


@fault("rotation.retired-published")
def retired_key_is_published() -> Snapshot:
    made = fetches(kubeadm(), "jwks", keys=(RSA, RSA_OF_TOMORROW))
    return replace(made, rotation=Rotation(retired=(OTHER_KID,)))


@fault("rotation.retired-accepted")
def retired_key_is_accepted() -> Snapshot:
    made = fetches(kubeadm(3, RSA, RSA_OF_TOMORROW), "jwks", keys=(RSA,))
    return replace(made, rotation=Rotation(retired=(OTHER_KID,)))
