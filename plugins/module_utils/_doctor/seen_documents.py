# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of fetched documents, a bucket and its account goes into a snapshot. PRIVATE: it may change without notice.

Each part is taken by the names of its fields; a document's text is read here and not kept.
"""

from __future__ import annotations

import hashlib
import json
import re
import typing as t
from dataclasses import fields

from ansible_collections.onprem.irsa.plugins.module_utils._doctor.redaction import policy_of, without_secrets
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.snapshot import (
    Bucket,
    Discovery,
    Fetch,
    Key,
    NotLooked,
    Object,
    Probe,
    Tls,
)
from ansible_collections.onprem.irsa.plugins.module_utils._documents.jwk_rules import PRIVATE_MEMBERS, jwk_problem
from ansible_collections.onprem.irsa.plugins.module_utils._documents.served import max_age, refusal_kind

Json = t.Mapping[str, t.Any]

_NOT_LOOKED: t.Final = "not_looked_at"
_OK: t.Final = 200
_S3_CODE: t.Final = re.compile(r"<Code>([A-Za-z0-9]{1,64})</Code>")
_PUBLIC: t.Final = ("kid", "kty", "alg", "use", "n", "e", "crv", "x", "y")


def not_looked(observed: object) -> NotLooked | None:
    """Return why nobody has looked at a part, where an observation says so: C({"not_looked_at": REASON})."""
    if isinstance(observed, t.Mapping) and _NOT_LOOKED in observed:
        return NotLooked(str(observed[_NOT_LOOKED]))
    return None


def texts(values: object) -> tuple[str, ...]:
    """Return the texts of a list, without secrets; none for what is no list."""
    return tuple(without_secrets(str(value)) for value in values) if isinstance(values, (list, tuple)) else ()


def tls_of(observed: Json | None) -> Tls | None:
    """Return what a server showed of itself, by the names of the fields of C(Tls); None for no connection."""
    if observed is None:
        return None
    taken = {item.name: observed[item.name] for item in fields(Tls) if item.name in observed}
    return Tls(**{**taken, "names": texts(taken.get("names"))})


def key_of(jwk: object) -> Key:
    """Return a published key by its public members; of others only the names of those that should be secret."""
    if not isinstance(jwk, t.Mapping):
        return Key(problem="is not a JSON object")
    public = {name: _member(jwk[name]) for name in _PUBLIC if name in jwk}
    private = tuple(name for name in PRIVATE_MEMBERS if name in jwk)
    # A rule's words quote the member that breaks it: that of a secret key is not shown.
    problem = jwk_problem({name: jwk[name] for name in jwk if name not in PRIVATE_MEMBERS})
    return Key(**public, private_members=private, problem="is published with its private part" if private else problem)


def _member(value: object) -> str:
    return value if isinstance(value, str) else f"({type(value).__name__})"


def fetch_of(observed: Json) -> Fetch:
    """Return how a document was fetched.

    C(url), C(addresses), C(unresolved), C(unreached), C(tls), C(status), C(redirect), C(seconds), C(headers) by their
    names in lower case, and C(body), a text.
    """
    headers, body = observed.get("headers") or {}, str(observed.get("body") or "")
    status = int(observed.get("status") or 0)
    age = max_age(headers.get("cache-control"), expires=headers.get("expires"), date=headers.get("date"))
    code = _S3_CODE.search(body)
    read = _read(body) if status == _OK else {}
    return Fetch(
        url=str(observed["url"]),
        addresses=texts(observed.get("addresses")),
        unresolved=str(observed.get("unresolved") or ""),
        unreached=str(observed.get("unreached") or ""),
        tls=tls_of(observed.get("tls")),
        status=status,
        redirect=str(observed.get("redirect") or ""),
        seconds=float(observed.get("seconds") or 0),
        content_type=str(headers.get("content-type") or ""),
        max_age=None if age is None else int(age),
        via=str(headers.get("via") or ""),
        refusal="" if status == _OK else refusal_kind(body) or (code[1] if code else ""),
        **read,
    )


def _read(body: str) -> dict[str, t.Any]:
    """Return what a document holds, by the fields of C(Fetch)."""
    bom = body.startswith("\ufeff")
    found: dict[str, t.Any] = {"bom": bom, "digest": hashlib.sha256(body.encode()).hexdigest()}
    try:
        content = json.loads(body)
    except ValueError:
        start = body.removeprefix("\ufeff").lstrip()[:1000].lower()
        form = "empty" if not start else "html" if "<html" in start or start.startswith("<!doctype html") else "other"
        return {**found, "form": form}
    if not isinstance(content, dict):
        return {**found, "form": "json"}
    keys = content.get("keys")
    return {
        **found,
        "form": "object",
        "discovery": None if isinstance(keys, list) else _discovery(content),
        "keys": tuple(map(key_of, keys)) if isinstance(keys, list) else None,
    }


def _discovery(content: Json) -> Discovery:
    issuer, jwks_uri = (content.get(name) for name in ("issuer", "jwks_uri"))
    return Discovery(
        without_secrets(issuer) if isinstance(issuer, str) else "",
        without_secrets(jwks_uri) if isinstance(jwks_uri, str) else "",
        texts(content.get("id_token_signing_alg_values_supported")),
    )


def probes_of(observed: t.Iterable[Json]) -> tuple[Probe, ...]:
    """Return the documents as they were seen from each place: C(seen_from), C(discovery) and C(jwks)."""
    return tuple(
        Probe(
            str(each["seen_from"]),
            not_looked(each["discovery"]) or fetch_of(each["discovery"]),
            not_looked(each["jwks"]) or fetch_of(each["jwks"]),
        )
        for each in observed
    )


def bucket_of(observed: Json) -> Bucket:
    """Return the bucket.

    C(name), C(exists), C(region), C(owner), C(policy), C(public_access_block) and C(account_public_access_block) as S3
    names the blocks, C(requester_pays), C(behind_distribution), and C(objects) by their keys: None, or C(encryption).
    """
    account = observed.get("account_public_access_block") or {}
    objects = observed.get("objects") or {}
    return Bucket(
        name=str(observed["name"]),
        exists=bool(observed.get("exists", True)),
        region=str(observed.get("region") or ""),
        owner=str(observed.get("owner") or ""),
        policy=policy_of(observed.get("policy")),
        blocks=_blocks(observed.get("public_access_block") or {}),
        account_blocks=not_looked(account) or _blocks(account),
        requester_pays=bool(observed.get("requester_pays")),
        behind_distribution=bool(observed.get("behind_distribution")),
        objects=tuple(
            Object(key, found is not None, str((found or {}).get("encryption") or "AES256"))
            for key, found in objects.items()
        ),
    )


def _blocks(observed: Json) -> tuple[str, ...]:
    return tuple(sorted(name for name, is_on in observed.items() if is_on is True))


__all__: t.Final = ("bucket_of", "fetch_of", "key_of", "not_looked", "probes_of", "texts", "tls_of")
