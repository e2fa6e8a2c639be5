# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the discovery document and the key set. PRIVATE: it may change."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.onprem.irsa.plugins.module_utils._doctor.checking import SITE, Seen, check, seen
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.view import looked
from ansible_collections.onprem.irsa.plugins.module_utils._documents.jwk_rules import MAX_KEYS_OF_A_KIND
from ansible_collections.onprem.irsa.plugins.module_utils._documents.served import (
    DISCOVERY_TYPE,
    JWKS_TYPE,
    media_type,
)

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._doctor.snapshot import Key
    from ansible_collections.onprem.irsa.plugins.module_utils._doctor.view import Fetched, View

_OK: t.Final = 200
_GONE: t.Final = (404, 410)
_FORBIDDEN: t.Final = (401, 403)
_ELSEWHERE: t.Final = (301, 302, 303, 307, 308)
_GUIDE: t.Final = "guide_publishing"
_PUBLISH: t.Final = "Publish the documents again: run onprem.irsa.site."


def _at(each: Fetched, found: str, **values: str) -> Seen:
    return replace(seen(each.fetch.url, found, **values), seen_from=each.seen_from)


def _read(view: View) -> t.Iterator[Fetched]:
    return (each for each in view.fetched if each.fetch.status == _OK)


def _key_sets(view: View) -> t.Iterator[tuple[Fetched, tuple[Key, ...]]]:
    for each in _read(view):
        if each.kind == "key set" and each.fetch.keys is not None:
            yield each, each.fetch.keys


@check(
    "documents.missing",
    "broken",
    title="A document is not there",
    cause="AWS reads the issuer, and where the keys are, from the discovery document, and the keys from the key set.",
    fix=_PUBLISH,
    command=SITE,
    guide=_GUIDE,
    follows=("bucket",),
)
def _missing(view: View) -> t.Iterator[Seen]:
    for each in view.fetched:
        if each.fetch.status in _GONE:
            yield _at(each, f"the {each.kind} is not there: HTTP status {each.fetch.status}")


@check(
    "documents.forbidden",
    "broken",
    title="Not everybody may read a document",
    cause="AWS fetches the documents anonymously.",
    fix="Let everybody read {where}: run onprem.irsa.site where the collection publishes, and otherwise look at the "
    "policy of what serves it.",
    guide=_GUIDE,
    follows=("bucket",),
)
def _forbidden(view: View) -> t.Iterator[Seen]:
    for each in view.fetched:
        if each.fetch.status in _FORBIDDEN and not _told(each):
            code = f" ({each.fetch.refusal})" if each.fetch.refusal else ""
            yield _at(each, f"the {each.kind} is refused: HTTP status {each.fetch.status}{code}")


_REASONS: t.Final = {
    "kms": "it is encrypted with a key of KMS, which nobody may use without a signature",
    "sse-c": "it is encrypted with a key that each reader would have to send",
    "requester-pays": "the bucket makes readers pay, which anonymous readers cannot",
    "archived": "it was moved to an archive",
}


def _told(each: Fetched) -> str:
    """Say why the store gives a document to nobody; empty where its answer does not tell."""
    return _REASONS.get(each.fetch.refusal, "")


@check(
    "documents.unreadable-object",
    "broken",
    title="The store holds a document in a form that nobody can read anonymously",
    cause="What S3 encrypts with a key of KMS or of the reader, archives, or charges readers for takes a signature.",
    fix="Publish the documents again, which encrypts them with S3's own key: run onprem.irsa.site.",
    command=SITE,
    guide=_GUIDE,
    follows=("bucket",),
)
def _unreadable_object(view: View) -> t.Iterator[Seen]:
    for each in view.fetched:
        if each.fetch.status not in (0, _OK) and _told(each):
            yield _at(each, f"the {each.kind} cannot be read: {_told(each)}")


@check(
    "documents.status",
    "broken",
    title="A document is answered with an error",
    cause="AWS takes a document with HTTP status 200 alone.",
    fix="Look at what serves {where}, and at what stands in front of it. See `curl --include {where}`.",
    guide=_GUIDE,
    follows=("bucket",),
)
def _status(view: View) -> t.Iterator[Seen]:
    known = (0, _OK, *_GONE, *_FORBIDDEN, *_ELSEWHERE)
    for each in view.fetched:
        if each.fetch.status not in known and not _told(each):
            code = f" ({each.fetch.refusal})" if each.fetch.refusal else ""
            yield _at(each, f"the {each.kind} is answered with HTTP status {each.fetch.status}{code}")


@check(
    "documents.not-json",
    "broken",
    title="A document is not the JSON object that it should be",
    cause="OpenID Connect Discovery 1.0, section 4.2, and RFC 7517, section 5. A host that answers every path with a "
    "page hides that the document is not there.",
    fix="See what is served at {where}. onprem.irsa.site writes over nothing that it cannot read, because keys in it "
    "would be lost: remove the document if nobody needs it, then run that.",
    guide=_GUIDE,
)
def _not_json(view: View) -> t.Iterator[Seen]:
    kinds = {"html": "a page", "empty": "empty", "json": "JSON, but not an object"}
    for each in _read(view):
        form = each.fetch.form
        if form != "object" and not each.fetch.bom:
            yield _at(each, f"the {each.kind} is {kinds.get(form, 'not JSON')}")
        elif form == "object" and not each.fetch.bom and _is_other(each):
            yield _at(each, f"the {each.kind} is another JSON object")


def _is_other(each: Fetched) -> bool:
    """Tell whether a JSON object is none of the kind that it should be: a key set alone has a list of keys."""
    return each.fetch.keys is None if each.kind == "key set" else each.fetch.keys is not None


@check(
    "documents.byte-order-mark",
    "broken",
    title="A byte-order mark stands in front of a document",
    cause="RFC 8259, section 8.1: JSON that is sent has none, and readers may refuse it. Some editors add it.",
    fix="Save the document without a byte-order mark, or publish it again: run onprem.irsa.site.",
    command=SITE,
    guide=_GUIDE,
)
def _byte_order_mark(view: View) -> t.Iterator[Seen]:
    for each in _read(view):
        if each.fetch.bom:
            yield _at(each, f"the {each.kind} begins with a byte-order mark")


@check(
    "documents.content-type",
    "warning",
    title="A document has another content type than the standard one",
    cause="AWS takes it; other relying parties may not (OpenID Connect Discovery 1.0, section 4.2).",
    fix="Serve {where} as application/json: run onprem.irsa.site where the collection publishes.",
    guide=_GUIDE,
)
def _content_type(view: View) -> t.Iterator[Seen]:
    for each in _read(view):
        kind = media_type(each.fetch.content_type)
        if each.fetch.form == "object" and kind not in (DISCOVERY_TYPE, JWKS_TYPE):
            yield _at(each, f"the {each.kind} is served as {kind or 'nothing'}")


@check(
    "documents.issuer-slash",
    "broken",
    title="The issuer differs from that of the discovery document by a slash at the end",
    cause="Issuers are compared letter by letter (OpenID Connect Discovery 1.0, section 4.3).",
    fix="Publish the document for the issuer that tokens carry, {issuer}: run onprem.irsa.site.",
    command=SITE,
    guide=_GUIDE,
)
def _issuer_slash(view: View) -> t.Iterator[Seen]:
    for each, named in _issuers(view):
        if named != view.issuer and named.rstrip("/") == view.issuer.rstrip("/"):
            yield _at(each, f"it names {named}, and tokens carry {view.issuer}", issuer=view.issuer)


def _issuers(view: View) -> t.Iterator[tuple[Fetched, str]]:
    for each in _read(view):
        if each.fetch.discovery is not None:
            yield each, each.fetch.discovery.issuer


@check(
    "documents.other-issuer",
    "broken",
    title="The discovery document names another issuer",
    cause="Issuers are compared letter by letter (OpenID Connect Discovery 1.0, section 4.3): case and scheme count.",
    fix="Two issuers cannot be published in one place. Publish {issuer} elsewhere, or remove the document if nobody "
    "trusts the issuer that it names any longer; then run onprem.irsa.site.",
    guide=_GUIDE,
)
def _other_issuer(view: View) -> t.Iterator[Seen]:
    for each, named in _issuers(view):
        if named.rstrip("/") != view.issuer.rstrip("/"):
            found = f"it names {named or 'no issuer'}, and tokens carry {view.issuer}"
            yield _at(each, found, issuer=view.issuer)


@check(
    "documents.no-jwks-uri",
    "broken",
    title="The discovery document leads to no key set",
    cause="OpenID Connect Discovery 1.0, section 3: jwks_uri is an https URL.",
    fix=_PUBLISH,
    command=SITE,
    guide=_GUIDE,
)
def _no_jwks_uri(view: View) -> t.Iterator[Seen]:
    for each in _read(view):
        discovery = each.fetch.discovery
        if discovery is not None and not discovery.jwks_uri.startswith("https://"):
            yield _at(each, f"its jwks_uri is {discovery.jwks_uri or 'not there'}")


@check(
    "documents.internal-jwks-uri",
    "broken",
    title="The discovery document leads to an API server's own address",
    cause="A document that was copied from an API server names the key set at its address, which AWS does not reach.",
    fix=f"{_PUBLISH} Where that document was made by hand, let jwks_uri lead to the published key set.",
    command=SITE,
    guide=_GUIDE,
)
def _internal_jwks_uri(view: View) -> t.Iterator[Seen]:
    outside = view.issuer.partition("://")[2].partition("/")[0]
    for each in _read(view):
        uri = each.fetch.discovery.jwks_uri if each.fetch.discovery is not None else ""
        host = uri.partition("://")[2].partition("/")[0].removesuffix(":443")
        if (
            uri.startswith("https://")
            and host.partition(":")[0] != outside
            and (":" in host.rpartition("]")[2] or host.endswith((".svc", ".cluster.local")))
        ):
            yield _at(each, f"its jwks_uri is {uri}")


@check(
    "documents.algorithm",
    "warning",
    title="The discovery document does not name the algorithm of a published key",
    cause="Relying parties may refuse an algorithm that id_token_signing_alg_values_supported does not list.",
    fix=_PUBLISH,
    command=SITE,
    guide=_GUIDE,
)
def _algorithm(view: View) -> t.Iterator[Seen]:
    of_keys = {key.alg for _place, _url, keys in view.published for key in keys if key.alg and not key.problem}
    for each in _read(view):
        discovery = each.fetch.discovery
        missing = sorted(of_keys - {*discovery.algorithms}) if discovery is not None and discovery.algorithms else []
        if missing:
            yield _at(each, f"it does not list {', '.join(missing)}")


@check(
    "documents.kid-empty",
    "broken",
    title="A published key has no id",
    cause="AWS finds the key of a token by its id (kid). Guides for Kubernetes before 1.16 published each key twice, "
    "once without an id: that costs no pod its role, and nothing needs it today.",
    fix="Publish the key with its id alone: run onprem.irsa.site.",
    command=SITE,
    guide=_GUIDE,
)
def _kid_empty(view: View) -> t.Iterator[Seen]:
    for each, keys in _key_sets(view):
        nameless = [key for key in keys if not key.kid]
        named = {key.material for key in keys if key.kid}
        if nameless:
            place = _at(each, f"{len(nameless)} of {len(keys)} keys have no id")
            is_copy = all(key.material in named for key in nameless)
            yield replace(place, severity="warning") if is_copy else place


@check(
    "documents.kid-doubled",
    "broken",
    title="Two published keys have one id",
    cause="RFC 7517, section 4.5: AWS may take either of them.",
    fix="Publish the key set again, without the key that no API server has: run onprem.irsa.site.",
    command=SITE,
    guide=_GUIDE,
)
def _kid_doubled(view: View) -> t.Iterator[Seen]:
    for each, keys in _key_sets(view):
        kids = [key.kid for key in keys if key.kid]
        doubled = sorted({kid for kid in kids if kids.count(kid) > 1})
        if doubled:
            yield _at(each, f"more than one key has the id {', '.join(doubled)}")


@check(
    "documents.key-missing",
    "broken",
    title="A key that signs is not published",
    cause="AWS refuses every token of a key that is not in the key set.",
    fix="Publish the keys of every API server: run onprem.irsa.site.",
    command=SITE,
    guide=_GUIDE,
    follows=("keys.differ", "flags.not-signing", "documents.kid-empty"),
)
def _key_missing(view: View) -> t.Iterator[Seen]:
    for each, keys in _key_sets(view):
        published = {key.kid for key in keys}
        lacking: dict[str, list[str]] = {}
        for server, kid in view.signing_kids.items():
            if kid not in published:
                lacking.setdefault(kid, []).append(server)
        for kid, servers in lacking.items():
            yield _at(each, f"it lacks {kid}, with which {', '.join(servers)} signs")


@check(
    "documents.key-differs",
    "broken",
    title="A published key is another one than that of the API servers",
    cause="A token is verified with the published key of its id: with another key it is refused.",
    fix="Publish the keys of the API servers: run onprem.irsa.site.",
    command=SITE,
    guide=_GUIDE,
)
def _key_differs(view: View) -> t.Iterator[Seen]:
    own = {key.kid: key for server in view.servers for key in looked(server.served) or ()}
    for each, keys in _key_sets(view):
        known = [(key, own[key.kid]) for key in keys if key.kid in own]
        for key, other in known:
            if not key.problem and key.material != other.material:
                yield _at(each, f"the key {key.kid} has another value than the API servers'")


@check(
    "documents.too-many-keys",
    "broken",
    title="More keys are published than AWS takes",
    cause=f"AWS takes {MAX_KEYS_OF_A_KIND} RSA and {MAX_KEYS_OF_A_KIND} EC keys, and no token of a larger key set (IAM "
    "User Guide, OIDC providers).",
    fix="Retire keys that no cluster signs with: name them in irsa_issuer_retired_kids, and run onprem.irsa.site.",
    guide=_GUIDE,
)
def _too_many_keys(view: View) -> t.Iterator[Seen]:
    for each, keys in _key_sets(view):
        kinds = [key.kty for key in keys]
        many = [f"{kinds.count(kind)} {kind} keys" for kind in ("RSA", "EC") if kinds.count(kind) > MAX_KEYS_OF_A_KIND]
        if many:
            yield _at(each, f"it has {', '.join(many)}")


@check(
    "documents.key-encoding",
    "broken",
    title="A published key breaks a rule that AWS keeps",
    cause="RFC 7517 and 7518. Libraries take many such keys, and AWS refuses their tokens: a zero octet in front of a "
    "number, padding, hexadecimal digits.",
    fix="Publish the key as API servers serve it (`kubectl get --raw /openid/v1/jwks`): run onprem.irsa.site.",
    command=SITE,
    guide=_GUIDE,
    follows=("keys.weak",),
)
def _key_encoding(view: View) -> t.Iterator[Seen]:
    # AWS refuses the tokens of such a key: where no API server has it, no pod is concerned.
    own = {*view.signing_kids.values()} | {key.kid for server in view.servers for key in looked(server.served) or ()}
    for each, keys in _key_sets(view):
        for key in keys:
            if key.problem and not key.private_members:
                place = _at(each, f"the key {key.kid or '(without an id)'} {key.problem}")
                yield replace(place, severity="warning") if key.kid and key.kid not in own and own else place


@check(
    "documents.key-private",
    "broken",
    title="A private key is published",
    cause="Everybody can read it, sign tokens of any service account, and assume every role of the cluster.",
    fix="Replace the cluster's signing key at once, and remove the private key from {where}.",
    guide=_GUIDE,
)
def _key_private(view: View) -> t.Iterator[Seen]:
    for each, keys in _key_sets(view):
        for key in keys:
            if key.private_members:
                members = ", ".join(key.private_members)
                yield _at(each, f"the key {key.kid} is published with its private members {members}")


@check(
    "documents.views-differ",
    "warning",
    title="A document is not the same everywhere",
    cause="A cache, an internal view of DNS or a proxy serves another document than the one that AWS reads.",
    fix="Look at which address {where} has from each place, and at what is cached there.",
    guide=_GUIDE,
    follows=("documents",),
)
def _views_differ(view: View) -> t.Iterator[Seen]:
    for kind in ("discovery document", "key set"):
        found: dict[str, list[Fetched]] = {}
        for each in _read(view):
            if each.kind == kind and each.fetch.digest:
                found.setdefault(each.fetch.digest, []).append(each)
        if len(found) > 1:
            groups = [*found.values()]
            names = [", ".join(each.seen_from for each in group) for group in groups]
            yield seen(groups[0][0].fetch.url, f"the {kind} differs between {' and '.join(names)}")
