# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The OpenID Connect discovery document of an issuer. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._issuer import check_issuer_url
from ansible_collections.onprem.irsa.plugins.module_utils._jwks import go_json

# OpenID Connect Discovery 1.0, section 4: relative to the issuer.
DISCOVERY_PATH: t.Final = "/.well-known/openid-configuration"
# Where kube-apiserver serves its key set (pkg/serviceaccount/openidmetadata.go); Entra ID looks for it nowhere else.
JWKS_PATH: t.Final = "/openid/v1/jwks"


def check_jwks_uri(jwks_uri: str) -> str:
    """Return the URL of a key set as it is, or raise InputError: it keeps the rules of an issuer's URL."""
    try:
        return check_issuer_url(jwks_uri)
    except InputError as error:
        raise InputError(f"As jwks_uri of a discovery document: {error.problem}", fix=error.fix) from error


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
        document = json.loads(text)
        issuer, jwks_uri = document["issuer"], document["jwks_uri"]
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(
            "The discovery document is not a JSON object with issuer and jwks_uri "
            "(OpenID Connect Discovery 1.0, section 3).",
            fix="Give a document as onprem.irsa.jwks returns it.",
        ) from error
    return str(issuer), str(jwks_uri)


def with_keys(text: str, jwks_uri: str, algs: t.Iterable[str]) -> str:
    """Return a discovery document that names this key set, and these algorithms beside its own."""
    document = json.loads(text)
    own = document.get("id_token_signing_alg_values_supported", [])
    return go_json(
        {
            **document,
            "jwks_uri": check_jwks_uri(jwks_uri),
            "id_token_signing_alg_values_supported": sorted({*own, *algs}),
        }
    )


__all__: t.Final = (
    "DISCOVERY_PATH",
    "JWKS_PATH",
    "check_jwks_uri",
    "discovery_document",
    "parse_discovery",
    "with_keys",
)
