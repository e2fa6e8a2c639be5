# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads published documents back as a relying party does. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._discovery import DISCOVERY_PATH, parse_discovery
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError, PublicAccessError
from ansible_collections.onprem.irsa.plugins.module_utils._proof import (
    Document,
    LinkError,
    check_discovery,
    check_jwks,
)
from ansible_collections.onprem.irsa.plugins.module_utils._publication import DISCOVERY_TYPE, JWKS_TYPE
from ansible_collections.onprem.irsa.plugins.module_utils._relying_party import fetch

_OK = 200
_FORBIDDEN = 403
_PAUSE = 2.0
# How long a change of a bucket may take to be there for everybody, and a passing fault of the network, in seconds.
SPREADING_SECONDS: t.Final = 60.0
FAULT_SECONDS: t.Final = 5.0


def check_served(document: Document, content_type: str) -> None:
    """Raise LinkError unless everybody gets the document; PublicAccessError when everybody is refused."""
    kind = document.content_type.partition(";")[0].strip().lower()
    if document.status == _FORBIDDEN:
        raise PublicAccessError(
            f"{document.url} answers 403: everybody must be able to read it.",
            fix="Let the issuer's host serve it to everybody, or publish on another HTTPS host.",
        )
    if document.status != _OK:
        raise LinkError(
            f"{document.url} answers with HTTP status {document.status}.",
            fix="What the issuer's host serves must be what was published: look at what stands between the two.",
        )
    if kind != content_type:
        raise LinkError(
            f"{document.url} has the content type {kind!r}, not {content_type}.",
            fix="Look for a proxy or a distribution that changes the Content-Type.",
        )


def _read(issuer: str, kids: t.Iterable[str], jwks_uri: str | None, ca_file: str | None) -> list[Document]:
    discovery = fetch(issuer + DISCOVERY_PATH, ca_file)
    check_served(discovery, DISCOVERY_TYPE)
    named = check_discovery(discovery, issuer)
    if jwks_uri not in (None, named):
        raise LinkError(
            f"{discovery.url} names the key set {named}; {jwks_uri} was published.",
            fix="Look for a cache that has an older document, or for somebody else who writes it.",
        )
    keys = fetch(named, ca_file)
    check_served(keys, JWKS_TYPE)
    check_jwks(keys, kids)
    return [keys, discovery]


def read_back(
    issuer: str, kids: t.Sequence[str], *, jwks_uri: str | None = None, ca_file: str | None = None, seconds: float
) -> list[Document]:
    """Fetch both documents over their public URLs, and judge them as a relying party does; the key set comes first.

    All the kids must be there; more may be, of a run at the same time. Keeps trying for so many seconds. Raises the
    last error, which says what was wrong at the end: LinkError, or PublicAccessError when everybody is refused.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            return _read(issuer, kids, jwks_uri, ca_file)
        except (LinkError, PublicAccessError):
            if time.monotonic() > deadline:
                raise
        time.sleep(_PAUSE)


def look(issuer: str, *, ca_file: str | None = None) -> list[Document]:
    """Fetch what an issuer publishes, however it is served, the key set first; none where a relying party finds none.

    Raises InputError for the discovery document of another issuer.
    """
    try:
        discovery = fetch(issuer + DISCOVERY_PATH, ca_file)
        named, jwks_uri = parse_discovery(discovery.body)
        if discovery.status != _OK or not jwks_uri.startswith("https://"):
            return []
        keys = fetch(jwks_uri, ca_file)
    except (LinkError, InputError):
        return []
    if named.rstrip("/") != issuer:
        raise InputError(
            f"{discovery.url} is the discovery document of another issuer, {named!r}.",
            fix="Choose another issuer URL, or remove that document if nobody trusts its issuer any more.",
        )
    return [keys, discovery] if keys.status == _OK else []


def seen(document: Document) -> dict[str, t.Any]:
    """Return what a module says of a document that was read back."""
    found = {name: getattr(document, name) for name in ("url", "status", "content_type")}
    return {**found, "seconds": round(document.seconds, 3)}


__all__: t.Final = ("FAULT_SECONDS", "SPREADING_SECONDS", "look", "read_back", "seen")
