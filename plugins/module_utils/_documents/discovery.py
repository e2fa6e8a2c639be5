# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The OpenID Connect discovery document of an issuer. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._documents.issuer import check_document_url, check_issuer_url
from ansible_collections.onprem.irsa.plugins.module_utils._documents.jwk_rules import MAX_KEYS_OF_A_KIND, too_many
from ansible_collections.onprem.irsa.plugins.module_utils._documents.jwks import (
    Jwk,
    check_published,
    go_json,
    jwks_document,
    kept_keys,
    keys_of_document,
    kids_of_document,
    published_object,
)
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError


def check_jwks_uri(jwks_uri: str) -> str:
    """Return the URL of a key set as it is, or raise InputError: it keeps the rules of an issuer's URL."""
    try:
        return check_document_url("URL", jwks_uri)
    except InputError as error:
        raise InputError(f"As jwks_uri of a discovery document: {error.problem}", fix=error.fix) from None


def discovery_document(issuer: str, jwks_uri: str, algs: t.Iterable[str]) -> str:
    """Return the discovery document: one line of JSON without a line end, as the API server serves it.

    The algorithms are those of the keys in the set, in any order and number. Fields and their order are those of
    C(openIDMetadata) in Kubernetes' C(pkg/serviceaccount/openidmetadata.go). Raises InputError for a URL that breaks
    the rules of issuers.
    """
    return go_json(
        {
            "issuer": check_issuer_url(issuer),
            "jwks_uri": check_jwks_uri(jwks_uri),
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": sorted(set(algs)),
        }
    )


def parse_discovery(text: str) -> tuple[str, str]:
    """Return issuer and jwks_uri of a discovery document, as it has them, or raise InputError when it lacks one."""
    try:
        document = json.loads(text.removeprefix("\ufeff"))
        issuer, jwks_uri = document["issuer"], document["jwks_uri"]
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(
            "The discovery document is not a JSON object with issuer and jwks_uri "
            "(OpenID Connect Discovery 1.0, section 3).",
            fix="Give a document as onprem.irsa.jwks returns it.",
        ) from error
    return str(issuer), str(jwks_uri)


class Documents(t.NamedTuple):
    """The two documents of an issuer."""

    discovery: str
    jwks: str


def beside_published(
    documents: Documents,
    published: t.Mapping[str, str],
    *,
    retired: t.Collection[str] = (),
    jwks_uri: str | None = None,
) -> Documents:
    """Return the documents with their own keys and those of published key sets, and with the key set at jwks_uri.

    PUBLISHED are the texts of key sets by where they are. A key stays unless it is retired by its id. Raises
    InputError for a key set that cannot be read, for one that grows beyond what AWS takes, and for the id of a key
    that is among the documents' own: its tokens would be refused.
    """
    alive = [kid for kid in retired if kid in kids_of_document(documents.jwks)]
    if alive:
        raise InputError(
            f"The key {', '.join(alive)} should be retired, and the cluster has it: its tokens would be refused.",
            fix="Remove it from the cluster's key files first, or from irsa_issuer_retired_kids (of modules: "
            "retired_kids).",
        )
    discovery, jwks = documents
    for source, text in published.items():
        check_published(text, source=source, retired=retired)
        kept = kept_keys(jwks, text, retired)
        jwks = jwks_document([*keys_of_document(jwks), *kept]) if kept else jwks
        discovery = _with_keys(discovery, [key["alg"] for key in kept if key.get("alg")])
    if jwks_uri is not None and parse_discovery(discovery)[1] != jwks_uri:
        discovery = go_json({**json.loads(discovery), "jwks_uri": check_jwks_uri(jwks_uri)})
    _check_number(keys_of_document(jwks))
    return Documents(discovery, jwks)


def check_place(issuer: str, jwks_uri: str, published: t.Mapping[str, str]) -> None:
    """Raise InputError where a published discovery document has another issuer, or the key set at another place.

    PUBLISHED are the texts by where they are; an empty one says nothing, and neither does a key set that AWS could not
    fetch, such as that of a document which was copied from an API server.
    """
    for source, text in published.items():
        document = published_object(text, source=source)
        named, place = str(document.get("issuer", issuer)), str(document.get("jwks_uri"))
        if named.rstrip("/") != issuer:
            raise InputError(
                f"{source} is the discovery document of another issuer, {named!r}.",
                fix="Choose another place, or remove that document if nobody trusts its issuer any longer.",
            )
        if place != jwks_uri and _can_be_fetched(place):
            raise InputError(
                f"{source} names the key set {place}, and {jwks_uri} would be written: keys of the former would be "
                "lost.",
                fix=f"Set irsa_issuer_jwks_uri to {place}; or, if nobody uses that document any longer, remove it.",
            )


def _can_be_fetched(jwks_uri: str) -> bool:
    try:
        check_jwks_uri(jwks_uri)
    except InputError:
        return False
    return True


def _check_number(keys: t.Collection[Jwk]) -> None:
    found = too_many(keys)
    if found:
        raise InputError(
            f"The key set would have {found}; AWS accepts {MAX_KEYS_OF_A_KIND}, and no token of a larger one.",
            fix="Retire keys that no cluster signs with any longer, by their ids in irsa_issuer_retired_kids (of "
            "modules: retired_kids).",
        )


def _with_keys(discovery: str, algs: t.Collection[str]) -> str:
    name = "id_token_signing_alg_values_supported"
    document = json.loads(discovery)
    named = document.get(name, [])
    return go_json({**document, name: sorted({*named, *algs})}) if set(algs) - set(named) else discovery


__all__: t.Final = (
    "MAX_KEYS_OF_A_KIND",
    "Documents",
    "beside_published",
    "check_jwks_uri",
    "check_place",
    "discovery_document",
    "parse_discovery",
)
